"""Cutting Markdown into pages, and the lexical index: CPU time against the size of the text."""

import asyncio
import time

from adapters.search import LexicalIndex
from core.knowledge import document
from core.markdown import DISCORD, split
from core.ports import Block, Extracted
from core.types import Audience
from tests.bench.figure import Figure
from tests.bench.parts import Language

CUT_BUDGET, INDEX_BUDGET, SEARCH_BUDGET = 1.0, 2000.0, 10.0
PASSAGES = 10_000
SEARCHES = 50


def measure() -> list[Figure]:
    """Milliseconds per kB of cutting and their growth; passages indexed per second; a search."""
    return [*_cutting(), *asyncio.run(_searching())]


def _cutting() -> list[Figure]:
    small, large = _cut(1_000), _cut(1_000_000)
    return [
        Figure("cutting Markdown, 1 kB", small, "ms/kB", CUT_BUDGET),
        Figure("cutting Markdown, 1 MB", large, "ms/kB", CUT_BUDGET),
        Figure("  its growth per kB from 1 kB to 1 MB (1 is linear)", large / small, "x"),
    ]


def _cut(size: int) -> float:
    """CPU milliseconds per kB, the least of some rounds."""
    language = Language(seed=2)
    code = "```python\nfor step in road:\n    run(step)\n```"
    block = f"{language.prose(90)}\n\n{code}\n\n- {language.prose(12)}\n\n"
    text = (block * (size // len(block) + 1))[:size]
    rounds = []
    for _ in range(3):
        times = max(1, 50_000 // size)
        begin = time.process_time()
        for _ in range(times):
            split(text, DISCORD)
        rounds.append((time.process_time() - begin) / times)
    return min(rounds) * 1e3 / (size / 1e3)


async def _searching() -> list[Figure]:
    language = Language(seed=3)
    blocks = tuple(Block(language.prose(130)) for _ in range(PASSAGES))
    found = document(b"bench", "bench.txt", Extracted(blocks), Audience("public"))
    index = LexicalIndex()
    begin = time.process_time()
    await index.put(found)
    put = len(found.passages) / (time.process_time() - begin)
    # The hundred most frequent words of a language are what nobody searches for.
    common = set(language.common(100))
    rarer = [word for word in language.words(5000) if word not in common]
    spent = []
    for _ in range(SEARCHES):
        query = " ".join(language.random.choices(rarer, k=8))
        begin = time.process_time()
        await index.search(query, [Audience("public")], 40)
        spent.append(time.process_time() - begin)
    index.close()
    size = f"{len(found.passages):,} passages"
    return [
        Figure(f"lexical indexing, {size}", put, "/s", INDEX_BUDGET, at_least=True),
        Figure(f"lexical search, p50, {size}", sorted(spent)[SEARCHES // 2] * 1e3, "ms", SEARCH_BUDGET),
    ]
