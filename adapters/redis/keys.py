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

LAYOUT = "chasqui:schema"
"""The number of the layout (see `layout`)."""

WORKERS = "chasqui:{workers}:alive"
"""Sorted set: the workers that serve the partitions, by when each counts as gone."""

ALL_TURNS, ALL_FEEDBACK = "chasqui:{*}:turns:*", "chasqui:{*}:feedback:*"
"""Globs for the turns of all threads, and for what people think of them."""

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
    heads: str  # hash: thread -> its next message as `ready.Head`
    dead: str  # hash: id -> dead letter


class ThreadKeys(NamedTuple):
    """The keys that concern one thread, in the order in which every script takes them."""

    owner: str
    fence: str
    heads: str
    dead: str
    mail: str  # list: ids of the accepted messages, oldest first
    messages: str  # hash: id -> person, (space, model of its channel,) colon, Message
    turns: str  # list: Turn, and markers of a fresh start
    # hash: attempts, taken, taker, lost, stood, stop:ID, deleted, finished, cut:MODEL, documents, fresh,
    # fresh_after, model (that was chosen), replica and tokens (of the last answer)
    state: str
    ledger: str  # hash: part:N -> the platform's id or nothing, checkpoint -> Checkpoint
    # hash: id -> number of its put, colon, persons/messages with it (commas), colon, compressed Document
    documents: str
    feedback: str  # hash: person, colon, message id -> Feedback

    @property
    def partition(self) -> PartitionKeys:
        """Those of the partition."""
        return PartitionKeys(*self[: len(PartitionKeys._fields)])

    @property
    def words(self) -> tuple[str, ...]:
        """The keys that hold what people wrote: everything of the thread itself."""
        return self[len(PartitionKeys._fields) :]


class CountKeys(NamedTuple):
    """The keys of what is counted over all partitions, in the order in which every script takes them."""

    asked: str  # hash: message -> w or r (it waits, it runs), space, person
    asked_until: str  # sorted set: message, by when it counts no longer
    people: str  # hash: person -> messages that are not answered yet
    waiting: str  # hash: person -> messages that nobody began to answer
    served: str  # sorted set: person, by the virtual time of their next answer
    totals: str  # hash: now and came (virtual times, of whoever came last), seconds (of an answer, smoothed)
    # hash: worker that waits for a slot, space, model (nothing for the first one) -> when that ends, virtual
    # time of who is next there
    wanting: str
    outstanding: str  # hash: message that holds a slot -> about how many tokens its prompt has


class ShelfKeys(NamedTuple):
    """The keys of the team's documents, in the order in which every script takes them."""

    version: str  # string: when the shelf was begun, dash, the number of its last change
    entries: str  # hash: document id -> Entry
    changes: str  # sorted set: document id, by the number of its last change
    sources: str  # hash: hash of an address -> Source


def address(thread: ThreadId, partitions: int) -> Address:
    """Where a thread is kept, among so many partitions."""
    return Address(partition(thread, partitions), _hash(str(thread)))


def partition(thread: ThreadId, partitions: int) -> str:
    """The partition of a thread: ``p0`` ... on shared platforms, one of its own in the terminal."""
    name = _bytes(str(thread))
    if thread.platform in OWN_PARTITION:
        return "t" + hashlib.blake2b(name, digest_size=8).hexdigest()
    return f"p{zlib.crc32(name) % partitions}"


def partitions(number: int) -> list[str]:
    """The names of so many partitions: those of all shared platforms."""
    return [f"p{each}" for each in range(number)]


def of_partition(name: str) -> PartitionKeys:
    """Names of all keys of a partition as a whole."""
    return PartitionKeys(*_tagged(name, PartitionKeys._fields))


def of_thread(at: Address) -> ThreadKeys:
    """Names of all keys of a thread."""
    own = ThreadKeys._fields[len(PartitionKeys._fields) :]
    return ThreadKeys(*of_partition(at.partition), *_tagged(at.partition, (f"{f}:{at.thread}" for f in own)))


def turns_beside(feedback: str) -> str:
    """The key of the turns of the thread whose feedback has this key."""
    return feedback.replace(":feedback:", ":turns:")


def of_counts() -> CountKeys:
    """Names of the keys of what is counted over all partitions."""
    return CountKeys(*_tagged("counts", CountKeys._fields))


def of_shelf() -> ShelfKeys:
    """Names of the keys of the team's documents, their texts apart."""
    return ShelfKeys(*_tagged("kb", ShelfKeys._fields))


def shelved(document_id: str) -> str:
    """String: a document of the team, compressed. Large ones spread over a cluster."""
    return f"chasqui:{{kb:{_hash(document_id)}}}:document"


def vectors(document_id: str) -> str:
    """Hash: the name of a model -> the vectors that it made of a document of the team."""
    return f"chasqui:{{kb:{_hash(document_id)}}}:vectors"


def indexed(document_id: str) -> str:
    """String: the stems of a document of the team, compressed."""
    return f"chasqui:{{kb:{_hash(document_id)}}}:words"


def embedding(document_id: str, model: str) -> str:
    """String: somebody makes vectors of a document of the team with this model."""
    return f"chasqui:{{kb:{_hash(document_id)}}}:embedding:{_hash(model)}"


def source(address: str) -> str:
    """What stands for the address of a source."""
    return _hash(address)


def slots(replica: str) -> str:
    """Sorted set: the messages that hold a slot of this replica, by when each counts as free."""
    return f"chasqui:{{counts}}:slots:{of_replica(replica)}"


def of_replica(replica: str) -> str:
    """What stands for a replica in keys, and with the threads that it answered."""
    return _hash(replica)


def threads_of(person: str) -> str:
    """Sorted set: the threads in which a person (see `person`) asked, by the microsecond of the last time."""
    return f"chasqui:{{counts}}:threads:{person}"


def seen(thread: ThreadId, message_id: str, partitions: int) -> str:
    """The de-duplication mark of a message."""
    return f"chasqui:{{{partition(thread, partitions)}}}:seen:{_hash(f'{thread.platform}:{message_id}')}"


def person(platform: str, author: str) -> str:
    """What stands for a person in keys and counts."""
    return hashlib.blake2b(_bytes(f"{platform}:{author}"), digest_size=8).hexdigest()


def counted(message_id: str, at: Address) -> str:
    """What stands for a message where messages are counted."""
    return f"{at.thread} {message_id}"


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
