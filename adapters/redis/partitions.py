"""The partitions that one worker holds: its share of all, taken, kept and left as workers come and go."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from adapters.redis import keys, scripts
from adapters.redis.keys import Address
from adapters.redis.lease import RedisLease, wait
from adapters.redis.ownership import Ownership, acquire
from adapters.redis.ready import Head
from adapters.redis.store import Store
from adapters.redis.workers import Workers, heir
from core.errors import LeaseLost, StoreError

log = structlog.get_logger()

SWEEP = 5.0
"""Seconds between two looks at all that waits, for what nobody was woken for."""
HANDOVER = 30.0
"""Seconds for which answers may go on in a partition that is due to another worker."""


@dataclass(slots=True)
class Holding:
    """A partition that is ours: its threads that are being answered, and since when another worker is due.

    A thread has no lease yet while its message is being taken.
    """

    ownership: Ownership
    busy: dict[str, RedisLease | None] = field(default_factory=dict)
    due_since: float | None = None

    @property
    def takes(self) -> bool:
        """Whether further messages of it may be answered here."""
        return self.due_since is None and not self.ownership.is_lost


class Partitions:
    """Who holds what is decided by `workers.heir`; call `stay_alive` for as long as the worker works.

    `seen` is told of each message that is next in its thread, and `left` of each partition that is no
    longer ours.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        ttl: float,
        *,
        seen: Callable[[Address, Head], None],
        left: Callable[[str], None],
    ) -> None:
        self.hurry = asyncio.Event()  # somebody came or went, or something may have been missed
        self.closed = False
        self._store = store
        self._worker = worker
        self._ttl = ttl
        self._seen = seen
        self._left = left
        self._workers = Workers(store, ttl)
        self._held: dict[str, Holding] = {}
        self._look_at = 0.0

    def get(self, name: str) -> Holding | None:
        """The holding of a partition that is ours."""
        return self._held.get(name)

    def look(self) -> None:
        """Look at everything that waits, soon."""
        self._look_at = 0.0
        self.hurry.set()

    async def stay_alive(self, also: Callable[[], Awaitable[None]]) -> None:
        """Renew in time until cancelled, and do this `also`."""
        while True:
            self.hurry.clear()
            with suppress(StoreError):  # the store tells of an outage; what is held is held until it is taken
                await self._beat()
                await also()
            await wait(self.hurry, self._ttl / 3)

    async def leave(self) -> None:
        """Give everything back at the end."""
        with suppress(StoreError):
            alive = await self._workers.leave(self._worker)
            for name, holding in self._held.items():
                await holding.ownership.release(heir(name, alive) if alive else "")

    async def _beat(self) -> None:
        """Say that we are alive, keep what is ours, take what should be and leave what should not."""
        alive = await (self._workers.leave if self.closed else self._workers.beat)(self._worker)
        names = [f"p{number}" for number in range(self._store.partitions)]
        heirs = {name: heir(name, alive) if alive else "" for name in names}
        await asyncio.gather(*(self._keep(name, holding) for name, holding in list(self._held.items())))
        for name, holding in list(self._held.items()):
            if heirs[name] != self._worker:
                await self._hand_over(name, holding, heirs[name])
            elif holding.due_since is not None:
                holding.due_since = None
                await self._look(name)
        missing = [name for name in names if heirs[name] == self._worker and name not in self._held]
        await asyncio.gather(*map(self._acquire, missing))
        if asyncio.get_running_loop().time() > self._look_at:
            self._look_at = asyncio.get_running_loop().time() + SWEEP
            await asyncio.gather(*map(self._look, self._held))

    async def _keep(self, name: str, holding: Holding) -> None:
        try:
            await holding.ownership.renew()
        except LeaseLost:
            self._let_go(name)

    async def _acquire(self, name: str) -> None:
        ownership = await acquire(self._store, keys.of_partition(name), self._worker, self._ttl, None)
        if ownership:
            self._held[name] = Holding(ownership)
            await self._look(name)

    async def _look(self, name: str) -> None:
        """See what waits in a partition."""
        flat = await self._store.run(scripts.HEADS, keys.of_partition(name))
        for thread, stored in zip(flat[::2], flat[1::2], strict=True):
            self._seen(Address(name, thread.decode()), Head.read(stored))

    async def _hand_over(self, name: str, holding: Holding, to: str) -> None:
        """Leave a partition to another worker, as soon as the answers in it allow."""
        now = asyncio.get_running_loop().time()
        if holding.due_since is None:
            holding.due_since = now
            self._left(name)
        if holding.busy and to and now - holding.due_since > HANDOVER:
            log.info("redis.answers_handed_over", partition=name, answers=len(holding.busy))
            await give_back(holding.busy)
            holding.busy.clear()
        if not holding.busy:
            self._let_go(name)
            await holding.ownership.release(to)

    def _let_go(self, name: str) -> None:
        del self._held[name]
        self._left(name)


async def give_back(busy: Mapping[str, RedisLease | None]) -> None:
    """Let none of these attempts count: another worker goes on with them."""
    for lease in list(busy.values()):
        with suppress(LeaseLost):
            if lease:
                await lease.give_back()
