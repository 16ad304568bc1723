"""The inbox as one worker takes from it: its share of the partitions, and who is next in them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from adapters.redis import keys
from adapters.redis.counts import Candidate, Counts
from adapters.redis.keys import Address
from adapters.redis.lease import RedisLease, take_message
from adapters.redis.partitions import Holding, Occupied, Partitions
from adapters.redis.ready import STOPPED, SUSPECT, Head, Ready
from adapters.redis.store import Store
from adapters.redis.values import unpack_message
from core.errors import LeaseLost, StoreError
from core.ports import Place

Capacity = Callable[[str], Mapping[str, int]]
"""The slots of each replica of a model, "" for the first one; without replicas nobody waits for one."""


def no_slots(model: str) -> Mapping[str, int]:
    """The capacity where none is counted."""
    return {}


LONGEST_PAUSE = 30.0
"""Seconds until a message is tried again that could not be answered several times."""
FAREWELL = 3.0
"""Seconds that a worker which ends has for telling the server so; what is not said lapses."""
_SHOWN = 20
"""How many places are told at a time."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A message that is being answered. Of the `replicas` that kept a slot for it the last one still does."""

    at: Address
    head: Head
    holding: Holding
    occupied: Occupied
    lease: RedisLease
    replicas: list[str]

    @property
    def counted(self) -> str:
        return keys.counted(self.head.id, self.at)


