"""What clients have, shared by servers: the answers are those of memory, whoever asks."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from sessiongate.errors import StoreUnavailable
from sessiongate.rules.relay import State
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.gateway_port import Changes, Entered, LeaseUse, Thing
from sessiongate.store.port import Store
from sessiongate.store.redis.books import CLEAR, ENTER, LEAVE, NOTE, TURN
from sessiongate.store.redis.keys import RedisKeys
from sessiongate.store.redis.lease_users import DETACH
from sessiongate.store.redis.scripts import Script
from sessiongate.testing import LIMITS, a_lease
from sessiongate.testing.stores.lease_users import (
    A_VIEW,
    NOW,
    book,
    contents_of,
    killed,
    living,
    used,
)
from sessiongate.testing.stores.leases import held_by
from tests.each import each
from tests.peers.redis import Cluster, Redis
from tests.peers.relay import Relay
from tests.store.redis.processes import at_once
from tests.store.redis.test_leases import nodes

pytestmark = pytest.mark.peer

INSTANCES = ("one", "two", "three")
CLIENTS = ("ada", "bob", "eve")
NAMES = ("v1", "v2", "v3", "v4")


def told(answer: object) -> object:
    """An answer as it can be compared: Redis leaves out a book that the caller knows."""
    if isinstance(answer, Entered):
        return answer.entry, answer.home, answer.foreign, answer.version, contents_of(answer.book)
    return answer


async def one_step(store: Store, seed: int, leases: list[str]) -> object:
    """One of all that may be asked, by chance."""
    chance = random.Random(seed)
    books, users = store.books("vc1"), store.lease_users
    client, lease = chance.choice(CLIENTS), chance.choice(leases)
    instance, name = chance.choice(INSTANCES), chance.choice(NAMES)
    stay = f"{instance}:{chance.randrange(3)}"
    now = NOW + chance.randrange(3)
    thing = Thing("X", chance.choice(list(State)), chance.choice(("", "c")))
    match chance.randrange(14):
        case 0 | 1 | 2 | 3:
            entered = await books.enter(
                client,
                stay,
                chance.choice((lease, lease, "")),
                exclusive=chance.random() < 0.3,
                names=chance.sample(NAMES, chance.randrange(3)),
            )
            return told(entered)
        case 4 | 5 | 6:
            ended = tuple(chance.sample((*NAMES, "p1", "c"), chance.randrange(3)))
            page = ("p1", now + 1.0) if chance.random() < 0.3 else None
            opened = ((name, thing),) if chance.random() < 0.7 else ()
            collector = "c" if chance.random() < 0.3 else ""
            changes = Changes(ended, opened, collector, page)
            return told(await books.note(client, lease, changes, -1))
        case 7:
            return await books.turn(client, f"{stay}{seed}", "p1", now)
        case 8 | 9:
            return await books.leave(client, stay, lease, now)
        case 10 if chance.random() < 0.3:
            return told(await books.clear(client, stay, now))
        case 11 if chance.random() < 0.2:
            return await books.lost(lease, instance)
        case 12:
            if chance.random() < 0.5:
                return await users.detach(lease, instance)
            return await users.attach(lease, instance)
        case _ if chance.random() < 0.2:
            await (killed if chance.random() < 0.5 else living)(store, instance)
    if chance.random() < 0.1:
        await users.retire(lease)
    return [await users.clients(one) for one in leases]


async def uses(store: Store) -> list[LeaseUse]:
    return sorted(await store.lease_users.look(), key=lambda use: use.lease)


@each("seed", range(12))
async def test_redis_answers_as_memory_does(redis: Redis, seed: int) -> None:
    async with nodes(redis.url) as [shared]:
        alone = MemoryStore(LIMITS)
        leases = [held_by(a_lease(), "one") for _ in range(3)]
        for store in (shared, alone):
            await living(store, *INSTANCES)
            for lease in leases:
                await store.leases.reserve(lease, 9)
        names = [lease.id for lease in leases]
        for step in range(150):
            at = seed * 1000 + step
            expected = await one_step(alone, at, names)
            assert await one_step(shared, at, names) == expected, f"step {step}"
            assert await uses(shared) == await uses(alone), f"step {step}"


async def test_what_is_asked_twice_since_its_answer_was_lost_is_done_once(own: Redis) -> None:
    with Relay(own.port) as relay:
        async with nodes(f"redis://127.0.0.1:{relay.port}") as [store]:
            books = store.books("vc1")
            lease = await used(store, "one")
            page = Changes(opened=(("v1", A_VIEW),), page=("p", NOW + 5))
            known = book("v1", p=NOW + 5)
            asked: tuple[tuple[Script, Callable[[], Awaitable[object]], object], ...] = (
                (ENTER, lambda: books.enter("ada", "one:1", lease.id), book()),
                (NOTE, lambda: books.note("ada", lease.id, page, 0), known),
                (TURN, lambda: books.turn("ada", "one:1", "p", NOW), True),
                (CLEAR, lambda: books.clear("ada", "one:2", NOW), book("v1")),
                (LEAVE, lambda: books.leave("ada", "one:2", lease.id, NOW), False),
                (LEAVE, lambda: books.leave("ada", "one:1", lease.id, NOW), True),
                (DETACH, lambda: store.lease_users.detach(lease.id, "one"), True),
            )
            for script, ask, expected in asked:
                own.ask("SCRIPT", "LOAD", script.text)  # so that it is the call that has no answer
                relay.lose_answer_to = script.sha
                answer = await ask()
                assert relay.lose_answer_to is None, "no answer was lost"
                found = contents_of(answer.book) if isinstance(answer, Entered) else answer
                assert found == expected, script.text


_WORKER = """
import asyncio, sys
from datetime import timedelta
from sessiongate.rules.store_url import parse_redis
from sessiongate.store.gateway_port import Changes, StayOutcome
from sessiongate.store.redis.store import RedisStore
from sessiongate.store.redis.client import RedisSettings
from sessiongate.testing import LIMITS

