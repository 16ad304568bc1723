"""Texts that mean the same get vectors that are near each other."""

from array import array
from collections.abc import Iterator

import pytest

from adapters.embeddings.minilm import MiniLM, minilm, tokenizer
from core.ports import Vector

TEXTS = [
    "The tug is refuelled on Mondays.",
    "New crew get 24 days of paid leave in their first year.",
    "Soup costs 3 soles in the canteen.",
]


@pytest.fixture(scope="module")
def model() -> Iterator[MiniLM]:
    """The real one."""
    with minilm(threads=1) as made:
        yield made


def cosine(a: Vector, b: Vector) -> float:
    """Of the angle between two vectors."""
    one, other = array("b", a), array("b", b)
    product = sum(x * y for x, y in zip(one, other, strict=True))
    return float(product / (sum(x * x for x in one) * sum(y * y for y in other)) ** 0.5)


async def test_a_question_is_nearest_to_the_passage_that_answers_it(model: MiniLM) -> None:
    """In other words than the passage has."""
    passages = await model.passages(TEXTS)
    for question, answer in (
        ("When does the boat get its diesel?", 0),
        ("How much vacation does a rookie have?", 1),
        ("What do I pay for lunch?", 2),
    ):
        sought = await model.question(question)
        assert max(range(3), key=lambda n: cosine(sought, passages[n])) == answer


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Déjà-vu: CAFÉ?", [101, 2139, 3900, 1011, 24728, 1024, 7668, 1029, 102]),
        ("漢字 and é", [101, 1904, 100, 1998, 1041, 102]),
        ("word" * 50, [101, 100, 102]),
        ("a [MASK] b", [101, 1037, 1031, 7308, 1033, 1038, 102]),
    ],
)
def test_a_text_is_cut_into_the_tokens_of_the_model(text: str, numbers: list[int]) -> None:
    """The same as its tokenizer.json gives; but nobody can write its marks."""
    assert tokenizer().encode(text).ids == numbers


@pytest.mark.parametrize("text", ["", " ", "\0", "漢字", "é" * 9000, "x" * 1_000_000, "\ud800"])
async def test_whatever_a_text_holds_it_gets_a_vector(model: MiniLM, text: str) -> None:
    """Of a long one the beginning counts."""
    (made,) = await model.passages([text])
    assert len(made) == 384
    assert any(made)
