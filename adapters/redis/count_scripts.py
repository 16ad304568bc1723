"""Every Lua script on what is counted over all partitions: `counts.Counts` says what each is for.

A script takes `keys.CountKeys` as KEYS, and behind them those that its first line names. As the scripts of a
partition it uses only what Redis 6.2 has, and may run twice with the same arguments.
"""

from adapters.redis.keys import CountKeys, channel

ANSWERED_WITHIN = 3600
"""Seconds after which a message that was begun counts no longer: whoever should have said so has died."""

RESERVED = 512
"""Tokens that each answer counts for beside its prompt: about the longest that profiles allow."""

_PRELUDE = (
    f"""
local {", ".join(CountKeys._fields)} = unpack(KEYS)
local FIXED, channel, ANSWERED_WITHIN = {len(CountKeys._fields)}, '{channel("")}', {ANSWERED_WITHIN * 1000}
local RESERVED = {RESERVED}
"""
    """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function add(counts, person, n)
  local left = redis.call('HINCRBY', counts, person, n)
  if left <= 0 then redis.call('HDEL', counts, person) end
  return left
end

local function present()
  return tonumber(redis.call('HGET', totals, 'now') or 0)
end

-- Counts a message out. Once nobody is left, all are equal again.
local function drop(message)
  local entry = redis.call('HGET', asked, message)
  if not entry then return end
  redis.call('HDEL', asked, message)
  redis.call('HDEL', outstanding, message)
  redis.call('ZREM', asked_until, message)
  if entry:sub(1, 1) == 'w' then add(waiting, entry:sub(3), -1) end
  if add(people, entry:sub(3), -1) <= 0 and redis.call('HLEN', people) == 0 then redis.call('DEL', served) end
end

local function by_turn(one, other)
  return one.at < other.at or (one.at == other.at and one.person < other.person)
end

-- The worker at which somebody is next who waits for a slot of a model, and their virtual time. Whoever asks
-- is left out, and so is a worker that has not asked for so long that it may be dead.
local function next_worker(model, asking)
  local found, least = nil, math.huge
  local entries = redis.call('HGETALL', wanting)
  for i = 1, #entries, 2 do
    local worker, wanted = entries[i]:match('^(%S+) ?(.*)$')
    local till, at = entries[i + 1]:match('^(%d+) (.+)$')
    if entries[i] == asking or tonumber(till) <= now then
      redis.call('HDEL', wanting, entries[i])
    elseif wanted == model and tonumber(at) < least then
      found, least = worker, tonumber(at)
    end
  end
  return found, least
end

local function tell(worker)
  if worker then redis.pcall('PUBLISH', channel .. worker, 'slot') end
end

local function free_slot(message)
  for i = FIXED + 1, #KEYS do redis.call('ZREM', KEYS[i], message) end
  redis.call('HDEL', outstanding, message)
  local models = {}
  for _, entry in ipairs(redis.call('HKEYS', wanting)) do models[entry:match('^%S+ ?(.*)$')] = true end
  for model in pairs(models) do tell((next_worker(model))) end
end
"""
)


def _script(arguments: str, body: str) -> str:
    return f"{_PRELUDE}-- ARGV: {arguments}\n{body}"


ADMIT = _script(
    "message, person, most of a person, most in all, ms for which it counts or 0 where it does not, thread, "
    "life of a listing in s -> '' or what is full (KEYS ends with the person's threads)",
    """
local message, person, life, threads = ARGV[1], ARGV[2], tonumber(ARGV[5]), KEYS[#KEYS]
local microseconds = time[1] * 1e6 + time[2]

-- A tick is so short that a person's place among those who came does not count against their turns.
local function come()
  local present, latest = unpack(redis.call('HMGET', totals, 'now', 'came'))
  local at = math.max(tonumber(present or 0), tonumber(latest or 0)) + 2 ^ -20
  redis.call('HSET', totals, 'came', at)
  redis.call('ZADD', served, 'GT', at, person)
end

if life > 0 and redis.call('HEXISTS', asked, message) == 0 then
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', asked_until, '-inf', now, 'LIMIT', 0, 100)) do
    drop(old)
  end
  if tonumber(redis.call('HGET', people, person) or 0) >= tonumber(ARGV[3]) then return 'person' end
  if redis.call('HLEN', asked) >= tonumber(ARGV[4]) then return 'all' end
  redis.call('HSET', asked, message, 'w ' .. person)
  redis.call('ZADD', asked_until, now + life, message)
  redis.call('HINCRBY', waiting, person, 1)
  if redis.call('HINCRBY', people, person, 1) == 1 then come() end
end
redis.call('ZADD', threads, microseconds, ARGV[6])
redis.call('ZREMRANGEBYSCORE', threads, '-inf', microseconds - ARGV[7] * 1e6)
redis.call('EXPIRE', threads, ARGV[7])
return ''
""",
)

