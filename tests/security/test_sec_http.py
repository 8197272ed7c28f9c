"""What HTTP can carry in and out: requirements 18 to 20, 39, 40, 42, 45, 47, 51, 52, 60."""

import json
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.basic import basic
from tests.each import each
from tests.end_to_end.serving import ADMIN, USER, Reply, Server, add_people, vim, with_people
from tests.security.broken import CANARY, TOKEN
from tests.security.dialects import (
    DIALECTS,
    UNSIGNED,
    Appliance,
    Dialect,
    JsonRpc,
    Manages,
    each_dialect,
    over_dialects,
    over_managers,
)
from tests.until import PATIENCE

MakeServer = Callable[..., Server]
Someone = Callable[[str], tuple[str, str]]


# 18: where no token or password may turn up


@pytest.mark.slow
def test_sec_18_no_secret_in_any_output(make_server: MakeServer) -> None:
    """Everything is done with secrets that stand out, and then looked for everywhere."""
    server = make_server(settings="[lockout]\nattempts = 100\n")
    secrets = [USER[1], "Canary-wrong-password", "local-ticket-canary"]
    said: list[bytes] = []

    def keep(reply: Reply, *, opens: bool = False) -> Reply:
        if not opens:
            said.append(reply.body + repr(reply.headers).encode())
        return reply

    admin = server.vim_token(ADMIN)
    secrets += [ADMIN[1], admin]
    for dialect in DIALECTS:
        token = dialect.token(server, USER)
        secrets.append(token)
        carrier = dialect.carry(token)
        keep(dialect.login(server, USER[0], "Canary-wrong-password"))
        keep(dialect.login(server, "nobody-knows", "local-ticket-canary"))
        keep(dialect.check(server, carrier))
        keep(dialect.check(server, carrier, f"?vmware-api-session-id={token}"))
        keep(dialect.login(server, *USER, carrier), opens=dialect.name not in ("vi-json", "soap"))
        keep(server.request("PUT", dialect.path, carrier))
        keep(server.request("GET", f"/no/such/path?token={token}", carrier))
        if isinstance(dialect, Manages):
            ticket = dialect.clone_ticket(server, carrier)
            secrets.append(ticket)
            keep(dialect.clone(server, f"{ticket}x"))
            keep(dialect.list_sessions(server, dialect.carry(admin)))
            keep(dialect.terminate(server, dialect.carry(admin), token))
        keep(dialect.logout(server, carrier))
        keep(dialect.logout(server, carrier))
    bodies = ('{"password": "Canary-wrong-password", "userName": 5}', '["Canary-wrong-password"')
    for body in bodies:
        for path in (vim("Login"), "/sdk", "/api", "/v1/session/add"):
            keep(server.request("POST", path, {"Authorization": basic(*USER)}, body), opens=True)
    commands = [
        server.run(*command)
        for command in (
            ("sessions", "list"),
            ("sessions", "list", "--output", "json"),
            ("users", "list"),
            ("config", "show"),
            ("check",),
        )
    ]
    server.stop()
    everything = "\n".join(
        [server.out.text, server.log.text, *(one.out + one.err for one in commands)]
    )
    assert "login refused" in server.log.text
    assert "session opened" in server.log.text
    for secret in secrets:
        assert secret not in everything
        for reply in said:
            assert secret.encode() not in reply


@each_dialect
@each("name", ["vmware-api-session-id", "x-zerto-session", "vmware_soap_session"])
def test_sec_18_a_token_in_the_query_is_ignored(
    name: str, dialect: Dialect, shared: Server
) -> None:
    token = dialect.token(shared, USER)
    assert not dialect.worked(dialect.check(shared, {}, f"?{name}={token}"))
    assert dialect.is_alive(shared, token)


# 19: two carriers


CARRIERS: dict[str, Callable[[str], tuple[str, str]]] = {
    "vmware header": lambda token: ("vmware-api-session-id", token),
    "zerto header": lambda token: ("x-zerto-session", token),
    "soap cookie": lambda token: ("Cookie", f'vmware_soap_session="{token}"'),
    "rest cookie": lambda token: ("Cookie", f"vmware-api-session-id={token}"),
}


