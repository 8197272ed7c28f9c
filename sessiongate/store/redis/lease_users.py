"""Who uses a lease, in Redis: one hash of all leases, and a key for each instance that lives.

The key of an instance expires by Redis' own clock, since those of servers are not in step, and how
long anything else is kept does not hang on it. All is in the slot of the book.
"""

from asyncio import gather
from collections.abc import Callable
from datetime import timedelta

from sessiongate.store.gateway_port import LeaseState, LeaseUse
from sessiongate.store.redis.keys import RedisKeys, text, text_of
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import script

LIVES = """
local function lives(instance) return redis.call('EXISTS', INSTANCES .. instance) == 1 end
"""
"""Whether an instance has been heard of lately. INSTANCES is how their keys begin."""

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
if tonumber(ARGV[1]) > 0 then redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
else redis.call('DEL', KEYS[1]) end
return 1
""",
    full=True,
)
"""An instance lives, for so long; 0: it was killed."""

LOOK = script(
    LIVES.replace("INSTANCES", "KEYS[2]")
    + """
local all, looked, live = redis.call('HGETALL', KEYS[1]), {}, {}
for at = 2, #all, 2 do
  for one in string.gmatch(string.sub(all[at], 2), '[^,]+') do
    if not looked[one] and lives(one) then live[#live + 1] = one end
    looked[one] = true
  end
end
return {all, live}
""",
    full=True,
)
"""All leases with their states and users, and those of these that live."""

ATTACH = script(
    _USERS
    + """
if not use then return false end
local state = string.sub(use, 1, 1)
if state ~= 'o' and (state ~= 'r' or ARGV[3] == '1') then return false end
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
if not use then return redis.call('EXISTS', KEYS[4]) == 1 and 0 or false end
local state, live = string.sub(use, 1, 1), others()
if live ~= '' or ARGV[4] == '0' or (ARGV[3] == '0' and redis.call('SCARD', KEYS[3]) > 0) then
  redis.call('HSET', KEYS[1], lease, state .. live)
  return 0
end
redis.call('HSET', KEYS[1], lease, (state == 'l' and 'l' or 'e') .. ',' .. instance)
return 1
""",
    full=True,
)
"""Let go of a lease. 1: it is this instance's to end; nothing: there is none, and was none."""


class RedisLeaseUsers:
    """Who uses which lease, of all servers. `calls` gives a way to Redis, or raises."""

    def __init__(self, calls: Callable[[], Pipeline], keys: RedisKeys) -> None:
        self._calls = calls
        self._keys = keys

    async def beat(self, instance: str, lasting: timedelta) -> None:
        """Count an instance as one that runs."""
        name, milliseconds = self._keys.instance(instance), lasting // timedelta(milliseconds=1)
        await self._calls().run(BEAT, (name,), milliseconds)

    async def look(self) -> list[LeaseUse]:
        """All leases, in two round trips however many there are."""
        calls = self._calls()
        told, living = await calls.run(LOOK, self._keys.lease_users)
        live = frozenset(map(text_of, living))
        leases = [text_of(one) for one in told[::2]]
        counts = (calls.send("SCARD", self._keys.homes(one)) for one in leases)
        found = []
        for lease, use, homes in zip(leases, told[1::2], await gather(*counts), strict=True):
            state, *names = text_of(use).split(",")
            users = frozenset(names)
            left = bool(users - live)
            found.append(LeaseUse(lease, LeaseState(state), users & live, left, int(homes)))
        return found

    async def attach(
        self, lease_id: str, instance: str, *, only_open: bool = False
    ) -> LeaseState | None:
        """Use a lease."""
        told = text(lease_id), text(instance), int(only_open)
        state = await self._calls().run(ATTACH, self._keys.lease_users, *told)
        return LeaseState(text_of(state)) if state is not None else None

    async def retire(self, lease_id: str) -> None:
        """Let no client begin in it."""
        await self._calls().run(RETIRE, self._keys.lease_users[:1], text(lease_id))

    async def detach(
        self, lease_id: str, instance: str, *, despite_homes: bool = False, ends: bool = True
    ) -> bool | None:
        """Let go of a lease: whether it has to be logged out."""
        of_it = self._keys.homes(lease_id), self._keys.removed(lease_id)
        keys = (*self._keys.lease_users, *of_it)
        told = text(lease_id), text(instance), int(despite_homes), int(ends)
        answer = await self._calls().run(DETACH, keys, *told)
        return None if answer is None else bool(answer)

    async def clients(self, lease_id: str) -> list[str]:
        """The clients that have their home in it."""
        found = await self._calls().send("SMEMBERS", self._keys.homes(lease_id))
        return sorted(text_of(one) for one in found)
