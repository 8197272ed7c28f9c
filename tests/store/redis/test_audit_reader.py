"""Reading the audit out of Redis: as it was written, whole or not, whatever goes on meanwhile.

The reader runs in a thread, since it has an event loop of its own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import count
from typing import TypeVar

import pytest

from sessiongate.errors import StoreUnavailable
from sessiongate.rules.audit_chain import Chain, ChainVerdict, Link
from sessiongate.rules.store_url import parse_redis
from sessiongate.store.encoding import EPOCH
from sessiongate.store.redis.audit_reader import RedisAuditReader
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import LIMITS, T0
from tests.peers.ports import free_port
from tests.peers.redis import Cluster, Redis
from tests.until import PATIENCE

pytestmark = pytest.mark.peer

T = TypeVar("T")

_prefixes = count(1)


def settings_of(url: str) -> RedisSettings:
    prefix = f"reader{next(_prefixes)}"
    return RedisSettings(parse_redis(url), prefix=prefix, timeout=timedelta(seconds=10))


@pytest.fixture(params=["redis", "cluster"])
def settings(request: pytest.FixtureRequest) -> RedisSettings:
    servers: Redis | Cluster = request.getfixturevalue(request.param)
    return settings_of(servers.url)


@pytest.fixture
async def store(settings: RedisSettings) -> AsyncIterator[RedisStore]:
    made = RedisStore(settings, LIMITS)
    await made.start()
    yield made
    await made.close()


def payload(number: int) -> bytes:
    return b'{"event":"%d"}' % number


async def noted(store: RedisStore, first: int, last: int) -> None:
    for number in range(first, last + 1):
        store.audit.note(payload(number), T0 + timedelta(seconds=number))
    await store.audit.settled()


async def read(settings: RedisSettings, what: Callable[[RedisAuditReader], T]) -> T:
    def ask() -> T:
        with RedisAuditReader(settings) as reader:
            return what(reader)

    return await asyncio.to_thread(ask)


def numbers(links: list[Link]) -> list[int]:
    return [one.number for one in links]


async def test_an_empty_audit_is_whole(settings: RedisSettings) -> None:
    verdict = await read(settings, lambda reader: reader.verify())
    assert (verdict.broken_at, verdict.events, verdict.last) == (None, 0, 0)
    assert await read(settings, lambda reader: list(reader.all())) == []
    assert await read(settings, lambda reader: reader.tail(5)) == []


async def test_all_events_come_in_order_over_several_pages(
    settings: RedisSettings, store: RedisStore
) -> None:
    await noted(store, 1, 1234)
    links = await read(settings, lambda reader: list(reader.all()))
    assert [one.payload for one in links] == [payload(number) for number in range(1, 1235)]
    verdict = await read(settings, lambda reader: reader.verify())
    assert (verdict.broken_at, verdict.events, verdict.head) == (None, 1234, links[-1].hash)
    assert numbers(await read(settings, lambda reader: reader.tail(3))) == [1232, 1233, 1234]
    assert numbers(await read(settings, lambda reader: reader.before(1232, 2))) == [1230, 1231]
    assert numbers(await read(settings, lambda reader: reader.before(3, 9))) == [1, 2]
    assert await read(settings, lambda reader: reader.before(1, 9)) == []
    backwards = await read(settings, lambda reader: reader.before(1200, 1100))
    assert numbers(backwards) == list(range(100, 1200))
    assert len(await read(settings, lambda reader: reader.tail(5000))) == 1234


async def test_a_known_head_must_be_in_the_chain(
    settings: RedisSettings, store: RedisStore
) -> None:
    await noted(store, 1, 10)
    (third,) = await read(settings, lambda reader: reader.tail(8)[:1])
    known = await read(settings, lambda reader: reader.verify(third.hash))
    assert (known.broken_at, known.known_head_seen) == (None, True)
    unknown = await read(settings, lambda reader: reader.verify(bytes(32)[:-1] + b"\x01"))
    assert unknown.broken_at is not None


@pytest.mark.parametrize("changed", ["payload", "number", "head"])
async def test_sec_70_a_change_in_redis_is_found(redis: Redis, changed: str) -> None:
    settings = settings_of(redis.url)
    made = RedisStore(settings, LIMITS)
    await made.start()
    try:
        await noted(made, 1, 5)
    finally:
        await made.close()
    audit = f"{settings.prefix}:{{audit}}:"
    *_, last = await read(settings, lambda reader: list(reader.all()))
    if changed == "head":
        redis.ask("HSET", f"{audit}head", "number", 6)
        wanted = 6
    elif changed == "number":
        redis.ask("XDEL", f"{audit}chain", "3-0")
        wanted = 3
    else:
        redis.ask("XDEL", f"{audit}chain", "5-0")
        fields = ("at", 0, "payload", payload(7), "hash", last.hash)
        redis.ask("XADD", f"{audit}chain", "5-1", *fields)
        wanted = 5
    verdict = await read(settings, lambda reader: reader.verify())
    assert verdict.broken_at == wanted


async def test_it_begins_after_what_was_deleted(settings: RedisSettings, store: RedisStore) -> None:
    await noted(store, 1, 40)
    store.audit.prune(15, EPOCH)
    await noted(store, 41, 41)
    links = await read(settings, lambda reader: list(reader.all()))
    assert numbers(links)[-1] == 41
    verdict = await read(settings, lambda reader: reader.verify())
    assert (verdict.broken_at, verdict.first) == (None, links[0].number)


async def test_events_deleted_while_it_reads_are_no_gap(
    settings: RedisSettings, store: RedisStore
) -> None:
    """The chain loses its beginning between the first page and the second."""
    await noted(store, 1, 1500)
    loop = asyncio.get_running_loop()

    def lose() -> None:
        async def trim() -> None:
            store.audit.prune(100, EPOCH)
            await noted(store, 1501, 1501)
            for _ in range(1000):
                if (await read(settings, lambda reader: reader.verify())).first > 1:
                    return

        asyncio.run_coroutine_threadsafe(trim(), loop).result(PATIENCE)

    def ask(reader: RedisAuditReader) -> list[int]:
        found: list[int] = []
        for one in reader.all():
            if one.number == 500:
                lose()
            found.append(one.number)
        return found

    found = await read(settings, ask)
    assert found == [*range(1, 501), *range(1401, 1501)]
    verdict = await read(settings, lambda reader: reader.verify())
    assert (verdict.broken_at, verdict.first) == (None, 1401)


async def test_a_redis_that_is_away_is_said(redis: Redis) -> None:
    away = settings_of(f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await read(away, lambda reader: reader.tail(1))


async def test_sec_70_what_strangers_fill_evicts_no_decision(
    settings: RedisSettings, store: RedisStore
) -> None:
    await noted(store, 1, 3)
    for number in range(20):
        store.audit.note(payload(number), T0, Chain.ANONYMOUS)
    await store.audit.write(payload(4), T0)
    later = T0 + timedelta(hours=1)
    deadline = time.monotonic() + PATIENCE
    while (strangers := await of_strangers(settings)).pruned == 0:
        store.audit.prune(5, EPOCH, later, Chain.ANONYMOUS)
        store.audit.prune(5, EPOCH, later)
        assert time.monotonic() < deadline
    assert (strangers.broken_at, strangers.events, strangers.pruned) == (None, 5, 15)
    assert strangers.merged == 5 * 2
    assert numbers(await read(settings, lambda reader: list(reader.all()))) == [1, 2, 3, 4]
    assert numbers(await read(settings, lambda reader: reader.tail(2, Chain.ANONYMOUS))) == [19, 20]
    assert await read(settings, lambda reader: reader.since(Chain.ANONYMOUS)) == later
    assert await read(settings, lambda reader: reader.since()) is None


async def of_strangers(settings: RedisSettings) -> ChainVerdict:
    return await read(settings, lambda reader: reader.verify(None, Chain.ANONYMOUS, lambda _: 2))


async def test_what_an_older_release_has_deleted_has_no_beginning(redis: Redis) -> None:
    settings = settings_of(redis.url)
    store = RedisStore(settings, LIMITS)
    await store.start()
    try:
        await noted(store, 1, 6)
        audit = f"{settings.prefix}:{{audit}}:"
        *_, fourth = await read(settings, lambda reader: list(reader.all())[:4])
        # As the first release left it: an anchor that says nothing of a time.
        redis.ask("HSET", f"{audit}anchor", "number", 4, "hash", fourth.hash)
        redis.ask("XTRIM", f"{audit}chain", "MINID", "5-0")
        deadline = time.monotonic() + PATIENCE
        while (verdict := await read(settings, lambda reader: reader.verify())).pruned == 4:
            store.audit.prune(1, EPOCH, T0)
            assert time.monotonic() < deadline
        assert (verdict.broken_at, verdict.pruned) == (None, 5)
        assert await read(settings, lambda reader: reader.since()) is None
    finally:
        await store.close()
