"""What is found by its vector, and that nothing of what others may see shows in it."""

import random
from array import array
from collections.abc import Sequence

import pytest

from adapters.vectors import NumpyVectors
from core.ports import Vector
from core.types import Audience, Document, Passage

PUBLIC, CREW, CAPTAIN = Audience("public"), Audience("channel", "slack:C1"), Audience("person", "slack:U1")


def document(name: str, passages: int = 1, audience: Audience = PUBLIC) -> Document:
    """A document of so many passages."""
    return in_sections(name, *range(passages), audience=audience)


def in_sections(name: str, *sections: int, audience: Audience = PUBLIC) -> Document:
    """A document with a passage in each of these sections, by their numbers."""
    made = tuple(Passage(f"{name}:{n}", name, name, "Text.", section=s) for n, s in enumerate(sections))
    return Document(name, name, audience, made, len({*sections}))


def vector(*values: int) -> Vector:
    """A direction."""
    return array("b", values).tobytes()


def random_vectors(rng: random.Random, number: int) -> list[Vector]:
    """Directions in all of space."""
    return [vector(*(rng.randrange(-127, 128) for _ in range(8))) for _ in range(number)]


async def found(
    index: NumpyVectors, sought: Vector, *audiences: Audience, k: int = 9
) -> list[tuple[str, float]]:
    """The ids of the passages that are found, and their scores."""
    return [(hit.passage.id, hit.score) for hit in await index.nearest(sought, audiences, k)]


def cosine(a: Vector, b: Vector) -> float:
    """The cosine of an angle, the slow way."""
    one, other = array("b", a), array("b", b)
    product = sum(x * y for x, y in zip(one, other, strict=True))
    return float(product / (sum(x * x for x in one) * sum(y * y for y in other)) ** 0.5)


async def test_the_passages_with_the_smallest_angle_are_found_in_their_order() -> None:
    """As the definition of the cosine has it, over several matrices' worth of rows; lengths do not count."""
    rng, index = random.Random(11), NumpyVectors()
    rows = {f"d{n}": random_vectors(rng, rng.randrange(1, 90)) for n in range(100)}
    for name, vectors in rows.items():
        index.put(document(name, len(vectors)), vectors)
    (sought,) = random_vectors(rng, 1)

    hits = await found(index, sought, PUBLIC, k=20)

    expected = sorted((cosine(sought, row) for vectors in rows.values() for row in vectors), reverse=True)
    assert [score for _, score in hits] == pytest.approx(expected[:20], abs=1e-5)
    for name, score in hits:
        of, number = name.split(":")
        assert cosine(sought, rows[of][int(number)]) == pytest.approx(score, abs=1e-5)


async def test_what_a_section_is_about_counts_as_much_as_what_one_of_its_passages_says() -> None:
    """The score is the mean of both cosines, whatever the lengths; how near a passage is remains its own."""
    index, rows = NumpyVectors(), [vector(100, 0), vector(0, 10), vector(4, 3)]
    index.put(in_sections("other", 0), [vector(2, 1)])
    index.put(in_sections("d", 0, 0, 1), rows)
    index.put(in_sections("stray", 0, 1, 1), [vector(1, 0), vector(0, 1), vector(0, -1)])

    hits = {hit.passage.id: hit for hit in await index.nearest(vector(1, 0), [PUBLIC], 9)}

    assert hits["d:0"].score == pytest.approx((1 + 0.5**0.5) / 2, abs=0.01)
    assert hits["d:1"].score == pytest.approx(0.5**0.5 / 2, abs=0.01)
    assert (hits["d:0"].nearness, hits["d:1"].nearness) == pytest.approx((1, 0))
    assert hits["d:2"].score == hits["d:2"].nearness == pytest.approx(0.8)
    assert hits["other:0"].score == pytest.approx(2 / 5**0.5)
    assert (hits["stray:0"].score, hits["stray:1"].score) == pytest.approx((1, 0))
    index.remove("d", PUBLIC)
    index.put(in_sections("late", 0, 0), [vector(1, 0), vector(1, 0)])
    again = {hit.passage.id: hit.score for hit in await index.nearest(vector(1, 0), [PUBLIC], 9)}
    assert again["late:0"] == again["stray:0"] == pytest.approx(1)


async def test_only_what_an_audience_may_see_is_near() -> None:
    """Each document by its own audience alone; without any nothing is."""
    index = NumpyVectors()
    index.put(document("a"), [vector(1, 0)])
    index.put(document("b", audience=CREW), [vector(1, 1)])

    assert [name for name, _ in await found(index, vector(1, 1), PUBLIC)] == ["a:0"]
    assert [name for name, _ in await found(index, vector(1, 1), CREW)] == ["b:0"]
    assert [name for name, _ in await found(index, vector(1, 1), PUBLIC, CREW, CREW)] == ["b:0", "a:0"]
    also = [document("a").passages[0], document("b").passages[0]]
    assert [hit.passage.id for hit in await index.nearest(vector(1, 1), [CREW], 0, also)] == ["b:0"]
    assert await found(index, vector(1, 1), CAPTAIN) == await found(index, vector(1, 1)) == []
    assert (index.holds([CAPTAIN, PUBLIC]), index.holds([CAPTAIN]), index.holds([])) == (True, False, False)


async def test_no_place_and_no_score_depends_on_what_is_hidden() -> None:
    """100 searches find the same whatever else there is and was, even with room for few."""
    rng = random.Random(5)
    bare, full = NumpyVectors(), NumpyVectors()
    for number in range(30):
        seen, hidden = document(f"s{number}", 3), document(f"h{number}", 3, CREW)
        vectors = random_vectors(rng, 3)
        for index in (bare, full):
            index.put(seen, vectors)
        full.put(hidden, random_vectors(rng, 3))
        if number % 3 == 0:
            full.remove(hidden.id, CREW)
    for sought in random_vectors(rng, 100):
        assert await found(full, sought, PUBLIC, k=4) == await found(bare, sought, PUBLIC, k=4)


async def test_what_is_removed_or_replaced_is_not_near_any_more() -> None:
    """An edit leaves nothing of the old vectors; vectors of another embedder's length are never compared."""
    index = NumpyVectors()
    index.put(document("a", 2), [vector(1, 0), vector(0, 1)])
    index.put(document("b"), [vector(1, 0, 0)])
    assert [name for name, _ in await found(index, vector(0, 1), PUBLIC)] == ["a:1", "a:0"]
    index.put(document("a"), [vector(0, 1)])
    assert await found(index, vector(0, 1), PUBLIC) == [("a:0", 1.0)]
    index.remove("a", CREW)
    index.remove("nobody", PUBLIC)
    assert await found(index, vector(0, 1), PUBLIC) == [("a:0", 1.0)]
    assert await found(index, vector(1, 0, 0), PUBLIC) == [("b:0", 1.0)]
    index.remove("a", PUBLIC)
    assert await found(index, vector(0, 1), PUBLIC) == []
    index.remove("b", PUBLIC)
    assert not index.holds([PUBLIC])


@pytest.mark.parametrize("vectors", [[], [b"\1\2"], [b"\1\2", b"\1"]])
def test_vectors_that_are_not_those_of_the_passages_are_refused(vectors: Sequence[Vector]) -> None:
    """Too few of them, or of several lengths."""
    with pytest.raises(ValueError, match="2 passages"):
        NumpyVectors().put(document("a", 2), vectors)
