"""The team's documents, from two real manuals until every page is found by its words and by what it means.

Debian Policy and the manual of PostgreSQL are added as `chasqui kb add` adds them, read by a worker's index,
and given their vectors. Then what a search costs there, and among 100,000 passages of made-up prose, whose
vectors point anywhere: how fast they are looked at does not depend on where. Memory is the proportional set
size of the process that holds the index, read after each document.
"""

import asyncio
import os
import random
import resource
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from adapters.embeddings.minilm import minilm
from adapters.extraction.extractor import ExtractionLimits, SandboxedExtractor
from adapters.redis.shelf import RedisShelf
from adapters.search import LexicalIndex
from adapters.vectors import NumpyVectors
from bots.kb_sync import Report, Sync
from bots.knowledge import Knowledge, knowledge
from bots.settings import EmbeddingsSettings, RedisSettings, Settings
from bots.store import redis
from core.audience import PUBLIC
from core.fusion import FusedIndex
from core.team import TeamDocuments
from core.types import Source
from tests.bench.figure import Figure
from tests.bench.parts import Language, data_dir
from tests.system.memory import megabytes_alone

BY_WORDS_BUDGET, BY_MEANING_BUDGET = 30.0, 8 * 60.0
SEARCH_BUDGET, LARGE_BUDGET, GROWTH_BUDGET = 25.0, 60.0, 32.0
MANUALS = tuple(Path("/usr/share/doc", name) for name in ("debian-policy", "postgresql-doc-15"))
DOCUMENTS, PASSAGES, WORDS = 1000, 100, 120
SEARCHES, COMPARISONS, HITS, DIMENSIONS = 50, 9, 10, 384
_LANGUAGE = Language(seed=5)


def measure() -> list[Figure]:
    """The two manuals, where they are installed, then many passages."""
    manuals = asyncio.run(_manuals()) if all(map(Path.is_dir, MANUALS)) else []
    if not manuals:
        print("    kb: the manuals are not here: apt-get install debian-policy postgresql-doc-15")
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:  # the memory of either is not the other's
        return [*manuals, *alone.submit(_large).result()]


@dataclass(frozen=True, slots=True)
class _Clock:
    """When some work began: on the clock, and in seconds of CPU of this process and those it started."""

    began: float
    spent: float

    @classmethod
    def now(cls) -> "_Clock":
        """As of this moment; a process that still runs is not in it."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(time.perf_counter(), sum(each.ru_utime + each.ru_stime for each in used))

    def figures(self, name: str, budget: float) -> list[Figure]:
        """How long it took until now, and how long it would take two cores that do nothing else."""
        now = _Clock.now()
        return [
            Figure(name, now.began - self.began, "s", budget),
            Figure("  CPU, shared by two cores", (now.spent - self.spent) / 2, "s", budget),
        ]


async def _manuals() -> list[Figure]:
    with data_dir() as folder:
        finding = EmbeddingsSettings(compared=0)  # reading again what was found is measured by itself
        settings = Settings(data_dir=folder, redis=RedisSettings(), embeddings=finding)
        async with redis(settings) as store:
            shelf, clock = RedisShelf(store), _Clock.now()
            report = await _added(shelf, settings.answers.max_file_bytes)
            async with knowledge(settings, store) as known:
                await known.team.search("Which user owns a file of a package?", [PUBLIC], HITS)
                entries = await shelf.entries()
                passages = sum(entry.passages for entry in entries)
                name = f"{report.added:,} pages, {passages:,} passages: found by their words after"
                return [
                    *clock.figures(name, BY_WORDS_BUDGET),
                    Figure("  memory then", _memory(), "MB"),
                    *await _by_meaning(known, clock),
                    await _searching(known.team, [entry.title for entry in entries]),
                ]


async def _by_meaning(known: Knowledge, clock: _Clock) -> list[Figure]:
    assert known.embedding, "the extra `embeddings` is not installed"
    memory = _Memory()
    await known.embedding.finish(memory.progress)
    return [
        *clock.figures("  and by what they mean after", BY_MEANING_BUDGET),
        Figure("  memory meanwhile, at most", memory.most, "MB"),
        Figure("  more than after a tenth of the work", memory.growth, "MB", GROWTH_BUDGET),
    ]


async def _searching(team: TeamDocuments, titles: Sequence[str]) -> Figure:
    asked = [f"What is said about {title}?" for title in random.Random(5).choices(titles, k=SEARCHES)]
    spent = await _median(lambda each: team.search(each, [PUBLIC], HITS), asked)
    return Figure("  search, the question's vector included, p50", spent, "ms", SEARCH_BUDGET)


async def _added(shelf: RedisShelf, largest: int) -> Report:
    """What became of the manuals, each added as a folder."""
    report = Report()
    async with SandboxedExtractor(limits=ExtractionLimits(max_bytes=largest)) as extractor:
        syncing = Sync(shelf, extractor, max_bytes=largest)
        for manual in MANUALS:
            source = Source(str(manual), PUBLIC, time.time())
            await shelf.add(source)
            await syncing.run(source, report, lambda done, total: None)
    return report


class _Memory:
    """What this process held while it worked, and how much more than once everything was loaded."""

    def __init__(self) -> None:
        self.most = 0.0
        self._loaded = 0.0

    def progress(self, done: int, total: int) -> None:
        """As `core.embedding.Progress`."""
        self.most = max(self.most, now := _memory())
        if not self._loaded and done * 10 >= total:
            self._loaded = self.most = now

    @property
    def growth(self) -> float:
        """MB at most, since a tenth of the work was done."""
        return self.most - self._loaded


def _memory() -> float:
    """MB of this process."""
    return megabytes_alone(os.getpid())


def _large() -> list[Figure]:
    return asyncio.run(_searching_many())


async def _searching_many() -> list[Figure]:
    rng = random.Random(5)
    with minilm(threads=1) as model:
        await model.question("It is loaded by the first question.")
        index, loaded = FusedIndex(LexicalIndex(), NumpyVectors(), model), _memory()
        for number in range(DOCUMENTS):
            document = _LANGUAGE.document(number, PUBLIC, passages=PASSAGES, words=WORDS)
            await index.put(document, [rng.randbytes(DIMENSIONS) for _ in document.passages])
        asked = [f"What is the {' '.join(_LANGUAGE.words(6))}?" for _ in range(SEARCHES)]
        await index.search("The first search of many makes a matrix of vectors.", [PUBLIC], HITS)
        made = _memory()
        spent = await _median(lambda each: index.search(each, [PUBLIC], HITS), asked)
        searched = _memory()
        alone = await _median(model.question, asked)
        first = EmbeddingsSettings().compared
        found = {each: [_LANGUAGE.prose(WORDS) for _ in range(first)] for each in asked[:COMPARISONS]}
        again = await _median(lambda each: model.likenesses(each, found[each]), list(found))
    return [
        Figure(f"search of {DOCUMENTS * PASSAGES:,} passages, p50", spent, "ms", LARGE_BUDGET),
        Figure("  of it the question's vector", alone, "ms"),
        Figure(f"  reading the first {first} again, for an answer", again, "ms"),
        Figure("  memory of these passages, their words and their vectors", made - loaded, "MB"),
        Figure(f"  and more after {SEARCHES} searches", searched - made, "MB", GROWTH_BUDGET),
    ]


async def _median(call: Callable[[str], Coroutine[Any, Any, Any]], asked: Sequence[str]) -> float:
    """Milliseconds of CPU of a call."""
    spent = []
    for each in asked:
        begin = time.process_time()
        await call(each)
        spent.append(time.process_time() - begin)
    return statistics.median(spent) * 1000
