"""Counters of failed logins that servers share: what `rules.lockout` says, each step one script.

All that counts against one name, from anywhere, is one hash, so a try is counted for the name from
that address and for the name in one step. From where the name has come in lately is a hash beside
it, in the same slot. What counts against an address, whatever the name, is another hash, and off
unless it is asked for. A try under way whose server died counts for two minutes and is then
forgotten.

Nothing is pushed out: a hash lives until nothing in it counts any more and a minute longer, so
their number is bounded by how many passwords can be checked meanwhile.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256

from sessiongate.networks import network_of
from sessiongate.rules.lockout import LATELY, PLACES, Policy
from sessiongate.store.encoding import micros, moment
from sessiongate.store.redis.keys import RedisKeys, span, text
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import Script, script

# How long a try may be under way: far above what any directory is waited for.
LONGEST_TRY = timedelta(minutes=2)

# Fields of a hash: "f" + place, failures of the pair, as times with commas; "u" + place, until when
# it is locked; "F" and "U", the same from anywhere; "k" + place and "K" + place, the same from a
# known place, which no success forgives; "w" + nonce, a try under way: time and place; "v" + nonce,
# the same from a known place, outside the total.
# KEYS: that hash; the hash of known places, which has the time of the last success for each.
# ARGV: now, place, attempts of the pair, attempts in all, window, lock, longest try, nonce, lately.
_KNOWN = """
local now, place = tonumber(ARGV[1]), ARGV[2]
local each, all = tonumber(ARGV[3]), tonumber(ARGV[4])
local window, lock, longest = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local known, here, anywhere, back = {}, 0, 0, 0
local flat = redis.call('HGETALL', KEYS[1])
for at = 1, #flat, 2 do
  local field, value = flat[at], flat[at + 1]
  known[field] = value
  local kind = string.sub(field, 1, 1)
  if kind == 'w' or kind == 'v' then
    local began, from = string.match(value, '^(%d+) (.*)$')
    if now - tonumber(began) >= longest then
      redis.call('HDEL', KEYS[1], field)
      known[field] = nil
    else
      if kind == 'w' then anywhere = anywhere + 1 end
      if from == place then
        here = here + 1
        if kind == 'v' then back = back + 1 end
      end
    end
  end
