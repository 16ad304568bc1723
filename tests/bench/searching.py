"""CPU time of the lexical index with 10,000 passages: making it, and finding in it.

The passages are made-up prose, in which words are as unevenly frequent as in a real language. What is
asked are two long words of one passage beside three others; mistyped, a letter of the two is missing.
"""

import asyncio
import statistics
import time
from collections.abc import Callable

from adapters.search import LexicalIndex
from core.types import Audience, Document
from tests.bench.figure import Figure
from tests.bench.parts import Language

PASSAGES_BUDGET, SEARCH_BUDGET = 2_000.0, 10.0
DOCUMENTS, PASSAGES, WORDS = 100, 100, 120
SEARCHES, MISTYPED, HITS = 100, 9, 40
AUDIENCE = Audience("workspace", "discord:1")
_LANGUAGE = Language(seed=3)


def measure() -> list[Figure]:
    """Passages indexed a second, and the median milliseconds of a search."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    documents = [
        _LANGUAGE.document(number, AUDIENCE, passages=PASSAGES, words=WORDS) for number in range(DOCUMENTS)
    ]
    index = LexicalIndex()
    begin = time.process_time()
    for document in documents:
        await index.put(document)
    taken = time.process_time() - begin
    right = await _median(index, documents[:SEARCHES], lambda word: word)
    wrong = await _median(index, documents[:MISTYPED], lambda word: word[:3] + word[4:])
    total = DOCUMENTS * PASSAGES
    return [
        Figure(f"lexical index, {total:,} passages", total / taken, "1/s", PASSAGES_BUDGET, at_least=True),
        Figure("  search, p50", right, "ms", SEARCH_BUDGET),
        Figure("  search with a word mistyped, p50", wrong, "ms", SEARCH_BUDGET),
    ]


async def _median(index: LexicalIndex, documents: list[Document], typed: Callable[[str], str]) -> float:
    """Milliseconds of a search for what stands in a document; its two longest words are typed as told."""
    spent = []
    for number, document in enumerate(documents):
        said = document.passages[number % PASSAGES].text.rstrip(".").split()
        rare = sorted(said, key=len)[-2:]
        query = f"What is the {' '.join(map(typed, rare))} of {' '.join(_LANGUAGE.words(3))}?"
        begin = time.process_time()
        found = await index.search(query, [AUDIENCE], HITS)
        spent.append(time.process_time() - begin)
        assert found
    return statistics.median(spent) * 1000