class RedisWork:
    """As `Work`. Made by `RedisInbox.work`."""

    def __init__(self, store: Store, worker: str, ttl: float, capacity: Capacity) -> None:
        self._store = store
        self._worker = worker
        self._capacity = capacity
        self._poll = ttl / 3  # seconds between two looks at a stop flag, or for a slot, without a wake
        self._slot_life = 3 * ttl
        self._counts = Counts(store)
        self._partitions = Partitions(store, worker, ttl, seen=self._add, left=self._drop)
        self._ready = Ready()
        self._slots: dict[str, list[str]] = {}  # as `_Claim.replicas`, of each message
        self._suspect: RedisLease | None = None  # the last one that was taken
        self._takers = 0  # those that wait for a claim
        self._claims: asyncio.Queue[_Claim | None] = asyncio.Queue()  # from a None on nothing more comes
        self._news = asyncio.Event()  # somebody may be next, or a slot free
        self._failure: BaseException | None = None

    @classmethod
    @asynccontextmanager
    async def joined(
        cls, store: Store, worker: str, ttl: float, capacity: Capacity
    ) -> AsyncIterator["RedisWork"]:
        """One worker more from here to the end of the context."""
        work = cls(store, worker, ttl, capacity)
        parts = (work._partitions.stay_alive(), work._keep_slots(), work._listen(), work._share_out())
        tasks = [asyncio.create_task(part) for part in parts]
        for task in tasks:
            task.add_done_callback(work._ended)
        try:
            yield work
        finally:
            work.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await work._leave()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[RedisLease | None]:
        """As `Work.take`."""
        claim = await self._claim()
        if claim is None:
            yield None
            return
        began, handed_over = time.monotonic(), False
        try:
            yield claim.lease
        except asyncio.CancelledError:
            handed_over = True
            raise
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL if handed_over else None):
                    await self._done(claim, time.monotonic() - began, handed_over=handed_over)

    def close(self) -> None:
        """As `Work.close`."""
        self._partitions.close()
        self._news.set()

    async def waiting(self) -> list[Place]:
        """As `Work.waiting`, for the next message of each thread."""
        heads = sorted(self._ready, key=lambda entry: entry[1])[:_SHOWN]
        if not heads:
            return []
        queue, places = await self._counts.queue(), []
        for at, head, own in heads:
            names = keys.of_thread(at)
            stored = await self._store.command("HGET", names.messages, head.id)
            message = unpack_message(stored, names.messages) if stored else None
            if message:
                ahead, slots = queue.ahead(head.person, own), sum(self._capacity(head.model).values())
                seconds = queue.seconds * (ahead + 1) / slots if slots and queue.seconds else None
                places.append(Place(message, ahead, seconds))
        return sorted(places, key=lambda place: place.ahead)

    # What goes on as long as this worker works.

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What ends before its time ends everything: a worker that only seems to work is worse."""
        if not task.cancelled():
            self._failure = self._failure or task.exception()
        self._claims.put_nowait(None)

    async def _leave(self) -> None:
        """Leave everything to others, also what was meant for somebody who takes no more."""
        claims = [claim for _ in range(self._claims.qsize()) if (claim := self._claims.get_nowait())]
        self._claims.put_nowait(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await asyncio.gather(*(self._done(claim, 0.0, handed_over=True) for claim in claims))
                await self._partitions.leave()

    async def _keep_slots(self) -> None:
        while True:
            with suppress(StoreError):  # the store tells of an outage
                held = {message: replicas[-1] for message, replicas in self._slots.items()}
                await self._counts.renew(held, self._slot_life)
            await asyncio.sleep(self._poll)

    async def _listen(self) -> None:
        async with aclosing(self._store.subscribe(keys.channel(self._worker))) as published:
            async for news in published:
                if news is None:  # something may have been missed
                    self._partitions.look()
                else:
                    self._hear(news)

    def _hear(self, news: bytes) -> None:
        what, _, rest = news.partition(b" ")
        if what == b"slot":
            self._news.set()
        elif what == b"free":
            self._partitions.wake()
        elif what in (b"mail", b"stop"):
            partition, thread, more = rest.split(b" ", 2)
            at = Address(partition.decode(), thread.decode())
            holding = self._partitions.get(at.partition)
            if what == b"mail":
                self._add(at, Head.read(more))
            elif holding and (occupied := holding.occupied.get(at.thread)) and occupied.lease:
                occupied.lease.news.set()

    async def _share_out(self) -> None:
        """Give those who take what is next, until this is closed."""
        while not self._partitions.is_closed:
            self._news.clear()
            wanted = self._takers - self._claims.qsize()
            if wanted <= 0 or not self._ready:
                await self._news.wait()
                continue
            begun = await self._begin(wanted)
            for claim in await asyncio.gather(*(self._take(*each) for each in begun)):
                if claim:
                    self._claims.put_nowait(claim)
            if not begun:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll):
                        await self._news.wait()

    # The way of one message.

    def _add(self, at: Address, head: Head) -> None:
        """Note what is next in a thread, if that is ours to answer: now, or once the thread is free."""
        holding = self._partitions.get(at.partition)
        if not holding or not holding.takes:
            return
        occupied = holding.occupied.get(at.thread)
        pausing = occupied.pauses if occupied else None
        # What was stopped need not pause, and what pauses may have been deleted.
        if occupied and not (pausing and (head.rank == STOPPED or head.id != pausing.id)):
            if not occupied.heard or head.since >= occupied.heard.since:  # a look may bring what was before
                occupied.heard = head
        else:
            self._ready.add(at, head)
            self._news.set()

    def _drop(self, partition: str) -> None:
        """Nothing of this partition is ours to answer any more."""
        for at in [at for at, _, _ in self._ready if at.partition == partition]:
            self._ready.discard(at)

    async def _begin(self, most: int) -> list[tuple[Address, Head, str]]:
        """Those who are next, with the replica that keeps a slot for each."""
        if stopped := self._ready.stopped()[:most]:
            return [(*each, "") for each in stopped]
        # The next suspect is taken once nothing happened with this one: else both would die of one of them.
        suspect = self._suspect
        suspects = int(not suspect or suspect.came_further or suspect.is_revoked)
        begun: list[tuple[Address, Head, str]] = []
        for model in self._ready.models():
            if len(begun) < most:
                found = await self._begin_with(model, most - len(begun), suspects)
                suspects -= sum(head.rank == SUSPECT for _, head, _ in found)
                begun += found
        return begun

    async def _begin_with(self, model: str, most: int, suspects: int) -> list[tuple[Address, Head, str]]:
        """Those who are next for a model: no model waits for the replicas of another."""
        ready = self._ready.first(most, suspects, model)
        if not ready:
            return []
        candidates = [
            Candidate(head.person, keys.counted(head.id, at), at.thread, head.home, head.tokens)
            for at, head in ready
        ]
        begun = await self._counts.begin(
            self._worker, candidates, self._capacity(model), self._slot_life, most, model
        )
        return [(*ready[each.candidate], each.replica) for each in begun]

    async def _take(self, at: Address, head: Head, replica: str) -> _Claim | None:
        """Begin with this message, if it is still there and ours."""
        self._ready.discard(at)
        holding, occupied, lease = self._partitions.get(at.partition), Occupied(), None
        counted = keys.counted(head.id, at)
        if holding and holding.takes:
            holding.occupied[at.thread] = occupied
            with suppress(LeaseLost):
                names, ownership = keys.of_thread(at), holding.ownership
                lease = await take_message(
                    ownership, names, message_id=head.id, replica=replica, poll=self._poll
                )
        if not holding or not lease:  # it waits for another worker, was taken out, or cannot be read
            self._free(at, occupied, occupied.heard)
            await self._counts.requeue(counted, replica)
            return None
        occupied.lease = lease
        replicas = self._slots[counted] = [replica]
        lease.moves = partial(self._move, counted, replicas)
        if head.rank == SUSPECT:
            self._suspect = lease
        return _Claim(at, head, holding, occupied, lease, replicas)

    async def _move(self, counted: str, replicas: list[str], before: str, after: str) -> None:
        """The slot goes to where the answer is made; an outage is no reason to end that.

        Whoever is stopped here does not know which of the two keeps it: the end frees it at both.
        """
        replicas.append(after)
        with suppress(StoreError):
            await self._counts.move(counted, before, after, self._slot_life)

    async def _claim(self) -> _Claim | None:
        """Wait for a message; None once this is closed."""
        self._takers += 1
        self._news.set()
        try:
            claim = await self._claims.get()
        finally:
            self._takers -= 1
        if claim is None:
            self._claims.put_nowait(None)  # for whoever takes next
            if self._failure:
                raise self._failure
        return claim

    async def _done(self, claim: _Claim, seconds: float, *, handed_over: bool) -> None:
        """The answer ended, or the message is to be tried again."""
        lease, occupied = claim.lease, claim.occupied
        try:
            if handed_over and not lease.is_settled:
                with suppress(LeaseLost):  # another worker goes on with it already
                    await lease.uncount()
        finally:
            lease.revoke()
            occupied.lease = None
            if self._slots.get(claim.counted) is claim.replicas:  # else of a newer lease
                del self._slots[claim.counted]
            heard = occupied.heard
            if heard and heard.id == claim.head.id:  # by a look, while it was answered
                heard = None
            if lease.is_settled or heard:  # it was answered, or taken out
                self._free(claim.at, occupied, Head.read(lease.next_head) if lease.next_head else heard)
            else:
                occupied.pauses = claim.head
                pause = min(2.0 ** (lease.attempts - 1), LONGEST_PAUSE)
                asyncio.get_running_loop().call_later(pause, self._try_again, claim)
            if claim.holding.due_since is not None and not claim.holding.answers:
                self._partitions.wake()
        if lease.is_settled:
            await self._counts.finish(claim.counted, *claim.replicas, seconds=seconds)
        else:
            await self._counts.requeue(claim.counted, *claim.replicas)

    def _try_again(self, claim: _Claim) -> None:
        self._free(claim.at, claim.occupied, claim.occupied.heard or claim.head)

    def _free(self, at: Address, occupied: Occupied, head: Head | None) -> None:
        """The thread is free for what is next in it."""
        holding = self._partitions.get(at.partition)
        if holding and holding.occupied.get(at.thread) is occupied:
            del holding.occupied[at.thread]
            if head:
                self._add(at, head)