@each_dialect
@each("carrier", CARRIERS)
@each("first", [True, False], ids=["before", "after"])
def test_sec_19_81_carriers_that_disagree_are_refused(
    carrier: str, first: bool, dialect: Dialect, shared: Server
) -> None:
    mine, other = dialect.token(shared, USER), shared.vim_token(ADMIN)
    ours = list(dialect.carry(mine).items())
    theirs = [CARRIERS[carrier](other)]
    both = theirs + ours if first else ours + theirs
    assert not dialect.worked(dialect.check(shared, both))
    assert not dialect.worked(dialect.logout(shared, both))
    assert dialect.is_alive(shared, mine)
    assert shared.is_alive(other)
    # Two that agree are one. A signed token agrees with no other: its session's own was never told.
    same = ours[0] if dialect.signed else CARRIERS[carrier](mine)
    assert dialect.worked(dialect.check(shared, [same, *ours]))


# Where the credential of a login stands: in the Authorization header, or in the body.
IN_HEADER = ("zerto", "api", "rest")


@each_dialect
@each("first", [True, False], ids=["before", "after"])
@each(
    "beside",
    [
        basic(*ADMIN),
        basic(USER[0], ADMIN[1]),
        basic(ADMIN[0], USER[1]),
        basic(USER[0].upper(), USER[1]),
        basic(*ADMIN).replace("Basic", "bAsIc"),
        "Basic ????",
        "Basic",
    ],
    ids=["another", "password", "name", "case", "scheme", "unreadable", "empty"],
)
def test_sec_19_81_two_credentials_that_disagree_open_no_session(
    beside: str, first: bool, dialect: Dialect, shared: Server
) -> None:
    """A Basic header beside the name and password of the body, or beside another one."""
    header = [("Authorization", beside)]
    if dialect.name in IN_HEADER:
        own = [("Authorization", basic(*USER))]
        both = header + own if first else own + header
        reply = shared.request("POST", dialect.path, both)
    else:
        reply = dialect.login(shared, *USER, headers=header)
    assert not dialect.worked(reply)
    assert reply.header("set-cookie") is None
    assert reply.header("vmware-api-session-id") is None
    assert reply.header("x-zerto-session") is None
    assert reply.status in (200, 400, 401, 500)


@pytest.mark.parametrize(
    "dialect", [one for one in DIALECTS if one.name not in (*IN_HEADER, "zerto-appliance")], ids=str
)
def test_sec_19_81_the_same_credential_twice_is_one(dialect: Dialect, shared: Server) -> None:
    """The appliance is left out: there, a Basic header is of the client and not of the user."""
    own = [("Authorization", basic(*USER))]
    assert dialect.worked(dialect.login(shared, *USER, headers=own))
    # A proxy in front has a token of its own; it names nobody who logs in.
    bearer = [("Authorization", "Bearer aaaa.bbbb.cccc")]
    assert dialect.worked(dialect.login(shared, *USER, headers=bearer))


def test_sec_19_81_a_client_in_the_header_and_another_in_the_form_are_none(
    appliance: Server,
) -> None:
    dialect = Appliance()
    robot = [("Authorization", basic("robot", "robot secret"))]
    grant = {"grant_type": "client_credentials"}
    for form in (
        {"client_id": "zerto-client"},
        {"client_id": "robot", "client_secret": "another"},
        {"client_secret": "another"},
    ):
        reply = dialect.post(appliance, "/token", robot, **grant, **form)
        assert (reply.status, reply.json()["error"]) == (401, "invalid_client")
    two = [*robot, ("Authorization", basic("zerto-client", "x"))]
    assert dialect.post(appliance, "/token", two, **grant, client_id="robot").status == 401
    for form in (
        {},
        {"client_id": "robot"},
        {"client_id": "robot", "client_secret": "robot secret"},
    ):
        assert dialect.post(appliance, "/token", robot, **grant, **form).status == 200


