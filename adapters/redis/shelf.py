"""The documents of the team: metadata and changes under one hash tag, each text under a key of its own.

They are the team's own and have no TTL. A text is written before the entry that tells of it and deleted
before that leaves: whoever finds an entry without a text passes it over. Each change has a number, so that
a follower asks for those after the last one that it knows. A removed document is among the changes and not
among the entries.
"""

import asyncio
import zlib
from collections.abc import Sequence

import structlog

from adapters.redis import keys
from adapters.redis.store import Store
from adapters.redis.values import pack, pairs, text, unpack
from core.ports import Changes, IndexedWords, Shelved, Vectors
from core.types import SCHEMA, Document, Entry, Source

log = structlog.get_logger()

_AT_ONCE = 500
"""Changes that one call returns at most."""

_PRELUDE = f"local {', '.join(keys.ShelfKeys._fields)} = unpack(KEYS)"

# A shelf that was lost and begun again has another beginning, so that no follower takes it for the old one.
_NUMBER = """
local born, last = (redis.call('GET', version) or ''):match('^(%d+)%-(%d+)$')
local time = redis.call('TIME')
born = born or time[1] .. string.format('%06d', time[2])
local number = string.format('%d', (last or 0) + 1)
redis.call('ZADD', changes, number, ARGV[1])
redis.call('SET', version, born .. '-' .. number)
"""

_CHANGE = f"""
-- KEYS: ShelfKeys. ARGV: document id, its Entry or nothing
{_PRELUDE}
if ARGV[2] ~= '' then
  redis.call('HSET', entries, ARGV[1], ARGV[2])
elseif redis.call('HDEL', entries, ARGV[1]) == 0 then
  return
end
{_NUMBER}
"""

_VECTORS_CAME = f"""
-- KEYS: ShelfKeys. ARGV: document id -> whether there is such a document
{_PRELUDE}
if redis.call('HEXISTS', entries, ARGV[1]) == 0 then return 0 end
{_NUMBER}
return 1
"""

_CHANGES = f"""
-- KEYS: ShelfKeys. ARGV: version that is known, how many changes at most -> up to which version, 1 where
-- nothing from before counts, and of each change the id and the Entry or nothing
{_PRELUDE}
local now = redis.call('GET', version) or ''
if now == ARGV[1] then return {{now, 0}} end
local born, known_born = now:match('^%d+'), ARGV[1]:match('^%d+')
local anew = born ~= known_born
local after = anew and 0 or ARGV[1]:match('%d+$')
local found = redis.call('ZRANGEBYSCORE', changes, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local reply = {{now, anew and 1 or 0}}
for n = 1, #found, 2 do
  reply[1] = born .. '-' .. string.format('%d', found[n + 1])
  reply[n + 2] = found[n]
  reply[n + 3] = redis.call('HGET', entries, found[n]) or ''
end
return reply
"""

_KEEP_WORDS = """
-- KEYS: the document, its words. ARGV: the words; those of a document that is gone stay nowhere
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('SET', KEYS[2], ARGV[1]) end
"""

_SHELVED = """
-- KEYS: the document, its vectors, its words. ARGV: the model -> what is there of each, nil where nothing is
return {redis.call('GET', KEYS[1]), redis.call('HGET', KEYS[2], ARGV[1]), redis.call('GET', KEYS[3])}
"""


