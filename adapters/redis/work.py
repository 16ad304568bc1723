"""The inbox as one worker takes from it: its share of the partitions, and who is next in them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from adapters.redis import keys, scripts
from adapters.redis.keys import Address, ThreadKeys
from adapters.redis.lease import LETTERS, UNREADABLE, RedisLease, Taken, wait
from adapters.redis.limits import Candidate, Limits
from adapters.redis.partitions import Holding, Partitions
from adapters.redis.ready import Head, Ready
from adapters.redis.store import Store
from adapters.redis.values import unpack_message
from core.errors import LeaseLost
from core.ports import Place

Capacity = Callable[[], Mapping[str, int]]
"""The slots of each replica by its name; without replicas nobody waits for one."""

LONGEST_PAUSE = 30.0
"""Seconds until a message is tried again that could not be answered several times."""
_POLL = 1.0
"""Seconds between two looks at a stop flag, or for a free slot, for whoever was not woken."""
_SHOWN = 20
"""How many places are told at a time."""


def no_slots() -> Mapping[str, int]:
    """The capacity where nobody counts slots."""
    return {}


@dataclass(frozen=True, slots=True)
class _Claim:
    """A message that is being answered."""

    at: Address
    head: Head
    holding: Holding
    lease: RedisLease

    @property
    def counted(self) -> bytes:
        return keys.counted(self.head.id, self.at)


class RedisWork:
    """As `Work`. Made by `RedisInbox.work`."""

    def __init__(self, store: Store, limits: Limits, worker: str, ttl: float, capacity: Capacity) -> None:
        self._store = store
        self._limits = limits
        self._worker = worker
        self._capacity = capacity
        self._partitions = Partitions(store, worker, ttl, seen=self._add, left=self._drop)
        self._ready = Ready()
        self._pausing: set[Address] = set()
        self._heard: dict[Address, Head] = {}  # what is next where a thread is not free
        self._slots: dict[bytes, str] = {}  # the replica that keeps a slot for each message
        self._takers: deque[asyncio.Future[_Claim | None]] = deque()
        self._news = asyncio.Event()  # somebody may be next, or a slot free
        self._failure: BaseException | None = None

    @classmethod
    @asynccontextmanager
    async def joined(
        cls, store: Store, limits: Limits, worker: str, ttl: float, capacity: Capacity
    ) -> AsyncIterator["RedisWork"]:
        """One worker more from here to the end of the context."""
        work = cls(store, limits, worker, ttl, capacity)
        staying = work._partitions.stay_alive(also=lambda: limits.renew(work._slots))
        tasks = [asyncio.create_task(each) for each in (work._listen(), work._share_out(), staying)]
        for task in tasks:
            task.add_done_callback(work._ended)
        try:
            yield work
        finally:
            work.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await work._partitions.leave()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[RedisLease | None]:
        """As `Work.take`."""
        claim = await self._claim()
        if claim is None:
            yield None
            return
        began, handed_over = _now(), False
        try:
            yield claim.lease
        except asyncio.CancelledError:
            handed_over = True
            raise
        finally:
            await self._done(claim, _now() - began, handed_over=handed_over)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What ends before its time ends everything: a worker that only seems to work is worse."""
        if not task.cancelled() and (failure := task.exception()):
            self._failure = failure
            for taker in self._takers:
                if not taker.done():
                    taker.set_exception(failure)

    def close(self) -> None:
        """As `Work.close`."""
        self._partitions.closed = True
        self._partitions.hurry.set()
        self._news.set()

    async def waiting(self) -> list[Place]:
        """As `Work.waiting`, for the next message of each thread."""
        heads = sorted(self._ready, key=lambda entry: entry[1].since)[:_SHOWN]
        if not heads:
            return []
        queue, slots = await self._limits.queue(), sum(self._capacity().values())
        places = []
        for at, head, own in heads:
            names = keys.of_thread(at)
            stored = await self._store.command("HGET", names.messages, head.id)
            message = unpack_message(stored, names.messages) if stored else None
            if message:
                ahead = queue.ahead(head.person, own)
                seconds = queue.seconds * (ahead + 1) / slots if slots and queue.seconds else None
                places.append(Place(message, ahead, seconds))
        return sorted(places, key=lambda place: place.ahead)

    # What is next.

    async def _claim(self) -> _Claim | None:
        """Wait for a message; None once this is closed."""
        if self._failure:
            raise self._failure
        if self._partitions.closed:
            return None
        wanted: asyncio.Future[_Claim | None] = asyncio.get_running_loop().create_future()
        self._takers.append(wanted)
        self._news.set()
        try:
            return await wanted
        except asyncio.CancelledError:
            claim = wanted.result() if wanted.done() and not wanted.cancelled() else None
            if claim:  # it came at the same moment
                await self._done(claim, 0.0, handed_over=True)
            raise

    async def _share_out(self) -> None:
        """Give those who take what is next, until this is closed."""
        while not self._partitions.closed:
            self._news.clear()
            self._takers = deque(taker for taker in self._takers if not taker.done())
            if not self._takers or not self._ready:
                await self._news.wait()
                continue
            begun = await self._begin(len(self._takers))
            claims = await asyncio.gather(*(self._take(*each) for each in begun))
            for claim in filter(None, claims):
                await self._give(claim)
            if not begun:
                await wait(self._news, _POLL)
        for taker in self._takers:
            if not taker.done():
                taker.set_result(None)

    async def _begin(self, most: int) -> list[tuple[Address, Head, str]]:
        """Those who are next, with the replica that keeps a slot for each."""
        if stopped := self._ready.stopped()[:most]:
            return [(*each, "") for each in stopped]
        ready = self._ready.first(most)
        candidates = [Candidate(head.person, keys.counted(head.id, at)) for at, head in ready]
        begun = await self._limits.begin(self._worker, candidates, self._capacity(), most)
        return [(*ready[each.candidate], each.replica) for each in begun]

    async def _take(self, at: Address, head: Head, replica: str) -> _Claim | None:
        """Begin with this message, if it is still there and ours."""
        self._ready.discard(at)
        holding, names = self._partitions.get(at.partition), keys.of_thread(at)
        counted, lease = keys.counted(head.id, at), None
        if holding and holding.takes:
            holding.busy[at.thread] = None
            with suppress(LeaseLost):
                lease = await self._lease(holding, names, head.id, replica)
        if not holding or not lease:  # it waits for another worker, was taken out, or cannot be read
            if holding:
                holding.busy.pop(at.thread, None)
            self._go_on(at, None)
            await self._limits.end(counted, replica, waits=True)
            return None
        holding.busy[at.thread] = lease
        self._slots[counted] = replica
        return _Claim(at, head, holding, lease)

    async def _lease(
        self, holding: Holding, names: ThreadKeys, message_id: bytes, replica: str
    ) -> RedisLease | None:
        """Take this message; None where it is not there any more or cannot be read. Raises LeaseLost."""
        ownership, retention = holding.ownership, self._store.retention
        stored = await ownership.run(scripts.TAKE, names, retention.words, message_id)
        taken = Taken.read(names, *stored[1:]) if stored else None
        if taken:
            return RedisLease(names, ownership, taken, replica=replica, retention=retention, poll=_POLL)
        if stored:
            await ownership.run(scripts.SET_ASIDE, names, message_id, retention.words, LETTERS, UNREADABLE)
        return None

    async def _give(self, claim: _Claim) -> None:
        """Give a claim to whoever takes first; where nobody does any more it is handed over."""
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(claim)
                return
        await self._done(claim, 0.0, handed_over=True)

    async def _done(self, claim: _Claim, took: float, *, handed_over: bool) -> None:
        """The answer ended, or the message is to be tried again."""
        at, lease, holding = claim.at, claim.lease, claim.holding
        try:
            if not lease.ended and handed_over:
                await lease.give_back()
        except LeaseLost:
            pass  # another worker goes on with it already
        finally:
            lease.end()
            self._slots.pop(claim.counted, None)
            holding.busy.pop(at.thread, None)
        if lease.ended:
            self._go_on(at, Head.read(lease.next_head) if lease.next_head else None)
            await self._limits.end(claim.counted, lease.replica, seconds=took)
        else:
            self._pausing.add(at)
            pause = min(2.0 ** (lease.attempts - 1), LONGEST_PAUSE)
            asyncio.get_running_loop().call_later(pause, self._try_again, at, claim.head)
            await self._limits.end(claim.counted, lease.replica, waits=True)
        if holding.due_since is not None and not holding.busy:
            self._partitions.hurry.set()

    def _try_again(self, at: Address, head: Head) -> None:
        self._pausing.discard(at)
        self._go_on(at, self._heard.pop(at, head))

    def _go_on(self, at: Address, head: Head | None) -> None:
        """A thread is free for what is next in it; that may have been heard of before the thread was free."""
        if head := head or self._heard.get(at):
            self._add(at, head)

    def _add(self, at: Address, head: Head) -> None:
        """Note what is next in a thread, if that is ours to answer: now, or once the thread is free."""
        self._heard.pop(at, None)
        holding = self._partitions.get(at.partition)
        if not holding or not holding.takes:
            return
        if at.thread in holding.busy or (
            at in self._pausing and head.since
        ):  # what was stopped need not pause
            self._heard[at] = head
        else:
            self._ready.add(at, head)
            self._news.set()

    def _drop(self, partition: str) -> None:
        """Nothing of this partition is ours to answer any more."""
        for at in [at for at, _, _ in self._ready if at.partition == partition]:
            self._ready.discard(at)
        self._heard = {at: head for at, head in self._heard.items() if at.partition != partition}

    # What wakes us.

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
            self._partitions.hurry.set()
        elif what in (b"mail", b"stop"):
            partition, thread, more = rest.split(b" ", 2)
            at = Address(partition.decode(), thread.decode())
            holding = self._partitions.get(at.partition)
            if what == b"mail":
                self._add(at, Head.read(more))
            elif lease := holding and holding.busy.get(at.thread):
                lease.news.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