def test_sec_19_81_a_password_where_a_session_is_due_is_not_passed_over(shared: Server) -> None:
    """A security context that names a user, beside a header that names a session."""
    dialect, schemes = JsonRpc(), "com.vmware.vapi.std.security"
    token = shared.vim_token(USER)
    person = {"userName": ADMIN[0], "password": ADMIN[1]}
    contexts: list[dict[str, str]] = [
        {"schemeId": f"{schemes}.user_pass", **person},
        person,
        {"schemeId": f"{schemes}.bearer_token", "token": "aaaa.bbbb.cccc"},
        {"schemeId": f"{schemes}.saml_hok_token", "samlToken": "<x/>"},
        {"schemeId": f"{schemes}.session_id", "sessionId": shared.vim_token(ADMIN)},
    ]
    for operation in ("get", "delete"):
        for security in contexts:
            reply = dialect._call(shared, operation, dialect.carry(token), **security)
            assert not dialect.worked(reply), security
    nobody = {"schemeId": f"{schemes}.no_authentication"}
    assert dialect.worked(dialect._call(shared, "get", dialect.carry(token), **nobody))
    assert dialect.is_alive(shared, token)


@pytest.mark.parametrize("between", ["\t", "  ", " \t "])
def test_sec_19_81_a_tab_hides_neither_bearer_nor_basic(between: str, shared: Server) -> None:
    mine, other = shared.zerto_token(USER), shared.zerto_token(ADMIN)
    both = [("x-zerto-session", mine), ("Authorization", f"Bearer{between}{other}")]
    assert shared.request("GET", "/v1/serverDateTime", both).status == 401
    header = [("Authorization", basic(*ADMIN).replace(" ", between, 1))]
    for dialect in DIALECTS:
        if dialect.name not in IN_HEADER:
            assert not dialect.worked(dialect.login(shared, *USER, headers=header)), dialect


