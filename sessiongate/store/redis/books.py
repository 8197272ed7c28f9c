"""What clients of the gateway have at one upstream, in Redis: a hash for each client.

Its fields: `h` home, `v` version, `x` the stay that clears it, `l` that all was lost, `c`
collector, and each behind one letter: `o` objects, `p` pages and until when, or `-` and the stay
that turned it, `s` stays. A set for each lease has the clients at home there; one hash says whose
each object is, and the last version of any book, under no id. All is in the slot of the book, since
a lease and its clients are changed together.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from sessiongate.rules.relay import State
from sessiongate.store.encoding import REMEMBERED, instance_of
from sessiongate.store.gateway_port import Book, Changes, Entered, StayOutcome, Thing
from sessiongate.store.redis.keys import RedisKeys, text, text_of
from sessiongate.store.redis.lease_users import LIVES
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import script

_KEPT = str(REMEMBERED // timedelta(milliseconds=1))

# KEYS of all: the client first, then as each script says.

# KEYS: owners, users of leases, homes in the lease.
ENTER = script(
    """
local client, lease, exclusive, stay, known = unpack(ARGV, 1, 5)
local had = redis.call('HMGET', KEYS[1], 'x', 'l', 'h', 'v')
if had[1] or had[2] then return {'over'} end
for at = 6, #ARGV, 1000 do
  local names = {unpack(ARGV, at, math.min(at + 999, #ARGV))}
  for number, owner in ipairs(redis.call('HMGET', KEYS[2], unpack(names))) do
    if owner and owner ~= client then return {'foreign', names[number]} end
  end
end
local home, version = had[3] or '', had[4] or redis.call('HGET', KEYS[2], '') or '0'
if lease ~= '' then
  if home == '' then
    local use = redis.call('HGET', KEYS[3], lease)
    if not use or string.sub(use, 1, 1) ~= 'o' then return {'closed'} end
    if exclusive == '1' and redis.call('SCARD', KEYS[4]) > 0 then return {'taken'} end
    redis.call('SADD', KEYS[4], client)
    home, version = lease, string.format('%.0f', redis.call('HINCRBY', KEYS[2], '', 1))
    redis.call('HSET', KEYS[1], 'h', home, 'v', version)
  end
  redis.call('HSET', KEYS[1], 's' .. stay, '')
end
return {'in', home, version, known ~= version and redis.call('HGETALL', KEYS[1])}
""",
    full=True,
)
"""Begin a stay, or only look."""

# KEYS: owners. ARGV: how many fields go, those, how many objects go, those, then what comes.
NOTE = script(
    """
local client, lease, known, collector = unpack(ARGV, 1, 4)
local had = redis.call('HMGET', KEYS[1], 'x', 'h', 'v')
if had[1] or had[2] ~= lease then return {'over'} end
local at = 5
local function next_ones()
  local count = tonumber(ARGV[at])
  local first = at + 1
  at = first + count
  return first, at - 1
end
local from, to = next_ones()
for number = from, to do
  local name = ARGV[number]
  redis.call('HDEL', KEYS[1], 'o' .. name, 'p' .. name)
  if redis.call('HGET', KEYS[1], 'c') == name then redis.call('HDEL', KEYS[1], 'c') end
  if redis.call('HGET', KEYS[2], name) == client then redis.call('HDEL', KEYS[2], name) end
end
if collector ~= '' and redis.call('HSETNX', KEYS[1], 'c', collector) == 1 then
  redis.call('HSET', KEYS[2], collector, client)
end
from, to = next_ones()
for number = from, to, 2 do
  redis.call('HSET', KEYS[1], 'o' .. ARGV[number], ARGV[number + 1])
  redis.call('HSET', KEYS[2], ARGV[number], client)
end
from, to = next_ones()
for number = from, to, 2 do redis.call('HSET', KEYS[1], 'p' .. ARGV[number], ARGV[number + 1]) end
local version = string.format('%.0f', redis.call('HINCRBY', KEYS[2], '', 1))
redis.call('HSET', KEYS[1], 'v', version)
return {'in', lease, version, known ~= had[3] and redis.call('HGETALL', KEYS[1])}
""",
    full=True,
)
"""Keep what has changed."""

# KEYS: owners.
TURN = script(
    """
local page, stay = 'p' .. ARGV[1], '-' .. ARGV[2]
local had = redis.call('HGET', KEYS[1], page)
if not had then return 0 end
if string.sub(had, 1, 1) == '-' then return had == stay and 1 or 0 end
redis.call('HSET', KEYS[1], 'v', redis.call('HINCRBY', KEYS[2], '', 1))
if tonumber(had) <= tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], page) return 0 end
redis.call('HSET', KEYS[1], page, stay)
return 1
""",
    full=True,
)
"""Use up a page: one stay does."""

# KEYS: owners, instances, homes in the lease.
LEAVE = script(
    LIVES.replace("INSTANCES", "KEYS[3]")
    + """
local client, stay, lease, own, now = unpack(ARGV)
local all, fields = redis.call('HGETALL', KEYS[1]), {}
if #all == 0 then return 1 end
for at = 1, #all, 2 do fields[all[at]] = all[at + 1] end
local clears = fields.x == stay
local things, stays = false, false
local function gone(name) redis.call('HDEL', KEYS[1], name) end
local function disown(name)
  if redis.call('HGET', KEYS[2], name) == client then redis.call('HDEL', KEYS[2], name) end
end
for name, value in pairs(fields) do
  local letter, rest = string.sub(name, 1, 1), string.sub(name, 2)
  if letter == 's' then
    local instance = string.match(rest, '^(.*):')
    if rest == stay or (instance ~= own and not lives(instance)) then gone(name)
    else stays = true end
  elseif letter == 'p' and string.sub(value, 1, 1) == '-' then
    if string.sub(value, 2) == stay then gone(name) end
  elseif letter == 'p' and (clears or tonumber(value) <= tonumber(now)) then
    gone(name)
  elseif letter == 'o' or name == 'c' then
    if clears then gone(name) disown(letter == 'o' and rest or value) else things = true end
  elseif letter == 'p' then
    things = true
  end
end
if things or stays then return fields.h == lease and 0 or 1 end
if fields.h == lease then redis.call('SREM', KEYS[4], client) end
if fields.h and fields.h ~= lease then return 1 end
if fields.x then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'x', '-')
  redis.call('PEXPIRE', KEYS[1], KEPT)
