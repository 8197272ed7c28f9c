"""Where a request came from, and whose it is."""

import re
from datetime import timedelta
from ipaddress import ip_network

import pytest

from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.known_callers import KnownCallers
from sessiongate.dialects.openid.access_tokens import Claims
from sessiongate.dialects.request import (
    MUST_WAIT,
    caller,
    caller_nowait,
    client_of,
    known,
    require_same_session,
)
from sessiongate.errors import NoSession
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.proxies import TrustedProxies
from sessiongate.rules.token import PERSON
from sessiongate.service.sessions import Opened, Sessions
from sessiongate.session import CONSOLE, Client, Session
from sessiongate.store.measured import MeasuredStore
from sessiongate.store.port import Store
from sessiongate.telemetry.counters import Meters
from sessiongate.testing import NO_CAPS
from sessiongate.wire.carriers import BEARER, VMWARE_HEADER, ZERTO_HEADER
from tests.gate import Gate
from tests.house.sources import PACKAGE
from tests.http.requests import request

VMWARE = frozenset({VMWARE_HEADER})
ZERTO = frozenset({ZERTO_HEADER, BEARER})
ISSUER = "https://zvm.example/auth/realms/zerto"
FOREIGN = "eyJ.eyJ.sig"


def test_a_client_is_address_agent_dialect_and_certificate() -> None:
    came = request("GET", "/", peer="2001:db8::1", user_agent="govc/0.50")
    assert client_of(came, "soap") == Client("2001:db8::1", "govc/0.50", "soap", None)
    came.certificate = b"DER"
    assert client_of(came, "soap").certificate == b"DER"


def test_who_names_no_agent_has_an_empty_one() -> None:
    assert client_of(request("GET", "/"), "zerto").user_agent == ""


def signed(gate: Gate, session: Session) -> str:
    return gate.bearers.tokens.access(session, ISSUER, "zerto-client", "")


class Elsewhere(MeasuredStore):
    """A store that has to be waited for."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner, Meters())
        self.use_nowait = None


class CountingBearers(Bearers):
    """The gate's own, and how often a text was read, which takes a verification."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(
            gate.bearers.tokens,
            gate.sessions,
            gate.store,
            gate.clock,
            gate.journal,
            refresh_life=gate.bearers.refresh_life,
        )
        self.reads = 0

    def read(self, text: str) -> Claims | None:
        self.reads += 1
        return super().read(text)


async def who(gate: Gate, accepted: frozenset[str], **headers: str) -> str:
    """Whose request this is, "" where it is nobody's."""
    quick, asked = (request("GET", "/", b"", **headers) for _ in range(2))
    try:
        found = caller_nowait(quick, gate.sessions, accepted)
    except NoSession as error:
        with pytest.raises(NoSession, match=str(error)):
            await caller(asked, gate.sessions, gate.bearers, accepted)
        raise
    session = await caller(asked, gate.sessions, gate.bearers, accepted)
    if found is MUST_WAIT:  # only a signature is waited for here
        assert "." in headers.get("authorization", "")
    else:
        assert (found and found.key) == (session and session.key)
        assert quick.vouched == asked.vouched
    return session.principal if session is not None else ""


@pytest.fixture
async def bob(gate: Gate) -> Opened:
    return await gate.login("bob")


@pytest.fixture
async def ada(gate: Gate) -> Opened:
    return await gate.login("ada")


async def test_a_session_is_found_by_the_carriers_of_its_dialect(gate: Gate, bob: Opened) -> None:
    token = bob.token.reveal()
    assert await who(gate, VMWARE, vmware_api_session_id=token) == "bob"
    assert await who(gate, ZERTO, x_zerto_session=token) == "bob"
    assert await who(gate, ZERTO, authorization=f"Bearer {token}") == "bob"
    assert await who(gate, ZERTO, authorization=f"Bearer {signed(gate, bob.session)}") == "bob"
    assert await who(gate, VMWARE) == ""
    assert await who(gate, VMWARE, x_zerto_session=token) == ""
    assert await who(gate, VMWARE, authorization=f"Bearer {token}") == ""
    assert await who(gate, VMWARE, authorization=f"Bearer {signed(gate, bob.session)}") == ""
    assert await who(gate, ZERTO, authorization=f"Bearer {FOREIGN}") == ""
    with pytest.raises(NoSession):
        known(None)


async def test_where_sessions_are_elsewhere_all_is_waited_for(gate: Gate, bob: Opened) -> None:
    asked = request("GET", "/", vmware_api_session_id=bob.token.reveal())
    elsewhere = Sessions(
        Elsewhere(gate.store), gate.sessions.roles, gate.clock, gate.journal, caps=NO_CAPS
    )
    assert caller_nowait(asked, elsewhere, VMWARE) is MUST_WAIT
    with pytest.raises(RuntimeError, match="waited for"):
        elsewhere.check_nowait(bob.token)


