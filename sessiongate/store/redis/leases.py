"""Leases in Redis: all in one hash, counted in another beside it, each step one script.

Both are in the slot of the book: leases are few, and `reserve` must count those of all servers.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from sessiongate.errors import CapReached, Unavailable
from sessiongate.store.encoding import check_same_lease
from sessiongate.store.port import StoredLease
from sessiongate.store.redis.keys import RedisKeys, lease_from, lease_row, text
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import script

_REMOVED_FOR = timedelta(minutes=10) // timedelta(milliseconds=1)
"""Milliseconds for which it is known that a lease was removed: who uses one hears it in seconds."""

# KEYS of all: the leases, the counts, who uses them, the homes in this one, that it was removed.
# ARGV: the id, then rows, which begin with whose they are.
RESERVE = script("""
local had = redis.call('HGET', KEYS[1], ARGV[1])
if had then return had == ARGV[2] and 'ok' or 'kept' end
local whose = struct.unpack('>I4c0', ARGV[2])
if tonumber(redis.call('HGET', KEYS[2], whose) or '0') >= tonumber(ARGV[3]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[2], whose, 1)
redis.call('HSET', KEYS[3], ARGV[1], 'o,' .. ARGV[4])
return 'ok'
""")
"""Keep a new one, if there is room: "ok", "full", or "kept" (another has its id)."""

# Its room was taken by RESERVE, so that a Redis which is full has to take it.
REPLACE = script(
    """
local had = redis.call('HGET', KEYS[1], ARGV[1])
if had == ARGV[3] then return 1 end
if had ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
""",
    full=True,
)
"""Keep the second row instead of the first. 0 where neither is there."""

REMOVE = script(
    """
local had = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('DEL', KEYS[4])
if not had then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('SET', KEYS[5], '', 'PX', ARGV[2])
local whose = struct.unpack('>I4c0', had)
if redis.call('HINCRBY', KEYS[2], whose, -1) <= 0 then redis.call('HDEL', KEYS[2], whose) end
return 1
""",
    full=True,
)
"""Forget one."""


class RedisLeases:
    """Leases that all servers share. `calls` gives a way to Redis, or raises."""

    def __init__(
        self,
        calls: Callable[[], Pipeline],
        keys: RedisKeys,
        for_good: Callable[[], Awaitable[None]],
    ) -> None:
        self._calls = calls
        self._keys = keys
        self._for_good = for_good

    async def reserve(self, lease: StoredLease, most: int) -> None:
        """Keep a new lease, or raise CapReached."""
        calls, name = self._calls(), text(lease.id)
        try:
            told = name, lease_row(lease), most, text(lease.holder)
            answer = await calls.run(RESERVE, self._of(lease.id), *told)
        except BaseException:
            # Refused, or the caller has gone: nobody will log in for it. Where Redis does not hear
            # this either, it stays until its holder looks through `all`.
            with suppress(Unavailable):
                calls.run(REMOVE, self._of(lease.id), name, _REMOVED_FOR)
            raise
        if answer == b"full":
            raise CapReached("upstream", most, lease.account)
        if answer == b"kept":
            raise ValueError("a lease with this id is already kept")

    async def replace(self, old: StoredLease, new: StoredLease) -> bool:
        """Replace the old lease by the new one, if it is unchanged since."""
        check_same_lease(old, new)
        rows = lease_row(old), lease_row(new)
        done = bool(await self._calls().run(REPLACE, self._keys.leases, text(old.id), *rows))
        if done:
            await self._for_good()
        return done

    async def remove(self, lease_id: str) -> None:
        """Forget this lease."""
        await self._calls().run(REMOVE, self._of(lease_id), text(lease_id), _REMOVED_FOR)

    async def find(self, lease_id: str) -> StoredLease | None:
        """The lease of this id."""
        name = text(lease_id)
        row = await self._calls().send("HGET", self._keys.leases[0], name)
        return None if row is None else lease_from(name, row)

    async def all(self) -> list[StoredLease]:
        """All leases, some at a time: one that comes or goes meanwhile may be among them or not."""
        found: dict[bytes, StoredLease] = {}
        async for some in self._calls().scan(self._keys.leases[0]):
            found |= {name: lease_from(name, row) for name, row in some.items()}
        return list(found.values())

    def _of(self, lease_id: str) -> tuple[str, ...]:
        keys = self._keys
        return (
            *keys.leases,
            keys.lease_users[0],
            keys.homes(lease_id),
            keys.removed(lease_id),
        )
