"""Zerto's session API, as its page shows it and as its clients really speak it."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.basic import basic
from tests.each import each
from tests.end_to_end.serving import ADMIN, OPERATOR, USER, Body, Reply, Server, add_people

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
AUTH = {"Authorization": basic(*USER)}
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
START = "/v1/session/add"
END = "/v1/session"


def opened(reply: Reply) -> str:
    """The token of a login as the page has it: 200, nothing in the body, the header once."""
    assert reply.status == 200, reply
    assert reply.body == b""
    assert reply.header("content-length") == "0"
    (token,) = reply.all("x-zerto-session")
    assert re.fullmatch(GUID, token)
    return token


def end(server: Server, token: str) -> Reply:
    return server.request("DELETE", END, {"x-zerto-session": token})


def test_the_flow_of_the_page(shared: Server) -> None:
    """Start as the PowerShell sample does, end as the C# sample does."""
    headers = {"Authorization": basic(*ADMIN), "Content-Type": "application/json"}
    token = opened(shared.request("POST", "/v1/session/add", headers))

    carrier = {"x-zerto-session": token}
    assert shared.request("GET", "/v1/serverDateTime", carrier).status == 200
    ended = shared.request("DELETE", "/v1/session", carrier)
    assert (ended.status, ended.body) == (200, b"")
    assert shared.request("GET", "/v1/serverDateTime", carrier).status == 401
    assert shared.request("DELETE", "/v1/session", carrier).status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/v1/session/add",
        "/v1/session/Add",
        "/V1/SESSION/ADD",
        "/v1/Session/aDD",
        "/v1/session/add/",
    ],
)
def test_the_path_has_no_case(path: str, shared: Server) -> None:
    opened(shared.request("POST", path, AUTH))


@pytest.mark.parametrize("path", ["/v1/session", "/V1/Session", "/v1/session/"])
def test_the_end_has_no_case_either(path: str, shared: Server) -> None:
    token = shared.zerto_token(USER)
    # PowerShell 7 sends a Content-Type and no body with its DELETE; GUIDs have no case.
    headers = {"x-zerto-session": token.upper(), "Content-Type": "application/json"}
    assert shared.request("DELETE", path, headers).status == 200
    assert not shared.is_alive(token)


@each(
    ("headers", "body"),
    [
        (JSON, '{"AuthenticationMethod": "1"}'),
        (JSON, '{"AuthenticationMethod": 1}'),
        (JSON, '{"authenticationMethod": 1}'),
        (JSON, '{"AUTHENTICATIONMETHOD": "0"}'),
        (JSON, '{"AuthenticationMethod": 0}'),
        (JSON, '{"AuthenticationMethod": null}'),
        (JSON, '{"AuthenticationMethod": " 1 "}'),
        (JSON, None),
        ({}, None),
        (JSON, "{}"),
        (JSON, "  \r\n"),
        ({}, '{"AuthenticationMethod": 1}'),
        ({"Content-Type": "text/json; charset=utf-8"}, '{"AuthenticationMethod": 1}'),
        (XML, "<AuthenticationMethod>1</AuthenticationMethod>"),
        (
            {"Content-Type": "text/xml"},
            '<?xml version="1.0"?><a:Session xmlns:a="urn:x"><a:AuthenticationMethod>0'
            "</a:AuthenticationMethod></a:Session>",
        ),
        (XML, "<Session/>"),
    ],
)
def test_every_body_that_clients_send(headers: dict[str, str], body: Body, shared: Server) -> None:
    opened(shared.request("POST", START, {**AUTH, **headers}, body))


@each(
    ("headers", "body"),
    [
        (JSON, '{"AuthenticationMethod": 2}'),
        (JSON, '{"AuthenticationMethod": -1}'),
        (JSON, '{"AuthenticationMethod": 1.5}'),
        (JSON, '{"AuthenticationMethod": "x"}'),
        (JSON, '{"AuthenticationMethod": ""}'),
        (JSON, '{"AuthenticationMethod": true}'),
        (JSON, '{"AuthenticationMethod": [1]}'),
        (JSON, '{"AuthenticationMethod": 0, "authenticationmethod": 1}'),
        (JSON, "[]"),
        (JSON, "1"),
        (JSON, '{"AuthenticationMethod": 1'),
        (JSON, b"\xff\xfe\x00"),
        (JSON, "[" * 60_000),
        (XML, "<AuthenticationMethod>2</AuthenticationMethod>"),
        (XML, "<AuthenticationMethod>1"),
        (XML, '{"AuthenticationMethod": 1}'),
        (XML, "<!DOCTYPE a [<!ENTITY b '1'>]><AuthenticationMethod>&b;</AuthenticationMethod>"),
    ],
)
def test_a_body_that_says_nothing_sensible(
    headers: dict[str, str], body: Body, shared: Server
) -> None:
    reply = shared.request("POST", START, {**AUTH, **headers}, body)
    assert reply.status == 400
    assert list(reply.json()) == ["Message"]
    assert reply.header("x-zerto-session") is None
    assert reply.header("www-authenticate") is None


