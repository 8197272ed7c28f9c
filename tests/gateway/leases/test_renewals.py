"""Renewals of one lease by several processes, which share its row."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count

import pytest

from sessiongate.errors import UpstreamUnavailable
from sessiongate.gateway.credentials.sealing import LeaseKey
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.renewals import LeaseOver, Renewals, session_of
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.secret import Secret
from sessiongate.session import Person
from sessiongate.testing import FakeClock
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.zvm import Zvm
from sessiongate.wire.zerto_client import Flavor, ZvmSession
from tests.gateway.test_accounts import Rows
from tests.gateway.test_zvm_gateway import Keycloak
from tests.loop_time import LoopTime
from tests.upstream.fakes import FakeServer

LONG = timedelta(seconds=30)
ADA = Person("zvm", "ada")


class Process:
    """One of those that use the lease."""

    def __init__(self, url: str, store: Rows, clock: FakeClock, number: int) -> None:
        ids = (f"lease-{one}" for one in count())
        key = LeaseKey(bytes(32))
        exchange = Exchange(url, Trust(verify=False))
        self.exchange = exchange
        self.rows = StoredLeases(
            "zvm1", store, store.users, key, f"process-{number}", clock.now, ids.__next__
        )
        self.zvm = Zvm("zvm1", exchange, LONG, self.rows.seconds, flavor=Flavor.APPLIANCE)
        self.renewals = Renewals(self.zvm, self.rows, None, shared=True)

    async def open(self) -> Lease:
        row = await self.rows.reserve(ADA, 5)
        opened = await self.zvm.login("ada", Secret("right"))
        assert isinstance(opened, ZvmSession)
        await self.rows.fill(row, opened)
        return Lease(row.id, opened, asyncio.get_running_loop().time())

    async def joined(self, lease_id: str) -> Lease:
        found = await self.rows.find(lease_id)
        assert found is not None
        return Lease(lease_id, found.opened, asyncio.get_running_loop().time())


class Crowd:
    def __init__(self, keycloak: Keycloak, processes: list[Process], leases: list[Lease]) -> None:
        self.keycloak = keycloak
        self.processes = processes
        self.leases = leases

    async def tokens(self) -> set[str]:
        pairs = zip(self.processes, self.leases, strict=True)
        found = await asyncio.gather(*(one.renewals.usable(lease) for one, lease in pairs))
        return {one.token.reveal() for one in found}


@pytest.fixture
async def crowd(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crowd]:
    keycloak, store, clock = Keycloak(), Rows(), FakeClock()
    async with FakeServer(keycloak) as server:
        processes = [Process(server.url, store, clock, number) for number in range(3)]
        first = await processes[0].open()
        others = [await one.joined(first.id) for one in processes[1:]]
        time = LoopTime(monkeypatch)
        time.tick(55)
        clock.tick(timedelta(seconds=55))
        yield Crowd(keycloak, processes, [first, *others])
        for one in processes:
            await one.exchange.close()


async def test_sec_57_one_of_several_processes_renews_and_the_others_use_what_it_writes(
    crowd: Crowd,
) -> None:
    assert await crowd.tokens() == {"access-token-2"}
    assert crowd.keycloak.refreshes == ["refresh-token-1"]
    assert await crowd.tokens() == {"access-token-2"}
    assert crowd.keycloak.refreshes == ["refresh-token-1"]


async def test_what_is_over_is_over_for_all_of_them(crowd: Crowd) -> None:
    crowd.keycloak.over = True
    first = crowd.processes[0]
    with pytest.raises(LeaseOver):
        await first.renewals.usable(crowd.leases[0])
    assert not await first.renewals.lives(crowd.leases[0])
    assert session_of(crowd.leases[0]).token.reveal() == "access-token-1"


async def test_a_process_that_died_amid_a_renewal_holds_the_others_up_for_a_while_only(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.keycloak.away = True
    first, second = crowd.processes[:2]
    with pytest.raises(UpstreamUnavailable):
        await first.renewals.lives(crowd.leases[0])  # its claim stands in the row
    crowd.keycloak.away = False
    later = first.rows.seconds() + 16
    monkeypatch.setattr(second.rows, "seconds", lambda: later)
    assert await second.renewals.lives(crowd.leases[1])
    assert session_of(crowd.leases[1]).token.reveal() == "access-token-2"