elseif fields.l then
  redis.call('HDEL', KEYS[1], 'h')
else
  redis.call('DEL', KEYS[1])
end
return 1
""".replace("KEPT", _KEPT),
    full=True,
)
"""End a stay: 1 where the client is not at home there any more."""


# KEYS: instances.
CLEAR = script(
    LIVES.replace("INSTANCES", "KEYS[2]")
    + """
local stay = ARGV[1]
local had = redis.call('HMGET', KEYS[1], 'x', 'h', 'v')
if not had[2] then
  if had[1] then return false end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'x', '-')
  redis.call('PEXPIRE', KEYS[1], KEPT)
  return {'in', '', '0', {}}
end
if had[1] and had[1] ~= stay and lives(string.match(had[1], '^(.*):')) then return false end
redis.call('HSET', KEYS[1], 'x', stay, 's' .. stay, '')
return {'in', had[2], had[3] or '0', redis.call('HGETALL', KEYS[1])}
""".replace("KEPT", _KEPT),
    full=True,
)
"""Let nothing of a client begin any more: what it had, to one stay."""

LOST = script(
    """
local use = redis.call('HGET', KEYS[1], ARGV[1])
if not use then return {} end
redis.call('HSET', KEYS[1], ARGV[1], 'l,' .. ARGV[2])
return redis.call('SMEMBERS', KEYS[2])
""",
    full=True,
)
"""A lease is over: the clients at home in it. Its first key is the users, its second the homes."""

# KEYS: owners.
LOSE = script(
    """
local client, lease = ARGV[1], ARGV[2]
local all, fields = redis.call('HGETALL', KEYS[1]), {}
for at = 1, #all, 2 do fields[all[at]] = all[at + 1] end
if fields.h ~= lease then return fields.l and 1 or 0 end
local had, left = false, false
for name, value in pairs(fields) do
  local letter = string.sub(name, 1, 1)
  if letter == 'o' or letter == 'p' or name == 'c' then
    had = had or string.sub(value, 1, 1) ~= '-' or letter ~= 'p'
    redis.call('HDEL', KEYS[1], name)
    local id = letter == 'o' and string.sub(name, 2) or value
    if letter ~= 'p' and redis.call('HGET', KEYS[2], id) == client then
      redis.call('HDEL', KEYS[2], id)
    end
  elseif letter == 's' or letter == 'x' then
    left = true
  end
