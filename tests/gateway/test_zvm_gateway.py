"""A gateway before an appliance: how its tokens are renewed, stored, and given up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sessiongate.app.build import providers_of
from sessiongate.app.gateway.gates import callers_upstreams, gates_of
from sessiongate.audit.event import read
from sessiongate.config.load import load
from sessiongate.errors import (
    BadCredentials,
    IdentityUnavailable,
    NoPermission,
    NoSession,
    NotSupported,
    OutcomeUnknown,
    Overloaded,
    StoreUnavailable,
    UpstreamUnavailable,
)
from sessiongate.gateway.leases.renewals import session_of
from sessiongate.gateway.zvm_gateway import ZvmGateway
from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.session import Ended, Session
from sessiongate.store.embedded.books import MemoryBooks
from sessiongate.store.port import StoredLease
from sessiongate.wire.http import Answer
from sessiongate.wire.zerto_relayed import RelayedZerto
from tests.each import each
from tests.gate import CLIENT
from tests.gate import Gate as House
from tests.gateway.own_appliance import OwnAppliance
from tests.identity.fakes import cheap_hasher
from tests.loop_time import LoopTime
from tests.until import until
from tests.upstream.fakes import Asked, FakeServer, http

THERE = msgspec.structs.replace(CLIENT, upstream="zvm1", dialect="zerto")
SERVICE = {"account": "service", "username": "ada", "password": "adaada", "roles": ["user"]}
MINUTES = 60.0


class Case:
    """A gateway with its services, before an appliance whose tokens live for a minute."""

    def __init__(
        self, house: House, gate: ZvmGateway, provider: IdentityProvider | None, time: LoopTime
    ) -> None:
        self.house = house
        self.gate = gate
        self.provider = provider
        self.time = time
        self.clocks = [house.clock]

    async def passes(self, seconds: float) -> None:
        """Have so much time pass for everybody, and let the server do what it does by itself."""
        self.time.tick(seconds)
        for clock in self.clocks:
            clock.tick(timedelta(seconds=seconds))
        await self.gate.tidy()
        await until(lambda: not self._probed())

    def _probed(self) -> bool:
        return any(task.get_name() in ("keep alive", "renew") for task in asyncio.all_tasks())

    async def login(self, name: str = "bob") -> Session:
        """A client session: by its own login at the appliance, where the provider asks that."""
        if self.provider is None:
            return (await self.house.login(name, THERE)).session
        account = parse_account(name)
        principal = await self.provider.authenticate(account, Secret(name + name))
        opened = await self.house.logins.login_as(
            principal, THERE, "en", changed=(), typed=name, how="login"
        )
        return opened.session

    async def call(self, session: Session, verb: str = "GET", path: str = "/v1/vpgs") -> Answer:
        request = RelayedZerto(verb, path, "", b"")
        return await self.gate.resources.call(session, request, (), ours="https://gate.example")


Make = Callable[..., Awaitable[Case]]


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    stack = AsyncExitStack()

    async def made(script: Any, *, caller: bool = False, **table: object) -> Case:
        server = await stack.enter_async_context(FakeServer(script))
        facts = {"type": "zvm", "url": server.url, "verify": False, "flavor": "appliance"}
        facts |= table if caller else {**SERVICE, **table}
        named = {f"upstream.zvm1.{name}": value for name, value in facts.items()}
        if caller:
            named |= {"identity.zvm.type": "zvm", "identity.zvm.upstream": "zvm1"}
            named |= {"identity.local.type": "file"}
        config = load(None, {}, {"server.data_dir": str(tmp_path), "store.url": "memory:", **named})
        house = House(tmp_path)
        gates = gates_of(config, house.store, house.clock, house.sessions, house.journal)
        gate = gates["zvm1"]
        assert isinstance(gate, ZvmGateway)
        house.sessions.on_open(gate.opened)
        house.sessions.on_end(gate.ended)
        stack.push_async_callback(gate.close)
        provider = None
        if caller:
            upstreams = callers_upstreams(config, gates)
            provider = providers_of(config, cheap_hasher(), upstreams=upstreams)["zvm"].provider
        case = Case(house, gate, provider, LoopTime(monkeypatch))
        if isinstance(script, OwnAppliance):
            case.clocks.append(script.house.clock)
        return case

    async with stack:
        yield made


@pytest.mark.parametrize("caller", [False, True])
async def test_sec_64_tokens_of_a_minute_serve_ten_minutes_without_a_401(
    caller: bool, make: Make, tmp_path: Path
) -> None:
    appliance = OwnAppliance(tmp_path)
    case = await make(appliance, caller=caller)
    session = await case.login()
    for _ in range(100):
        assert (await case.call(session)).status == 200
        await case.passes(6)
    assert set(appliance.statuses) == {200}
    assert appliance.grants[0] == "password"
    assert set(appliance.grants[1:]) == {"refresh_token"}
    assert 10 <= len(appliance.grants) <= 14, "one for about fifty seconds"
    assert len(await appliance.house.live()) == 1


async def test_a_session_that_nobody_uses_is_kept_for_as_long_as_the_clients_lives(
    make: Make, tmp_path: Path
) -> None:
    appliance = OwnAppliance(tmp_path)
    case = await make(appliance, caller=True)
    session = await case.login()
    for _ in range(29):
        await case.passes(MINUTES)
    assert (await case.call(session)).status == 200
    for _ in range(29):
        await case.passes(MINUTES)
    assert (await case.call(session)).status == 200
    assert set(appliance.statuses) == {200}


async def test_sec_56_of_many_calls_one_renews(make: Make, tmp_path: Path) -> None:
    appliance = OwnAppliance(tmp_path)
    case = await make(appliance)
    sessions = [await case.login() for _ in range(10)]
    await asyncio.gather(*map(case.call, sessions))
    assert appliance.grants == ["password"]
    await case.passes(55)
    answers = await asyncio.gather(*map(case.call, sessions))
    assert {one.status for one in answers} == {200}
    assert appliance.grants == ["password", "refresh_token"]


async def test_the_end_of_a_clients_session_is_a_logout_there(make: Make, tmp_path: Path) -> None:
    appliance = OwnAppliance(tmp_path)
    case = await make(appliance, caller=True)
    one, other = await case.login(), await case.login()
    await case.call(one)
    await case.call(other)
    assert len(await appliance.house.live()) == 2
    await case.house.sessions.end(one.key, Ended.LOGOUT)
    await until(lambda: len(case.gate.accounts.pools[0].leases) == 1)
    await until(lambda: case.gate.accounts.pools[0].states()["broken"] == 0)
    assert len(await appliance.house.live()) == 1
    assert (await case.call(other)).status == 200


class Keycloak:
    """Answers as a test has it: what becomes of tokens, and of resources."""

    def __init__(self) -> None:
        self.number = 0
        self.life: object = 60
        self.refresh_life = 1800
        self.refreshes: list[str] = []
        self.logouts: list[str] = []
        """Refresh tokens whose sessions were ended."""
        self.over = False
        """Its sessions are."""
        self.away = False
        self.refusal = b""
        """What it answers to whoever asks for a token, in the place of one."""
        self.knows: set[str] = set()
        """Access tokens that it takes."""
        self.asked: list[str] = []

    def forget(self) -> None:
        """Take none of the tokens that were given."""
        self.knows.clear()

    def __call__(self, asked: Asked) -> bytes:
        if self.away:
            return b""
        if asked.path.endswith("/token"):
            return self._token(asked)
        if asked.path.endswith("/logout"):
            self.logouts.append(asked.body.decode().partition("refresh_token=")[2])
            return http(204)
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        self.asked.append(asked.line.rpartition(" ")[0])
        if bearer not in self.knows:
            return http(401)
        return http(200, f'{{"href":"x","seen":{len(self.asked)}}}', kind="application/json")

    def _token(self, asked: Asked) -> bytes:
        form = asked.body.decode()
        if self.refusal:
            return self.refusal
        if "refresh_token=" in form:
            self.refreshes.append(form.partition("refresh_token=")[2])
            if self.over:
                body = '{"error":"invalid_grant","error_description":"Session not active"}'
                return http(400, body, kind="application/json")
        elif "wrong" in form:
            body = '{"error":"invalid_grant","error_description":"Invalid user credentials"}'
            return http(401, body, kind="application/json")
        self.number += 1
        access = f"access-token-{self.number}"
        self.knows.add(access)
        tokens = {
            "access_token": access,
            "refresh_token": f"refresh-token-{self.number}",
            "expires_in": self.life,
            "refresh_expires_in": self.refresh_life,
            "token_type": "Bearer",
        }
        return http(200, msgspec.json.encode(tokens), kind="application/json")


async def test_sec_62_a_401_is_sure_so_that_any_call_is_sent_once_more(make: Make) -> None:
    keycloak = Keycloak()
    case = await make(keycloak)
    session = await case.login()
    assert (await case.call(session, "POST", "/v1/vpgs")).status == 200
    keycloak.forget()
    assert (await case.call(session, "POST", "/v1/vpgs")).status == 200
    assert keycloak.asked == ["POST /v1/vpgs"] * 3
    assert len(keycloak.refreshes) == 1


async def test_sec_62_what_was_refused_for_sure_has_no_unknown_outcome(make: Make) -> None:
    """Its session could not be renewed just now, so that it is not sent again: 503, come back."""
    keycloak = Keycloak()
    case = await make(keycloak)
    session = await case.login()
    await case.call(session)
    keycloak.forget()
    keycloak.refusal = http(503)
    with pytest.raises(UpstreamUnavailable) as raised:
        await case.call(session, "POST")
    assert not isinstance(raised.value, OutcomeUnknown)
    assert keycloak.asked == ["GET /v1/vpgs", "POST /v1/vpgs"]
    keycloak.refusal = b""
    assert (await case.call(session, "POST")).status == 200


async def test_a_401_that_stays_is_the_clients_after_one_renewal(make: Make) -> None:
    keycloak = Keycloak()
    case = await make(keycloak)
    session = await case.login()
    await case.call(session)
    keycloak.knows = _Nothing()
    assert (await case.call(session)).status == 401
    assert len(keycloak.asked) == 3
    assert len(keycloak.refreshes) <= 2


class _Nothing(set[str]):
    """Holds nothing, whatever is put in."""

    def add(self, _: str) -> None:
        pass


async def test_while_a_token_is_good_calls_go_on_and_then_nothing_is_sent(make: Make) -> None:
    keycloak = Keycloak()
    case = await make(keycloak)
    session = await case.login()
    await case.call(session)
    keycloak.away = True
    await case.passes(52)
    with pytest.raises(OutcomeUnknown):  # by the token that is good for some seconds still
        await case.call(session, "POST")
    await case.passes(20)
    for verb in ("GET", "POST"):
        with pytest.raises(UpstreamUnavailable) as raised:
            await case.call(session, verb)
        assert not isinstance(raised.value, OutcomeUnknown)
    keycloak.away = False
    assert (await case.call(session, "POST")).status == 200


async def test_a_caller_s_next_login_takes_the_place_of_the_one_before(make: Make) -> None:
    """All of a caller's clients share one session: the newest is known to live."""
    keycloak = Keycloak()
    case = await make(keycloak, caller=True, mode="shared")
    for number in (1, 2):
        session = await case.login("ada")
        await until(lambda: [one.count for one in case.gate.accounts.pools] == [1])
        (pool,) = case.gate.accounts.pools
        assert (await case.call(session)).status == 200
        assert session_of(pool.leases[0]).token.reveal() == f"access-token-{number}"
    assert keycloak.logouts == ["refresh-token-1"]