async def test_sec_91_a_session_is_for_the_upstream_at_whose_host_it_was_opened(gate: Gate) -> None:
    here, there = request("POST", "/sdk"), request("POST", "/sdk")
    here.upstream, there.upstream = "vc1", "vc2"
    plain = request("POST", "/sdk")
    opened = {
        asked.upstream: await gate.login("bob", client_of(asked, "soap"))
        for asked in (here, there, plain)
    }
    for own, one in opened.items():
        assert one.session.upstream == own
        for text in (one.token.reveal(), f"Bearer {signed(gate, one.session)}"):
            for asked in (here, there, plain):
                name = "authorization" if text.startswith("Bearer") else "vmware-api-session-id"
                asked.headers = [(name, text)]
                asked.vouched = False
                accepted = ZERTO if name == "authorization" else VMWARE
                found = await caller(asked, gate.sessions, gate.bearers, accepted)
                assert (found is not None) == (asked.upstream == own)
                assert asked.vouched == (found is not None)


@pytest.mark.parametrize("accepted", [VMWARE, ZERTO], ids=["vmware", "zerto"])
async def test_a_token_of_the_console_is_refused_and_keeps_nobody_signed_in(
    gate: Gate, accepted: frozenset[str]
) -> None:
    """What a dialect refuses is no use of the session, so that it ends when a person has left."""
    client = Client("192.0.2.7", "Mozilla", CONSOLE)
    opened = await gate.login("ada", client, form=PERSON)
    token = opened.token.reveal()
    gate.clock.tick(timedelta(minutes=10))
    for carrier in (
        {"vmware_api_session_id": token},
        {"x_zerto_session": token},
        {"authorization": f"Bearer {token}"},
        {"cookie": f"vmware_soap_session={token}"},
    ):
        assert await who(gate, accepted, **carrier) == ""
    seen = await gate.sessions.peek(opened.token.digest())
    assert seen is not None
    assert (seen.call_count, seen.active_at) == (0, opened.session.login_at)


@pytest.mark.parametrize("accepted", [VMWARE, ZERTO], ids=["vmware", "zerto"])
async def test_sec_19_81_a_signed_bearer_and_another_session_disagree(
    gate: Gate, bob: Opened, ada: Opened, accepted: frozenset[str]
) -> None:
    mine = f"Bearer {signed(gate, bob.session)}"
    for name in ("vmware_api_session_id", "x_zerto_session"):
        with pytest.raises(NoSession, match="two different"):
            await who(gate, accepted, authorization=mine, **{name: ada.token.reveal()})
        found = await who(gate, accepted, authorization=mine, **{name: bob.token.reveal()})
        takes_it = accepted is ZERTO or name == "vmware_api_session_id"
        assert found == ("bob" if takes_it else "")
    with pytest.raises(NoSession, match="two different"):
        await who(
            gate,
            accepted,
            authorization=f"Bearer {bob.token.reveal()}",
            vmware_api_session_id=ada.token.reveal(),
        )
    cookie = f'vmware_soap_session="{ada.token.reveal()}"'
    with pytest.raises(NoSession, match="two different"):
        await who(gate, accepted, authorization=mine, cookie=cookie)
    assert await gate.live() == ["ada", "bob"]


async def test_sec_19_81_a_bearer_that_has_run_out_still_names_its_session(
    gate: Gate, bob: Opened, ada: Opened
) -> None:
    mine = f"Bearer {signed(gate, bob.session)}"
    gate.clock.tick(gate.bearers.tokens.life)
    with pytest.raises(NoSession, match="two different"):
        await who(gate, VMWARE, authorization=mine, vmware_api_session_id=ada.token.reveal())
    token = bob.token.reveal()
    assert await who(gate, VMWARE, authorization=mine, vmware_api_session_id=token) == "bob"


async def test_a_bearer_for_somebody_else_disturbs_only_where_bearers_are_ours(
    gate: Gate, bob: Opened
) -> None:
    """A proxy in front, or LoginByToken, may be who it is for."""
    token = bob.token.reveal()
    foreign = f"Bearer {FOREIGN}"
    assert await who(gate, VMWARE, authorization=foreign, vmware_api_session_id=token) == "bob"
    with pytest.raises(NoSession, match="two different"):
        await who(gate, ZERTO, authorization=foreign, x_zerto_session=token)


