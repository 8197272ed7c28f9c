"""Calls of clients by shared sessions: what ends with what, and what is never sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest

from sessiongate.errors import (
    NoSession,
    NotSupported,
    OutcomeUnknown,
    Overloaded,
    QuotaReached,
    SessionGateError,
    StoreUnavailable,
    UnknownProperty,
    UpstreamUnavailable,
)
from sessiongate.gateway.calls.book import PAGE_LIFE
from sessiongate.gateway.calls.call import CallRecord
from sessiongate.gateway.calls.checkouts import Checkouts
from sessiongate.gateway.calls.relay import Relay
from sessiongate.gateway.leases.lease import Lease, PoolLimits
from sessiongate.gateway.leases.own_calls import OwnCalls
from sessiongate.gateway.leases.pool import Pool
from sessiongate.gateway.leases.tokens_in_use import PLACEHOLDER_KEY, TokensInUse
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.secret import Secret
from sessiongate.session import Ended, Person, Session
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.testing import LIMITS, a_lease
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from sessiongate.wire.vim.relayed import Relayed, read_relayed
from tests.end_to_end.vim_soap import SPEC, envelope
from tests.gateway.calls.test_call import Taken
from tests.gateway.test_accounts import session_of
from tests.until import until
from tests.upstream.fakes import envelope as enveloped
from tests.wire.vim.test_relayed_reply import fault

THEIRS = "52a67ed8-0f0b-1714-4534-86a177fc51{:02d}"
OURS = "11111111-2222-3333-4444-5555555555{:02d}"
VIEW = "<container type='Folder'>group-d1</container><recursive>1</recursive>"
RULES = RelayRules(
    upstream="vc1",
    shared=True,
    timeout=timedelta(seconds=30),
    queue_time=30.0,
    waits=10,
    objects=3,
    waits_each=2,
    calls_each=8,
)


class House:
    """In the place of an exchange: a vCenter whose sessions end, and whose answers are held."""

    def __init__(self) -> None:
        self.alive: set[str] = set()
        self.asked: list[Relayed] = []
        self.objects = 0
        self.held: dict[str, asyncio.Event] = {}
        """Methods that are not answered before this is set."""
        self.unreachable = False
        self.token = ""
        self.shown = ""
        """What it answers to `Fetch`."""
        self.kind = "text/xml"

    def hold(self, method: str) -> asyncio.Event:
        self.held[method] = asyncio.Event()
        return self.held[method]

    def methods(self) -> list[str]:
        return [one.method for one in self.asked]

    async def exchange(self, ask: Ask, **_: Any) -> Answer:
        if self.unreachable:
            raise UpstreamUnavailable("no connection to it")
        read, token = self.read(ask)
        self.asked.append(read)
        if read.method in self.held:
            await self.held[read.method].wait()
        elif read.method == "CancelWaitForUpdates":
            for wait in self.held.values():
                wait.set()
        return self.answer(read) if token in self.alive else self.refusal(read)

    def read(self, ask: Ask) -> tuple[Relayed, str]:
        """What is asked, and by which session's token."""
        return read_relayed(ask.body), dict(ask.headers)["cookie"].partition("=")[2]

    def refusal(self, _: Relayed) -> Answer:
        """The answer to somebody without a session."""
        return fault("NotAuthenticated")

    def made(self, read: Relayed) -> str:
        """The id of the object that is made by a call; "" for none."""
        if not read.method.startswith("Create") or read.method == "CreateFolder":
            return ""
        self.objects += 1
        return f"session[x]{self.objects}"

    def answer(self, read: Relayed) -> Answer:
        """The answer to somebody with one."""
        name = f"{read.method}Response"
        if read.method == "RetrieveProperties" and read.is_about_sessions:
            inner = "<returnval><propSet><name>currentSession</name></propSet></returnval>"
        elif made := self.made(read):
            inner = f"<returnval type='X'>{made}</returnval>"
        elif read.pages and self.token:
            inner = f"<returnval><token>{self.token}</token></returnval>"
        else:
            inner = self.shown if read.method == "Fetch" else ""
        body = enveloped(f'<{name} xmlns="urn:vim25">{inner}</{name}>')
        return Answer(200, (("content-type", self.kind),), body.encode())