CLIENT = """
[dialects.appliance.clients.robot]
secret = "robot secret"
role = "user"
"""


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that a client with a secret may ask to judge tokens."""
    folder = tmp_path_factory.mktemp("appliance")
    with with_people(folder / "data", settings=CLIENT) as server:
        yield server
        server.stop()


@pytest.mark.parametrize("carrier", [*CARRIERS, "bearer", "signed bearer", "foreign bearer"])
def test_sec_19_81_what_a_form_names_and_what_is_carried_must_agree(
    carrier: str, appliance: Server
) -> None:
    """The refresh and logout by a refresh token, introspection and revocation of any token."""
    server, dialect = appliance, Appliance()
    mine, other = dialect.login(server, *USER).json(), server.vim_token(ADMIN)
    access, refresh = mine["access_token"], mine["refresh_token"]
    robot = {"client_id": "robot", "client_secret": "robot secret"}
    if carrier == "signed bearer":
        other = dialect.token(server, ADMIN)
    if carrier == "foreign bearer":
        other = "eyJ.eyJ.sig"
    theirs = [
        CARRIERS[carrier](other) if carrier in CARRIERS else ("Authorization", f"Bearer {other}")
    ]
    refused = [
        dialect.refresh(server, refresh, theirs),
        dialect.post(server, "/logout", theirs, client_id="zerto-client", refresh_token=refresh),
        dialect.post(server, "/token/introspect", theirs, token=access, **robot),
        dialect.post(server, "/token/introspect", theirs, token=refresh, **robot),
        dialect.post(server, "/revoke", theirs, client_id="zerto-client", token=access),
        dialect.post(server, "/revoke", theirs, client_id="zerto-client", token=refresh),
    ]
    assert [reply.status for reply in refused] == [401] * 6
    for reply in refused:
        assert reply.json()["error"] == "invalid_token"
    assert dialect.is_alive(server, access)
    # What agrees is one: the token in the form, and the one in the header of the same session.
    ours = list(dialect.carry(access).items())
    judged = dialect.post(server, "/token/introspect", ours, token=access, **robot)
    assert judged.json()["active"] is True
    assert dialect.refresh(server, refresh, ours).status == 200
    left = dialect.post(server, "/logout", ours, client_id="zerto-client", refresh_token=refresh)
    assert left.status == 204
    assert not dialect.is_alive(server, access)


@each("dialect", UNSIGNED, ids=str)
@each("plain", [True, False], ids=["classic bearer", "signed bearer"])
def test_sec_19_81_a_bearer_of_another_session_is_refused_in_every_dialect(
    plain: bool, dialect: Dialect, shared: Server
) -> None:
    mine = dialect.token(shared, USER)
    other = shared.vim_token(ADMIN) if plain else Appliance().token(shared, ADMIN)
    both = {**dialect.carry(mine), "Authorization": f"Bearer {other}"}
    assert not dialect.worked(dialect.check(shared, both))
    assert not dialect.worked(dialect.logout(shared, both))
    assert dialect.is_alive(shared, mine)
    own = {**dialect.carry(mine), "Authorization": f"Bearer {mine}"}
    assert dialect.worked(dialect.check(shared, own))


@pytest.mark.parametrize("carrier", CARRIERS)
def test_sec_19_a_bearer_is_one_more_carrier(carrier: str, shared: Server) -> None:
    mine, other = shared.zerto_token(USER), shared.zerto_token(ADMIN)
    bearer = ("Authorization", f"Bearer {mine}")
    assert shared.request("GET", "/v1/serverDateTime", [bearer]).status == 200
    same = [bearer, CARRIERS[carrier](mine)]
    assert shared.request("GET", "/v1/serverDateTime", same).status == 200
    both = [bearer, CARRIERS[carrier](other)]
    for verb, path in (("GET", "/v1/serverDateTime"), ("DELETE", "/v1/session")):
        assert shared.request(verb, path, both).status == 401
    assert shared.is_alive(mine)
    assert shared.is_alive(other)
    # Also beside a signed token, whatever that may say.
    signed = ("Authorization", "Bearer aaaa.bbbb.cccc")
    assert shared.request("GET", "/v1/serverDateTime", [signed, both[1]]).status == 401


def test_sec_19_two_bearers_are_two_carriers(shared: Server) -> None:
    mine, other = (
        ("Authorization", f"Bearer {shared.zerto_token(person)}") for person in (USER, ADMIN)
    )
    signed = ("Authorization", "Bearer aaaa.bbbb.cccc")
    header = ("x-zerto-session", mine[1].removeprefix("Bearer "))
    address = "/v1/serverDateTime"
    for both in (
        [mine, other],
        [other, mine],
        [mine, signed],
        [signed, mine],
        [header, mine, other],
    ):
        assert shared.request("GET", address, both).status == 401
    assert shared.request("GET", address, [mine, mine]).status == 200


@over_dialects
def test_sec_19_81_a_password_of_another_user_beside_a_session_is_refused(
    dialect: Dialect, shared: Server
) -> None:
    """Also where it cannot be read; clients that send their own on each call go on working."""
    mine = dialect.token(shared, USER)

    def beside(*credentials: str) -> list[tuple[str, str]]:
        return [*dialect.carry(mine).items(), *(("Authorization", one) for one in credentials)]

    own, others = basic(USER[0].upper(), "any at all"), basic(*ADMIN)
    for both in (
        beside(others),
        beside(others)[::-1],
        beside(own, others),
        beside(others.replace("Basic ", "bAsIc\t")),
        beside(basic(f"{USER[0]}@elsewhere.example", USER[1])),
        beside("Basic ????"),
    ):
        assert not dialect.worked(dialect.check(shared, both)), both
        assert not dialect.worked(dialect.logout(shared, both)), both
    assert dialect.worked(dialect.check(shared, beside(own)))
    assert dialect.worked(dialect.check(shared, beside(own, own)))
    assert dialect.worked(dialect.logout(shared, beside(own)))


def test_sec_19_two_passwords_are_none(shared: Server) -> None:
    """Whoever stands in front may have looked at the other one."""
    right, wrong = ("Authorization", basic(*USER)), ("Authorization", basic(USER[0], "wrong"))
    for path in ("/v1/session/add", "/api/session", "/rest/com/vmware/cis/session"):
        for both in ([right, wrong], [wrong, right]):
            assert shared.request("POST", path, both).status == 401
        assert shared.request("POST", path, [right, right]).status in (200, 201)


# 20: cookies


@over_dialects
def test_sec_20_cookies_are_set_where_clients_need_them_and_closed(
    dialect: Dialect, shared: Server
) -> None:
    login = dialect.login(shared, *USER)
    token = dialect.token_of(login)
    assert token
    cookies = login.all("set-cookie")
    assert len(cookies) == (1 if dialect.sets_cookie else 0)
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "secure"} <= attributes
        assert any(attribute.startswith("path=/") for attribute in attributes)
        assert not any(attribute.startswith("domain") for attribute in attributes)
    for reply in (
        dialect.check(shared, dialect.carry(token)),
        dialect.login(shared, USER[0], "wrong"),
        dialect.logout(shared, dialect.carry(token)),
        dialect.check(shared, {}),
    ):
        assert reply.all("set-cookie") == []


# 39, 40: what a request is


TIME = "/v1/serverDateTime"


def asked_of(host: str, server: Server, path: str, token: str = "") -> int:
    """The status of a GET of this path under this Host."""
    name = "Authorization: Bearer" if "." in token else "x-zerto-session:"
    carrier = f"{name} {token}\r\n" if token else ""
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{carrier}Connection: close\r\n\r\n"
    return int(server.raw(head.encode()).split(b" ")[1])


@each("host", ["admin", "127.0.0.1:1", "[::1]", "gate.example.com", "docs", ""])
@each_dialect
def test_sec_39_the_host_header_decides_nothing(
    host: str, dialect: Dialect, shared: Server
) -> None:
    """Every name of a host gets what the path that came gets, with a session and without one."""
    token = dialect.token(shared, USER)
    assert asked_of(host, shared, TIME) == 401
    assert asked_of(host, shared, TIME, token) == 200
    assert asked_of(host, shared, "/no/such/path", token) == 404
    assert asked_of(host, shared, "/docs") == 200
    assert dialect.is_alive(shared, token)


@each("host", ["x/../v1/session", "x/docs?", "x?y", "x/docs#", "a@b", "x\\docs"])
@each_dialect
def test_sec_39_a_host_that_holds_a_path_is_none(
    host: str, dialect: Dialect, shared: Server
) -> None:
    """It would change a rebuilt address: refused with a session and without, whatever the path."""
    token = dialect.token(shared, USER)
    for path in (TIME, "/docs", "/no/such/path"):
        assert asked_of(host, shared, path) == 400
        assert asked_of(host, shared, path, token) == 400
    assert dialect.is_alive(shared, token)


PATHS = [
    "/v1//session",
    "/v1/./session",
    "/v1/x/../session",
    "/v1/session;a=b",
    "/v1/%73ession",
    "//v1/session",
    "/v1\\session",
    "/sdk/vim25/8.0.3.0/../8.0.3.0/SessionManager/SessionManager/Logout",
]


@pytest.mark.parametrize("path", PATHS)
def test_sec_39_paths_are_taken_as_they_come(path: str, shared: Server) -> None:
    """No spelling of a path reaches what another path names, with or without a session."""
    token = shared.zerto_token(USER)
    for verb in ("DELETE", "POST"):
        reply = shared.request(
            verb, path, {"x-zerto-session": token, "vmware-api-session-id": token}
        )
        assert reply.status >= 400
    assert shared.is_alive(token)


AMBIGUOUS = {
    "two hosts": b"Host: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
    "no host": b"Content-Length: 0\r\n\r\n",
    "length and chunked": b"Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n",
    "two lengths": b"Host: a\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\n{}{}",
    "bad chunk": b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "folded": b"Host: a\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "bare line feeds": b"Host: a\nContent-Length: 0\n\n",
    "space before colon": b"Host : a\r\nContent-Length: 0\r\n\r\n",
    "negative length": b"Host: a\r\nContent-Length: -1\r\n\r\n",
    "unknown coding": b"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "nul": b"Host: a\r\nX-A: \x00\r\nContent-Length: 0\r\n\r\n",
}


@each("how", AMBIGUOUS)
@each_dialect
def test_sec_40_ambiguous_requests_get_one_400_and_the_door(
    how: str, dialect: Dialect, shared: Server
) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    line = f"POST {dialect.path} HTTP/1.1\r\n".encode()
    answer = shared.raw(line + AMBIGUOUS[how] + smuggled)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), answer[:200]
    assert answer.count(b"HTTP/1.1 ") == 1


# 42: what is repeated splits nothing


@over_dialects
def test_sec_42_names_and_agents_split_neither_reply_nor_log(
    dialect: Dialect, shared: Server, someone: Someone
) -> None:
    evil = f'{dialect.name}\r\nX-Evil: 1\n\x0b\x1b[31m\u2028\x85{{}}"level": "info"'
    if dialect.name == "soap":
        evil = evil.replace("\x0b", "").replace("\x1b", "")  # XML cannot hold them
    before = len(shared.log.lines)
    refused = dialect.login(shared, evil, "wrong", {"User-Agent": "agent \xe9 \u00ff"})
    assert not dialect.worked(refused)
    assert refused.header("x-evil") is None
    assert shared.log.wait_for(lambda lines: len(lines) > before)
    for line in shared.log.lines[before:]:
        assert "X-Evil" not in line or json.loads(line)["event"] == "login refused", line
        json.loads(line)
    opened = dialect.token(shared, someone("user"))
    assert dialect.is_alive(shared, opened)


def of_appliance(to: Server, user: str, **more: str) -> Reply:
    """A login of the appliance dialect with a wrong password."""
    form = {"grant_type": "password", "client_id": "zerto-client", "username": user, **more}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "agent \xe9 \u00ff",
    }
    path = "/auth/realms/zerto/protocol/openid-connect/token"
    return to.request("POST", path, headers, urllib.parse.urlencode({"password": "x", **form}))


def test_sec_42_what_the_appliance_is_told_splits_neither_reply_nor_log(shared: Server) -> None:
    evil = 'appliance\r\nX-Evil: 1\n\x0b\x1b[31m\u2028\x85{}"level": "info"'
    before = len(shared.log.lines)
    for reply in (
        of_appliance(shared, evil),
        of_appliance(shared, "nobody", client_id=evil),
        of_appliance(shared, "nobody", grant_type=evil),
        of_appliance(shared, "nobody", scope=evil),
        of_appliance(shared, "nobody", **{evil: evil}),
    ):
        assert reply.status in (400, 401)
        assert reply.header("x-evil") is None
        assert b"X-Evil" not in reply.body
    assert shared.log.wait_for(lambda lines: any("X-Evil" in line for line in lines[before:]))
    for line in shared.log.lines[before:]:
        said = json.loads(line)
        if "X-Evil" in line:
            assert (said["event"], said["user"]) == ("login refused", evil)


def test_sec_42_what_the_appliance_gives_back_splits_nothing(shared: Server) -> None:
    """The scope asked for, the client and the host of the issuer come back in a grant."""
    reply = of_appliance(shared, USER[0], password=USER[1], scope="openid\r\nX-Evil: 1")
    assert reply.status == 200
    assert reply.header("x-evil") is None
    assert reply.json()["scope"] == "openid profile email"
    line = "GET /auth/realms/zerto/.well-known/openid-configuration HTTP/1.1"
    for host, status in (("a%0d%0aX-Evil:1", b"200"), ('a"b', b"400"), ("a\rX-Evil: 1", b"400")):
        head = f"{line}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        answer = shared.raw(head.encode())
        assert answer.split(b" ")[1] == status
        assert b"\r\nX-Evil" not in answer


def test_sec_42_a_locale_that_would_split_is_refused(shared: Server) -> None:
    reply = shared.vim_login(*USER, locale="en\r\nX-Evil: 1")
    assert reply.status == 500
    assert reply.json()["_typeName"] == "InvalidLocale"
    assert reply.header("x-evil") is None


# 45: verbs, and plain HTTP


VERBS = ("TRACE", "PUT", "PATCH", "OPTIONS", "CONNECT", "PROPFIND", "DELETE", "GET", "HEAD")


@each(
    ("verb", "dialect"),
    [(verb, one) for one in DIALECTS for verb in VERBS if verb not in one.verbs],
    ids=str,
)
def test_sec_45_only_listed_methods(verb: str, dialect: Dialect, shared: Server) -> None:
    canary = "canary-of-trace"
    reply = shared.request(verb, dialect.path, {"X-Canary": canary})
    assert reply.status in (400, 404, 405, 501), reply
    if reply.status == 405:
        assert set((reply.header("allow") or "").split(", ")) == dialect.verbs
    assert canary.encode() not in reply.body
    assert reply.header("access-control-allow-origin") is None


@over_dialects
def test_sec_45_plain_http_is_not_redirected(dialect: Dialect, shared: Server) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), PATIENCE) as plain:
        plain.sendall(
            f"POST {dialect.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode()
        )
        got = b""
        try:
            while chunk := plain.recv(4096):
                got += chunk
        except ConnectionResetError:
            pass
    assert b"HTTP/" not in got
    assert b"Location" not in got


# 47: limits


@over_dialects
def test_sec_47_a_body_beyond_the_limit_is_413(dialect: Dialect, shared: Server) -> None:
    head = f"POST {dialect.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"
    answer = shared.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1 ") == 1


DEEP = {"[": 1, '{"a":': 5, "<a>": 3, '{"a":1,': 7}


@over_dialects
def test_sec_47_deep_and_wide_bodies_are_answered_soon(dialect: Dialect, shared: Server) -> None:
    """Those of a stranger, and larger ones beside a live session, which alone are taken."""
    token = dialect.token(shared, USER)
    form = "application/x-www-form-urlencoded"
    kind = form if dialect.signed else "application/json"
    stranger = {"Authorization": basic(*USER), "Content-Type": kind}
    known = {**stranger, **dialect.carry(token)}
    for size, headers in ((60_000, stranger), (500_000, known)):
        for begun, length in DEEP.items():
            body = begun.encode() * (size // length)
            reply = shared.request("POST", dialect.path, headers, body)
            # The dialects that take their credential from a header need not look at the body.
            assert reply.status in (200, 201, 400, 401, 413, 500)
            if reply.status == 500:
                assert b"InvalidRequest" in reply.body or b"fault" in reply.body.lower()
            if dialect.signed:
                assert reply.status == 413
            elif dialect.name == "zerto" and headers is stranger:
                assert reply.status == 400
    assert shared.request("POST", dialect.path, stranger, b"[" * 500_000).status == 413
    assert shared.zerto_login(*USER).status == 200


# 51: an error that nobody foresaw


@pytest.fixture(scope="module", params=["json", "text"])
def broken(request: pytest.FixtureRequest) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """The replies of every dialect over services that break, by dialect, and the log of it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.security.broken", request.param],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return json.loads(done.stdout), done.stderr


