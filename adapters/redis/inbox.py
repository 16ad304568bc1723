"""The inbox: accepted messages in their order."""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from weakref import WeakValueDictionary

import structlog

from adapters.redis import keys, scripts
from adapters.redis.counts import Bounds, Counts
from adapters.redis.keys import OWN_PARTITION
from adapters.redis.lease import RedisLease, take_message
from adapters.redis.ownership import held
from adapters.redis.store import Store
from adapters.redis.values import pack_message
from adapters.redis.work import Capacity, RedisWork, no_slots
from core import trace
from core.affinity import ranked
from core.errors import InboxFull
from core.ports import Load, Receipt
from core.story import known
from core.types import Message, ThreadId

log = structlog.get_logger()

POLL = 0.1
"""Seconds between two looks at the stop flag of a message that a process answers for itself."""
_PATIENCE = 30.0
"""Seconds for which a person at a terminal waits for a server that is out of reach."""


class RedisInbox:
    """The inbox as one process sees it: a gateway puts, a worker works, a terminal does both.

    `worker` must be a name that no other process ever has; by default one is made. `ttl` is how
    many seconds after its last sign a silent worker keeps its partitions; the other times of a worker follow
    from it. `capacity` tells the slots of each replica of a model, over all workers.
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
        self._bounds = bounds or Bounds()
        self._capacity = capacity
        self._counts = Counts(store)
        self._threads: WeakValueDictionary[ThreadId, asyncio.Lock] = WeakValueDictionary()

    async def put(self, message: Message) -> Receipt:
        """Accept a message. One that was put before is not accepted again, even once answered."""
        with trace.step("message.accept", known(message)) as step:
            receipt = await self._put(replace(message, trace=step.place))
            if not receipt.accepted:
                step.drop()  # its trace began when it was put before
        return receipt

    async def _put(self, message: Message) -> Receipt:
        store, thread = self._store, message.thread
        at, mark = store.address(thread), store.seen(thread, message.id)
        counted, person = keys.counted(message.id, at), keys.person(thread.platform, message.author)
        is_counted = thread.platform not in OWN_PARTITION
        try:
            await self._counts.admit(counted, person, str(thread), self._bounds, is_counted=is_counted)
        except InboxFull:
            if await store.command("EXISTS", mark):
                return Receipt(accepted=False, ahead=0)  # it was taken when there was room
            log.warning("inbox.full", platform=thread.platform)
            raise
        accepted, ahead = await store.run(
            scripts.PUT, [*keys.of_thread(at), mark],
            uuid.uuid4().hex, message.id, pack_message(message), store.retention.words, store.retention.seen,
        )  # fmt: skip
        if accepted:
            await self._counts.list_again(person, str(thread))
        elif not await store.command("HEXISTS", keys.of_thread(at).messages, message.id):
            await self._counts.finish(counted)
        if accepted == 1:
            log.info("inbox.accepted", platform=thread.platform, message_id=message.id, thread=str(thread))
        return Receipt(accepted=accepted == 1, ahead=ahead)

    @asynccontextmanager
    async def take(self, thread: ThreadId) -> AsyncIterator[RedisLease | None]:
        """As `Inbox.take`. Raises ValueError for a thread that is no partition of its own: see `work`."""
        if thread.platform not in OWN_PARTITION:
            raise ValueError(f"the threads of {thread.platform} are taken by workers")
        names = self._store.keys(thread)
        async with (
            self._threads.setdefault(thread, asyncio.Lock()),
            held(self._store, names.partition, self._worker, self._ttl, _PATIENCE) as ownership,
        ):
            lease = await take_message(ownership, names, poll=POLL)
            if lease:  # no slot is kept for it, but its thread has an order of replicas too
                replicas = tuple(name for name, slots in self._capacity(lease.model).items() if slots)
                at = self._store.address(thread)
                lease.replica = replicas[ranked(at.thread, replicas)[0]] if replicas else ""
            try:
                yield lease
            finally:
                if lease:
                    lease.revoke()

    def work(self) -> AbstractAsyncContextManager[RedisWork]:
        """As `Inbox.work`."""
        return RedisWork.joined(self._store, self._worker, self._ttl, self._capacity)

    async def load(self) -> Load:
        """As `Inbox.load`."""
        return await self._counts.load()

    async def stop(self, thread: ThreadId, message_id: str | None = None) -> None:
        """Mark that message, or the one that is being answered or comes next, as to be stopped."""
        life = self._store.retention.words
        await self._store.run(scripts.STOP, self._store.keys(thread), life, message_id or "")

    async def edit(self, message: Message) -> bool:
        """As `Inbox.edit`."""
        names = self._store.keys(message.thread)
        with trace.step("message.edit", known(message)) as step:
            stored = pack_message(replace(message, trace=step.place))
            in_time = bool(await self._store.run(scripts.EDIT, names, message.id, stored))
            if not in_time:
                step.drop()
        return in_time

    async def delete(self, thread: ThreadId, message_id: str) -> None:
        """As `Inbox.delete`."""
        at, life = self._store.address(thread), self._store.retention.words
        if await self._store.run(scripts.DELETE, keys.of_thread(at), life, message_id) is not None:
            await self._counts.finish(keys.counted(message_id, at))


def _unique_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
