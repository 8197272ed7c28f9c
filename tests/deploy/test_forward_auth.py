"""The files of deploy/forward-auth, run: nginx, Caddy, HAProxy and Envoy before an application.

Each test runs at each proxy; sessiongate has the settings of docs/forward-auth.md. Between the two
stands a relay, by which sessiongate is away, or silent, or somebody else. What differs between
proxies stands in `STATUS`, and on that page.
"""

import http.client
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import pytest

from tests.basic import basic
from tests.each import each
from tests.end_to_end.serving import ADMIN, OTHER, USER, Headers, Reply, Server, with_people
from tests.house.sources import ROOT
from tests.peers import auth_proxies
from tests.peers.application import Application, Received
from tests.peers.auth_proxies import KINDS, ProxyKind
from tests.peers.relay import Relay
from tests.security.dialects import Dialect, over_dialects
from tests.until import PATIENCE

pytestmark = [pytest.mark.peer, pytest.mark.slow]

HOST = "grafana.example.com"
IDENTITY = ("remote-user", "remote-groups", "remote-name")
TOKENS = ("vmware-api-session-id", "x-zerto-session")

STATUS: dict[str, dict[str, int]] = {
    # What sessiongate says, or that it says nothing: what the client gets.
    "nginx": {"302": 500, "429": 500, "500": 500, "503": 500, "away": 500, "silent": 500},
    "caddy": {"302": 302, "429": 429, "500": 500, "503": 503, "away": 502, "silent": 504},
    "haproxy": {"302": 302, "429": 403, "500": 503, "503": 503, "away": 503, "silent": 503},
    "envoy": {"302": 302, "429": 429, "500": 503, "503": 503, "away": 503, "silent": 503},
}


def settings_of_the_page() -> str:
    """The settings that docs/forward-auth.md wants, on a free port."""
    page = (ROOT / "docs" / "forward-auth.md").read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (block,) = blocks
    assert HOST in block
    return block.replace("127.0.0.1:9669", "127.0.0.1:0")


@dataclass
class Site:
    """A proxy with what stands behind it."""

    kind: ProxyKind
    port: int
    server: Server
    relay: Relay
    application: Application

    def ask(
        self,
        target: str = "/",
        headers: Headers = (),
        *,
        method: str = "GET",
        body: bytes = b"",
        host: str = HOST,
    ) -> Reply:
        """One request on a connection of its own, with exactly these lines."""
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
        if not any(name.lower() == "connection" for name, _ in pairs):
            pairs.append(("Connection", "close"))
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in pairs]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as line:
            line.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            answer = http.client.HTTPResponse(line, method=method)
            answer.begin()
            got = tuple((name.lower(), value) for name, value in answer.getheaders())
            return Reply(answer.status, got, answer.read())

    def through(self, target: str = "/", headers: Headers = (), **more: str) -> list[Received]:
        """What reaches the application of such a request."""
        self.application.taken()
        self.ask(target, headers, **more)  # type: ignore[arg-type]
        return self.application.taken()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = f'{settings_of_the_page()}\n[admin]\nlisten = "off"\n'
    folder = tmp_path_factory.mktemp("asked") / "data"
    with with_people(folder, settings=settings, keep_alive=True) as running:
        yield running
        running.stop()