@pytest.mark.slow
@over_dialects
def test_sec_51_an_unforeseen_error_tells_nothing(
    dialect: Dialect, broken: tuple[dict[str, list[dict[str, Any]]], str]
) -> None:
    replies = broken[0][dialect.name]
    assert len(replies) >= 3
    for reply in replies:
        # JSON-RPC has its errors inside a 200.
        assert reply["status"] == (200 if dialect.name == "json-rpc" else 500)
        text = reply["body"]
        for hidden in (CANARY, "RuntimeError", "Traceback", "sessiongate/", ".py", USER[1]):
            assert hidden not in text
        if dialect.name == "soap":
            assert "SystemError" in text
            assert ET.fromstring(text).tag.endswith("Envelope")
        elif dialect.name == "vi-json":
            assert json.loads(text)["_typeName"] == "SystemError"
            assert json.loads(text)["faultstring"]
        elif dialect.name == "zerto":
            assert list(json.loads(text)) == ["Message"]
        elif dialect.signed:
            assert json.loads(text)["error"] == "server_error"
        else:
            assert "INTERNAL_SERVER_ERROR" in text


def test_sec_51_18_the_traceback_is_ours_and_holds_no_secret(
    broken: tuple[dict[str, list[dict[str, Any]]], str],
) -> None:
    replies, log = broken
    assert set(replies) == {dialect.name for dialect in DIALECTS}
    assert log.count("unforeseen error") == sum(map(len, replies.values()))
    assert "router.py" in log
    for secret in (CANARY, USER[1], TOKEN, basic(*USER)):
        assert secret not in log


