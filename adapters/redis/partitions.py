"""The partitions that one worker holds: its share of all, taken, kept and left as workers come and go."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from adapters.redis import keys
from adapters.redis.keys import Address
from adapters.redis.lease import RedisLease
from adapters.redis.ownership import Ownership, acquire
from adapters.redis.ready import Head
from adapters.redis.store import Store
from adapters.redis.workers import beat, heir
from core.errors import LeaseLost, StoreError

log = structlog.get_logger()

PATIENCE, LONGEST_ANSWER = 10, 200
"""For how many ttl a partition is still served for which another worker is due, and an answer there may last.
"""


@dataclass(slots=True)
class Occupied:
    """A thread that is not free: its message is being taken, or answered under the `lease`, or it `pauses`
    until it is tried again. `heard` is what came meanwhile of the message that is next.
    """

    lease: RedisLease | None = None
    pauses: Head | None = None
    heard: Head | None = None


@dataclass(slots=True)
class Holding:
    """A partition that is ours: its threads that are not free, since when another worker is due, and whether
    it `waits` for the end of the last answers here.
    """

    ownership: Ownership
    occupied: dict[str, Occupied] = field(default_factory=dict)
    due_since: float | None = None
    waits: bool = False

    @property
    def takes(self) -> bool:
        """Whether further messages of it may be answered here."""
        return not self.waits and not self.ownership.is_lost

    @property
    def answers(self) -> list[Occupied]:
        """The threads in which an answer is made."""
        return [each for each in self.occupied.values() if not each.pauses]


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
        self.is_closed = False
        self._store = store
        self._worker = worker
        self._ttl = ttl
        self._seen = seen
        self._left = left
        self._held: dict[str, Holding] = {}
        self._news = asyncio.Event()  # somebody came or went, or something may have been missed
        self._look_at = 0.0

    def get(self, name: str) -> Holding | None:
        """The holding of a partition that is ours."""
        return self._held.get(name)

    def wake(self) -> None:
        """Look soon who should hold what."""
        self._news.set()

    def look(self) -> None:
        """Look at everything that waits, soon."""
        self._look_at = 0.0
        self.wake()

    def close(self) -> None:
        """Leave everything to others, as soon as the answers allow."""
        self.is_closed = True
        self.wake()

    async def stay_alive(self) -> None:
        """Renew in time until cancelled."""
        while True:
            self._news.clear()
            with suppress(StoreError):  # the store tells of an outage; what is held is held until it is taken
                await self._beat()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._ttl / 3):
                    await self._news.wait()

    async def leave(self) -> None:
        """Leave everything to others at once."""
        with suppress(StoreError):
            alive = await beat(self._store, self._worker, 0)
            held = self._held.items()
            await asyncio.gather(*(holding.ownership.release(heir(name, alive)) for name, holding in held))

    async def _beat(self) -> None:
        """Say that we are alive, keep what is ours, take what should be and leave what should not."""
        alive = await beat(self._store, self._worker, 0 if self.is_closed else self._ttl)
        heirs = {name: heir(name, alive) for name in keys.partitions(self._store.partitions)}
        await asyncio.gather(*(self._keep(name, holding) for name, holding in list(self._held.items())))
        for name, holding in list(self._held.items()):
            if heirs[name] != self._worker:
                await self._hand_over(name, holding, heirs[name])
            elif holding.due_since is not None:
                holding.due_since, holding.waits = None, False
                await self._look(name)
        missing = [name for name in heirs if heirs[name] == self._worker and name not in self._held]
        await asyncio.gather(*map(self._acquire, missing))
        now = asyncio.get_running_loop().time()
        if now > self._look_at:
            self._look_at = now + 2 * self._ttl
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
        heads = await self._store.command("HGETALL", keys.of_partition(name).heads)
        for thread, stored in heads.items():
            self._seen(Address(name, thread.decode()), Head.read(stored))

    async def _hand_over(self, name: str, holding: Holding, to: str) -> None:
        """Leave a partition to another worker in the first moment without an answer there.

        Where none comes, nothing more is taken there after a while, so that it does; a worker that ends takes
        nothing anyway. Only an answer that takes ten minutes is handed over before its end.
        """
        now = asyncio.get_running_loop().time()
        holding.due_since = holding.due_since or now
        waited = now - holding.due_since
        if not holding.waits and (self.is_closed or waited > PATIENCE * self._ttl):
            holding.waits = True
            self._left(name)
        if holding.answers:
            if not to or waited <= LONGEST_ANSWER * self._ttl:
                return
            log.info("redis.answers_handed_over", partition=name, answers=len(holding.answers))
            for occupied in holding.answers:
                if occupied.lease:
                    with suppress(LeaseLost):  # it has just ended
                        await occupied.lease.uncount()
        self._let_go(name)
        await holding.ownership.release(to)

    def _let_go(self, name: str) -> None:
        del self._held[name]
        self._left(name)
