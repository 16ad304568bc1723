"""Every Lua script: what must happen in one step, on keys of one partition.

A script takes `keys.ThreadKeys` (or its first two) as KEYS and calls them as that class does; it
touches no other key. It uses only what Redis 6.2 has. Every script may run twice with the same
arguments, because the client sends a command again when its answer was lost.

A token is ``worker|fence``; the fence counts the acquisitions of a partition, so that a token is
given only once.
"""

from adapters.redis.keys import ThreadKeys

LOST = "LEASELOST"
"""Code of the error of a fenced script whose token is no longer the newest."""

# A lease that lapsed still holds as long as nobody took the partition, which the fence shows: an
# outage of the server, in which every lease lapses, costs no answer.
_PRELUDE = f"""
local {", ".join(ThreadKeys._fields)} = unpack(KEYS)
local lost = redis.error_reply('{LOST} another worker holds this partition')

local function held(token)
  local holder = redis.call('GET', owner)
  if holder then return holder == token end
  return redis.call('GET', fence) == token:match('%d+$')
end

local function is_head(id)
  return redis.call('LINDEX', mail, 0) == id
end

local function pop(id)
  redis.call('LPOP', mail)
  redis.call('HDEL', messages, id)
  redis.call('DEL', ledger)
  redis.call('HDEL', state, 'attempts')
  if redis.call('HGET', state, 'stop') == id then redis.call('HDEL', state, 'stop') end
end
"""


def _script(arguments: str, body: str) -> str:
    return f"{_PRELUDE}-- ARGV: {arguments}\n{body}"


ACQUIRE = _script(
    "worker, lease in ms, life of the fence in s -> token, or nil where another worker holds it",
    """
local holder = redis.call('GET', owner)
if holder and holder:match('^(.*)|%d+$') ~= ARGV[1] then return false end
local token = ARGV[1] .. '|' .. redis.call('INCR', fence)
redis.call('EXPIRE', fence, ARGV[3])
redis.call('SET', owner, token, 'PX', ARGV[2])
return token
""",
)

RENEW = _script(
    "token, lease in ms, life of the fence in s",
    """
if not held(ARGV[1]) then return lost end
redis.call('SET', owner, ARGV[1], 'PX', ARGV[2])
redis.call('EXPIRE', fence, ARGV[3])
""",
)

RELEASE = _script(
    "token",
    """
if redis.call('GET', owner) == ARGV[1] then redis.call('DEL', owner) end
""",
)

# The mark holds a name of this very call, so that a put sent twice is not its own duplicate. A
# message that waits longer than marks live is still known by its id.
PUT = _script(
    "name of the call, id, message, its life in s, life of the mark in s (KEYS ends with the mark) "
    "-> accepted, ahead",
    """
local seen = KEYS[#KEYS]
local accepted = redis.call('HEXISTS', messages, ARGV[2]) == 0
  and redis.call('SET', seen, ARGV[1], 'NX', 'EX', ARGV[5])
if accepted then
  redis.call('HSET', messages, ARGV[2], ARGV[3])
  redis.call('EXPIRE', messages, ARGV[4])
  redis.call('RPUSH', mail, ARGV[2])
  redis.call('EXPIRE', mail, ARGV[4])
end
accepted = accepted or redis.call('GET', seen) == ARGV[1]
return {accepted and 1 or 0, redis.call('LPOS', mail, ARGV[2]) or 0}
""",
)

TAKE = _script(
    "token, life in s -> id, message, attempts; nil where nothing waits",
    """
if not held(ARGV[1]) then return lost end
local id = redis.call('LINDEX', mail, 0)
if not id then return false end
local attempts = redis.call('HINCRBY', state, 'attempts', 1)
redis.call('EXPIRE', state, ARGV[2])
return {id, redis.call('HGET', messages, id), attempts}
""",
)

SET_ASIDE = _script(
    "token, id, life in s, most to keep",
    """
if not held(ARGV[1]) then return lost end
if not is_head(ARGV[2]) then return end
redis.call('RPUSH', dead, redis.call('HGET', messages, ARGV[2]) or ARGV[2])
redis.call('LTRIM', dead, -ARGV[4], -1)
redis.call('EXPIRE', dead, ARGV[3])
pop(ARGV[2])
""",
)

