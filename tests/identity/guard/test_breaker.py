"""The breaker: who is asked during an outage, when again, and how many are asked at once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import BadCredentials, IdentityUnavailable, LockedOut, Overloaded, Refused
from sessiongate.identity.guard.attempt import Attempt
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.identity.guard.breaker import CHECKS, COOL_DOWN, OUTAGES, Breaker
from sessiongate.identity.guard.guard import Guard, KnowsNames
from sessiongate.rules.accounts import Account, parse_account
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.testing import FakeClock
from tests.identity.fakes import (
    NOON,
    PASSWORD,
    WRONG,
    FakeProvider,
    cheap_hasher,
    let_run,
    principal,
)

ADA = parse_account("ada")


class Story:
    """A breaker with its clock and the provider behind it."""

    def __init__(self, **more: Any) -> None:
        self.clock = FakeClock(NOON)
        self.provider = FakeProvider(ada=PASSWORD.reveal())
        self.breaker = Breaker("far", self.provider, self.clock, **more)

    async def login(self, password: Secret = PASSWORD) -> Principal:
        return await self.breaker.authenticate(ADA, password)

    async def refused(self) -> IdentityUnavailable:
        with pytest.raises(IdentityUnavailable) as raised:
            await self.login()
        return raised.value

    async def goes_down(self, times: int = OUTAGES) -> None:
        self.provider.outage = IdentityUnavailable("down")
        for _ in range(times):
            assert str(await self.refused()) == "down"


async def test_answers_pass() -> None:
    story = Story()
    assert await story.login() == principal("ada")
    with pytest.raises(BadCredentials):
        await story.login(WRONG)
    assert await story.breaker.find(ADA) == principal("ada")
    assert await story.breaker.find(parse_account("bob")) is None


async def test_after_some_outages_in_a_row_nobody_is_asked() -> None:
    story = Story()
    await story.goes_down()
    error = await story.refused()
    assert str(error) == "identity provider 'far' is down"
    assert error.retry_after == COOL_DOWN.total_seconds()
    with pytest.raises(IdentityUnavailable, match="is down"):
        await story.breaker.find(ADA)
    assert story.provider.checks == OUTAGES


class CountsTries(FakeProvider):
    """A provider that is told of the try itself."""

    async def attempt(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        return await self.authenticate(account, password)


class KnowsNobody(FakeProvider):
    """A provider that finds without asking."""

    looks_up = False


async def test_finding_that_asks_nobody_neither_fails_nor_proves_anything() -> None:
    provider = KnowsNobody()
    breaker = Breaker("far", provider, FakeClock(NOON))
    provider.outage = IdentityUnavailable("down")
    for _ in range(OUTAGES):
        with pytest.raises(IdentityUnavailable):
            await breaker.authenticate(ADA, PASSWORD)
        assert await breaker.find(ADA) is None
    with pytest.raises(IdentityUnavailable, match="is down"):
        await breaker.authenticate(ADA, PASSWORD)
    assert await breaker.find(ADA) is None
    assert provider.checks == OUTAGES


async def test_the_client_is_told_the_rest_of_the_while() -> None:
    story = Story()
    await story.goes_down()
    story.clock.tick(timedelta(seconds=3.5))
    assert (await story.refused()).retry_after == 7
    story.clock.tick(timedelta(seconds=6.4))
    assert (await story.refused()).retry_after == 1
    assert story.provider.checks == OUTAGES


async def test_an_answer_between_starts_the_count_anew() -> None:
    story = Story()
    for outcome in (None, BadCredentials("no")):
        await story.goes_down(OUTAGES - 1)
        story.provider.outage = outcome
        await asyncio.gather(story.login(), return_exceptions=True)
    await story.goes_down(OUTAGES)
    assert "is down" in str(await story.refused())


async def test_an_error_about_one_account_is_an_answer() -> None:
    story = Story()
    error = IdentityUnavailable("its own directory is down", answered=True)
    story.provider.outage = error
    for _ in range(2 * OUTAGES):
        assert await story.refused() is error
    assert story.provider.checks == 2 * OUTAGES


class Counts(FakeProvider):
    """Counts each try for a person as well, before it looks at the password."""

    async def attempt(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        if not password.reveal():
            raise BadCredentials("an empty password", answered=False)
        await attempt.count("person")
        return await self.authenticate(account, password)


@pytest.mark.parametrize("password", [PASSWORD, Secret("")], ids=["locked", "empty"])
async def test_who_was_refused_without_asking_it_does_not_say_that_it_is_back(
    password: Secret,
) -> None:
    clock, provider = FakeClock(NOON), Counts(ada=PASSWORD.reveal())
    breaker = Breaker("far", provider, clock, outages=1)
    none, some = (LocalAttempts(Lockout(attempts=attempts)) for attempts in (1, 100))
    assert await none.begin("person", "", clock.now())
    provider.outage = IdentityUnavailable("down")
    with pytest.raises(IdentityUnavailable, match=r"^down$"):
        await breaker.attempt(ADA, PASSWORD, Attempt(some, "", clock))
    clock.tick(COOL_DOWN)
    with capture_logs() as logs, pytest.raises(Refused):
        await breaker.attempt(ADA, password, Attempt(none, "", clock))
    assert logs == []
    assert provider.checks == 1, "nobody was asked"
    # The next one finds out, alone.
    for _ in range(3):
        with pytest.raises(IdentityUnavailable):
            await breaker.attempt(ADA, PASSWORD, Attempt(some, "", clock))
    assert provider.checks == 2
    provider.outage = None
    clock.tick(COOL_DOWN)
    with capture_logs() as logs:
        assert await breaker.attempt(ADA, PASSWORD, Attempt(some, "", clock))
    assert [line["event"] for line in logs] == ["identity provider is back"]


async def test_after_the_while_one_at_a_time_tries_it() -> None:
    story = Story()
    await story.goes_down()
    story.clock.tick(COOL_DOWN)
    story.provider.gate.clear()
    probe = asyncio.create_task(story.refused())
    await let_run()
    others = await asyncio.gather(*(story.refused() for _ in range(20)))
    assert {error.retry_after for error in others} == {1}
    assert story.provider.checks == OUTAGES + 1
    story.provider.gate.set()
    assert str(await probe) == "down"
    # It was still down: another while begins.
    assert (await story.refused()).retry_after == COOL_DOWN.total_seconds()
    assert story.provider.checks == OUTAGES + 1


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
async def test_with_the_first_answer_all_are_let_through(password: Secret) -> None:
    story = Story()
    await story.goes_down()
    story.clock.tick(COOL_DOWN)
    story.provider.outage = None
    await asyncio.gather(story.login(password), return_exceptions=True)
    assert await asyncio.gather(*(story.login() for _ in range(2))) == [principal("ada")] * 2
    # And it takes as many outages as before to trip again.
    await story.goes_down(OUTAGES - 1)
    story.provider.outage = None
    assert await story.login() == principal("ada")


@pytest.mark.parametrize("end", ["cancelled", "a bug"])
async def test_a_probe_that_comes_to_nothing_makes_room_for_the_next(end: str) -> None:
    story = Story()
    await story.goes_down()
    story.clock.tick(COOL_DOWN)
    story.provider.outage = ZeroDivisionError() if end == "a bug" else None
    story.provider.gate.clear()
    probe = asyncio.create_task(story.login())
    await let_run()
    if end == "cancelled":
        probe.cancel()
    story.provider.gate.set()
    with pytest.raises((ZeroDivisionError, asyncio.CancelledError)):
        await probe
    story.provider.outage = None
    assert await story.login() == principal("ada")


async def test_only_so_many_are_asked_at_once() -> None:
    story = Story()
    story.provider.gate.clear()
    logins = [asyncio.create_task(story.login()) for _ in range(CHECKS + 10)]
    await let_run()
    assert story.provider.checks == CHECKS
    story.provider.gate.set()
    assert await asyncio.gather(*logins) == [principal("ada")] * (CHECKS + 10)


async def test_who_waits_too_long_is_told_to_come_back() -> None:
    story = Story(checks=1, patience=timedelta(milliseconds=20))
    story.provider.gate.clear()
    first = asyncio.create_task(story.login())
    await let_run()
    with pytest.raises(Overloaded, match="too many logins wait"):
        await story.login()
    story.provider.gate.set()
    assert await first == principal("ada")
    # The one who gave up has left no turn behind.
    assert await story.login() == principal("ada")
    assert story.provider.checks == 2


@pytest.mark.parametrize("counts", [True, False])
async def test_sec_76_who_came_in_before_has_the_next_turn(counts: bool) -> None:
    """A provider elsewhere has no queue in which one crowd keeps everybody else out."""
    story = Story(checks=1)
    if counts:
        story.provider = CountsTries(ada=PASSWORD.reveal())
        story.breaker = Breaker("far", story.provider, story.clock, checks=1)
    tries = LocalAttempts(Lockout())
    order: list[str] = []

    async def login(address: str) -> None:
        await story.breaker.attempt(ADA, PASSWORD, Attempt(tries, address, story.clock))
        order.append(address)

    home, crowd = "198.51.100.7", [f"10.0.{n}.1" for n in range(120)]
    await login(home)
    story.provider.gate.clear()
    logins = [asyncio.create_task(login(one)) for one in (*crowd, home)]
    await let_run()
    story.provider.gate.set()
    await asyncio.gather(*logins)
    assert order.index(home, 1) == 2


async def test_who_waits_when_it_goes_down_is_told_at_once() -> None:
    story = Story(outages=1, checks=1)
    story.provider.outage = IdentityUnavailable("down")
    story.provider.gate.clear()
    logins = [asyncio.create_task(story.refused()) for _ in range(50)]
    await let_run()
    story.provider.gate.set()
    told = [str(error) for error in await asyncio.gather(*logins)]
    assert told == ["down", *["identity provider 'far' is down"] * 49]
    assert story.provider.checks == 1


async def test_outages_never_count_as_tries_and_tries_never_as_outages() -> None:
    story = Story()
    guard = Guard(
        "far",
        story.breaker,
        story.clock,
        dummy=cheap_hasher().verify_nothing,
        lockout=Lockout(3, timedelta(minutes=3), timedelta(minutes=5)),
    )
    story.provider.outage = IdentityUnavailable("down")
    for _ in range(50):
        with pytest.raises(IdentityUnavailable):
            await guard.authenticate(ADA, WRONG)
    assert await guard.locked() == {}
    assert story.provider.checks == OUTAGES
    story.provider.outage = None
    story.clock.tick(COOL_DOWN)
    assert await guard.authenticate(ADA, PASSWORD) == principal("ada")
    for _ in range(OUTAGES + 1):
        with pytest.raises((BadCredentials, LockedOut)):
            await guard.authenticate(ADA, WRONG)
    assert list(await guard.locked()) == ["ada"]
    assert await story.login() == principal("ada")


class Folds(FakeProvider):
    """A provider that knows more about names."""

    def name_of(self, account: Account) -> str:
        return f"{account.user}@corp"

    async def version_of(self, account: Account) -> str:
        return f"of {account.user}"


async def test_what_the_provider_knows_of_names_is_passed_on() -> None:
    plain = Breaker("far", FakeProvider(), FakeClock(NOON))
    assert plain.name_of(ADA) == "ada"
    assert await plain.version_of(ADA) == ""
    knowing: object = Breaker("far", Folds(), FakeClock(NOON))
    assert isinstance(knowing, KnowsNames)
    assert knowing.name_of(ADA) == "ada@corp"
    assert await knowing.version_of(ADA) == "of ada"


async def test_all_else_goes_to_the_provider() -> None:
    story = Story()
    told: list[str] = []
    story.breaker.on_change(told.append)
    await story.breaker.start()
    story.provider.change("ada", "new")
    await story.breaker.close()
    assert told == ["ada"]
    assert story.provider.log == ["start", "close"]