async def test_sec_59_a_client_without_a_session_there_waits_with_few_calls(make: Make) -> None:
    """The queue is for all clients of the upstream: none fills it by itself."""
    few = {"pool.calls_each": 3, "pool.queue_time": "5s"}
    case = await make(Keycloak(), mode="session", size=1, **few)
    first, second = await case.login(), await case.login()
    assert (await case.call(first)).status == 200
    calls = [asyncio.create_task(case.call(second)) for _ in range(20)]
    (pool,) = case.gate.accounts.pools
    await until(lambda: pool.waiting == 3 and sum(one.done() for one in calls) == 17)
    case.time.tick(6)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, Overloaded) for one in answers)
    case.gate.ended(first, Ended.LOGOUT)
    await until(lambda: not pool.leases or pool.leases[0].is_free)
    assert (await case.call(second)).status == 200


@pytest.mark.parametrize(
    "refusal",
    [
        http(503),
        http(502, "<html>no Keycloak behind this</html>", kind="text/html"),
        http(200, "<html>maintenance</html>", kind="text/html"),
        http(400, "<html>maintenance</html>", kind="text/html"),
        http(401, '{"error":"unauthorized_client"}', kind="application/json"),
    ],
    ids=["503", "502 of a proxy", "a page", "400 without a reason", "our client is refused"],
)
async def test_sec_66_what_is_no_token_at_a_renewal_is_an_outage(
    refusal: bytes, make: Make
) -> None:
    keycloak = Keycloak()
    case = await make(keycloak)
    session = await case.login()
    await case.call(session)
    keycloak.refusal = refusal
    await case.passes(52)
    assert (await case.call(session, "POST")).status == 200  # the token is good for 8 seconds more
    await case.passes(20)
    sent = len(keycloak.asked)
    with pytest.raises(UpstreamUnavailable) as raised:
        await case.call(session, "POST")
    assert not isinstance(raised.value, OutcomeUnknown)
    assert len(keycloak.asked) == sent
    keycloak.refusal = b""
    assert (await case.call(session, "POST")).status == 200


