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
_PRELUDE = (
    f"""
local {", ".join(ThreadKeys._fields)} = unpack(KEYS)
local fresh_mark, channel = '{FRESH_MARK}', '{channel("")}'
local lost = redis.error_reply('{LOST} another worker holds this partition')
"""
    """
local partition, thread = owner:match('{(.-)}'), mail and mail:match('[^:]+$')

local function held(token)
  local holder = redis.call('GET', owner)
  if holder then return holder == token end
  return redis.call('GET', fence) == token:match('%d+$')
end

local function is_head(id)
  return redis.call('LINDEX', mail, 0) == id
end

local function live(seconds, ...)
  for _, key in ipairs({...}) do redis.call('EXPIRE', key, seconds) end
end

local function tell(worker, what, ...)
  redis.pcall('PUBLISH', channel .. worker, table.concat({what, partition, ...}, ' '))
end

local function wake(what, more)
  local holder = redis.call('GET', owner)
  if holder then tell(holder:match('^(.*)|%d+$'), what, thread, more or '') end
end

-- The thread's next message as `ready.Head` reads it, by which the owner of the partition chooses.
local function set_head()
  local id = redis.call('LINDEX', mail, 0)
  if not id then
    redis.call('HDEL', heads, thread)
    return false
  end
  local time, value = redis.call('TIME'), redis.call('HGET', messages, id) or ''
  local stopped, taken, lost, chosen, replica, tokens =
    unpack(redis.call('HMGET', state, 'stop:' .. id, 'taken', 'lost', 'model', 'replica', 'tokens'))
  local rank = stopped and 0 or taken == id and (tonumber(lost or 0) > 0 and 3 or 1) or 2
  local since = time[1] .. string.format('%06d', time[2])
  local person, wanted = value:match('^(%x+) ?([^:]*):')
  local weight = tonumber(tokens or 0) + math.ceil(#value / 4)  -- a token has about four letters
  local about = table.concat({person or '-', chosen or wanted or '', replica or '', weight}, ':')
  local head = rank .. ' ' .. since .. ' ' .. about .. ' ' .. id
  redis.call('HSET', heads, thread, head)
  return head
end

local function pop(id)
  redis.call('LPOP', mail)
  redis.call('HDEL', messages, id)
  redis.call('DEL', ledger)
  redis.call('HDEL', state, 'attempts', 'taken', 'taker', 'lost', 'stood', 'deleted', 'stop:' .. id)
  return set_head()
end

local function remove(id)
  if is_head(id) then
    local head = pop(id)
    if head then wake('mail', head) end
  else
    redis.call('LREM', mail, 0, id)
    redis.call('HDEL', messages, id)
    redis.call('HDEL', state, 'stop:' .. id)
  end
end

local function add(id)
  if redis.call('RPUSH', mail, id) == 1 then wake('mail', set_head()) end
end

local function decoded(text)
  local readable, value = pcall(cjson.decode, text)
  return readable and type(value) == 'table' and value or {}
end

local function value_of(entry)
  local value = decoded(entry).value
  return type(value) == 'table' and value or {}
end

-- What stands for a message in short: as the id of its letter, and in `documents`.
local function short(message_id)
  return redis.sha1hex(thread .. ' ' .. message_id):sub(1, 12)
end

-- Takes these `person/message` (a pattern) off every document, and deletes those that nobody is left of.
-- Returns how many are left of those that name anybody.
local function detach(who)
  local kept, stored = 0, redis.call('HGETALL', documents)
  for i = 1, #stored, 2 do
    local number, people, rest = stored[i + 1]:match('^(%d+):([%x/,]+)()')
    local left = people and (people .. ','):gsub(who .. ',', ''):sub(1, -2)
    if left == '' then
      redis.call('HDEL', documents, stored[i])
    elseif left then
      kept = kept + 1
      if left ~= people then
        redis.call('HSET', documents, stored[i], number .. ':' .. left .. stored[i + 1]:sub(rest))
      end
    end
  end
  return kept
end

local function drop_cuts(unwanted)
  for _, field in ipairs(redis.call('HKEYS', state)) do
    if field:sub(1, 4) == 'cut:' and unwanted(redis.call('HGET', state, field)) then
      redis.call('HDEL', state, field)
    end
  end
end

-- What was said and attached up to now no longer counts. Documents are told from later ones by the
-- number of their put: with two clocks, or two puts within one tick, a time would lie.
local function start_afresh()
  local last = redis.call('LINDEX', turns, -1)
  if last and last ~= fresh_mark then redis.call('RPUSH', turns, fresh_mark) end
  drop_cuts(function() return true end)
  local newest = redis.call('HGET', state, 'documents')
  if newest then redis.call('HSET', state, 'fresh', newest) end
  redis.call('HDEL', state, 'fresh_after', 'replica', 'tokens')
end
"""
)


