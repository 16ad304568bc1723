"""The documents of the team as one process knows them: an index that follows the shelf."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from core.indexed import indexed, word_fingerprint
from core.knowledge import fingerprint, one_per_section
from core.ports import Changes, Embedder, KnowledgeIndex, Shelf, Shelved
from core.types import Audience, Document, Entry, Hit

log = structlog.get_logger()

_CANDIDATES = 4
"""Passages that are looked at for each section that is found: it has several."""
_AT_ONCE = 32
"""Documents that are fetched at the same time."""


class TeamDocuments:
    """What is on the shelf, findable in `index`.

    Whoever asks for it first brings it up to date, which is one command where nothing changed: what was
    deleted or edited is not found any more by the next question. The vectors of the `embedder`'s model are
    taken over too, as they come, and once that is known; without one nothing is found by its meaning.
    """

    def __init__(self, shelf: Shelf, index: KnowledgeIndex, embedder: Embedder | None = None) -> None:
        self._shelf = shelf
        self._index = index
        self._embedder = embedder
        self._model = embedder.model if embedder else ""
        self._version = ""
        self._documents: dict[str, Document] = {}
        self._entries: dict[str, Entry] = {}
        self._without_vectors: dict[str, Document] = {}
        self._catching_up = asyncio.Lock()
        self._takes_long = False

    async def visible(
        self, audiences: Collection[Audience], status: Callable[[str | None], Awaitable[None]] | None = None
    ) -> list[Document]:
        """The documents of exactly these audiences; `status` tells people of a longer wait."""
        await self.catch_up(status)
        return [document for document in self._documents.values() if document.audience in audiences]

    async def search(self, words: str, audiences: Sequence[Audience], k: int) -> list[Hit]:
        """The `k` best sections for these audiences, best first; fewer only where no more hold anything."""
        await self.catch_up()
        passages = k * _CANDIDATES
        while True:
            hits = await self._index.search(words, audiences, passages)
            sections = one_per_section(hits)
            if len(sections) >= k or len(hits) < passages:
                return sections[:k]
            passages *= _CANDIDATES  # long sections took all places

    async def gone(self, ids: frozenset[str], seen: Sequence[Document]) -> frozenset[str]:
        """Those of these documents that are not here any more as they were `seen`: removed, edited, or for
        others.
        """
        if not ids:
            return frozenset()
        await self.catch_up()
        edited = {each.id for each in seen if each.id in ids and self._documents.get(each.id) != each}
        return frozenset(each for each in ids if each in edited or each not in self._documents)

    def entry(self, document_id: str) -> Entry:
        """What is known of a document that was found. Raises KeyError."""
        return self._entries[document_id]

    @property
    def without_vectors(self) -> list[Document]:
        """The documents whose vectors nobody has made yet."""
        return list(self._without_vectors.values())

    async def catch_up(self, status: Callable[[str | None], Awaitable[None]] | None = None) -> None:
        """Take over all that changed on the shelf."""
        told = status is not None and self._takes_long
        if status and told:
            await status(_CATCHING_UP)
        async with self._catching_up:
            if self._embedder and (model := self._embedder.model) != self._model:
                await self._take_all(list(self._entries.values()), model)
                self._model = model
            more = True
            while more and (changes := await self._shelf.changes(self._version)).version != self._version:
                self._takes_long = len(changes.entries) > _AT_ONCE
                if status and self._takes_long and not told:
                    await status(_CATCHING_UP)
                    told = True
                await self._follow(changes)
                more = changes.more  # and no longer: somebody may put documents all the while
            self._takes_long = False
        if status and told:
            await status(None)

    async def _follow(self, changes: Changes) -> None:
        for gone in list(self._documents) if changes.anew else changes.gone:
            await self._forget(gone)
        await self._take_all(changes.entries, self._model)
        self._version = changes.version
        log.info("team.followed", changed=len(changes.entries), documents=len(self._documents))

    async def _take_all(self, entries: Sequence[Entry], model: str) -> None:
        for start in range(0, len(entries), _AT_ONCE):
            some = entries[start : start + _AT_ONCE]
            found = await self._shelf.shelved([entry.id for entry in some], model)
            for entry, shelved in zip(some, found, strict=True):
                await self._take(entry, shelved, model)

    async def _take(self, entry: Entry, shelved: Shelved | None, model: str) -> None:
        document = shelved.document if shelved else None
        if document is None or document != self._documents.get(entry.id):  # else only its vectors came
            await self._forget(entry.id)
        if shelved is None or document is None or document.audience != entry.audience:
            log.warning("team.document_passed_over", document=entry.id)
            return
        vectors, words = shelved.vectors, shelved.words
        if words is None or words.of != word_fingerprint(document):
            words = await asyncio.to_thread(indexed, document)
            await self._shelf.put_words(entry.id, words)
        rows = vectors.rows if vectors and vectors.of == fingerprint(document) else ()
        await self._index.put(document, rows, words)
        self._documents[entry.id], self._entries[entry.id] = document, entry
        if model and not rows and document.passages:
            self._without_vectors[entry.id] = document
        else:
            self._without_vectors.pop(entry.id, None)

    async def _forget(self, document_id: str) -> None:
        self._entries.pop(document_id, None)
        self._without_vectors.pop(document_id, None)
        if document := self._documents.pop(document_id, None):
            await self._index.remove(document.id, document.audience)


_CATCHING_UP = "Reading the team's documents …"
