"""What runs inside Redis: each of these is one atomic step on keys of one slot.

All of them may be sent twice, since a line may break after the call and before its answer: who
ends a session or takes a ticket leaves a nonce, and is answered the same again. Time is never
Redis' own; the caller tells it. Those that end something or only touch it also run when Redis'
memory is full (`allow-oom`), so that a full Redis keeps no session alive.
"""

from hashlib import sha1

import msgspec

# How long a session that was ended, or a ticket that was taken, is still known by its nonce: far
# above the time that a caller waits for an answer.
_KNOWN_FOR = 60_000


class Script(msgspec.Struct, frozen=True):
    """A script, and the name that Redis has for it."""

    text: bytes
    sha: bytes


def script(text: str, *, full: bool = False) -> Script:
    """A script of this text; `full`: it also runs when Redis' memory is full."""
    flags = "#!lua flags=allow-oom\n" if full else "#!lua\n"
    written = (flags + text.replace("KNOWN_FOR", str(_KNOWN_FOR))).encode("ascii")
    # Redis knows scripts by this name; nothing hangs on how strong it is.
    return Script(written, sha1(written, usedforsecurity=False).hexdigest().encode("ascii"))


# ARGV of all that judge: now, idle limit, absolute limit (0: none).
_JUDGE = """
local now, idle, total = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local row = redis.call('GET', KEYS[1])
if not row then return false end
local state, login, active, count = struct.unpack('>Bddd', row)
local function verdict(at)
  if total > 0 and at - login >= total then return 2 end
  if at - active >= idle then return 1 end
  return 0
end
"""

# Over by its limits: marked, for whoever sweeps, and told to the caches. ARGV[4] is the channel.
_OVER = """
local over = verdict(now)
if over > 0 then
  redis.call('SETRANGE', KEYS[1], 0, string.char(over))
  redis.call('PUBLISH', ARGV[4], string.sub(KEYS[1], -64))
  return false
end
"""

# The time to live is renewed once an hour of use; the margin of a day is far above that.
_TOUCHED = """
redis.call('SETRANGE', KEYS[1], 9, struct.pack('>dd', math.max(active, now), count + COUNT))
local keep = tonumber(ARGV[5])
if keep > 0 and math.floor(now / 3600000000) > math.floor(active / 3600000000) then
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep))
end
"""

USE = script(
    _JUDGE
    + "if state ~= 0 then return false end"
    + _OVER
    + _TOUCHED.replace("COUNT", "1")
    + "return row",
    full=True,
)
"""Judge and touch. Answers with the row as it was before."""

TOUCH = script(
    _JUDGE
    + "if state ~= 0 then return false end"
    + _OVER
    + _TOUCHED.replace("COUNT", "tonumber(ARGV[6])")
    + "return 1",
    full=True,
)
"""Take over what a cache has answered: the time of the last use, and how many there were."""

FIND = script(
    _JUDGE + "if state ~= 0 or verdict(now) > 0 then return false end return row", full=True
)
"""Judge without touching."""

PUT = script("""
local keep = tonumber(ARGV[2])
local done
if keep > 0 then
  done = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', string.format('%.0f', keep))
else
  done = redis.call('SET', KEYS[1], ARGV[1], 'NX')
end
if done or redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
return 0
""")
"""Keep a new session. 0 where another one has its digest."""

CHANGE = script(
    _JUDGE
    + """
if state ~= 0 or verdict(now) > 0 then return 0 end
redis.call('SET', KEYS[1], string.sub(row, 1, 25) .. ARGV[5], 'KEEPTTL')
redis.call('PUBLISH', ARGV[4], string.sub(KEYS[1], -64))
return 1
"""
)
"""Replace what seldom changes."""

END = script(
    _JUDGE
    + """
if state == 3 and string.sub(row, -8) == ARGV[5] then return string.sub(row, 1, -10) end
if state ~= 0 then return false end
"""
    + _OVER
    + """
redis.call('SET', KEYS[1], string.char(3) .. string.sub(row, 2) .. '\\3' .. ARGV[5],
  'PX', KNOWN_FOR)
redis.call('PUBLISH', ARGV[4], string.sub(KEYS[1], -64))
return row
""",
    full=True,
)
"""End by somebody's deed: exactly one nonce gets the row."""

DROP = script(
    """
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[1], string.sub(KEYS[1], -64))
return 1
""",
    full=True,
)
"""Forget a session whose login has failed in the end."""

