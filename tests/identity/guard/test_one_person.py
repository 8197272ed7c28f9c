"""A person has one count of failed logins, by whichever of a directory's names they are tried."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from sessiongate.errors import (
    BadCredentials,
    IdentityUnavailable,
    LockedOut,
    SessionGateError,
    StoreUnavailable,
)
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.identity.guard.breaker import Breaker
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.guard.verified import VerifiedCredentials
from sessiongate.rules.accounts import parse_account
from sessiongate.rules.store_url import parse_redis
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.store.port import AttemptStore, ReservedAttempt
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import LIMITS, FakeClock
from tests.peers.ldap_house import provider_of
from tests.peers.redis import Redis
from tests.peers.relay import Relay
from tests.peers.slapd import DIRECTORY, PEOPLE, Slapd, person

pytestmark = pytest.mark.peer

HERE, THERE = "192.0.2.1", "192.0.2.2"
MINUTE = timedelta(minutes=1)
ATTEMPTS = 5
ANY_NAME = "(|(uid={user})(mail={user}@mail.example)(cn={user}))"
NAMES = ("many", "m.any", "too.many", "many names", "MANY", "CORP\\m.any", "too.many@corp.example")
"""One person: three values of uid, mail (found as `many`), cn, and spellings of these."""
RIGHT = "many's password 1"

_prefixes = count(1)


class House:
    """A guard round the directory, as the server makes it."""

    def __init__(
        self, slapd: Slapd, tries: AttemptStore, lockout: Lockout, port: int, **more: object
    ) -> None:
        self.clock = FakeClock()
        url = f"ldaps://127.0.0.1:{port}"
        settings: dict[str, object] = {"user_filter": ANY_NAME, "url": url, **more}
        self.provider = provider_of(slapd, **settings)
        self.tries = tries
        self.guard = Guard(
            "corp",
            Breaker("corp", self.provider, self.clock),
            self.clock,
            dummy=self.dummy,
            lockout=lockout,
            tries=tries,
            verified=VerifiedCredentials(self.clock, 5 * MINUTE),
        )

    async def dummy(self, _: Secret) -> None:
        """A refusal without a check; what it costs is told elsewhere."""

    async def login(self, name: str, password: str = RIGHT, address: str = HERE) -> Principal:
        return await self.guard.authenticate(parse_account(name), Secret(password), address)

    async def outcome(
        self, name: str, password: str = "wrong", address: str = HERE
    ) -> type[SessionGateError] | None:
        try:
            await self.login(name, password, address)
        except SessionGateError as error:
            return type(error)
        return None

    async def guess(self, *names: str) -> list[type[SessionGateError] | None]:
        """One wrong password for each name."""
        return [await self.outcome(name, f"guess {number}") for number, name in enumerate(names)]


@asynccontextmanager
async def tries_of(lockout: Lockout, redis: Redis | None) -> AsyncIterator[AttemptStore]:
    if redis is None:
        yield LocalAttempts(lockout)
        return
    patience = timedelta(seconds=10)
    prefix = f"person{next(_prefixes)}"
    settings = RedisSettings(parse_redis(redis.url), prefix=prefix, timeout=patience)
    store = RedisStore(settings, LIMITS)
    await store.start()
    yield store.attempts("corp", lockout.policies)
    await store.close()


@pytest.fixture(params=["in this process", "in Redis"])
async def house(slapd: Slapd, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    lockout = Lockout(attempts=ATTEMPTS, address_attempts=12)
    redis = request.getfixturevalue("redis") if request.param == "in Redis" else None
    async with tries_of(lockout, redis) as tries:
        made = House(slapd, tries, lockout, slapd.tls_port)
        yield made
        await made.guard.close()


async def test_sec_21_77_all_names_of_a_person_have_the_tries_of_one(
    house: House, slapd: Slapd
) -> None:
    before = slapd.bind_names(f"uid=many,{PEOPLE}")
    outcomes = await house.guess(*NAMES * 3)
    assert outcomes[:ATTEMPTS] == [BadCredentials] * ATTEMPTS
    assert set(outcomes[ATTEMPTS:]) <= {LockedOut}
    assert slapd.bind_names(f"uid=many,{PEOPLE}") - before == ATTEMPTS
    for name in NAMES:
        assert await house.outcome(name, RIGHT) is LockedOut
    # From there it is another count, and nobody else is locked.
    assert (await house.login("m.any", address=THERE)).name == "m.any@corp.example"
    assert (await house.login("bob", "bob's password 1")).name == "bob@corp.example"


async def test_sec_77_the_address_pays_once_for_a_try_under_two_names(house: House) -> None:
    """Twelve tries of one address: a person found by another name costs one of them, not two."""
    for number in range(4):
        assert await house.outcome("too.many", f"guess {number}") is BadCredentials
    for number in range(8):
        assert await house.outcome(f"nobody-{number}") is BadCredentials
    assert await house.outcome("nobody-9") is LockedOut


async def test_sec_77_a_success_clears_the_person(house: House) -> None:
    for _ in range(3):
        await house.guess("many", "m.any", "too.many", "many names")
        assert (await house.login("m.any")).name == "m.any@corp.example"
        house.clock.tick(3 * MINUTE)  # further names keep theirs for that long
    assert await house.guess(*["m.any"] * ATTEMPTS) == [BadCredentials] * ATTEMPTS


async def test_sec_77_an_administrator_unlocks_the_person(house: House) -> None:
    await house.guess(*["too.many"] * ATTEMPTS)
    assert set(await house.guard.locked()) == {"too.many@corp.example", "m.any@corp.example"}
    assert await house.guard.unlock("too.many")
    assert await house.guard.locked() == {}
    assert (await house.login("too.many")).name == "m.any@corp.example"


async def test_sec_77_a_locked_person_is_not_let_in_by_what_was_verified(house: House) -> None:
    """Else the right password could be guessed under the name it was verified with, for ever."""
    assert (await house.login("too.many")).name == "m.any@corp.example"
    assert (await house.login("too.many")).name == "m.any@corp.example"
    assert house.guard.hits == 1
    await house.guess(*["many"] * ATTEMPTS)
    for _ in range(3):
        assert await house.outcome("too.many", RIGHT) is LockedOut
        assert await house.outcome("too.many", "wrong") is LockedOut
        # Nor by what the owner has verified since, from elsewhere.
        assert (await house.login("too.many", address=THERE)).name == "m.any@corp.example"
    assert house.guard.hits == 1
    # A lock is not made longer by who knocks at it under another name.
    house.clock.tick(5 * MINUTE)
    assert (await house.login("too.many")).name == "m.any@corp.example"


async def test_sec_23_77_parallel_guesses_under_all_names_are_no_more_than_the_tries(
    house: House, slapd: Slapd
) -> None:
    before = slapd.bind_names(f"uid=many,{PEOPLE}")
    outcomes = await asyncio.gather(
        *(house.outcome(NAMES[n % len(NAMES)], f"guess {n}") for n in range(60))
    )
    assert slapd.bind_names(f"uid=many,{PEOPLE}") - before <= ATTEMPTS
    assert None not in outcomes
    assert await house.outcome("too.many", RIGHT) is LockedOut


async def test_sec_24_77_a_locked_person_costs_the_binds_of_an_unknown_name(
    house: House, slapd: Slapd
) -> None:
    await house.guess(*["many"] * ATTEMPTS)
    costs = []
    for name in ("too.many", "nobody-at-all"):
        before = slapd.binds()
        await house.outcome(name, "wrong")
        costs.append(slapd.binds() - before)
    assert costs == [2, 2]  # the try, and the question


async def test_sec_77_an_outage_gives_the_tries_back(slapd: Slapd) -> None:
    lockout = Lockout(attempts=2)
    with Relay(slapd.tls_port) as relay:
        limits = {"operation_timeout": "3s", "connect_timeout": "3s"}
        house = House(slapd, LocalAttempts(lockout), lockout, relay.port, **limits)
        assert await house.guess("many") == [BadCredentials]
        for cut in (900, 1200, 1500, 1800):
            relay.sent, relay.cut_after = 0, cut
            await house.outcome("too.many", "wrong")
            relay.heal()
            house.clock.tick(MINUTE)
        house.clock.tick(5 * MINUTE)
        relay.refuse = True
        relay.cut()
        for _ in range(3):
            assert await house.outcome("too.many") is IdentityUnavailable
        relay.heal()
        house.clock.tick(MINUTE)
        for name in ("many", "m.any", "too.many"):
            assert (await house.login(name)).name == "m.any@corp.example"
        await house.guard.close()


class Failing(LocalAttempts):
    """Counters of which a further name's cannot be asked."""

    async def begin(
        self, name: str, address: str, now: datetime, *, further: bool = False
    ) -> ReservedAttempt | None:
        if further:
            raise StoreUnavailable("the store is down")
        return await super().begin(name, address, now)


