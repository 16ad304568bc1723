"""Finding by words and by meaning at once, and one order made of both."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import structlog

from core.errors import EmbedderUnavailable
from core.ports import Embedder, KnowledgeIndex, Vector, VectorIndex
from core.terms import terms
from core.types import Audience, Document, Hit

log = structlog.get_logger()

_DEPTH = 100
"""Passages that either way of finding brings, at least."""
_LATE = 60
"""How little it counts to come a place later: the constant of reciprocal rank fusion.

Cormack, Clarke, Buettcher: Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods
(SIGIR 2009).
"""
_WORDS, _MEANING = 1.0, 1.0
"""What a place by words and one by meaning count."""


class FusedIndex:
    """A KnowledgeIndex over one by words and one by vectors.

    A document without vectors is found by its words, as if it stood in the same place by what it means: it
    loses nothing against those that have them. Where no vector of the question can be made, words are left.
    """

    def __init__(self, words: KnowledgeIndex, vectors: VectorIndex, embedder: Embedder) -> None:
        self._words = words
        self._vectors = vectors
        self._embedder = embedder

    async def put(self, document: Document, vectors: Sequence[Vector] = ()) -> None:
        """As `KnowledgeIndex.put`."""
        await self._words.put(document)
        if vectors:
            self._vectors.put(document, vectors)
        else:
            self._vectors.remove(document.id, document.audience)

    async def remove(self, document_id: str, audience: Audience) -> None:
        """As `KnowledgeIndex.remove`."""
        self._vectors.remove(document_id, audience)
        await self._words.remove(document_id, audience)

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        """As `KnowledgeIndex.search`; scores are those of reciprocal rank fusion."""
        depth = max(k, _DEPTH)
        by_words, by_meaning = await asyncio.gather(
            self._words.search(query, audiences, depth), self._nearest(query, audiences, depth)
        )
        if not by_meaning:
            return by_words[:k]
        return fused(by_words, by_meaning, self._vectors.documents(audiences))[:k]

    async def _nearest(self, query: str, audiences: Sequence[Audience], depth: int) -> list[Hit]:
        """What is found by meaning; nothing where no vector of the question can be made."""
        if not terms(query) or not self._vectors.documents(audiences):
            return []
        try:
            vector = await self._embedder.question(query)
        except EmbedderUnavailable as error:
            log.warning("fusion.by_words_alone", error=str(error))
            return []
        return await self._vectors.nearest(vector, audiences, depth)


def fused(by_words: Sequence[Hit], by_meaning: Sequence[Hit], with_vectors: AbstractSet[str]) -> list[Hit]:
    """One order of two, best first, by the sum of what each place counts.

    `with_vectors` are the documents that could have been found by meaning too.
    """
    hits = {hit.passage.id: hit for hit in (*by_words, *by_meaning)}
    scores = dict.fromkeys(hits, 0.0)
    for place, hit in enumerate(by_words, 1):
        counts = _WORDS if hit.passage.document in with_vectors else _WORDS + _MEANING
        scores[hit.passage.id] += counts / (_LATE + place)
    for place, hit in enumerate(by_meaning, 1):
        scores[hit.passage.id] += _MEANING / (_LATE + place)
    return [Hit(hits[name].passage, scores[name]) for name in sorted(scores, key=lambda name: -scores[name])]
