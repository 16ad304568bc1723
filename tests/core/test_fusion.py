"""Finding by words and by meaning at once: what each finds counts, and neither shows what is hidden."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.search import LexicalIndex
from adapters.vectors import NumpyVectors
from core.embedding import Embedding
from core.errors import EmbedderUnavailable
from core.fusion import FusedIndex
from core.knowledge import embedded, fingerprint
from core.ports import Comparer, Vector, Vectors
from core.team import TeamDocuments
from core.types import Audience, Document, Entry, Passage
from tests.fakes import FakeEmbedder, FakeShelf

PUBLIC, CREW = Audience("public"), Audience("channel", "slack:C1")
PAY, BOATS = "salary wages pay earns money", "tug boat vessel ship"
EARNS = "What does he earn, in wages and money?"


class Shelved:
    """A shelf with documents, and one process that follows it."""

    def __init__(
        self,
        shelf: FakeShelf | None = None,
        embedder: FakeEmbedder | None = None,
        comparer: Comparer | None = None,
        **limits: Any,
    ) -> None:
        self.shelf, self.embedder = shelf or FakeShelf(), embedder or FakeEmbedder(PAY, BOATS)
        self.index = FusedIndex(LexicalIndex(), NumpyVectors(), self.embedder, comparer, **limits)
        self.team = TeamDocuments(self.shelf, self.index, self.embedder)
        self.embedding = Embedding(self.shelf, self.team, self.embedder)

    async def has(self, name: str, *texts: str, audience: Audience = PUBLIC) -> Document:
        """Put a document on the shelf, its vectors not made."""
        made = tuple(Passage(f"{name}:{n}", name, name, text, section=n) for n, text in enumerate(texts))
        document = Document(name, name, audience, made, len(texts))
        await self.shelf.put(document, Entry(name, name, audience, name, "/docs", "d"))
        return document

    async def finds(self, query: str, *audiences: Audience, k: int = 9) -> list[str]:
        """The ids of what a question finds now."""
        await self.team.catch_up()
        return [hit.passage.id for hit in await self.index.search(query, audiences or [PUBLIC], k)]


@pytest.fixture
def shelved() -> Shelved:
    """An empty one."""
    return Shelved()


async def test_a_passage_is_found_by_what_it_means_once_its_vectors_are_made(shelved: Shelved) -> None:
    """Before that by its words; the embedder reads where a passage stands, and its text."""
    document = await shelved.has("crew", "Her salary is 9 soles.", "The harbour is deep.")

    assert await shelved.finds(EARNS) == []
    assert await shelved.finds("How deep is the harbour?") == ["crew:1"]
    await shelved.embedding.finish()
    assert await shelved.finds(EARNS) == ["crew:0", "crew:1"]
    assert await shelved.finds("And what of it?") == []
    assert shelved.embedder.read == embedded(document)
    assert embedded(document)[0] == "crew\nHer salary is 9 soles."


async def test_what_both_ways_find_comes_before_what_one_finds(shelved: Shelved) -> None:
    """Words and meaning count alike."""
    await shelved.has("a", "The captain likes soup, and so does everybody else.")
    await shelved.has("b", "His salary is secret.")
    await shelved.has("c", "The captain has a salary.")
    await shelved.embedding.finish()

    assert (await shelved.finds("wages of the captain"))[0] == "c:0"


async def test_what_is_near_gains_by_its_words_however_many_have_more_of_them(shelved: Shelved) -> None:
    """Of two passages as near as each other the one with a word of the question comes first."""
    for number in range(210):
        await shelved.has(f"key{number}", "Key key key.")
    await shelved.has("plain", "A salary in full is paid on time every week.")
    await shelved.has("worded", "A salary without the key is paid on time every week.")
    await shelved.embedding.finish()

    assert (await shelved.finds("wages and the key"))[:2] == ["worded:0", "plain:0"]


async def test_a_document_without_vectors_loses_nothing_against_those_that_have_them(
    shelved: Shelved,
) -> None:
    """Such as a file of a thread, or what came a moment ago: the best by words stays the best."""
    for number in range(20):
        await shelved.has(f"old{number}", f"A vessel and money, note {number}.")
    await shelved.embedding.finish()
    await shelved.has("new", "The tug Paloma earns money.")

    assert (await shelved.finds("What money does the tug Paloma earn?"))[0] == "new:0"


async def test_an_edit_and_a_removal_leave_before_the_next_question(shelved: Shelved) -> None:
    """By words and by meaning alike; vectors of the old text are never those of the new one."""
    old = await shelved.has("crew", "Her salary is 9 soles.")
    await shelved.has("pay", "Wages are paid on Mondays.")
    await shelved.embedding.finish()
    assert sorted(await shelved.finds(EARNS)) == ["crew:0", "pay:0"]

    await shelved.has("crew", "The tug is blue.")
    assert await shelved.finds(EARNS) == ["pay:0"]
    await shelved.shelf.put_vectors("crew", "fake", Vectors(fingerprint(old), (b"\1\x7f\0",)))
    assert await shelved.finds(EARNS) == ["pay:0"]
    await shelved.shelf.remove("pay")
    assert await shelved.finds(EARNS) == []


async def test_nothing_is_found_by_meaning_that_the_audience_may_not_see(shelved: Shelved) -> None:
    """Not in what is found, and not in its order."""
    for number in range(9):
        await shelved.has(f"secret{number}", "His salary, wages and money.", audience=CREW)
    await shelved.has("boats", "A tug is a vessel.")
    await shelved.has("soup", "There is money in soup.")
    await shelved.embedding.finish()

    assert await shelved.finds(EARNS, k=1) == ["soup:0"]
    assert await shelved.finds(EARNS) == ["soup:0", "boats:0"]
    assert len(await shelved.finds(EARNS, CREW)) == 9
    await shelved.has("soup", "There is money in soup.", audience=CREW)
    assert await shelved.finds(EARNS) == ["boats:0"]


async def test_without_its_embedder_an_index_finds_by_words(shelved: Shelved) -> None:
    """A server that is down makes answers poorer and stops none; what it left is made later."""
    await shelved.has("crew", "Her salary is 9 soles.")
    await shelved.embedding.finish()
    shelved.embedder.down = True
    assert await shelved.finds("What is her salary?") == ["crew:0"]
    assert await shelved.finds(EARNS) == []
    shelved.embedder.down = False
    assert await shelved.finds(EARNS) == ["crew:0"]


async def test_a_hit_tells_how_near_it_is_where_that_is_known(shelved: Shelved) -> None:
    """Without vectors it is neither near nor far."""
    await shelved.has("crew", "Her salary is 9 soles.", "The harbour is deep.")
    await shelved.embedding.finish()
    await shelved.has("new", "The salary of the cook.")
    await shelved.team.catch_up()

    hits = await shelved.index.search("What salary do they earn?", [PUBLIC], 9)
    near = {hit.passage.id: hit.nearness for hit in hits}
    assert near["crew:0"] == pytest.approx(1.0, abs=0.3)
    assert near["new:0"] is None


class Shortest:
    """A Comparer that likes short texts; while `stuck` it comes to no end."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.stuck = False

    async def likenesses(self, question: str, texts: Sequence[str]) -> list[float]:
        """As `Comparer.likenesses`."""
        if self.stuck:
            await asyncio.Event().wait()
        self.read += texts
        return [-float(len(text)) for text in texts]