BEGIN = _script(
    "worker, and model that is asked, life of a slot in ms, most to begin, JSON {capacity: of each replica, "
    "candidates: person, message and tokens of each, the numbers of the replicas in the order of its thread, "
    "and whether none of them knows it} -> number of the replica and number of the candidate for each that "
    "is begun (KEYS ends with the slots of each replica)",
    """
local asking, model = ARGV[1], ARGV[1]:match('^%S+ ?(.*)$')
local life, most, given = tonumber(ARGV[2]), tonumber(ARGV[3]), cjson.decode(ARGV[4])
local candidates, capacity, latest = given.candidates, given.capacity, present()

-- Sorts the candidates by the virtual times of their persons.
local function order()
  local persons, next_of = {}, {}
  for i, each in ipairs(candidates) do
    each.person, each.message, each.tokens, each.replicas, each.is_unknown = unpack(each)
    each.number = i
    persons[i] = each.person
  end
  local times = redis.call('ZMSCORE', served, unpack(persons))
  for i, each in ipairs(candidates) do
    each.at = next_of[each.person] or tonumber(times[i] or latest)
    next_of[each.person] = each.at + 1
  end
  table.sort(candidates, by_turn)
end

local used, tokens, all_used, all_slots = {}, {}, 0, 0
for i, slots in ipairs(capacity) do
  redis.call('ZREMRANGEBYSCORE', KEYS[FIXED + i], '-inf', now)
  used[i] = redis.call('ZCARD', KEYS[FIXED + i])
  if slots > 0 then all_used, all_slots = all_used + used[i], all_slots + slots end
end

-- Whether a replica takes one more: it has a slot free, and at most its share of what runs and a quarter.
-- While any slot is free there is a replica that does: the one that is the least full.
local function takes(i)
  if used[i] >= capacity[i] then return false end
  return used[i] <= math.max(1, math.ceil(1.25 * all_used * capacity[i] / all_slots))
end

-- How many tokens a replica still has to work on, for each of its slots.
local function work_left(i)
  if not tokens[i] then
    local held = redis.call('ZRANGE', KEYS[FIXED + i], 0, -1)
    tokens[i] = 0
    for _, each in ipairs(#held > 0 and redis.call('HMGET', outstanding, unpack(held)) or {}) do
      tokens[i] = tokens[i] + RESERVED + tonumber(each or 0)
    end
  end
  return tokens[i] / capacity[i]
end

-- The first replica that takes it in the order of its thread, of which the first one knows the thread from
-- earlier questions; where none does, the one with the least work left.
local function find(chosen)
  local found
  for _, i in ipairs(chosen.replicas) do
    if takes(i) and (not found or (chosen.is_unknown and work_left(i) < work_left(found))) then
      found = i
      if not chosen.is_unknown then return found end
    end
  end
  return found
end

-- Takes a slot of the replica that keeps one for it already, since its answer was begun before, or else of
-- the one that is found for it. The number of the replica, 0 where there are none; nil without a slot.
local function take_slot(chosen, is_new)
  if #capacity == 0 then return 0 end
  local found
  for i = 1, #capacity do
    if not is_new and not found and redis.call('ZSCORE', KEYS[FIXED + i], chosen.message) then found = i end
  end
  found = found or find(chosen)
  if not found then return nil end
  local added = redis.call('ZADD', KEYS[FIXED + found], now + life, chosen.message)
  used[found], all_used = used[found] + added, all_used + added
  if tokens[found] then tokens[found] = tokens[found] + added * (RESERVED + chosen.tokens) end
  redis.call('HSET', outstanding, chosen.message, chosen.tokens)
  redis.call('PEXPIRE', KEYS[FIXED + found], 10 * life)
  return found
end

local begun, other, least = {}, nil, math.huge
if #capacity > 0 then other, least = next_worker(model, asking) end
order()
for i = 1, math.min(most, #candidates) do
  local chosen = candidates[i]
  local entry = redis.call('HGET', asked, chosen.message)
  local is_new = entry ~= 'r ' .. chosen.person
  local replica = (not is_new or chosen.at <= least) and take_slot(chosen, is_new)
  if not replica then
    local till = math.floor(now + life / 4)  -- it asks again more than twice in that time
    redis.call('HSET', wanting, asking, till .. ' ' .. string.format('%.17g', chosen.at))
    break
  end
  if is_new then
    redis.call('ZADD', served, chosen.at + 1, chosen.person)
    latest = math.max(latest, chosen.at)
  end
  if is_new and entry then
    redis.call('HSET', asked, chosen.message, 'r ' .. chosen.person)
    redis.call('ZADD', asked_until, now + ANSWERED_WITHIN, chosen.message)
    add(waiting, chosen.person, -1)
  end
  begun[#begun + 1], begun[#begun + 2] = replica, chosen.number
end
local is_free = false
for i, slots in ipairs(capacity) do is_free = is_free or used[i] < slots end
if other and is_free then tell(other) end
redis.call('HSET', totals, 'now', latest)
redis.call('ZREMRANGEBYSCORE', served, '-inf', string.format('(%.17g', latest))
return begun
""",
)

