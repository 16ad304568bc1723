"""The buckets of platforms, counted over all workers by the times of the last calls."""

import asyncio

from adapters.redis import keys
from adapters.redis.store import Store
from core.ports import Rate

# A call is noted by the time at which it may be made, which can lie ahead: so calls keep the order in which
# they were asked for, and no window of so many seconds ever holds more than so many.
_TAKE = """
-- KEYS: times of the last calls, newest first; when a rest ends. ARGV: calls, in how many ms -> ms to wait
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('LINDEX', KEYS[1], ARGV[1] - 1)
local at = math.max(now, before and before + ARGV[2] or 0, tonumber(redis.call('GET', KEYS[2]) or 0))
redis.call('LPUSH', KEYS[1], at)
redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1)
redis.call('PEXPIRE', KEYS[1], at - now + ARGV[2])
return at - now
"""

_REST = """
-- KEYS: when a rest ends. ARGV: ms of rest; an earlier end than the one that is known changes nothing
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
if ends > tonumber(redis.call('GET', KEYS[1]) or 0) then
  redis.call('SET', KEYS[1], ends, 'PX', ARGV[1])
end
"""


class RedisRates:
    """As `Rates`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def wait(self, rate: Rate) -> None:
        """As `Rates.wait`. A call that is given up while it waits counts all the same."""
        names = keys.rate(rate.bucket)
        wait = await self._store.run(_TAKE, names, rate.calls, max(1, round(rate.seconds * 1000)))
        await asyncio.sleep(wait / 1000)

    async def rest(self, bucket: str, seconds: float) -> None:
        """As `Rates.rest`."""
        if seconds > 0:
            await self._store.run(_REST, keys.rate(bucket)[1:], max(1, round(seconds * 1000)))