async def test_sec_77_where_the_person_cannot_be_counted_nobody_is_bound(slapd: Slapd) -> None:
    lockout = Lockout(attempts=1)
    house = House(slapd, Failing(lockout), lockout, slapd.tls_port)
    before = slapd.bind_names(f"uid=many,{PEOPLE}")
    for _ in range(3):
        assert await house.outcome("too.many", RIGHT) is StoreUnavailable
    assert slapd.bind_names(f"uid=many,{PEOPLE}") == before
    assert not await house.tries.is_locked("too.many@corp.example", HERE, house.clock.now())
    await house.guard.close()


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ad52e", True),
        ("ad525", True),
        ("ad775", True),
        ("locked", True),
        ("ad51f", False),
        ("ad774", False),
        ("ad52f", False),
        ("ad532", False),
        ("ad568", False),
        ("ad5a1", False),
        ("busy", False),
        ("unwilling", False),
        ("expired", False),
        ("reset", False),
        ("off", False),
    ],
)
async def test_sec_66_what_says_nothing_of_the_password_is_no_guess(
    slapd: Slapd, name: str, counts: bool
) -> None:
    lockout = Lockout(attempts=3)
    house = House(
        slapd, LocalAttempts(lockout), lockout, slapd.tls_port, user_filter="(uid={user})"
    )
    right = f"{name}'s password 1"
    for _ in range(3):
        assert await house.outcome(name, right) is not None
    locked = await house.outcome(name, right) is LockedOut
    assert locked is counts
    await house.guard.close()


async def test_two_people_of_one_folded_name_are_two_to_what_was_verified(tmp_path: Path) -> None:
    """Even with the same password: each gets the session of the name that was typed."""
    same = [person("groß", "the same 1", PEOPLE), person("gross", "the same 1", PEOPLE)]
    with Slapd(tmp_path, entries=[*DIRECTORY, *same]) as own:
        lockout = Lockout()
        house = House(
            own, LocalAttempts(lockout), lockout, own.tls_port, user_filter="(uid={user})"
        )
        for _ in range(2):
            for name in ("groß", "gross", "CORP\\groß", "GROSS"):
                found = await house.login(name, "the same 1")
                assert ("ß" in found.user_name) == ("ß" in name)
        assert house.guard.hits > 0
        await house.guard.close()
