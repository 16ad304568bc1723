"""Every Lua script on the keys of one partition: what must happen in one step.

A script takes `keys.ThreadKeys` (or their beginning, `keys.PartitionKeys`) as KEYS and calls them as
those classes do; it touches no other key. It uses only what Redis 6.2 has. Every script may run twice
with the same arguments, because a command is sent again when its answer was lost.

A token is ``worker|fence``; the fence counts the acquisitions of a partition, so that a token is
given only once. What is published only wakes a worker: it hears of everything at its next look too.
"""

from adapters.redis.keys import ThreadKeys, channel

LOST = "LEASELOST"
"""Code of the error of a fenced script whose token is no longer the newest."""

FRESH_MARK = "fresh"
"""Stands among the turns where people started afresh."""

# A lease that lapsed still holds as long as nobody took the partition, which the fence shows: an
# outage of the server, in which every lease lapses, costs no answer.
_PRELUDE = f"""
local {", ".join(ThreadKeys._fields)} = unpack(KEYS)
local partition, thread = owner:match('{{(.-)}}'), mail and mail:match('[^:]+$')
local lost = redis.error_reply('{LOST} another worker holds this partition')

local function held(token)
  local holder = redis.call('GET', owner)
  if holder then return holder == token end
  return redis.call('GET', fence) == token:match('%d+$')
end

local function is_head(id)
  return redis.call('LINDEX', mail, 0) == id
end

local function wake(what, more)
  local holder = redis.call('GET', owner)
  if not holder then return end
  local news = what .. ' ' .. partition .. ' ' .. thread .. ' ' .. (more or '')
  redis.pcall('PUBLISH', '{channel("")}' .. holder:match('^(.*)|%d+$'), news)
end

-- The thread's next message as the owner of the partition chooses by it: since when (0 where it only has
-- to be ended, 1 where its answer was begun), whose, its id.
local function set_head()
  local id = redis.call('LINDEX', mail, 0)
  if not id then
    redis.call('HDEL', heads, thread)
    return false
  end
  local time, value = redis.call('TIME'), redis.call('HGET', messages, id) or ''
  local since = time[1] .. string.format('%06d', time[2])
  local stopped, taken = unpack(redis.call('HMGET', state, 'stop', 'taken'))
  if stopped == id then since = '0' elseif taken == id then since = '1' end
  local head = since .. ' ' .. (value:match('^%x+') or '-') .. ' ' .. id
  redis.call('HSET', heads, thread, head)
  return head
end

local function pop(id)
  redis.call('LPOP', mail)
  redis.call('HDEL', messages, id)
  redis.call('DEL', ledger)
  redis.call('HDEL', state, 'attempts', 'taken', 'given back', 'deleted')
  if redis.call('HGET', state, 'stop') == id then redis.call('HDEL', state, 'stop') end
  return set_head()
end

local function drop_turn(id)
  for _, entry in ipairs(redis.call('LRANGE', turns, 0, -1)) do
    local readable, stored = pcall(cjson.decode, entry)
    if readable and type(stored) == 'table' and (stored.value or {{}}).message_id == id then
      redis.call('LREM', turns, 1, entry)
    end
  end
end

-- What was said and attached up to now no longer counts. Documents are told from later ones by the
-- number of their put: with two clocks, or two puts within one tick, a time would lie.
local function start_afresh()
  local last = redis.call('LINDEX', turns, -1)
  if last and last ~= '{FRESH_MARK}' then redis.call('RPUSH', turns, '{FRESH_MARK}') end
  for _, field in ipairs(redis.call('HKEYS', state)) do
    if field:sub(1, 4) == 'cut:' then redis.call('HDEL', state, field) end
  end
  local newest = redis.call('HGET', state, 'documents')
  if newest then redis.call('HSET', state, 'fresh', newest) end
  redis.call('HDEL', state, 'fresh_after')
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
    "token, worker that should have it next or nothing",
    f"""
