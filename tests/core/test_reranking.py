"""A reranker orders what was found; without it everything is found as before."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.embeddings.tei_reranker import reranker
from adapters.search import LexicalIndex
from core.grounding import Question, choose, search, weighed
from core.knowledge import embedded
from core.library import Library
from core.profiles import Enough
from core.reranking import RerankedIndex
from core.transcript import Transcript
from core.types import Audience, Document, Grounding, Hit, Passage, ThreadId
from tests.core.house import House
from tests.emulators.tei import Server, serving
from tests.fakes import TextExtractor, saying

PUBLIC, CREW = Audience("public"), Audience("channel", "slack:C1")
QUERY = "captain soup"
SOUP, CREW_SOUP = (
    "The captain makes soup.",
    "On Mondays, when it rains, the captain makes a pot of soup for all.",
)
AS_FOUND, RERANKED = ["soup:0", "crew:0"], ["crew:0", "soup:0"]


class Kept:
    """An index with a reranker that is a server of ours, and what it finds."""

    def __init__(self, server: Server, index: RerankedIndex) -> None:
        self.server, self.index = server, index

    async def has(self, name: str, *texts: str, audience: Audience = PUBLIC, section: int = 1) -> Document:
        """Put a document of so many sections into it: the passages of a section are one after the other."""
        made = tuple(Passage(f"{name}:{n}", name, name, text, n // section) for n, text in enumerate(texts))
        document = Document(name, name, audience, made, len(texts))
        await self.index.put(document)
        return document

    async def hits(self, query: str = QUERY, k: int = 9) -> list[Hit]:
        """What a question finds."""
        return await self.index.search(query, [PUBLIC], k)

    async def finds(self, query: str = QUERY, k: int = 9) -> list[str]:
        """The ids of that."""
        return [hit.passage.id for hit in await self.hits(query, k)]


async def kept_by(server: Server, **how: float) -> AsyncIterator[Kept]:
    """With two documents, of which the reranker would have the other one first."""
    async with serving(server) as url, reranker(url, "secret") as orders:
        kept = Kept(server, RerankedIndex(LexicalIndex(), orders, **how))
        await kept.has("soup", SOUP)
        await kept.has("crew", CREW_SOUP)
        yield kept


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    """One that is never left alone, and waited for as long as it takes."""
    async for made in kept_by(Server(), patience=60, rest=0):
        yield made


async def test_what_was_found_is_ordered_by_a_server_that_reads_what_an_embedder_reads(kept: Kept) -> None:
    """With its key; scores fall with the places."""
    document = await kept.has("menu", "Captain, soup.")
    kept.server.busy = 1
    before = await kept.hits()
    hits = await kept.hits()
    assert [hit.passage.id for hit in before] == ["soup:0", "menu:0", "crew:0"]
    assert [hit.passage.id for hit in hits] == [*RERANKED, "menu:0"]
    assert [hit.score for hit in hits] == [hit.score for hit in before]
    assert kept.server.query == QUERY
    assert sorted(kept.server.texts) == sorted([f"soup\n{SOUP}", f"crew\n{CREW_SOUP}", *embedded(document)])
    assert set(kept.server.keys) == {"Bearer secret"}


async def test_a_reranker_lifts_what_was_far_down(kept: Kept) -> None:
    """It reads twenty sections however few are wanted, of each the best passage; the others stay behind."""
    await kept.has("menu", *["Captain, soup."] * 4, section=2)
    for number in range(12):
        await kept.has(f"day{number}", "A soup for the captain.")
    assert await kept.finds(k=1) == ["crew:0"]
    assert len(kept.server.texts) == 16

    for number in range(12, 30):
        await kept.has(f"day{number}", "A soup for the captain.")
    found = await kept.hits(k=60)
    assert len(kept.server.texts) == 20
    assert sum(text.startswith("menu") for text in kept.server.texts) == 2
    assert [hit.reranked for hit in found] == [True] * 20 + [False] * 16
    assert len({hit.passage.id for hit in found}) == 36


@pytest.mark.parametrize(
    "nonsense",
    [
        [],
        {},
        7,
        "soup",
        [{"index": 0, "score": 0.5}],
        [{"index": 0, "score": 0.5}, {"index": 0, "score": 0.6}],
        [{"index": 0, "score": 0.5}, {"index": 2, "score": 0.6}],
        [{"index": 0, "score": 0.5}, {"index": 1, "score": 0.6}, {"index": 1, "score": 0.7}],
        [{"index": 0, "score": 0.1}, {"index": 1, "score": float("nan")}],
        [{"index": 0, "score": 0.1}, {"index": 1, "score": None}],
        [{"index": 0, "score": 0.1}, {"index": 1, "score": 10**400}],
        [{"index": [0], "score": 0.1}, {"index": 1, "score": 0.2}],
        [{"score": 0.1}, {"score": 0.2}],
    ],
)
async def test_nonsense_changes_no_order(kept: Kept, nonsense: Any) -> None:
    """Texts without a score, or with two, scores that are no numbers, and what is no list of scores."""
    assert await kept.finds() == RERANKED
    kept.server.nonsense = nonsense
    hits = await kept.hits()
    assert [hit.passage.id for hit in hits] == AS_FOUND
    assert not any(hit.reranked for hit in hits)


async def test_an_outage_changes_no_order_and_is_said_once(kept: Kept) -> None:
    """Once for each outage, and when it is over; without the key, and without a word of the question."""
    with capture_logs() as logs:
        for kept.server.busy, kept.server.status in ((1, 503), (1, 424), (0, 0), (0, 0), (1, 401)):
            expected = AS_FOUND if kept.server.busy else RERANKED
            assert await kept.finds() == expected
    assert [log["event"] for log in logs] == ["reranker.failed", "reranker.back", "reranker.failed"]
    assert not [word for word in ("secret", *QUERY.split()) if word in str(logs)]


async def test_a_slow_reranker_is_not_waited_for() -> None:
    """Nor asked again before its rest is over, since each question would wait as long."""
    async for kept in kept_by(Server(slow=True), patience=0.05, rest=3600):
        assert await kept.finds() == AS_FOUND
        kept.server.slow = False
        assert await kept.finds() == AS_FOUND


async def test_what_was_not_found_does_not_leave_the_process(kept: Kept) -> None:
    """Documents of other audiences, of none of the words, or removed ones; and one alone has an order."""
    await kept.has("secret", "Captain of the soup.", audience=CREW)
    await kept.has("boats", "A tug.")
    assert await kept.finds() == RERANKED
    assert sorted(kept.server.texts) == [f"crew\n{CREW_SOUP}", f"soup\n{SOUP}"]

    kept.server.texts = []
    await kept.index.remove("soup", PUBLIC)
    assert await kept.finds() == ["crew:0"]
    assert await kept.finds("And what of it?") == []
    assert kept.server.texts == []


async def test_an_answer_stands_on_passages_as_the_reranker_has_them(kept: Kept) -> None:
    """How much evidence there is does not change; what may be quoted as the answer is the first of them."""
    soup, crew = await kept.has("soup", "Soup costs 3 soles."), await kept.has("crew", CREW_SOUP)
    library = Library(House(Transcript(), saying("")), kept.index, TextExtractor())
    question = Question(ThreadId("terminal", "t"), "What does soup cost?", team=[soup, crew])
    ends, enough = [], Enough(0.5, 0.5)
    for kept.server.nonsense in ([], [{"index": 0, "score": 0.1}, {"index": 1, "score": 0.9}]):
        ground = await choose(question, library, Grounding.REQUIRE, enough)
        assert not ground.refusal
        _, best = await weighed(question, await search(question, library), library, enough)
        ends.append(([hit.passage.id for hit in ground.hits], best.evidence))
    (before, evidence), (after, still) = ends
    assert (before, after) == (AS_FOUND, RERANKED)
    assert still == evidence
