"""The documents of each thread, compressed: the source of truth of every index."""

import asyncio
import zlib

import structlog

from adapters.redis import scripts
from adapters.redis.store import Store
from adapters.redis.values import pack, unpack
from core.types import Document, ThreadId

log = structlog.get_logger()


class RedisDocuments:
    """Documents by their id; each bears the number of its put, which gives their order."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, thread: ThreadId, document: Document) -> None:
        """Keep a document of this thread; the same id replaces and becomes the newest."""
        stored = await asyncio.to_thread(_compress, document)  # megabytes must not hold up the loop
        keys, life = self._store.keys(thread), self._store.retention.words
        await self._store.run(scripts.KEEP_DOCUMENT, keys, document.id, stored, life)

    async def of(self, thread: ThreadId) -> list[Document]:
        """The documents since the last `History.fresh`, oldest first; unreadable ones are left out."""
        keys = self._store.keys(thread)
        stored: list[bytes] = await self._store.run(scripts.DOCUMENTS, keys)
        return await asyncio.to_thread(_in_order, stored, keys.documents)


def _compress(document: Document) -> bytes:
    return zlib.compress(pack(document))


def _in_order(stored: list[bytes], key: str) -> list[Document]:
    numbered = []
    for entry in stored:
        number, _, compressed = entry.partition(b":")
        try:
            numbered.append((int(number), zlib.decompress(compressed)))
        except (ValueError, zlib.error) as error:
            log.warning("redis.value_unreadable", kind="Document", key=key, error=type(error).__name__)
    documents = (unpack(Document, text, key) for _, text in sorted(numbered))
    return [document for document in documents if document is not None]
