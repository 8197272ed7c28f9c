"""Two processes at one store, which is away for longer than a process may be silent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest

from sessiongate.errors import StoreUnavailable, Unavailable
from sessiongate.gateway.leases.lease import PoolLimits
from sessiongate.session import Session
from sessiongate.store.embedded.lease_users import LeaseUserTable
from sessiongate.store.embedded.leases import MemoryLeases
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.testing import LIMITS
from tests.gateway.test_stories import TIMES, Inventory, Story, client
from tests.gateway.test_upstream_gateway import Case, SharedBooks
from tests.loop_time import LoopTime
from tests.until import until
from tests.upstream.fakes import FakeServer

POOL = PoolLimits(size=2, calls=16, queue=100, queue_time=30.0, exclusive=False)
OUTAGE = 30
"""Seconds: three times what makes a process count as killed."""


class Cut:
    """A port of a store whose line may be cut."""

    def __init__(self, port: object, away: Callable[[], bool]) -> None:
        self._port = port
        self._away = away

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        async def asked(*args: Any, **options: Any) -> Any:
            if self._away():
                raise StoreUnavailable("away")
            return await found(*args, **options)

        return asked


class CutStore:
    """One store, for all who share it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.away = False
        store = MemoryStore(LIMITS)
        users = LeaseUserTable(clock)
        self.users = users
        self.rows = MemoryLeases(users)
        self.lease_users = self._cut(users)
        self.leases = self._cut(self.rows)
        self._books = self._cut(SharedBooks(users))
        self._notes = self._cut(store.notes("vc1"))

    def _cut(self, port: object) -> Any:
        return Cut(port, lambda: self.away)

    def forget_all(self) -> None:
        """What `FLUSHALL` does, or a replica that takes over without the last writes."""
        self.rows._table.clear()

    def books(self, _: str) -> Any:
        return self._books

    def notes(self, _: str) -> Any:
        return self._notes


class Node(Story):
    """One of the processes."""

    async def second(self, seconds: float = 1.0) -> None:
        with suppress(Unavailable):
            await self.case.gate.tidy()


class Together:
    """The processes, their store and their time."""

    def __init__(
        self, house: Inventory, store: CutStore, time: LoopTime, one: Node, two: Node
    ) -> None:
        self.house, self.store, self.time = house, store, time
        self.one, self.two = one, two

    async def goes_on(self, seconds: int, *order: Node) -> None:
        """Time passes, and the processes look in this order each second."""
        for _ in range(seconds):
            self.time.tick(1.0)
            for node in order or (self.one, self.two):
                await node.second()

    def users(self, lease: str) -> set[str]:
        return self.store.users.uses[lease].instances


@asynccontextmanager
async def together(patch: pytest.MonkeyPatch) -> AsyncIterator[Together]:
    house = Inventory()
    async with FakeServer(house) as server:
        time = LoopTime(patch)
        store = CutStore(asyncio.get_running_loop().time)
        nodes = []
        for name in ("one", "two"):
            case = Case(
                *(server.url, house),
                store=cast("MemoryStore", store),
                books=store.books("vc1"),
                shared=True,
                instance=name,
                times=TIMES,
                limits=POOL,
            )
            await case.gate.recover()
            nodes.append(Node(case, server, time))
        found = Together(house, store, time, *nodes)
        yield found
        for node in nodes:
            await node.case.gate.close()
        assert not house.alive
        assert not await store.rows.all()


def has(node: Node, *sessions: Session) -> None:
    """These clients have their sessions at this process."""
    node.case.live.extend(sessions)
    for session in sessions:
        node.case.gate.opened(session)


async def views(node: Node, session: Session) -> str:
    said = await node.view(session)
    return said.partition('type="ContainerView">')[2].partition("<")[0]


async def uses(node: Node, session: Session, view: str) -> str:
    return await node.call(session, "Fetch", "ContainerView", view, "<prop>view</prop>")


