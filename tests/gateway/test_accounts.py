"""By which account an upstream is used, and how leases come and go."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import cast

import msgspec
import pytest
from structlog.testing import capture_logs

from sessiongate.errors import (
    NoPermission,
    NoSession,
    OutcomeUnknown,
    StoreUnavailable,
    UpstreamUnavailable,
)
from sessiongate.gateway.accounts import Accounts
from sessiongate.gateway.calls.relay import Relay
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.sealing import LeaseKey
from sessiongate.gateway.leases.lease import Lease, LeaseTimes, PoolLimits
from sessiongate.gateway.leases.logouts import IDLE_THERE, TRIES
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.gateway.other_processes import OtherProcesses
from sessiongate.secret import Secret
from sessiongate.session import Person, Session
from sessiongate.store.embedded.lease_users import LeaseUserTable
from sessiongate.store.embedded.leases import MemoryLeases
from sessiongate.store.embedded.notes import MemoryNotes
from sessiongate.store.port import StoredLease
from sessiongate.testing import FakeClock
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from tests.loop_time import LoopTime
from tests.until import PATIENCE, until
from tests.upstream.fakes import Asked, FakeServer, envelope, http, soap_fault

LONG = timedelta(seconds=30)
ADA = Person("vc", "ada@vsphere.local")
KEY = "52a67ed8-0f0b-1714-4534-86a177fc51{:02d}"


class House:
    """A vCenter that opens, clones and ends sessions, and knows which there are."""

    def __init__(self) -> None:
        self.alive: set[str] = set()
        self.tickets: set[str] = set()
        self.made = 0
        self.clones = True
        self.deaf = False
        self.refused = 0
        self.probes = 0
        self.keeps: set[str] = set()
        """Sessions that it does not end."""
        self.loses_clones = False
        self.cloned_with: list[str] = []
        """The tickets of clones, in order."""
        self.when_cloned: Callable[[], object] = lambda: None
        """Called before a clone is opened."""
        self.password = ""
        """The only one that it takes; "" for any."""

    def opened(self) -> UpstreamSession:
        self.made += 1
        self.alive.add(f"token-{self.made}")
        user = UserSession(KEY.format(self.made), "ada", "Ada", "en")
        return UpstreamSession(WireForm.SOAP, Secret(f"token-{self.made}"), user)

    def __call__(self, asked: Asked) -> bytes:
        token = asked.headers.get("cookie", "").partition("=")[2]
        if self.deaf:
            self.refused += 1
            return http(503, "busy")
        body = asked.body.decode()
        if "<Login " in body:
            if f">{self.password}<" not in body and self.password:
                self.refused += 1
                return soap_fault("InvalidLogin")
            return self._session("Login")
        if "<CloneSession " in body:
            ticket = body.partition("<cloneTicket>")[2].partition("<")[0]
            if not self.clones or ticket not in self.tickets:
                return soap_fault("InvalidLogin")
            self.tickets.remove(ticket)
            self.cloned_with.append(ticket)
            self.when_cloned()
            if self.loses_clones:
                return b""
            return self._session("CloneSession")
        if token not in self.alive:
            return soap_fault("NotAuthenticated")
        if "<Logout " in body:
            if token in self.keeps:
                self.refused += 1
                return soap_fault("SystemError")
            self.alive.remove(token)
            return http(200, envelope('<LogoutResponse xmlns="urn:vim25"/>'))
        if "<RetrieveProperties " in body:
            self.probes += 1
            there = "<returnval><propSet/></returnval>"
            name = "RetrievePropertiesResponse"
            return http(200, envelope(f'<{name} xmlns="urn:vim25">{there}</{name}>'))
        name, returned = "AcquireCloneTicket", f"cst-VCT-{self.made}-{len(self.tickets):09}"
        self.tickets.add(returned)
        return http(
            200,
            envelope(
                f'<{name}Response xmlns="urn:vim25"><returnval>{returned}</returnval>'
                f"</{name}Response>"
            ),
        )

    def _session(self, name: str) -> bytes:
        one = self.opened()
        body = envelope(
            f'<{name}Response xmlns="urn:vim25"><returnval><key>{one.user.key}</key>'
            f"<userName>ada</userName><fullName>Ada</fullName><locale>en</locale></returnval>"
            f"</{name}Response>"
        )
        return http(200, body, f"Set-Cookie: vmware_soap_session={one.token.reveal()}; Path=/")


class Rows(MemoryLeases):
    """A store of leases that may not answer."""

    def __init__(self) -> None:
        self.users = LeaseUserTable()
        super().__init__(self.users)
        self.reserves = True
        self.replaces = True
        self.removes = True
        self.lists = True
        self.asked = 0

    async def reserve(self, lease: StoredLease, most: int) -> None:
        if not self.reserves:
            raise StoreUnavailable("down")
        await super().reserve(lease, most)

    async def replace(self, old: StoredLease, new: StoredLease) -> bool:
        if not self.replaces:
            raise StoreUnavailable("down")
        return await super().replace(old, new)

    async def all(self) -> list[StoredLease]:
        if not self.lists:
            raise StoreUnavailable("down")
        return await super().all()

    async def find(self, lease_id: str) -> StoredLease | None:
        if not self.lists:
            raise StoreUnavailable("down")
        return await super().find(lease_id)

    async def remove(self, lease_id: str) -> None:
        self.asked += 1
        if not self.removes:
            raise StoreUnavailable("down")
        await super().remove(lease_id)


def session_of(person: Person, key: str = "k1") -> Session:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Session(
        digest=b"",
        key=key,
        principal=person.name,
        user_name=person.name,
        login_name=person.name,
        full_name="",
        roles=("user",),
        provider=person.provider,
        dialect="soap",
        locale="en",
        message_locale="en",
        extension=False,
        ip_address="127.0.0.1",
        user_agent="",
        login_at=now,
        active_at=now,
        upstream="vc1",
    )


TIMES = LeaseTimes(idle_close=1e9, max_age=1e9, keep_alive=1e9)
Make = Callable[..., Accounts]


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def rows_of() -> Rows:
    return Rows()


@pytest.fixture
async def server(house: House) -> AsyncIterator[FakeServer]:
    async with FakeServer(house) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def make(
    house: House, rows_of: Rows, server: FakeServer, clock: FakeClock
) -> AsyncIterator[Make]:
    exchange = Exchange(server.url, Trust(verify=False))
    made: list[Accounts] = []
    ids, instances = (f"lease-{number}" for number in count()), count()

    def rows(opened_as: str, at: str) -> StoredLeases:
        key = LeaseKey(bytes(32))
        instance = f"process-{next(instances)}"
        users = rows_of.users
        return StoredLeases(
            "vc1", rows_of, users, key, instance, clock.now, ids.__next__, opened_as, at
        )

    def accounts(
        *,
        service: bool = False,
        observed: bool = False,
        shared: bool = False,
        times: LeaseTimes = TIMES,
        size: int = 2,
        password: Callable[[], Secret] = lambda: Secret("p"),
        opened_as: str = "svc",
        at: str = "https://vc1.example:443",
    ) -> Accounts:
        loop = asyncio.get_running_loop()
        credential = Credential("vc1", "svc", [password], exchange, LONG, loop.time)
        made.append(
            Accounts(
                "vc1",
                PoolLimits(size=size, calls=1, queue=10, queue_time=30.0, exclusive=True),
                times,
                exchange,
                LONG,
                rows=rows(opened_as, at),
                credential=credential if service else None,
                observer=credential if observed else None,
                providers=frozenset({"vc"}),
                shared=shared,
            )
        )
        return made[-1]

    yield accounts
    for one in made:
        await one.close()
    await exchange.close()
    assert not house.alive
    assert not await rows_of.all()


async def test_callers_have_pools_of_their_own_and_nobody_else_has_one(
    house: House, make: Make
) -> None:
    accounts = make()
    await accounts.adopt(ADA, house.opened())
    assert len(accounts.pool_of(session_of(ADA)).leases) == 1
    with pytest.raises(NoPermission):
        accounts.pool_of(session_of(Person("local", ADA.name)))
    with pytest.raises(NoSession):
        accounts.pool_of(session_of(Person("vc", "bob")))


async def test_further_leases_of_a_caller_are_clones(house: House, make: Make) -> None:
    accounts = make()
    await accounts.adopt(ADA, house.opened())
    pool = accounts.pool_of(session_of(ADA))
    first, second = await pool.take("k1", home=True), await pool.take("k2", home=True)
    assert first is not second
    assert first.session.token.reveal() != second.session.token.reveal()
    assert len(house.alive) == 2


async def test_sec_92_the_ticket_of_a_clone_is_shown_to_nobody_until_it_is_used(
    house: House, make: Make
) -> None:
    accounts = make()
    await accounts.adopt(ADA, house.opened())
    tokens, shown = accounts._rows.tokens, list[bool]()

    def look() -> None:
        shown.append(tokens.found_in(f"<key>{house.cloned_with[-1]}</key>".encode()))

    house.when_cloned = look
    pool = accounts.pools[0]
    first, second = [await pool.take(key, home=True) for key in ("k1", "k2")]
    assert shown == [True]
    look()
    assert shown == [True, False]
    pool.give_back("k1", first)
    pool.give_back("k2", second)


async def test_a_session_that_takes_nobody_any_more_is_not_the_one_that_is_cloned(
    house: House, make: Make
) -> None:
    accounts = make(size=3)
    for _ in range(2):
        await accounts.adopt(ADA, house.opened())
    pool = accounts.pool_of(session_of(ADA))
    for client in ("k1", "k2"):
        await pool.take(client, home=True)
    old = pool.leases[0]
    pool.retire(old)
    house.alive.remove(old.session.token.reveal())
    third = await pool.take("k3", home=True)
    assert third.session.token.reveal() in house.alive
    assert len(pool.leases) == 3


async def test_where_nothing_can_be_cloned_the_caller_waits_for_what_there_is(
    house: House, make: Make
) -> None:
    house.clones = False
    accounts = make()
    await accounts.adopt(ADA, house.opened())
    pool = accounts.pool_of(session_of(ADA))
    lease = await pool.take("k1", home=True)
    waiting = asyncio.create_task(pool.take("k2", home=True))
    await until(lambda: pool.waiting == 1 and not pool.opening)
    pool.give_back("k1", lease)
    assert (await waiting) is lease


async def test_a_login_beyond_the_size_leaves_no_session(house: House, make: Make) -> None:
    accounts = make(size=1)
    for _ in range(3):
        await accounts.adopt(ADA, house.opened())
    await until(lambda: len(house.alive) == 1)


async def test_a_key_of_an_unknown_form_is_refused(house: House, make: Make) -> None:
    opened = house.opened()
    user = msgspec.structs.replace(opened.user, key="short")
    with pytest.raises(UpstreamUnavailable):
        await make().adopt(ADA, msgspec.structs.replace(opened, user=user))
    house.alive.clear()


async def test_whoever_is_gone_leaves_no_lease_and_is_verified_anew(
    house: House, make: Make
) -> None:
    accounts = make(times=LeaseTimes(idle_close=0.0, max_age=1e9, keep_alive=1e9), size=5)
    lost: list[Person] = []
    accounts.on_last_lost(lost.append)
    ada = session_of(ADA)
    accounts.opened(ada)
    for _ in range(2):
        await accounts.adopt(ADA, house.opened())
    accounts.tidy()
    await until(lambda: len(house.alive) == 1)  # the last one of who has a session is kept
    accounts.tidy()
    assert not lost
    assert accounts.pools
    accounts.ended(ada)
    pool = accounts.pools[0]
    pool.tidy(unused=0.0, oldest=1e9, keep=0)
    await until(lambda: not house.alive)
    accounts.tidy()
    assert lost == [ADA]
    assert not accounts.pools


async def test_the_service_account_serves_everybody(house: House, make: Make) -> None:
    accounts = make(service=True)
    pool = accounts.pool_of(session_of(Person("local", "bob")))
    assert accounts.pool_of(session_of(ADA)) is pool
    await pool.take("k1", home=False)
    assert len(house.alive) == 1


async def test_leases_that_nobody_uses_are_used_in_time(house: House, make: Make) -> None:
    accounts = make(times=LeaseTimes(idle_close=1e9, max_age=1e9, keep_alive=0.0))
    await accounts.adopt(ADA, house.opened())
    ((_, lease),) = accounts.due()
    assert lease in accounts.pools[0].leases
    accounts = make(times=LeaseTimes(idle_close=1e9, max_age=1e9, keep_alive=60.0))
    await accounts.adopt(ADA, house.opened())
    assert accounts.due() == []


async def test_what_an_upstream_did_not_end_is_ended_when_it_answers_again(
    house: House, make: Make, rows_of: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then its row stands for it, in this life and in the next one."""
    monkeypatch.setattr("sessiongate.gateway.leases.logouts._AGAIN", 0.0)
    accounts = make(service=True, size=1)
    lease = await accounts.pools[0].take("k1", home=False)
    house.deaf = True
    accounts.pools[0].give_back("k1", lease)
    accounts.pools[0].retire(lease)
    await until(lambda: house.refused > 0)
    with pytest.raises(UpstreamUnavailable):  # there is one still, and there may be no other
        await accounts.pools[0].take("k2", home=False)
    again = make(service=True, size=1)
    await recover(again)
    refused = house.refused
    again.tidy()
    await until(lambda: house.refused > refused)
    house.deaf = False
    async with asyncio.timeout(PATIENCE):
        while await rows_of.all():
            accounts.tidy()
            again.tidy()
            await asyncio.sleep(0)
    await again.pools[0].take("k3", home=False)
    assert len(house.alive) == 1


