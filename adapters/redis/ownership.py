"""Who owns a partition: one worker at a time, by a lease that is renewed and fenced.

The owner's key expires when its worker falls silent. The fence counts the acquisitions and every
script checks it, so that a worker that was paused or cut off can never write after another took
over (fencing tokens: M. Kleppmann, "How to do distributed locking", 2016).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from weakref import WeakSet

import structlog

from adapters.redis import scripts
from adapters.redis.keys import PartitionKeys, ThreadKeys
from adapters.redis.store import HICCUP, Store
from core.errors import LeaseLost, StoreError

log = structlog.get_logger()

FIRST_WAIT, LONGEST_WAIT = 0.02, 0.25
"""Seconds between two looks at a partition that another worker holds."""


class Ownership:
    """One worker's hold on one partition, from its acquisition to its release or loss.

    `patience` is for how many seconds a call waits while the server is out of reach; None: for ever.
    `since` is when its acquisition began, by ``time.monotonic``.
    """

    def __init__(
        self,
        store: Store,
        names: PartitionKeys,
        token: str,
        ttl: float,
        patience: float | None,
        since: float,
    ) -> None:
        self.retention = store.retention
        self.is_lost = False
        self.watchers: WeakSet[asyncio.Event] = WeakSet()  # set once it is lost
        self._store = store
        self._names = names
        self._token = token
        self._ttl = ttl
        self._patience = patience
        self._since = since

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

    async def renew(self, patience: float | None = HICCUP) -> None:
        """Let the lease run anew from now. Raises LeaseLost, and StoreError when the `patience` ends."""
        milliseconds, fence_life, since = round(self._ttl * 1000), self.retention.words, time.monotonic()
        try:
            await self._store.insist(
                scripts.RENEW, self._names, self._token, milliseconds, fence_life, patience=patience
            )
        except LeaseLost:
            self.lose()
            raise
        self._since = since

    async def held(self) -> None:
        """Return while no other worker can have acquired the partition; raises LeaseLost.

        The server is asked only where the lease ran out by our own clock, as in a process that was paused.
        """
        while self.is_lost or time.monotonic() >= self._since + self._ttl:
            if self.is_lost:
                raise LeaseLost("Another worker holds this thread now.")
            await self.renew(self._patience)

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
    milliseconds, fence_life, since = round(ttl * 1000), store.retention.words, time.monotonic()
    token = await store.run(scripts.ACQUIRE, names, worker, milliseconds, fence_life)
    return Ownership(store, names, token, ttl, patience, since) if token else None


@asynccontextmanager
async def held(
    store: Store, names: PartitionKeys, worker: str, ttl: float, patience: float
) -> AsyncIterator[Ownership]:
    """Own a partition inside the context, however long that lasts; waits while another worker owns it."""
    wait = FIRST_WAIT
    while not (ownership := await acquire(store, names, worker, ttl, patience)):
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, LONGEST_WAIT)
    renewing = asyncio.create_task(_renew(ownership, ttl / 3))
    try:
        yield ownership
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
        await ownership.release()


async def _renew(ownership: Ownership, beat: float) -> None:
    """Renew until the partition is lost."""
    with suppress(LeaseLost):
        while True:
            await asyncio.sleep(beat)
            with suppress(
                StoreError
            ):  # the store tells of an outage; the lease holds until somebody takes it
                await ownership.renew()