async def test_sec_65_nothing_is_lost_or_taken_over_while_the_store_is_away_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada, olga = client(1), client(2)
    async with together(monkeypatch) as both:
        one, two = both.one, both.two
        for node in (one, two):
            has(node, ada, olga)
        await both.goes_on(2)
        hers, other = await views(one, ada), await views(two, olga)
        await both.goes_on(2)
        alive = set(both.house.alive)
        both.store.away = True
        await both.goes_on(OUTAGE)
        with pytest.raises(StoreUnavailable):
            await one.read(ada)
        both.store.away = False
        # One of them has its first looks before the other one is heard of again.
        await both.goes_on(1, one, one)
        await both.goes_on(5)
        assert both.house.alive == alive
        assert not one.case.ended
        assert not two.case.ended
        assert await uses(one, ada, hers)
        assert await uses(two, ada, hers)
        assert await uses(one, olga, other)
        assert await uses(two, olga, other)
        assert both.house.alive == alive


async def test_sec_65_who_was_taken_for_killed_is_among_the_users_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the other's stop would end the session under it: both use it."""
    ada, olga = client(1), client(2)
    async with together(monkeypatch) as both:
        one, two = both.one, both.two
        for node in (one, two):
            has(node, ada, olga)
        await both.goes_on(2)
        view = await views(two, olga)
        (lease,) = two.case.accounts.pools[0].leases
        both.store.away = True
        await both.goes_on(OUTAGE)
        both.store.away = False
        await both.goes_on(1, one)
        assert await uses(one, olga, view)  # it is the only one that the store has heard of
        await both.goes_on(3)
        assert both.users(lease.id) == {"one", "two"}
        await one.case.gate.close()
        await both.goes_on(3, two)
        assert lease.session.token.reveal() in both.house.alive
        assert await uses(two, olga, view)
        assert not two.case.ended


async def test_sec_65_a_process_that_was_killed_in_the_outage_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What its clients have there is used on by the other one, until they have nothing there."""
    ada, olga = client(1), client(2)
    async with together(monkeypatch) as both:
        one, two = both.one, both.two
        for node in (one, two):
            has(node, ada, olga)
        await both.goes_on(2)
        view = await views(two, olga)
        (lease,) = two.case.accounts.pools[0].leases
        both.store.away = True
        await both.goes_on(OUTAGE)
        both.store.away = False
        await both.goes_on(15, one)  # nothing is heard of `two` any more
        assert await uses(one, olga, view)
        await one.call(olga, "DestroyView", "ContainerView", view, "")
        await both.goes_on(5, one)
        await until(lambda: lease.session.token.reveal() not in both.house.alive)
        assert await one.read(ada)


class TestAStoreThatForgets:
    """A store that has lost its rows: nobody else can know of the sessions of these leases."""

    async def test_sec_65_they_are_logged_out_once_nothing_is_under_way(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = client(1)
        async with together(monkeypatch) as both:
            for node in (both.one, both.two):
                has(node, ada)
            await both.goes_on(2)
            assert await both.one.read(ada)
            assert await both.two.read(ada)
            before = set(both.house.alive)
            relay = both.one.case.gate.relay
            checkout = await relay.lend(ada)  # as a file that is on its way has it
            both.store.forget_all()
            await both.goes_on(3, both.one)
            assert before <= both.house.alive
            await relay.take_back(checkout)
            await both.goes_on(3)
            await until(lambda: not before & both.house.alive)
            assert await both.one.read(ada)
            assert await both.two.read(ada)

    async def test_sec_65_they_are_logged_out_by_a_stop_that_comes_before_it_is_noticed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = client(1)
        async with together(monkeypatch) as both:
            has(both.one, ada)
            await both.goes_on(2)
            assert await both.one.read(ada)
            assert both.house.alive
            both.store.forget_all()
            await both.one.case.gate.close()
            assert not both.house.alive

    async def test_sec_65_they_are_logged_out_by_a_stop_that_keeps(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = client(1)
        async with together(monkeypatch) as both:
            has(both.one, ada)
            await both.goes_on(2)
            assert await both.one.read(ada)
            both.store.forget_all()
            await both.one.case.accounts.close(keep=True)
            assert not both.house.alive

    async def test_sec_65_the_session_that_clone_tickets_come_from_is_logged_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with together(monkeypatch) as both:
            parents = [node.case.accounts.parent for node in (both.one, both.two)]
            for parent in parents:
                assert parent is not None
                await parent.ticket("csi")
            (before,) = both.house.alive
            both.store.forget_all()
            await both.goes_on(3)
            await until(lambda: before not in both.house.alive)
