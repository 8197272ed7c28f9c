"""A whole gateway before a vCenter that goes away, ends sessions, or takes no password."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sessiongate.errors import NoSession, OutcomeUnknown, UpstreamUnavailable
from sessiongate.gateway.credentials.passwords import REFUSED
from sessiongate.gateway.leases.lease import LeaseTimes, PoolLimits
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.session import Person, Session
from sessiongate.wire.vim.relayed import read_relayed
from tests.end_to_end.vim_soap import SPEC, envelope
from tests.gateway.calls.test_relay import OURS, RULES, VIEW
from tests.gateway.test_accounts import House, session_of
from tests.gateway.test_upstream_gateway import Case
from tests.loop_time import LoopTime
from tests.until import PATIENCE, until
from tests.upstream.fakes import Asked, FakeServer, http, soap_fault
from tests.upstream.fakes import envelope as enveloped

KEEP_ALIVE = 600.0
TIMES = LeaseTimes(idle_close=1e9, max_age=1e9, keep_alive=KEEP_ALIVE)
LIMITS = PoolLimits(size=2, calls=16, queue=2000, queue_time=30.0, exclusive=False)


class Inventory(House):
    """A vCenter with folders, views and waits, that counts what was done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.done = Counter[str]()
        """How often a folder of each name was made."""
        self.loses: set[str] = set()
        """Folders of which the answer is lost."""
        self.objects = 0
        self.waiting: dict[str, list[asyncio.Event]] = {}
        """Waits under way, by their token."""

    def end(self, token: str) -> None:
        """What an administrator does there. A wait that is blocked goes on hanging."""
        self.alive.remove(token)

    def __call__(self, asked: Asked) -> Any:
        """The answer, or what comes to be it."""
        call = read_relayed(asked.body)
        token = asked.headers.get("cookie", "").partition("=")[2]
        answers: dict[str, Callable[[str, str], Any]] = {
            "Fetch": self._fetched,
            "CreateFolder": self._folder,
            "CreateContainerView": self._view,
            "CreatePropertyCollector": self._collector,
            "CreateFilter": self._filter,
            "DestroyView": self._destroyed,
            "DestroyPropertyCollector": self._destroyed,
            "DestroyPropertyFilter": self._destroyed,
            "WaitForUpdatesEx": self._wait,
            "CancelWaitForUpdates": self._cancelled,
        }
        answer = answers.get(call.method)
        if answer is None:
            return super().__call__(asked)
        if token not in self.alive:
            return soap_fault("NotAuthenticated")
        return answer(token, asked.body.decode())

    def _fetched(self, *_: str) -> bytes:
        return _answer("Fetch", "<returnval>Datacenters</returnval>")

    def _folder(self, _: str, body: str) -> bytes:
        name = body.partition("<name>")[2].partition("<")[0]
        self.done[name] += 1
        return b"" if name in self.loses else _answer("CreateFolder", _made("Folder", "group-v9"))

    def _view(self, *_: str) -> bytes:
        return _answer("CreateContainerView", _made("ContainerView", self._name()))

    def _collector(self, *_: str) -> bytes:
        return _answer("CreatePropertyCollector", _made("PropertyCollector", self._name()))

    def _filter(self, *_: str) -> bytes:
        return _answer("CreateFilter", _made("PropertyFilter", self._name()))

    def _destroyed(self, *_: str) -> bytes:
        return _answer("DestroyView")

    def _cancelled(self, token: str, _: str) -> bytes:
        for wait in self.waiting.get(token, ()):
            wait.set()
        return _answer("CancelWaitForUpdates")

    async def _wait(self, token: str, _: str) -> bytes:
        await self._blocked(token)
        return soap_fault("RequestCanceled")

    async def _blocked(self, token: str) -> None:
        ends = asyncio.Event()
        self.waiting.setdefault(token, []).append(ends)
        await ends.wait()

    def _name(self) -> str:
        self.objects += 1
        return f"session[x]{self.objects}"


def _answer(method: str, inner: str = "") -> bytes:
    name = f"{method}Response"
    return http(200, enveloped(f'<{name} xmlns="urn:vim25">{inner}</{name}>'), kind="text/xml")


