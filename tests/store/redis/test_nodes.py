"""Several servers on one Redis: what one does, all others know."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import CapReached, StoreUnavailable
from sessiongate.rules.store_url import parse_redis
from sessiongate.secret import Secret
from sessiongate.session import Caps, Session
from sessiongate.store.redis.cache import NEAR
from sessiongate.store.redis.cache_sync import CacheSync
from sessiongate.store.redis.client import RedisClients, RedisSettings
from sessiongate.store.redis.end_listener import GOOD_FOR, EndListener
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import LIMITS, NO_CAPS, T0, TICK, a_session, a_ticket, everyone
from tests.peers import redis as peer
from tests.peers.redis import Redis
from tests.store.redis.processes import at_once
from tests.until import PATIENCE, until

pytestmark = pytest.mark.peer

_prefixes = count(1)

HOUR = timedelta(hours=1)


@asynccontextmanager
async def nodes(
    url: str, number: int = 2, *, cache: bool = False, prefix: str = ""
) -> AsyncIterator[list[RedisStore]]:
    """So many servers' stores on the same Redis."""
    settings = RedisSettings(
        parse_redis(url),
        prefix=prefix or f"node{next(_prefixes)}",
        timeout=timedelta(seconds=10),
        cache=cache,
    )
    stores = [RedisStore(settings, LIMITS) for _ in range(number)]
    for store in stores:
        await store.start()
    try:
        yield stores
    finally:
        for store in stores:
            await store.close()


def memory_of(store: RedisStore) -> CacheSync:
    assert store.memory is not None
    return store.memory


# Ends


async def test_sec_08_an_end_on_one_node_refuses_the_next_request_on_another(url: str) -> None:
    async with nodes(url) as (first, second):
        session = a_session()
        await first.add(session, NO_CAPS)
        assert await second.use(session.digest, T0) is not None
        assert await first.end(session.key) is not None
        assert await second.use(session.digest, T0) is None
        assert await second.find(session.key, T0) is None
        assert await second.end(session.key) is None
        assert await second.expire(T0 + LIMITS.idle, 10) == []


async def test_sec_08_an_end_is_pushed_to_who_remembers_the_session(url: str) -> None:
    async with nodes(url, 3, cache=True) as (first, second, third):
        sessions = [a_session() for _ in range(20)]
        for session in sessions:
            await first.add(session, NO_CAPS)
            for store in (second, third):
                assert await store.use(session.digest, T0) is not None
                assert await store.use(session.digest, T0) is not None
        assert memory_of(second).cache.hits == memory_of(third).cache.hits == 20
        took = []
        for session in sessions:
            assert await first.end(session.key) is not None
            began = time.monotonic()
            for store in (second, third):
                held = memory_of(store).cache
                await until(lambda held=held, one=session: not held.knows(one.digest))  # type: ignore[misc]
                assert await store.use(session.digest, T0) is None
            took.append(time.monotonic() - began)
        # All but three: a busy machine holds up some.
        assert sorted(took)[-4] < GOOD_FOR


async def test_sec_08_who_ends_a_session_forgets_it_at_once(url: str) -> None:
    async with nodes(url, 1, cache=True) as [store]:
        session = a_session()
        await store.add(session, NO_CAPS)
        for _ in range(3):
            assert await store.use(session.digest, T0) is not None
        ended = await store.end(session.key)
        assert ended is not None
        assert ended.call_count == 3
        assert await store.use(session.digest, T0) is None


async def test_sec_08_a_fetch_that_an_end_overtakes_never_revives_it(url: str) -> None:
    async with nodes(url, cache=True) as (first, second):
        session = a_session()
        await first.add(session, NO_CAPS)
        memory = memory_of(second)
        answered, go_on = asyncio.Event(), asyncio.Event()

        async def slowly() -> Session | None:
            found = await second._use(session.digest, T0)
            answered.set()  # Redis has said that it lives; the answer is still on its way
            await go_on.wait()
            return found

        fetch = asyncio.create_task(memory.fetch(session.digest, slowly()))
        await answered.wait()
        [under_way] = memory.cache.under_way(session.digest)
        assert await first.end(session.key) is not None
        await until(lambda: under_way.is_stale)
        go_on.set()
        assert await fetch is not None  # this request came before the end
        assert await second.use(session.digest, T0) is None
        assert await second.use(session.digest, T0) is None


