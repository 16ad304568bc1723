"""What is counted over all partitions: who waits, whose turn it is, and the slots of the replicas.

It lives in one slot of its own, so that each step is one script. All of it is soft: what a worker
left behind when it died counts as gone after a while, and without any of it every message would still
be answered once and in order. It holds nobody's words, so it has no TTL; what is done is taken out.

Fair shares are start-time fair queuing (Goyal, Vin, Cheng, 1996) with persons for flows and answers for
packets: each person has a virtual time that grows with every answer, the one with the least is next,
and who comes back from being idle starts at the present.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from adapters.redis import keys
from adapters.redis.keys import LimitKeys, channel
from adapters.redis.store import Store
from core.errors import InboxFull

LISTED_FOR = 365 * 24 * 3600
"""Seconds for which a thread is listed with a person who asked there: others may keep it alive long after."""

COUNTED_FOR = 3600
"""Seconds after which a message is counted no longer, in case whoever should have said so has died."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many messages may be in the inbox at once: of one person, and of all together."""

    per_person: int = 25
    in_all: int = 2000


class Candidate(NamedTuple):
    """A message that could be answered now: whose it is, and what stands for it where it is counted."""

    person: str
    counted: bytes


class Begun(NamedTuple):
    """Which of the candidates is to be answered, and the replica that keeps a slot for it."""

    candidate: int
    replica: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Who waits with how many messages, in the order of their turns, and the seconds of one answer."""

    people: Mapping[str, int]
    seconds: float

    def ahead(self, person: str, own: int) -> int:
        """How many messages come before one of this person that has `own` before it."""
        before, total = True, own
        for other, count in self.people.items():
            if other == person:
                before = False
            else:
                total += min(count, own + before)
        return total


_PRELUDE = f"""
local {", ".join(LimitKeys._fields)} = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function add(counts, person, n)
  if redis.call('HINCRBY', counts, person, n) <= 0 then redis.call('HDEL', counts, person) end
end

local function present()
  return tonumber(redis.call('HGET', totals, 'now') or 0)
end

local function note(threads, thread, life)
  redis.call('ZADD', threads, time[1], thread)
  redis.call('ZREMRANGEBYSCORE', threads, '-inf', time[1] - life)
  redis.call('EXPIRE', threads, life)
end

local function drop(message)
  local entry = redis.call('HGET', asked, message)
  if not entry then return end
  redis.call('HDEL', asked, message)
  redis.call('ZREM', asked_at, message)
  add(people, entry:sub(3), -1)
  if entry:sub(1, 1) == 'w' then add(waiting, entry:sub(3), -1) end
end
"""


def _script(arguments: str, body: str) -> str:
    return f"{_PRELUDE}-- ARGV: {arguments}\n{body}"


_ADMIT = _script(
    "message, person, most of a person, most in all, ms for which it counts, thread, life of a listing in s "
    "-> '' or what is full (KEYS ends with the person's threads)",
    """
if redis.call('HEXISTS', asked, ARGV[1]) == 1 then return '' end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', asked_at, '-inf', now - ARGV[5], 'LIMIT', 0, 100)) do
  drop(old)
end
if tonumber(redis.call('HGET', people, ARGV[2]) or 0) >= tonumber(ARGV[3]) then return 'person' end
if redis.call('HLEN', asked) >= tonumber(ARGV[4]) then return 'all' end
redis.call('HSET', asked, ARGV[1], 'w ' .. ARGV[2])
redis.call('ZADD', asked_at, now, ARGV[1])
redis.call('HINCRBY', waiting, ARGV[2], 1)
if redis.call('HINCRBY', people, ARGV[2], 1) == 1 then
  redis.call('ZADD', served, 'GT', present(), ARGV[2])