def _made(kind: str, name: str) -> str:
    return f'<returnval type="{kind}">{name}</returnval>'


class Story:
    """Clients at one gateway."""

    def __init__(self, case: Case, server: FakeServer, time: LoopTime) -> None:
        self.case = case
        self.server = server
        self.time = time

    async def call(self, session: Session, method: str, kind: str, name: str, inner: str) -> str:
        request = read_relayed(envelope(method, kind, name, inner).encode())
        answer = await self.case.gate.relay.call(session, request, (), lambda _: None)
        body = answer.body.decode()
        assert answer.status == 200, body
        return body

    async def read(self, session: Session) -> str:
        return await self.call(session, "Fetch", "Folder", "group-d1", "<prop>name</prop>")

    async def make(self, session: Session, name: str) -> str:
        return await self.call(
            session, "CreateFolder", "Folder", "group-d1", f"<name>{name}</name>"
        )

    async def view(self, session: Session) -> str:
        return await self.call(session, "CreateContainerView", "ViewManager", "ViewManager", VIEW)

    async def wait(self, session: Session) -> str:
        await self.call(session, "CreateFilter", "PropertyCollector", "propertyCollector", SPEC)
        return await self.call(
            session, "WaitForUpdatesEx", "PropertyCollector", "propertyCollector", ""
        )

    async def second(self, seconds: float = 1.0) -> None:
        """Time passes at the gateway, with what it does by itself."""
        self.time.tick(seconds)
        await self.case.gate.tidy()

    async def all_have_come_back(self, tries: list[asyncio.Task[Any]]) -> None:
        await until(lambda: all(one.done() for one in tries))


def client(number: int) -> Session:
    return session_of(Person("local", f"user-{number}"), OURS.format(number))


def crowd(count: int) -> list[Session]:
    return [session_of(Person("local", "ada"), f"{number:036}") for number in range(count)]


@asynccontextmanager
async def story(
    house: Inventory, patch: pytest.MonkeyPatch, *, rules: RelayRules = RULES
) -> AsyncIterator[Story]:
    async with FakeServer(house) as server:
        case = Case(server.url, house, times=TIMES, limits=LIMITS, rules=rules)
        case.server = server
        yield Story(case, server, LoopTime(patch))
        for waits in house.waiting.values():
            for one in waits:
                one.set()
        await case.gate.close()
        assert not house.alive


@pytest.fixture
def house() -> Inventory:
    return Inventory()


async def insists(work: Callable[[], Awaitable[Any]]) -> bool:
    """One try of a client that repeats what was not sent. Whether it is through with it.

    What nobody knows the outcome of it does not send again, as clients do not.
    """
    try:
        await work()
    except OutcomeUnknown:
        return True
    except UpstreamUnavailable:
        return False
    return True


@pytest.mark.parametrize("restarts", [False, True], ids=["cut off", "restarted"])
async def test_sec_62_a_minute_without_the_upstream_is_over_in_ten_seconds_and_does_nothing_twice(
    house: Inventory, monkeypatch: pytest.MonkeyPatch, restarts: bool
) -> None:
    """Half of the clients change something, and of some the answer is lost as the line breaks."""
    sessions = crowd(20)
    house.loses = {"folder-1", "folder-3"}
    async with story(house, monkeypatch) as told:
        for session in sessions:
            await told.read(session)

        def work(number: int) -> Callable[[], Awaitable[str]]:
            session = sessions[number]
            if number % 2:
                return lambda: told.make(session, f"folder-{number}")
            return lambda: told.read(session)

        async def tried(numbers: set[int]) -> set[int]:
            """Those that are not through yet, after one try each."""
            ordered = sorted(numbers)
            through = await asyncio.gather(*(insists(work(number)) for number in ordered))
            return {number for number, done in zip(ordered, through, strict=True) if not done}

        assert await tried({1, 3}) == set()
        await told.server.stop()
        left = set(range(20)) - {1, 3}
        for _ in range(60):
            await told.second()
            left = await tried(left)
        assert left == set(range(20)) - {1, 3}
        if restarts:
            house.alive.clear()
        await told.server.start()
        for _ in range(10):
            await told.second()
            left = await tried(left)
        assert left == set()
        assert house.done == {f"folder-{number}": 1 for number in range(1, 20, 2)}
        assert house.made <= LIMITS.size * (2 if restarts else 1)