NOTE = _script(
    "token, id, life in s, HSET or HSETNX, field, value -> 1, nil where the message is gone",
    """
if not held(ARGV[1]) then return lost end
if not is_head(ARGV[2]) then return false end
redis.call(ARGV[4], ledger, ARGV[5], ARGV[6])
redis.call('EXPIRE', ledger, ARGV[3])
return 1
""",
)

STANDING = _script(
    "token, id -> fields and values of the ledger, nil where the message is gone",
    """
if not held(ARGV[1]) then return lost end
return is_head(ARGV[2]) and redis.call('HGETALL', ledger)
""",
)

STOPPED = _script(
    "token, id -> 1 or 0, nil where the message is gone",
    """
if not held(ARGV[1]) then return lost end
return is_head(ARGV[2]) and (redis.call('HGET', state, 'stop') == ARGV[2] and 1 or 0)
""",
)

# The last finish is remembered with its token: sent again after a lost answer it changes nothing and
# is no error, even if the lease has gone since. Another worker's finish of the same message is refused.
FINISH = _script(
    "token, id, life in s, turn or nothing, most turns to keep -> 1, nil where the message is gone",
    """
local finished = ARGV[1] .. ' ' .. ARGV[2]
if redis.call('HGET', state, 'finished') == finished then return 1 end
if not held(ARGV[1]) then return lost end
if not is_head(ARGV[2]) then return false end
pop(ARGV[2])
redis.call('HSET', state, 'finished', finished)
if ARGV[4] ~= '' then
  redis.call('RPUSH', turns, ARGV[4])
  redis.call('LTRIM', turns, -ARGV[5], -1)
end
for _, key in ipairs({turns, state, documents}) do redis.call('EXPIRE', key, ARGV[3]) end
return 1
""",
)

STOP = _script(
    "life in s, id or nothing for the head",
    """
local id = ARGV[2] ~= '' and ARGV[2] or redis.call('LINDEX', mail, 0)
if not id or not redis.call('LPOS', mail, id) then return end
redis.call('HSET', state, 'stop', id)
redis.call('EXPIRE', state, ARGV[1])
""",
)

SET_CUT = _script(
    "field, message id, life in s",
    """
redis.call('HSET', state, ARGV[1], ARGV[2])
redis.call('EXPIRE', state, ARGV[3])
""",
)

# Documents are told from earlier ones by the number of their put: with two clocks, or two puts
# within one tick, a time would lie.
FRESH = _script(
    "marker, most turns to keep, life in s",
    """
local last = redis.call('LINDEX', turns, -1)
if last and last ~= ARGV[1] then
  redis.call('RPUSH', turns, ARGV[1])
  redis.call('LTRIM', turns, -ARGV[2], -1)
  redis.call('EXPIRE', turns, ARGV[3])
end
for _, field in ipairs(redis.call('HKEYS', state)) do
  if field:sub(1, 4) == 'cut:' then redis.call('HDEL', state, field) end
end
local newest = redis.call('HGET', state, 'documents')
if newest then
  redis.call('HSET', state, 'fresh', newest)
  redis.call('EXPIRE', state, ARGV[3])
end
""",
)

KEEP_DOCUMENT = _script(
    "document id, compressed document, life in s",
    """
local number = redis.call('HINCRBY', state, 'documents', 1)
redis.call('HSET', documents, ARGV[1], number .. ':' .. ARGV[2])
redis.call('EXPIRE', documents, ARGV[3])
redis.call('EXPIRE', state, ARGV[3])
""",
)

DOCUMENTS = _script(
    "none -> those put since the last fresh start, in no order, and those whose number is damaged",
    """
local fresh = tonumber(redis.call('HGET', state, 'fresh') or 0)
local current = {}
for i, value in ipairs(redis.call('HGETALL', documents)) do
  local number = tonumber(value:match('^%d+'))
  if i % 2 == 0 and (not number or number > fresh) then current[#current + 1] = value end
end
return current
""",
)