async def test_sec_19_81_signed_bearers_that_differ_disagree_and_cost_nothing(
    gate: Gate, bob: Opened, ada: Opened
) -> None:
    one, other = (
        ("authorization", f"Bearer {signed(gate, session)}")
        for session in (bob.session, ada.session)
    )
    bearers = CountingBearers(gate)
    asked = request("GET", "/")
    asked.headers += [one, one]
    found = await caller(asked, gate.sessions, bearers, ZERTO)
    assert found is not None
    assert found.principal == "bob"
    assert bearers.reads == 1
    require_same_session(asked, bearers, bob.session.digest)
    assert await KnownCallers(gate.sessions, bearers, takes_assertions=True).known(asked)
    assert bearers.reads == 3
    for more in (other, ("authorization", f"Bearer {FOREIGN}")):
        many = request("GET", "/")
        many.headers += [one, more]
        for accepted in (ZERTO, VMWARE):
            with pytest.raises(NoSession, match="two different"):
                await caller(many, gate.sessions, bearers, accepted)
        with pytest.raises(NoSession, match="two different"):
            require_same_session(many, bearers, bob.session.digest)
        assert not await KnownCallers(gate.sessions, bearers, takes_assertions=True).known(many)
    assert bearers.reads == 3


@pytest.mark.parametrize("passed_on", [False, True], ids=["direct", "by a proxy"])
async def test_sec_74_a_request_with_a_live_session_vouches_for_its_connection(
    passed_on: bool, gate: Gate, bob: Opened
) -> None:
    async def handler(asked: Request) -> Reply:
        session = await caller(asked, gate.sessions, gate.bearers, ZERTO)
        return Reply(200 if session is not None else 401)

    asks: Handler = handler
    if passed_on:
        asks = TrustedProxies(handler, (ip_network("192.0.2.0/24"),), None)

    async def vouched(**headers: str) -> bool:
        asked = request("GET", "/", b"", peer="192.0.2.1", **headers)
        await asks(asked)
        return asked.vouched

    token = bob.token.reveal()
    assert await vouched(x_zerto_session=token)
    assert await vouched(authorization=f"Bearer {signed(gate, bob.session)}")
    assert not await vouched()
    assert not await vouched(x_zerto_session="x" * 40)
    assert not await vouched(authorization=f"Bearer {FOREIGN}")


async def test_sec_81_a_session_named_in_a_form_must_be_the_carriers_too(
    gate: Gate, bob: Opened, ada: Opened
) -> None:
    digest = bob.session.digest
    for fine in (
        {},
        {"authorization": f"Bearer {signed(gate, bob.session)}"},
        {"authorization": f"Bearer {bob.token.reveal()}"},
        {"authorization": "Basic eDp5"},
        {"x_zerto_session": bob.token.reveal()},
    ):
        require_same_session(request("POST", "/", b"", **fine), gate.bearers, digest)
    for wrong in (
        {"authorization": f"Bearer {signed(gate, ada.session)}"},
        {"authorization": f"Bearer {ada.token.reveal()}"},
        {"authorization": f"Bearer {FOREIGN}"},
        {"x_zerto_session": ada.token.reveal()},
        {"cookie": f"vmware-api-session-id={ada.token.reveal()}"},
    ):
        with pytest.raises(NoSession, match="two different"):
            require_same_session(request("POST", "/", b"", **wrong), gate.bearers, digest)


# Files ask besides whether a session is named at all: a ticket in the address may do without.
# So does userinfo, of a caller that was found: what its token was granted.
FINDS_CALLERS = {
    *("request.py", "bearers.py", "known_callers.py", "relayed_transfers.py"),
    "openid/endpoint.py",
}
LOOKED_UP = re.compile(r"\b(carried|check_digest|sessions\.(?:check|peek)|bearers\.check)\(")


def test_every_endpoint_has_its_caller_found_by_the_one_function() -> None:
    folder = PACKAGE / "dialects"
    paths = list(folder.rglob("*.py"))
    looking = [one for one in paths if LOOKED_UP.search(one.read_text(encoding="utf-8"))]
    finding = {one.relative_to(folder).as_posix() for one in looking}
    assert finding == FINDS_CALLERS
    asking = {one.parent.name for one in paths if " caller(" in one.read_text(encoding="utf-8")}
    assert asking == {"dialects", "zerto", "openid", "automation", "vim", "forward_auth"}


def test_a_new_dialect_is_one_line_of_app() -> None:
    table = PACKAGE.joinpath("app", "routes.py").read_text(encoding="utf-8")
    assert len(table.splitlines()) < 50
    folders = {one.parent.name for one in PACKAGE.joinpath("dialects").glob("*/routes.py")}
    assert folders == {
        *("api_page", "automation", "forward_auth", "openid", "session_manager", "vim", "zerto")
    }
    for folder in folders:
        assert len(re.findall(rf"\*{folder}\.routes\(", table)) == 1
