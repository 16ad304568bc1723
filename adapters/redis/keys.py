"""Every key name.

All keys of a partition share one hash tag (``chasqui:{p17}:...``), so that a script touches one
slot of a cluster. What people and platforms name (threads, message ids) enters a key only as a
hash: no brace can move a slot, and no key name holds anyone's words.
"""

import hashlib
import zlib
from typing import NamedTuple

from core.types import ThreadId

PARTITIONS = "chasqui:partitions"
"""The number of partitions, pinned when chasqui first met this server."""

OWN_PARTITION = frozenset({"terminal"})
"""Platforms whose process answers itself: each thread is a partition, so one process owns it."""


class ThreadKeys(NamedTuple):
    """The keys that concern one thread, in the order in which every script takes them.

    `owner` (token of the worker that holds it) and `fence` (counter of acquisitions) belong to the
    thread's partition, the others to the thread alone.
    """

    owner: str
    fence: str
    mail: str  # list: ids of the accepted messages, oldest first
    messages: str  # hash: id -> Message
    dead: str  # list: messages that could not be read
    turns: str  # list: Turn, and markers of a fresh start
    state: str  # hash: attempts, stop, finished, cut:MODEL, documents, fresh
    ledger: str  # hash: page:N -> the platform's id or nothing, text -> checkpoint
    documents: str  # hash: id -> number of the put, colon, compressed Document

    @property
    def words(self) -> tuple[str, ...]:
        """The keys that hold what people wrote: everything of the thread itself."""
        return self[2:]


def partition(thread: ThreadId, partitions: int) -> str:
    """The partition of a thread: ``p0`` ... on shared platforms, one of its own in the terminal."""
    name = _bytes(str(thread))
    if thread.platform in OWN_PARTITION:
        return "t" + hashlib.blake2b(name, digest_size=8).hexdigest()
    return f"p{zlib.crc32(name) % partitions}"


def of_thread(thread: ThreadId, partitions: int) -> ThreadKeys:
    """Names of all keys of a thread."""
    tag = f"chasqui:{{{partition(thread, partitions)}}}"
    name = _hash(str(thread))
    own = (f"{tag}:{field}:{name}" for field in ThreadKeys._fields[2:])
    return ThreadKeys(f"{tag}:owner", f"{tag}:fence", *own)


def seen(thread: ThreadId, message_id: str, partitions: int) -> str:
    """The de-duplication mark of a message."""
    return f"chasqui:{{{partition(thread, partitions)}}}:seen:{_hash(f'{thread.platform}:{message_id}')}"


def _hash(text: str) -> str:
    return hashlib.blake2b(_bytes(text), digest_size=16).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a file name or an argument may hold half a character