@pytest.fixture(scope="module", params=KINDS, ids=[one.name for one in KINDS])
def site(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    yield from site_of(request.param, server, tmp_path_factory)


@pytest.fixture(scope="module")
def ingress(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from site_of(auth_proxies.INGRESS, server, tmp_path_factory)


def site_of(
    kind: ProxyKind, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    if why := auth_proxies.missing(kind):
        pytest.skip(why)
    folder = tmp_path_factory.mktemp(kind.name)
    with (
        Application() as application,
        Relay(server.port) as relay,
        auth_proxies.running(kind, folder, relay.port, application.port) as port,
    ):
        yield Site(kind, port, server, relay, application)


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.vim_token(USER)


@pytest.fixture
def carried(token: str) -> list[tuple[str, str]]:
    return [("vmware-api-session-id", token)]


def of(one: Received) -> list[list[str]]:
    """Whom a request names to the application: the values of each identity header."""
    return [one.all(name) for name in IDENTITY]


# As proxies pass an empty header on, or leave it out.
def names_the_user(one: Received) -> bool:
    return of(one) == [[USER[0]], ["user"], [USER[0]]]


def test_what_a_client_gets(site: Site, server: Server, carried: list[tuple[str, str]]) -> None:
    admin = [("vmware-api-session-id", server.vim_token(ADMIN))]
    cases: list[tuple[int, str, Headers, str]] = [
        (200, "/", carried, HOST),
        (200, "/any/page?with=query", carried, HOST),
        (401, "/", (), HOST),
        (401, "/", [("vmware-api-session-id", "0" * 40)], HOST),
        (401, "/", [("Authorization", basic(*USER))], HOST),
        (401, "/", [*carried, *admin], HOST),
        (401, "/", [*carried, ("x-zerto-session", carried[0][1])], HOST),
        (403, "/admin", carried, HOST),
        (403, "/admin/x", carried, HOST),
        (403, "/ADMIN", carried, HOST),
        (200, "/administrators", carried, HOST),
        (200, "/admin/x", admin, HOST),
    ]
    if site.kind is not auth_proxies.NGINX:  # whose server_name is no rule of ours
        cases.append((403, "/", carried, "other.example.com"))
    for status, target, headers, host in cases:
        site.application.taken()
        reply = site.ask(target, headers, host=host)
        assert reply.status == status, (target, headers, reply)
        assert len(site.application.taken()) == (status == 200)
        if status == 401:
            assert reply.header("www-authenticate") == 'Bearer realm="sessiongate"'
        assert reply.header("set-cookie") is None


def test_a_body_goes_to_the_application_alone(site: Site, carried: list[tuple[str, str]]) -> None:
    body = b"x" * 100_000
    for method in ("POST", "PUT", "DELETE"):
        site.application.taken()
        assert site.ask("/api", carried, method=method, body=body).status == 200
        [one] = site.application.taken()
        assert (one.method, one.target, one.body) == (method, "/api", body)
        assert site.ask("/api", (), method=method, body=b"x").status == 401
        assert site.application.taken() == []


@over_dialects
def test_a_session_of_any_dialect_passes_until_it_ends(site: Site, dialect: Dialect) -> None:
    session = dialect.token(site.server, OTHER)
    site.application.taken()
    assert site.ask("/", dialect.carry(session)).status == 200
    [one] = site.application.taken()
    assert one.all("remote-user") == [OTHER[0]]
    assert dialect.worked(dialect.logout(site.server, dialect.carry(session)))
    assert site.ask("/", dialect.carry(session)).status == 401
    assert site.application.taken() == []


def test_sec_08_a_terminated_session_is_refused_at_once(site: Site, server: Server) -> None:
    session = server.vim_token(OTHER)
    carried = [("vmware-api-session-id", session)]
    assert site.ask("/", carried).status == 200
    key = server.get("currentSession", session).json()["key"]
    assert server.run("sessions", "terminate", key).code == 0
    assert site.ask("/", carried).status == 401


# As somebody who wants to be the administrator would write it.
CLAIMS = [
    [("Remote-User", "admin"), ("Remote-Groups", "administrator"), ("Remote-Name", "admin")],
    [("remote-user", "admin"), ("REMOTE-GROUPS", "administrator")],
    [("Remote_User", "admin"), ("Remote_Groups", "administrator"), ("REMOTE_NAME", "admin")],
    [("Remote-User", "admin"), ("Remote-User", "admin"), ("Remote_User", "admin")],
    [("Remote-User", ""), ("Remote-Groups", "")],
    [("Remote-User", "admin,root"), ("Remote-Email", "admin@example.com")],
    [("Remote.User", "admin"), ("Remote.Groups", "administrator"), ("Remote.Name", "admin")],
    [("Remote~User", "admin"), ("remote!groups", "administrator"), ("REMOTE|NAME", "admin")],
    [("Remote_Email", "admin@example.com"), ("Remote.Email", "admin@example.com")],
]


@each("claim", CLAIMS)
def test_sec_34_no_spelling_of_an_identity_header_reaches_the_application(
    site: Site, claim: list[tuple[str, str]], carried: list[tuple[str, str]]
) -> None:
    came = site.through("/", [*claim, *carried])
    assert all(names_the_user(one) and one.all("remote-email") == [] for one in came)
    assert len(came) == 1 or site.ask("/", [*claim, *carried]).status == 400
    assert site.through("/", claim) == []
    assert site.through("/admin", [*claim, *carried]) == []


@each(
    "named",
    [
        "close, Remote-User",
        "close, Remote-User, Remote-Groups, Remote-Name",
        "remote-groups, close",
        "close, vmware-api-session-id",
        "close, X-Forwarded-Uri, X-Forwarded-Host, X-Original-URL, X-Original-Method",
        "Upgrade, Remote-User",
    ],
)
def test_sec_35_a_connection_header_takes_nothing_of_ours_off(
    site: Site, named: str, carried: list[tuple[str, str]]
) -> None:
    headers = [("Connection", named), *carried]
    if "close" not in named:
        headers.append(("Upgrade", "h2c"))
    came = site.through("/", headers)
    assert came or site.ask("/", headers).status >= 400
    for one in came:
        assert names_the_user(one), one
        # Nor is there a further hop that would do it.
        assert "remote-" not in " ".join(one.all("connection")).lower()
    assert site.through("/admin", headers) == []


OVERRIDES = [
    [("X-HTTP-Method-Override", "DELETE")],
    [("x-http-method", "delete")],
    [("X-Method-Override", "GET"), ("X-Method-Override", "DELETE")],
    [("X_HTTP_Method_Override", "DELETE")],
    [("X.HTTP.Method.Override", "DELETE")],
]


@each("override", OVERRIDES)
def test_sec_38_no_header_makes_another_method_of_one_that_is_let_through(
    site: Site, override: list[tuple[str, str]], carried: list[tuple[str, str]]
) -> None:
    assert site.ask("/reports", carried).status == 200
    assert site.ask("/reports", carried, method="DELETE").status == 403
    for one in site.through("/reports", [*override, *carried]):
        # nginx drops a name with another sign than "-", and the request with it is as without.
        assert all(one.all(name) == [] for name, _ in override)
    assert len(site.through("/", [*override, *carried])) == 1 or "-" not in override[0][0]


FORGED = [
    [("X-Forwarded-Uri", "/"), ("X-Forwarded-Method", "GET"), ("X-Forwarded-Host", HOST)],
    [("X-Original-URL", f"http://{HOST}/"), ("X-Original-Method", "GET")],
    [("X-Original-URI", "/"), ("X-Rewrite-URL", "/"), ("X-Forwarded-Prefix", "/")],
    [("X_Forwarded_Uri", "/"), ("X_Original_URL", f"http://{HOST}/")],
    [("X-Forwarded-Host", "other.example.com"), ("Forwarded", "host=other.example.com")],
    [("X-Envoy-Original-Path", "/"), ("X-HTTP-Method-Override", "GET")],
    [("User-Agent", "kube-probe/1.30")],
    [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1")],
]


@each("forged", FORGED)
def test_sec_33_36_what_a_client_says_of_its_request_decides_nothing(
    site: Site, forged: list[tuple[str, str]], carried: list[tuple[str, str]]
) -> None:
    assert site.through("/admin", [*forged, *carried]) == []
    assert site.ask("/admin", [*forged, *carried]).status in (400, 403)
    assert site.through("/", forged) == []
    assert site.ask("/", forged).status in (400, 401)


PATHS = [
    "/admin",
    "/admin/",
    "/admin?x=/public",
    "/admin/x.css",
    "/%61dmin",
    "/%61%64%6d%69%6e/",
    "//admin",
    "///admin",
    "/./admin",
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public/%2E./admin",
    "/public/..%2fadmin",
    "/public/..%5cadmin",
    "/public/..\\admin",
    "/public\\..\\admin",
    "/public/..;/admin",
    "/public;/../admin",
    "/;x=1/admin",
    "/admin;x=1",
    "/admin%3bx",
    "/%2fadmin",
    "/%2e/admin",
    "/public/%252e%252e/admin",
    "/%2561dmin",
    "/admin%00",
    "/admin%2fx",
    "/ADMIN",
    "/Admin/x",
    "/public/%c0%ae%c0%ae/admin",
    "/%ef%bc%8fadmin",
    "/public#/../admin",
    "/admin%",
    "http://grafana.example.com/admin",
    "http://other.example.com/admin",
]


def resources(target: str) -> set[str]:
    """What the most careless of applications could take a target for, in small letters."""
    found, path = set(), target.partition("?")[0]
    for _ in range(3):
        path = unquote(path, "latin-1").replace("\\", "/").replace("\xc0\xae", ".")
        kept: list[str] = []
        for one in re.sub(r";[^/]*", "", path).split("/"):
            if one == "..":
                kept = kept[:-1]
            elif one not in ("", "."):
                kept.append(one.rstrip("\0"))
        found.add("/".join(kept).lower())
    return found


@each("target", PATHS)
def test_sec_38_what_is_judged_is_what_the_application_gets(
    site: Site, target: str, carried: list[tuple[str, str]]
) -> None:
    for one in site.through(target, carried):
        assert not any(f"{found}/".startswith("admin/") for found in resources(one.target)), one
        assert one.all("host") == [HOST]


CARRIERS = [
    [("vmware-api-session-id", "{}")],
    [("x-zerto-session", "{}")],
    [("Cookie", "vmware_soap_session={}")],
    [("Cookie", 'theme=dark; vmware_soap_session="{}"; lang=en')],
    [("Cookie", "vmware-api-session-id={}; theme=dark; lang=en")],
    [("Cookie", "theme=dark;lang=en;vmware-api-session-id={}")],
    [("Cookie", "theme=dark; lang=en; vmware_soap_session ={}")],
    [("Authorization", "Bearer {}")],
    [("Authorization", "bearer\t{}")],
]


@each("carrier", CARRIERS)
def test_sec_43_the_application_never_sees_the_token(
    site: Site, token: str, carrier: list[tuple[str, str]]
) -> None:
    shows_no_token(site, token, carrier)


def shows_no_token(site: Site, token: str, carrier: list[tuple[str, str]]) -> None:
    [one] = site.through("/", [(name, value.format(token)) for name, value in carrier])
    assert names_the_user(one)
    assert token not in repr(one)
    cookies = "; ".join(one.all("cookie"))
    assert ("theme=dark" in cookies, "lang=en" in cookies) == (("theme" in str(carrier),) * 2)


def test_sec_43_the_snippet_of_an_ingress_takes_the_token_out(ingress: Site, token: str) -> None:
    for carrier in CARRIERS:
        shows_no_token(ingress, token, carrier)
    for cookies in TWICE:
        passes_no_second_on(ingress, token, cookies)
    own = basic(USER[0], "the application's")
    carried = ("vmware-api-session-id", token)
    [one] = ingress.through("/", [carried, ("Authorization", own), ("Cookie", "theme=dark")])
    assert (one.all("authorization"), one.all("cookie")) == ([own], ["theme=dark"])


def test_the_applications_own_password_reaches_it(
    site: Site, carried: list[tuple[str, str]]
) -> None:
    own = basic(USER[0], "the application's")
    [one] = site.through("/", [*carried, ("Authorization", own)])
    assert one.all("authorization") == [own]


def test_sec_43_two_tokens_are_refused_and_none_slips_by(
    site: Site, token: str, carried: list[tuple[str, str]]
) -> None:
    """Whichever of the two is looked for first, and wherever the other one is."""
    for more in (
        [("Cookie", f"vmware_soap_session={token}")],
        [("Cookie", "vmware_soap_session=")],
        [("Authorization", f"Bearer {token}")],
        [("vmware-api-session-id", token)],
        [("vmware-api-session-id", "")],
    ):
        assert site.through("/", [*carried, *more]) == []
    for cookies in (
        f"vmware_soap_session=; vmware_soap_session={token}",
        f"vmware_soap_session={token}; vmware-api-session-id={token}",
    ):
        assert site.through("/", [("Cookie", cookies)]) == []


TWICE = [
    "vmware_soap_session=; vmware_soap_session={}",
    "theme=dark; vmware-api-session-id=; vmware-api-session-id={}",
    'vmware_soap_session="";vmware_soap_session\t= {}; vmware_soap_session={}',
]


@each("cookies", TWICE)
def test_sec_43_the_proxy_itself_passes_no_second_cookie_of_ours_on(
    site: Site, token: str, cookies: str
) -> None:
    passes_no_second_on(site, token, cookies)


def passes_no_second_on(site: Site, token: str, cookies: str) -> None:
    """Even where an auth server would let both through."""
    with Application() as other:
        site.relay.target = other.port
        site.relay.cut()
        try:
            for one in site.through("/", [("Cookie", cookies.replace("{}", token))]):
                assert token not in repr(one)
        finally:
            site.relay.target = site.server.port
            site.relay.cut()


def test_sec_48_whatever_sessiongate_answers_nobody_is_let_through_but_by_200(
    site: Site, carried: list[tuple[str, str]]
) -> None:
    with Application() as other:
        site.relay.target = other.port
        site.relay.cut()
        try:
            for status in (302, 429, 500, 503):
                more = [("Location", "https://login.example/")] if status == 302 else []
                other.answers(status, *more)
                assert site.through("/", carried) == []
                assert site.ask("/", carried).status == STATUS[site.kind.name][str(status)]
            other.answers(200)
            for one in site.through("/", [("Remote-User", "admin"), *carried]):
                assert [value for values in of(one) for value in values if value] == []
        finally:
            site.relay.target = site.server.port
            site.relay.cut()
    assert site.ask("/", carried).status == 200


def test_sec_48_without_an_answer_nobody_is_let_through(
    site: Site, carried: list[tuple[str, str]]
) -> None:
    expected = STATUS[site.kind.name]
    try:
        site.relay.refuse = True
        site.relay.cut()
        assert site.through("/", carried) == []
        assert site.ask("/", carried).status == expected["away"]
        site.relay.heal()
        assert site.ask("/", carried).status == 200
        site.relay.silent = True
        site.application.taken()
        assert site.ask("/", carried).status == expected["silent"]
        assert site.application.taken() == []
    finally:
        site.relay.heal()
    assert site.ask("/", carried).status == 200


def test_connections_to_sessiongate_are_kept(site: Site, carried: list[tuple[str, str]]) -> None:
    if site.kind is auth_proxies.HAPROXY:
        pytest.xfail("the HTTP client of HAProxy 2.6 opens one for each check")
    site.relay.cut()
    before = site.relay.accepted
    for _ in range(20):
        assert site.ask("/", carried).status == 200
    assert site.relay.accepted - before <= 2