def _script(arguments: str, body: str) -> str:
    return f"{_PRELUDE}-- ARGV: {arguments}\n{body}"


_ON_MESSAGE = """
local token, id = ARGV[1], ARGV[2]
if not held(token) then return lost end
if not is_head(id) then return false end
"""


def _on_message(arguments: str, body: str) -> str:
    """A script on the message that is being answered."""
    return _script(f"token, id{arguments}, nil where the message is gone", _ON_MESSAGE + body)


def _settling(arguments: str, body: str) -> str:
    """A script with which the message leaves the inbox.

    The last one is remembered with its token: sent again after a lost answer it changes nothing and is
    no error, even if the lease has gone since. Another worker's end of the same message is refused, and a
    message that came into the inbox again can end again.
    """
    return _script(
        f"token, id, life in s, {arguments} "
        "-> the thread's next head or nothing, nil where the message is gone",
        f"""
local life, finished = ARGV[3], ARGV[1] .. ' ' .. ARGV[2]
if not is_head(ARGV[2]) and redis.call('HGET', state, 'finished') == finished then
  return redis.call('HGET', heads, thread) or ''
end
{_ON_MESSAGE}
local deleted = redis.call('HGET', state, 'deleted') == id
{body}
if deleted then detach('%x+/' .. short(id)) end
local head = pop(id)
redis.call('HSET', state, 'finished', finished)
live(life, state)
return head or ''
""",
    )


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
    """
if redis.call('GET', owner) ~= ARGV[1] then return end
redis.call('DEL', owner)
if ARGV[2] ~= '' then tell(ARGV[2], 'free') end
""",
)

# The mark holds a name of this very call, so that a put sent twice is not its own duplicate. A
# message that waits longer than marks live is still known by its id.
PUT = _script(
    "name of the call, id, person and message, its life in s, life of the mark in s -> accepted, ahead "
    "(KEYS ends with the mark)",
    """
local id, seen = ARGV[2], KEYS[#KEYS]
local accepted = redis.call('HEXISTS', messages, id) == 0
  and redis.call('SET', seen, ARGV[1], 'NX', 'EX', ARGV[5])
if accepted then
  redis.call('HSET', messages, id, ARGV[3])
  add(id)
  live(ARGV[4], messages, mail, heads)
end
accepted = accepted or redis.call('GET', seen) == ARGV[1]
return {accepted and 1 or 0, redis.call('LPOS', mail, id) or 0}
""",
)

# `taken` tells a message that somebody began to answer from one that may still be edited or taken out. The
# attempts are those since the answer last came to `stood` parts, and `lost` are those of them whose
# worker, the `taker`, died. The life of a ledger runs anew with each note, which tells the age of the last.
TAKE = _script(
    "token, life in s, id or nothing for whichever is next -> id, message, attempts, model that was chosen, "
    "ms since the last note in the ledger, its fields and values; nil where it is not",
    """
local token, life = ARGV[1], ARGV[2]
if not held(token) then return lost end
local id = redis.call('LINDEX', mail, 0)
if not id or (ARGV[3] ~= '' and ARGV[3] ~= id) then return set_head() and false end
local noted, stands = redis.call('HGETALL', ledger), 0
for i = 1, #noted, 2 do
  if noted[i]:match('^part:') and noted[i + 1] ~= '' then stands = stands + 1 end
end
local known = redis.call('HMGET', state, 'attempts', 'lost', 'stood', 'taker')
local attempts, deaths, stood, taker = known[1] or 0, known[2] or 0, known[3] or 0, known[4]
if stands > tonumber(stood) then
  attempts, deaths = taker and 1 or 0, 0
elseif taker and taker ~= token then
  deaths = deaths + 1
end
attempts = attempts + 1
redis.call('HSET', state, 'taken', id, 'taker', token, 'attempts', attempts, 'lost', deaths, 'stood', stands)
live(life, state)
set_head()
local model, age = redis.call('HGET', state, 'model') or '', life * 1000 - redis.call('PTTL', ledger)
return {id, redis.call('HGET', messages, id), attempts, model, age, noted}
""",
)

UNCOUNT = _on_message(
    ": the attempt does not count -> 1",
    """
if redis.call('HGET', state, 'taker') == token then redis.call('HINCRBY', state, 'attempts', -1) end
redis.call('HDEL', state, 'taker')
return 1
""",
)

