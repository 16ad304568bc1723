"""Finding by words and by meaning at once, and one order made of both."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from core.errors import EmbedderUnavailable
from core.knowledge import read_by_models
from core.ports import Comparer, Embedder, IndexedWords, Vector, VectorIndex, WordIndex
from core.terms import terms
from core.types import Audience, Document, Hit, Spread

log = structlog.get_logger()

_DEPTH = 100
"""Passages that either way of finding brings, at least."""
_WORDS = 0.2
"""What the passage with the best words gains by them, beside how near it is: measured, see docs/decisions."""


class FusedIndex:
    """A KnowledgeIndex over one by words and one by vectors.

    A document without vectors is found by its words, as if it stood in the same place by what it means: it
    loses nothing against those that have them. Where no vector of the question can be made, words are left.
    Scores are added rather than places: how far the best passage is ahead of the next one counts too.
    Bruch, Gai, Ingber: An Analysis of Fusion Functions for Hybrid Retrieval (ACM TOIS 42, 2023).

    A `comparer` reads the first `compared` passages beside the question, and what it finds is added too.
    It has `patience` seconds; then the order stays.
    """

    def __init__(
        self,
        words: WordIndex,
        vectors: VectorIndex,
        embedder: Embedder,
        comparer: Comparer | None = None,
        *,
        compared: int = 24,
        patience: float = 5.0,
    ) -> None:
        self._words = words
        self._vectors = vectors
        self._embedder = embedder
        self._comparer = comparer
        self._compared = compared
        self._patience = patience

    async def put(
        self, document: Document, vectors: Sequence[Vector] = (), words: IndexedWords | None = None
    ) -> None:
        """As `KnowledgeIndex.put`."""
        await self._words.put(document, words=words)
        if vectors:
            self._vectors.put(document, vectors)
        else:
            self._vectors.remove(document.id, document.audience)

    async def remove(self, document_id: str, audience: Audience) -> None:
        """As `KnowledgeIndex.remove`."""
        self._vectors.remove(document_id, audience)
        await self._words.remove(document_id, audience)

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        """As `KnowledgeIndex.search`; scores are how near a passage is and what words add to that."""
        by_words, by_meaning = await self.both(query, audiences, max(k, _DEPTH))
        if not by_meaning:
            return by_words[:k]
        return (await self._read_again(query, fused(by_words, by_meaning)))[:k]

    async def both(
        self, query: str, audiences: Sequence[Audience], depth: int
    ) -> tuple[list[Hit], list[Hit]]:
        """So many passages as words find them, and as meaning does, and of each both scores.

        Nothing by meaning where no vector of the question can be made.
        """
        by_words, vector = await asyncio.gather(
            self._words.search(query, audiences, depth), self._vector(query, audiences)
        )
        if vector is None:
            return by_words, []
        by_meaning = await self._vectors.nearest(vector, audiences, depth, [hit.passage for hit in by_words])
        found = {hit.passage.id for hit in by_words}
        others = [hit.passage for hit in by_meaning if hit.passage.id not in found]
        scores = await self._words.scores(query, audiences, others)
        worded = (Hit(passage, score) for passage, score in zip(others, scores, strict=True) if score)
        return [*by_words, *sorted(worded, key=lambda hit: -hit.score)], by_meaning

    async def spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        """As `KnowledgeIndex.spread`."""
        return await self._words.spread(words, audiences)

    async def _read_again(self, query: str, hits: list[Hit]) -> list[Hit]:
        """The first by what the comparer adds, then the others as they were."""
        first, others = hits[: self._compared], hits[self._compared :]
        if self._comparer is None or len(first) < 2:
            return hits
        try:
            async with asyncio.timeout(self._patience):
                texts = [read_by_models(hit.passage) for hit in first]
                added = await self._comparer.likenesses(query, texts)
        except TimeoutError:
            log.info("fusion.not_compared", patience=self._patience)
            return hits
        again = [replace(hit, score=hit.score + more) for hit, more in zip(first, added, strict=True)]
        return [*sorted(again, key=lambda hit: -hit.score), *others]

    async def _vector(self, query: str, audiences: Sequence[Audience]) -> Vector | None:
        """That of a question that could be near something, where it can be made."""
        if not terms(query) or not self._vectors.holds(audiences):
            return None
        try:
            return await self._embedder.question(query)
        except EmbedderUnavailable as error:
            log.warning("fusion.by_words_alone", error=str(error))
            return None


def fused(by_words: Sequence[Hit], by_meaning: Sequence[Hit]) -> list[Hit]:
    """One order of two, best first: by the sum of the score by meaning and the share of the best by words.

    A passage that has no vector takes the score by meaning of the one in its place.
    """
    near = {hit.passage.id: hit for hit in by_meaning}
    meant = sorted((hit.score for hit in by_meaning), reverse=True) or [0.0]
    best = max((hit.score for hit in by_words), default=0.0) or 1.0
    scores = {name: hit.score for name, hit in near.items()}
    for at, hit in enumerate(by_words):
        base = scores.get(hit.passage.id, meant[min(at, len(meant) - 1)])
        scores[hit.passage.id] = base + _WORDS * hit.score / best
    hits = {hit.passage.id: hit for hit in (*by_words, *by_meaning)}
    ranked = sorted(scores, key=lambda name: -scores[name])
    return [Hit(hits[name].passage, scores[name], hits[name].nearness) for name in ranked]
