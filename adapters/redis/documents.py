"""The documents of each thread, compressed: the source of truth of every index."""

import asyncio
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import structlog

from adapters.redis import scripts
from adapters.redis.keys import person
from adapters.redis.store import Store
from adapters.redis.values import pack, unpack
from core.errors import LeaseLost
from core.types import Document, Message, ThreadId

log = structlog.get_logger()


class Attached(NamedTuple):
    """A document and the persons (see `keys.person`) who attached it; nobody where that is not known."""

    document: Document
    people: frozenset[str]


class RedisDocuments:
    """Documents by their id; each bears the number of its put, which gives their order."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, message: Message, document: Document) -> None:
        """As `Documents.put`; the same id becomes the newest, and belongs to all who attached it."""
        stored = await asyncio.to_thread(_compress, document)  # megabytes must not hold up the loop
        names, life = self._store.keys(message.thread), self._store.retention.words
        whose = person(message.thread.platform, message.author)
        kept = await self._store.run(
            scripts.KEEP_DOCUMENT, names, message.id, document.id, whose, stored, life
        )
        if kept is None:
            raise LeaseLost("This message is no longer in the inbox, so its files are not kept.")

    async def of(self, thread: ThreadId) -> list[Document]:
        """The documents since the last `History.fresh`, oldest first; unreadable ones are left out."""
        names = self._store.keys(thread)
        stored: list[bytes] = await self._store.run(scripts.DOCUMENTS, names)
        found = await asyncio.to_thread(in_order, stored, names.documents)
        return [attached.document for attached in found]


def in_order(stored: Iterable[bytes], key: str) -> list[Attached]:
    """The documents of a thread as they are stored under `key`, oldest first, without unreadable ones."""
    numbered = []
    for entry in stored:
        number, _, rest = entry.partition(b":")
        people, _, compressed = rest.partition(b":")
        if rest.startswith(b"x"):  # zlib's first byte: the release before named no persons
            people, compressed = b"", rest
        try:
            numbered.append((int(number), _persons(people.decode()), zlib.decompress(compressed)))
        except (ValueError, zlib.error) as error:
            log.warning("redis.value_unreadable", kind="Document", key=key, error=type(error).__name__)
    found = ((unpack(Document, text, key), people) for _, people, text in sorted(numbered))
    return [Attached(document, people) for document, people in found if document]


def _persons(attached: str) -> frozenset[str]:
    return frozenset(each.partition("/")[0] for each in attached.split(",") if each)


def _compress(document: Document) -> bytes:
    return zlib.compress(pack(document))
