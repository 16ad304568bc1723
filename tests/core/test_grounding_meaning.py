"""What counts as evidence where the index knows what passages mean, and where it does not."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from core.grounding import Ground, Question, choose, search, weighed
from core.knowledge import document
from core.library import Library
from core.ports import Block, Extracted
from core.profiles import Enough
from core.transcript import Transcript
from core.types import Audience, Document, Grounding, Hit, Spread
from tests.core.house import MESSAGE, House
from tests.fakes import TextExtractor, saying, spread_of

ENOUGH = Enough(words=0.4, meaning=0.6, certain=0.8)
LEAVE = "Staff have 24 days of paid leave."
VACATION = "How much vacation does everybody get?"


@dataclass
class NearIndex:
    """Finds all passages of a document, as near in meaning as it was told."""

    document: Document
    nearness: float | None

    async def put(self, document: Document, *_: object, **more: object) -> None: ...

    async def remove(self, document_id: str, audience: Audience) -> None: ...

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        return [Hit(passage, 1.0, self.nearness) for passage in self.document.passages]

    async def spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        return spread_of(*self.document.passages)


def asked_of(question: str, text: str, nearness: float | None) -> tuple[Question, Library]:
    """A question to a document of the team, and what it is looked for in."""
    found = document(text.encode(), "handbook.md", Extracted((Block(text),)), Audience("public"))
    kept = House(Transcript(), saying(""))
    library = Library(kept, NearIndex(found, nearness), TextExtractor())
    return Question(MESSAGE.thread, question, team=[found]), library


async def ground(question: str, text: str, nearness: float | None) -> Ground:
    """What an answer would stand on, under `require`."""
    return await choose(*asked_of(question, text, nearness), Grounding.REQUIRE, ENOUGH)


async def evidence(question: str, text: str, nearness: float | None) -> float:
    """How much speaks for that."""
    asked, library = asked_of(question, text, nearness)
    _, best = await weighed(asked, await search(asked, library), library, ENOUGH)
    return best.evidence


async def test_a_paraphrase_is_answered_from_what_means_the_same() -> None:
    """No word of the question stands in the passage; without its meaning that is no evidence."""
    near = await ground(VACATION, LEAVE, 0.7)
    assert not near.refusal
    assert await evidence(VACATION, LEAVE, 0.7) == pytest.approx(0.7)
    assert not near.strong
    assert (await ground(VACATION, LEAVE, 0.85)).strong
    assert (await ground(VACATION, LEAVE, None)).refusal


async def test_the_same_words_about_something_else_are_refused() -> None:
    """Where meaning is known words alone are no evidence; where it is not, they are all there is."""
    question, text = "Who left the match after three goals?", "The match left three goals of the grammar."
    far = await ground(question, text, 0.1)
    assert far.refusal.startswith("I don't know")
    assert [hit.passage.text for hit in far.hits] == [text]
    assert not (await ground(question, text, None)).refusal
    assert not (await ground(question, text, 0.3)).strong


async def test_words_and_meaning_are_added() -> None:
    """What is not quite near enough is, with the words of the question in it."""
    almost = 0.5
    assert (await ground(VACATION, LEAVE, almost)).refusal
    with_words = "How many days of paid leave do staff have?"
    assert not (await ground(with_words, LEAVE, almost)).refusal
    assert await evidence(with_words, LEAVE, almost) > almost + 0.2
