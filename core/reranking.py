"""The order of what was found, by a model that reads the question and a passage together."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from core.errors import RerankerUnavailable
from core.knowledge import one_per_section, read_by_models
from core.ports import IndexedWords, KnowledgeIndex, Reranker, Vector
from core.types import Audience, Document, Hit, Spread

log = structlog.get_logger()

_SECTIONS = 20
"""The best of those that were found, of which the reranker reads the best passage each."""
_PASSAGES = 80
"""Found at least, so that there are so many sections among them."""


class RerankedIndex:
    """A KnowledgeIndex whose best sections a reranker orders.

    It reads what a search found, and nothing else. Where it fails, takes longer than `patience` seconds or
    answers nonsense, the order stays as it was, which is said once; then it is left alone for `rest` seconds,
    so that not every question waits for it. `found` is the index that finds.
    """

    def __init__(
        self, found: KnowledgeIndex, reranker: Reranker, *, patience: float = 1.0, rest: float = 10.0
    ) -> None:
        self.found = found
        self._reranker = reranker
        self._patience = patience
        self._rest = rest
        self._failed = False
        self._left_alone_until = 0.0

    async def put(
        self, document: Document, vectors: Sequence[Vector] = (), words: IndexedWords | None = None
    ) -> None:
        """As `KnowledgeIndex.put`."""
        await self.found.put(document, vectors, words)

    async def remove(self, document_id: str, audience: Audience) -> None:
        """As `KnowledgeIndex.remove`."""
        await self.found.remove(document_id, audience)

    async def spread(self, words: Sequence[str], audiences: Sequence[Audience]) -> Spread:
        """As `KnowledgeIndex.spread`."""
        return await self.found.spread(words, audiences)

    async def search(self, query: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        """As `KnowledgeIndex.search`; scores are those of the places before the reranker looked."""
        hits = await self.found.search(query, audiences, max(k, _PASSAGES))
        best = one_per_section(hits)[:_SECTIONS]
        if len(best) > 1 and time.monotonic() >= self._left_alone_until:
            hits = await self._reranked(query, hits, best)
        return hits[:k]

    async def _reranked(self, query: str, hits: list[Hit], best: list[Hit]) -> list[Hit]:
        """The best first as the reranker has them, then the others as they were."""
        try:
            async with asyncio.timeout(self._patience):
                scores = await self._reranker.scores(query, [read_by_models(hit.passage) for hit in best])
        except (RerankerUnavailable, TimeoutError) as error:
            self._left_alone_until = time.monotonic() + self._rest
            if not self._failed:
                log.warning("reranker.failed", error=str(error) or "It takes too long.")
            self._failed = True
            return hits
        if self._failed:
            log.info("reranker.back")
        self._failed = False
        order = sorted(range(len(best)), key=lambda n: -scores[n])
        ids = {hit.passage.id for hit in best}
        first = [replace(best[n], reranked=True) for n in order]
        others = [hit for hit in hits if hit.passage.id not in ids]
        return [replace(hit, score=place.score) for hit, place in zip((*first, *others), hits, strict=True)]