@pytest.mark.parametrize("mode", ["session", "shared"])
async def test_what_the_appliance_ends_ends_a_callers_session(mode: str, make: Make) -> None:
    keycloak = Keycloak()
    case = await make(keycloak, caller=True, mode=mode)
    session = await case.login()
    assert (await case.call(session)).status == 200
    keycloak.over = True
    await case.passes(55)
    with pytest.raises(NoSession):
        await case.call(session)
    await case.gate.tidy()
    assert await case.house.sessions.find(session.key) is None
    keycloak.over = False
    assert (await case.call(await case.login())).status == 200


async def test_a_service_account_logs_in_again_and_no_call_is_lost(make: Make) -> None:
    keycloak = Keycloak()
    case = await make(keycloak)
    session = await case.login()
    await case.call(session)
    keycloak.over = True
    keycloak.forget()
    assert (await case.call(session, "POST")).status == 200
    assert keycloak.asked == ["GET /v1/vpgs", "POST /v1/vpgs", "POST /v1/vpgs"]


async def test_sec_93_what_a_renewal_brings_is_stored_before_it_is_used(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    keycloak = Keycloak()
    case = await make(keycloak)
    session = await case.login()
    await case.call(session)
    store = case.house.store.leases
    replace = store.replace

    async def away(*_: object) -> bool:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(store, "replace", away)
    await case.passes(55)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await case.call(session)
    assert keycloak.asked == ["GET /v1/vpgs"]
    assert keycloak.refreshes == ["refresh-token-1"], "one that is given once is asked for once"
    (pool,) = case.gate.accounts.pools
    await case.gate.relay.probe(pool, pool.leases[0])  # which finds nothing out, and fails nobody
    assert len(pool.leases) == 1
    monkeypatch.setattr(store, "replace", replace)
    assert (await case.call(session)).status == 200
    assert keycloak.refreshes == ["refresh-token-1"]
    (row,) = await store.all()
    assert b"refresh-token" not in row.sealed
    assert b"access-token" not in row.sealed
    (lease,) = case.gate.accounts.pools[0].leases
    assert session_of(lease).token.reveal() == "access-token-2"


@pytest.mark.parametrize("shared", [False, True])
async def test_sec_57_where_others_share_the_store_a_renewal_is_claimed_before_it_is_asked_for(
    make: Make, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    monkeypatch.setattr(MemoryBooks, "shared", shared)
    keycloak = Keycloak()
    case = await make(keycloak)
    session = await case.login()
    await case.call(session)
    store, asked = case.house.store.leases, list[int]()
    replace = store.replace

    async def noted(old: StoredLease, new: StoredLease) -> bool:
        asked.append(len(keycloak.refreshes))
        return await replace(old, new)

    monkeypatch.setattr(store, "replace", noted)
    await case.passes(55)
    assert (await case.call(session)).status == 200
    assert asked == ([0, 1] if shared else [1])


@pytest.mark.parametrize("life", [None, -60, 10**12])
async def test_a_life_that_makes_no_sense_is_an_outage_that_says_so(
    life: object, make: Make
) -> None:
    keycloak = Keycloak()
    keycloak.life = life
    case = await make(keycloak)
    with pytest.raises(UpstreamUnavailable, match="expires_in"):
        await case.call(await case.login())
    callers = await make(keycloak, caller=True)
    with pytest.raises(IdentityUnavailable, match="expires_in"):
        await callers.login()
    # What these logins have opened there is nobody's.
    assert keycloak.logouts == [f"refresh-token-{one + 1}" for one in range(keycloak.number)]


async def test_a_session_that_is_over_is_not_asked_for_again_each_second(make: Make) -> None:
    keycloak = Keycloak()
    keycloak.refresh_life = 40
    case = await make(keycloak, caller=True)
    await case.login()
    keycloak.over = True
    for _ in range(60):
        await case.passes(1)
    assert len(keycloak.refreshes) == 1


async def test_sec_58_a_refused_service_password_is_tried_once(make: Make) -> None:
    keycloak = Keycloak()
    case = await make(keycloak, password="wrong")
    session = await case.login()
    for _ in range(5):
        with pytest.raises(UpstreamUnavailable, match="refused"):
            await case.call(session)
    assert keycloak.number == 0
    assert keycloak.refreshes == []


async def test_a_wrong_password_of_a_caller_is_refused_as_such(make: Make) -> None:
    case = await make(Keycloak(), caller=True)
    assert case.provider is not None
    with pytest.raises(BadCredentials):
        await case.provider.authenticate(parse_account("zoe"), Secret("wrong"))


@each("caller", [False, True])
async def test_sec_69_what_is_not_sent_on_is_written_down_and_takes_no_session(
    caller: bool, make: Make, tmp_path: Path
) -> None:
    appliance = OwnAppliance(tmp_path)
    case = await make(
        appliance, caller=caller, mode="session", read_only=True, **{"forward.deny": ["/v1/alerts"]}
    )
    session = await case.login()
    asked = len(appliance.statuses)
    with pytest.raises(NoPermission):
        await case.call(session, "DELETE", "/v1/vpgs/7")
    with pytest.raises(NotSupported):
        await case.call(session, path="/v1/alerts/8")
    assert len(appliance.statuses) == asked
    events = [read(line) for line in case.house.store.audit.payloads]
    refused = [(one.event, one.reason) for one in events if one.result == "refused"]
    assert refused == [
        ("permission denied", "Sessions.UseUpstream"),
        ("call not forwarded", "NotSupported"),
    ]
    assert "upstream.zvm1.read_only" in events[-2].detail
    counted = case.gate.accounts.meters.forwarded
    assert {kind: of for kind, of in counted.items() if kind[1] == "refused"} == {
        ("stateless", "refused"): 1,
        ("deny", "refused"): 1,
    }
    assert (await case.call(session)).status == 200


async def test_sec_92_a_reply_with_a_token_of_the_upstream_is_held_back(make: Make) -> None:
    keycloak = Keycloak()
    shows = False

    def script(asked: Asked) -> bytes:
        if shows and asked.path.startswith("/v1/"):
            return http(200, f'"{asked.headers["authorization"]}"', kind="application/json")
        return keycloak(asked)

    case = await make(script)
    session = await case.login()
    assert (await case.call(session)).status == 200
    shows = True
    with pytest.raises(NotSupported, match="shows a token of the ZVM"):
        await case.call(session)
