"""The guard: lockout, even work, and no check paid for twice."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

import pytest

from sessiongate.errors import (
    BadCredentials,
    IdentityUnavailable,
    LockedOut,
    Overloaded,
    Refused,
    SessionGateError,
    StoreUnavailable,
)
from sessiongate.identity.guard.attempt import Attempt
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.identity.guard.breaker import Breaker
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.guard.verified import VerifiedCredentials
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.local.users_file import add_user, set_disabled, set_password
from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import Account, parse_account
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.store.port import ReservedAttempt
from sessiongate.testing import FakeClock
from tests.identity.fakes import NOON, PASSWORD, WRONG, FakeProvider, cheap_hasher, let_run

MINUTE = timedelta(minutes=1)
HERE, THERE = "192.0.2.1", "192.0.2.2"
ATTEMPTS = 5


class House:
    """A guard round a fake provider that knows alice."""

    def __init__(self, lockout: Lockout | None = None, keep: timedelta = 5 * MINUTE) -> None:
        self.clock = FakeClock(NOON)
        self.inner = FakeProvider(alice=PASSWORD.reveal(), bob=PASSWORD.reveal())
        self.dummies = 0
        self.verified = VerifiedCredentials(self.clock, keep)
        self.guard = Guard(
            "fake",
            self.inner,
            self.clock,
            dummy=self.dummy,
            lockout=lockout,
            verified=self.verified,
        )

    async def dummy(self, _: Secret) -> None:
        self.dummies += 1

    async def login(
        self, typed: str = "alice", password: Secret = PASSWORD, address: str = HERE
    ) -> Principal:
        return await self.guard.authenticate(parse_account(typed), password, address)

    async def outcome(
        self, typed: str = "alice", password: Secret = WRONG, address: str = HERE
    ) -> type[Exception] | None:
        try:
            await self.login(typed, password, address)
        except (Refused, IdentityUnavailable, Overloaded) as refused:
            return type(refused)
        return None

    async def guess(self, times: int, typed: str = "alice", address: str = HERE) -> None:
        for number in range(times):
            assert await self.outcome(typed, Secret(f"guess {number}"), address) is BadCredentials


async def test_a_right_password_forgets_the_wrong_ones_also_when_it_was_verified_before() -> None:
    house = House()
    await house.login()
    for _ in range(3):
        await house.guess(ATTEMPTS - 1)
        assert await house.outcome(password=PASSWORD) is None
    assert house.guard.hits == 3


async def test_failures_elsewhere_are_not_forgotten_by_a_login_from_here() -> None:
    house = House()
    await house.login()
    await house.guess(ATTEMPTS, address=THERE)
    assert await house.outcome(password=PASSWORD) is None
    assert await house.outcome(password=PASSWORD, address=THERE) is LockedOut


class Aliases(FakeProvider):
    """All its names are one person's."""

    async def attempt(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        await attempt.count("person")
        await attempt.count("person")
        return await self.authenticate(account, password)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def hasher() -> Iterator[PasswordHasher]:
    hasher = cheap_hasher()
    yield hasher
    hasher.close()


async def test_it_is_a_provider(house: House) -> None:
    provider: IdentityProvider = house.guard
    await provider.start()
    assert (await provider.authenticate(parse_account("alice"), PASSWORD)).name == "alice"
    assert await provider.find(parse_account("bob"))
    told: list[str] = []
    provider.on_change(told.append)
    house.inner.change("alice", "new")
    assert told == ["alice"]
    await provider.close()
    assert house.inner.log == ["start", "close"]


# Lockout


async def test_sec_21_one_counter_over_all_spellings(house: House) -> None:
    spellings = ["alice", "ALICE", " Alice\t", "\\alice", "ａｌｉｃｅ", "al\u00adice", ".\\Alice"]
    for number, spelling in enumerate(spellings):
        expected = BadCredentials if number < ATTEMPTS else LockedOut
        assert await house.outcome(spelling, Secret(f"guess {number}")) is expected
    assert await house.outcome("alice", PASSWORD) is LockedOut
    assert house.inner.checks == ATTEMPTS


async def test_sec_21_a_domain_is_part_of_the_name(house: House) -> None:
    for number, spelling in enumerate(
        ["CORP\\eve", "eve@corp", "EVE@corp.", "corp\\EVE", "eve@CORP"]
    ):
        assert await house.outcome(spelling, Secret(f"guess {number}")) is BadCredentials
    assert await house.outcome("eve@corp") is LockedOut
    assert await house.outcome("eve") is BadCredentials


async def test_a_lock_opens_when_its_time_is_over(house: House) -> None:
    await house.guess(ATTEMPTS)
    house.clock.tick(5 * MINUTE - timedelta(microseconds=1))
    assert await house.outcome("alice", PASSWORD) is LockedOut
    house.clock.tick(timedelta(microseconds=1))
    assert (await house.login()).name == "alice"


async def test_a_success_gives_the_tries_back(house: House) -> None:
    await house.guess(ATTEMPTS - 1)
    assert await house.login()
    await house.guess(ATTEMPTS)
    assert await house.outcome() is LockedOut


async def test_no_attempts_turn_the_lockout_off() -> None:
    house = House(Lockout(attempts=0))
    await house.guess(50)
    assert await house.login()


async def test_an_administrator_unlocks(house: House) -> None:
    await house.guess(ATTEMPTS)
    assert list(await house.guard.locked()) == ["alice"]
    assert await house.guard.unlock(" ALICE ")
    assert not await house.guard.unlock("alice")
    assert await house.login()


@pytest.mark.parametrize("outage", [IdentityUnavailable("down"), Overloaded("full")])
async def test_an_outage_counts_for_nothing(house: House, outage: Exception) -> None:
    house.inner.outage = outage
    for _ in range(50):
        assert await house.outcome() is type(outage)
    house.inner.outage = None
    await house.guess(ATTEMPTS)


async def test_a_lockout_of_the_directory_counts_as_a_failure(house: House) -> None:
    house.inner.outage = LockedOut("at the directory")
    for number in range(ATTEMPTS):
        assert await house.outcome(password=Secret(f"guess {number}")) is LockedOut
    assert await house.outcome() is LockedOut
    assert house.inner.checks == ATTEMPTS


async def test_sec_23_parallel_tries_verify_at_most_n(house: House) -> None:
    """500 wrong guesses at once and the right one among them: no more checks than tries."""
    house.inner.gate.clear()
    passwords = [Secret(f"guess {number}") for number in range(500)]
    passwords.insert(250, PASSWORD)
    tries = [asyncio.create_task(house.outcome("alice", each)) for each in passwords]
    await let_run()
    house.inner.gate.set()
    outcomes = await asyncio.gather(*tries)
    assert house.inner.checks == ATTEMPTS
    assert outcomes.count(BadCredentials) == ATTEMPTS
    assert outcomes.count(LockedOut) == 501 - ATTEMPTS
    assert house.dummies <= 501 - ATTEMPTS, "what nobody was refused before is done in earnest"


async def test_sec_23_hanging_up_does_not_take_a_try_back(house: House) -> None:
    house.inner.gate.clear()
    for number in range(ATTEMPTS):
        guess = asyncio.create_task(house.login("alice", Secret(f"guess {number}")))
        await let_run()
        guess.cancel()
        with pytest.raises(asyncio.CancelledError):
            await guess
    assert await house.outcome() is LockedOut
    house.inner.gate.set()
    await let_run()
    assert list(await house.guard.locked()) == ["alice"]


async def test_sec_24_76_a_locked_name_takes_the_time_and_no_work(
    tmp_path: Path, hasher: PasswordHasher
) -> None:
    """How alike the time is, `test_hashing` says by ranks. Known or right makes no difference."""
    path = tmp_path / "users.toml"
    add_user(path, "alice", PASSWORD, "user", hasher=hasher, roles=["user"])
    clock = FakeClock(NOON)
    guard = Guard("local", FileIdentity("local", path, hasher), clock, dummy=hasher.verify_nothing)
    for typed in ("alice", "nobody"):
        for number in range(2 * ATTEMPTS):
            before = hasher.done
            with pytest.raises(BadCredentials if number < ATTEMPTS else LockedOut):
                await guard.authenticate(parse_account(typed), Secret(f"guess {number}"))
            assert hasher.done == before + (number < ATTEMPTS)
    before = hasher.done
    for password in (PASSWORD, Secret("")):
        with pytest.raises(LockedOut):
            await guard.authenticate(parse_account("alice"), password)
    assert hasher.done == before, "the right password gives itself away by nothing"


async def test_sec_24_a_lock_is_refused_in_the_time_of_a_late_refusal_of_a_far_provider(
    house: House,
) -> None:
    """Where a provider says nothing of its own. Before there was a refusal, by the dummy's work."""
    await house.guard.unlock("nobody")
    house.inner.gate.clear()
    guesses = asyncio.gather(*(house.outcome("alice", Secret(f"{n}")) for n in range(ATTEMPTS)))
    await let_run()
    started = perf_counter()
    while perf_counter() - started < 0.02:
        await let_run(1)
    house.inner.gate.set()
    await guesses
    before = perf_counter()
    assert await house.outcome("alice", PASSWORD) is LockedOut
    assert perf_counter() - before >= 0.02
    assert house.dummies == 0


async def test_sec_25_an_attacker_locks_himself_out_and_not_the_victim(house: House) -> None:
    await house.guess(ATTEMPTS, address=THERE)
    assert await house.outcome("alice", PASSWORD, THERE) is LockedOut
    assert (await house.login("alice", PASSWORD, HERE)).name == "alice"
    assert await house.outcome("alice", PASSWORD, THERE) is LockedOut


async def test_sec_25_many_addresses_together_have_a_hundred_tries(house: House) -> None:
    """NIST SP 800-63B, 3.2.2. An IPv6 host does not get them anew with each of its addresses."""
    for number in range(20):
        await house.guess(ATTEMPTS, address=f"2001:db8:0:{number}::1")
        assert await house.outcome(address=f"2001:db8:0:{number}::ffff") is LockedOut
    assert house.inner.checks == 100
    assert await house.outcome("alice", PASSWORD, HERE) is LockedOut


async def test_sec_82_an_owner_gets_in_while_others_guess_from_everywhere(house: House) -> None:
    """Twenty addresses use up all tries of the name: it is locked, but not where it came in."""
    await house.login(address=HERE)
    house.clock.tick(timedelta(days=13))
    for number in range(20):
        await house.guess(ATTEMPTS, address=f"198.51.100.{number}")
    assert await house.outcome("alice", PASSWORD, THERE) is LockedOut
    assert await house.outcome("alice", PASSWORD, HERE) is None
    assert await house.outcome("alice", PASSWORD, HERE) is None, "by what was verified, too"


async def test_sec_82_who_was_let_in_without_a_check_is_known_as_well(house: House) -> None:
    """By what was verified for another address, and by a check that another address asked for."""
    await house.login(address=HERE)
    await house.login(address=THERE)
    house.inner.gate.clear()
    shared = [asyncio.create_task(house.login("bob", address=each)) for each in (HERE, THERE)]
    await let_run()
    house.inner.gate.set()
    await asyncio.gather(*shared)
    for number in range(20):
        await house.guess(ATTEMPTS, address=f"198.51.100.{number}")
        await house.guess(ATTEMPTS, "bob", address=f"198.51.100.{number}")
    for name in ("alice", "bob"):
        assert await house.outcome(name, PASSWORD, THERE) is None
        assert await house.outcome(name, PASSWORD, "192.0.2.3") is LockedOut


class Notes(LocalAttempts):
    """Counters that say who was noted where, and whose store can be down."""

    def __init__(self) -> None:
        super().__init__(Lockout())
        self.welcomed: list[tuple[str, str]] = []
        self.is_down = False

    async def begin(
        self, name: str, address: str, now: datetime, *, further: bool = False
    ) -> ReservedAttempt | None:
        begun = await super().begin(name, address, now, further=further)
        return None if begun is None else Noted(self, begun)

    async def welcome(self, name: str, address: str, now: datetime) -> None:
        self.look()
        self.welcomed.append((name, address))
        await super().welcome(name, address, now)

    def look(self) -> None:
        if self.is_down:
            raise StoreUnavailable("the store is down")


class Noted:
    """A try whose success cannot be noted while the store is down."""

    returning = False

    def __init__(self, tries: Notes, begun: ReservedAttempt) -> None:
        self.failed = begun.failed
        self.unknown = begun.unknown
        self._tries = tries
        self._succeeded = begun.succeeded

    async def succeeded(self, now: datetime) -> None:
        self._tries.look()
        await self._succeeded(now)


@pytest.mark.parametrize("first", [HERE, THERE], ids=["by its own check", "by another's"])
async def test_sec_82_an_address_that_could_not_be_noted_is_noted_the_next_time(
    house: House, first: str
) -> None:
    tries = Notes()
    guard = Guard(
        "fake", house.inner, house.clock, dummy=house.dummy, tries=tries, verified=house.verified
    )
    ada = parse_account("alice")
    if first == THERE:
        await guard.authenticate(ada, PASSWORD, THERE)
    tries.is_down = True
    with pytest.raises(StoreUnavailable):
        await guard.authenticate(ada, PASSWORD, HERE)
    tries.is_down = False
    for _ in range(3):
        await guard.authenticate(ada, PASSWORD, HERE)
    assert tries.welcomed == [("alice", HERE)], "once"
    assert house.inner.checks == 1


@pytest.mark.parametrize("keep", [timedelta(0), MINUTE])
async def test_sec_82_a_check_of_its_own_is_noted_once_and_a_shared_one_for_each(
    keep: timedelta,
) -> None:
    tries, clock, inner = Notes(), FakeClock(NOON), Aliases(one="right")
    guard = Guard(
        "corp",
        inner,
        clock,
        dummy=House().dummy,
        tries=tries,
        verified=VerifiedCredentials(clock, keep),
    )
    one, right = parse_account("one"), Secret("right")
    for _ in range(2):
        await guard.authenticate(one, right, HERE)
    assert tries.welcomed == [], "the check has noted it"
    inner.gate.clear()
    logins = [
        asyncio.create_task(guard.authenticate(one, Secret("right"), address))
        for address in (HERE, THERE, HERE)
    ]
    await let_run()
    inner.gate.set()
    await asyncio.gather(*logins)
    assert sorted(tries.welcomed) == [("one", THERE), ("person", THERE)]


async def test_a_try_counts_against_each_name_that_the_provider_finds(house: House) -> None:
    """Three aliases of one person have the tries of one, and a success is all of theirs."""

    inner = Aliases(one="right", two="right", three="right")
    for provider in (inner, Breaker("corp", inner, house.clock)):
        inner.checks = 0
        guard = Guard("corp", provider, house.clock, dummy=house.dummy)
        outcomes = []
        for name in ("one", "two", "three") * 3:
            with pytest.raises(Refused) as refused:
                await guard.authenticate(parse_account(name), Secret("wrong"), HERE)
            outcomes.append(refused.type)
        assert inner.checks == ATTEMPTS
        assert outcomes == [BadCredentials] * ATTEMPTS + [LockedOut] * 4
        assert list(await guard.locked()) == ["person"]
        assert (await guard.authenticate(parse_account("one"), Secret("right"), THERE)).name


async def test_sec_82_what_is_known_of_a_name_is_known_of_the_person(house: House) -> None:
    """Let in from a second address by what was verified, the person is known there, too."""
    inner = Aliases(one="right", two="right")
    verified = VerifiedCredentials(house.clock)
    guard = Guard("corp", inner, house.clock, dummy=house.dummy, verified=verified)
    for address in (HERE, THERE):
        await guard.authenticate(parse_account("one"), Secret("right"), address)
    assert inner.checks == 1
    for number in range(20 * ATTEMPTS):
        address = f"198.51.100.{number % 20}"
        with pytest.raises(BadCredentials):
            await guard.authenticate(parse_account("two"), Secret("wrong"), address)
    for address in (HERE, THERE):
        await guard.authenticate(parse_account("one"), Secret("right"), address)
    with pytest.raises(LockedOut):
        await guard.authenticate(parse_account("one"), Secret("right"), "192.0.2.3")


async def test_sec_31_an_empty_password_never_reaches_the_directory(house: House) -> None:
    assert await house.outcome("alice", Secret("")) is BadCredentials
    assert (house.inner.checks, house.dummies) == (0, 1)


# Verified credentials and shared checks


async def test_a_verified_credential_is_not_checked_again_for_a_while(house: House) -> None:
    first = await house.login()
    for _ in range(100):
        assert await house.login("ALICE") == first
    assert house.inner.checks == 1
    house.clock.tick(5 * MINUTE)
    await house.login()
    assert house.inner.checks == 2


async def test_without_a_table_each_login_is_checked() -> None:
    inner = FakeProvider(alice=PASSWORD.reveal())
    guard = Guard("fake", inner, FakeClock(NOON), dummy=House().dummy)
    for _ in range(3):
        await guard.authenticate(parse_account("alice"), PASSWORD)
    assert inner.checks == 3


async def test_failures_are_not_kept(house: House) -> None:
    for _ in range(3):
        assert await house.outcome() is BadCredentials
    assert house.inner.checks == 3


async def test_a_guesser_does_not_cost_the_owner_what_was_verified(house: House) -> None:
    await house.login()
    await house.outcome(address=THERE)
    await house.login()
    assert house.inner.checks == 2


async def test_a_lock_at_the_directory_drops_what_was_verified(house: House) -> None:
    await house.login()
    house.inner.outage = LockedOut("at the directory")
    assert await house.outcome(address=THERE) is LockedOut
    assert await house.outcome("alice", PASSWORD) is LockedOut
    assert house.inner.checks == 3


async def test_a_lock_holds_against_what_was_verified(house: House) -> None:
    await house.login()
    await house.guess(ATTEMPTS)
    assert await house.outcome("alice", PASSWORD) is LockedOut


async def test_sec_12_a_change_drops_what_was_verified(house: House) -> None:
    await house.login()
    house.inner.change("alice", "another")
    assert await house.outcome("alice", PASSWORD) is BadCredentials


async def test_a_check_that_a_change_overtook_lets_nobody_in(house: House) -> None:
    """The provider said yes, and the account has changed since: nobody knows any more."""
    house.inner.gate.clear()
    login = asyncio.create_task(house.outcome("alice", PASSWORD))
    await let_run()
    house.inner.change("alice", PASSWORD.reveal())
    house.inner.gate.set()
    assert await login is IdentityUnavailable
    assert len(house.verified) == 0
    await house.login()
    await house.guess(ATTEMPTS)


async def test_a_change_between_the_answer_and_its_hearing_lets_nobody_in(house: House) -> None:
    house.inner.gate.clear()
    login = asyncio.create_task(house.outcome("alice", PASSWORD))
    await let_run()
    flight = next(iter(house.guard._flights.values()))
    # Called before the one who waits for the flight runs again.
    flight.task.add_done_callback(lambda _: house.inner.change("alice", "another"))
    house.inner.gate.set()
    assert await login is IdentityUnavailable
    assert await house.outcome("alice", PASSWORD) is BadCredentials


async def test_identical_checks_under_way_are_one(house: House) -> None:
    house.inner.gate.clear()
    logins = [asyncio.create_task(house.login()) for _ in range(100)]
    other = asyncio.create_task(house.login("bob"))
    await let_run()
    house.inner.gate.set()
    assert {each.name for each in await asyncio.gather(*logins)} == {"alice"}
    assert (await other).name == "bob"
    assert house.inner.checks == 2


async def test_one_who_hangs_up_does_not_stop_the_others(house: House) -> None:
    house.inner.gate.clear()
    logins = [asyncio.create_task(house.login()) for _ in range(3)]
    await let_run()
    logins[0].cancel()
    await let_run()
    house.inner.gate.set()
    outcomes = await asyncio.gather(*logins, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [type(each) for each in outcomes[1:]] == [Principal, Principal]
    assert house.inner.checks == 1


async def test_a_locked_address_does_not_share_the_check_of_another(house: House) -> None:
    await house.guess(ATTEMPTS, address=THERE)
    house.inner.gate.clear()
    login = asyncio.create_task(house.login(address=HERE))
    await let_run()
    assert await house.outcome("alice", PASSWORD, THERE) is LockedOut
    house.inner.gate.set()
    assert await login


async def test_closing_gives_up_the_checks_under_way(house: House) -> None:
    house.inner.gate.clear()
    login = asyncio.create_task(house.outcome("alice", PASSWORD))
    await let_run()
    await house.guard.close()
    assert await login is IdentityUnavailable
    assert house.inner.log == ["close"]


async def known(house: House, typed: str, password: Secret = WRONG) -> tuple[str, bool]:
    """How this is refused, and whether the refusal says that the name exists."""
    try:
        await house.login(typed, password)
    except SessionGateError as refused:
        return type(refused).__name__, refused.known
    raise AssertionError("let in")


async def test_sec_78_a_refusal_says_for_the_audit_whether_the_name_exists(house: House) -> None:
    assert await known(house, "alice") == ("BadCredentials", True)
    assert await known(house, "nobody") == ("BadCredentials", False)
    # What the provider has once said of a name holds where it is not asked.
    assert await known(house, "alice", Secret("")) == ("BadCredentials", True)
    assert await known(house, "nobody", Secret("")) == ("BadCredentials", False)
    for name, exists in (("alice", True), ("nobody", False)):
        for _ in range(ATTEMPTS):
            await house.outcome(name)
        assert await known(house, name) == ("LockedOut", exists)
    assert await house.guard.unlock("alice")
    house.inner.outage = IdentityUnavailable("away")
    assert await known(house, "alice") == ("IdentityUnavailable", True)
    house.inner.outage = IdentityUnavailable("away")
    assert await known(house, "bob") == ("IdentityUnavailable", False)


async def test_an_error_told_to_many_is_changed_by_none_of_them(house: House) -> None:
    """What the provider raised is one object for all who wait, here and elsewhere."""
    await house.outcome("alice")
    told = IdentityUnavailable("away", retry_after=7)
    house.inner.outage = told
    heard = await asyncio.gather(
        *(house.login("alice") for _ in range(3)), house.login("nobody"), return_exceptions=True
    )
    others = [one for one in heard if isinstance(one, IdentityUnavailable) and one is not told]
    about = [(str(one), one.retry_after, one.known) for one in others]
    assert about == [("away", 7, True)] * 3
    assert heard[3] is told
    assert not told.known


async def test_only_so_many_names_are_remembered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessiongate.identity.guard.guard._MOST_NAMES", 1)
    await house.outcome("alice")
    await house.outcome("bob")
    assert await known(house, "alice", Secret("")) == ("BadCredentials", False)
    assert await known(house, "bob", Secret("")) == ("BadCredentials", True)


# Round the real file


class LocalHouse:
    """A guard round a file, claiming vsphere.local."""

    def __init__(self, path: Path, hasher: PasswordHasher) -> None:
        self.path, self.hasher = path, hasher
        add_user(path, "Administrator", PASSWORD, "user", hasher=hasher, roles=["user"])
        clock = FakeClock(NOON)
        self.guard = Guard(
            "local",
            FileIdentity("local", path, hasher, ("vsphere.local",)),
            clock,
            dummy=hasher.verify_nothing,
            verified=VerifiedCredentials(clock),
        )

    async def login(self, typed: str, password: Secret = PASSWORD) -> Principal:
        return await self.guard.authenticate(parse_account(typed), password)


@pytest.fixture
def local(tmp_path: Path, hasher: PasswordHasher) -> LocalHouse:
    return LocalHouse(tmp_path / "users.toml", hasher)


async def test_sec_21_a_claimed_domain_gives_no_further_tries(local: LocalHouse) -> None:
    spellings = ["administrator", "administrator@vsphere.local", "VSPHERE.LOCAL\\Administrator"]
    for number in range(ATTEMPTS):
        with pytest.raises(BadCredentials):
            await local.login(spellings[number % 3], Secret(f"guess {number}"))
    for spelling in spellings:
        with pytest.raises(LockedOut):
            await local.login(spelling)
    assert await local.guard.unlock("vsphere.local\\ADMINISTRATOR")
    assert await local.login("administrator")


async def test_sec_11_who_is_disabled_is_out_at_the_next_login(local: LocalHouse) -> None:
    """What was verified a moment ago does not count, though nobody has refreshed anything."""
    await local.login("administrator")
    before = local.hasher.done
    await local.login("administrator@vsphere.local")
    assert local.hasher.done == before, "verified under its other spelling"
    set_disabled(local.path, "administrator", True)
    with pytest.raises(BadCredentials):
        await local.login("administrator")


async def test_sec_12_the_old_password_is_out_at_the_next_login(local: LocalHouse) -> None:
    await local.login("administrator")
    set_password(local.path, "administrator", WRONG, hasher=local.hasher)
    with pytest.raises(BadCredentials):
        await local.login("administrator")
    assert await local.login("administrator", WRONG)


async def test_sec_28_a_flood_of_guesses_is_refused_at_a_full_queue(tmp_path: Path) -> None:
    hasher = cheap_hasher(threads=1, waiting=2)
    local = LocalHouse(tmp_path / "users.toml", hasher)
    await local.login("administrator")
    release = threading.Event()
    slow = asyncio.create_task(hasher._run(release.wait))
    await let_run(1)
    flood = [asyncio.create_task(local.login(f"user{number}", WRONG)) for number in range(50)]
    full = await asyncio.gather(*flood[2:], return_exceptions=True)
    assert {type(outcome) for outcome in full} == {Overloaded}
    assert await local.login("administrator"), "what was verified needs no place in the queue"
    release.set()
    await slow
    outcomes = await asyncio.gather(*flood[:2], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BadCredentials, BadCredentials]
    hasher.close()


async def test_a_check_given_up_before_it_began_leaves_nothing_behind(house: House) -> None:
    login = asyncio.create_task(house.outcome("alice", PASSWORD))
    # Runs after the login has made its check and before the check's first step.
    closing = asyncio.create_task(house.guard.close())
    assert await login is IdentityUnavailable
    await closing
    assert house.inner.checks == 0
    assert house.guard._flights == {}


@pytest.mark.parametrize("password", [WRONG, Secret("")])
async def test_sec_78_a_local_user_is_known_to_exist_at_the_first_try(
    local: LocalHouse, password: Secret
) -> None:
    for name, exists in (("administrator", True), ("nobody", False)):
        with pytest.raises(BadCredentials) as refused:
            await local.login(name, password)
        assert refused.value.known is exists


async def test_logins_at_once_that_open_something_have_a_check_each() -> None:
    """At a ZVM each opens a session there, which one client alone may have. A refusal serves all:
    the same password is tried once."""
    house = House(Lockout(attempts=ATTEMPTS))
    guard = Guard("fake", house.inner, house.clock, dummy=house.dummy, each_login=True)
    alice = parse_account("alice")
    found = await asyncio.gather(*(guard.authenticate(alice, PASSWORD, HERE) for _ in range(8)))
    assert {one.name for one in found} == {"alice"}
    assert house.inner.checks == 8
    tries = (guard.authenticate(alice, WRONG, HERE) for _ in range(8))
    refused = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(one) for one in refused} == {BadCredentials}
    assert house.inner.checks == 9