class Case:
    def __init__(self, house: House, rules: RelayRules = RULES, **limits: int) -> None:
        self.house = house
        self.opened = 0
        self.ended: list[str] = []
        self.lost: list[str] = []
        self.closed: list[str] = []
        self.touched: list[str] = []
        self.audit = Taken()
        self.store_is_away = False
        sizes = {"size": 1, "calls": 8, "queue": 100, **limits}
        self.pool = Pool(
            "vc1",
            PoolLimits(**sizes, queue_time=30.0, exclusive=not rules.shared),
            self._open,
            self._close,
            UpstreamMeters(),
        )
        exchange = cast("Exchange", house)
        self.store = MemoryStore(LIMITS)
        self.late = 0.0
        """How much later it is than the loop says."""
        self.tokens = TokensInUse()
        self.meters = UpstreamMeters()
        self.relay = Relay(
            rules,
            exchange,
            OwnCalls(exchange, rules.timeout),
            Checkouts(self.store.books("vc1"), "here", self._now, self._attach),
            self._pool_of,
            self._end,
            self._lost,
            CallRecord(self.meters, "vc1", self.audit),
            self._touch,
            self.tokens,
        )

    def _now(self) -> float:
        return asyncio.get_running_loop().time() + self.late

    async def _pool_of(self, _: Session) -> Pool:
        return self.pool

    async def _attach(self, pool: Pool, lease_id: str) -> Lease | None:
        return None

    async def _open(self, _: Sequence[Lease]) -> Lease:
        self.opened += 1
        row = msgspec.structs.replace(a_lease(), id=f"lease-{self.opened}", holder="here")
        await self.store.leases.reserve(row, 99)
        token = f"token-{self.opened}"
        self.house.alive.add(token)
        user = UserSession(THEIRS.format(self.opened), "svc", "", "en")
        session = UpstreamSession(WireForm.SOAP, Secret(token), user)
        self.tokens.put(row.id, session)
        return Lease(f"lease-{self.opened}", session, asyncio.get_running_loop().time())

    async def _close(self, lease: Lease) -> None:
        assert await self.store.lease_users.detach(lease.id, "here")
        self.closed.append(lease.id)

    async def _end(self, key: str, reason: Ended) -> None:
        if self.store_is_away:
            raise StoreUnavailable("away")
        assert reason is Ended.UPSTREAM_LOST
        self.ended.append(key)

    async def _lost(self, lease: Lease) -> None:
        await self.store.leases.remove(lease.id)
        self.lost.append(lease.id)

    async def _touch(self, session: Session) -> None:
        self.touched.append(session.key)

    def client(self, number: int = 1) -> "Client":
        return Client(self, session_of(Person("local", f"user-{number}"), OURS.format(number)))


class Client:
    def __init__(self, case: Case, session: Session) -> None:
        self.case = case
        self.session = session
        self.left: Callable[[], None] = lambda: None

    async def call(self, method: str, kind: str, name: str, inner: str = "") -> str:
        def when_gone(tell: Callable[[], None]) -> None:
            self.left = tell

        request = read_relayed(envelope(method, kind, name, inner).encode())
        answer = await self.case.relay.call(self.session, request, (), when_gone)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    async def view(self) -> str:
        said = await self.call("CreateContainerView", "ViewManager", "ViewManager", VIEW)
        return said.partition("type='X'>")[2].partition("<")[0]

    async def name(self) -> str:
        return await self.call("Fetch", "Folder", "group-d1", "<prop>name</prop>")

    async def wait(self) -> str:
        return await self.call("WaitForUpdatesEx", "PropertyCollector", "propertyCollector")

    async def filter(self) -> str:
        return await self.call("CreateFilter", "PropertyCollector", "propertyCollector", SPEC)


def start(work: Awaitable[str]) -> asyncio.Task[str]:
    return asyncio.ensure_future(work)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def case(house: House) -> AsyncIterator[Case]:
    one = Case(house)
    yield one
    for event in house.held.values():
        event.set()
    await one.relay.close()


