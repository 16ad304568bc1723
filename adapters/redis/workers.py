"""Which workers there are, and which of them each partition should belong to."""

from collections.abc import Collection
from functools import partial

from adapters.redis import keys
from adapters.redis.store import Store
from core.affinity import weight

# Whoever asks last decides by the server's clock, so that workers need not agree on the time. Who counts as
# alive for long was there before that clock was set back, and says so again if it still is.
_BEAT = """
-- KEYS: workers; ARGV: worker, for how many ms it counts as alive or 0 where it leaves -> all that are alive
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] == '0' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], 10 * ARGV[2])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], now + 2 * ARGV[2], '+inf')
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


async def beat(store: Store, worker: str, ttl: float) -> frozenset[str]:
    """Say that this worker is alive for so many seconds from now, or for 0 that it is no more.

    Returns all that are alive.
    """
    names = await store.run(_BEAT, [keys.WORKERS], worker, round(ttl * 1000))
    return frozenset(name.decode() for name in names)


def heir(partition: str, workers: Collection[str]) -> str:
    """The worker that a partition should belong to, if there is any; when one comes or goes, only its share
    moves.
    """
    return max(workers, key=partial(weight, partition), default="")