REAP = script(
    """
local row = redis.call('GET', KEYS[1])
if not row then return {0} end
local now, idle, total = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state, login, active = struct.unpack('>Bdd', row)
if state == 3 then
  if string.sub(row, -8) ~= ARGV[5] then return {0} end
  return {2, string.byte(row, -9), string.sub(row, 1, -10)}
end
if state == 0 then
  if total > 0 and now - login >= total then state = 2
  elseif now - active >= idle then state = 1
  else
    local due = active + idle
    if total > 0 then due = math.min(due, login + total) end
    return {1, string.format('%.0f', due)}
  end
end
redis.call('SET', KEYS[1], string.char(3) .. string.sub(row, 2) .. string.char(state) .. ARGV[5],
  'PX', KNOWN_FOR)
redis.call('PUBLISH', ARGV[4], string.sub(KEYS[1], -64))
return {2, state, row}
""",
    full=True,
)
"""Look at one that is due: {0} it is gone, {1, when to look again}, {2, why, row} it is over."""

# KEYS: places, due, counts, seen. Nothing here knows sessions; the book is about places.
_RELEASE = """
local function release(key)
  local place = redis.call('HGET', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
  if not place then return end
  redis.call('HDEL', KEYS[1], key)
  local who = string.sub(place, 33)
  if redis.call('HINCRBY', KEYS[3], who, -1) <= 0 then redis.call('HDEL', KEYS[3], who) end
end
local function see(at)
  if tonumber(redis.call('GET', KEYS[4]) or '0') < tonumber(at) then
    redis.call('SET', KEYS[4], at)
  end
end
"""

RESERVE = script(
    _RELEASE
    + """
local key, place, due, each, all, now = unpack(ARGV)
local had = redis.call('HGET', KEYS[1], key)
if had then return had == place and 'ok' or 'kept' end
local who = string.sub(place, 33)
if tonumber(all) > 0 and redis.call('HLEN', KEYS[1]) >= tonumber(all) then return 'total' end
if tonumber(each) > 0 then
  local function had_by(whom) return tonumber(redis.call('HGET', KEYS[3], whom) or '0') end
  -- By the name alone: as a server of the version before counts, whoever vouched.
  if had_by(who) + had_by(string.match(who, '%z(.*)$') or '') >= tonumber(each) then
    return 'principal'
  end
end
redis.call('HSET', KEYS[1], key, place)
redis.call('ZADD', KEYS[2], due, key)
redis.call('HINCRBY', KEYS[3], who, 1)
see(now)
return 'ok'
"""
)
"""Take a place for a session, within the caps: "ok", "total", "principal", or "kept" (a double)."""

SETTLE = script(
    _RELEASE
    + """
local gone = tonumber(ARGV[1])
for number = 2, gone + 1 do release(ARGV[number]) end
for number = gone + 2, #ARGV, 2 do redis.call('ZADD', KEYS[2], 'XX', ARGV[number + 1], ARGV[number])
end
return 1
""",
    full=True,
)
"""Give back the places of those that are gone; look later at the others."""

MOVE = script(
    """
local had = redis.call('HGET', KEYS[1], ARGV[1])
if not had or had == ARGV[2] then return 0 end
local old, new = string.sub(had, 33), string.sub(ARGV[2], 33)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('HINCRBY', KEYS[2], old, -1) <= 0 then redis.call('HDEL', KEYS[2], old) end
redis.call('HINCRBY', KEYS[2], new, 1)
return 1
"""
)
"""A session is somebody else's now: the caps count who it is."""

DUE = script(
    _RELEASE
    + """
see(ARGV[1])
local found = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  redis.call('ZADD', KEYS[2], ARGV[3], key)
  found[#found + 1] = key
  found[#found + 1] = redis.call('HGET', KEYS[1], key) or ''
end
return found
""",
    full=True,
)
"""Those to look at, which are then this caller's for a while, so that others need not look too."""

SEE = script(_RELEASE + "see(ARGV[1]) return redis.call('GET', KEYS[4]) or '0'", full=True)
"""The latest time that anybody has told."""

TAKE = script(
    """
local row = redis.call('GET', KEYS[1])
if not row then return false end
local state, expires, length = struct.unpack('>BdB', row)
if state == 3 then
  if string.sub(row, -8) == ARGV[3] then return string.sub(row, 1, -9) end
  return false
end
if string.sub(row, 11, 10 + length) ~= ARGV[1] then return false end
if expires <= tonumber(ARGV[2]) then redis.call('DEL', KEYS[1]) return false end
redis.call('SET', KEYS[1], string.char(3) .. string.sub(row, 2) .. ARGV[3], 'PX', KNOWN_FOR)
return row
""",
    full=True,
)
"""Hand out a ticket of this kind to one nonce."""