class RedisShelf:
    """As `Shelf`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names = keys.of_shelf()

    async def put(self, document: Document, entry: Entry) -> None:
        """As `Shelf.put`."""
        stored = await asyncio.to_thread(lambda: zlib.compress(pack(document)))  # it may be megabytes
        await self._store.command("SET", keys.shelved(document.id), stored)
        await self._store.run(_CHANGE, self._names, document.id, pack(entry))

    async def remove(self, document_id: str) -> None:
        """As `Shelf.remove`."""
        parts = keys.shelved, keys.vectors, keys.indexed
        await self._store.command("DEL", *(name(document_id) for name in parts))
        await self._store.run(_CHANGE, self._names, document_id, "")

    async def document(self, document_id: str) -> Document | None:
        """As `Shelf.document`."""
        key = keys.shelved(document_id)
        stored = await self._store.command("GET", key)
        return await asyncio.to_thread(_document, stored, key) if stored else None

    async def put_vectors(self, document_id: str, model: str, vectors: Vectors) -> None:
        """As `Shelf.put_vectors`."""
        key = keys.vectors(document_id)
        await self._store.command("HSET", key, model, _pack_vectors(vectors))
        if not await self._store.run(_VECTORS_CAME, self._names, document_id):
            await self._store.command("DEL", key)

    async def put_words(self, document_id: str, words: IndexedWords) -> None:
        """As `Shelf.put_words`."""
        names = keys.shelved(document_id), keys.indexed(document_id)
        await self._store.run(_KEEP_WORDS, names, await asyncio.to_thread(_pack_words, words))

    async def shelved(self, document_ids: Sequence[str], model: str) -> list[Shelved | None]:
        """As `Shelf.shelved`, with one command for each."""
        parts = keys.shelved, keys.vectors, keys.indexed
        names = [[part(each) for part in parts] for each in document_ids]
        stored = await asyncio.gather(*(self._store.run(_SHELVED, each, model) for each in names))
        return await asyncio.to_thread(lambda: list(map(_shelved, names, stored)))

    async def claim(self, document_id: str, model: str, seconds: float) -> bool:
        """As `Shelf.claim`."""
        name = keys.embedding(document_id, model)
        return bool(await self._store.command("SET", name, "", "NX", "PX", int(seconds * 1000)))

    async def release(self, document_id: str, model: str) -> None:
        """As `Shelf.release`."""
        await self._store.command("DEL", keys.embedding(document_id, model))

    async def entries(self) -> list[Entry]:
        """As `Shelf.entries`; what cannot be read is left out."""
        stored = await self._store.command("HVALS", self._names.entries)
        read = filter(None, (unpack(Entry, each, self._names.entries) for each in stored))
        return sorted(read, key=lambda entry: (entry.source, entry.path))

    async def changes(self, since: str) -> Changes:
        """As `Shelf.changes`. An entry that cannot be read counts as gone: nobody knows who may see it."""
        version, anew, *changed = await self._store.run(_CHANGES, self._names, since, _AT_ONCE)
        found = {
            text(name): unpack(Entry, stored, self._names.entries) if stored else None
            for name, stored in pairs(changed)
        }
        entries = [entry for entry in found.values() if entry]
        gone = [name for name in found if not found[name]]
        return Changes(text(version), entries, gone, bool(anew), more=len(found) == _AT_ONCE)

    async def add(self, source: Source) -> None:
        """As `Shelf.add`."""
        await self._store.command("HSET", self._names.sources, keys.source(source.address), pack(source))

    async def drop(self, address: str) -> None:
        """As `Shelf.drop`."""
        await self._store.command("HDEL", self._names.sources, keys.source(address))

    async def sources(self) -> list[Source]:
        """As `Shelf.sources`; what cannot be read is left out."""
        stored = await self._store.command("HVALS", self._names.sources)
        read = filter(None, (unpack(Source, each, self._names.sources) for each in stored))
        return sorted(read, key=lambda source: source.address)


def _shelved(names: Sequence[str], stored: Sequence[bytes | None]) -> Shelved | None:
    text, vectors, words = stored
    if not text or not (document := _document(text, names[0])):
        return None
    made = _vectors(vectors, names[1]) if vectors else None
    return Shelved(document, made, _words(words, names[2]) if words else None)


def _document(stored: bytes, key: str) -> Document | None:
    try:
        return unpack(Document, zlib.decompress(stored), key)
    except zlib.error as error:
        log.warning("redis.value_unreadable", kind="Document", key=key, error=type(error).__name__)
        return None


def _pack_vectors(vectors: Vectors) -> bytes:
    """Schema version, what they are of, how many there are, and the bytes of all, one after the other."""
    return f"{SCHEMA} {vectors.of} {len(vectors.rows)} ".encode() + b"".join(vectors.rows)


def _vectors(stored: bytes, key: str) -> Vectors | None:
    """What `_pack_vectors` wrote; what cannot be read is made anew."""
    schema, of, number, flat = (*stored.split(b" ", 3), b"", b"", b"")[:4]
    rows = int(number) if number.isdigit() else 0
    if schema not in (b"%d" % (SCHEMA - 1), b"%d" % SCHEMA) or not rows or len(flat) % rows:
        log.warning("redis.value_unreadable", kind="Vectors", key=key)
        return None
    size = len(flat) // rows
    return Vectors(text(of), tuple(flat[n * size : (n + 1) * size] for n in range(rows)))


def _pack_words(words: IndexedWords) -> bytes:
    """What they are of, and the rows, compressed. No stem holds a tab or a line end."""
    rows = "\n".join("\t".join(row) for row in words.rows)
    return f"{words.of} ".encode() + zlib.compress(rows.encode(), 1)


def _words(stored: bytes, key: str) -> IndexedWords | None:
    """What `_pack_words` wrote; what cannot be read is made anew."""
    of, _, compressed = stored.partition(b" ")
    try:
        lines = text(zlib.decompress(compressed)).split("\n")
        rows = [(title, heading, words) for title, heading, words in (line.split("\t") for line in lines)]
    except (ValueError, zlib.error) as error:
        log.warning("redis.value_unreadable", kind="IndexedWords", key=key, error=type(error).__name__)
        return None
    return IndexedWords(text(of), tuple(rows))
