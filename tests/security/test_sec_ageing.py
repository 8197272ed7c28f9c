"""Days of a gateway, by clocks that leap: keep-alive, renewal, and clients that say nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest

from sessiongate.app.gateway.gates import gates_of
from sessiongate.config.load import load
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.session import Limits, Person, Session
from sessiongate.wire.vim.relayed import read_relayed
from tests.end_to_end.vim_soap import ROOT, envelope
from tests.fake_store import FakeStore
from tests.gate import CLIENT, LIMITS
from tests.gate import Gate as House
from tests.loop_time import LoopTime
from tests.security.ageing_vcenter import AgeingVCenter
from tests.until import until
from tests.upstream.fakes import FakeServer

CALLER = msgspec.structs.replace(CLIENT, upstream="vc1")
MINUTE, HOUR = 60.0, 3600.0
MAX_AGE = 10 * HOUR
SERVICE = {"username": "svc", "password": "p", "roles": ["administrator", "user"]}
CALLERS = {"identity.local.type": "vcenter", "identity.local.upstream": "vc1"}


class Case:
    """A gateway with its services, before a vCenter whose sessions grow old."""

    def __init__(
        self, house: House, vcenter: AgeingVCenter, gate: VCenterGateway, time: LoopTime
    ) -> None:
        self.house = house
        self.vcenter = vcenter
        self.gate = gate
        self._time = time

    async def passes(self, seconds: float) -> None:
        """Have so much time pass for everybody, and let the server do what it does by itself."""
        await until(self._is_quiet)
        self._time.tick(seconds)
        self.house.clock.tick(timedelta(seconds=seconds))
        await self.settled()

    async def settled(self) -> None:
        await self.gate.tidy()
        await until(self._is_quiet)

    def _is_quiet(self) -> bool:
        """Whether nothing is on its way to the vCenter, which would be late after a leap."""
        pools = self.gate.accounts.pools
        closing = [
            pool.states()["broken"] - sum(one.retired for one in pool.leases) for pool in pools
        ]
        return not any(closing) and not any(pool.opening for pool in pools) and self._none_probed()

    def _none_probed(self) -> bool:
        return not any(task.get_name() == "keep alive" for task in asyncio.all_tasks())

    async def login(self, name: str = "ada") -> Session:
        opened = await self.house.login(name, CALLER)
        return opened.session

    async def call(self, session: Session, method: str, kind: str, name: str, inner: str) -> str:
        """A call of this client, which succeeds."""
        request = read_relayed(envelope(method, kind, name, inner).encode())
        answer = await self.gate.relay.call(session, request, (), lambda _: None)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    async def name(self, session: Session) -> None:
        await self.call(session, "Fetch", "Folder", "group-d1", "<prop>name</prop>")

    async def view(self, session: Session) -> str:
        inner = f"{ROOT}<recursive>true</recursive>"
        said = await self.call(session, "CreateContainerView", "ViewManager", "ViewManager", inner)
        return said.partition("type='ContainerView'>")[2].partition("<")[0]

    async def end_view(self, session: Session, view: str) -> None:
        await self.call(session, "DestroyView", "ContainerView", view, "")


Make = Callable[..., Awaitable[Case]]


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    stack = AsyncExitStack()

    async def made(
        *, size: int, account: str = "service", limits: Limits = LIMITS, total: float = 1e9
    ) -> Case:
        vcenter = AgeingVCenter(idle=30 * MINUTE, total=total)
        server = await stack.enter_async_context(FakeServer(vcenter))
        table = {"type": "vcenter", "url": server.url, "verify": False, "size": size}
        table |= {"account": account, **(SERVICE if account == "service" else {})}
        pool = {"max_age": "10h", "keep_alive": "10m", "idle_close": "365d"}
        named = {f"upstream.vc1.{name}": value for name, value in table.items()}
        named |= {f"upstream.vc1.pool.{name}": value for name, value in pool.items()}
        named |= {"upstream.vc1.pool.calls": 1, **(CALLERS if account == "caller" else {})}
        config = load(None, {}, {"server.data_dir": str(tmp_path), "store.url": "memory:", **named})
        house = House(tmp_path, store=FakeStore(limits))
        gates = gates_of(config, house.store, house.clock, house.sessions, house.journal)
        gate = gates["vc1"]
        assert isinstance(gate, VCenterGateway)
        house.sessions.on_open(gate.opened)
        house.sessions.on_end(gate.ended)
        stack.push_async_callback(gate.close)
        return Case(house, vcenter, gate, LoopTime(monkeypatch))

    async with stack:
        yield made


async def test_sec_07_probes_of_ours_do_not_keep_a_silent_client_s_session(make: Make) -> None:
    case = await make(size=1)
    silent, other = await case.login("ada"), await case.login("bob")
    await case.view(silent)
    await case.name(other)
    minutes = int(LIMITS.idle.total_seconds() / MINUTE)
    for _ in range(minutes - 1):
        await case.passes(MINUTE)
    await case.passes(MINUTE - 1)
    assert await case.house.live() == ["ada", "bob"]
    assert len(case.vcenter.probed) == 2
    await case.passes(1)
    assert await case.house.live() == []
    # What the client had is gone there, and the session there lives on by probes alone.
    (session,) = case.vcenter.alive.values()
    await case.passes(MINUTE)
    assert await case.house.sweep() == 2
    await until(lambda: not session.objects)
    for _ in range(2 * minutes):
        await case.passes(MINUTE)
    assert list(case.vcenter.alive.values()) == [session]
    assert (case.vcenter.ended_here, len(case.vcenter.logged_out)) == (0, 0)
    assert len(case.vcenter.probed) >= 6


STEP = 10 * MINUTE
HELD = 20 * MINUTE
"""For so long clients have something in a session there."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("account", "size"), [("service", 1), ("service", 3), ("caller", 2)], ids=str
)
async def test_sec_64_sessions_there_are_renewed_before_their_limit_and_no_client_notices(
    account: str, size: int, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessiongate.gateway.leases.lease._uniform", Random(64).uniform)
    most = MAX_AGE + HELD + 2 * STEP
    limits = Limits(idle=timedelta(days=9), total=timedelta(days=9))
    case = await make(total=most, account=account, size=size, limits=limits)
    clients = [await case.login() for _ in range(2 * size if account == "service" else size)]
    if account == "caller":
        await case.gate.accounts.adopt(Person("local", "ada"), case.vcenter.opened())
    views: list[str] = []
    for step in range(int(40 * HOUR / STEP)):
        await asyncio.gather(*map(case.name, clients))
        if step % 6 == 0:
            views = list(await asyncio.gather(*map(case.view, clients)))
        if step % 6 == HELD / STEP:
            await asyncio.gather(*map(case.end_view, clients, views))
        await case.passes(STEP)
        await case.settled()
    vcenter = case.vcenter
    assert vcenter.ended_here == 0
    assert vcenter.most <= size
    assert len(vcenter.logged_out) >= 3 * size
    assert min(vcenter.logged_out) >= 0.9 * MAX_AGE
    assert max(vcenter.logged_out) < most
    assert max(vcenter.logged_out) - min(vcenter.logged_out) > STEP, "all at one age"