FINISH = _script(
    "message, seconds that its answer took or nothing (KEYS ends with the slots that it may hold)",
    """
free_slot(ARGV[1])
drop(ARGV[1])
if ARGV[2] ~= '' then
  local known = tonumber(redis.call('HGET', totals, 'seconds') or ARGV[2])
  redis.call('HSET', totals, 'seconds', tostring(known + (ARGV[2] - known) / 10))
end
""",
)

REQUEUE = _script(
    "message, ms for which it counts (KEYS ends with the slots that it may hold)",
    """
free_slot(ARGV[1])
local entry = redis.call('HGET', asked, ARGV[1])
if entry and entry:sub(1, 1) == 'r' then
  redis.call('HSET', asked, ARGV[1], 'w ' .. entry:sub(3))
  redis.call('ZADD', asked_until, now + ARGV[2], ARGV[1])
  redis.call('HINCRBY', waiting, entry:sub(3), 1)
end
""",
)

RENEW = _script(
    "life of a slot in ms, then the number of its replica and message of each "
    "(KEYS ends with the slots of each replica)",
    """
for i = 2, #ARGV, 2 do redis.call('ZADD', KEYS[FIXED + ARGV[i]], now + ARGV[1], ARGV[i + 1]) end
""",
)

MOVE = _script(
    "message, life of a slot in ms (KEYS ends with the slots of the replica before and of that after)",
    """
local tokens = redis.call('HGET', outstanding, ARGV[1])
free_slot(ARGV[1])
redis.call('ZADD', KEYS[#KEYS], now + ARGV[2], ARGV[1])
if tokens then redis.call('HSET', outstanding, ARGV[1], tokens) end
""",
)

QUEUE = _script(
    "none -> persons and how many messages of each wait, in the order of their turns; seconds of an answer",
    """
local times, queue, found = {}, {}, {}
local scores, counts = redis.call('ZRANGE', served, 0, -1, 'WITHSCORES'), redis.call('HGETALL', waiting)
for i = 1, #scores, 2 do times[scores[i]] = tonumber(scores[i + 1]) end
for i = 1, #counts, 2 do
  queue[#queue + 1] = {person = counts[i], count = counts[i + 1], at = times[counts[i]] or present()}
end
table.sort(queue, by_turn)
for _, each in ipairs(queue) do found[#found + 1], found[#found + 2] = each.person, each.count end
return {found, redis.call('HGET', totals, 'seconds') or '0'}
""",
)

LOAD = _script(
    "ms for which a message that waits counts -> messages that wait, messages that are being answered, ms "
    "for which the oldest waits",
    """
local waits, oldest = 0, 0
for _, count in ipairs(redis.call('HVALS', waiting)) do waits = waits + count end
local entries = waits > 0 and redis.call('ZRANGE', asked_until, 0, -1, 'WITHSCORES') or {}
for i = 1, #entries, 2 do
  if (redis.call('HGET', asked, entries[i]) or ''):sub(1, 1) == 'w' then
    oldest = math.max(0, now - (entries[i + 1] - ARGV[1]))
    break
  end
end
return {waits, redis.call('HLEN', asked) - waits, oldest}
""",
)