async def main(url, prefix, me):
    settings = RedisSettings(parse_redis(url), prefix=prefix, timeout=timedelta(seconds=30))
    store = RedisStore(settings, LIMITS)
    await store.start()
    await store.lease_users.beat(me, timedelta(minutes=5))
    books = store.books("vc1")
    at_home = {}
    async def one(number):
        # Three clients of its own want the one lease alone, and one client of all turns pages.
        stay, client = f"{me}:{number}", f"{me}-{number % 3}"
        if await books.turn("all", f"{me}:p{number}", f"page-{number}", 0.0):
            print(f"turned {number}", flush=True)
        entered = await books.enter(client, stay, "lease", exclusive=True)
        if entered.entry is StayOutcome.IN:
            clients = await store.lease_users.clients("lease")
            assert clients == [client], clients
            await books.leave(client, stay, "lease", 0.0)
            print("alone", flush=True)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(0, 60, 10):
        await asyncio.gather(*(one(number + more) for more in range(10)))
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_sec_57_three_processes_have_a_lease_one_after_the_other(redis: Redis) -> None:
    async with nodes(redis.url, prefix="threebooks") as [store]:
        books = store.books("vc1")
        await living(store, "here")
        for name in ("lease", "paged"):
            lease = msgspec.structs.replace(held_by(a_lease(), "here"), id=name)
            await store.leases.reserve(lease, 9)
        entered = await books.enter("all", "here:1", "paged")
        for number in range(60):
            page = Changes(page=(f"page-{number}", 1.0))
            await books.note("all", "paged", page, entered.version)
        with at_once(_WORKER, redis.url, "threebooks") as workers:
            said = [await asyncio.to_thread(one.communicate) for one in workers]
            assert {worker.returncode for worker in workers} == {0}
        lines = [line for out, _ in said for line in out.splitlines()]
        assert "alone" in lines
        turned = sorted(int(line.split()[1]) for line in lines if line.startswith("turned"))
        assert turned == list(range(60))
        assert await store.lease_users.clients("lease") == []


async def test_a_cluster_has_all_that_changes_together_in_one_slot(cluster: Cluster) -> None:
    keys = RedisKeys("slots")
    names = (*keys.leases, *keys.lease_users, keys.homes("x"), keys.owners("vc1"))
    slots = {cluster.slot_of(name) for name in (*names, keys.client("vc1", "ada"), keys.places)}
    assert len(slots) == 1


async def test_sec_63_who_could_not_be_told_of_a_loss_hides_nobody_else(own: Redis) -> None:
    async with nodes(own.url, prefix="part") as [store]:
        books, keys = store.books("vc1"), store._keys
        lease = await used(store, "one")
        for client in ("ada", "eve"):
            entered = await books.enter(client, "one:1", lease.id)
            await books.note(client, lease.id, Changes(collector=client), entered.version)
        own.ask("SET", keys.client("vc1", "eve"), "no hash")
        with pytest.raises(StoreUnavailable):
            await books.lost(lease.id, "one")
        own.ask("DEL", keys.client("vc1", "eve"))
        assert await books.lost(lease.id, "one") == ["ada"]
        assert await store.lease_users.clients(lease.id) == []


async def test_what_clients_leave_behind_is_forgotten(own: Redis) -> None:
    async with nodes(own.url, prefix="none") as [store]:
        books = store.books("vc1")
        lease = await used(store, "one")
        for client in ("ada", "bob"):
            entered = await books.enter(client, "one:1", lease.id)
            await books.note(client, lease.id, Changes(collector=client), entered.version)
        await books.note("bob", lease.id, Changes(ended=("bob",)), 1)
        assert await books.leave("bob", "one:1", lease.id, NOW)
        assert await books.clear("ada", "one:2", NOW) is not None
        for stay in ("one:2", "one:1"):
            await books.leave("ada", stay, lease.id, NOW)
        await books.clear("eve", "one:3", NOW)
        await store.leases.remove(lease.id)
        keys = store._keys
        left = {keys.client("vc1", one) for one in ("ada", "eve")} | {keys.instance("one")}
        left |= {keys.owners("vc1"), keys.mark, keys.removed(lease.id)}
        assert int(own.ask("HLEN", keys.owners("vc1"))) == 1, "the version of the last change"
        found = own.ask("EVAL", "return table.concat(redis.call('KEYS', 'none:*'), ' ')", 0)
        assert set(found.decode().split()) == left
        for client in ("ada", "eve"):
            assert 0 < int(own.ask("PTTL", keys.client("vc1", client))) <= 120_000
        assert 0 < int(own.ask("PTTL", keys.removed(lease.id))) <= 600_000


async def test_a_full_redis_takes_all_of_it(own: Redis) -> None:
    """What is open has to be used, cleared and logged out then, too."""
    async with nodes(own.url, prefix="full") as [store]:
        books = store.books("vc1")
        lease = await used(store, "one")
        own.ask("CONFIG", "SET", "maxmemory", 1)
        await living(store, "two")
        entered = await books.enter("ada", "one:1", lease.id)
        await books.note("ada", lease.id, Changes(collector="c"), entered.version)
        assert await books.clear("ada", "one:2", NOW) is not None
        for stay in ("one:2", "one:1"):
            await books.leave("ada", stay, lease.id, NOW)
        assert await store.lease_users.detach(lease.id, "one")