async def test_sec_63_a_wait_that_learns_of_a_lost_lease_ends_all_that_had_something(
    case: Case, house: House
) -> None:
    clients = [case.client(number) for number in range(3)]
    for client in clients:
        await client.filter()
    bystander = case.client(9)
    await bystander.name()
    release = house.hold("WaitForUpdatesEx")
    waits = [start(client.wait()) for client in clients[:2]]
    await until(lambda: house.methods().count("WaitForUpdatesEx") == 2)
    house.alive.clear()
    release.set()
    for wait in waits:
        with pytest.raises(NoSession):
            await wait
    await until(lambda: len(case.lost) == 1)
    assert sorted(case.ended) == [client.session.key for client in clients]
    assert case.lost == ["lease-1"]
    assert case.relay.waits == 0
    await bystander.name()
    assert case.opened == 2


async def test_many_calls_that_find_a_lease_dead_tell_of_it_once(case: Case, house: House) -> None:
    await case.client().name()
    house.alive.clear()
    clients = [case.client(number) for number in range(8)]
    release = house.hold("Fetch")
    calls = [start(client.name()) for client in clients]
    await until(lambda: house.methods().count("Fetch") == 9)
    release.set()
    await asyncio.gather(*calls)
    assert case.lost == ["lease-1"]


async def test_sec_61_a_client_that_ends_amid_a_call_leaves_nothing(
    case: Case, house: House
) -> None:
    client = case.client()
    await client.view()
    release = house.hold("CreateContainerView")
    call = start(client.view())
    await until(lambda: house.methods().count("CreateContainerView") == 2)
    case.relay.session_ended(client.session)
    release.set()
    await call
    await until(lambda: house.methods().count("DestroyView") == 2)
    await until(lambda: case.pool.leases[0].is_free)
    assert len(case.relay.clients) == 0
    assert case.relay.clients.objects == 0


async def test_what_waits_for_a_lease_is_not_sent_once_its_session_has_ended(house: House) -> None:
    case = Case(house, calls=1)
    first, second = case.client(1), case.client(2)
    await second.view()
    release = house.hold("Fetch")
    busy = start(first.name())
    await until(lambda: "Fetch" in house.methods())
    waiting = start(second.call("Destroy_Task", "Folder", "group-d1"))
    await until(lambda: case.pool.waiting == 1)
    case.relay.session_ended(second.session)
    release.set()
    await busy
    with pytest.raises(NoSession):
        await waiting
    assert "Destroy_Task" not in house.methods()
    await case.relay.close()
    assert case.pool.leases[0].is_free


async def test_sec_59_a_user_of_many_sessions_leaves_others_a_place_and_the_next_turn(
    house: House,
) -> None:
    """Whether a call goes by any lease, or to where its client has something."""
    case = Case(house, calls=1, queue=4)
    carl = case.client(2)
    await carl.view()
    keys = [OURS.format(number) for number in range(3, 7)]
    bobs = [Client(case, session_of(Person("local", "bob"), key)) for key in keys]
    release = house.hold("Fetch")
    calls = [start(bobs[0].name())]
    await until(lambda: "Fetch" in house.methods())
    calls += [start(bobs[1].name()), start(bobs[2].view())]
    await until(lambda: case.pool.waiting == 2)
    for refused in (bobs[3].name, bobs[3].view):
        with pytest.raises(Overloaded, match="of one user"):
            await refused()
    calls.append(start(carl.call("CurrentTime", "ServiceInstance", "ServiceInstance")))
    await until(lambda: case.pool.waiting == 3)
    del house.asked[:]
    release.set()
    await asyncio.gather(*calls)
    assert house.methods() == ["Fetch", "CurrentTime", "CreateContainerView"]
    await case.relay.close()


async def test_a_session_that_cannot_be_ended_now_is_ended_later(case: Case, house: House) -> None:
    client = case.client()
    await client.view()
    case.store_is_away = True
    house.alive.clear()
    with pytest.raises(NoSession):
        await client.name()
    assert case.lost == ["lease-1"]
    assert case.ended == []
    case.store_is_away = False
    await case.relay.tidy(0.0)
    await until(lambda: case.ended == [client.session.key])


PAGED = "<specSet/><options><maxObjects>1</maxObjects></options>"


async def read_page(client: Client) -> str:
    return await client.call(
        "RetrievePropertiesEx", "PropertyCollector", "propertyCollector", PAGED
    )


async def next_page(client: Client, token: str) -> str:
    inner = f"<token>{token}</token>"
    name = "propertyCollector"
    return await client.call("ContinueRetrievePropertiesEx", "PropertyCollector", name, inner)


