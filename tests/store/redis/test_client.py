"""A client of Redis hangs up on whomever it has called."""

from typing import Any

import pytest
from redis.asyncio import Redis, Sentinel

from sessiongate.rules.store_url import parse_redis
from sessiongate.store.redis import client
from sessiongate.store.redis.client import RedisClients, RedisSettings


async def test_each_sentinel_is_hung_up_on_whatever_became_of_the_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two who ask for the primary at once may leave a sentinel twice in it, and another nowhere."""
    made: list[Sentinel] = []
    hung_up: list[Redis] = []

    def sentinel(*hosts: Any, **how: Any) -> Sentinel:
        made.append(Sentinel(*hosts, **how))  # type: ignore[no-untyped-call]
        return made[-1]

    close = Redis.aclose

    async def aclose(one: Redis, *given: Any) -> None:
        hung_up.append(one)
        await close(one, *given)

    monkeypatch.setattr(client, "Sentinel", sentinel)
    monkeypatch.setattr(Redis, "aclose", aclose)
    servers = RedisClients(RedisSettings(parse_redis("redis+sentinel://s1:1,s2:2,s3:3/gate")))
    servers.open()
    called = list(made[0].sentinels)
    made[0].sentinels[1] = made[0].sentinels[0]
    await servers.close()
    assert len(called) == 3
    assert all(one in hung_up for one in called)