# 52: names are text

MARKUP = "</userName><x>&\"'<!--"


@over_dialects
def test_sec_52_a_name_full_of_markup_stays_text(dialect: Dialect, shared: Server) -> None:
    person = (MARKUP + dialect.name, "markup pass")
    add_people(shared.data_dir / "users.toml", {person: "user"})
    login = dialect.login(shared, *person)
    token = dialect.token_of(login)
    assert token
    if not dialect.signed:
        shown = shared.get("currentSession", token).json()
        assert shown["userName"] == person[0]
        assert shown["fullName"] == person[0]
    if dialect.name == "soap":
        root = ET.fromstring(login.body)
        (name,) = root.iter("{urn:vim25}userName")
        assert name.text == person[0]
        assert not list(root.iter("{urn:vim25}x"))
    check = dialect.check(shared, dialect.carry(token))
    assert dialect.worked(check)
    if dialect.name in ("api", "rest", "json-rpc", "zerto-appliance"):
        assert person[0] in json.dumps(check.json(), ensure_ascii=False).replace('\\"', '"')


@over_managers
def test_sec_52_a_message_full_of_markup_stays_text(dialect: Manages, shared: Server) -> None:
    admin = shared.vim_token(ADMIN)
    assert shared.call("UpdateServiceMessage", admin, {"message": MARKUP}).status == 204
    assert shared.get("message", admin).json() == MARKUP
    wrong = {"userName": MARKUP, "locale": MARKUP}
    reply = shared.call("ImpersonateUser", admin, wrong)
    assert reply.status == 500
    assert shared.call("UpdateServiceMessage", admin, {"message": ""}).status == 204