MARK = script("""
local keep = string.format('%.0f', tonumber(ARGV[2]))
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', keep) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
return 0
""")
"""Set a mark: one nonce is the first."""

ADVANCE = script("""
local newest, told = tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1])
if told < newest then return newest end
if told > 0 then
  local keep = string.format('%.0f', tonumber(ARGV[2]))
  redis.call('SET', KEYS[1], string.format('%.0f', told), 'PX', keep)
end
return told
""")
"""Note a generation that was used: the newest of all."""

APPEND = script("""
local number = redis.call('HGET', KEYS[2], 'number')
local hash = redis.call('HGET', KEYS[2], 'hash')
local lost = not (number and hash)
if lost then
  local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  if last then
    number, hash = string.match(last[1], '^%d+'), last[2][6]
  elseif redis.call('EXISTS', KEYS[1]) == 1 then
    number, hash = redis.call('HGET', KEYS[3], 'number'), redis.call('HGET', KEYS[3], 'hash')
  end
  lost = number and hash
end
number, hash = number or '0', hash or string.rep('\\0', 32)
if hash == ARGV[#ARGV] then return {1} end
if number ~= ARGV[1] or hash ~= ARGV[2] then
  if lost then return {0, number, hash, 1} end
  return {0, number, hash}
end
number = tonumber(number)
for at = 3, #ARGV, 3 do
  number = number + 1
  redis.call('XADD', KEYS[1], string.format('%.0f-0', number),
    'at', ARGV[at], 'payload', ARGV[at + 1], 'hash', ARGV[at + 2])
end
redis.call('HSET', KEYS[2], 'number', string.format('%.0f', number), 'hash', ARGV[#ARGV])
return {1}
""")
"""Add events after the head that the caller knows; else say what the head is: {0, number, hash}.

KEYS: chain, head, anchor. A head that Redis has lost, by a policy of eviction perhaps, is where the
chain ends, or where all that was deleted of does; the answer is then one longer. Without a chain it
begins anew, so that who verifies it is told.
"""

PRUNE = script(
    """
local newest = tonumber(redis.call('HGET', KEYS[2], 'number') or '0')
local function delete_up_to(row)
  local number = tonumber(string.match(row[1], '^%d+'))
  local began = redis.call('EXISTS', KEYS[3]) == 0 and ARGV[3] or '0'
  redis.call('HSETNX', KEYS[3], 'since', began)
  redis.call('HSET', KEYS[3], 'number', string.format('%.0f', number), 'hash', row[2][6])
  return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-0', number + 1))
end
local last = string.format('%.0f-0', math.max(0, newest - tonumber(ARGV[1])))
local beyond = redis.call('XRANGE', KEYS[1], last, last)
if beyond[1] then delete_up_to(beyond[1]) end
local function old(row) return tonumber(row[2][2]) < tonumber(ARGV[2]) end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not first or not old(first) then return 0 end
for _, row in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 250)) do
  if not old(row) then break end
  first = row
end
return delete_up_to(first)
""",
    full=True,
)
"""Delete the oldest events, and move the chain's anchor along. KEYS: chain, head, anchor.

Answers how many were deleted for their age.

What began in a release that did not say when has a `since` of 0.
"""

READ = script(
    """
local told = {
  redis.call('HGET', KEYS[3], 'number') or '0', redis.call('HGET', KEYS[3], 'hash') or '',
  redis.call('HGET', KEYS[2], 'number') or '0', redis.call('HGET', KEYS[3], 'since') or '0',
}
local count = tonumber(ARGV[2])
if count == 0 then return told end
local first = string.format('%.0f-0', tonumber(ARGV[1]) + 1)
for _, row in ipairs(redis.call('XRANGE', KEYS[1], first, '+', 'COUNT', count)) do
  local fields = {}
  for at = 1, #row[2], 2 do fields[row[2][at]] = row[2][at + 1] end
  told[#told + 1] = row[1]
  told[#told + 1] = fields.payload or ''
  told[#told + 1] = fields.hash or ''
end
return told
""",
    full=True,
)
"""A page of events after a number, and where the chain begins and ends at that moment.

KEYS: chain, head, anchor. Answers anchor's number and hash, the newest number, since when events
were deleted, and then number, payload and hash of each event.
"""