async def test_sec_62_what_was_under_way_as_the_upstream_went_is_done_once_at_most(
    house: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a change nobody knows whether it was done; a read is asked again."""
    changing, reading = crowd(2)
    async with story(house, monkeypatch) as told:
        await told.read(changing)
        before = len(told.server.asked)
        told.server.gate.clear()
        change = asyncio.create_task(told.make(changing, "folder-1"))
        read = asyncio.create_task(told.read(reading))
        await told.server.has_read(before + 2)
        await told.server.stop()
        with pytest.raises(OutcomeUnknown):
            await change
        with pytest.raises(UpstreamUnavailable):
            await read
        told.server.gate.set()
        await told.server.start()
        await told.second()
        assert await told.read(reading)
        assert not house.done


async def test_sec_63_a_revoked_session_is_nobody_s_not_authenticated(
    house: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every client has nothing there: it goes by another session, with changes done once."""
    sessions = crowd(30)
    async with story(house, monkeypatch) as told:
        for turn in range(3):
            names = [f"folder-{turn}-{number}" for number in range(0, 30, 3)]
            calls = [told.read(session) for session in sessions[10:]]
            calls += [told.make(*one) for one in zip(sessions, names, strict=False)]
            for token in list(house.alive):
                house.end(token)
            await asyncio.gather(*calls)
            assert [house.done[name] for name in names] == [1] * 10
        assert not told.case.ended
        assert house.made <= 3 * LIMITS.size


async def test_sec_63_a_rotten_session_that_waits_hang_in_is_found_by_its_first_probe(
    house: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who wait in it hear that they have to log in, in five seconds; others notice nothing.

    The upstream says nothing to a wait whose session it has ended: it would hang for ever.
    """
    lost, neighbour = client(1), client(2)
    rules = RULES
    async with story(house, monkeypatch, rules=rules) as told:
        case = told.case
        pool = case.accounts.pools[0]
        # A lease each: the pool has a second one once the first has no room for a call.
        stays = [
            asyncio.create_task(pool.take(f"busy-{n}", home=False)) for n in range(LIMITS.calls + 1)
        ]
        leases = [await one for one in stays]
        for number, lease in enumerate(leases):
            pool.give_back(f"busy-{number}", lease)
        first, second = pool.leases
        waits = [asyncio.create_task(told.wait(one)) for one in (lost, neighbour)]
        await until(lambda: len(house.waiting) == 2)
        rotten = pool.home_of(lost.key)
        assert rotten is not None
        assert {rotten, pool.home_of(neighbour.key)} == {first, second}
        house.end(rotten.session.token.reveal())
        for _ in range(3):
            await told.second()
        assert not waits[0].done()  # nobody has had a reason to ask yet
        await told.second(KEEP_ALIVE)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(NoSession):
                await waits[0]
        assert case.ended == [lost.key]
        assert not waits[1].done()
        assert await told.read(neighbour)
        case.gate.relay.session_ended(neighbour)
        with pytest.raises(NoSession):
            await waits[1]


async def test_sec_58_a_thousand_clients_with_a_stale_service_password_cost_one_failed_login(
    house: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told when it is tried again, and go on at once where an operator says so."""
    house.password = "another one"
    sessions = crowd(1000)
    async with story(house, monkeypatch) as told:

        async def failed(session: Session) -> int:
            with pytest.raises(UpstreamUnavailable) as raised:
                await told.read(session)
            assert not isinstance(raised.value, OutcomeUnknown)
            return raised.value.retry_after

        again = await asyncio.gather(*map(failed, sessions))
        later = await failed(sessions[0])  # in the pool's own pause, which is seconds long
        await told.second(10)
        latest = await failed(sessions[0])
        assert house.refused == 1
        soonest = int(REFUSED) - 30  # a loaded machine may take some of it
        assert all(soonest <= one <= REFUSED for one in (*again, later, latest))
        house.password = "p"
        await told.case.gate.set_standing(Standing.OPEN)
        assert len(await asyncio.gather(*map(told.read, sessions[:50]))) == 50
        assert house.made <= LIMITS.size