async def test_at_a_stop_what_is_left_there_is_tried_once_more(
    house: House, make: Make, rows_of: Rows
) -> None:
    """Not in five seconds, as otherwise: there is no process then."""
    accounts = make()
    await accounts.adopt(ADA, house.opened())
    house.deaf = True
    accounts.pools[0].retire(accounts.pools[0].leases[0])
    await until(lambda: house.refused == 1)
    await _tidied(accounts, lambda: house.refused == 2)  # and the next time is in a while
    await accounts.close()
    assert house.refused == 3
    assert len(await rows_of.all()) == 1
    house.deaf = False
    await accounts.close()
    assert not house.alive


async def test_of_many_left_at_an_upstream_that_is_away_one_is_tried(
    house: House, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in front of it may answer that it is."""
    monkeypatch.setattr("sessiongate.gateway.leases.logouts._AGAIN", 0.0)
    accounts = make(size=3)
    for _ in range(3):
        await accounts.adopt(ADA, house.opened())
    house.deaf = True
    for lease in accounts.pools[0].leases:
        accounts.pools[0].retire(lease)
    await until(lambda: len(accounts._logouts._left) == 3)
    assert house.refused == 3
    accounts.tidy()
    assert accounts._logouts._trying is not None
    await accounts._logouts._trying
    assert house.refused == 4
    house.deaf = False


async def test_one_that_does_not_end_keeps_no_other_open(
    house: House, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessiongate.gateway.leases.logouts._AGAIN", 0.0)
    accounts = make()
    for _ in range(2):
        await accounts.adopt(ADA, house.opened())
    house.keeps, house.deaf = {"token-1"}, True
    for lease in accounts.pools[0].leases:
        accounts.pools[0].retire(lease)
    await until(lambda: house.refused == 2)
    house.deaf = False
    await _tidied(accounts, lambda: house.alive == {"token-1"} and house.refused > 2)
    house.keeps = set()
    await _tidied(accounts, lambda: not house.alive)


async def test_what_does_not_end_is_given_up_after_some_answers_and_its_place_is_free(
    house: House, make: Make, rows_of: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked there counts as a use, which would keep the session there for ever."""
    monkeypatch.setattr("sessiongate.gateway.leases.logouts._AGAIN", 0.0)
    accounts = make(size=1)
    await accounts.adopt(ADA, house.opened())
    house.keeps = {"token-1"}
    with capture_logs() as logs:
        accounts.pools[0].retire(accounts.pools[0].leases[0])
        await _tidied(accounts, lambda: accounts.meters.given_up == 1)
        refused = house.refused
        for _ in range(10):
            accounts.tidy()
            await asyncio.sleep(0)
    assert refused == house.refused == TRIES
    assert not await rows_of.all()
    (said,) = [line for line in logs if line["event"] == "upstream session given up"]
    assert (said["log_level"], said["lease"], said["reason"]) == ("error", "lease-0", "status 500")
    house.alive.clear()  # as it does by its own clock


async def test_what_an_upstream_has_ended_by_its_clock_meanwhile_is_given_up(
    house: House, make: Make, rows_of: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was away for hours; until then it is asked every few seconds."""
    monkeypatch.setattr("sessiongate.gateway.leases.logouts._AGAIN", 0.0)
    time = LoopTime(monkeypatch)
    accounts = make(size=1)
    await accounts.adopt(ADA, house.opened())
    house.deaf = True
    accounts.pools[0].retire(accounts.pools[0].leases[0])
    await until(lambda: house.refused == 1)
    await _tidied(accounts, lambda: house.refused == TRIES + 5)
    time.tick(IDLE_THERE - 60)
    await _tidied(accounts, lambda: house.refused == TRIES + 10)
    assert await rows_of.all()
    time.tick(61)
    await _tidied(accounts, lambda: accounts.meters.given_up == 1)
    assert not await rows_of.all()
    house.alive.clear()


async def test_a_login_that_comes_to_nothing_is_logged_out_once_the_upstream_answers(
    house: House, make: Make, rows_of: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it has a row or not."""
    monkeypatch.setattr("sessiongate.gateway.leases.logouts._AGAIN", 0.0)
    accounts = make()
    rows_of.reserves, house.deaf = False, True
    with pytest.raises(StoreUnavailable):
        await accounts.adopt(ADA, house.opened())
    rows_of.reserves = True
    opened = house.opened()
    user = msgspec.structs.replace(opened.user, key="short")
    with pytest.raises(UpstreamUnavailable):
        await accounts.adopt(ADA, msgspec.structs.replace(opened, user=user))
    assert len(await rows_of.all()) == 1, "it counts for as long as it is open"
    house.deaf = False
    await _tidied(accounts, lambda: not house.alive)


async def test_a_row_that_the_store_could_not_remove_is_removed_later(
    house: House, make: Make, rows_of: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessiongate.gateway.leases.logouts._AGAIN", 0.0)
    accounts = make(service=True, size=1)
    pool = accounts.pools[0]
    lease = await pool.take("k1", home=False)
    rows_of.removes = False
    pool.retire(lease)
    pool.give_back("k1", lease)
    await until(lambda: rows_of.asked == 1 and not pool.states()["broken"])
    rows_of.removes = True
    await _tidied(accounts, lambda: rows_of.asked == 2)
    await pool.take("k2", home=False)


async def test_who_waits_for_a_clone_that_is_lost_is_told_that_nothing_was_sent(
    house: House, make: Make
) -> None:
    accounts = make()
    await accounts.adopt(ADA, house.opened())
    pool = accounts.pools[0]
    lease = await pool.take("k1", home=True)
    house.loses_clones = True
    waiting = asyncio.create_task(pool.take("k2", home=True))
    await until(lambda: pool.opening)
    pool.lose(lease)
    with pytest.raises(UpstreamUnavailable) as told:
        await waiting
    house.alive.clear()
    assert not isinstance(told.value, OutcomeUnknown)
    pool.give_back("k1", lease)
    await accounts.forget(lease)


async def test_sec_65_a_login_under_way_at_the_stop_is_waited_for_and_its_session_logged_out(
    server: FakeServer, house: House, make: Make
) -> None:
    accounts = make(service=True)
    server.gate.clear()
    waiting = asyncio.create_task(accounts.pools[0].take("k1", home=False))
    await server.has_read(1)
    closing = asyncio.create_task(accounts.close())
    with pytest.raises(UpstreamUnavailable):
        await waiting
    server.gate.set()
    await closing
    assert (house.made, house.alive) == (1, set())


async def test_a_login_that_a_stop_breaks_off_has_its_row_left_and_the_next_start_says_so(
    server: FakeServer, house: House, make: Make, rows_of: Rows
) -> None:
    accounts = make(service=True)
    server.gate.clear()
    waiting = asyncio.create_task(accounts.pools[0].take("k1", home=False))
    await server.has_read(1)
    closing = asyncio.create_task(accounts.close())
    await asyncio.wait({waiting})
    closing.cancel()
    await asyncio.wait({closing})
    (row,) = await rows_of.all()
    assert not row.sealed
    server.gate.set()
    await until(lambda: house.made == 1)
    with capture_logs() as logs:
        await recover(make(service=True))
    assert [one["lease"] for one in logs if one["log_level"] == "warning"] == [row.id]
    assert not await rows_of.all()
    house.alive.clear()  # it ends by the upstream's clock


async def test_a_session_s_age_goes_on_over_a_restart(
    house: House, make: Make, clock: FakeClock
) -> None:
    times = LeaseTimes(idle_close=1e9, max_age=3600.0, keep_alive=1e9)
    before = make(times=times)
    await before.adopt(ADA, house.opened())
    clock.tick(timedelta(hours=2))
    after = make(times=times)
    after.opened(session_of(ADA))
    await recover(after, session_of(ADA))
    (lease,) = after.pools[0].leases
    now = asyncio.get_running_loop().time()
    assert 7200.0 <= now - lease.opened_at <= 7260.0
    after.tidy()  # it is too old, and has a clone in its place
    await until(lambda: house.made == 2 and len(house.alive) == 1)
    clock.tick(-timedelta(days=1))  # a clock that was set back makes it no younger than new
    again = make(times=times)
    again.opened(session_of(ADA))
    await recover(again, session_of(ADA))
    assert again.pools[0].leases[0].opened_at <= asyncio.get_running_loop().time()


async def test_a_service_account_that_gets_no_session_is_a_breaker_that_is_open(
    house: House, make: Make
) -> None:
    accounts = make(service=True)
    assert not accounts.snapshot(0, 0).breaker_open
    house.deaf = True
    with pytest.raises(UpstreamUnavailable):
        await accounts.pools[0].take("k1", home=False)
    assert accounts.snapshot(0, 0).breaker_open
    house.deaf = False
    accounts.set_standing(Standing.OPEN)
    assert not accounts.snapshot(0, 0).breaker_open


async def test_a_password_that_has_changed_is_tried_at_the_next_look(
    house: House, make: Make
) -> None:
    """Nobody has to say so, and no pause is waited for."""
    written, house.password = ["old"], "new"
    accounts = make(service=True, password=lambda: Secret(written[0]))
    for _ in range(5):
        accounts.tidy()
        with pytest.raises(UpstreamUnavailable):
            await accounts.pools[0].take("k1", home=False)
    assert (house.refused, accounts.snapshot(0, 0).breaker_open) == (1, True)
    written[0] = "new"
    accounts.tidy()
    assert not accounts.snapshot(0, 0).breaker_open
    await accounts.pools[0].take("k1", home=False)
    assert house.refused == 1


async def _holds_one(accounts: Accounts) -> None:
    """Have a session there that nobody has anything in any more."""
    pool = accounts.pools[0]
    lease = await pool.take("k1", home=True)
    pool.hold("k1", 1)
    pool.hold("k1", 0)
    pool.give_back("k1", lease)


async def test_sec_65_a_store_that_fails_amid_a_logout_leaves_no_session(
    house: House, make: Make, rows_of: Rows
) -> None:
    accounts = make(service=True, shared=True)
    (pool,) = accounts.pools
    lease = await pool.take("k1", home=False)
    pool.hold("k1", 0)
    rows_of.lists = False
    accounts.set_standing(Standing.DRAINING)
    pool.give_back("k1", lease)
    await until(lambda: not house.alive and not pool.count)
    rows_of.lists = True
    assert await rows_of.all() == []


async def test_what_a_stop_keeps_the_next_start_uses_on(
    house: House, make: Make, rows_of: Rows, clock: FakeClock
) -> None:
    before = make(service=True)
    await _holds_one(before)
    await before.close(keep=True)
    assert len(house.alive) == 1
    clock.tick(timedelta(minutes=5))
    after = make(service=True, times=LeaseTimes(idle_close=60.0, max_age=1e9, keep_alive=1e9))
    await recover(after)
    after.tidy()
    (lease,) = after.pools[0].leases
    assert not lease.retired, "how long it was unused meanwhile does not count"
    assert [one for _, one in after.due()] == [lease], "whether it lives is seen at once"
    assert after.due() == []
    assert await after.pools[0].take("k2", home=False) is lease
    assert house.made == 1
    (row,) = await rows_of.all()
    # A kill now leaves what somebody may have something in: nobody uses that on.
    again = make(service=True)
    await recover(again)
    assert not again.pools[0].leases
    await until(lambda: not house.alive)
    assert row.holder == "process-1"


async def test_sec_65_of_several_that_start_at_once_one_has_what_a_stop_has_kept(
    house: House, make: Make, rows_of: Rows
) -> None:
    before = make(service=True)
    await _holds_one(before)
    await before.close(keep=True)
    starting = [make(service=True)._rows for _ in range(3)]
    for one in starting:
        await one.look()
    (row,) = await rows_of.all()
    found = await asyncio.gather(*(one.attach(row) for one in starting))
    (winner,) = (one for one, had in zip(starting, found, strict=True) if had is not None)
    (use,) = await rows_of.users.look()
    assert use.instances == {winner.instance}
    assert await winner.release(row.id), "nobody else uses it"
    house.alive.clear()
    await rows_of.remove(row.id)


async def test_nothing_is_remembered_of_what_others_log_out(
    house: House, make: Make, rows_of: Rows
) -> None:
    ours, others = make(service=True, size=1), make(service=True, size=1)
    await _holds_one(ours)
    (row,) = await rows_of.all()
    await others._rows.look()
    found = await others._rows.attach(row)
    assert found is not None
    others.use(found)
    pool = ours.pools[0]
    pool.retire(pool.leases[0])
    await until(lambda: pool.states()["broken"] == 0)
    assert not ours._rows._known
    assert not ours._events._owners
    assert house.alive


async def test_sec_65_only_what_is_empty_is_kept(house: House, make: Make) -> None:
    accounts = make(service=True, size=4)
    pool = accounts.pools[0]
    empty, full, busy, old = [await pool.take(f"k{number}", home=True) for number in range(4)]
    for client, lease in (("k0", empty), ("k3", old)):
        pool.hold(client, 0)
        pool.give_back(client, lease)
    pool.hold("k1", 1)
    pool.give_back("k1", full)
    assert not busy.is_free
    pool.retire(old)
    await accounts.close(keep=True)
    assert house.alive == {empty.session.token.reveal()}
    await recover(make(service=True))


async def test_a_smaller_size_keeps_fewer(house: House, make: Make) -> None:
    before = make(service=True, size=3)
    pool = before.pools[0]
    taken = [(f"k{number}", await pool.take(f"k{number}", home=False)) for number in range(3)]
    for client, lease in taken:
        pool.hold(client, 0)
        pool.give_back(client, lease)
    await before.close(keep=True)
    assert len(house.alive) == 3
    after = make(service=True, size=2)
    await recover(after)
    await until(lambda: len(house.alive) == 2)
    assert len(after.pools[0].leases) == 2


async def test_callers_without_a_session_here_keep_none_there(house: House, make: Make) -> None:
    before, bob = make(), Person("vc", "bob@vsphere.local")
    for person in (ADA, bob):
        before.opened(session_of(person))
        await before.adopt(person, house.opened())
    before.ended(session_of(bob))
    await before.close(keep=True)
    assert house.alive == {"token-1"}
    after = make()
    after.opened(session_of(ADA))
    await recover(after, session_of(ADA))
    assert len(after.pool_of(session_of(ADA)).leases) == 1
    assert await after.stranded() == []


@pytest.mark.parametrize("service", [False, True])
async def test_sec_65_what_was_kept_for_another_account_or_server_is_logged_out(
    house: House, make: Make, service: bool
) -> None:
    before = make(service=service)
    before.opened(session_of(ADA))
    if not service:
        await before.adopt(ADA, house.opened())
    await _holds_one(before)
    await before.close(keep=True)
    assert len(house.alive) == 1
    after = make(service=service, opened_as="another")
    after.opened(session_of(ADA))
    await recover(after, session_of(ADA))
    assert not any(pool.leases for pool in after.pools)
    await until(lambda: not house.alive)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("service", [False, True])
async def test_sec_65_a_token_of_one_server_is_never_sent_to_another(
    house: House, make: Make, rows_of: Rows, service: bool, keep: bool
) -> None:
    before = make(service=service)
    before.opened(session_of(ADA))
    if not service:
        await before.adopt(ADA, house.opened())
    await _holds_one(before)
    if keep:
        await before.close(keep=True)
    after = make(service=service, opened_as="another", at="https://vc2.example:443")
    house.deaf, heard = True, house.refused  # it counts whatever comes
    with capture_logs() as logs:
        await recover(after, session_of(ADA))
    after.tidy()
    await after.close()
    assert house.refused == heard
    assert not any(pool.leases for pool in after.pools)
    assert not await rows_of.all()
    told = [(one["address"], one["sessions"]) for one in logs if "address" in one]
    assert told == [("https://vc1.example:443", 1)]
    assert len(house.alive) == 1
    house.deaf = False
    house.alive.clear()  # it ends by that server's clock


async def test_sec_65_what_the_store_could_not_keep_the_next_start_logs_out(
    house: House, make: Make, rows_of: Rows
) -> None:
    before = make(service=True)
    await _holds_one(before)
    rows_of.replaces = False
    await before.close(keep=True)
    assert len(house.alive) == 1
    rows_of.replaces = True
    after = make(service=True)
    await recover(after)
    await until(lambda: not house.alive)
    assert not after.pools[0].leases


async def test_a_login_under_way_at_a_stop_that_keeps_is_kept(
    server: FakeServer, house: House, make: Make
) -> None:
    accounts = make(service=True)
    server.gate.clear()
    waiting = asyncio.create_task(accounts.pools[0].take("k1", home=False))
    await server.has_read(1)
    closing = asyncio.create_task(accounts.close(keep=True))
    with pytest.raises(UpstreamUnavailable):
        await waiting
    server.gate.set()
    await closing
    after = make(service=True)
    await recover(after)
    assert (house.made, len(after.pools[0].leases)) == (1, 1)


async def recover(accounts: Accounts, *sessions: Session) -> None:
    """What a start does with what a process before it has left. No client has anything there."""

    async def all_of_them() -> AsyncIterator[Session]:
        for session in sessions:
            yield session

    async def lives(_: str) -> bool:
        return True

    rows, nobody = accounts._rows, cast("Relay", None)
    users = cast("LeaseUserTable", rows._users)
    for instance in set(users._silent_at) - {rows.instance}:
        await users.beat(instance, timedelta(0))  # it was killed
    await OtherProcesses("vc1", rows, accounts, nobody, MemoryNotes(), all_of_them, lives).recover()


async def _tidied(accounts: Accounts, done: Callable[[], bool]) -> None:
    def tidied() -> bool:
        accounts.tidy()
        return done()

    await until(tidied)


async def test_only_what_can_be_replaced_is_overdue(house: House, make: Make) -> None:
    times = LeaseTimes(idle_close=1e9, max_age=3600.0, keep_alive=1e9)
    callers, service = make(times=times), make(times=times, service=True)
    await callers.adopt(ADA, house.opened())
    now = asyncio.get_running_loop().time()
    for accounts in (callers, service):
        for age in (3700.0, 4000.0):
            opened = house.opened()
            accounts.pools[0].add(Lease(f"{age}", opened, now - age))
    assert [lease.id for _, lease in service.overdue()] == ["4000.0"]
    assert callers.overdue() == []
    callers.pools[0].leases[-1].retired = True
    assert [lease.id for _, lease in callers.overdue()] == ["4000.0"]
    house.alive.clear()
