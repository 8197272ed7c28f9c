"""Counters of failed logins in Redis: the answers of one process, for all servers at once."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count

import pytest
from redis.asyncio import Redis as Client

from sessiongate.errors import BadCredentials, LockedOut, StoreUnavailable
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.identity.guard.guard import Guard
from sessiongate.rules.accounts import parse_account
from sessiongate.rules.store_url import parse_redis
from sessiongate.secret import Secret
from sessiongate.store.encoding import micros
from sessiongate.store.port import AttemptStore, ReservedAttempt
from sessiongate.store.redis.attempts import LONGEST_TRY
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import (
    LIMITS,
    T0,
    TICK,
    AttemptsContract,
    FakeClock,
    FakeIdentity,
    Policies,
)
from sessiongate.testing.attempts import HERE, THERE, fail
from tests.peers.redis import Cluster, Redis

pytestmark = pytest.mark.peer

_prefixes = count(1)


async def store_at(url: str, prefix: str = "") -> RedisStore:
    prefix = prefix or f"tries{next(_prefixes)}"
    patience = timedelta(seconds=10)
    store = RedisStore(RedisSettings(parse_redis(url), prefix=prefix, timeout=patience), LIMITS)
    await store.start()
    return store


def client_of(redis: Redis) -> Client:
    return Client.from_url(redis.url)


class InRedis(AttemptsContract):
    @pytest.fixture(autouse=True)
    async def store(self, redis: Redis) -> AsyncIterator[None]:
        self.shared = await store_at(redis.url)
        yield
        await self.shared.close()

    async def make(self, policies: Policies) -> AttemptStore:
        return self.shared.attempts("local", policies)


class TestOnOne(InRedis):
    pass


class TestOnValkey(InRedis):
    @pytest.fixture(autouse=True)
    async def store(self, valkey: Redis) -> AsyncIterator[None]:
        self.shared = await store_at(valkey.url)
        yield
        await self.shared.close()


class TestOnThree(InRedis):
    @pytest.fixture(autouse=True)
    async def store(self, cluster: Cluster) -> AsyncIterator[None]:
        self.shared = await store_at(cluster.url)
        yield
        await self.shared.close()


@pytest.fixture
async def pair(redis: Redis) -> AsyncIterator[tuple[RedisStore, RedisStore]]:
    """Two servers on one Redis."""
    first = await store_at(redis.url, prefix := f"tries{next(_prefixes)}")
    second = await store_at(redis.url, prefix)
    yield first, second
    await first.close()
    await second.close()


LOCKOUT = Lockout(attempts=3, total_attempts=7, address_attempts=9)


@pytest.mark.parametrize("seed", range(4))
async def test_it_answers_as_counters_in_one_process_do(
    pair: tuple[RedisStore, RedisStore], seed: int
) -> None:
    """Whatever happens in whatever order, on whichever server, both say the same."""
    chance = random.Random(seed)
    shared = [one.attempts("local", LOCKOUT.policies) for one in pair]
    own = LocalAttempts(LOCKOUT)
    under_way: list[tuple[ReservedAttempt, ReservedAttempt]] = []
    now = T0
    for _ in range(250):
        name, address = chance.choice(["alice", "bob"]), chance.choice([HERE, THERE, ""])
        theirs = chance.choice(shared)
        match chance.randrange(20):
            case 10:
                await own.welcome(name, address, now)
                await theirs.welcome(name, address, now)
            case 0:
                # No try is under way for longer than Redis remembers it.
                for both in under_way:
                    for one in both:
                        await one.unknown(now)
                under_way.clear()
                now += timedelta(seconds=chance.choice([1, 20, 100]))
            case 1:
                await own.unlock(name, now)
                await theirs.unlock(name, now)
            case 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9:
                expected = await own.begin(name, address, now)
                found = await theirs.begin(name, address, now)
                assert (found is None) == (expected is None)
                if expected is not None and found is not None:
                    under_way.append((expected, found))
            case _ if under_way:
                how = chance.choice(["failed", "failed", "failed", "succeeded", "unknown"])
                for one in under_way.pop(chance.randrange(len(under_way))):
                    await getattr(one, how)(now)
        for one_name in ("alice", "bob"):
            for place in (HERE, THERE, ""):
                expected_lock = await own.is_locked(one_name, place, now)
                assert await theirs.is_locked(one_name, place, now) == expected_lock
        assert await theirs.locked(now) == await own.locked(now)


async def test_a_provider_counts_for_itself(pair: tuple[RedisStore, RedisStore]) -> None:
    lockout = Lockout(attempts=1)
    local, corp = (pair[0].attempts(name, lockout.policies) for name in ("local", "corp"))
    await fail(local, "alice")
    assert await local.is_locked("alice", HERE, T0)
    assert not await corp.is_locked("alice", HERE, T0)
    assert (list(await local.locked(T0)), await corp.locked(T0)) == (["alice"], {})


async def test_a_try_of_a_server_that_died_is_forgotten(
    pair: tuple[RedisStore, RedisStore],
) -> None:
    tries = pair[0].attempts("local", Lockout(attempts=1).policies)
    assert await tries.begin("alice", HERE, T0) is not None
    assert await tries.begin("alice", HERE, T0 + LONGEST_TRY - TICK) is None
    assert await tries.begin("alice", HERE, T0 + LONGEST_TRY) is not None


async def test_sec_82_an_address_known_to_one_node_is_known_to_all(
    pair: tuple[RedisStore, RedisStore],
) -> None:
    lockout = Lockout(attempts=2, total_attempts=4)
    first, second = (one.attempts("local", lockout.policies) for one in pair)
    one = await first.begin("alice", HERE, T0)
    assert one is not None
    await one.succeeded(T0)
    await fail(second, "alice", "192.0.2.8", 2)
    await fail(first, "alice", "192.0.2.9", 2)
    assert await first.is_locked("alice", THERE, T0)
    assert not await second.is_locked("alice", HERE, T0)


async def test_sec_84_what_strangers_leave_goes_by_itself(
    pair: tuple[RedisStore, RedisStore], redis: Redis
) -> None:
    """Memory is bounded by how many tries fit a window: nothing stays longer, nothing is listed."""
    lockout = Lockout(attempts=1)
    tries = pair[0].attempts("local", lockout.policies)
    for number in range(50):
        await fail(tries, f"stranger{number}")
    late = T0 + timedelta(minutes=6)
    one = await tries.begin("another", HERE, late)
    assert one is not None
    await one.failed(late)
    async with client_of(redis) as client:
        prefix = pair[0]._keys.locked.partition(":")[0]
        assert await client.zcard(pair[0]._keys.locked) == 1
        names = [name async for name in client.scan_iter(f"{prefix}:l:*")]
        assert len(names) == 51
        left = [await client.pttl(name) for name in names]
        assert 0 < min(left) <= max(left) <= 6 * 60_000


async def test_what_the_version_before_has_counted_goes_on_counting(
    pair: tuple[RedisStore, RedisStore], redis: Redis
) -> None:
    lockout = Lockout(attempts=3, total_attempts=4)
    tries = pair[0].attempts("local", lockout.policies)
    counter, _ = tries._keys_of("name", "alice")
    at = str(micros(T0))
    async with client_of(redis) as client:
        fields = {f"f{HERE}": at, "F": f"{at},{at}", "wabcdefgh": f"{at} {HERE}"}
        for field, value in fields.items():
            await client.hset(counter, field, value)
    assert await tries.begin("alice", HERE, T0) is not None
    assert await tries.begin("alice", HERE, T0) is None, "one failed, two under way"
    assert await tries.begin("alice", THERE, T0) is None, "two failed, two under way"


async def no_cost(password: Secret) -> None:
    del password


def guard_on(store: RedisStore, people: FakeIdentity) -> Guard:
    lockout = Lockout()
    tries = store.attempts("local", lockout.policies)
    return Guard("local", people, FakeClock(T0), dummy=no_cost, tries=tries)


async def test_sec_23_of_five_hundred_guesses_on_two_nodes_five_are_verified(
    pair: tuple[RedisStore, RedisStore],
) -> None:
    people = FakeIdentity()
    people.add("alice", "right")
    guards = [guard_on(store, people) for store in pair]
    account = parse_account("alice")
    outcomes = await asyncio.gather(
        *(
            guards[number % 2].authenticate(account, Secret(f"wrong {number}"), HERE)
            for number in range(500)
        ),
        return_exceptions=True,
    )
    assert people.checks == 5
    assert {type(one) for one in outcomes} == {BadCredentials, LockedOut}
    for guard in guards:
        with pytest.raises(LockedOut):
            await guard.authenticate(account, Secret("right"), HERE)
    assert people.checks == 5
    # What one server unlocks is unlocked on the other.
    assert await guards[0].unlock("alice")
    assert (await guards[1].authenticate(account, Secret("right"), HERE)).name == "alice"


async def test_sec_48_nobody_gets_in_where_tries_cannot_be_counted(redis: Redis) -> None:
    people = FakeIdentity()
    people.add("alice", "right")
    store = await store_at(redis.url)
    guard = guard_on(store, people)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await guard.authenticate(parse_account("alice"), Secret("right"), HERE)
    assert people.checks == 0
