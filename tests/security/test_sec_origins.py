"""Pages of other sites change nothing here: requirement 85, in every dialect and behind a proxy.

What a browser adds by itself is a cookie and a Basic password. `Sec-Fetch-Site` and `Origin` are
what it says of the page; clients that are no browsers send neither.
"""

import gzip
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.basic import basic
from tests.each import each
from tests.end_to_end.serving import USER, Body, Headers, Reply, Server, with_people
from tests.security.dialects import (
    DIALECTS,
    Asker,
    Carrier,
    Dialect,
    each_dialect,
    over_dialects,
    plus,
)

REALM = "/auth/realms/zerto/protocol/openid-connect"

FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a neighbour": {"Sec-Fetch-Site": "same-site"},
    "another origin": {"Origin": "https://evil.example"},
    "an origin that is hidden": {"Origin": "null"},
    "another port": {"Origin": "https://127.0.0.1:1"},
    "no TLS": {"Origin": "http://127.0.0.1:{port}"},
    "a name of the same machine": {"Origin": "https://localhost:{port}"},
    "both": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "our origin, another site": {
        "Origin": "https://127.0.0.1:{port}",
        "Sec-Fetch-Site": "cross-site",
    },
    "another origin, our site": {
        "Origin": "https://evil.example",
        "Sec-Fetch-Site": "same-origin",
    },
}
OURS: dict[str, dict[str, str]] = {
    "no browser": {},
    "our page": {"Origin": "https://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
    "our page in an old browser": {"Origin": "https://127.0.0.1:{port}"},
    "our page, no origin": {"Sec-Fetch-Site": "same-origin"},
    "a person": {"Sec-Fetch-Site": "none"},
}


def of_page(headers: dict[str, str], port: int) -> dict[str, str]:
    return {name: value.format(port=port) for name, value in headers.items()}


class Page:
    """A server as a page reaches it: each request carries what the browser adds."""

    def __init__(self, server: Asker, added: dict[str, str]) -> None:
        self._server = server
        self._added = list(added.items())

    def request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply:
        pairs: Carrier = headers
        for name, value in self._added:
            pairs = plus(pairs, name, value)
        return self._server.request(verb, path, pairs, body)


def says_so(dialect: Dialect, reply: Reply, status: int) -> None:
    """The refusal is in the dialect's own form, and says why."""
    assert reply.status == status, reply
    assert reply.all("set-cookie") == []
    match dialect.name:
        case "zerto":
            assert list(reply.json()) == ["Message"]
        case "vi-json":
            assert reply.json()["_typeName"] == "InvalidRequest"
        case "soap":
            assert b"<InvalidRequestFault" in reply.body
            assert (reply.header("content-type") or "").startswith("text/xml")
        case "api":
            assert reply.json()["error_type"] in ("UNAUTHORIZED", "UNSUPPORTED")
        case "rest":
            assert reply.json()["type"].startswith("com.vmware.vapi.std.errors.un")
        case "json-rpc":
            assert reply.json()["error"]["code"] == -32600
            assert reply.json()["id"] is None
        case "zerto-appliance":
            assert reply.json()["error"] in ("access_denied", "invalid_request")
        case name:
            pytest.fail(f"how does {name} refuse?")


@each("page", FOREIGN)
@each_dialect
def test_sec_85_a_foreign_page_opens_and_ends_nothing(
    page: str, dialect: Dialect, shared: Server
) -> None:
    foreign = Page(shared, of_page(FOREIGN[page], shared.port))
    token = dialect.token(shared, USER)
    for reply in (
        dialect.login(foreign, *USER),
        dialect.login(foreign, USER[0], "wrong"),
        dialect.logout(foreign, dialect.carry(token)),
        foreign.request("POST", dialect.path, {"Content-Type": "text/plain"}, "{}"),
    ):
        says_so(dialect, reply, 403)
        assert b"origin" in reply.body
    assert dialect.is_alive(shared, token)


@each("page", OURS)
@each_dialect
def test_sec_85_clients_and_our_own_page_are_untouched(
    page: str, dialect: Dialect, shared: Server
) -> None:
    ours = Page(shared, of_page(OURS[page], shared.port))
    token = dialect.token(ours, USER)
    assert dialect.is_alive(ours, token)
    assert dialect.worked(dialect.logout(ours, dialect.carry(token)))
    assert not dialect.is_alive(shared, token)


def test_sec_85_what_was_found(shared: Server) -> None:
    """A form of another site posted text/plain: /sdk ended the session, /rest opened one."""
    plain = [("Content-Type", "text/plain"), ("Origin", "https://evil.example")]
    soap = next(one for one in DIALECTS if one.name == "soap")
    token = soap.token(shared, USER)
    assert soap.logout(shared, [*plain, *soap.carry(token).items()]).status == 403
    assert soap.is_alive(shared, token)
    rest = ("Authorization", basic(*USER))
    assert shared.request("POST", "/rest/com/vmware/cis/session", [*plain, rest]).status == 403


def form(to: Asker, path: str, **members: str) -> Reply:
    typed = {"Content-Type": "application/x-www-form-urlencoded"}
    return to.request("POST", f"{REALM}{path}", typed, urllib.parse.urlencode(members))


def granted(to: Asker) -> Reply:
    who = {"username": USER[0], "password": USER[1]}
    return form(to, "/token", grant_type="password", client_id="zerto-client", **who)


@each("page", FOREIGN)
def test_sec_85_the_appliance_listens_to_no_foreign_page(page: str, shared: Server) -> None:
    foreign = Page(shared, of_page(FOREIGN[page], shared.port))
    tokens = granted(shared).json()
    kept = {"client_id": "zerto-client", "refresh_token": tokens["refresh_token"]}
    for reply in (granted(foreign), form(foreign, "/logout", **kept)):
        assert reply.status == 403
        assert reply.json()["error"] == "access_denied"
    assert form(shared, "/logout", **kept).status == 204


@pytest.mark.parametrize("page", OURS)
def test_sec_85_the_appliance_hears_clients_and_our_own_page(page: str, shared: Server) -> None:
    assert granted(Page(shared, of_page(OURS[page], shared.port))).status == 200


@pytest.mark.parametrize("path", ["/", "/no/such/path", "/docs", "/api/x", "/rest/x", "/sdk/x"])
def test_sec_85_no_address_is_left_out(path: str, shared: Server) -> None:
    assert shared.request("POST", path, {"Origin": "https://evil.example"}).status == 403
    assert shared.request("POST", path).status in (401, 404, 405)


# Behind a proxy, whose own address for us no browser has ever seen

PUBLIC = "https://gate.example.com"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that trusts a proxy on this machine."""
    settings = '[server]\nplain_http = true\ntrusted_proxies = ["127.0.0.1"]\n'
    folder = tmp_path_factory.mktemp("behind") / "data"
    with with_people(folder, settings=settings, flags=("--listen", "127.0.0.1:0")) as running:
        yield running


def statuses(server: Server, forwarded: dict[str, str]) -> dict[str, int]:
    """What a login gets from the public page, and from others."""
    soap = next(one for one in DIALECTS if one.name == "soap")
    own = f"http://127.0.0.1:{server.port}"
    pages = {"public": PUBLIC, "inner": own, "evil": "https://evil.example"}
    return {
        name: soap.login(Page(server, {"Origin": origin, **forwarded}), *USER).status
        for name, origin in pages.items()
    }


def test_sec_85_the_public_origin_is_that_of_the_forwarded_host(behind: Server) -> None:
    forwarded = {"X-Forwarded-Host": "gate.example.com", "X-Forwarded-Proto": "https"}
    assert statuses(behind, forwarded) == {"public": 200, "inner": 403, "evil": 403}
    assert statuses(behind, {}) == {"public": 403, "inner": 200, "evil": 403}


def test_sec_85_nobody_but_a_trusted_proxy_forwards_a_host(shared: Server) -> None:
    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    assert statuses(shared, forwarded)["evil"] == 403


# Not of requirement 85: the other thing that is refused before a dialect is asked


@each("coding", ["gzip", "GZIP", "deflate", "br", "identity, gzip"])
@each_dialect
def test_a_packed_body_is_415_in_the_dialects_form(
    coding: str, dialect: Dialect, shared: Server
) -> None:
    class Packer:
        def request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply:
            packed = gzip.compress(body.encode() if isinstance(body, str) else b"{}")
            return shared.request(verb, path, plus(headers, "Content-Encoding", coding), packed)

    reply = dialect.login(Packer(), *USER)
    says_so(dialect, reply, 415)
    assert b"Content-Encoding" in reply.body
    assert reply.header("accept-encoding") == "identity"


def test_a_packed_form_is_415_for_the_appliance(shared: Server) -> None:
    packed = Page(shared, {"Content-Encoding": "gzip"})
    reply = granted(packed)
    assert (reply.status, reply.json()["error"]) == (415, "invalid_request")
    assert reply.header("accept-encoding") == "identity"


@over_dialects
def test_a_body_said_to_be_as_it_is_is_read(dialect: Dialect, shared: Server) -> None:
    dialect.token(Page(shared, {"Content-Encoding": "Identity"}), USER)