async def test_a_read_that_nobody_goes_on_with_frees_its_lease(case: Case, house: House) -> None:
    house.token = "17"
    client = case.client()
    await read_page(client)
    lease = case.pool.leases[0]
    assert not lease.is_free
    case.late = PAGE_LIFE + 1
    await case.relay.tidy(0.0)
    assert lease.is_free
    assert len(case.relay.clients) == 0


async def test_sec_91_a_page_is_turned_by_whoever_began_the_read(case: Case, house: House) -> None:
    house.token = "17"
    ada, bob = case.client(1), case.client(2)
    await read_page(ada)
    house.token = ""
    with pytest.raises(UnknownProperty):
        await next_page(bob, "17")
    await next_page(ada, "17")
    with pytest.raises(UnknownProperty):
        await next_page(ada, "17")
    assert house.methods().count("ContinueRetrievePropertiesEx") == 1


async def test_a_client_that_cancels_a_read_keeps_its_collector_and_filters(
    case: Case, house: House
) -> None:
    client, kind = case.client(), "PropertyCollector"
    made = await client.call("CreatePropertyCollector", kind, "propertyCollector")
    own = made.partition("type='X'>")[2].partition("<")[0]
    await client.call("CreateFilter", kind, own, SPEC)
    house.token = "17"
    await client.call("RetrievePropertiesEx", kind, own, PAGED)
    house.token = ""
    assert case.relay.clients.objects == 2
    await client.call("CancelRetrievePropertiesEx", kind, own, "<token>17</token>")
    assert case.relay.clients.objects == 2
    with pytest.raises(UnknownProperty):  # the page itself is used up
        await client.call("ContinueRetrievePropertiesEx", kind, own, "<token>17</token>")
    await client.call("WaitForUpdatesEx", kind, own)
    case.relay.session_ended(client.session)
    await until(lambda: "DestroyPropertyCollector" in house.methods())


async def test_sec_60_what_is_opened_after_all_was_ended_is_known_amid_another_call(
    case: Case, house: House
) -> None:
    client = case.client()
    release = house.hold("Fetch")
    call = start(client.name())
    await until(lambda: house.methods().count("Fetch") == 1)
    for _ in range(3):
        view = await client.view()
        await client.call("ModifyListView", "ListView", view)
        await client.call("DestroyView", "ListView", view)
    release.set()
    await call


async def test_credentials_in_a_guest_are_released_where_they_were_acquired(
    case: Case, house: House
) -> None:
    client = case.client()
    for method in ("AcquireCredentialsInGuest", "ReleaseCredentialsInGuest"):
        await client.call(method, "GuestAuthManager", "guestOperationsAuthManager")
        assert house.methods()[-1] == method
    assert case.pool.leases[0].is_free


async def test_whoever_had_only_a_page_is_told_that_the_session_is_lost(
    case: Case, house: House
) -> None:
    house.token = "17"
    client = case.client()
    await read_page(client)
    house.alive.clear()
    with pytest.raises(NoSession):
        await next_page(client, "17")
    assert case.ended == [client.session.key]


async def test_what_is_lent_is_under_way_until_it_is_taken_back(case: Case) -> None:
    client = case.client()
    checkout = await case.relay.lend(client.session)
    known = case.relay.clients.get(client.session.key)
    assert known is not None
    assert known.under_way == 1
    case.relay.take_back_soon(checkout)
    await until(lambda: not len(case.relay.clients))
    assert case.pool.leases[0].is_free


async def test_sec_63_whose_home_is_gone_is_lent_nothing_and_has_to_log_in(case: Case) -> None:
    """As where another process has stopped, and has logged out what nobody else used."""
    client = case.client()
    await client.view()
    case.pool.lose(case.pool.leases[0])
    with pytest.raises(NoSession):
        await case.relay.lend(client.session)
    assert case.ended == [client.session.key]
    assert len(case.relay.clients) == 0


async def test_the_quota_is_of_objects_and_of_waits(case: Case, house: House) -> None:
    client = case.client()
    for _ in range(3):
        await client.view()
    with pytest.raises(QuotaReached):
        await client.view()
    await client.call("CreateFolder", "Folder", "group-d1", "<name>a</name>")
    house.hold("WaitForUpdatesEx")
    waits = [start(client.wait()) for _ in range(2)]
    await until(lambda: house.methods().count("WaitForUpdatesEx") == 2)
    with pytest.raises(QuotaReached):
        await client.wait()
    for _ in waits:
        client.left()
    await asyncio.gather(*waits, return_exceptions=True)