SET_ASIDE = _settling(
    "most letters to keep, why",
    """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local letter = {v = 1, thread = thread, id = id, why = ARGV[5], at = now,
  attempts = tonumber(redis.call('HGET', state, 'attempts') or 0),
  message = redis.call('HGET', messages, id) or ''}
if not deleted then redis.call('HSET', dead, short(id), cjson.encode(letter)) end
live(life, dead)
local oldest, kept = {at = math.huge}, 0
local stored = redis.call('HGETALL', dead)
for i = 1, #stored, 2 do
  local at = tonumber(decoded(stored[i + 1]).at) or now
  if at < now - life then redis.call('HDEL', dead, stored[i]) else kept = kept + 1 end
  if at < oldest.at then oldest = {at = at, id = stored[i]} end
end
if kept > tonumber(ARGV[4]) then redis.call('HDEL', dead, oldest.id) end
""",
)

INTEND = _on_message(
    ", life in s, part, checkpoint -> 1",
    """
redis.call('HSETNX', ledger, 'part:' .. ARGV[4], '')  -- an id stays known
redis.call('HSET', ledger, 'checkpoint', ARGV[5])
live(ARGV[3], ledger)
return 1
""",
)

SENT = _on_message(
    ", life in s, part, the platform's id -> 1",
    """
redis.call('HSET', ledger, 'part:' .. ARGV[4], ARGV[5])
live(ARGV[3], ledger)
return 1
""",
)

STOPPED = _on_message(" -> 1 or 0", "return redis.call('HEXISTS', state, 'stop:' .. id)")

FINISH = _settling(
    "turn or nothing, most turns to keep, tokens of prompt and answer, what stands for the replica",
    """
redis.call('HSET', state, 'tokens', ARGV[6], 'replica', ARGV[7])
if ARGV[4] ~= '' and not deleted then redis.call('RPUSH', turns, ARGV[4]) end
if redis.call('HGET', state, 'fresh_after') == id then start_afresh() end
redis.call('LTRIM', turns, -ARGV[5], -1)
live(life, turns, documents)
""",
)

CHOOSE = _script(
    "model or nothing for the first one, life in s",
    """
if ARGV[1] == '' then redis.call('HDEL', state, 'model') else redis.call('HSET', state, 'model', ARGV[1]) end
live(ARGV[2], state)
local id = redis.call('LINDEX', mail, 0)
if id and redis.call('HGET', state, 'taken') ~= id then wake('mail', set_head()) end
""",
)

