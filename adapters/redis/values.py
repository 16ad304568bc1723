"""Values of the core as bytes in the store."""

from typing import Any, TypeVar

import structlog

from core.types import decode, encode

log = structlog.get_logger()
T = TypeVar("T")


def pack(value: Any) -> bytes:
    """The stored form. Half a surrogate pair, which JSON of a platform may bring, is kept as it is."""
    return encode(value).encode("utf-8", "surrogatepass")


def unpack(kind: type[T], stored: bytes | None, key: str) -> T | None:
    """The value, or None where it cannot be read: that is logged and must not stop the thread."""
    try:
        return decode(kind, stored or b"")
    except ValueError as error:
        log.warning("redis.value_unreadable", kind=kind.__name__, key=key, error=type(error).__name__)
        return None