end
note(KEYS[#KEYS], ARGV[6], ARGV[7])
return ''
""",
)

_NOTE = _script(
    "thread, for how many s (KEYS ends with the person's threads)", "note(KEYS[#KEYS], ARGV[1], ARGV[2])"
)

_BEGIN = _script(
    "worker, life of a slot in ms, most to begin, how many replicas, the capacity of each, then person and "
    "message of each candidate -> number of the replica and number of the candidate for each that is begun "
    "(KEYS ends with the slots of each replica)",
    """
local replicas, first = tonumber(ARGV[4]), 5 + ARGV[4]
local slots, free = {}, {}
for i = 1, replicas do
  slots[i] = KEYS[#KEYS - replicas + i]
  redis.call('ZREMRANGEBYSCORE', slots[i], '-inf', now)
  free[i] = ARGV[4 + i] - redis.call('ZCARD', slots[i])
end

-- The replica that keeps a slot for it already, since its answer was begun before, or has most of them free.
local function place(message, is_new)
  local best = 1
  for i = 1, replicas do
    if not is_new and redis.call('ZSCORE', slots[i], message) then return i, true end
    if free[i] > free[best] then best = i end
  end
  return best, free[best] > 0
end

local people, found, next_of = {}, {}, {}
for i = first, #ARGV, 2 do people[#people + 1] = ARGV[i] end
local times, latest = redis.call('ZMSCORE', served, unpack(people)), present()
for i, person in ipairs(people) do
  local at = next_of[person] or tonumber(times[i] or latest)
  next_of[person] = at + 1
  found[i] = {person = person, message = ARGV[first + 2 * i - 1], number = i - 1, at = at}
end
table.sort(found, function(one, other)
  return one.at < other.at or (one.at == other.at and one.number < other.number)
end)
local begun = {}
for i = 1, math.min(tonumber(ARGV[3]), #found) do
  local next, replica = found[i], 0
  local is_new = redis.call('HGET', asked, next.message) ~= 'r ' .. next.person
  if replicas > 0 then
    local is_free
    replica, is_free = place(next.message, is_new)
    if not is_free then
      redis.call('SADD', wanting, ARGV[1])
      redis.call('EXPIRE', wanting, 60)
      break
    end
    free[replica] = free[replica] - redis.call('ZADD', slots[replica], now + ARGV[2], next.message)
    redis.call('PEXPIRE', slots[replica], 10 * ARGV[2])
  end
  if is_new then
    redis.call('ZADD', served, next.at + 1, next.person)
    latest = math.max(latest, next.at)
    if redis.call('HEXISTS', asked, next.message) == 1 then
      redis.call('HSET', asked, next.message, 'r ' .. next.person)
      add(waiting, next.person, -1)
    end
  end
  begun[#begun + 1], begun[#begun + 2] = replica, next.number
end
redis.call('HSET', totals, 'now', latest)
redis.call('ZREMRANGEBYSCORE', served, '-inf', '(' .. latest)
return begun
""",
)

_END = _script(
    "message, seconds that its answer took or nothing, whether it goes on waiting "
    "(KEYS ends with the slots that it may hold)",
    """
for i = #{fields} + 1, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
local entry = redis.call('HGET', asked, ARGV[1])
if ARGV[3] == '0' then
  drop(ARGV[1])
elseif entry and entry:sub(1, 1) == 'r' then
  redis.call('HSET', asked, ARGV[1], 'w ' .. entry:sub(3))
  redis.call('HINCRBY', waiting, entry:sub(3), 1)
end
if ARGV[2] ~= '' then
  local known = tonumber(redis.call('HGET', totals, 'seconds') or ARGV[2])
  redis.call('HSET', totals, 'seconds', tostring(known + (ARGV[2] - known) / 10))
end
local worker = redis.call('SPOP', wanting)
if worker then redis.pcall('PUBLISH', '{channel}' .. worker, 'slot') end
""".replace("#{fields}", str(len(LimitKeys._fields))).replace("{channel}", channel("")),
)

_RENEW = _script(
    "life of a slot in ms, then the number of its replica and message of each "
    "(KEYS ends with the slots of each replica)",
    """
for i = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[{fields} + ARGV[i]], now + ARGV[1], ARGV[i + 1])
end
""".replace("{fields}", str(len(LimitKeys._fields))),
)

_QUEUE = _script(
    "none -> persons and how many messages of each wait, in the order of their turns; seconds of an answer",
    """
local found, behind = {}, {}
local turns = redis.call('ZRANGE', served, 0, -1)
local counts = redis.call('HGETALL', waiting)
local known = {}
for i = 1, #counts, 2 do known[counts[i]] = counts[i + 1] end
for _, person in ipairs(turns) do
  if known[person] then
    found[#found + 1], found[#found + 2] = person, known[person]
    known[person] = nil
  end
end
for person, count in pairs(known) do table.insert(found, 1, count); table.insert(found, 1, person) end
return {found, redis.call('HGET', totals, 'seconds') or '0'}
""",
)


class Limits:
    """The counts of one server."""

    def __init__(self, store: Store, bounds: Bounds, slot_life: float) -> None:
        self._store = store
        self._bounds = bounds
        self._slot_life = round(slot_life * 1000)
        self._names = keys.of_limits()

    async def admit(self, message: bytes, person: str, thread: str) -> None:
        """Count a message in. Raises InboxFull with a sentence."""
        full = await self._store.run(
            _ADMIT, [*self._names, keys.threads_of(person)], message, person,
            self._bounds.per_person, self._bounds.in_all, COUNTED_FOR * 1000, thread,
            LISTED_FOR,
        )  # fmt: skip
        if full == b"person":
            raise InboxFull(
                f"{self._bounds.per_person} of your questions wait for their answers, so this one was not "
                "taken. Please ask it again when some of them are answered."
            )
        if full:
            raise InboxFull(
                f"{self._bounds.in_all:,} questions wait already, so this one was not taken. "
                "Please ask it again in a few minutes."
            )

    async def note(self, person: str, thread: str) -> None:
        """Note a thread with a person whose messages are not counted."""
        await self._store.run(_NOTE, [*self._names, keys.threads_of(person)], thread, LISTED_FOR)

    async def begin(
        self, worker: str, candidates: Sequence[Candidate], capacity: Mapping[str, int], most: int = 1
    ) -> list[Begun]:
        """Choose those of the candidates who are next, and take a slot for each; none where none is free.

        Candidates of one person come in their order. One that was begun before keeps its slot and costs
        its person nothing. `capacity` gives the slots of each replica; without replicas no slot is taken.
        """
        replicas = list(capacity)
        flat = [part for candidate in candidates for part in candidate]
        chosen = await self._store.insist(
            _BEGIN, [*self._names, *map(keys.slots, replicas)],
            worker, self._slot_life, most, len(replicas), *capacity.values(), *flat,
        )  # fmt: skip
        return [
            Begun(number, replicas[replica - 1] if replica else "")
            for replica, number in zip(chosen[::2], chosen[1::2], strict=True)
        ]

    async def end(
        self, message: bytes, replica: str = "", *, seconds: float | None = None, waits: bool = False
    ) -> None:
        """Count a message out and give its slot back; where it `waits` again it stays counted."""
        took = "" if seconds is None else f"{seconds:.3f}"
        names = [*self._names, *([keys.slots(replica)] if replica else [])]
        await self._store.insist(_END, names, message, took, int(waits))

    async def renew(self, held: Mapping[bytes, str]) -> None:
        """Let the slots of these messages run anew from now; `held` names the replica of each."""
        replicas = sorted({replica for replica in held.values() if replica})
        flat = [part for message, replica in held.items() if replica
                for part in (replicas.index(replica) + 1, message)]  # fmt: skip
        if flat:
            await self._store.run(_RENEW, [*self._names, *map(keys.slots, replicas)], self._slot_life, *flat)

    async def queue(self) -> Queue:
        """Who waits, for the places of messages."""
        flat, seconds = await self._store.run(_QUEUE, self._names)
        people = {person.decode(): int(count) for person, count in zip(flat[::2], flat[1::2], strict=True)}
        return Queue(people, float(seconds))