STOP = _script(
    "life in s, id or nothing for the head",
    """
local id = ARGV[2] ~= '' and ARGV[2] or redis.call('LINDEX', mail, 0)
if not id or not redis.call('LPOS', mail, id) then return end
redis.call('HSET', state, 'stop:' .. id, 1)
live(ARGV[1], state)
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

# One that was taken leaves at once as long as nothing of its answer stands: its worker meets LeaseLost.
DELETE = _script(
    "life in s, id -> what was stored of it where it left the inbox, nil otherwise",
    """
local id, stored = ARGV[2], redis.call('HGET', messages, ARGV[2])
detach('%x+/' .. short(id))
if not stored then
  for _, entry in ipairs(redis.call('LRANGE', turns, 0, -1)) do
    if value_of(entry).message_id == id then redis.call('LREM', turns, 1, entry) end
  end
  redis.call('HDEL', dead, short(id))
elseif redis.call('HGET', state, 'taken') == id and redis.call('EXISTS', ledger) == 1 then
  redis.call('HSET', state, 'stop:' .. id, 1, 'deleted', id)
  live(ARGV[1], state)
  wake('mail', set_head())
  wake('stop')
else
  remove(id)
  wake('stop')
  return stored
end
""",
)

# Turns are looked through from the newest on, so that a long thread costs no more than a short one.
RECENT = _script(
    "field of the cut -> how many turns come before the cut, turns from it on, newest first",
    r"""
local stored = redis.call('HGET', state, ARGV[1]) or ''
local left_out, cut = stored:match('^(%d+) (.+)$')
if not cut and stored ~= '' then left_out, cut = 0, stored end  -- by the release before
local first = cut and '"message_id":"' .. cut:gsub('[\\"]', '\\%0') .. '"'
local found, behind = {}, 0
repeat
  local block = redis.call('LRANGE', turns, -behind - 16, -behind - 1)
  for i = #block, 1, -1 do
    if block[i] == fresh_mark then return {0, found} end
    found[#found + 1] = block[i]
    if first and block[i]:find(first, 1, true) then return {tonumber(left_out), found} end
  end
  behind = behind + #block
until #block < 16
return {0, found}
""",
)

# An answer that still runs when its thread is forgotten leaves no cut.
SET_CUT = _script(
    "field, how many turns come before it and message id, life in s",
    """
if redis.call('EXISTS', turns) == 0 then return end
redis.call('HSET', state, ARGV[1], ARGV[2])
live(ARGV[3], state)
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
live(ARGV[2], turns, state)
""",
)

# A file may be read for longer than its message is there.
KEEP_DOCUMENT = _script(
    "message id, document id, person, compressed document, life in s -> 1, nil where the message is gone",
    """
if redis.call('HEXISTS', messages, ARGV[1]) == 0 then return false end
local before = redis.call('HGET', documents, ARGV[2]) or ''
local who = ARGV[3] .. '/' .. short(ARGV[1])
local people = before:match('^%d+:([%x/,]+):') or who
if not people:find(who, 1, true) then people = people .. ',' .. who end
local number = redis.call('HINCRBY', state, 'documents', 1)
redis.call('HSET', documents, ARGV[2], number .. ':' .. people .. ':' .. ARGV[4])
live(ARGV[5], documents, state)
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

KEEP_FEEDBACK = _script(
    "field, feedback, life in s",
    """
redis.call('HSET', feedback, ARGV[1], ARGV[2])
live(ARGV[3], feedback)
""",
)

# Who wrote what is kept: a waiting message says it before its value (not if the release before stored it),
# a turn in it (not if the release before stored it), a document by the persons who attached it, feedback by
# its field.
_FORGETTING = """
local function drop_letters(unwanted)
  local stored = redis.call('HGETALL', dead)
  for i = 1, #stored, 2 do
    local letter = decoded(stored[i + 1])
    if letter.thread == thread and unwanted(letter.message or '') then redis.call('HDEL', dead, stored[i]) end
  end
end

local function drop_thread()
  redis.call('HDEL', heads, thread)
  redis.call('UNLINK', mail, messages, turns, state, ledger, documents, feedback)
end
"""

FORGET = _script(
    "none -> ids of the messages that waited, authors of turns, persons of messages, letters, documents and "
    "feedback",
    _FORGETTING
    + """
local waited, authors, people = redis.call('LRANGE', mail, 0, -1), {}, {}
for _, entry in ipairs(redis.call('LRANGE', turns, 0, -1)) do
  authors[#authors + 1] = value_of(entry).author
end
local function note(message)
  people[#people + 1] = message:match('^(%x+):')
  return true
end
for _, message in ipairs(redis.call('HVALS', messages)) do note(message) end
drop_letters(note)
for _, document in ipairs(redis.call('HVALS', documents)) do
  for person in (document:match('^%d+:([%x/,]+):') or ''):gmatch('(%x+)/') do people[#people + 1] = person end
end
for _, field in ipairs(redis.call('HKEYS', feedback)) do people[#people + 1] = field:match('^%x+') end
drop_thread()
wake('stop', waited[1])
return {waited, authors, people}
""",
)

# A thread in which nobody else is left goes whole, with what cannot be told to be anyone's.
FORGET_PERSON = _script(
    "person, author -> ids of their messages that waited",
    _FORGETTING
    + """
local person, author = ARGV[1], ARGV[2]
local others, gone, waited = 0, {}, {}

local function wrote(message)
  return message:sub(1, #person + 1) == person .. ':' or value_of(message).author == author
end

for _, entry in ipairs(redis.call('LRANGE', turns, 0, -1)) do
  local turn = value_of(entry)
  if turn.author == author then
    redis.call('LREM', turns, 1, entry)
    gone[turn.message_id or ''] = true
  elseif turn.message_id then
    others = others + 1
  end
end
drop_cuts(function(cut) return gone[cut:match('^%d+ (.+)$')] end)

others = others + detach(person .. '/%x+')

for _, field in ipairs(redis.call('HKEYS', feedback)) do
  if field:match('^%x+') == person then redis.call('HDEL', feedback, field) else others = others + 1 end
end

drop_letters(wrote)
for _, id in ipairs(redis.call('LRANGE', mail, 0, -1)) do
  if wrote(redis.call('HGET', messages, id) or '') then
    waited[#waited + 1] = id
    if redis.call('HGET', state, 'taken') == id then wake('stop', id) end
    remove(id)
  end
end
if others == 0 and redis.call('EXISTS', mail) == 0 then drop_thread() end
return waited
""",
)

KEPT = _script(
    "none -> turns, messages that wait, documents, feedback, letters of the whole partition",
    """
local waiting = {}
for _, id in ipairs(redis.call('LRANGE', mail, 0, -1)) do
  waiting[#waiting + 1] = redis.call('HGET', messages, id) or ''
end
return {redis.call('LRANGE', turns, 0, -1), waiting,
  redis.call('HVALS', documents), redis.call('HVALS', feedback), redis.call('HVALS', dead)}
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

RETRY = _script(
    "id of the letter, id, life in s -> 1, or 0 where there is no such letter",
    """
local letter, id = ARGV[1], ARGV[2]
local stored = redis.call('HGET', dead, letter)
if not stored then return redis.call('HEXISTS', messages, id) end
redis.call('HDEL', dead, letter)
if redis.call('HSETNX', messages, id, decoded(stored).message) == 0 then return 1 end
add(id)
live(ARGV[3], messages, mail, heads, state)
return 1
""",
)
