"""How a document is cut into parts, in which order they are read, and for how long."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from core.errors import BackendFailed, BackendUnauthorized, ChasquiError, PromptTooLong, StreamBroken
from core.profiles import AIROBOROS, PROFILES, ModelProfile
from core.reading import Reading, Run, runs, spread
from core.types import Hit, Limits, Passage
from core.window import Count, Fitted, Room, upper_bound
from tests.clock import on_virtual_clock
from tests.core import hostile
from tests.core.hostile import expected_markers, markers, seeded


def hits(*sections: int, length: int = 300) -> list[Hit]:
    """Passages in sections of so many; each tells its number."""
    numbered = [section for section, size in enumerate(sections) for _ in range(size)]
    return [
        Hit(Passage(str(n), "d", "a.md", f"Passage {n}. " + "x" * length, section, (f"S{section}",)), 0.0)
        for n, section in enumerate(numbered)
    ]


def numbers(parts: list[Run]) -> list[list[int]]:
    """The numbers of the passages in each part."""
    return [[int(hit.passage.id) for hit in part] for part in parts]


# ---- parts -------------------------------------------------------------------------------------------


def test_parts_are_full_and_keep_sections_together() -> None:
    """A part ends with a section where it is at least half full, and in mid-section where it must."""
    assert numbers(runs(hits(3, 3, 1), [1] * 7, 4)) == [[0, 1, 2], [3, 4, 5, 6]]
    assert numbers(runs(hits(1, 6), [1] * 7, 4)) == [[0, 1, 2, 3], [4, 5, 6]]
    assert numbers(runs(hits(7), [1] * 7, 4)) == [[0, 1, 2, 3], [4, 5, 6]]
    assert numbers(runs(hits(2), [9, 9], 4)) == [[0], [1]]
    assert numbers(runs(hits(2, 2), [1] * 4, 9)) == [[0, 1, 2, 3]]


def test_every_passage_is_in_one_part() -> None:
    """In order, none left out and none twice, whatever they cost; no part of several is too large."""
    rng = seeded()
    for _ in range(2_000):
        found = hits(*(rng.randrange(1, 6) for _ in range(rng.randrange(1, 12))), length=1)
        costs, room = [rng.random() * 5 for _ in found], rng.random() * 12
        parts = runs(found, costs, room)

        assert [hit for part in parts for hit in part] == found
        for part in numbers(parts):
            assert len(part) == 1 or sum(costs[n] for n in part) <= room + 1e-9


def test_few_parts_are_from_all_over_the_document() -> None:
    """Begin, end, middle, quarters: any number of the first ones leaves no great gap; all come once."""
    parts = [[hit] for hit in hits(33)]
    order = [int(part[0].passage.id) for part in spread(parts)]

    assert order[:5] == [0, 32, 16, 8, 24]
    assert sorted(order) == list(range(33))
    for read in range(2, 34):
        some = sorted(order[:read])
        assert max(b - a for a, b in pairwise(some)) <= 2 * 33 // (read - 1)
    assert [len(spread(parts[:n])) for n in (1, 2, 3)] == [1, 2, 3]


# ---- reading -----------------------------------------------------------------------------------------


async def bytes_count(text: str) -> int:
    return upper_bound(text)


@dataclass
class Reader:
    """Reads parts, each of which takes a while or fails, as `does` says for its first passage."""

    room: Room = field(default_factory=lambda: Room(200, 1500))
    does: Callable[[int], float | ChasquiError] = lambda _: 1.0
    profile: ModelProfile = AIROBOROS
    count: Count = bytes_count
    read: list[list[int]] = field(default_factory=list)
    prompts: list[Fitted] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reading = Reading(self.profile, self.room, self.count, self._status)

    async def _status(self, text: str) -> None:
        self.statuses.append(text)

    async def each(self, fitted: Fitted) -> None:
        self.prompts.append(fitted)
        found = self.does(int(fitted.passages[0].id))
        if isinstance(found, ChasquiError):
            raise found
        await asyncio.sleep(found)
        self.read.append([int(passage.id) for passage in fitted.passages])

    async def reads(self, found: list[Hit], seconds: float = 1e9) -> list[Run]:
        parts = await self.reading.runs(found, "Summarise.")
        await self.reading.through(parts, "Summarise.", self.each, of="a.md", seconds=seconds)
        return parts


@on_virtual_clock
async def test_all_of_a_document_is_read_and_people_see_how_far() -> None:
    """Part by part, in order; each says which one of how many it is."""
    reader = Reader()
    parts = await reader.reads(hits(*[1] * 10))

    assert [n for part in reader.read for n in part] == list(range(10))
    assert reader.statuses == [
        f"Reading part {n} of {len(parts)} of a.md …" for n in range(1, len(parts) + 1)
    ]
    assert (reader.reading.parts, reader.reading.failures, reader.reading.stopped_at) == (
        len(parts),
        [],
        None,
    )
    assert len(parts) > 3


@on_virtual_clock
async def test_a_part_is_only_begun_if_it_should_end_in_time() -> None:
    """By the mean of those before; the first one is always read."""
    for seconds, read in ((0.0, 1), (1.0, 1), (2.9, 2), (3.0, 3)):
        reader = Reader()
        await reader.reads(hits(*[1] * 20), seconds)

        assert reader.reading.parts == len(reader.read) == read
        assert reader.reading.stopped_at
        assert int(reader.reading.stopped_at.id) == sum(map(len, reader.read))


@on_virtual_clock
async def test_a_part_that_fails_leaves_the_others_standing() -> None:
    """It is said by its number and its place."""
    reader = Reader(does=lambda first: BackendFailed("out of memory") if first == 2 else 1.0)
    parts = await reader.reads(hits(*[1] * 8))

    assert numbers(parts)[1] == [2, 3]
    assert [n for part in reader.read for n in part] == [0, 1, 4, 5, 6, 7]
    assert reader.reading.failures == [f"Part 2 of {len(parts)} of a.md (a.md › S2) could not be read."]


@on_virtual_clock
async def test_a_model_that_is_gone_ends_the_reading() -> None:
    """After two parts in a row; what was read before stands, and what comes next is told."""
    reader = Reader(does=lambda first: StreamBroken("cut") if first >= 2 else 1.0)
    await reader.reads(hits(*[1] * 20))

    assert (reader.read, len(reader.reading.failures)) == ([[0, 1]], 2)
    assert reader.reading.stopped_at
    assert reader.reading.stopped_at.id == "6"


@pytest.mark.parametrize("error", [BackendFailed("a"), BackendUnauthorized("b")])
@on_virtual_clock
async def test_where_nothing_can_be_read_the_error_is_raised(error: ChasquiError) -> None:
    """And at once where no part could fare better."""
    for count in (1, 2, 9):
        reader = Reader(does=lambda _: error)
        with pytest.raises(type(error)):
            await reader.reads(hits(*[1] * count))
        assert len(reader.prompts) <= 2
    assert len(reader.prompts) == (2 if error.__class__ is BackendFailed else 1)


@on_virtual_clock
async def test_an_engine_that_wants_less_gets_less_and_reads_all() -> None:
    """Parts shrink for good; an engine that finds everything too long ends the reading."""
    reader = Reader()

    def does(first: int) -> float | ChasquiError:
        return PromptTooLong("no") if reader.prompts[-1].tokens > 900 else 1.0

    reader.does = does
    await reader.reads(hits(*[1] * 9))

    assert list(dict.fromkeys(n for part in reader.read for n in part)) == list(range(9))
    assert reader.reading.failures == []
    refusing = Reader(does=lambda _: PromptTooLong("no"))
    with pytest.raises(PromptTooLong):
        await refusing.reads(hits(3))


async def test_every_part_fits_forges_nothing_and_no_text_is_lost() -> None:
    """Of hostile documents, for every profile, window and way of counting."""
    rng = seeded()
    for _ in range(150):
        profile = replace(rng.choice([p for p in PROFILES.values() if not p.literal]))
        reader = Reader(_room(rng, profile), profile=profile, count=_count(rng), does=lambda _: 0.0)
        found = [
            Hit(Passage(str(n), "d", hostile.text(rng)[:40], f"a{n} {hostile.text(rng)}"[:900], n // 3), 0.0)
            for n in range(rng.randrange(1, 12))
        ]
        await reader.reads(found)

        for fitted in reader.prompts:
            assert await reader.count(fitted.prompt) == fitted.tokens <= reader.room.prompt
            assert markers(fitted.prompt) == expected_markers(
                profile.template,
                system=True,
                closed=0,
                blocks=len(fitted.passages) if profile.style.__name__ == "closed_context" else None,
                preamble=False,
            )
        read = [n for part in reader.read for n in part]
        assert sorted(set(read)) == list(range(len(found)))
        assert read == sorted(read)


def _room(rng: random.Random, profile: ModelProfile) -> Room:
    window = rng.choice((2048, 3000, 4096))
    return Room.of(Limits("m", window, window - 1), profile)


def _count(rng: random.Random) -> Count:
    share = rng.choice((0.3, 1.0))

    async def count(text: str) -> int:
        return int(upper_bound(text) * share) + 2

    return count
