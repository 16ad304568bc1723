"""Who owns a partition: one worker at a time, by a lease that is renewed and fenced.

The owner's key expires when its worker falls silent. The fence counts the acquisitions and every
script checks it, so that a worker that was paused or cut off can never write after another took
over (fencing tokens: M. Kleppmann, "How to do distributed locking", 2016).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

import structlog

from adapters.redis import scripts
from adapters.redis.keys import ThreadKeys
from adapters.redis.store import Store
from core.errors import LeaseLost, StoreError

log = structlog.get_logger()

FIRST_WAIT, LONGEST_WAIT = 0.02, 0.25
"""Seconds between two looks at a partition that another worker holds."""


class Ownership:
    """One worker's hold on one partition, from its acquisition to its release or loss."""

    def __init__(self, store: Store, names: Sequence[str], token: str, ttl: float) -> None:
        self.lost = asyncio.Event()
        self.users = 0
        self._store = store
        self._names = names
        self._token = token
        self._ttl = ttl
        self._heartbeat = asyncio.create_task(self._beat())

    async def run(self, script: str, names: Sequence[str], *args: str | bytes | int) -> Any:
        """Run a fenced script. Raises LeaseLost from the moment another worker holds the partition."""
        if not self.lost.is_set():
            try:
                return await self._store.run(script, names, self._token, *args)
            except LeaseLost:
                log.warning("redis.lease_lost", partition=self._names[0])
                self.lost.set()
        raise LeaseLost("Another worker holds this thread now.")

    async def renew(self) -> None:
        """Let the lease run anew from now."""
        milliseconds, fence_life = round(self._ttl * 1000), self._store.retention.words
        await self.run(scripts.RENEW, self._names, milliseconds, fence_life)

    async def release(self) -> None:
        """Let another worker have the partition at once."""
        self._heartbeat.cancel()
        await asyncio.wait([self._heartbeat])
        try:
            await self._store.run(scripts.RELEASE, self._names, self._token)
        except StoreError as error:
            log.warning("redis.release_failed", partition=self._names[0], error=str(error))  # it lapses

    async def _beat(self) -> None:
        """Renew in time until the partition is lost; an outage is waited out and told once."""
        silent = False
        while not self.lost.is_set():
            await asyncio.sleep(self._ttl / 3)
            try:
                await self.renew()
                silent = False
            except StoreError as error:
                if not silent:
                    log.warning("redis.renewal_failed", partition=self._names[0], error=str(error))
                silent = True
            except LeaseLost:
                return


class Partitions:
    """The partitions that one worker owns; threads of the same partition share its ownership."""

    def __init__(self, store: Store, worker: str, ttl: float) -> None:
        self._store = store
        self._worker = worker
        self._ttl = ttl
        self._owned: dict[str, Ownership] = {}
        self._entries: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, keys: ThreadKeys) -> AsyncIterator[Ownership]:
        """Own the partition of these keys inside the context; waits while another worker owns it."""
        async with self._entries.setdefault(keys.owner, asyncio.Lock()):
            ownership = await self._shared(keys) or await self._acquire(keys)
            ownership.users += 1
        try:
            yield ownership
        finally:
            ownership.users -= 1
            if not ownership.users:
                if self._owned.get(keys.owner) is ownership:
                    del self._owned[keys.owner]
                await ownership.release()

    async def _shared(self, keys: ThreadKeys) -> Ownership | None:
        """The ownership that another thread already uses, if it still stands."""
        ownership = self._owned.get(keys.owner)
        if ownership is None:
            return None
        try:
            await ownership.renew()
        except LeaseLost:
            return None
        return ownership if ownership.users else None  # its last user may have left meanwhile

    async def _acquire(self, keys: ThreadKeys) -> Ownership:
        names = (keys.owner, keys.fence)
        milliseconds, fence_life = round(self._ttl * 1000), self._store.retention.words
        wait = FIRST_WAIT
        while not (
            token := await self._store.run(scripts.ACQUIRE, names, self._worker, milliseconds, fence_life)
        ):
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, LONGEST_WAIT)
        ownership = self._owned[keys.owner] = Ownership(self._store, names, token, self._ttl)
        return ownership