async def test_waits_that_wait_for_their_place_count_as_well(house: House) -> None:
    case = Case(house, msgspec.structs.replace(RULES, waits=4))
    client = case.client()
    house.hold("WaitForUpdatesEx")
    others = [start(case.client(number).wait()) for number in (2, 2, 3, 3)]
    await until(lambda: house.methods().count("WaitForUpdatesEx") == 4)
    waits = [start(client.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QuotaReached):
        await client.wait()
    case.relay.session_ended(client.session)
    case.relay.stop()
    for wait in waits:
        with pytest.raises(NoSession):
            await wait
    await asyncio.gather(*others, return_exceptions=True)
    await case.relay.close()
    assert case.relay.waits == 0
    assert house.methods().count("WaitForUpdatesEx") == 4


async def test_a_client_that_leaves_a_wait_has_it_cancelled(case: Case, house: House) -> None:
    client = case.client()
    await client.filter()
    house.hold("WaitForUpdatesEx")
    wait = start(client.wait())
    await until(lambda: "WaitForUpdatesEx" in house.methods())
    client.left()
    with pytest.raises(Exception, match="left"):
        await wait
    await until(lambda: "CancelWaitForUpdates" in house.methods())
    await until(lambda: case.relay.waits == 0)


async def test_a_session_that_waits_is_in_use(case: Case, house: House) -> None:
    client = case.client()
    house.hold("WaitForUpdatesEx")
    wait = start(client.wait())
    await until(lambda: "WaitForUpdatesEx" in house.methods())
    await case.relay.tidy(100.0)
    await until(lambda: case.touched == [client.session.key])
    await case.relay.tidy(101.0)
    await case.relay.tidy(200.0)
    await until(lambda: len(case.touched) == 2)
    client.left()
    await asyncio.gather(wait, return_exceptions=True)


@pytest.mark.parametrize(
    "shown",
    [
        '<returnval type="View">session[x]view-of-another</returnval>',
        '<returnval type="View">sess&#105;on[x]view-of-another</returnval>',
        '<returnval type="View"><![CDATA[session[x]view-of-another]]></returnval>',
        '<returnval type="View">session<!-- -->[x]view-of-another</returnval>',
        '<returnval xsi:type="UserSession"><key>a</key></returnval>',
    ],
)
async def test_sec_60_what_shows_or_may_hide_anothers_things_is_held_back(
    shown: str, case: Case, house: House
) -> None:
    house.shown = shown
    with pytest.raises(NotSupported, match="shows"):
        await case.client().name()
    house.shown = "<returnval xsi:type='xsd:string'>session[x]&#xA;1</returnval>"
    assert house.shown in await case.client().name()


async def test_sec_92_a_session_of_ours_is_shown_to_nobody(case: Case, house: House) -> None:
    client = case.client()
    await client.name()
    opened = UpstreamSession(
        WireForm.SOAP, Secret("canary-of-another"), UserSession(THEIRS.format(9), "", "", "")
    )
    case.tokens.put("another", opened)
    house.shown = f"<returnval>{THEIRS.format(1)} {THEIRS.format(9)}</returnval>"
    assert f">{OURS.format(1)} {PLACEHOLDER_KEY}<" in await client.name()
    house.shown = "<returnval>canary-of-another</returnval>"
    with pytest.raises(NotSupported, match="shows"):
        await client.name()
    house.shown = ""
    house.kind = "text/xml; a=canary-of-another"
    with pytest.raises(NotSupported, match="shows"):
        await client.name()
    with pytest.raises(OutcomeUnknown, match="shows"):
        await client.call("CreateFolder", "Folder", "group-d1", "<name>a</name>")
    case.tokens.drop("another")
    await client.name()


async def test_nobody_ends_the_collector_of_all(case: Case, house: House) -> None:
    client = case.client()
    name = "propertyCollector"
    with pytest.raises(NotSupported):
        await client.call("DestroyPropertyCollector", "PropertyCollector", name)
    await client.filter()
    await client.call("DestroyPropertyCollector", "PropertyCollector", name)
    assert house.asked[-1].target.name != name
    assert case.pool.leases[0].is_free


async def test_sec_62_a_change_whose_refusal_nobody_can_explain_is_not_sent_again(
    case: Case, house: House
) -> None:
    client = case.client()
    await client.name()
    house.alive.clear()
    release = house.hold("CreateFolder")
    call = start(client.call("CreateFolder", "Folder", "group-d1", "<name>a</name>"))
    await until(lambda: "CreateFolder" in house.methods())
    house.hold("RetrieveProperties").set()
    house.unreachable = True
    release.set()
    with pytest.raises(OutcomeUnknown):
        await call
    assert house.methods().count("CreateFolder") == 1


async def test_sec_63_only_the_lease_that_a_clients_things_are_in_ends_its_session(
    house: House,
) -> None:
    case = Case(house, size=2, calls=1)
    client = case.client()
    release = house.hold("Fetch")
    read = start(client.name())
    await until(lambda: "Fetch" in house.methods())
    await client.view()
    home = case.pool.home_of(client.session.key)
    other = next(lease for lease in case.pool.leases if lease is not home)
    release.set()
    await read
    house.alive.discard(other.session.token.reveal())
    await case.relay.probe(case.pool, other)
    assert case.ended == []
    assert home is not None
    house.alive.clear()
    await case.relay.probe(case.pool, home)
    assert case.ended == [client.session.key]


async def test_sec_63_what_still_waits_of_a_lost_client_holds_no_lease(house: House) -> None:
    case = Case(house, calls=1)
    client = case.client()
    await client.view()
    release = house.hold("Fetch")
    first = start(client.name())
    await until(lambda: "Fetch" in house.methods())
    queued = start(client.view())
    await until(lambda: case.pool.waiting == 1)
    house.alive.clear()
    release.set()
    for call in (first, queued):
        with pytest.raises(NoSession):
            await call
    await case.relay.close()
    assert case.ended == [client.session.key]
    assert all(lease.is_free for lease in case.pool.leases)
    assert len(case.relay.clients) == 0


async def test_a_lost_session_is_refused_before_the_store_has_ended_it(
    case: Case, house: House
) -> None:
    client = case.client()
    await client.view()
    case.store_is_away = True
    house.alive.clear()
    with pytest.raises(NoSession):
        await client.name()
    with pytest.raises(NoSession):
        await client.name()
    assert case.opened == 1


async def test_a_collector_is_made_by_another_lease_where_the_first_is_over(
    case: Case, house: House
) -> None:
    await case.client(2).name()
    house.alive.clear()
    await case.client().filter()
    assert case.lost == ["lease-1"]
    assert case.opened == 2


async def test_what_was_opened_by_a_lease_that_was_lost_meanwhile_is_opened_anew(
    case: Case, house: House
) -> None:
    client = case.client()
    release = house.hold("CreateContainerView")
    opening = start(client.view())
    await until(lambda: "CreateContainerView" in house.methods())
    lease = case.pool.leases[0]
    case.pool.lose(lease)
    lease.lost = True
    release.set()
    await opening
    assert case.opened == 2
    home = case.pool.home_of(client.session.key)
    assert home is not None
    assert home is not lease
    assert case.relay.clients.objects == 1


async def test_sec_65_a_wait_that_a_stop_ends_may_be_repeated(case: Case, house: House) -> None:
    client = case.client()
    await client.filter()
    house.hold("WaitForUpdatesEx")
    wait = start(client.wait())
    await until(lambda: "WaitForUpdatesEx" in house.methods())
    hangs = house.hold("CancelWaitForUpdates")
    began = asyncio.get_running_loop().time()
    case.relay.stop()
    with pytest.raises(UpstreamUnavailable) as told:
        await wait
    assert not isinstance(told.value, OutcomeUnknown)
    assert asyncio.get_running_loop().time() - began < RULES.timeout.total_seconds() / 3
    hangs.set()


async def test_sec_61_a_collector_that_nobody_waits_for_any_more_is_ended_with_its_client(
    case: Case, house: House
) -> None:
    client = case.client()
    release = house.hold("CreatePropertyCollector")
    wait = start(client.wait())
    await until(lambda: "CreatePropertyCollector" in house.methods())
    client.left()
    with pytest.raises(Exception, match="left"):
        await wait
    release.set()
    await until(lambda: case.relay.waits == 0)
    case.relay.session_ended(client.session)
    await until(lambda: "DestroyPropertyCollector" in house.methods())
    await until(lambda: case.pool.leases[0].is_free)
    assert "WaitForUpdatesEx" not in house.methods()
    assert case.closed == []


async def test_a_change_for_which_there_was_no_connection_is_not_said_to_be_sent(
    case: Case, house: House
) -> None:
    client = case.client()
    await client.name()
    house.unreachable = True
    with pytest.raises(UpstreamUnavailable):
        await client.call("CreateFolder", "Folder", "group-d1", "<name>a</name>")
    assert case.audit.told == []
    house.unreachable = False
    await client.call("CreateFolder", "Folder", "group-d1", "<name>a</name>")
    assert len(case.audit.told) == 1


CANCELLED = Answer(500, (("content-type", "text/xml"),), fault("RequestCanceled").body)


class Collector(House):
    """Its waits are held, and a cancel ends all of them as a vCenter does."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[asyncio.Future[Answer]] = []
        self.cut_short = False

    async def exchange(self, ask: Ask, **more: Any) -> Answer:
        method = read_relayed(ask.body).method
        if method == "WaitForUpdatesEx" and not self.cut_short:
            self.asked.append(read_relayed(ask.body))
            wait: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self.waits.append(wait)
            return await wait
        if method == "CancelWaitForUpdates":
            self.tell(CANCELLED)
        if self.cut_short:
            self.shown = "<returnval><version>1</version><truncated>true</truncated></returnval>"
            read = read_relayed(ask.body).method
            body = enveloped(f'<{read}Response xmlns="urn:vim25">{self.shown}</{read}Response>')
            return Answer(200, (("content-type", "text/xml"),), body.encode())
        return await super().exchange(ask, **more)

    def tell(self, answer: Answer) -> None:
        waits, self.waits = self.waits, []
        for wait in waits:
            if not wait.done():
                wait.set_result(answer)

    def news(self) -> None:
        body = enveloped('<WaitForUpdatesExResponse xmlns="urn:vim25"/>')
        self.tell(Answer(200, (("content-type", "text/xml"),), body.encode()))


async def waiting(house: Collector, case: Case, count: int) -> tuple[list[Client], list[Any]]:
    """Connections of one session that wait at one collector, each with its wait."""
    first = case.client()
    await first.filter()
    lines = [Client(case, first.session) for _ in range(count)]
    waits = [start(one.wait()) for one in lines]
    await until(lambda: len(house.waits) == count)
    return lines, waits


@pytest.mark.parametrize("shared", [True, False])
async def test_sec_61_a_wait_goes_on_when_another_at_the_same_collector_is_given_up(
    shared: bool,
) -> None:
    house = Collector()
    rules = msgspec.structs.replace(RULES, shared=shared, waits_each=5)
    case = Case(house, rules)
    lines, waits = await waiting(house, case, 3)
    for left in (2, 1):
        lines[left].left()
        with pytest.raises(Exception, match="left"):
            await waits[left]
        await until(lambda: (len(house.waits), case.relay.waits) == (left, left))  # noqa: B023
    house.news()
    assert "WaitForUpdatesExResponse" in await waits[0]
    assert house.methods().count("CancelWaitForUpdates") == 2
    await case.relay.close()
    assert case.relay.waits == 0


async def test_a_wait_that_nobody_has_cancelled_is_asked_for_once_more() -> None:
    house = Collector()
    case = Case(house)
    _, (wait,) = await waiting(house, case, 1)
    house.tell(CANCELLED)
    await until(lambda: len(house.waits) == 1)
    assert not wait.done()
    house.tell(CANCELLED)
    with pytest.raises(AssertionError, match="RequestCanceled"):
        await wait
    await case.relay.close()


@pytest.mark.parametrize("method", ["CancelWaitForUpdates", "DestroyPropertyCollector"])
async def test_a_client_that_cancels_its_waits_has_them_cancelled(method: str) -> None:
    house = Collector()
    case = Case(house)
    (line, *_), waits = await waiting(house, case, 2)
    await line.call(method, "PropertyCollector", "propertyCollector")
    house.tell(CANCELLED)
    for wait in waits:
        with pytest.raises(AssertionError, match="RequestCanceled"):
            await wait
    assert house.methods().count("WaitForUpdatesEx") == 2
    await case.relay.close()


async def test_what_is_left_of_an_answer_is_not_asked_for_twice() -> None:
    house = Collector()
    case = Case(house)
    client = case.client()
    await client.filter()
    house.cut_short = True
    assert "truncated" in await client.wait()
    house.cut_short = False
    wait = start(client.wait())
    await until(lambda: len(house.waits) == 1)
    house.tell(CANCELLED)
    with pytest.raises(AssertionError, match="RequestCanceled"):
        await wait
    # With the next whole answer that is over.
    wait = start(client.wait())
    await until(lambda: len(house.waits) == 1)
    house.news()
    await wait
    wait = start(client.wait())
    await until(lambda: len(house.waits) == 1)
    house.tell(CANCELLED)
    await until(lambda: len(house.waits) == 1)
    house.news()
    await wait
    await case.relay.close()


async def test_sec_61_waits_of_a_session_that_ends_are_not_asked_for_again() -> None:
    house = Collector()
    case = Case(house)
    (line, *_), waits = await waiting(house, case, 2)
    case.relay.session_ended(line.session)
    for wait in waits:
        with pytest.raises(NoSession):
            await wait
    await case.relay.close()
    assert house.methods().count("WaitForUpdatesEx") == 2
    assert case.relay.waits == 0


async def test_sec_64_who_has_something_in_a_lease_that_is_too_old_is_told_that_it_is_lost(
    case: Case, house: House
) -> None:
    ada, bob = case.client(1), case.client(2)
    await ada.view()
    lease = case.pool.leases[0]
    await bob.name()
    await case.relay.expire(case.pool, lease)
    assert case.ended == [ada.session.key]
    await until(lambda: case.closed == [lease.id])
    await bob.name()
    assert case.opened == 2


class Waiting(Checkouts):
    """Asks the store for everything, as if nothing were known at once."""

    def take_now(self, *_: Any, **__: Any) -> None:
        return None


class FromTheTable(Case):
    """What is at hand is taken at once, if it is; else everything is waited for."""

    def __init__(self, house: House, *, at_once: bool) -> None:
        super().__init__(house, calls=2)
        if at_once:
            self.relay.only_pool = self.pool
        else:
            self.relay.checkouts.__class__ = Waiting


async def outcome_of(work: Awaitable[str]) -> str:
    try:
        return await work
    except SessionGateError as error:
        return f"{type(error).__name__}: {error}"


async def story(house: House, *, at_once: bool) -> list[object]:
    """Bytes, events and counts of calls of all kinds."""
    case = FromTheTable(house, at_once=at_once)
    one, other = case.client(1), case.client(2)
    told = [await outcome_of(one.name())]
    told.append(await outcome_of(other.call("Destroy_Task", "Folder", "group-d1")))
    told.append(view := await outcome_of(one.view()))
    told.append(await outcome_of(other.call("DestroyView", "ContainerView", view)))
    told.append(await outcome_of(other.call("ImpersonateUser", "SessionManager", "SessionManager")))
    told.append(await outcome_of(one.name()))
    let_go = house.hold("Fetch")
    busy = [start(outcome_of(other.name())) for _ in range(3)]
    await until(lambda: case.pool.waiting == 1)
    let_go.set()
    told += await asyncio.gather(*busy)
    house.shown = (
        f"<val type='X'>{THEIRS.format(1)} token-1-token-1-token-1-token-1 session[x]9</val>"
    )
    told.append(await outcome_of(other.name()))
    for shown in ("<val xsi:type='UserSession'/>", "<!-- session[x]9 -->"):
        house.shown = shown
        told.append(await outcome_of(other.name()))
    house.shown, house.kind = "", "text/html"
    told.append(await outcome_of(other.name()))
    house.kind = "text/xml"
    case.relay.session_ended(other.session)
    told.append(await outcome_of(other.name()))
    house.alive.clear()
    told.append(await outcome_of(case.client(3).name()))
    told.append(await outcome_of(one.name()))
    await case.relay.close()
    times = case.pool.meters.pool_waits.buckets, case.meters.forward_times.buckets
    counts = dict(case.meters.forwarded), *map(sum, times)
    state = len(case.relay.clients), case.ended, case.lost, case.opened, house.methods()
    return [told, case.audit.told, counts, state]


async def test_a_call_comes_to_the_same_whether_what_it_needs_is_at_hand_or_waited_for() -> None:
    assert await story(House(), at_once=True) == await story(House(), at_once=False)
