"""The inbox: accepted messages in their order."""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from weakref import WeakValueDictionary

from adapters.redis import keys, scripts
from adapters.redis.keys import OWN_PARTITION, ThreadKeys
from adapters.redis.lease import LETTERS, UNREADABLE, RedisLease, Taken
from adapters.redis.limits import Bounds, Limits
from adapters.redis.ownership import Holds, Ownership
from adapters.redis.store import Store
from adapters.redis.values import pack_message
from adapters.redis.work import Capacity, RedisWork, no_slots
from core.errors import InboxFull
from core.ports import Receipt
from core.types import Message, ThreadId

POLL = 0.1
"""Seconds between two looks at the stop flag of a message that a process answers for itself."""
_PATIENCE = 30.0
"""Seconds for which a person at a terminal waits for a server that is out of reach."""


class RedisInbox:
    """The inbox as one process sees it: a gateway puts, a worker works, a terminal does both.

    `worker` must be a name that no other process ever has; by default one is made. `ttl` is how
    many seconds after its last sign a silent worker keeps its partitions. `capacity` tells the
    slots of each replica, over all workers.
    """

    def __init__(
        self,
        store: Store,
        *,
        worker: str | None = None,
        ttl: float = 3.0,
        bounds: Bounds | None = None,
        capacity: Capacity = no_slots,
    ) -> None:
        self._store = store
        self._worker = worker or _unique_name()
        self._ttl = ttl
        self._capacity = capacity
        self._limits = Limits(store, bounds or Bounds(), slot_life=3 * ttl)
        self._holds = Holds(store, self._worker, ttl, _PATIENCE)
        self._threads: WeakValueDictionary[ThreadId, asyncio.Lock] = WeakValueDictionary()

    async def put(self, message: Message) -> Receipt:
        """Accept a message. One that was put before is not accepted again, even once answered."""
        store, thread = self._store, message.thread
        mark = store.seen(thread, message.id)
        is_counted = thread.platform not in OWN_PARTITION
        if not is_counted:
            await self._limits.note(keys.person(thread.platform, message.author), str(thread))
        else:
            try:
                await self._count_in(message)
            except InboxFull:
                if await store.command("EXISTS", mark):
                    return Receipt(accepted=False, ahead=0)  # it was taken when there was room
                raise
        accepted, ahead = await store.run(
            scripts.PUT, [*store.keys(thread), mark],
            uuid.uuid4().hex, message.id, pack_message(message), store.retention.words, store.retention.seen,
        )  # fmt: skip
        if is_counted and not accepted and not await self._waits(message):
            await self._limits.end(keys.counted(message.id, store.address(thread)))
        return Receipt(accepted=accepted == 1, ahead=ahead)

    @asynccontextmanager
    async def take(self, thread: ThreadId) -> AsyncIterator[RedisLease | None]:
        """As `Inbox.take`. The process owns the whole partition of the thread meanwhile."""
        names = self._store.keys(thread)
        async with (
            self._threads.setdefault(thread, asyncio.Lock()),
            self._holds.hold(names) as ownership,
        ):
            lease = await self._next(names, ownership)
            try:
                yield lease
            finally:
                if lease is not None:
                    lease.end()
                    if lease.ended and thread.platform not in OWN_PARTITION:
                        await self._limits.end(keys.counted(lease.message.id, self._store.address(thread)))

    def work(self) -> AbstractAsyncContextManager[RedisWork]:
        """As `Inbox.work`."""
        return RedisWork.joined(self._store, self._limits, self._worker, self._ttl, self._capacity)

    async def stop(self, thread: ThreadId, message_id: str | None = None) -> None:
        """Mark that message, or the one that is being answered or comes next, as to be stopped."""
        life = self._store.retention.words
        await self._store.run(scripts.STOP, self._store.keys(thread), life, message_id or "")

    async def edit(self, message: Message) -> bool:
        """As `Inbox.edit`."""
        names = self._store.keys(message.thread)
        return bool(await self._store.run(scripts.EDIT, names, message.id, pack_message(message)))

    async def delete(self, thread: ThreadId, message_id: str) -> None:
        """As `Inbox.delete`."""
        names, life = self._store.keys(thread), self._store.retention.words
        if await self._store.run(scripts.DELETE, names, life, message_id) is not None:
            await self._limits.end(keys.counted(message_id, self._store.address(thread)))

    async def _count_in(self, message: Message) -> None:
        thread = message.thread
        counted = keys.counted(message.id, self._store.address(thread))
        await self._limits.admit(counted, keys.person(thread.platform, message.author), str(thread))

    async def _waits(self, message: Message) -> bool:
        """Whether a message that was put before is still in the inbox."""
        messages = self._store.keys(message.thread).messages
        return bool(await self._store.command("HEXISTS", messages, message.id))

    async def _next(self, names: ThreadKeys, ownership: Ownership) -> RedisLease | None:
        retention = self._store.retention
        while head := await ownership.run(scripts.TAKE, names, retention.words, ""):
            message_id, *rest = head
            if taken := Taken.read(names, *rest):
                return RedisLease(names, ownership, taken, retention=retention, poll=POLL)
            await ownership.run(scripts.SET_ASIDE, names, message_id, retention.words, LETTERS, UNREADABLE)
        return None


def _unique_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
