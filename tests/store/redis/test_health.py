"""What a real Redis says of itself, and what we make of it."""

from datetime import UTC, datetime, timedelta

import pytest

from sessiongate.errors import StoreUnavailable
from sessiongate.rules.store_url import parse_redis
from sessiongate.secret import Secret
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.health import doubts_of
from tests.peers.ports import free_port
from tests.peers.redis import Cluster, Redis

pytestmark = pytest.mark.peer


def now() -> datetime:
    return datetime.now(UTC)


def at(url: str, password: str = "") -> RedisSettings:
    return RedisSettings(parse_redis(url), password=Secret(password) if password else None)


async def test_one_that_keeps_everything_raises_no_doubt(redis: Redis) -> None:
    assert await doubts_of(at(redis.url), now) == []


async def test_neither_does_such_a_cluster(cluster: Cluster) -> None:
    assert await doubts_of(at(cluster.url), now) == []


@pytest.mark.parametrize(
    "policy", ["allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random"]
)
@pytest.mark.parametrize("full", [0, 100_000_000])
async def test_one_that_throws_sessions_away_is_told_of(policy: str, full: int, own: Redis) -> None:
    own.ask("CONFIG", "SET", "maxmemory", full)
    own.ask("CONFIG", "SET", "maxmemory-policy", policy)
    [doubt] = await doubts_of(at(own.url), now)
    assert f"(maxmemory-policy {policy})" in doubt
    assert doubt.endswith("set maxmemory-policy noeviction")
    assert (f"{full} bytes" in doubt) == bool(full)


async def test_one_node_of_a_cluster_is_enough(cluster: Cluster) -> None:
    node = cluster.servers[1]
    node.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        [doubt] = await doubts_of(at(cluster.url), now)
    finally:
        node.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert "allkeys-lru" in doubt


async def test_one_that_writes_nothing_down_is_told_of(own: Redis) -> None:
    own.ask("CONFIG", "SET", "appendonly", "no")
    [doubt] = await doubts_of(at(own.url), now)
    assert doubt.endswith("set appendonly yes")


@pytest.mark.parametrize(("minutes", "which"), [(-2, "behind"), (2, "ahead of")])
async def test_a_clock_that_is_far_off_is_told_of(minutes: int, which: str, redis: Redis) -> None:
    [doubt] = await doubts_of(at(redis.url), lambda: now() + timedelta(minutes=minutes))
    assert f" s {which} Redis'" in doubt
    assert "NTP" in doubt


async def test_a_clock_that_is_a_little_off_is_not(redis: Redis) -> None:
    assert await doubts_of(at(redis.url), lambda: now() + timedelta(seconds=4)) == []


async def test_one_that_does_not_let_us_ask_is_told_of(own: Redis) -> None:
    rights = "+@read +@write +@scripting +@pubsub +@connection +wait"
    own.ask("ACL", "SETUSER", "gate", "on", ">secret", "~sg:*", "&sg:*", *rights.split())
    url = own.url.replace("redis://", "redis://gate@")
    [doubt] = await doubts_of(at(url, "secret"), now)
    assert "+info and +time" in doubt
    own.ask("ACL", "SETUSER", "gate", "+info", "+time")
    assert await doubts_of(at(url, "secret"), now) == []


async def test_one_that_is_away_is_an_outage() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be asked"):
        await doubts_of(at(f"redis://127.0.0.1:{free_port()}"), now)