async def test_a_change_on_one_node_is_seen_on_another(url: str) -> None:
    async with nodes(url, cache=True) as (first, second):
        session = a_session()
        await first.add(session, NO_CAPS)
        used = await second.use(session.digest, T0)
        assert used is not None
        used.locale = "de_DE"
        assert await first.use(session.digest, T0) is not None
        assert await second.change(used)
        await until(lambda: not memory_of(first).cache.knows(session.digest))
        again = await first.use(session.digest, T0)
        assert again is not None
        assert again.locale == "de_DE"


# Restarts and clocks


async def test_sec_10_an_ended_session_stays_ended_after_kill_minus_nine(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with Redis(tmp_path) as own:
        async with nodes(own.url, 1, prefix="sg") as [store]:
            out, idle, alive = a_session(), a_session(), a_session()
            for session in (out, idle, alive):
                await store.add(session, NO_CAPS)
            await store.end(out.key)
            now = T0 + LIMITS.idle
            assert await store.use(alive.digest, now - TICK) is not None
            assert await store.use(idle.digest, now) is None
            assert await store.expire(now, 0) == []
            own.kill()
        own.start()
        async with nodes(own.url, 1, prefix="sg") as [store]:
            for session in (out, idle):
                assert await store.use(session.digest, now - HOUR) is None
                assert await store.find(session.key, now - HOUR) is None
                assert await store.end(session.key) is None
            assert set(await everyone(store, now - HOUR)) == {alive.key}


async def test_sec_10_a_node_that_starts_later_knows_the_time_of_the_others(url: str) -> None:
    async with nodes(url, 1, prefix="late") as [first]:
        await first.expire(T0 + HOUR, 10)
        settings = RedisSettings(parse_redis(url), prefix="late")
        second = RedisStore(settings, LIMITS)
        try:
            assert await second.start() == T0 + HOUR
        finally:
            await second.close()


async def test_a_node_whose_clock_is_behind_ends_nothing_early(url: str) -> None:
    async with nodes(url) as (ahead, behind):
        session = a_session()
        await ahead.add(session, NO_CAPS)
        now = T0 + timedelta(minutes=20)
        assert await ahead.use(session.digest, now) is not None
        assert await behind.use(session.digest, now - timedelta(seconds=5)) is not None
        found = await behind.find(session.key, T0)
        assert found is not None
        assert found.active_at == now


# Caps


async def add_some(store: RedisStore, number: int, caps: Caps) -> int:
    answers = await asyncio.gather(
        *(store.add(a_session(), caps) for _ in range(number)), return_exceptions=True
    )
    refused = [one for one in answers if one is not None]
    assert all(isinstance(one, CapReached) for one in refused)
    return number - len(refused)


async def test_sec_15_caps_hold_across_nodes(url: str) -> None:
    for caps in (Caps(total=50), Caps(per_principal=50)):
        async with nodes(url, 4) as stores:
            kept = await asyncio.gather(*(add_some(store, 50, caps) for store in stores))
            assert sum(kept) == 50
            assert len(await everyone(stores[0], T0)) == 50
            assert await stores[1].count() == 50


async def test_sec_15_of_a_session_that_finds_no_place_nothing_is_left(url: str) -> None:
    """It is written together with its place."""
    for caps in (Caps(total=1), Caps(per_principal=1)):
        async with nodes(url) as (first, second):
            await first.add(a_session(), caps)
            refused = a_session()
            with pytest.raises(CapReached):
                await first.add(refused, caps)
            for store in (first, second):
                assert await store.use(refused.digest, T0) is None
            assert await second.count() == 1


async def test_a_session_whose_event_is_not_in_is_none(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The three are written together, and none stands without the others."""

    async def not_in() -> None:
        raise StoreUnavailable("the audit's chain is too busy")

    async with nodes(url) as (first, second):
        session = a_session()
        monkeypatch.setattr(first.audit, "settled", not_in)
        with pytest.raises(StoreUnavailable):
            await first.add(session, NO_CAPS)
        for store in (first, second):
            assert await store.use(session.digest, T0) is None
        assert await second.count() == 0
        monkeypatch.undo()
        await first.add(session, NO_CAPS)  # nothing of it is in the way
        assert await second.use(session.digest, T0) is not None


async def test_a_double_leaves_the_first_as_it_was(url: str) -> None:
    async with nodes(url) as (first, second):
        session = a_session()
        await first.add(session, NO_CAPS)
        by_digest, by_key = a_session(), a_session()
        by_digest.digest, by_key.key = session.digest, session.key
        for double in (by_digest, by_key):
            with pytest.raises(ValueError, match="is already kept"):
                await second.add(double, NO_CAPS)
        assert await second.use(session.digest, T0) is not None
        assert await second.use(by_key.digest, T0) is None
        assert await second.find(session.key, T0) is not None
        assert await second.count() == 1


_WORKER = """
import asyncio, sys
from datetime import timedelta
from sessiongate.errors import CapReached
from sessiongate.rules.store_url import parse_redis
from sessiongate.session import Caps, Ended, Limits
from sessiongate.store.redis.store import RedisStore
from sessiongate.store.redis.client import RedisSettings
from sessiongate.testing import LIMITS, T0, a_session

async def main(url, prefix, seed):
    settings = RedisSettings(parse_redis(url), prefix=prefix, timeout=timedelta(seconds=30))
    store = RedisStore(settings, LIMITS)
    await store.start()
    async def one(number):
        session = a_session(f"{seed}-{number}")
        session.key = f"{seed}-{number}"
        try:
            await store.add(session, Caps(total=20, per_principal=15))
        except CapReached:
            return
        assert await store.count() <= 20
        if number % 2:
            assert await store.end(session.key)
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*(one(number) for number in range(100)))
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_sec_57_caps_are_never_exceeded_by_three_processes(url: str) -> None:
    async with nodes(url, 1, prefix="procs") as [store]:
        with at_once(_WORKER, url, "procs") as workers:
            while any(worker.poll() is None for worker in workers):
                assert await store.count() <= 15
                assert len(await everyone(store, T0)) <= 15
            assert {worker.returncode for worker in workers} == {0}
        # What is counted is what is there.
        live = await everyone(store, T0)
        assert await store.count() == len(live)
        assert await add_some(store, 30, Caps(per_principal=15)) == 15 - len(live)


async def test_sec_88_what_the_version_before_has_counted_goes_on_counting(url: str) -> None:
    """It counted by the name alone. Its sessions stay, count for the name, and go in order."""
    caps = Caps(per_principal=2)
    async with nodes(url, 1) as (store,):
        old, moved = a_session(principal="ada"), a_session(principal="ada")
        for session in (old, moved):
            await store.add(session, NO_CAPS)
        calls, keys = store._calls, store._keys
        for session in (old, moved):
            await calls.send("HSET", keys.places, session.key, session.digest + b"ada")
        await calls.send("DEL", keys.counts)
        await calls.send("HSET", keys.counts, "ada", 2)
        with pytest.raises(CapReached):
            await store.add(a_session(principal="ada"), caps)
        # One ends, one is changed: both leave what counted them.
        assert await store.end(old.key) is not None
        assert await store.change(moved)
        await store.add(a_session(principal="ada"), caps)
        with pytest.raises(CapReached):
            await store.add(a_session(principal="ada"), caps)
        theirs = a_session(principal="ada")
        theirs.provider = "issuer"
        await store.add(theirs, caps)
        counts = await calls.send("HGETALL", keys.counts)
        named = (
            counts
            if isinstance(counts, dict)
            else dict(zip(counts[::2], counts[1::2], strict=True))
        )
        assert named == {b"local\0ada": b"2", b"issuer\0ada": b"1"}
        assert set(await everyone(store, T0)) >= {moved.key, theirs.key}


async def test_a_place_whose_session_never_came_is_given_back(url: str) -> None:
    """As a server leaves it that dies between taking the place and writing the session."""
    async with nodes(url) as (first, second):
        ghost = a_session()
        assert await first._reserve(ghost, Caps(total=1), T0) == b"ok"
        assert await everyone(second, T0) == {}
        later = T0 + LIMITS.idle
        await second.add(a_session(at=later), Caps(total=1))
        assert await second.count() == 1


async def test_each_end_by_time_is_told_to_one_node(url: str) -> None:
    async with nodes(url, 3) as stores:
        sessions = [a_session() for _ in range(30)]
        await asyncio.gather(*(stores[0].add(one, NO_CAPS) for one in sessions))
        later = T0 + LIMITS.idle
        told = []
        for _ in range(5):
            swept = await asyncio.gather(*(store.expire(later, 5) for store in stores))
            told += [session.key for ended in swept for session, _ in ended]
        assert sorted(told) == sorted(one.key for one in sessions)
        assert await stores[0].count() == 0


async def test_a_sweep_asks_redis_once_where_nothing_is_due(own: Redis) -> None:
    async with nodes(own.url, 1) as (store,):
        await store.add(a_session(), NO_CAPS)
        own.ask("CONFIG", "RESETSTAT")
        for _ in range(100):
            assert await store.expire(T0, 50) == []
        assert calls_of(own, "evalsha") == 1
        # A moment later there may be some.
        assert await store.expire(T0 + timedelta(seconds=1), 50) == []
        assert calls_of(own, "evalsha") == 2
        assert len(await store.expire(T0 + LIMITS.idle, 50)) == 1


def calls_of(own: Redis, command: str) -> int:
    """How often a command was called since the last reset, but in scripts."""
    stats = str(own.ask("INFO", "commandstats"))
    found = re.search(rf"cmdstat_{command}:calls=(\d+)", stats)
    return int(found[1]) if found else 0


# The cache


async def test_a_use_that_one_node_remembers_keeps_the_session_alive_on_all(url: str) -> None:
    async with nodes(url, cache=True) as (first, second):
        session = a_session()
        await first.add(session, NO_CAPS)
        assert await first.use(session.digest, T0) is not None
        last = T0 + LIMITS.idle - NEAR - TICK
        assert await first.use(session.digest, last) is not None
        assert memory_of(first).cache.hits == 1
        # Within seconds the others know; here, before they look.
        await memory_of(first).flush()
        assert await second.expire(T0 + LIMITS.idle, 10) == []
        found = await second.find(session.key, T0 + LIMITS.idle)
        assert found is not None
        assert (found.active_at, found.call_count) == (last, 2)
        assert await second.use(session.digest, last + LIMITS.idle - TICK) is not None


async def test_while_ends_are_not_heard_of_redis_is_asked(redis: Redis) -> None:
    async with nodes(redis.url, cache=True) as (first, second):
        session = a_session()
        await first.add(session, NO_CAPS)
        for _ in range(2):
            assert await second.use(session.digest, T0) is not None
        cache = memory_of(second).cache
        assert (cache.hits, len(cache)) == (1, 1)
        with capture_logs() as logs:
            redis.ask("CLIENT", "KILL", "TYPE", "pubsub")
            await until(lambda: len(cache) == 0)
        assert [one["log_level"] for one in logs] == ["warning", "warning"]
        assert await second.use(session.digest, T0) is not None
        assert cache.hits == 1
        # And when they are again, it is as it was.
        await until(memory_of(second)._live)
        for _ in range(2):
            assert await second.use(session.digest, T0) is not None
        assert cache.hits == 2


async def test_a_line_that_has_been_quiet_for_a_second_is_good_for_nothing(redis: Redis) -> None:
    servers = RedisClients(RedisSettings(parse_redis(redis.url)))
    servers.open()
    told: list[bytes] = []
    now = [100.0]
    listening = EndListener(
        servers.lines, "quiet", on_end=told.append, lost=lambda: None, clock=lambda: now[0]
    )
    try:
        await listening.start(PATIENCE)
        assert listening.live
        redis.ask("PUBLISH", "quiet", "one")
        await until(lambda: told == [b"one"])
        now[0] += GOOD_FOR
        assert not listening.live
        # It was only our clock: the next answer makes it good again.
        await until(lambda: listening.live)
    finally:
        await listening.close()
        await servers.close()
    assert not listening.live


# What a thief finds


async def test_sec_02_redis_never_holds_a_token(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    token, ticket = Secret("5ca1ab1e" * 5), Secret("deadbeef" * 5)
    with Redis(tmp_path) as own:
        async with nodes(own.url, cache=True) as (first, second):
            session = a_session(token.reveal())
            await first.add(session, NO_CAPS)
            await first.put(ticket.digest(), a_ticket())
            assert await second.use(token.digest(), T0) is not None
            assert await second.end(session.key) is not None
        own.ask("BGREWRITEAOF")
        own.ask("SAVE")
    files = [one for one in tmp_path.rglob("*") if one.is_file()]
    written = b"".join(one.read_bytes() for one in files)
    assert token.digest().hex().encode() in written
    for secret in (token, ticket):
        assert secret.reveal().encode() not in written
        assert bytes.fromhex(secret.reveal()) not in written


def test_the_names_of_keys_are_what_the_page_says() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "redis.md"
    text = page.read_text(encoding="utf-8")
    for name in (
        "sg:s:DIGEST",
        "sg:t:DIGEST",
        "sg:m:DIGEST",
        "sg:{book}:places",
        "sg:{book}:due",
        "sg:{book}:counts",
        "sg:{book}:seen",
        "sg:{book}:message",
        "sg:{book}:sync",
        "sg:{book}:locked",
        "sg:{book}:leases",
        "sg:{book}:lease-counts",
        "sg:l:DIGEST",
        "sg:{audit}:chain",
        "sg:{audit}:head",
        "sg:{audit}:anchor",
        "sg:ends",
    ):
        assert f"`{name}`" in text
