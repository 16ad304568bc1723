"""Which workers there are, and which of them each partition should belong to."""

import hashlib
from collections.abc import Collection

from adapters.redis import keys
from adapters.redis.store import Store

# Whoever asks last decides by the server's clock, so that workers need not agree on the time.
_BEAT = """
-- KEYS: workers; ARGV: worker, for how many ms it counts as alive or 0 where it leaves -> all that are alive
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] == '0' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], 10 * ARGV[2])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


class Workers:
    """The workers of one server, each of which says again and again that it is alive."""

    def __init__(self, store: Store, ttl: float) -> None:
        self._store = store
        self._ttl = round(ttl * 1000)

    async def beat(self, worker: str) -> frozenset[str]:
        """Say that this worker is alive; returns all that are."""
        return await self._alive(worker, self._ttl)

    async def leave(self, worker: str) -> frozenset[str]:
        """Say that this worker serves no longer; returns those that do."""
        return await self._alive(worker, 0)

    async def _alive(self, worker: str, milliseconds: int) -> frozenset[str]:
        names = await self._store.run(_BEAT, [keys.WORKERS], worker, milliseconds)
        return frozenset(name.decode() for name in names)


def heir(partition: str, workers: Collection[str]) -> str:
    """The worker that a partition should belong to; when one comes or goes, only its share moves.

    Rendezvous hashing (Thaler and Ravishankar, 1998).
    """
    return max(workers, key=lambda worker: hashlib.blake2b(f"{worker} {partition}".encode()).digest())