end
local function is_locked(field) return known[field] and now < tonumber(known[field]) end
local function recent(field)
  local found = {}
  for at in string.gmatch(known[field] or '', '%d+') do
    if now - tonumber(at) < window then found[#found + 1] = at end
  end
  return found
end
local function came_in()
  local at = redis.call('HGET', KEYS[2], place)
  return at and now - tonumber(at) < tonumber(ARGV[9])
end
local function locked()
  if each > 0 and is_locked('u' .. place) then return true end
  if all == 0 then return false end
  if came_in() then return is_locked('K' .. place) end
  return is_locked('U')
end
local function keep(span)
  local left = redis.call('PTTL', KEYS[1])
  local want = math.ceil(span / 1000) + 60000
  if left < want then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', want)) end
end
"""

_CAME_IN_LATELY = 2

IS_LOCKED = script(_KNOWN + "return locked() and 1 or 0", full=True)

BEGIN = script(
    _KNOWN
    + """
local nonce = ARGV[8]
local fine = came_in() and 2 or 1
if known['w' .. nonce] or known['v' .. nonce] then return fine end
if locked() then return 0 end
if each > 0 and #recent('f' .. place) + here >= each then return 0 end
local mine = 'v'
if all > 0 and came_in() then
  if #recent('k' .. place) + back >= all then return 0 end
elseif all > 0 then
  mine = 'w'
  if #recent('F') + anywhere >= all then return 0 end
end
redis.call('HSET', KEYS[1], mine .. nonce, ARGV[1] .. ' ' .. place)
keep(longest)
return fine
"""
)
"""1 for a try that may be made, 2 where the name has come in from there lately, 0 for none."""

FAILED = script(
    _KNOWN
    + """
local nonce, mine = ARGV[8], 'w'
if known['v' .. nonce] then mine = 'v' elseif not known['w' .. nonce] then return '0' end
redis.call('HDEL', KEYS[1], mine .. nonce)
local latest, span = 0, 0
local function count(failures, untils, attempts)
  if attempts == 0 or is_locked(untils) then return end
  local found = recent(failures)
  found[#found + 1] = ARGV[1]
  if #found >= attempts then
    latest = now + lock
    span = math.max(span, lock)
    redis.call('HSET', KEYS[1], untils, string.format('%.0f', latest))
    redis.call('HDEL', KEYS[1], failures)
  else
    span = math.max(span, window)
    redis.call('HSET', KEYS[1], failures, table.concat(found, ','))
    redis.call('HDEL', KEYS[1], untils)
  end
end
count('f' .. place, 'u' .. place, each)
if mine == 'w' then count('F', 'U', all) else count('k' .. place, 'K' .. place, all) end
for field, value in pairs(known) do
  local over = string.find(field, '^[uUK]') and now >= tonumber(value)
    or string.find(field, '^[fFk]') and #recent(field) == 0
  if over and redis.call('HGET', KEYS[1], field) == value then
    redis.call('HDEL', KEYS[1], field)
  end
end
keep(span)
return string.format('%.0f', latest)
"""
)

# Of what has come in from more places, the longest unused goes. KEYS[2], ARGV: place, now, most,
# lately, all as text.
_CAME_IN = """
local function note(place, now, most, lately)
  redis.call('HSET', KEYS[2], place, now)
  redis.call('PEXPIRE', KEYS[2], string.format('%.0f', tonumber(lately) / 1000))
  if redis.call('HLEN', KEYS[2]) <= tonumber(most) then return end
  local places, oldest = redis.call('HGETALL', KEYS[2]), nil
  for at = 1, #places, 2 do
    if not oldest or tonumber(places[at + 1]) < tonumber(places[oldest + 1]) then oldest = at end
  end
  redis.call('HDEL', KEYS[2], places[oldest])
end
"""

SUCCEEDED = script(
    _CAME_IN
    + """
redis.call('HDEL', KEYS[1], 'w' .. ARGV[2], 'v' .. ARGV[2], 'f' .. ARGV[1])
if ARGV[5] ~= '0' then note(ARGV[1], ARGV[3], ARGV[4], ARGV[5]) end
return 1
""",
    full=True,
)
"""Forgives what came from this address; a lock that came since stays, and so do wider counts."""

WELCOME = script(_CAME_IN + "note(ARGV[1], ARGV[2], ARGV[3], ARGV[4]) return 1", full=True)

UNKNOWN = script("redis.call('HDEL', KEYS[1], 'w' .. ARGV[2], 'v' .. ARGV[2]) return 1", full=True)

FORGET = script(
    """
local found = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local kind = string.sub(field, 1, 1)
  if kind ~= 'w' and kind ~= 'v' then
    redis.call('HDEL', KEYS[1], field)
    found = 1
  end
end
return found
""",
    full=True,
)
"""Forget failures and locks. Tries under way go on counting."""


class RedisAttempts:
    """The counters of one provider. `policies` are of a name from an address, of a name from
    anywhere, and of an address whatever the name.
    """

    def __init__(
        self,
        calls: Callable[[], Pipeline],
        keys: RedisKeys,
        provider: str,
        policies: tuple[Policy, Policy, Policy],
    ) -> None:
        self._calls = calls
        self._keys = keys
        self._provider = provider
        self._policies = policies

    async def is_locked(self, name: str, address: str, now: datetime) -> bool:
        """Whether this name is locked for this address."""
        counters = self._counters(name, address)
        # All in one trip.
        if not any(await asyncio.gather(*(one.run(IS_LOCKED, now) for one in counters))):
            return False
        # A refusal must not be faster than a try, which asks twice more.
        for _ in range(2):
            await counters[0].run(IS_LOCKED, now)
        return True

    async def begin(
        self, name: str, address: str, now: datetime, *, further: bool = False
    ) -> "RedisAttempt | None":
        """Take a place for one try: for the name first, then for the address if it is not yet."""
        begun = RedisAttempt(self, name, [])
        for counter in self._counters(name, address, further):
            answer = await counter.run(BEGIN, now)
            if not answer:
                await begun.unknown(now)
                return None
            begun.counters.append(counter)
            begun.returning |= answer == _CAME_IN_LATELY
        return begun

    async def welcome(self, name: str, address: str, now: datetime) -> None:
        """Remember that a name has come in from here without a try."""
        await self._calls().run(
            WELCOME,
            self._keys_of("name", name),
            text(network_of(address)),
            micros(now),
            PLACES,
            span(LATELY),
        )

    async def unlock(self, name: str, now: datetime) -> bool:
        """Forget the failures of this name, from anywhere."""
        del now
        calls = self._calls()
        found = await calls.run(FORGET, self._keys_of("name", name))
        await calls.send("ZREM", self._keys.locked, self._member(name))
        return bool(found)

    async def locked(self, now: datetime) -> dict[str, datetime]:
        """The names locked for somebody, and until when at the latest."""
        calls = self._calls()
        rows = await calls.run(LOCKED, (self._keys.locked,), micros(now))
        mine = text(self._provider) + b"\0"
        return {
            rows[at].removeprefix(mine).decode("utf-8", "surrogatepass"): moment(int(rows[at + 1]))
            for at in range(0, len(rows), 2)
            if rows[at].startswith(mine)
        }

    async def note(self, name: str, until: int, now: datetime) -> None:
        """Keep in view that this name is locked."""
        await self._calls().run(NOTE, (self._keys.locked,), until, self._member(name), micros(now))

    def _member(self, name: str) -> bytes:
        return text(self._provider) + b"\0" + text(name)

    def _keys_of(self, kind: str, what: str) -> tuple[str, str]:
        # Names and addresses as a client typed them are no part of a key: those are of any length.
        told = b"\0".join((text(self._provider), kind.encode("ascii"), text(what)))
        return self._keys.tries(sha256(told).digest())

    def _counters(self, name: str, address: str, further: bool = False) -> "list[_Counter]":
        pair, whole, anywhere = self._policies
        place = network_of(address)
        nonce = os.urandom(8)
        counters = []
        if pair.attempts or whole.attempts:
            counters.append(
                _Counter(
                    self._calls(), self._keys_of("name", name), place, pair, whole, nonce, LATELY
                )
            )
        if anywhere.attempts and not further:
            none = Policy(0, anywhere.window, anywhere.duration)
            keys = self._keys_of("place", place)
            counters.append(
                # A success of one name makes its address no better known for all the others.
                _Counter(self._calls(), keys, place, none, anywhere, nonce, timedelta(0))
            )
        return counters


class _Counter:
    """One hash, for one try. `lately` of 0: no place is known to it."""

    def __init__(
        self,
        calls: Pipeline,
        keys: tuple[str, str],
        place: str,
        each: Policy,
        whole: Policy,
        nonce: bytes,
        lately: timedelta,
    ) -> None:
        self._calls = calls
        self._keys = keys
        self._place = text(place)
        self._nonce = nonce
        self._lately = span(lately)
        self._rules = (
            each.attempts,
            whole.attempts,
            span(whole.window),
            span(whole.duration),
            span(LONGEST_TRY),
        )

    async def run(self, what: Script, now: datetime) -> int:
        answer = await self._calls.run(
            what, self._keys, micros(now), self._place, *self._rules, self._nonce, self._lately
        )
        return int(answer)

    async def succeeded(self, now: datetime) -> None:
        await self._calls.run(
            SUCCEEDED, self._keys, self._place, self._nonce, micros(now), PLACES, self._lately
        )

    async def unknown(self) -> None:
        await self._calls.run(UNKNOWN, self._keys, self._place, self._nonce)


class RedisAttempt:
    """A try under way."""

    def __init__(self, tries: RedisAttempts, name: str, counters: list[_Counter]) -> None:
        self._tries = tries
        self._name = name
        self.counters = counters
        self.returning = False

    async def failed(self, now: datetime) -> None:
        """It was wrong."""
        untils = [await counter.run(FAILED, now) for counter in self.counters]
        if untils and untils[0]:
            await self._tries.note(self._name, untils[0], now)

    async def succeeded(self, now: datetime) -> None:
        """It was right."""
        for counter in self.counters:
            await counter.succeeded(now)

    async def unknown(self, now: datetime) -> None:
        """It had no outcome."""
        del now
        for counter in self.counters:
            await counter.unknown()


NOTE = script(
    """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
local had = redis.call('ZSCORE', KEYS[1], ARGV[2])
if not had or tonumber(had) < tonumber(ARGV[1]) then
  redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
end
return 1
"""
)

LOCKED = script(
    """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
""",
    full=True,
)
