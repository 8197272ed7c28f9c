"""Leases in Redis: what one server keeps, all others see, whatever becomes of Redis meanwhile."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from sessiongate.errors import CapReached, StoreUnavailable
from sessiongate.rules.store_url import parse_redis
from sessiongate.store.port import StoredLease
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.leases import REMOVE, REPLACE, RESERVE
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import LIMITS, a_lease
from sessiongate.testing.stores.leases import all_leases, held_by, refused, sealed
from sessiongate.testing.stores.manager_tokens import a_token
from tests.peers import redis as peer
from tests.peers.redis import Cluster, Redis, Watched
from tests.peers.relay import Relay
from tests.store.redis.outlasting import answered
from tests.store.redis.processes import at_once
from tests.until import PATIENCE

pytestmark = pytest.mark.peer

_prefixes = count(1)


@asynccontextmanager
async def nodes(
    url: str, number: int = 1, *, prefix: str = "", patience: float = 10.0
) -> AsyncIterator[list[RedisStore]]:
    """So many servers' stores on the same Redis."""
    settings = RedisSettings(
        parse_redis(url),
        prefix=prefix or f"lease{next(_prefixes)}",
        timeout=timedelta(seconds=patience),
    )
    async with AsyncExitStack() as stack:
        stores = [RedisStore(settings, LIMITS) for _ in range(number)]
        for store in stores:
            await store.start()
            stack.push_async_callback(store.close)
        yield stores


async def test_what_one_node_keeps_another_sees_changes_and_removes(url: str) -> None:
    async with nodes(url, 2) as (first, second):
        lease = a_lease()
        await first.leases.reserve(lease, 1)
        assert await refused(second.leases, a_lease(), 1)
        ready = sealed(lease, b"x")
        assert await first.leases.replace(lease, ready)
        assert await second.leases.all() == [ready]
        theirs = held_by(ready, "node2")
        assert await second.leases.replace(ready, theirs)
        # So the one that opened it knows that another uses it, and does not end it.
        assert not await first.leases.replace(ready, held_by(ready, ""))
        await second.leases.remove(lease.id)
        assert await first.leases.all() == []
        assert not await refused(first.leases, a_lease(), 1)


async def test_sec_57_a_cap_holds_across_nodes(url: str) -> None:
    async with nodes(url, 4) as stores:
        asked = [refused(store.leases, a_lease(), 10) for store in stores for _ in range(50)]
        answers = await asyncio.gather(*asked)
        assert answers.count(False) == 10
        assert len(await all_leases(stores[0].leases)) == 10