async def test_what_a_comparer_finds_is_added_to_what_speaks_for_the_first(shelved: Shelved) -> None:
    """It reads as many as it is given, as an embedder would; the others stay behind, as they were."""
    comparer = Shortest()
    again = Shelved(shelved.shelf, shelved.embedder, comparer, compared=3)
    texts = {
        "a:0": "Wages: " + "money " * 9,
        "b:0": "Wages and pay.",
        "c:0": "His wages, I hear.",
        "d:0": "A wage tug",
    }
    for name, text in texts.items():
        await shelved.has(name[0], text)
    await shelved.embedding.finish()

    before, after = await shelved.finds("wages and money"), await again.finds("wages and money")
    assert comparer.read == [f"{name[0]}\n{texts[name]}" for name in before[:3]]
    assert after == [*sorted(before[:3], key=lambda name: len(texts[name])), *before[3:]]
    assert after != before


async def test_a_comparer_that_comes_to_no_end_leaves_the_order_as_it_is() -> None:
    """A question waits no longer than its patience."""
    comparer = Shortest()
    comparer.stuck = True
    shelved = Shelved(comparer=comparer, patience=0)
    await shelved.has("long", "Her salary is 9 soles, in money.")
    await shelved.has("short", "Salary.")
    await shelved.embedding.finish()

    assert await shelved.finds(f"{EARNS} soles") == ["long:0", "short:0"]


