"""Calls of the Automation API by shared sessions: by which token, what is repeated and shown."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import msgspec
import pytest

from sessiongate.errors import (
    Malformed,
    NoPermission,
    NoSession,
    NotSupported,
    OutcomeUnknown,
    Overloaded,
    StoreUnavailable,
    UpstreamUnavailable,
)
from sessiongate.gateway.accounts import Accounts
from sessiongate.gateway.calls.call import CallRecord
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.passwords import REFUSED
from sessiongate.gateway.credentials.rest_logins import RestLogins
from sessiongate.gateway.credentials.sealing import Credentials, LeaseKey
from sessiongate.gateway.credentials.shared_refusals import SharedRefusals
from sessiongate.gateway.leases.lease import PoolLimits
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.secret import Secret
from sessiongate.session import Ended, Person, Session
from sessiongate.store.embedded.books import MemoryBooks
from sessiongate.store.embedded.notes import MemoryNotes
from sessiongate.store.port import StoredLease
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.testing import FakeClock
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.automation.client import RestSession
from sessiongate.wire.automation.relayed import read_rest
from sessiongate.wire.automation.relayed_rpc import RelayedRpc, relayed_rpc
from sessiongate.wire.automation.vapi_rpc import read_call
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from tests.gateway.calls.test_relay import RULES
from tests.gateway.test_accounts import KEY, TIMES, Rows, session_of
from tests.until import until
from tests.upstream.fakes import Asked, FakeServer, envelope, http, soap_fault

LONG = timedelta(seconds=30)
ADA = Person("local", "ada")
JSON = "application/json"
NOBODY = '{"type":"com.vmware.vapi.std.errors.unauthenticated","value":{"messages":[]}}'
FACE = {"new": "/api/session", "old": "/rest/com/vmware/cis/session"}


class House:
    """A vCenter with both APIs, whose sessions are one table or two."""

    def __init__(self) -> None:
        self.soap: set[str] = set()
        self.rest: set[str] = set()
        self.made = 0
        self.apart = False
        self.face = "new"
        self.refuses = False
        """It takes the password of nobody who comes to the Automation API."""
        self.password = ""
        """The only one that it takes there, and at SOAP from then on; "" for any."""
        self.knows_nobody = False
        """It opens sessions, and lets nobody in by them."""
        self.wrong = 0
        """Logins with another one."""
        self.says: Callable[[Asked], bytes] | None = None
        """Answers what is no session."""
        self.asked: list[Asked] = []

    def calls(self) -> list[str]:
        """What was asked besides sessions."""
        sessions = (*FACE.values(), "/sdk")
        return [one.line[:-9] for one in self.asked if one.path.partition("?")[0] not in sessions]

    def logins(self) -> int:
        return sum("authorization" in one.headers for one in self.asked)

    def __call__(self, asked: Asked) -> bytes:
        self.asked.append(asked)
        path, verb = asked.path.partition("?")[0], asked.line.partition(" ")[0]
        token = asked.headers.get("vmware-api-session-id", "")
        if path == "/sdk":
            return self._soap(asked)
        if path in FACE.values():
            return self._session(path, verb, token, asked)
        if token not in (self.rest if self.apart else self.soap) or self.knows_nobody:
            return http(401, NOBODY, kind=JSON)
        return self.says(asked) if self.says else http(200, '{"value":1}', kind=JSON)

    def _session(self, path: str, verb: str, token: str, asked: Asked) -> bytes:
        if path != FACE[self.face]:
            return http(404)
        if "authorization" in asked.headers:
            pair = b64decode(asked.headers["authorization"].partition(" ")[2]).decode()
            if self.password and pair.partition(":")[2] != self.password:
                self.wrong += 1
                return http(401, NOBODY, kind=JSON)
            if self.refuses:
                return http(401, NOBODY, kind=JSON)
            self.made += 1
            token = f"rest-token-{self.made}"
            self.rest.add(token)
            said = f'"{token}"' if self.face == "new" else f'{{"value":"{token}"}}'
            return http(201 if self.face == "new" else 200, said, kind=JSON)
        known = token in (self.rest if self.apart else self.soap)
        known = known and not self.knows_nobody
        if verb == "DELETE":
            self.rest.discard(token)
            return http(204)
        return http(200, "{}", kind=JSON) if known else http(401, NOBODY, kind=JSON)

    def _soap(self, asked: Asked) -> bytes:
        body, token = asked.body.decode(), asked.headers.get("cookie", "").partition("=")[2]
        if "<Login " in body:
            if self.password and f">{self.password}<" not in body:
                self.wrong += 1
                return soap_fault("InvalidLogin")
            self.made += 1
            self.soap.add(f"soap-token-{self.made}")
            said = envelope(
                f'<LoginResponse xmlns="urn:vim25"><returnval><key>{KEY.format(self.made)}</key>'
                "<userName>svc</userName></returnval></LoginResponse>"
            )
            cookie = f'Set-Cookie: vmware_soap_session="soap-token-{self.made}"; Path=/'
            return http(200, said, cookie)
        if token.strip('"') not in self.soap:
            return soap_fault("NotAuthenticated")
        if "<Logout " in body:
            self.soap.discard(token.strip('"'))
            return http(200, envelope('<LogoutResponse xmlns="urn:vim25"/>'))
        found = "<returnval><propSet><name>currentSession</name></propSet></returnval>"
        reply = (
            f'<RetrievePropertiesResponse xmlns="urn:vim25">{found}</RetrievePropertiesResponse>'
        )
        return http(200, envelope(reply))


class Clients:
    """One gateway before the house, and who calls by it."""

    def __init__(self, house: House, server: FakeServer) -> None:
        self.house = house
        self.server = server
        self.exchange = Exchange(server.url, Trust(verify=False))
        self.rows = Rows()
        self.meters = UpstreamMeters()
        self.made: list[VCenterGateway] = []
        self.now = 0.0
        self.refused = SharedRefusals(MemoryNotes(), LeaseKey(bytes(32)), lambda: self.now)
        self.passwords = ["the pass: 1"]
        self.ids = (f"lease-{number}" for number in count())

    def credential(self) -> Credential:
        return Credential(
            "vc1",
            "svc",
            [partial(Secret, one) for one in self.passwords],
            self.exchange,
            LONG,
            lambda: self.now,
            self.meters,
            refusals=self.refused,
        )

    def gate(self, *, service: bool = True, size: int = 1, **rules: Any) -> VCenterGateway:
        stored = StoredLeases(
            "vc1",
            self.rows,
            self.rows.users,
            LeaseKey(bytes(32)),
            f"process-{len(self.made)}",
            FakeClock().now,
            self.ids.__next__,
        )
        credential = self.credential()
        accounts = Accounts(
            "vc1",
            PoolLimits(size=size, calls=8, queue=10, queue_time=30.0, exclusive=False),
            TIMES,
            self.exchange,
            LONG,
            rows=stored,
            credential=credential if service else None,
            providers=frozenset({"local"}),
            meters=self.meters,
        )
        made = msgspec.structs.replace(RULES, **rules)
        self.made.append(
            VCenterGateway(
                "vc1",
                made,
                self.exchange,
                accounts,
                _end,
                CallRecord(self.meters),
                _touch,
                stored,
                MemoryBooks(self.rows.users),
                MemoryNotes(),
                _no_sessions,
                _lives,
            )
        )
        return self.made[-1]


async def _end(key: str, reason: Ended) -> None:
    pass


async def _touch(session: Session) -> None:
    pass


async def _no_sessions() -> AsyncIterator[Session]:
    none: list[Session] = []
    for session in none:
        yield session


async def _lives(key: str) -> bool:
    return True


@pytest.fixture
def house(request: pytest.FixtureRequest) -> House:
    return getattr(request, "param", House)()


@asynccontextmanager
async def clients_before(house: House) -> AsyncIterator[Clients]:
    """Clients of gateways before this house; in the end, nothing is left in it."""
    async with FakeServer(house) as server:
        one = Clients(house, server)
        yield one
        for gate in one.made:
            await gate.close()
        await one.exchange.close()
        assert not house.soap
        assert not house.rest
        assert not await one.rows.all()


@pytest.fixture
async def clients(house: House) -> AsyncIterator[Clients]:
    async with clients_before(house) as made:
        yield made


async def ask(
    gate: VCenterGateway,
    verb: str = "GET",
    path: str = "/api/vcenter/vm",
    query: str = "",
    **more: Any,
) -> Answer:
    body, session = more.pop("body", b""), more.pop("session", session_of(ADA))
    request = read_rest(verb, path, query, body)
    return await gate.automation.call(session, request, (("opid", "op-1"),), **more)


async def test_where_sessions_are_one_table_the_lease_s_own_token_is_carried(
    clients: Clients, house: House
) -> None:
    gate = clients.gate()
    for _ in range(2):
        assert (await ask(gate)).status == 200
    assert house.logins() == 0
    sent = house.asked[-1]
    assert sent.headers["vmware-api-session-id"] == "soap-token-1"
    assert sent.headers["opid"] == "op-1"
    assert "cookie" not in sent.headers


@pytest.mark.parametrize("face", ["new", "old"])
async def test_where_they_are_apart_one_more_is_opened_and_ended_with_the_lease(
    clients: Clients, house: House, face: str
) -> None:
    house.apart, house.face = True, face
    gate = clients.gate()
    await asyncio.gather(*(ask(gate) for _ in range(5)))
    assert (house.logins(), len(house.rest)) == (1, 1)
    login = next(one for one in house.asked if "authorization" in one.headers)
    assert login.path == FACE[face]
    said = login.headers["authorization"]
    assert said == f"Basic {b64encode(b'svc:the pass: 1').decode()}"
    assert clients.meters.logins["ok"] == 2


async def test_sec_65_it_is_in_the_store_before_its_first_use(
    clients: Clients, house: House
) -> None:
    house.apart = True
    first = clients.gate()
    await ask(first)
    (row,) = await clients.rows.all()
    assert b"rest-token" not in row.sealed
    assert "rest-token" not in repr(first.accounts.pools[0].leases)
    # A process that was killed has left both; the next one ends both.
    second = clients.gate()
    await second.recover()
    await until(lambda: not house.rest and not house.soap)


async def test_what_cannot_be_stored_is_not_used(clients: Clients, house: House) -> None:
    house.apart = True
    gate = clients.gate()
    lease = await gate.accounts.pools[0].take("k", home=False)
    gate.accounts.pools[0].give_back("k", lease)

    async def away(old: StoredLease, new: StoredLease) -> bool:
        raise StoreUnavailable("away")

    kept, clients.rows.replace = clients.rows.replace, away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await ask(gate)
    assert not house.rest
    assert not house.calls()
    clients.rows.replace = kept  # type: ignore[method-assign]
    assert (await ask(gate)).status == 200


async def test_of_two_processes_that_open_one_the_slower_takes_the_other_s(
    clients: Clients, house: House
) -> None:
    house.apart = True
    gate = clients.gate()
    lease = await gate.accounts.pools[0].take("k", home=False)
    gate.accounts.pools[0].give_back("k", lease)
    kept = clients.rows.replace

    async def after_another(old: StoredLease, new: StoredLease) -> bool:
        clients.rows.replace = kept  # type: ignore[method-assign]
        house.rest.add("rest-token-of-another")
        theirs = RestSession(FACE["new"], Secret("rest-token-of-another"))
        key, session = LeaseKey(bytes(32)), lease.session
        told = Credentials(
            session.form.value,
            Secret(session.user.key),
            session.token,
            theirs.path,
            theirs.token,
        )
        assert await kept(old, key.seal(old, told))
        return await kept(old, new)

    clients.rows.replace = after_another  # type: ignore[method-assign]
    assert (await ask(gate)).status == 200
    assert house.rest == {"rest-token-of-another"}
    assert house.asked[-1].headers["vmware-api-session-id"] == "rest-token-of-another"


async def test_under_caller_nobody_has_a_password_for_it(clients: Clients, house: House) -> None:
    house.apart = True
    gate = clients.gate(service=False)
    house.soap.add("soap-token-9")
    user = UserSession(KEY.format(9), "ada", "", "en")
    opened = UpstreamSession(WireForm.SOAP, Secret("soap-token-9"), user)
    await gate.accounts.adopt(ADA, opened)
    with pytest.raises(NotSupported, match="kept to open one"):
        await ask(gate)
    assert not house.calls()
    house.apart = False
    lease = gate.accounts.pools[0].leases[0]
    lease.rest_face = ""
    assert (await ask(gate)).status == 200


async def test_sec_58_a_refused_password_is_tried_once(clients: Clients, house: House) -> None:
    house.apart = house.refuses = True
    gate = clients.gate()
    for _ in range(3):
        with pytest.raises(UpstreamUnavailable):
            await ask(gate)
    assert house.logins() == 1
    assert gate.snapshot().breaker_open
    clients.now = REFUSED + 1
    house.refuses = False
    assert (await ask(gate)).status == 200


async def test_sec_58_a_password_refused_there_is_not_tried_after_a_restart(
    clients: Clients, house: House
) -> None:
    house.refuses = True

    def started() -> RestLogins:
        with_store = clients.credential()
        return RestLogins("vc1", clients.exchange, LONG, clients.meters, with_store)

    for _ in range(3):
        logins = started()
        with pytest.raises(UpstreamUnavailable) as raised:
            await logins.login("/api/session")
        assert str(raised.value) == f"vc1: {logins.problem}"
        assert logins.problem.startswith("password: the Automation API has refused the password")
        assert "pools resume vc1" in logins.problem
    assert house.logins() == 1
    await clients.refused.forget()
    logins = started()
    assert logins.problem == ""
    with pytest.raises(UpstreamUnavailable):
        await logins.login("/api/session")
    assert house.logins() == 2


async def test_sec_58_each_old_password_is_tried_once_by_both_forms_together(
    clients: Clients, house: House
) -> None:
    """SOAP has taken it, and then the account got the next one."""
    house.apart = True
    clients.passwords.append("the next: 2")
    gate = clients.gate(size=4)
    pool = gate.accounts.pools[0]
    held = []
    for number in range(3):
        held.append(await pool.take(f"k{number}", home=True))
        pool.retire(held[-1])  # so that the next one gets another
    house.password = "the next: 2"
    for lease in held:
        await gate.accounts.rest_tokens.of(lease)
    assert (len(house.rest), house.wrong) == (3, 1)
    assert not gate.snapshot().breaker_open
    for number, lease in enumerate(held):
        pool.hold(f"k{number}", 0)
        pool.give_back(f"k{number}", lease)
    await until(lambda: not house.soap)
    assert (await ask(gate)).status == 200
    clients.now = REFUSED + 1
    lease = pool.leases[0]
    lease.have_beside(None)
    assert (await ask(gate)).status == 200
    assert house.wrong == 1
    house.rest.clear()


async def test_sec_58_what_soap_has_had_refused_does_not_go_first_at_the_automation_api(
    clients: Clients, house: House
) -> None:
    house.apart, house.password = True, "the next: 2"
    clients.passwords.append("the next: 2")
    gate = clients.gate()
    lease = await gate.accounts.pools[0].take("k", home=False)
    gate.accounts.pools[0].give_back("k", lease)
    clients.now = REFUSED + 1
    assert (await ask(gate)).status == 200
    assert house.wrong == 1


async def test_a_lost_session_of_the_automation_api_is_replaced_alone(
    clients: Clients, house: House
) -> None:
    house.apart = True
    gate = clients.gate()
    await ask(gate)
    house.rest.clear()
    assert (await ask(gate)).status == 200
    assert (house.logins(), len(house.soap)) == (2, 1)
    house.rest.clear()
    assert (await ask(gate, "DELETE")).status == 401  # what changes something is not repeated
    assert house.calls().count("DELETE /api/vcenter/vm") == 1
    assert (await ask(gate, "DELETE")).status == 200


async def test_sec_58_logins_whose_sessions_are_of_no_use_become_few(
    clients: Clients, house: House
) -> None:
    house.apart = house.knows_nobody = True
    gate = clients.gate()
    for _ in range(20):
        with suppress(UpstreamUnavailable):
            assert (await ask(gate)).status == 401
    assert house.logins() == 3
    assert not house.rest, "each of them was logged out"
    with pytest.raises(UpstreamUnavailable, match="nothing of the session") as raised:
        await ask(gate)
    assert raised.value.retry_after >= 1
    assert gate.snapshot().breaker_open
    house.knows_nobody = False
    clients.now = 2.0
    for _ in range(20):
        assert (await ask(gate)).status == 200
    clients.now = 100.0
    house.rest.clear()
    assert (await ask(gate)).status == 200
    assert house.logins() == 5


async def test_sec_62_a_dead_lease_is_replaced_and_reads_alone_are_repeated(
    clients: Clients, house: House
) -> None:
    gate = clients.gate()
    await ask(gate)
    house.soap.clear()
    assert (await ask(gate)).status == 200
    house.soap.clear()
    with pytest.raises(NoSession):
        await ask(gate, "POST")
    assert house.calls().count("POST /api/vcenter/vm") == 1
    assert (await ask(gate, "POST")).status == 200


async def test_an_operation_that_never_lets_anybody_in_costs_no_logins(
    clients: Clients, house: House
) -> None:
    house.apart = True
    gate = clients.gate()
    await ask(gate)
    house.says = lambda _: http(401, NOBODY, kind=JSON)
    for _ in range(3):
        assert (await ask(gate)).status == 401
    assert house.logins() == 1


async def test_sec_62_an_unknown_outcome_is_asked_again_by_reads_alone(
    clients: Clients, house: House
) -> None:
    gate = clients.gate()
    await ask(gate)
    lost = [b"", http(502, "<html>"), http(503, "busy"), http(504)]
    for answer in lost:
        left = [answer]
        house.says = lambda _, left=left: left.pop() if left else http(200, "1", kind=JSON)
        before = len(house.calls())
        assert (await ask(gate)).status == 200
        left.append(answer)
        with pytest.raises(OutcomeUnknown):
            await ask(gate, "PATCH")
        assert len(house.calls()) == before + 3


async def test_what_the_service_says_of_itself_goes_through(clients: Clients, house: House) -> None:
    gate = clients.gate()
    busy = '{"error_type":"SERVICE_UNAVAILABLE","messages":[]}'
    for status, body in ((503, busy), (429, ""), (404, "{}"), (500, "{}"), (304, "")):
        house.says = lambda _, status=status, body=body: http(status, body, "Retry-After: 7")
        for verb in ("GET", "POST"):
            answer = await ask(gate, verb)
            assert (answer.status, answer.all("retry-after")) == (status, ["7"])
    assert len(house.calls()) == 10


@pytest.mark.parametrize("apart", [True, False])
async def test_sec_43_no_token_or_key_of_the_upstream_comes_back(
    clients: Clients, house: House, *, apart: bool
) -> None:
    house.apart = apart
    gate = clients.gate()
    await ask(gate)
    secrets = ("soap-token-1", "rest-token-2") if apart else ("soap-token-1",)
    for secret in secrets:
        house.says = lambda _, secret=secret: http(200, f'{{"a":"{secret}"}}', kind=JSON)
        with pytest.raises(NotSupported):
            await ask(gate)
        with pytest.raises(OutcomeUnknown):
            await ask(gate, "POST")
    heads = (
        "Set-Cookie: vmware-api-session-id=canary",
        "vmware-api-session-id: canary",
        "WWW-Authenticate: SIGN canary",
        "Authorization: canary",
        "Server: canary",
    )
    house.says = lambda _: http(200, f'["{KEY.format(1)}"]', *heads, kind=JSON)
    session = session_of(ADA, "11111111-2222-3333-4444-555555555555")
    answer = await ask(gate, session=session)
    assert answer.headers == (("content-type", JSON),)
    assert answer.body == f'["{session.key}"]'.encode()


async def test_sec_92_nor_those_of_any_other_session_of_ours_in_body_or_head(
    clients: Clients, house: House
) -> None:
    gate = clients.gate(size=2)
    first, second = session_of(ADA), session_of(ADA, "k2")
    pool = gate.accounts.pools[0]
    leases = [await pool.take(one.key, home=True) for one in (first, second)]
    other = leases[1].session.token.reveal()
    for session, lease in zip((first, second), leases, strict=True):
        pool.give_back(session.key, lease)
    sent = (
        http(200, f'{{"a":"{other}"}}', kind=JSON),
        http(200, "{}", f"Location: /api/x?session={other}", kind=JSON),
        http(200, "{}", kind=f"{JSON}; a={other}"),
    )
    for said in sent:
        house.says = lambda _, said=said: said
        with pytest.raises(NotSupported):
            await ask(gate, session=first)
        with pytest.raises(OutcomeUnknown):
            await ask(gate, "POST", session=first)


async def test_a_packed_answer_cannot_be_looked_at(clients: Clients, house: House) -> None:
    gate = clients.gate()
    house.says = lambda _: http(200, b"\x1f\x8b", "Content-Encoding: gzip", kind=JSON)
    with pytest.raises(NotSupported):
        await ask(gate)


async def test_sec_44_a_location_leads_here_or_is_left_out(clients: Clients, house: House) -> None:
    gate = clients.gate()
    theirs = clients.server.url
    for location, shown in (
        (f"{theirs}/api/vcenter/vm/vm-1?a=b", ["https://gw.example:8443/api/vcenter/vm/vm-1?a=b"]),
        ("/api/vcenter/vm/vm-1", ["/api/vcenter/vm/vm-1"]),
        ("https://evil.example/api", []),
        ("//evil.example/api", []),
        (theirs.replace("//", "//user@") + "/api", []),
    ):
        house.says = lambda _, location=location: http(201, "1", f"Location: {location}", kind=JSON)
        answer = await ask(gate, "POST", ours="https://gw.example:8443")
        assert answer.all("location") == shown


async def test_who_may_and_what_is_never_sent(clients: Clients, house: House) -> None:
    gate = clients.gate(
        roles=frozenset({"operator"}),
        read_roles=frozenset({"user"}),
        denied=frozenset({"/api/appliance", "Destroy_Task"}),
        allowed=frozenset({"/api/vcenter/identity"}),
    )
    reader = session_of(ADA)
    worker = msgspec.structs.replace(reader, roles=("operator",))
    nobody = msgspec.structs.replace(reader, roles=("other",))
    assert (await ask(gate, session=reader)).status == 200
    assert (
        await ask(gate, "POST", "/api/content/library", "action=find", session=reader)
    ).status == 200
    for verb in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(NoPermission):
            await ask(gate, verb, session=reader)
    with pytest.raises(NoPermission):
        await ask(gate, session=nobody)
    assert (await ask(gate, "DELETE", session=worker)).status == 200
    assert (await ask(gate, "GET", "/api/vcenter/identity/providers", session=worker)).status == 200
    sent = len(house.calls())
    for path in (
        *("/api/appliance/system", "/rest/appliance/x", "/rest/com/vmware/appliance"),
        *("/api/vcenter/tokenservice/x", "/api/cis/session"),
    ):
        with pytest.raises(NotSupported):
            await ask(gate, "GET", path, session=worker)
    for path in ("/api//vcenter", "/api/vcenter/../appliance"):
        with pytest.raises(Malformed):
            await ask(gate, "GET", path, session=worker)
    assert len(house.calls()) == sent


async def test_one_session_has_so_many_calls_under_way(clients: Clients, house: House) -> None:
    gate = clients.gate(calls_each=2)
    await ask(gate)
    clients.server.gate.clear()
    calls = [asyncio.create_task(ask(gate)) for _ in range(2)]
    await until(lambda: gate.accounts.pools[0].leases[0].calls == 2)
    with pytest.raises(Overloaded):
        await ask(gate)
    clients.server.gate.set()
    await asyncio.gather(*calls)


async def test_sec_60_a_client_that_leaves_amid_a_call_takes_nothing_with_it(
    clients: Clients, house: House
) -> None:
    gate = clients.gate()
    await ask(gate)
    house.says = lambda asked: http(200, asked.path, kind=JSON)
    clients.server.gate.clear()
    left = asyncio.create_task(ask(gate, "GET", "/api/vcenter/vm/ada"))
    await until(lambda: gate.accounts.pools[0].leases[0].calls == 1)
    left.cancel()
    with suppress(asyncio.CancelledError):
        await left
    clients.server.gate.set()
    bob = session_of(Person("local", "bob"), "k2")
    answers = await asyncio.gather(
        *(ask(gate, "GET", f"/api/vcenter/vm/{n}", session=bob) for n in range(5))
    )
    assert [one.body.decode() for one in answers] == [f"/api/vcenter/vm/{n}" for n in range(5)]
    lease = gate.accounts.pools[0].leases[0]
    assert (lease.calls, lease.is_free, len(gate.relay.clients)) == (0, True, 0)


async def test_a_lost_lease_takes_its_other_session_with_it(clients: Clients, house: House) -> None:
    house.apart = True
    gate = clients.gate()
    await ask(gate)
    lost = set(house.rest)
    house.soap.clear()
    pool = gate.accounts.pools[0]
    await gate.relay.probe(pool, pool.leases[0])
    await until(lambda: not house.rest & lost)
    assert (await ask(gate)).status == 200


async def test_an_operation_that_lets_nobody_in_casts_no_doubt_on_a_session(
    clients: Clients, house: House
) -> None:
    gate = clients.gate()
    await ask(gate)
    house.says = lambda _: http(401, NOBODY, kind=JSON)
    for key in ("k1", "k2", "k3"):
        assert (await ask(gate, session=session_of(ADA, key))).status == 401
    assert house.soap == {"soap-token-1"}
    # But where the Automation API itself does not know it, it is replaced for the next client.
    house.apart, house.says = True, None
    for key, status in (("k1", 401), ("k2", 200)):
        assert (await ask(gate, session=session_of(ADA, key))).status == status
    assert "soap-token-1" not in house.soap


async def test_the_session_beside_a_lease_is_kept_alive_or_replaced_before_a_call(
    clients: Clients, house: House
) -> None:
    house.apart = True
    gate = clients.gate()
    await ask(gate)
    tokens, (lease,) = gate.accounts.rest_tokens, gate.accounts.pools[0].leases
    assert tokens.due([lease], 60.0) == []
    lease.rest_used_at -= 61.0
    assert tokens.due([lease], 60.0) == [lease]
    before = len(house.asked)
    await tokens.keep_alive(lease)
    assert len(house.asked) == before + 1
    assert (tokens.due([lease], 60.0), house.logins()) == ([], 1)
    house.rest.clear()
    await tokens.keep_alive(lease)
    assert (await ask(gate, "POST")).status == 200
    assert (house.logins(), house.calls().count("POST /api/vcenter/vm")) == (2, 1)


async def test_keeping_alive_is_done_in_time(clients: Clients, house: House) -> None:
    house.apart = True
    gate = clients.gate()
    await ask(gate)
    (lease,) = gate.accounts.pools[0].leases
    lease.rest_used_at -= TIMES.keep_alive + 1
    before = len(house.asked)
    await gate.tidy()
    await until(lambda: len(house.asked) == before + 1)
    await gate.tidy()
    assert len(house.asked) == before + 1


def rpc(service: str, operation: str) -> RelayedRpc:
    params = {"serviceId": service, "operationId": operation}
    sent = msgspec.json.encode({"jsonrpc": "2.0", "method": "invoke", "id": "1", "params": params})
    return relayed_rpc(read_call(sent, None, None), sent)


def said(asked: Asked) -> bytes:
    """In the words of JSON-RPC, for whoever the body says that it is from."""
    return http(200, msgspec.json.encode({"result": {"output": asked.body.decode()}}), kind=JSON)


class RpcHouse(House):
    """Takes sessions of JSON-RPC where they stand, in the body."""

    def __call__(self, asked: Asked) -> bytes:
        if asked.path != "/api":
            return super().__call__(asked)
        self.asked.append(asked)
        token = msgspec.json.decode(asked.body)["params"]["ctx"]["securityCtx"]["sessionId"]
        if token not in (self.rest if self.apart else self.soap):
            name = "com.vmware.vapi.std.errors.unauthenticated"
            error: object = {"result": {"error": {"ERROR": {name: {}}}}}
            return http(200, msgspec.json.encode(error), kind=JSON)
        return self.says(asked) if self.says else http(200, '{"result":{"output":[]}}', kind=JSON)


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("house", [RpcHouse], indirect=True)
async def test_json_rpc_goes_the_same_way(clients: Clients, house: House, *, apart: bool) -> None:
    house.apart = apart
    gate = clients.gate(
        roles=frozenset({"operator"}),
        read_roles=frozenset({"user"}),
        denied=frozenset({"/api/appliance", "com.vmware.vcenter.VM.delete"}),
    )
    reader = session_of(ADA)
    worker = msgspec.structs.replace(reader, roles=("operator",))

    async def call(service: str, operation: str, session: Session = worker) -> Answer:
        return await gate.automation.call_rpc(session, rpc(service, operation), ())

    listed = ("com.vmware.vcenter.VM", "list")
    assert (await call(*listed, reader)).status == 200
    with pytest.raises(NoPermission):
        await call("com.vmware.vcenter.VM", "create", reader)
    for service, operation in (
        ("com.vmware.vcenter.VM", "delete"),
        ("com.vmware.appliance.system", "get"),
        ("com.vmware.cis.session", "create"),
        ("com.vmware.vcenter.tokenservice.token_exchange", "exchange"),
    ):
        with pytest.raises(NotSupported):
            await call(service, operation)
    # An error that comes in a 200 is known by its type.
    house.rest.clear() if apart else house.soap.clear()
    assert (await call(*listed)).status == 200
    house.rest.clear() if apart else house.soap.clear()
    before = len(house.calls())
    with suppress(NoSession):
        answer = await call("com.vmware.vcenter.VM", "create")
        assert b"unauthenticated" in answer.body
    assert len(house.calls()) == before + 1
    house.says = said
    with pytest.raises(NotSupported):  # it shows the token
        await call(*listed)


async def test_sec_66_a_broken_reply_is_an_unknown_outcome_and_harms_nobody(
    clients: Clients, house: House
) -> None:
    gate = clients.gate()
    await ask(gate)
    for broken in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}",
        b"\x00\x01\x02\r\n\r\n",
    ):
        house.says, clients.server.hangs_up = lambda _, broken=broken: broken, True
        with pytest.raises(OutcomeUnknown):
            await ask(gate, "POST")
        house.says, clients.server.hangs_up = None, False
        assert (await ask(gate)).status == 200
    # What is whole and makes no sense is the upstream's own word.
    for odd in (http(200, b"\xff\xfe", kind=JSON), http(418, "<html>"), http(200, "x", kind="a/b")):
        house.says = lambda _, odd=odd: odd
        assert (await ask(gate, "POST")).status in (200, 418)


async def test_sec_73_no_body_is_read_of_who_may_not_send_it(
    clients: Clients, house: House
) -> None:
    gate = clients.gate(roles=frozenset({"operator"}), read_roles=frozenset({"user"}))
    reader = session_of(ADA)
    worker = msgspec.structs.replace(reader, key="k2", roles=("operator",))
    for path, session, refusal in (
        ("/api/vcenter/vm", reader, NoPermission),
        ("/api/vcenter/tokenservice", worker, NotSupported),
        ("/api/vcenter/vm", worker, Malformed),
    ):
        for body in (b"{{", b"[" + b"{}," * 300_000 + b"{}]"):
            with pytest.raises(refusal):
                await ask(gate, "POST", path, session=session, body=body)
    assert not house.asked
    long = json.dumps(["a" * 100] * 10_000).encode()
    assert (await ask(gate, "POST", session=worker, body=long)).status == 200
    assert house.asked[-1].body == long