def test_an_unauthenticated_client_is_challenged_whatever_its_body(shared: Server) -> None:
    reply = shared.request("POST", START, JSON, "{broken")
    assert reply.status == 401


@each(
    "name",
    [
        "ursula",
        "URSULA",
        "\\ursula",
        ".\\ursula",
        "CORP\\ursula",
        "corp\\Ursula",
        "ursula@corp.example",
        "Ursula@CORP.Example",
        "ursula@CORP",
        "ｕｒｓｕｌａ",
    ],
)
def test_one_user_in_every_spelling(name: str, shared: Server) -> None:
    token = opened(shared.zerto_login(name, USER[1]))
    assert shared.get("currentSession", token).json()["userName"] == "ursula"


@pytest.mark.parametrize("name", ["OTHER\\ursula", "ursula@other.example", "a\\b\\ursula"])
def test_a_domain_that_nobody_claims_is_somebody_else(name: str, shared: Server) -> None:
    assert shared.zerto_login(name, USER[1]).status == 401


@pytest.mark.slow
def test_names_and_passwords_of_many_alphabets(tmp_path: Path) -> None:
    people = {
        ("jürgen", "pä:ss:wörd"): "user",
        ("山田", "秘密 🔑"): "user",
        ("zoë", "naïve"): "user",
    }
    add_people(tmp_path / "data" / "users.toml", people)
    with Server(tmp_path / "data") as server:
        for name, password in people:
            opened(server.zerto_login(name, password))
        # .NET Framework encodes in the machine's code page, which no header can tell.
        for name, password in (("jürgen", "pä:ss:wörd"), ("zoë", "naïve")):
            headers = {"Authorization": basic(name, password, "latin-1")}
            opened(server.request("POST", START, headers))
        # The scheme has no case; a password is compared as it is.
        headers = {"Authorization": basic("zoë", "naïve").replace("Basic", "bASIC")}
        opened(server.request("POST", START, headers))
        assert server.zerto_login("zoë", "NAÏVE").status == 401
        server.stop()


def test_the_challenge_in_two_steps_on_one_connection(shared: Server) -> None:
    """What PowerShell's -Credential needs: the body is read, the connection stays."""
    body = '{"AuthenticationMethod": "1"}'
    headers = {**JSON, "Accept": "application/json", "zerto-triggered-by": "PowershellWes"}
    with shared.connected() as client:
        challenged = client.request("POST", START, headers, body)
        first = client.connection.sock
        assert challenged.status == 401
        # Basic alone: where Negotiate or NTLM is offered too, .NET never tries Basic.
        (challenge,) = challenged.all("www-authenticate")
        assert challenge.startswith('Basic realm="')
        assert "," not in challenge
        assert challenged.header("connection") != "close"
        opened(client.request("POST", START, {**headers, **AUTH}, body))
        assert client.connection.sock is first, "the connection was opened anew"


def test_expect_100_continue(shared: Server) -> None:
    """PowerShell 5.1 asks before it sends a body."""
    head = (
        f"POST {START} HTTP/1.1\r\nHost: zvm\r\nAuthorization: {AUTH['Authorization']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
        "Connection: close\r\n\r\n{}"
    )
    answer = shared.raw(head.encode())
    assert answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !", "Bearer abc", "Negotiate abc", "Basic Og==", "Basic " + "A" * 20_000],
)
def test_what_is_no_credential_is_challenged(header: str, shared: Server) -> None:
    reply = shared.request("POST", START, {"Authorization": header})
    assert reply.status == 401
    assert reply.header("www-authenticate") == 'Basic realm="zvm"'


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "json"),
        ("*/*", "json"),
        ("application/json", "json"),
        ("text/json", "json"),
        ("application/xml", "xml"),
        ("text/xml", "xml"),
        ("application/json;q=0.5, application/xml", "xml"),
        ("application/xml;q=0.1, */*;q=0.2", "json"),
        ("image/png", "json"),
    ],
)
def test_accept_alone_chooses_the_form_of_errors(
    accept: str | None, kind: str, shared: Server
) -> None:
    headers = {"Accept": accept} if accept else {}
    # The request's own Content-Type decided in old releases; it must not any more.
    reply = shared.request("POST", START, {**headers, **XML}, "<AuthenticationMethod/>")
    assert reply.status == 401
    if kind == "json":
        assert reply.header("content-type") == "application/json; charset=utf-8"
        assert list(reply.json()) == ["Message"]
    else:
        assert reply.header("content-type") == "application/xml; charset=utf-8"
        root = ET.fromstring(reply.body)
        assert root.tag == "Error"
        assert [child.tag for child in root] == ["Message"]
        assert root[0].text