async def test_one_document_that_has_no_vectors_keeps_no_other_from_its_own(shelved: Shelved) -> None:
    """The error comes at the end; the document is found by its words, and tried again next time."""
    await shelved.has("a", "An unreadable salary.")
    await shelved.has("b", "A tug is a vessel.")
    await shelved.has("c", "Wages are paid on Mondays.")

    for _ in range(2):
        with pytest.raises(EmbedderUnavailable):
            await shelved.embedding.finish()
    assert sorted(await shelved.finds(EARNS)) == ["b:0", "c:0"]
    assert await shelved.finds("an unreadable thing") == ["a:0"]

    await shelved.has("a", "A readable salary.")
    await shelved.embedding.finish()
    assert sorted(await shelved.finds(EARNS)) == ["a:0", "b:0", "c:0"]


async def test_no_core_waits_for_the_last_passage_of_a_document(shelved: Shelved) -> None:
    """The next document is begun meanwhile: this embedder answers once it was asked about two."""
    both = asyncio.Barrier(2)

    class Waiting(FakeEmbedder):
        async def passages(self, texts: Sequence[str]) -> list[Vector]:
            await both.wait()
            return await super().passages(texts)

    here = Shelved(embedder=Waiting(PAY, BOATS))
    for number in range(4):
        await here.has(f"d{number}", "A tug.")
    async with asyncio.timeout(10):
        await here.embedding.finish()

    assert here.team.without_vectors == []


async def test_a_server_that_is_gone_is_not_asked_for_every_document(shelved: Shelved) -> None:
    """A thousand tries would take hours; what is lacking is made once it is back."""
    for number in range(9):
        await shelved.has(f"d{number}", "A tug.")
    shelved.embedder.down = True
    with pytest.raises(EmbedderUnavailable):
        await shelved.embedding.finish()
    assert len(shelved.embedder.read) <= 4  # the third failure ends it, with what was begun beside it

    shelved.embedder.down = False
    await shelved.embedding.finish()
    assert shelved.team.without_vectors == []


async def test_a_model_that_is_known_later_is_used_from_then_on(shelved: Shelved) -> None:
    """A server that answers a process late: other processes' vectors count, and lacking ones are made."""
    shelved.embedder.model = ""
    late = Shelved(shelved.shelf, shelved.embedder)
    await late.has("crew", "Her salary is 9 soles.")
    with pytest.raises(EmbedderUnavailable):
        await late.embedding.finish()
    assert (await late.finds(EARNS), await late.finds("her salary")) == ([], ["crew:0"])

    shelved.embedder.model = "fake"
    await Shelved(shelved.shelf, shelved.embedder).embedding.finish()
    assert await late.finds(EARNS) == ["crew:0"]
    await late.has("pay", "Wages are paid on Mondays.")
    await late.embedding.finish()
    assert sorted(await late.finds(EARNS)) == ["crew:0", "pay:0"]
