"""Parts for the tests of what is deleted: every word that a server holds, and a life of several people."""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import redis

from adapters.redis.documents import RedisDocuments
from adapters.redis.inbox import RedisInbox
from adapters.redis.store import Store
from core.types import Citation, Document, Message, ThreadId, Turn
from tests.adapters import redis_parts
from tests.adapters.redis_parts import RedisCluster, RedisServer, taking

_READS: dict[bytes | str, tuple[str, tuple[Any, ...]]] = {
    b"string": ("get", ()),
    b"hash": ("hgetall", ()),
    b"list": ("lrange", (0, -1)),
    b"set": ("smembers", ()),
    b"zset": ("zrange", (0, -1)),
}


def keys_with(server: RedisServer | RedisCluster, word: str) -> set[str]:
    """Keys under whose name or value a word can be read, compressed or not."""
    with server.client() as client:
        return {
            key.decode()
            for key in client.scan_iter()
            if any(word.encode() in text for text in _texts(client, key))
        }


def _texts(client: redis.Redis, key: bytes) -> Iterator[bytes]:
    """The name of a key and all that stands in its value."""
    read, arguments = _READS[client.type(key)]
    value = getattr(client, read)(key, *arguments)
    parts = [*value, *value.values()] if isinstance(value, dict) else value
    for part in [key, *([parts] if isinstance(parts, bytes) else parts)]:
        yield part
        with suppress(zlib.error):
            yield zlib.decompress(part[part.find(b":x") + 1 :])


def message(thread: ThreadId, author: str, number: int, text: str = "?") -> Message:
    """A question in which the author's own word stands, and the name too."""
    words = f"{text} said-by-{author}"
    return Message(f"{author}{number}", thread, author, words, 1_700_000_000.0 + number, f"name-of-{author}")


def turn(asked: Message) -> Turn:
    """An answer that repeats the word of the author."""
    cited = (Citation("a.md", quote=f"quoted-to-{asked.author}"),)
    answer = f"answered-to-{asked.author}"
    return Turn(asked.id, asked.text, answer, "answered", asked.at, asked.author, asked.author_name, cited)


def document(author: str, name: str = "") -> Document:
    """A document that holds the author's word."""
    return redis_parts.document(name or f"file-of-{author}", f"read-for-{author} " * 5)


async def asks(store: Store, asked: Message, *documents: Document) -> None:
    """A question is put and answered, with documents."""
    inbox = RedisInbox(store)
    await inbox.put(asked)
    async with taking(inbox, asked.thread) as lease:
        assert lease.message == asked
        for found in documents:
            await RedisDocuments(store).put(asked, found)
        await lease.finish(turn(asked))


async def is_set_aside(store: Store, asked: Message) -> None:
    """A question is put and set aside."""
    inbox = RedisInbox(store)
    await inbox.put(asked)
    async with taking(inbox, asked.thread) as lease:
        assert lease.message == asked
        await lease.set_aside("PlatformError: it would not")