@each(
    ("verb", "path", "right"),
    [
        (verb, path, right)
        for path, right in ((START, "POST"), (END, "DELETE"))
        for verb in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "POST", "OPTIONS")
        if verb != right
    ],
)
def test_other_verbs_are_told_which_are_taken(
    verb: str, path: str, right: str, shared: Server
) -> None:
    reply = shared.request(verb, path, AUTH)
    assert reply.status == 405
    assert reply.header("allow") == right


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-zerto-session": ""}, {"x-zerto-session": "e34da0b0-4bc2-4cda-b316-0384e35bdca5"}],
)
@pytest.mark.parametrize(
    ("verb", "path"), [("DELETE", END), ("GET", "/v1/serverDateTime"), ("GET", "/v1/vpgs")]
)
def test_no_session_is_401_anywhere(
    verb: str, path: str, headers: dict[str, str], shared: Server
) -> None:
    assert shared.request(verb, path, headers).status == 401


def test_an_unknown_resource_is_404_with_a_session(shared: Server) -> None:
    reply = shared.request("GET", "/v1/vras", {"x-zerto-session": shared.zerto_token(USER)})
    assert reply.status == 404
    assert list(reply.json()) == ["Message"]


def test_each_login_is_a_session_of_its_own(shared: Server) -> None:
    tokens = [shared.zerto_token(USER) for _ in range(3)]
    assert len(set(tokens)) == 3
    assert end(shared, tokens[0]).status == 200
    assert [shared.is_alive(token) for token in tokens] == [False, True, True]


def test_a_user_without_any_privilege_is_refused(shared: Server) -> None:
    reply = shared.zerto_login("norbert", "no access 1")
    assert reply.status == 403
    assert reply.header("x-zerto-session") is None


@pytest.mark.slow
def test_a_full_house_is_503(make_server: Callable[..., Server]) -> None:
    server = make_server(settings="[sessions]\nmax_per_principal = 1\nmax_total = 2\n")
    first = server.zerto_token(USER)
    again = server.zerto_login(*USER)
    assert again.status == 503
    server.zerto_token(OPERATOR)
    assert server.zerto_login(*ADMIN).status == 503
    assert end(server, first).status == 200
    server.zerto_token(ADMIN)


@pytest.mark.slow
def test_sessions_end_when_they_are_dormant(make_server: Callable[..., Server]) -> None:
    """With a limit so short that a test can wait for it: the half hour itself is a unit test."""
    server = make_server(settings='[sessions]\nidle_timeout = "2s"\n')
    token = server.zerto_token(USER)
    assert server.is_alive(token)
    # The sweep writes down the end: that line is what we wait for.
    assert server.log.wait_for(lambda lines: any('"reason":"idle"' in line for line in lines))
    assert not server.is_alive(token)
    assert end(server, token).status == 401


TWO_DIRECTORIES = """
[identity.windows]
type = "file"
path = "windows.toml"
[identity.vc]
type = "file"
path = "vc.toml"
[dialects.zerto]
windows = "windows"
hypervisor = "vc"
[dialects.vsphere]
default = "vc"
"""


@pytest.fixture
def two(tmp_path: Path) -> Server:
    """A server whose two directories both know `sam`, under different passwords."""
    data_dir = tmp_path / "data"
    add_people(data_dir / "windows.toml", {("sam", "at windows"): "user", ("w", "only w"): "user"})
    add_people(data_dir / "vc.toml", {("sam", "at vc"): "user", ("v", "only v"): "user"})
    return Server(data_dir, settings=TWO_DIRECTORIES)


@pytest.mark.slow
def test_sec_32_each_authentication_method_asks_its_own_directory(two: Server) -> None:
    with two:
        for body, name, password, status in (
            (None, "sam", "at windows", 200),
            ('{"AuthenticationMethod": 0}', "sam", "at windows", 200),
            ('{"AuthenticationMethod": 1}', "sam", "at vc", 200),
            # No falling through, in either direction.
            (None, "sam", "at vc", 401),
            ('{"AuthenticationMethod": 1}', "sam", "at windows", 401),
            (None, "v", "only v", 401),
            ('{"AuthenticationMethod": 1}', "w", "only w", 401),
            ('{"AuthenticationMethod": 1}', "v", "only v", 200),
        ):
            assert two.zerto_login(name, password, body).status == status, (body, name, password)
        assert two.vim_login("sam", "at vc").status == 200
        assert two.vim_login("sam", "at windows").status == 500
        two.stop()
