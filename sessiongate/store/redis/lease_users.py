"""Who uses a lease, in Redis: one hash of all leases, one of instances and until when they live.

That an instance lives is judged by Redis' own clock: those of servers are not in step, and of
nothing that is kept does it decide how long. All is in the slot of the book.
"""

from collections.abc import Callable
from datetime import timedelta

from sessiongate.store.gateway_port import LeaseState, LeaseUse
from sessiongate.store.redis.keys import RedisKeys, text, text_of
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import script

LIVES = """
local clock = redis.call('TIME')
local time = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local function lives(instance)
  return tonumber(redis.call('HGET', INSTANCES, instance) or '0') > time
end
"""
"""Whether an instance has been heard of lately. INSTANCES is the key of their hash."""

# A lease's entry: its state, one letter, and then the instances, each behind a comma.
_USERS = (
    LIVES.replace("INSTANCES", "KEYS[2]")
    + """
local lease, instance = ARGV[1], ARGV[2]
local use = redis.call('HGET', KEYS[1], lease)
local function others()
  local live = ''
  for one in string.gmatch(string.sub(use, 2), '[^,]+') do
    if one ~= instance and lives(one) then live = live .. ',' .. one end
  end
  return live
end
"""
)

BEAT = script(
    """
local clock = redis.call('TIME')
local time = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  if tonumber(all[at + 1]) <= time then redis.call('HDEL', KEYS[1], all[at]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', time + tonumber(ARGV[2])))
return 1
""",
    full=True,
)
"""An instance lives. Those of which nothing was heard are forgotten."""

LOOK = script(
    LIVES.replace("INSTANCES", "KEYS[2]")
    + """
local live = {}
for _, one in ipairs(redis.call('HKEYS', KEYS[2])) do
  if lives(one) then live[#live + 1] = one end
end
return {redis.call('HGETALL', KEYS[1]), live}
""",
    full=True,
)
"""All leases with their states and users, and the instances that live."""

ATTACH = script(
    _USERS
    + """
if not use then return false end
local state = string.sub(use, 1, 1)
if state ~= 'o' and state ~= 'r' then return false end
redis.call('HSET', KEYS[1], lease, state .. others() .. ',' .. instance)
return state
""",
    full=True,
)
"""Use a lease: its state, or nothing where it is over."""

RETIRE = script(
    """
local use = redis.call('HGET', KEYS[1], ARGV[1])
if not use or string.sub(use, 1, 1) ~= 'o' then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], 'r' .. string.sub(use, 2))
return 1
""",
    full=True,
)
"""Let nobody new begin in a lease."""

DETACH = script(
    _USERS
    + """
if not use then return 0 end
local state, live = string.sub(use, 1, 1), others()
if live ~= '' or redis.call('SCARD', KEYS[3]) > 0 then
  redis.call('HSET', KEYS[1], lease, state .. live)
  return 0
end
redis.call('HSET', KEYS[1], lease, (state == 'l' and 'l' or 'e') .. ',' .. instance)
return 1
""",
    full=True,
)
"""Let go of a lease. 1: nobody uses it, and it is this instance's to end."""


class RedisLeaseUsers:
    """Who uses which lease, of all servers. `calls` gives a way to Redis, or raises."""

    def __init__(self, calls: Callable[[], Pipeline], keys: RedisKeys) -> None:
        self._calls = calls
        self._keys = keys

    async def beat(self, instance: str, lasting: timedelta) -> None:
        """Count an instance as one that runs."""
        milliseconds = lasting // timedelta(milliseconds=1)
        keys = self._keys.lease_users[1:]
        await self._calls().run(BEAT, keys, text(instance), milliseconds)

    async def look(self) -> list[LeaseUse]:
        """All leases: two calls' worth, however many there are."""
        told, living = await self._calls().run(LOOK, self._keys.lease_users)
        live = {text_of(one) for one in living}
        found = []
        for lease, use in zip(told[::2], told[1::2], strict=True):
            state, *users = text_of(use).split(",")
            left = bool(set(users) - live)
            here = frozenset(users) & live
            found.append(LeaseUse(text_of(lease), LeaseState(state), here, left))
        return found

    async def attach(self, lease_id: str, instance: str) -> LeaseState | None:
        """Use a lease."""
        names = text(lease_id), text(instance)
        state = await self._calls().run(ATTACH, self._keys.lease_users, *names)
        return LeaseState(text_of(state)) if state is not None else None

    async def retire(self, lease_id: str) -> None:
        """Let no client begin in it."""
        await self._calls().run(RETIRE, self._keys.lease_users[:1], text(lease_id))

    async def detach(self, lease_id: str, instance: str) -> bool:
        """Let go of a lease: whether it has to be logged out."""
        keys = (*self._keys.lease_users, self._keys.homes(lease_id))
        names = text(lease_id), text(instance)
        return bool(await self._calls().run(DETACH, keys, *names))

    async def clients(self, lease_id: str) -> list[str]:
        """The clients that have their home in it."""
        found = await self._calls().send("SMEMBERS", self._keys.homes(lease_id))
        return sorted(text_of(one) for one in found)