if redis.call('GET', owner) ~= ARGV[1] then return end
redis.call('DEL', owner)
if ARGV[2] ~= '' then redis.pcall('PUBLISH', '{channel("")}' .. ARGV[2], 'free ' .. partition) end
""",
)

HEADS = _script("none -> threads and the head of each", "return redis.call('HGETALL', heads)")

# The mark holds a name of this very call, so that a put sent twice is not its own duplicate. A
# message that waits longer than marks live is still known by its id.
PUT = _script(
    "name of the call, id, person and message, its life in s, life of the mark in s -> accepted, ahead "
    "(KEYS ends with the mark)",
    """
local seen = KEYS[#KEYS]
local accepted = redis.call('HEXISTS', messages, ARGV[2]) == 0
  and redis.call('SET', seen, ARGV[1], 'NX', 'EX', ARGV[5])
if accepted then
  redis.call('HSET', messages, ARGV[2], ARGV[3])
  if redis.call('RPUSH', mail, ARGV[2]) == 1 then wake('mail', set_head()) end
  for _, key in ipairs({messages, mail, heads}) do redis.call('EXPIRE', key, ARGV[4]) end
end
accepted = accepted or redis.call('GET', seen) == ARGV[1]
return {accepted and 1 or 0, redis.call('LPOS', mail, ARGV[2]) or 0}
""",
)

# `taken` tells a message that somebody began to answer from one that may still be edited or taken out.
TAKE = _script(
    "token, life in s, id or nothing for whichever is next "
    "-> id, message, attempts, fields and values of the ledger; nil where it is not",
    """
if not held(ARGV[1]) then return lost end
local id = redis.call('LINDEX', mail, 0)
if not id or (ARGV[3] ~= '' and ARGV[3] ~= id) then return set_head() and false end
local attempts = redis.call('HINCRBY', state, 'attempts', 1)
redis.call('HSET', state, 'taken', id)
redis.call('EXPIRE', state, ARGV[2])
set_head()
return {id, redis.call('HGET', messages, id), attempts, redis.call('HGETALL', ledger)}
""",
)

GIVE_BACK = _script(
    "token, id: the attempt does not count -> 1, nil where the message is gone",
    """
if not held(ARGV[1]) then return lost end
if not is_head(ARGV[2]) then return false end
if redis.call('HGET', state, 'given back') ~= ARGV[1] then redis.call('HINCRBY', state, 'attempts', -1) end
redis.call('HSET', state, 'given back', ARGV[1])
return 1
""",
)

SET_ASIDE = _script(
    "token, id, life in s, most to keep, why "
    "-> the thread's next head or nothing, nil where the message is gone",
    """
local finished = ARGV[1] .. ' ' .. ARGV[2]
if redis.call('HGET', state, 'finished') == finished then return redis.call('HGET', heads, thread) or '' end
if not held(ARGV[1]) then return lost end
if not is_head(ARGV[2]) then return false end
local now = tonumber(redis.call('TIME')[1])
local letter = {v = 1, thread = thread, id = ARGV[2], why = ARGV[5], at = now,
  attempts = tonumber(redis.call('HGET', state, 'attempts') or 0),
  message = redis.call('HGET', messages, ARGV[2]) or ''}
redis.call('HSET', dead, redis.sha1hex(thread .. ' ' .. ARGV[2]):sub(1, 12), cjson.encode(letter))
redis.call('EXPIRE', dead, ARGV[3])
local oldest, kept = {at = math.huge}, 0
local stored = redis.call('HGETALL', dead)
for i = 1, #stored, 2 do
  local at = cjson.decode(stored[i + 1]).at
  if at < now - ARGV[3] then redis.call('HDEL', dead, stored[i]) else kept = kept + 1 end
  if at < oldest.at then oldest = {at = at, name = stored[i]} end
end
if kept > tonumber(ARGV[4]) then redis.call('HDEL', dead, oldest.name) end
local head = pop(ARGV[2])
redis.call('HSET', state, 'finished', finished)
redis.call('EXPIRE', state, ARGV[3])
return head or ''
""",
)

INTEND = _script(
    "token, id, life in s, part, checkpoint -> 1, nil where the message is gone",
    """
if not held(ARGV[1]) then return lost end
if not is_head(ARGV[2]) then return false end
redis.call('HSETNX', ledger, 'part:' .. ARGV[4], '')  -- an id stays known
redis.call('HSET', ledger, 'checkpoint', ARGV[5])
redis.call('EXPIRE', ledger, ARGV[3])
return 1
""",
)

SENT = _script(
    "token, id, life in s, part, the platform's id -> 1, nil where the message is gone",
    """
if not held(ARGV[1]) then return lost end
if not is_head(ARGV[2]) then return false end
redis.call('HSET', ledger, 'part:' .. ARGV[4], ARGV[5])
redis.call('EXPIRE', ledger, ARGV[3])
return 1
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
    "token, id, life in s, turn or nothing, most turns to keep "
    "-> the thread's next head or nothing, nil where the message is gone",
    """
local finished = ARGV[1] .. ' ' .. ARGV[2]
if redis.call('HGET', state, 'finished') == finished then return redis.call('HGET', heads, thread) or '' end
if not held(ARGV[1]) then return lost end
if not is_head(ARGV[2]) then return false end
local deleted = redis.call('HGET', state, 'deleted') == ARGV[2]
local head = pop(ARGV[2])
redis.call('HSET', state, 'finished', finished)
if ARGV[4] ~= '' and not deleted then redis.call('RPUSH', turns, ARGV[4]) end
if redis.call('HGET', state, 'fresh_after') == ARGV[2] then start_afresh() end
redis.call('LTRIM', turns, -ARGV[5], -1)
for _, key in ipairs({turns, state, documents}) do redis.call('EXPIRE', key, ARGV[3]) end
return head or ''
""",
)

