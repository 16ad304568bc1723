"""The inbox: accepted messages in their order, and the lease under which each is answered."""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from adapters.redis import scripts
from adapters.redis.keys import ThreadKeys
from adapters.redis.ownership import Ownership, Partitions
from adapters.redis.store import Store
from adapters.redis.values import pack, unpack
from core.errors import LeaseLost, StoreError
from core.ports import Ledger, Receipt
from core.types import Message, ThreadId, Turn

POLL = 0.1
"""Seconds between two looks at the stop flag."""

SET_ASIDE = 100
"""How many messages that could not be read are kept per thread."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a ledger says: the platform's id of each page, None where only the intent is known, and
    the raw text of the model at the last checkpoint."""

    pages: dict[int, str | None]
    text: str


class RedisLedger:
    """The ledger of one message; it outlives a worker and ends with `Lease.finish`."""

    def __init__(self, run: Callable[..., Awaitable[Any]], life: int) -> None:
        self._run = run
        self._life = life

    async def intend(self, page: int) -> None:
        await self._run(scripts.NOTE, self._life, "HSETNX", f"page:{page}", "")  # an id stays known

    async def sent(self, page: int, platform_id: str) -> None:
        await self._run(scripts.NOTE, self._life, "HSET", f"page:{page}", platform_id)

    async def checkpoint(self, text: str) -> None:
        await self._run(scripts.NOTE, self._life, "HSET", "text", text)

    async def standing(self) -> Standing:
        """What this worker and those before it noted. Raises LeaseLost."""
        flat = [part.decode("utf-8", "surrogatepass") for part in await self._run(scripts.STANDING)]
        noted = dict(zip(flat[::2], flat[1::2], strict=True))
        text = noted.pop("text", "")
        return Standing({int(page.removeprefix("page:")): id_ or None for page, id_ in noted.items()}, text)


class RedisLease:
    """The right to answer one message; `attempts` says how often it was taken, this time included."""

    def __init__(
        self, store: Store, keys: ThreadKeys, ownership: Ownership, message: Message, attempts: int
    ) -> None:
        self.message = message
        self.attempts = attempts
        self.ledger: Ledger = RedisLedger(self._run, store.retention.words)
        self._retention = store.retention
        self._keys = keys
        self._ownership = ownership
        self._over = False

    async def stopped(self) -> None:
        """Return soon after a stop. Raises LeaseLost soon after the loss; waits out an outage."""
        while True:
            with suppress(StoreError):  # told by the heartbeat; meanwhile nobody can ask to stop
                if await self._run(scripts.STOPPED):
                    return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ownership.lost.wait(), POLL)

    async def finish(self, turn: Turn | None) -> None:
        """End the answer in one step. To call it again, say after a StoreError, changes nothing."""
        kept = b"" if turn is None else pack(turn)
        await self._run(scripts.FINISH, self._retention.words, kept, self._retention.turns)

    def end(self) -> None:
        """Refuse every later call: the context of `RedisInbox.take` was left."""
        self._over = True

    async def _run(self, script: str, *args: str | bytes | int) -> Any:
        if self._over:
            raise LeaseLost("The lease of this message was given back.")
        result = await self._ownership.run(script, self._keys, self.message.id, *args)
        if result is None:
            raise LeaseLost("This message is no longer in the inbox: its thread was forgotten.")
        return result


class RedisInbox:
    """The inbox as one worker sees it. Gateways, which only put and stop, may share one too.

    `worker` must be a name that no other process ever has; by default one is made. `ttl` is how
    many seconds after its last sign a silent worker keeps its partitions.
    """

    def __init__(self, store: Store, *, worker: str | None = None, ttl: float = 10.0) -> None:
        self._store = store
        self._partitions = Partitions(store, worker or _unique_name(), ttl)
        self._threads: WeakValueDictionary[ThreadId, asyncio.Lock] = WeakValueDictionary()

    async def put(self, message: Message) -> Receipt:
        """Accept a message. One that was put before is not accepted again, even once answered."""
        names = [*self._store.keys(message.thread), self._store.seen(message.thread, message.id)]
        retention = self._store.retention
        call = uuid.uuid4().hex
        accepted, ahead = await self._store.run(
            scripts.PUT, names, call, message.id, pack(message), retention.words, retention.seen
        )
        return Receipt(accepted=accepted == 1, ahead=ahead)

    @asynccontextmanager
    async def take(self, thread: ThreadId) -> AsyncIterator[RedisLease | None]:
        """As `Inbox.take`. The worker owns the whole partition of the thread meanwhile."""
        keys = self._store.keys(thread)
        async with (
            self._threads.setdefault(thread, asyncio.Lock()),
            self._partitions.hold(keys) as ownership,
        ):
            lease = await self._next(keys, ownership)
            try:
                yield lease
            finally:
                if lease is not None:
                    lease.end()

    async def stop(self, thread: ThreadId, message_id: str | None = None) -> None:
        """Mark that message, or the one that is being answered or comes next, as to be stopped."""
        life = self._store.retention.words
        await self._store.run(scripts.STOP, self._store.keys(thread), life, message_id or "")

    async def _next(self, keys: ThreadKeys, ownership: Ownership) -> RedisLease | None:
        life = self._store.retention.words
        while head := await ownership.run(scripts.TAKE, keys, life):
            message_id, stored, attempts = head
            message = unpack(Message, stored, keys.messages)
            if message is not None:
                return RedisLease(self._store, keys, ownership, message, attempts)
            await ownership.run(scripts.SET_ASIDE, keys, message_id, life, SET_ASIDE)
        return None


def _unique_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
