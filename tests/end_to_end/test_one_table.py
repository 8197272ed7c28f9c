"""One session table behind every dialect: a session of one is used and ended by every other."""

import json
from collections.abc import Callable
from itertools import combinations

import pytest

from tests.each import each
from tests.end_to_end.conftest import EMBEDDED, OVER_ALL
from tests.end_to_end.serving import ADMIN, USER, Server
from tests.security.dialects import DIALECTS, UNSIGNED, Dialect, JsonRpc, Soap

over_openers = each("opener", UNSIGNED, ids=lambda one: f"by-{one}")
over_enders = each("ender", DIALECTS, ids=lambda one: f"ended-by-{one}")


@OVER_ALL
@over_openers
@over_enders
def test_every_dialect_uses_and_ends_a_session_of_every_other(
    opener: Dialect, ender: Dialect, shared: Server
) -> None:
    token = opener.token(shared, USER)
    before = shared.get("currentSession", token).json()
    assert before["userName"] == USER[0]
    for dialect in DIALECTS:
        assert dialect.is_alive(shared, token), dialect
    # The calls of all of them count.
    after = shared.get("currentSession", token).json()
    assert after["callCount"] == before["callCount"] + len(DIALECTS) + 1
    assert after["key"] == before["key"]

    assert ender.worked(ender.logout(shared, ender.carry(token)))
    for dialect in DIALECTS:
        assert not dialect.is_alive(shared, token), dialect
        assert not dialect.worked(dialect.logout(shared, dialect.carry(token)))


@OVER_ALL
def test_one_list_shows_all_and_ends_all(shared: Server) -> None:
    tokens = [(dialect, dialect.token(shared, USER)) for dialect in DIALECTS]
    keys = [dialect.key_of(shared, token) for dialect, token in tokens]
    assert len(set(keys)) == len(DIALECTS)
    admin = shared.vim_token(ADMIN)
    listed = {one["key"] for one in shared.get("sessionList", admin).json()}
    assert set(keys) <= listed
    assert shared.call("TerminateSession", admin, {"sessionId": keys}).status == 204
    assert not any(dialect.is_alive(shared, token) for dialect, token in tokens)


@OVER_ALL
@over_openers
def test_a_session_acts_as_a_vsphere_one(opener: Dialect, shared: Server) -> None:
    """Its privileges are those of its user, whichever door it came by."""
    token = opener.token(shared, ADMIN)
    assert shared.get("sessionList", token).status == 200
    ticket = shared.call("AcquireCloneTicket", token).json()
    clone = shared.call("CloneSession", None, {"cloneTicket": ticket})
    assert clone.json()["userName"] == "admin"


@OVER_ALL
@over_openers
def test_a_session_is_active_under_its_key_and_the_name_as_typed(
    opener: Dialect, shared: Server
) -> None:
    """How the vendor's samples check that one login serves every client."""
    for typed in ("ursula", "CORP\\Ursula", "ursula@corp.example"):
        token = opener.token(shared, (typed, USER[1]))
        key = shared.get("currentSession", token).json()["key"]
        asked = {"sessionID": key, "userName": typed}
        active = shared.call("SessionIsActive", shared.vim_token(ADMIN), asked)
        assert (active.status, active.json()) == (200, True)


# Two carriers in one request, which are refused before the table is asked

HEADERS = {
    "vmware header": "vmware-api-session-id: {}",
    "zerto header": "x-zerto-session: {}",
    "soap cookie": 'Cookie: vmware_soap_session="{}"',
    "rest cookie": "Cookie: vmware-api-session-id={}",
}
PAIRS = [*combinations(HEADERS, 2), *((one, one) for one in HEADERS)]


def carrying(*carriers: tuple[str, str]) -> list[tuple[str, str]]:
    """Headers for these carriers, each with its token."""
    lines = [HEADERS[name].format(token) for name, token in carriers]
    return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]


@EMBEDDED
@each("pair", PAIRS, ids=" and ".join)
@each("dialect", DIALECTS, ids=str)
def test_no_pair_of_carriers_may_disagree(
    pair: tuple[str, str], dialect: Dialect, shared: Server
) -> None:
    # A signed token is told from others by what it says: the security tests have it.
    opener = UNSIGNED[0] if dialect.signed else dialect
    mine, other = opener.token(shared, USER), opener.token(shared, ADMIN)
    for tokens in ((mine, other), (other, mine)):
        both = carrying(*zip(pair, tokens, strict=True))
        assert not dialect.worked(dialect.check(shared, both))
        assert not dialect.worked(dialect.logout(shared, both))
    assert shared.is_alive(mine)
    assert shared.is_alive(other)
    # An agreeing pair is as good as one, wherever the dialect takes one of the two.
    agreeing = dialect.check(shared, carrying(*((name, mine) for name in pair)))
    alone = [dialect.worked(dialect.check(shared, carrying((name, mine)))) for name in pair]
    assert dialect.worked(agreeing) == any(alone)


def by_rpc(token: str, operation: str) -> str:
    """A JSON-RPC call with the session inside."""
    security = {"schemeId": "com.vmware.vapi.std.security.session_id", "sessionId": token}
    called = {"serviceId": "com.vmware.cis.session", "operationId": operation}
    params = {**called, "ctx": {"securityCtx": security}}
    return json.dumps({"jsonrpc": "2.0", "method": "invoke", "id": 1, "params": params})


def by_soap(token: str, method: str) -> str:
    """A SOAP call with the session inside."""
    return (
        '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header>'
        f'<vcSessionCookie xmlns="">{token}</vcSessionCookie></Header><Body>'
        f'<{method} xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>'
        f"</{method}></Body></Envelope>"
    )


@EMBEDDED
@pytest.mark.parametrize("carrier", HEADERS)
@pytest.mark.parametrize(
    ("dialect", "write", "look", "end"),
    [(JsonRpc(), by_rpc, "get", "delete"), (Soap(), by_soap, "AcquireCloneTicket", "Logout")],
    ids=["json-rpc", "soap"],
)
def test_no_header_may_contradict_the_body(
    carrier: str,
    dialect: Dialect,
    write: Callable[[str, str], str],
    look: str,
    end: str,
    shared: Server,
) -> None:
    """JSON-RPC's security context and SOAP's vcSessionCookie are carriers as well."""
    mine, other = dialect.token(shared, USER), dialect.token(shared, ADMIN)

    def call(method: str, *carriers: tuple[str, str]) -> bool:
        headers = carrying(*carriers)
        reply = shared.request("POST", dialect.path, headers, write(mine, method))
        return dialect.worked(reply)

    assert call(look)
    assert call(look, (carrier, mine))
    assert not call(look, (carrier, other))
    assert not call(end, (carrier, other))
    assert shared.is_alive(mine)
    assert shared.is_alive(other)
    assert call(end, (carrier, mine))
    assert not shared.is_alive(mine)
