"""One upstream as a whole: how it stops."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from sessiongate.errors import NotFound, Overloaded, StoreUnavailable, UpstreamUnavailable
from sessiongate.gateway.accounts import Accounts
from sessiongate.gateway.calls.call import CallRecord
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.sealing import LeaseKey
from sessiongate.gateway.leases.lease import LeaseTimes, PoolLimits
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.rules.relay import State
from sessiongate.secret import Secret
from sessiongate.session import Ended, Person, Session
from sessiongate.store.embedded.books import MemoryBooks
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.gateway_port import Changes, Thing
from sessiongate.testing import LIMITS, FakeClock
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import Exchange
from tests.gateway.calls.test_relay import RULES
from tests.gateway.test_accounts import ADA, TIMES, House, session_of
from tests.peers.ports import free_port
from tests.until import until
from tests.upstream.fakes import FakeServer

LONG = timedelta(seconds=30)
LIMITS_OF_POOL = PoolLimits(size=2, calls=1, queue=10, queue_time=30.0, exclusive=False)


class SharedBooks(MemoryBooks):
    """Books that other processes have, too."""

    shared = True


class Case:
    """A gate before a vCenter that may be silent."""

    server: FakeServer

    def __init__(
        self,
        url: str,
        house: House,
        *,
        service: bool = True,
        shared: bool = False,
        store: MemoryStore | None = None,
        books: MemoryBooks | None = None,
        instance: str = "here",
        times: LeaseTimes = TIMES,
        limits: PoolLimits = LIMITS_OF_POOL,
        rules: RelayRules = RULES,
    ) -> None:
        self.house = house
        self.store = store or MemoryStore(LIMITS)
        self.rows = self.store.leases
        self.live: list[Session] = []
        self.ended: list[str] = []
        self.store_is_away = False
        now = asyncio.get_running_loop().time
        exchange = Exchange(url, Trust(verify=False))
        ids = iter(range(100))
        credential = Credential("vc1", "svc", [lambda: Secret("p")], exchange, LONG, now)
        stored = StoredLeases(
            "vc1",
            self.rows,
            self.store.lease_users,
            LeaseKey(bytes(32)),
            instance,
            FakeClock().now,
            lambda: f"lease-{instance}-{next(ids)}",
        )
        self.accounts = Accounts(
            "vc1",
            limits,
            times,
            exchange,
            LONG,
            rows=stored,
            credential=credential if service else None,
            providers=frozenset({"vc"}),
            shared=shared,
        )
        self.gate = VCenterGateway(
            "vc1",
            rules,
            exchange,
            self.accounts,
            self._end,
            CallRecord(self.accounts.meters),
            self._touch,
            stored,
            books or (SharedBooks(self.store.lease_users) if shared else self.store.books("vc1")),
            self.store.notes("vc1"),
            self._sessions,
            self._lives,
        )

    async def _end(self, key: str, _: Ended) -> None:
        if self.store_is_away:
            raise StoreUnavailable("down")
        self.ended.append(key)

    async def _sessions(self) -> AsyncIterator[Session]:
        for session in self.live:
            yield session

    async def _lives(self, key: str) -> bool:
        return any(session.key == key for session in self.live)

    async def _touch(self, _: Session) -> None:
        pass


@pytest.fixture
async def callers() -> AsyncIterator[Case]:
    house = House()
    async with FakeServer(house) as server:
        case = Case(server.url, house, service=False)
        case.server = server
        yield case
        await case.gate.close()
        assert not house.alive


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    house = House()
    async with FakeServer(house) as server:
        case = Case(server.url, house)
        case.server = server
        yield case


async def test_who_looks_at_an_upstream_that_is_away_is_told_so() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    case = Case(url, House())
    with pytest.raises(NotFound, match="none is opened to look"):
        await case.gate.sessions_there()
    assert case.gate.problem == ""
    with pytest.raises(UpstreamUnavailable):
        await case.accounts.pools[0].take("k1", home=False)
    assert case.gate.problem == f"{url}: no connection to it"
    with pytest.raises(UpstreamUnavailable, match=f"none is opened to look; {url}: no connection"):
        await case.gate.sessions_there()
    await case.gate.close()


async def test_a_login_under_way_is_waited_for_at_the_stop(case: Case) -> None:
    case.server.gate.clear()
    waiting = asyncio.create_task(case.accounts.pools[0].take("k1", home=False))
    await case.server.has_read(1)
    closing = asyncio.create_task(case.gate.close())
    with pytest.raises(UpstreamUnavailable):
        await waiting
    case.server.gate.set()
    await closing
    assert (case.house.made, case.house.alive) == (1, set())
    assert not await case.rows.all()


@pytest.mark.parametrize("busy", [False, True])
async def test_an_upstream_that_does_not_answer_does_not_hold_up_the_stop(
    case: Case, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does what clients have there take the time of its sessions: their rows are left."""
    monkeypatch.setattr("sessiongate.gateway.upstream_gateway._CLOSING", 0.1)
    case.server.gate.clear()
    waiting = asyncio.create_task(case.accounts.pools[0].take("k1", home=False))
    await case.server.has_read(1)
    if busy:
        monkeypatch.setattr(case.gate.relay, "close", asyncio.Event().wait)
    await case.gate.close()
    with pytest.raises(UpstreamUnavailable):
        await waiting
    (row,) = await case.rows.all()
    assert not row.sealed