STOP = _script(
    "life in s, id or nothing for the head",
    """
local id = ARGV[2] ~= '' and ARGV[2] or redis.call('LINDEX', mail, 0)
if not id or not redis.call('LPOS', mail, id) then return end
redis.call('HSET', state, 'stop', id)
redis.call('EXPIRE', state, ARGV[1])
if is_head(id) then wake('mail', set_head()) end
wake('stop')
""",
)

EDIT = _script(
    "id, person and message -> 1, or 0 where it is answered or gone",
    """
if redis.call('HEXISTS', messages, ARGV[1]) == 0 then return 0 end
if redis.call('HGET', state, 'taken') == ARGV[1] then return 0 end
redis.call('HSET', messages, ARGV[1], ARGV[2])
return 1
""",
)

DELETE = _script(
    "life in s, id -> what was stored of it where it waited, nil otherwise",
    """
local id, stored = ARGV[2], redis.call('HGET', messages, ARGV[2])
if not stored then
  drop_turn(id)
  redis.call('HDEL', dead, redis.sha1hex(thread .. ' ' .. id):sub(1, 12))
elseif redis.call('HGET', state, 'taken') == id then
  redis.call('HSET', state, 'stop', id, 'deleted', id)
  redis.call('EXPIRE', state, ARGV[1])
  wake('stop')
elseif is_head(id) then
  local head = pop(id)
  if head then wake('mail', head) end
  return stored
else
  redis.call('LREM', mail, 0, id)
  redis.call('HDEL', messages, id)
  return stored
end
""",
)

