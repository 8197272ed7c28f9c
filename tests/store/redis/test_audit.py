"""The audit in Redis: one whole chain, whoever adds to it, whatever breaks meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from redis.asyncio import Redis as Client
from structlog.testing import capture_logs

from sessiongate.errors import StoreUnavailable
from sessiongate.rules.audit_chain import START, ChainVerdict, Link, verify
from sessiongate.rules.store_url import parse_redis
from sessiongate.store.encoding import EPOCH
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import LIMITS, NO_CAPS, T0, a_session
from tests.peers.redis import Cluster, Redis
from tests.until import PATIENCE, until

pytestmark = pytest.mark.peer

_prefixes = count(1)


@asynccontextmanager
async def node(url: str, prefix: str) -> AsyncIterator[RedisStore]:
    settings = RedisSettings(parse_redis(url), prefix=prefix, timeout=timedelta(seconds=10))
    store = RedisStore(settings, LIMITS)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def prefix() -> str:
    return f"audit{next(_prefixes)}"


async def chain_in(port: int, prefix: str) -> tuple[ChainVerdict, list[Link]]:
    """What stands in Redis, and whether it is whole."""
    async with Client(port=port) as client:
        name = f"{prefix}:{{audit}}:"
        rows: Any = await client.xrange(f"{name}chain")
        head: Any = await client.hgetall(f"{name}head")
        anchor: Any = await client.hgetall(f"{name}anchor")
    links = [
        Link(int(number.partition(b"-")[0]), one[b"payload"], one[b"hash"]) for number, one in rows
    ]
    begin = (int(anchor[b"number"]), anchor[b"hash"]) if anchor else (0, START)
    return verify(links, begin, int(head.get(b"number", b"0"))), links


def payload(number: int) -> bytes:
    return b'{"event":"%d"}' % number


async def test_two_nodes_add_to_one_chain(redis: Redis, prefix: str) -> None:
    async with node(redis.url, prefix) as first, node(redis.url, prefix) as second:
        for number in range(0, 300, 3):
            first.audit.note(payload(number), T0)
            second.audit.note(payload(number + 1), T0)
            await first.audit.write(payload(number + 2), T0)
        await second.audit.settled()
        verdict, links = await chain_in(redis.port, prefix)
        assert (verdict.broken_at, verdict.events) == (None, 300)
        assert sorted(one.payload for one in links) == sorted(payload(n) for n in range(300))
        of_first = [one.payload for one in links if int(one.payload[10:-2]) % 3 != 1]
        assert of_first == [payload(n) for n in range(300) if n % 3 != 1]


async def test_an_event_is_in_before_the_login_that_it_tells_of(redis: Redis, prefix: str) -> None:
    async with node(redis.url, prefix) as store:
        store.audit.note(payload(1), T0)
        await store.add(a_session(), NO_CAPS)
        _, links = await chain_in(redis.port, prefix)
        assert [one.payload for one in links] == [payload(1)]


async def test_a_chain_goes_on_after_a_restart(redis: Redis, prefix: str) -> None:
    for number in range(3):
        async with node(redis.url, prefix) as store:
            store.audit.note(payload(number), T0)
    verdict, links = await chain_in(redis.port, prefix)
    assert verdict.broken_at is None
    assert [one.payload for one in links] == [payload(0), payload(1), payload(2)]


async def settle_until(port: int, prefix: str, events: int) -> ChainVerdict:
    deadline = time.monotonic() + PATIENCE
    while True:
        verdict, _ = await chain_in(port, prefix)
        if verdict.events == events:
            return verdict
        assert time.monotonic() < deadline, verdict
        await asyncio.sleep(0)


async def test_the_oldest_events_are_deleted_and_the_chain_stays_whole(
    redis: Redis, prefix: str
) -> None:
    async with node(redis.url, prefix) as store:
        for number in range(20):
            store.audit.note(payload(number), T0 + timedelta(minutes=number))
        await store.audit.settled()
        store.audit.prune(15, EPOCH)
        verdict = await settle_until(redis.port, prefix, 15)
        assert (verdict.broken_at, verdict.first, verdict.last) == (None, 6, 20)
        store.audit.prune(15, T0 + timedelta(minutes=10))
        verdict = await settle_until(redis.port, prefix, 10)
        assert (verdict.broken_at, verdict.first, verdict.last) == (None, 11, 20)
        await store.audit.write(payload(20), T0 + timedelta(minutes=20))
        verdict, links = await chain_in(redis.port, prefix)
        assert (verdict.broken_at, verdict.last) == (None, 21)
        assert links[-1].payload == payload(20)


async def test_what_is_deleted_for_its_age_is_in_the_log(redis: Redis, prefix: str) -> None:
    async with node(redis.url, prefix) as store:
        for number in range(10):
            store.audit.note(payload(number), T0 + timedelta(minutes=number))
        await store.audit.settled()
        with capture_logs() as logs:
            store.audit.prune(8, EPOCH, T0)
            await settle_until(redis.port, prefix, 8)
            store.audit.prune(8, T0 + timedelta(minutes=5), T0)
            await settle_until(redis.port, prefix, 5)

            def is_logged() -> bool:
                store.audit.prune(8, EPOCH, T0)
                return bool(logs)

            await until(is_logged)
        [line] = logs
        assert (line["setting"], line["events"]) == ("audit.max_age", 3)


async def test_on_a_cluster(cluster: Cluster, prefix: str) -> None:
    async with node(cluster.url, prefix) as first, node(cluster.url, prefix) as second:
        await first.audit.write(payload(1), T0)
        await second.audit.write(payload(2), T0)
        await first.audit.write(payload(3), T0)
    lengths = [one.ask("XLEN", f"{prefix}:{{audit}}:chain") for one in cluster.servers]
    assert b"3" in lengths  # the other two say where it is


async def test_events_of_an_outage_follow(own: Redis, prefix: str) -> None:
    async with node(own.url, prefix) as store:
        await store.audit.write(payload(0), T0)
        own.kill()
        with pytest.raises(StoreUnavailable):
            await store.audit.write(payload(1), T0)
        store.audit.note(payload(2), T0)
        own.start()
        verdict = await settle_until(own.port, prefix, 3)
        assert verdict.broken_at is None


async def test_a_head_that_redis_has_lost_is_found_again_at_the_end_of_the_chain(
    redis: Redis, prefix: str
) -> None:
    """Such as by a policy of eviction. Nothing could be written any more, and nobody log in."""
    async with node(redis.url, prefix) as store:
        for number in range(3):
            await store.audit.write(payload(number), T0)
        async with Client(port=redis.port) as client:
            await client.delete(f"{prefix}:{{audit}}:head")
        await store.audit.write(payload(3), T0)
        async with Client(port=redis.port) as client:
            await client.delete(f"{prefix}:{{audit}}:head")
    async with node(redis.url, prefix) as store:
        await store.add(a_session(), NO_CAPS)
        await store.audit.write(payload(4), T0)
        verdict, links = await chain_in(redis.port, prefix)
        assert (verdict.broken_at, verdict.events) == (None, 5)
        assert [one.payload for one in links] == [payload(number) for number in range(5)]


async def test_nor_is_one_of_a_chain_that_is_empty_the_end_of_logins(
    redis: Redis, prefix: str
) -> None:
    async with node(redis.url, prefix) as store, Client(port=redis.port) as client:
        chain, head = f"{prefix}:{{audit}}:chain", f"{prefix}:{{audit}}:head"
        for number in range(3):
            await store.audit.write(payload(number), T0)
        async with asyncio.timeout(PATIENCE):
            while await client.xlen(chain):
                store.audit.prune(10, T0 + timedelta(days=1))
                await asyncio.sleep(0)
        await client.delete(head)
        async with node(redis.url, prefix) as other:
            await other.audit.write(payload(3), T0)
        verdict, links = await chain_in(redis.port, prefix)
        assert (verdict.broken_at, [one.number for one in links]) == (None, [4])
        # What is gone without having been deleted by us is not passed over in silence.
        await client.delete(head, chain)
        async with node(redis.url, prefix) as other:
            await other.audit.write(payload(4), T0)
        verdict, _ = await chain_in(redis.port, prefix)
        assert verdict.broken_at is not None