end
redis.call('HDEL', KEYS[1], 'h')
if not (had or left) then redis.call('DEL', KEYS[1]) return 0 end
redis.call('HSET', KEYS[1], 'v', redis.call('HINCRBY', KEYS[2], '', 1))
if had then redis.call('HSET', KEYS[1], 'l', '') end
if fields.x then redis.call('PEXPIRE', KEYS[1], KEPT) end
return had and 1 or 0
""".replace("KEPT", _KEPT),
    full=True,
)
"""What a client had is lost: 1 where that was something."""


class RedisBooks:
    """The books of one upstream, of all servers. `calls` gives a way to Redis, or raises."""

    shared = True

    def __init__(self, calls: Callable[[], Pipeline], keys: RedisKeys, upstream: str) -> None:
        self._calls = calls
        self._keys = keys
        self._upstream = upstream
        self._owners = keys.owners(upstream)

    def is_untouched(self, client: str, names: Collection[str]) -> bool:
        """False: others may know more."""
        return False

    async def enter(
        self,
        client: str,
        stay: str,
        lease_id: str,
        *,
        exclusive: bool = False,
        known: int = -1,
        names: Iterable[str] = (),
    ) -> Entered:
        """Begin a stay, in one round trip."""
        keys = (self._of(client), self._owners, self._keys.lease_users[0])
        told = (text(client), text(lease_id), int(exclusive), text(stay), known)
        homes = self._keys.homes(lease_id)
        named = map(text, filter(None, names))  # the owners' field of no name is none of an object
        answer = await self._calls().run(ENTER, (*keys, homes), *told, *named)
        return _entered(answer)

    async def note(self, client: str, lease_id: str, changes: Changes, known: int) -> Entered:
        """Keep what has changed, in one round trip."""
        opened = [part for one in changes.opened for part in (text(one[0]), _encode_thing(one[1]))]
        pages: list[bytes] = []
        if changes.page is not None:
            pages = [text(changes.page[0]), text(repr(changes.page[1]))]
        answer = await self._calls().run(
            NOTE,
            (self._of(client), self._owners),
            text(client),
            text(lease_id),
            known,
            text(changes.collector),
            len(changes.ended),
            *map(text, changes.ended),
            len(opened),
            *opened,
            len(pages),
            *pages,
        )
        return _entered(answer)

    async def turn(self, client: str, stay: str, token: str, now: float) -> bool:
        """Use up a token."""
        told = text(token), text(stay), text(repr(now))
        return bool(await self._calls().run(TURN, (self._of(client), self._owners), *told))

    async def leave(self, client: str, stay: str, lease_id: str, now: float) -> bool:
        """End a stay."""
        own = text(instance_of(stay))
        keys = (self._of(client), self._owners, self._keys.lease_users[1])
        told = (text(client), text(stay), text(lease_id), own, text(repr(now)))
        homes = self._keys.homes(lease_id)
        return bool(await self._calls().run(LEAVE, (*keys, homes), *told))

    async def clear(self, client: str, stay: str, now: float) -> Entered | None:
        """Let nothing of this client begin any more. Redis itself knows when to forget it."""
        del now
        keys = self._of(client), self._keys.lease_users[1]
        answer = await self._calls().run(CLEAR, keys, text(stay))
        return _entered(answer) if answer is not None else None

    async def lost(self, lease_id: str, instance: str) -> list[str]:
        """The lease is over; then its clients are told apart, one by one.

        They stay at home there till all of them are: who asks again after a failure hears of each.
        """
        users, homes = self._keys.lease_users[0], self._keys.homes(lease_id)
        told = text(lease_id), text(instance)
        clients = sorted(await self._calls().run(LOST, (users, homes), *told))
        asked = [
            self._calls().run(LOSE, (self._of(text_of(one)), self._owners), one, text(lease_id))
            for one in clients
        ]
        answers = await asyncio.gather(*asked)
        await self._calls().send("DEL", homes)
        return [text_of(one) for one, had in zip(clients, answers, strict=True) if had]

    def _of(self, client: str) -> str:
        return self._keys.client(self._upstream, client)


def _entered(answer: Sequence[Any]) -> Entered:
    """What a script has answered."""
    entry = StayOutcome(text_of(answer[0]))
    if entry is StayOutcome.FOREIGN:
        return Entered(entry, foreign=text_of(answer[1]))
    if entry is not StayOutcome.IN:
        return Entered(entry)
    _, home, version, fields = answer
    book = _book(fields) if fields is not None else None
    return Entered(entry, text_of(home), int(version), book)


def _book(fields: Sequence[bytes]) -> Book:
    book = Book()
    for field, value in zip(fields[::2], fields[1::2], strict=True):
        letter, name = field[:1], text_of(field[1:])
        if letter == b"o":
            state, kind, within = msgspec.msgpack.decode(value, type=tuple[str, str, str])
            book.objects[name] = Thing(kind, State(state), within)
        elif letter == b"p" and value[:1] != b"-":
            book.pages[name] = float(value)
        elif field == b"c":
            book.collector = text_of(value)
    book.pages = dict(sorted(book.pages.items(), key=lambda page: page[1]))
    return book


def _encode_thing(thing: Thing) -> bytes:
    return msgspec.msgpack.encode((thing.state.value, thing.kind, thing.within))
