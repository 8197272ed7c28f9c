"""Tokens of the session manager's clients in Redis: a hash of them, and one of their last uses."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime

from sessiongate.store.encoding import micros, moment
from sessiongate.store.manager_port import StoredToken
from sessiongate.store.redis.keys import RedisKeys
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import script

# KEYS: the hash. ARGV: the digest, then what is to be kept of it.
ADD = script("""
local had = redis.call('HGET', KEYS[1], ARGV[1])
if had then return had == ARGV[2] and 1 or 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
""")
"""Keep a new one. 0 where another has its digest."""

USED = script(
    """
local had = redis.call('HGET', KEYS[1], ARGV[1])
if not had or tonumber(had) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return 1
""",
    full=True,
)
"""Keep the later of two times, in microseconds."""


class RedisManagerTokens:
    """Tokens that all servers share. `calls` gives a way to Redis, or raises."""

    def __init__(
        self,
        calls: Callable[[], Pipeline],
        keys: RedisKeys,
        for_good: Callable[[], Awaitable[None]],
    ) -> None:
        self._calls = calls
        self._tokens, self._uses = keys.manager_tokens
        self._for_good = for_good

    async def add(self, token: StoredToken) -> None:
        """Keep a token."""
        if not await self._calls().run(ADD, (self._tokens,), token.digest, _row(token)):
            raise ValueError("a token with this digest is already kept")

    async def find(self, digest: bytes) -> StoredToken | None:
        """The token of this digest: asked of Redis each time, since others remove them."""
        found = await self._calls().send("HGET", self._tokens, digest)
        return _token(digest, found) if found is not None else None

    async def remove(self, digest: bytes) -> None:
        """Forget a token, also after a failover."""
        await self._calls().send("HDEL", self._tokens, digest)
        await self._calls().send("HDEL", self._uses, digest)
        await self._for_good()

    async def all(self) -> list[StoredToken]:
        """All tokens, some at a time."""
        found: dict[bytes, StoredToken] = {}
        async for some in self._calls().scan(self._tokens):
            found |= {digest: _token(digest, row) for digest, row in some.items()}
        return list(found.values())

    async def used(self, digest: bytes, at: datetime) -> None:
        """Note a use."""
        await self._calls().run(USED, (self._uses,), digest, micros(at))

    async def uses(self) -> dict[bytes, datetime]:
        """When each was used last."""
        found: dict[bytes, datetime] = {}
        async for some in self._calls().scan(self._uses):
            found |= {digest: moment(int(used)) for digest, used in some.items()}
        return found


def _row(token: StoredToken) -> bytes:
    return json.dumps([token.name, token.scopes, micros(token.created_at)]).encode("ascii")


def _token(digest: bytes, row: bytes) -> StoredToken:
    name, upstreams, created = json.loads(row)
    return StoredToken(digest, name, tuple(upstreams), moment(created))