# Turns are looked through from the newest on, so that a long thread costs no more than a short one.
RECENT = _script(
    "field of the cut -> how many turns come before the cut, its message id or nothing, turns from it on, "
    "newest first",
    f"""
local stored = redis.call('HGET', state, ARGV[1]) or ''
local left_out, cut = stored:match('^(%d+) (.+)$')
if not cut and stored ~= '' then left_out, cut = 0, stored end  -- by the release before
local first = cut and '"message_id":"' .. cut:gsub('[\\\\"]', '\\\\%0') .. '"'
local found, behind = {{}}, 0
repeat
  local block = redis.call('LRANGE', turns, -behind - 16, -behind - 1)
  for i = #block, 1, -1 do
    if block[i] == '{FRESH_MARK}' then return {{0, '', found}} end
    found[#found + 1] = block[i]
    if first and block[i]:find(first, 1, true) then return {{tonumber(left_out), cut, found}} end
  end
  behind = behind + #block
until #block < 16
return {{0, '', found}}
""",
)

SET_CUT = _script(
    "field, how many turns come before it and message id, life in s",
    """
redis.call('HSET', state, ARGV[1], ARGV[2])
redis.call('EXPIRE', state, ARGV[3])
""",
)

# An answer that is being made belongs to what was before: once its turn is kept, the thread starts
# afresh again (FINISH).
FRESH = _script(
    "most turns to keep, life in s",
    """
start_afresh()
local taken = redis.call('HGET', state, 'taken')
if taken and is_head(taken) then redis.call('HSET', state, 'fresh_after', taken) end
redis.call('LTRIM', turns, -ARGV[1], -1)
for _, key in ipairs({turns, state}) do redis.call('EXPIRE', key, ARGV[2]) end
""",
)

