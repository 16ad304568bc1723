"""Every key name.

All keys of a partition share one hash tag (``chasqui:{p17}:...``), so that a script touches one
slot of a cluster. What people and platforms name (threads, message ids, authors) enters a key only as
a hash: no brace can move a slot, and no key name holds anyone's words.
"""

import hashlib
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from core.types import ThreadId

PARTITIONS = "chasqui:partitions"
"""The number of partitions, pinned when chasqui first met this server."""

WORKERS = "chasqui:{workers}:alive"
"""Sorted set: the workers that serve the partitions, by when each counts as gone."""

OWN_PARTITION = frozenset({"terminal"})
"""Platforms whose process answers itself: each thread is a partition, so one process owns it."""


class Address(NamedTuple):
    """Where a thread is kept: its partition, and the hash that stands for its name in keys."""

    partition: str
    thread: str


class PartitionKeys(NamedTuple):
    """The keys that belong to a partition as a whole, in the order in which every script takes them."""

    owner: str  # string: token of the worker that holds it
    fence: str  # counter of acquisitions
    heads: str  # hash: thread -> since when its next message waits, its person, its id
    dead: str  # hash: name -> letter that was given up


class ThreadKeys(NamedTuple):
    """The keys that concern one thread, in the order in which every script takes them."""

    owner: str
    fence: str
    heads: str
    dead: str
    mail: str  # list: ids of the accepted messages, oldest first
    messages: str  # hash: id -> person, colon, Message
    turns: str  # list: Turn, and markers of a fresh start
    state: str  # hash: attempts, taken, stop, deleted, finished, cut:MODEL, documents, fresh, fresh_after
    ledger: str  # hash: part:N -> the platform's id or nothing, checkpoint -> Checkpoint
    documents: str  # hash: id -> number of the put, colon, persons (with commas), colon, compressed Document

    @property
    def partition(self) -> PartitionKeys:
        """Those of the partition."""
        return PartitionKeys(*self[: len(PartitionKeys._fields)])

    @property
    def words(self) -> tuple[str, ...]:
        """The keys that hold what people wrote: everything of the thread itself."""
        return self[len(PartitionKeys._fields) :]


class LimitKeys(NamedTuple):
    """The keys of what is counted over all partitions, in the order in which every script takes them."""

    asked: str  # hash: message -> w or r (it waits, it runs), space, person
    asked_at: str  # sorted set: message, by when it was accepted
    people: str  # hash: person -> messages that are not answered yet
    waiting: str  # hash: person -> messages that nobody began to answer
    served: str  # sorted set: person, by the virtual time of their next answer
    totals: str  # hash: now (virtual time), seconds (of an answer, smoothed)
    wanting: str  # set: workers that found no free slot


def address(thread: ThreadId, partitions: int) -> Address:
    """Where a thread is kept, among so many partitions."""
    return Address(partition(thread, partitions), _hash(str(thread)))


def partition(thread: ThreadId, partitions: int) -> str:
    """The partition of a thread: ``p0`` ... on shared platforms, one of its own in the terminal."""
    name = _bytes(str(thread))
    if thread.platform in OWN_PARTITION:
        return "t" + hashlib.blake2b(name, digest_size=8).hexdigest()
    return f"p{zlib.crc32(name) % partitions}"


def of_partition(name: str) -> PartitionKeys:
    """Names of all keys of a partition as a whole."""
    return PartitionKeys(*_tagged(name, PartitionKeys._fields))


def of_thread(at: Address) -> ThreadKeys:
    """Names of all keys of a thread."""
    own = ThreadKeys._fields[len(PartitionKeys._fields) :]
    return ThreadKeys(*of_partition(at.partition), *_tagged(at.partition, (f"{f}:{at.thread}" for f in own)))


def of_limits() -> LimitKeys:
    """Names of the keys of what is counted over all partitions."""
    return LimitKeys(*_tagged("limits", LimitKeys._fields))


def slots(replica: str) -> str:
    """Sorted set: the messages that hold a slot of this replica, by when each counts as given back."""
    return f"chasqui:{{limits}}:slots:{_hash(replica)}"


def threads_of(person: str) -> str:
    """Sorted set: the threads in which a person (see `person`) asked, by when they last did."""
    return f"chasqui:{{limits}}:threads:{person}"


def seen(thread: ThreadId, message_id: str, partitions: int) -> str:
    """The de-duplication mark of a message."""
    return f"chasqui:{{{partition(thread, partitions)}}}:seen:{_hash(f'{thread.platform}:{message_id}')}"


def person(platform: str, author: str) -> str:
    """What stands for a person in keys and counts."""
    return hashlib.blake2b(_bytes(f"{platform}:{author}"), digest_size=8).hexdigest()


def counted(message_id: str | bytes, at: Address) -> bytes:
    """What stands for a message where messages are counted."""
    return at.thread.encode() + b" " + (_bytes(message_id) if isinstance(message_id, str) else message_id)


def note(name: str) -> str:
    """A note of a platform."""
    return f"chasqui:note:{_hash(name)}"


def rate(bucket: str) -> tuple[str, str]:
    """A bucket of a platform: list of the times of its last calls, and when its rest ends."""
    tag = f"chasqui:{{rate:{_hash(bucket)}}}"
    return f"{tag}:calls", f"{tag}:rest"


def channel(worker: str) -> str:
    """The channel on which a worker hears that it should look at something."""
    return f"chasqui:worker:{worker}"


def _tagged(tag: str, names: Iterable[str]) -> Iterable[str]:
    return (f"chasqui:{{{tag}}}:{name}" for name in names)


def _hash(text: str) -> str:
    return hashlib.blake2b(_bytes(text), digest_size=16).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a file name or an argument may hold half a character
