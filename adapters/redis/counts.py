"""What is counted over all partitions: who waits, whose turn it is, and the slots of the replicas.

It lives in one slot of its own, so that each step is one script. All of it is soft: what a worker
left behind when it died counts as gone after a while, and without any of it every message would still
be answered once and in order. The counts hold nobody's words and have no TTL: what is done is taken out.
The threads in which a person asked are listed here too, for a time, and by their names.

Fair shares are start-time fair queuing (Goyal, Vin, Cheng, 1996) with persons for flows and answers for
packets: each person has a virtual time that grows with every answer, the one with the least is next,
and who comes back from being idle starts at the present, behind those who came before. Each worker
knows only who waits in its own partitions. So one that finds no slot says whose turn is next there,
and no other worker begins with anybody later.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from adapters.redis import count_scripts as scripts
from adapters.redis import keys
from adapters.redis.store import Store
from adapters.redis.values import pairs
from core.affinity import ranked
from core.errors import InboxFull
from core.ports import Load

LISTED_FOR = 365 * 24 * 3600
"""Seconds for which a thread is listed with a person who asked there: others may keep it alive long after."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many messages may be in the inbox at once: of one person, and of all together."""

    per_person: int = 25
    in_all: int = 2000


NO_BOUNDS = Bounds(sys.maxsize, sys.maxsize)


class Candidate(NamedTuple):
    """A message that could be answered now: whose it is, what stands for it where it is counted, for its
    thread, and for the replica that answered there last, if one did; and the size of its prompt in tokens.
    """

    person: str
    counted: str
    thread: str
    home: str = ""
    tokens: int = 0


class Begun(NamedTuple):
    """Which of the candidates is to be answered, and the replica that keeps a slot for it."""

    candidate: int
    replica: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Who waits with how many messages, in the order of their turns, and the seconds of one answer."""

    people: Mapping[str, int]
    seconds: float

    def ahead(self, person: str, own: int) -> int:
        """How many messages come before one of this person that has `own` before it."""
        total, each = own, own + 1  # of each other person: one more where their turn comes first
        for other, count in self.people.items():
            if other == person:
                each = own
            else:
                total += min(count, each)
        return total


class Counts:
    """The counts of one server. A message stands there as `keys.counted`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names = keys.of_counts()
        self._life = store.retention.words * 1000  # ms for which a message that waits is kept, and counts

    async def admit(
        self, message: str, person: str, thread: str, bounds: Bounds = NO_BOUNDS, *, is_counted: bool = True
    ) -> None:
        """List a thread with a person who asks there, and count the message in, unless it is one that is not.

        Raises InboxFull with a sentence.
        """
        full = await self._store.run(
            scripts.ADMIT, [*self._names, keys.threads_of(person)], message, person,
            bounds.per_person, bounds.in_all, self._life if is_counted else 0, thread, LISTED_FOR,
        )  # fmt: skip
        if full == b"person":
            raise InboxFull(
                f"{bounds.per_person} of your questions wait for their answers, so this one was not "
                "taken. Please ask it again when some of them are answered."
            )
        if full:
            raise InboxFull(
                f"{bounds.in_all:,} questions wait already, so this one was not taken. "
                "Please ask it again in a few minutes."
            )

    async def list_again(self, person: str, thread: str) -> None:
        """List a thread that `admit` listed, now that something is kept there: all may have been deleted
        in between, or may be just now.
        """
        name = keys.threads_of(person)
        if await self._store.command("ZADD", name, int(time.time() * 1e6), thread):
            await self._store.command("EXPIRE", name, LISTED_FOR)

    async def begin(
        self,
        worker: str,
        candidates: Sequence[Candidate],
        capacity: Mapping[str, int],
        slot_life: float,
        most: int = 1,
        model: str = "",
    ) -> list[Begun]:
        """Choose those of the candidates who are next, and take a slot for each; none where none is free,
        or somebody is next who waits for another worker.

        Candidates of one person come in their order. One that was begun before keeps its slot and costs
        its person nothing. `capacity` gives the slots of each replica of the `model` that all of them are
        for; without replicas no slot is taken. A thread goes to the replica that answered it last, then to
        the others in an order of its own, and there to the first that is not busier than it should be:
        consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, 2018), by rendezvous. One that
        no replica knows goes to the one with the fewest outstanding tokens.
        """
        replicas = tuple(capacity)
        homes = [keys.of_replica(replica) for replica in replicas]
        listed = [
            (each.person, each.counted, each.tokens, _order(each, replicas, homes), each.home not in homes)
            for each in candidates
        ]
        given = {"capacity": list(capacity.values()), "candidates": listed}
        asking = f"{worker} {model}".rstrip()
        chosen = await self._store.insist(
            scripts.BEGIN, [*self._names, *map(keys.slots, replicas)],
            asking, round(slot_life * 1000), most, json.dumps(given, ensure_ascii=False),
        )  # fmt: skip
        return [
            Begun(number - 1, replicas[replica - 1] if replica else "") for replica, number in pairs(chosen)
        ]

    async def finish(self, message: str, *replicas: str, seconds: float | None = None) -> None:
        """Count a message out, whose answer took so long, and free its slot, whichever of these keeps it."""
        took = "" if seconds is None else f"{seconds:.3f}"
        await self._store.insist(scripts.FINISH, self._names_with(replicas), message, took)

    async def requeue(self, message: str, *replicas: str) -> None:
        """Let a message wait again, and free its slot, whichever of these keeps it."""
        await self._store.insist(scripts.REQUEUE, self._names_with(replicas), message, self._life)

    async def move(self, message: str, before: str, after: str, slot_life: float) -> None:
        """Take a slot of another replica instead, also one more than it has: the answer is made there."""
        names = [*self._names, keys.slots(before), keys.slots(after)]
        await self._store.run(scripts.MOVE, names, message, round(slot_life * 1000))

    async def renew(self, held: Mapping[str, str], slot_life: float) -> None:
        """Let the slots of these messages run anew from now; `held` names the replica of each."""
        replicas = sorted({replica for replica in held.values() if replica})
        flat = [part for message, replica in held.items() if replica
                for part in (replicas.index(replica) + 1, message)]  # fmt: skip
        if flat:
            names = [*self._names, *map(keys.slots, replicas)]
            await self._store.run(scripts.RENEW, names, round(slot_life * 1000), *flat)

    async def queue(self) -> Queue:
        """Who waits, for the places of messages."""
        flat, seconds = await self._store.run(scripts.QUEUE, self._names)
        return Queue({person.decode(): int(count) for person, count in pairs(flat)}, float(seconds))

    async def load(self) -> Load:
        """How much there is to do, over all workers."""
        waiting, answering, oldest = await self._store.run(scripts.LOAD, self._names, self._life)
        return Load(waiting, answering, oldest / 1000)

    def _names_with(self, replicas: Sequence[str]) -> list[str]:
        return [*self._names, *(keys.slots(replica) for replica in dict.fromkeys(replicas) if replica)]


def _order(candidate: Candidate, replicas: tuple[str, ...], homes: Sequence[str]) -> list[int]:
    """The numbers of the replicas, from 1, those first that may know the thread of the candidate."""
    order = sorted(ranked(candidate.thread, replicas), key=lambda index: homes[index] != candidate.home)
    return [index + 1 for index in order]