# A file may be read for longer than its message is there.
KEEP_DOCUMENT = _script(
    "message id, document id, person, compressed document, life in s -> 1, nil where the message is gone",
    """
if redis.call('HEXISTS', messages, ARGV[1]) == 0 then return false end
local before = redis.call('HGET', documents, ARGV[2]) or ''
local people = before:match('^%d+:([%x,]+):') or ARGV[3]
if not people:find(ARGV[3], 1, true) then people = people .. ',' .. ARGV[3] end
local number = redis.call('HINCRBY', state, 'documents', 1)
redis.call('HSET', documents, ARGV[2], number .. ':' .. people .. ':' .. ARGV[4])
for _, key in ipairs({documents, state}) do redis.call('EXPIRE', key, ARGV[5]) end
return 1
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

# Who wrote what is kept: a waiting message says it before its value (not if the release before stored it),
# a turn in it (not if the release before stored it), a document by the persons who attached it.
_WHOSE = """
local function value_of(entry)
  local readable, stored = pcall(cjson.decode, entry)
  return readable and type(stored) == 'table' and type(stored.value) == 'table' and stored.value or nil
end

local function wrote(person, author, message)
  return message:sub(1, #person + 1) == person .. ':' or (value_of(message) or {}).author == author
end

local function drop_letters(unwanted)
  local stored = redis.call('HGETALL', dead)
  for i = 1, #stored, 2 do
    local readable, letter = pcall(cjson.decode, stored[i + 1])
    if readable and letter.thread == thread and unwanted(letter.message) then
      redis.call('HDEL', dead, stored[i])
    end
  end
end

local function drop_thread()
  redis.call('HDEL', heads, thread)
  redis.call('UNLINK', mail, messages, turns, state, ledger, documents)
end
"""

FORGET = _script(
    "none -> ids of the messages that waited, authors of turns, persons of messages, letters and documents",
    f"""{_WHOSE}
local waited, authors, people = redis.call('LRANGE', mail, 0, -1), {{}}, {{}}
for _, entry in ipairs(redis.call('LRANGE', turns, 0, -1)) do
  local turn = value_of(entry)
  if turn and turn.author then authors[#authors + 1] = turn.author end
end
local function note(message)
  people[#people + 1] = message:match('^(%x+):')
  return true
end
for _, message in ipairs(redis.call('HVALS', messages)) do note(message) end
drop_letters(note)
for _, document in ipairs(redis.call('HVALS', documents)) do
  for person in (document:match('^%d+:([%x,]+):') or ''):gmatch('%x+') do people[#people + 1] = person end
end
drop_thread()
wake('stop', waited[1])
return {{waited, authors, people}}
""",
)

# A thread in which nobody else is left goes whole, with what cannot be told to be anyone's.
FORGET_PERSON = _script(
    "person, author -> ids of their messages that waited",
    f"""{_WHOSE}
local person, author = ARGV[1], ARGV[2]
local others, gone, waited = 0, {{}}, {{}}
for _, entry in ipairs(redis.call('LRANGE', turns, 0, -1)) do
  local turn = value_of(entry)
  if turn and turn.author == author then
    redis.call('LREM', turns, 1, entry)
    gone[turn.message_id] = true
  elseif turn then
    others = others + 1
  end
end
for _, field in ipairs(redis.call('HKEYS', state)) do
  local cut = field:sub(1, 4) == 'cut:' and redis.call('HGET', state, field):match('^%d+ (.+)$')
  if gone[cut] then redis.call('HDEL', state, field) end
end
local stored = redis.call('HGETALL', documents)
for i = 1, #stored, 2 do
  local number, people, rest = stored[i + 1]:match('^(%d+):([%x,]+)()')
  if people then
    local left = (people .. ','):gsub(person .. ',', ''):sub(1, -2)
    if left == '' then
      redis.call('HDEL', documents, stored[i])
    else
      redis.call('HSET', documents, stored[i], number .. ':' .. left .. stored[i + 1]:sub(rest))
      others = others + 1
    end
  end
end
drop_letters(function(message) return wrote(person, author, message) end)
local taken = redis.call('HGET', state, 'taken')
for _, id in ipairs(redis.call('LRANGE', mail, 0, -1)) do
  if wrote(person, author, redis.call('HGET', messages, id) or '') then
    waited[#waited + 1] = id
    if is_head(id) then
      local head = pop(id)
      if taken == id then wake('stop', id) elseif head then wake('mail', head) end
    else
      redis.call('LREM', mail, 0, id)
      redis.call('HDEL', messages, id)
    end
  end
end
if others == 0 and redis.call('EXISTS', mail) == 0 then drop_thread() end
return waited
""",
)

KEPT = _script(
    "none -> turns, ids and messages that wait, documents, letters of the whole partition",
    """
local waiting = {}
for _, id in ipairs(redis.call('LRANGE', mail, 0, -1)) do
  waiting[#waiting + 1] = redis.call('HGET', messages, id) or ''
end
return {redis.call('LRANGE', turns, 0, -1), waiting,
  redis.call('HVALS', documents), redis.call('HVALS', dead)}
""",
)

WAITING = _script(
    "none -> how many messages wait, the first of them, its attempts, whether it is being answered",
    """
local id = redis.call('LINDEX', mail, 0)
if not id then return false end
local answering = redis.call('HGET', state, 'taken') == id and redis.call('EXISTS', owner)
return {redis.call('LLEN', mail), redis.call('HGET', messages, id) or '',
  tonumber(redis.call('HGET', state, 'attempts') or 0), answering and answering or 0}
""",
)

LETTERS = _script("none -> names and letters", "return redis.call('HGETALL', dead)")

# A worker that finishes the message again must not find that it has finished it.
RETRY = _script(
    "name of the letter, id, life in s -> 1, or 0 where there is no such letter",
    """
local name, id = ARGV[1], ARGV[2]
local stored = redis.call('HGET', dead, name)
if not stored then return redis.call('HEXISTS', messages, id) end
redis.call('HDEL', dead, name)
if redis.call('HSETNX', messages, id, cjson.decode(stored).message) == 0 then return 1 end
local finished = redis.call('HGET', state, 'finished')
if finished and finished:sub(-#id - 1) == ' ' .. id then redis.call('HDEL', state, 'finished') end
if redis.call('RPUSH', mail, id) == 1 then wake('mail', set_head()) end
for _, key in ipairs({messages, mail, heads, state}) do redis.call('EXPIRE', key, ARGV[3]) end
return 1
""",
)
