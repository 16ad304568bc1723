"""Values of the core as bytes in the store."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import structlog

from adapters.redis.keys import person
from core.types import Message, decode, encode

log = structlog.get_logger()
T = TypeVar("T")


def pack(value: Any) -> bytes:
    """The stored form. Half a surrogate pair, which JSON of a platform may bring, is kept as it is."""
    return encode(value).encode("utf-8", "surrogatepass")


def text(stored: bytes) -> str:
    """What somebody wrote or named, stored as it is."""
    return stored.decode("utf-8", "surrogatepass")


def unpack(kind: type[T], stored: bytes | None, key: str) -> T | None:
    """The value, or None where it cannot be read: that is logged and must not stop the thread."""
    try:
        return decode(kind, stored or b"")
    except ValueError as error:
        log.warning("redis.value_unreadable", kind=kind.__name__, key=key, error=type(error).__name__)
        return None


def pack_message(message: Message) -> bytes:
    """The stored form of a message that waits: scripts read from it whose it is, and for which model."""
    model = f" {message.model}" if message.model else ""
    return f"{person(message.thread.platform, message.author)}{model}:".encode() + pack(message)


def unpack_message(stored: bytes | None, key: str) -> Message | None:
    """As `unpack`, for what `pack_message` wrote, or the release before, which named no person."""
    stored = stored or b""
    return unpack(Message, stored if stored.startswith(b"{") else stored.partition(b":")[2], key)


def pairs(flat: Sequence[T]) -> Iterator[tuple[T, T]]:
    """Two by two, what a script returns one after the other."""
    return zip(flat[::2], flat[1::2], strict=True)