async def test_sec_61_a_session_that_another_process_has_ended_is_over_here_too() -> None:
    """Also for a file that is on its way, and for the metrics."""
    house = House()
    async with FakeServer(house) as server:
        case = Case(server.url, house, shared=True)
        case.server = server
        gate, session = case.gate, session_of(ADA)
        case.live = [session]
        await gate.recover()
        gate.opened(session)
        gate.opened(session_of(ADA, "k2"))
        checkout = await gate.relay.lend(session)
        for _ in range(2):
            await gate.tidy()
        assert gate.relay.client_of(session) is checkout.client
        case.live.clear()
        for _ in range(2):
            await gate.tidy()
        assert checkout.client.over
        assert not case.accounts.meters._unserved
        gate.relay.take_back_soon(checkout)
        await gate.close()
        assert not len(gate.relay.clients)
        assert not house.alive


async def test_a_client_that_is_over_is_none_of_those_there_while_it_is_cleared(case: Case) -> None:
    """Whoever drains a pool is not told to wait for somebody who has left."""
    gate, ada = case.gate, session_of(ADA)
    checkout = await gate.relay.checkouts.take(
        case.accounts.pools[0], gate.relay.client_of(ada), home=True
    )
    opened = (("session[x]1", Thing("ContainerView", State.VIEW, "")),)
    await gate.relay.checkouts.note(checkout.client, checkout.lease, Changes(opened=opened))
    await gate.relay.checkouts.give_back(checkout)
    assert (await gate.clients(), gate.clients_here()) == ([ada.key], [ada.key])
    case.server.gate.clear()
    asked = len(case.server.asked)
    gate.ended(ada, Ended.LOGOUT)
    await case.server.has_read(asked + 1)  # its view is being ended
    assert checkout.lease.homes
    assert (await gate.clients(), gate.clients_here()) == ([], [])
    case.server.gate.set()
    await gate.close()
    assert not checkout.lease.homes


async def test_sessions_of_a_caller_end_with_the_last_one_at_the_upstream(callers: Case) -> None:
    """Nobody can open another one for them: no password is kept."""
    accounts = callers.accounts
    for person, key in ((ADA, "k1"), (ADA, "k2"), (Person("local", "bob"), "k3")):
        callers.gate.opened(session_of(person, key))
    for _ in range(2):
        await accounts.adopt(ADA, callers.house.opened())
    pool = accounts.pools[0]
    for lease in pool.leases:
        await callers.gate.tidy()
        assert not callers.ended
        callers.house.alive.remove(lease.session.token.reveal())
        pool.lose(lease)
        await accounts.forget(lease)
    callers.store_is_away = True
    await callers.gate.tidy()
    assert not callers.ended
    callers.store_is_away = False
    await callers.gate.tidy()
    assert sorted(callers.ended) == ["k1", "k2"]


async def test_while_a_pool_drains_its_callers_are_told_to_come_back(callers: Case) -> None:
    ada = session_of(ADA)
    callers.gate.opened(ada)
    await callers.accounts.adopt(ADA, callers.house.opened())
    callers.accounts.set_standing(Standing.DRAINING)
    await until(lambda: not callers.house.alive)
    await callers.gate.tidy()
    with pytest.raises(Overloaded):
        callers.accounts.pool_of(ada)
    assert not callers.ended
    callers.accounts.set_standing(Standing.OPEN)
    await callers.gate.tidy()
    assert callers.ended == [ada.key]


async def test_sessions_of_callers_of_whom_a_start_finds_nothing_end(callers: Case) -> None:
    """What a stop has logged out, no session of a client goes by any more."""

    callers.live = [session_of(ADA)]
    await callers.gate.recover()
    await callers.gate.tidy()
    assert callers.ended == ["k1"]