# 60: nothing of one session reaches another


def is_for_one(reply: Reply) -> bool:
    """Whether nobody in between may keep it, or only ask again each time."""
    said = (reply.header("cache-control") or "").split(", ")
    return "no-store" in said or (reply.header("content-type") or "").startswith("text/xml")


@over_dialects
def test_sec_60_nobody_in_between_keeps_a_reply(dialect: Dialect, shared: Server) -> None:
    """Without a word of it, caches may keep what came by GET, refusals with 404 and 405 too."""
    opened = dialect.login(shared, *USER)
    carrier = dialect.carry(dialect.token_of(opened) or "")
    replies = [opened, dialect.check(shared, carrier), dialect.check(shared, {})]
    replies += [shared.request(verb, dialect.path, carrier) for verb in ("PATCH", "PUT")]
    assert all(is_for_one(reply) for reply in replies if reply.body)
    dialect.logout(shared, carrier)


READ = {
    "x-zerto-session": (*("vms", "vpgs", "alerts", "localsite", "serverDateTime", "nothing"),),
    "vmware-api-session-id": (
        *("api/vcenter/vm", "api/appliance/system/version", "api/nothing", "rest/nothing"),
        *(vim(name)[1:] for name in ("currentSession", "sessionList", "nothing")),
    ),
}


@pytest.mark.parametrize("carrier", READ)
def test_sec_60_nobody_in_between_keeps_what_was_read(carrier: str, shared: Server) -> None:
    token = shared.zerto_login(*USER).header("x-zerto-session") or ""
    for path in READ[carrier]:
        whole = f"/v1/{path}" if carrier.startswith("x-zerto") else f"/{path}"
        for headers in ({carrier: token}, {}, {carrier: token, "Accept": "application/xml"}):
            reply = shared.request("GET", whole, headers)
            assert reply.header("cache-control") == "no-store", (whole, reply.status)
            # What depends on a header says so, for those who keep replies all the same.
            assert (reply.header("vary") == "accept") == carrier.startswith("x-zerto")
