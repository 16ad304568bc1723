"""Who owns a partition: one worker at a time, by a lease that is renewed and fenced.

The owner's key expires when its worker falls silent. The fence counts the acquisitions and every
script checks it, so that a worker that was paused or cut off can never write after another took
over (fencing tokens: M. Kleppmann, "How to do distributed locking", 2016).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakSet, WeakValueDictionary

import structlog

from adapters.redis import scripts
from adapters.redis.keys import PartitionKeys, ThreadKeys
from adapters.redis.store import Store
from core.errors import LeaseLost, StoreError

log = structlog.get_logger()

FIRST_WAIT, LONGEST_WAIT = 0.02, 0.25
"""Seconds between two looks at a partition that another worker holds."""


class Ownership:
    """One worker's hold on one partition, from its acquisition to its release or loss.

    `patience` is for how many seconds a call waits while the server is out of reach; None: for ever.
    """

    def __init__(
        self, store: Store, names: PartitionKeys, token: str, ttl: float, patience: float | None
    ) -> None:
        self.is_lost = False
        self.watchers: WeakSet[asyncio.Event] = WeakSet()  # set once it is lost
        self._store = store
        self._names = names
        self._token = token
        self._ttl = ttl
        self._patience = patience

    async def run(self, script: str, keys: ThreadKeys, *args: str | bytes | int) -> Any:
        """Run a fenced script. Raises LeaseLost from the moment another worker holds the partition."""
        if not self.is_lost:
            try:
                return await self._store.insist(script, keys, self._token, *args, patience=self._patience)
            except LeaseLost:
                log.warning("redis.lease_lost", partition=self._names.owner)
                self.lose()
        raise LeaseLost("Another worker holds this thread now.")

    def lose(self) -> None:
        """Refuse every later call, and wake whoever waits for something of this partition."""
        self.is_lost = True
        for watcher in self.watchers:
            watcher.set()

    async def renew(self) -> None:
        """Let the lease run anew from now. Raises LeaseLost, and StoreError at once."""
        try:
            await self._store.run(
                scripts.RENEW,
                self._names,
                self._token,
                round(self._ttl * 1000),
                self._store.retention.words,
            )
        except LeaseLost:
            self.lose()
            raise

    async def release(self, heir: str = "") -> None:
        """Let another worker have the partition at once; `heir` is told, if somebody waits for it."""
        self.lose()
        try:
            await self._store.run(scripts.RELEASE, self._names, self._token, heir)
        except StoreError as error:
            log.warning("redis.release_failed", partition=self._names.owner, error=str(error))  # it lapses


async def acquire(
    store: Store, names: PartitionKeys, worker: str, ttl: float, patience: float | None
) -> Ownership | None:
    """Own a partition from now on; None while another worker holds it."""
    milliseconds, fence_life = round(ttl * 1000), store.retention.words
    token = await store.run(scripts.ACQUIRE, names, worker, milliseconds, fence_life)
    return Ownership(store, names, token, ttl, patience) if token else None


class Holds:
    """The partitions that a process holds while it uses them; threads of one partition share a hold."""

    def __init__(self, store: Store, worker: str, ttl: float, patience: float | None) -> None:
        self._store = store
        self._worker = worker
        self._ttl = ttl
        self._patience = patience
        self._held: dict[str, _Hold] = {}
        self._entries: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, keys: ThreadKeys) -> AsyncIterator[Ownership]:
        """Own the partition of these keys inside the context; waits while another worker owns it."""
        async with self._entries.setdefault(keys.owner, asyncio.Lock()):
            hold = await self._shared(keys.owner) or await self._wait_for(keys.partition)
            hold.users += 1
        try:
            yield hold.ownership
        finally:
            hold.users -= 1
            if not hold.users:
                if self._held.get(keys.owner) is hold:
                    del self._held[keys.owner]
                await hold.end()

    async def _shared(self, owner: str) -> "_Hold | None":
        """What another thread already holds, if it still stands."""
        hold = self._held.get(owner)
        if hold is None:
            return None
        try:
            await hold.ownership.renew()
        except LeaseLost:
            return None
        return hold if hold.users else None  # its last user may have left meanwhile

    async def _wait_for(self, names: PartitionKeys) -> "_Hold":
        wait = FIRST_WAIT
        while not (ownership := await acquire(self._store, names, self._worker, self._ttl, self._patience)):
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, LONGEST_WAIT)
        hold = self._held[names.owner] = _Hold(ownership, self._ttl / 3)
        return hold


class _Hold:
    """An ownership that is renewed in time for as long as it has users."""

    def __init__(self, ownership: Ownership, beat: float) -> None:
        self.ownership = ownership
        self.users = 0
        self._heartbeat = asyncio.create_task(self._renew(beat))

    async def end(self) -> None:
        self._heartbeat.cancel()
        await asyncio.wait([self._heartbeat])
        await self.ownership.release()

    async def _renew(self, beat: float) -> None:
        while True:
            await asyncio.sleep(beat)
            try:
                await self.ownership.renew()
            except StoreError:
                continue  # the store tells of an outage; the lease holds until somebody takes it
            except LeaseLost:
                return