_WORKER = """
import asyncio, sys
from datetime import timedelta
import msgspec
from sessiongate.errors import CapReached
from sessiongate.rules.store_url import parse_redis
from sessiongate.store.redis.store import RedisStore
from sessiongate.store.redis.client import RedisSettings
from sessiongate.testing import LIMITS, a_lease
from sessiongate.testing.stores.leases import sealed

async def main(url, prefix, seed):
    settings = RedisSettings(parse_redis(url), prefix=prefix, timeout=timedelta(seconds=30))
    store = RedisStore(settings, LIMITS)
    await store.start()
    async def one(number):
        lease = msgspec.structs.replace(a_lease(), id=f"{seed}-{number}")
        try:
            await store.leases.reserve(lease, 7)
        except CapReached:
            return
        assert len(await store.leases.all()) <= 7
        assert await store.leases.replace(lease, sealed(lease, b"x"))
        if number % 2:
            await store.leases.remove(lease.id)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(0, 40, 10):
        await asyncio.gather(*(one(number + more) for more in range(10)))
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_sec_57_a_cap_is_never_exceeded_by_three_processes(url: str) -> None:
    async with nodes(url, prefix="leaseprocs") as [store]:
        with at_once(_WORKER, url, "leaseprocs") as workers:
            while any(worker.poll() is None for worker in workers):
                assert len(await all_leases(store.leases)) <= 7
            assert {worker.returncode for worker in workers} == {0}
        # What is counted is what is there, each of it whole.
        kept = await all_leases(store.leases)
        assert {lease.sealed for lease in kept.values()} <= {b"x"}
        answers = [await refused(store.leases, a_lease(), 7) for _ in range(10)]
        assert answers.count(False) == 7 - len(kept)


async def test_what_is_asked_twice_since_its_answer_was_lost_is_done_once(own: Redis) -> None:
    with Relay(own.port) as relay:
        async with nodes(f"redis://127.0.0.1:{relay.port}") as [store]:
            lease = a_lease()
            ready = sealed(lease, b"x")
            for script, ask in (
                (RESERVE, partial(store.leases.reserve, lease, 1)),
                (REPLACE, partial(store.leases.replace, lease, ready)),
            ):
                own.ask("SCRIPT", "LOAD", script.text)  # so that it is the call that has no answer
                relay.lose_answer_to = script.sha
                assert await ask() in (None, True)
                assert relay.lose_answer_to is None, "no answer was lost"
            assert await store.leases.all() == [ready]
            other = a_lease()
            await store.leases.reserve(other, 2)
            own.ask("SCRIPT", "LOAD", REMOVE.text)
            relay.lose_answer_to = REMOVE.sha
            await store.leases.remove(lease.id)
            assert relay.lose_answer_to is None, "no answer was lost"
            assert await store.leases.all() == [other]
            assert not await refused(store.leases, a_lease(), 2)
            assert await refused(store.leases, a_lease(), 2)


async def test_sec_65_a_redis_that_was_killed_has_what_it_acknowledged(own: Redis) -> None:
    async with nodes(own.url, patience=1.0) as [store]:
        lease, gone = a_lease(), a_lease()
        for one in (lease, gone):
            await store.leases.reserve(one, 2)
        ready = sealed(lease, b"x")
        assert await store.leases.replace(lease, ready)
        await store.leases.remove(gone.id)
        own.kill()
        for asked in (
            store.leases.reserve(a_lease(), 9),
            store.leases.replace(ready, lease),
            store.leases.remove(lease.id),
            store.leases.find(lease.id),
            store.leases.all(),
        ):
            with pytest.raises(StoreUnavailable, match="does not answer"):
                await asked
        own.start()
        assert await answered(store.leases.all) == [ready]
        assert not await refused(store.leases, a_lease(), 2)
        assert await refused(store.leases, a_lease(), 2)


async def test_a_full_redis_takes_no_reservation_and_all_else(own: Redis) -> None:
    async with nodes(own.url) as [store]:
        lease = a_lease()
        await store.leases.reserve(lease, 2)
        own.ask("CONFIG", "SET", "maxmemory", 1)
        with pytest.raises(StoreUnavailable, match="OutOfMemory"):
            await store.leases.reserve(a_lease(), 2)
        # Its login is done by now: without this nobody could end it later.
        ready = sealed(lease, b"x" * 500)
        assert await store.leases.replace(lease, ready)
        assert await store.leases.all() == [ready]
        await store.leases.remove(lease.id)
        own.ask("CONFIG", "SET", "maxmemory", 0)
        assert await store.leases.all() == []
        await store.leases.reserve(a_lease(), 1)


async def test_a_reservation_given_up_takes_no_place(own: Redis) -> None:
    async with nodes(own.url) as [store]:
        reserving = asyncio.create_task(store.leases.reserve(a_lease(), 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        reserving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reserving

        async def kept() -> StoredLease | None:
            try:
                await store.leases.reserve(lease := a_lease(), 1)
            except CapReached:
                return None
            return lease

        deadline = time.monotonic() + PATIENCE
        while (lease := await kept()) is None:
            assert time.monotonic() < deadline, "its place stays taken"
        assert await store.leases.all() == [lease]


def waited(primary: Redis) -> int:
    """How often somebody has waited for a replica."""
    found = re.search(rb"cmdstat_wait:calls=(\d+)", primary.ask("INFO", "commandstats"))
    return int(found[1]) if found is not None else 0


@pytest.mark.slow
async def test_sec_08_65_a_replica_that_takes_over_has_what_was_acknowledged(
    tmp_path: Path,
) -> None:
    """A lease that has changed, and a token of the session manager that was revoked."""
    if why := peer.missing():
        pytest.skip(why)
    with Watched(tmp_path) as watched:
        async with nodes(watched.url, patience=1.0) as [store]:
            lease = a_lease()
            await store.leases.reserve(lease, 1)
            assert await refused(store.leases, a_lease(), 1)
            token = a_token()
            await store.manager_tokens.add(token)
            watched.in_step()
            before = waited(watched.primary)
            ready = sealed(lease, b"x")
            assert await store.leases.replace(lease, ready)
            await store.manager_tokens.remove(token.digest)
            assert waited(watched.primary) == before + 2
            watched.primary.kill()
            assert await answered(store.leases.all) == [ready]
            assert await answered(store.manager_tokens.all) == []
            assert await answered(lambda: refused(store.leases, a_lease(), 1))
            await answered(lambda: store.leases.remove(lease.id))
            assert await answered(store.leases.all) == []


async def test_a_cluster_has_them_all_in_one_slot(cluster: Cluster) -> None:
    """Else a script that counts them could not run there."""
    async with nodes(cluster.url, prefix="slots") as [store]:
        await store.leases.reserve(a_lease(), 1)
        names = store._keys.leases
        slots = {cluster.slot_of(name) for name in (*names, store._keys.places)}
        assert len(slots) == 1


async def test_what_a_lease_leaves_behind_is_nothing(own: Redis) -> None:
    async with nodes(own.url, prefix="none") as [store]:
        lease = a_lease("local/ada")
        await store.leases.reserve(lease, 1)
        assert own.ask("EXISTS", *store._keys.leases) == b"2"
        await store.leases.remove(lease.id)
        assert own.ask("EXISTS", *store._keys.leases) == b"0"
