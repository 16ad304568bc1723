"""A document as a whole, read in parts that fill the window, for as long as there is time.

What is asked of the document is asked of each part. Either the answers are notes, of which the last
prompt is made (map and reduce), or they stand one after the other.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from core.errors import BackendError, PromptTooLong, StreamBroken
from core.knowledge import passages
from core.profiles import ModelProfile
from core.prompt import neutralise
from core.types import Hit, Passage
from core.window import FRAME, Asking, Count, Fitted, Room, fit

log = structlog.get_logger()

_SAMPLE = 16
"""Passages that are counted to know how large all are: a book has thousands."""
_TOO_LONG = 3
"""How often an engine that finds a part too long is sent less."""
_FAILURES = 2
"""So many parts that fail one after the other end the reading: the next one would fail too."""
_SHORTEST_PIECE = 40
"""Characters of a passage that is cut since it fits into no window."""

Run = Sequence[Hit]
"""Passages that come one after the other."""
Each = Callable[[Fitted], Awaitable[None]]
"""What is done with a part; raises BackendErrors."""


def runs(hits: Run, costs: Sequence[float], room: float) -> list[Run]:
    """All `hits` in runs that cost at most `room` or are a single one.

    A run ends with a section wherever that leaves it at least half full.
    """
    found: list[Run] = []
    start = 0
    while start < len(hits):
        end, cost, section_end = start, 0.0, start
        while end < len(hits) and (end == start or cost + costs[end] <= room):
            cost += costs[end]
            end += 1
            if cost >= room / 2 and _ends_section(hits, end):
                section_end = end
        end = section_end if end < len(hits) and section_end > start else end
        found.append(hits[start:end])
        start = end
    return found


def _ends_section(hits: Run, end: int) -> bool:
    before, behind = hits[end - 1].passage, hits[end].passage if end < len(hits) else None
    return not behind or (before.document, before.section) != (behind.document, behind.section)


def spread(parts: Sequence[Run]) -> list[Run]:
    """First, last, middle and so on: however few of them are read, they are from all over the document."""
    order = [0, len(parts) - 1]
    gaps = deque([(0, len(parts) - 1)])
    while gaps:
        low, high = gaps.popleft()
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            gaps += ((low, middle), (middle, high))
    return [parts[number] for number in dict.fromkeys(order)]


@dataclass
class Reading:
    """How a document is read, and what became of it.

    `status` shows people what is being done. `parts` is how many were read, `failures` say in sentences
    what could not be read, and `stopped_at` is the first passage that was not, where the reading ended
    early. `room` shrinks where an engine counts otherwise than we do.
    """

    profile: ModelProfile
    room: Room
    count: Count
    status: Callable[[str], Awaitable[None]]
    parts: int = 0
    failures: list[str] = field(default_factory=list)
    stopped_at: Passage | None = None
    _in_a_row: int = 0
    _too_long: int = 0
    _error: BackendError | None = None

    async def runs(self, hits: Run, text: str, most: float = math.inf) -> list[Run]:
        """The parts of a document, as far as one can tell before each is counted.

        `text` is what is asked of each; with `most` a part has at most so many tokens of the document.
        """
        sizes = [len(f"{hit.passage.place}{hit.passage.text}".encode("utf-8", "replace")) for hit in hits]
        step = len(hits) // _SAMPLE + 1
        shares = [
            await self.count(neutralise(f"{hit.passage.place}\n{hit.passage.text}")) / size
            for hit, size in zip(hits[::step], sizes[::step], strict=True)
        ]
        asked, shortest = (await self.fit(text, ())).tokens, sizes.index(min(sizes))
        with_one = (await self.fit(text, hits[shortest : shortest + 1])).tokens
        share = max(shares)
        frame = max(FRAME, with_one - asked - share * sizes[shortest])
        costs = [share * size + frame for size in sizes]
        return runs(hits, costs, min(most, self.room.prompt - asked - frame))

    async def fit(self, text: str, hits: Run) -> Fitted:
        """The prompt that asks `text` of as many `hits` as fit, from the first one on."""
        return await fit(Asking("", text, hits=hits, whole=True), self.profile, self.room, self.count)

    async def through(
        self, parts: Sequence[Run], text: str, each: Each, *, of: str, seconds: float = math.inf
    ) -> None:
        """Let `each` read the parts in this order, while the next one should end within `seconds`.

        `of` names what they are parts of. At least one is begun. One that fails leaves the others
        standing; where none could be read, its BackendError is raised, and one that would befall every
        part is raised at once.
        """
        waiting, clock = deque(parts), asyncio.get_running_loop().time
        begun, done = clock(), 0
        while waiting:
            if self._in_a_row == _FAILURES or (done and (clock() - begun) * (done + 1) / done > seconds):
                self.stopped_at = waiting[0][0].passage
                break
            run = waiting.popleft()
            fitted = await self.fit(text, run)
            fits = len(fitted.passages)
            waiting.extendleft(reversed(_rest(run, fits)))
            if not fits:
                continue
            name = f"part {done + 1} of {done + 1 + len(waiting)} of {of}"
            await self.status(f"Reading {name} …")
            if await self._done(each, fitted, name):
                done += 1
            else:
                waiting.appendleft(run[:fits])
        if not self.parts:
            raise self._error or PromptTooLong("no passage fits into the window")

    async def _done(self, each: Each, fitted: Fitted, name: str) -> bool:
        """Read one part; returns False where the engine wants less of it."""
        try:
            await each(fitted)
        except PromptTooLong as error:
            self._error = error
            self._too_long += 1
            if self._too_long > _TOO_LONG:
                raise
            self.room = replace(self.room, prompt=max(1, fitted.tokens * 3 // 4))
            return False
        except BackendError as error:
            if not (error.retryable or isinstance(error, StreamBroken)):
                raise
            self._error = error
            self._in_a_row += 1
            log.warning("reading.part_failed", error=type(error).__name__, detail=error.detail)
            self.failures.append(f"P{name[1:]} ({fitted.passages[0].place}) could not be read.")
        else:
            self._in_a_row = 0
            self.parts += 1
        return True


def _rest(run: Run, fits: int) -> list[Run]:
    """What is left of a run of which so many passages fit; a passage that never does is cut in two."""
    if fits or len(run[0].passage.text) < 2 * _SHORTEST_PIECE:
        rest = run[max(fits, 1) :]
        return [rest] if rest else []
    text = run[0].passage.text
    halves = [replace(run[0].passage, text=half) for half in passages(text, len(text) // 2 + 1)]
    return [[replace(run[0], passage=half)] for half in halves] + ([run[1:]] if run[1:] else [])
