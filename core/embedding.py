"""Making the vectors of the team's documents, in the background of everything else."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from core.errors import EmbedderUnavailable, StoreError
from core.knowledge import embedded, fingerprint
from core.ports import Embedder, Shelf, Vector, Vectors
from core.team import TeamDocuments
from core.together import together
from core.types import Document

log = structlog.get_logger()

_AT_ONCE = 16
"""Passages of a document that are given to the embedder at a time."""
_TOGETHER = 2
"""Documents that are worked on at once: no core is idle while one is stored or waits for its last passage."""
_PAUSE = 5.0
"""Seconds between two looks at the shelf."""
_SECONDS = 2.0
"""What a passage may take, before another process may take its document for abandoned."""

_FAILURES = 3
"""Documents without vectors after which it is not they that are at fault."""

Progress = Callable[[int, int], None]
"""Hears how many of how many passages are done."""


def _unheard(done: int, total: int) -> None:
    """As `Progress`, for nobody."""


class Embedding:
    """Makes the vectors that documents of the team lack; many processes at once, each those of its own."""

    def __init__(self, shelf: Shelf, team: TeamDocuments, embedder: Embedder) -> None:
        self._shelf = shelf
        self._team = team
        self._embedder = embedder

    async def follow(self) -> None:
        """Make vectors of whatever comes, for ever. What keeps it from that is said once."""
        told = ""
        while True:
            try:
                await self.finish()
                told = ""
            except (EmbedderUnavailable, StoreError) as error:
                if str(error) != told:
                    log.warning("embedding.failed", error=str(error))
                    told = str(error)
            await asyncio.sleep(_PAUSE)

    async def finish(self, progress: Progress = _unheard) -> None:
        """Return when every document has its vectors, whoever makes them.

        Raises EmbedderUnavailable and StoreError; what was made before is kept. A document of which no
        vectors can be made keeps no other from its own.
        """
        if not self._embedder.model:
            raise EmbedderUnavailable("The embeddings server has not answered yet.")
        await self._team.catch_up()
        total = _passages(self._team)
        failed: dict[str, EmbedderUnavailable] = {}
        while lacking := [each for each in self._team.without_vectors if each.id not in failed]:
            made = await self._round(lacking, failed, progress, total)
            await asyncio.sleep(0 if made else 1)  # those that are left are made by others
            await self._team.catch_up()
            total = max(total, _passages(self._team))
        for error in failed.values():
            raise error
        progress(total, total)

    async def _round(
        self,
        lacking: Sequence[Document],
        failed: dict[str, EmbedderUnavailable],
        progress: Progress,
        total: int,
    ) -> int:
        """Make the vectors of documents that nobody else works on, and say of how many passages."""
        left, made, before = iter(lacking), 0, total - _passages(self._team)
        progress(before, total)

        async def make() -> None:
            nonlocal made
            for document in left:
                seconds = 30 + _SECONDS * len(document.passages)
                if not await self._shelf.claim(document.id, self._embedder.model, seconds):
                    continue
                if error := await self._failure(document):
                    failed[document.id] = error
                    if len(failed) >= _FAILURES:
                        raise error
                    continue
                made += len(document.passages)
                progress(min(total, before + made), total)

        await together(*(make() for _ in range(_TOGETHER)))
        return made

    async def _failure(self, document: Document) -> EmbedderUnavailable | None:
        """Make the vectors of a claimed document; why there are none."""
        try:
            await self._make(document)
        except EmbedderUnavailable as error:
            return error
        finally:
            await self._shelf.release(document.id, self._embedder.model)
        return None

    async def _make(self, document: Document) -> None:
        texts = embedded(document)
        rows: list[Vector] = []
        for start in range(0, len(texts), _AT_ONCE):
            rows += await self._embedder.passages(texts[start : start + _AT_ONCE])
        await self._shelf.put_vectors(
            document.id, self._embedder.model, Vectors(fingerprint(document), tuple(rows))
        )
        log.debug("embedding.made", document=document.id, passages=len(rows))


def _passages(team: TeamDocuments) -> int:
    """How many passages lack a vector."""
    return sum(len(document.passages) for document in team.without_vectors)
