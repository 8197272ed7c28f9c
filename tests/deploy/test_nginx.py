"""Our configuration of nginx, run: TLS outside, sessiongate behind it on loopback.

Who the client is, nginx says, and no header of the client's own.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.end_to_end.serving import ADMIN, NOBODY, USER, Server, vim, with_people
from tests.end_to_end.test_extensions import made
from tests.house.sources import ROOT
from tests.peers import nginx
from tests.peers.nginx import Nginx
from tests.security.dialects import DIALECTS, Dialect, over_dialects

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(bool(nginx.missing()), reason=nginx.missing() or "-"),
]

# Each client has an address of its own, told apart from nginx's by loopback's many addresses.
CLIENT = "127.0.0.2"
CLAIMED = "203.0.113.9"
KEY = "com.example.backup"


def settings_of_the_page() -> str:
    """The settings that docs/deploy.md wants behind nginx."""
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (block,) = blocks
    return block.replace("127.0.0.1:9669", "127.0.0.1:0")


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return made(tmp_path_factory.mktemp("extension"))


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, extension: tuple[Path, Path]
) -> Iterator[Server]:
    settings = (
        f"{settings_of_the_page()}\n"
        '[admin]\nlisten = "127.0.0.1:0"\n[lockout]\nattempts = 100000\n'
        f'[extensions."{KEY}"]\ncertificate = "{extension[0]}"\nrole = "user"\n'
    )
    folder = tmp_path_factory.mktemp("behind") / "data"
    with with_people(folder, settings=settings) as running:
        yield running
        running.stop()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx"), server.port) as running:
        yield running


def sessions(server: Server) -> list[dict[str, Any]]:
    """All sessions as the command line shows them."""
    found: list[dict[str, Any]] = server.run("sessions", "list", "--output", "json").json()
    return found


def test_nginx_likes_the_file(front: Nginx) -> None:
    judged = front.judged()
    assert judged.returncode == 0, judged.stderr
    assert "warn" not in judged.stderr


@over_dialects
def test_a_whole_life_in_each_dialect(dialect: Dialect, front: Nginx, server: Server) -> None:
    token = dialect.token(front, USER)
    assert dialect.is_alive(front, token)
    assert dialect.is_alive(server, token)
    assert not dialect.worked(dialect.login(front, USER[0], "wrong"))
    assert dialect.worked(dialect.logout(front, dialect.carry(token)))
    assert not dialect.is_alive(front, token)
    assert not dialect.is_alive(server, token)


CLAIMS = {
    "nothing": [],
    "the header itself": [("X-Forwarded-For", CLAIMED)],
    "a list": [("X-Forwarded-For", f"{CLAIMED}, 127.0.0.1")],
    "two lines": [("X-Forwarded-For", CLAIMED), ("X-Forwarded-For", "127.0.0.1")],
    "by underscores": [("X_Forwarded_For", CLAIMED)],
    "as RFC 7239 has it": [("Forwarded", f"for={CLAIMED}")],
    "others": [("X-Real-IP", CLAIMED), ("True-Client-IP", CLAIMED), ("Client-IP", CLAIMED)],
    "by taking it away": [
        ("X-Forwarded-For", CLAIMED),
        ("Connection", "X-Forwarded-For, X-Client-Certificate"),
    ],
}


@pytest.mark.parametrize("claim", CLAIMS)
@over_dialects
def test_sec_26_the_address_is_what_nginx_saw(
    claim: str, dialect: Dialect, front: Nginx, server: Server
) -> None:
    before = {one["key"] for one in sessions(server)}
    with front.connected(CLIENT) as client:
        reply = dialect.login(client, *USER, CLAIMS[claim])
        token = dialect.token_of(reply)
    assert token
    (mine,) = [one for one in sessions(server) if one["key"] not in before]
    assert mine["ip_address"] == CLIENT
    dialect.logout(server, dialect.carry(token))


def test_a_client_sees_its_own_address_in_its_session(front: Nginx) -> None:
    with front.connected(CLIENT) as client:
        login = client.request(
            "POST", vim("Login"), CLAIMS["a list"], {"userName": USER[0], "password": USER[1]}
        )
        assert login.json()["ipAddress"] == CLIENT


def test_refusals_are_written_down_with_the_clients_address(front: Nginx, server: Server) -> None:
    with front.connected("127.0.0.3") as client:
        DIALECTS[0].login(client, *NOBODY, CLAIMS["the header itself"])

    def refused(lines: list[str]) -> list[Any]:
        read = [json.loads(line) for line in lines]
        return [one for one in read if one.get("user") == NOBODY[0]]

    assert server.log.wait_for(lambda lines: bool(refused(lines)))
    assert {one["ip"] for one in refused(server.log.lines)} == {"127.0.0.3"}


@over_dialects
def test_sec_20_cookies_are_secure_behind_nginx_too(dialect: Dialect, front: Nginx) -> None:
    reply = dialect.login(front, *USER)
    cookies = reply.all("set-cookie")
    assert len(cookies) == (1 if dialect.sets_cookie else 0)
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "secure"} <= attributes
    assert reply.header("strict-transport-security")


REALM = "/auth/realms/zerto"


@pytest.mark.parametrize("claim", [[], [("X-Forwarded-Proto", "http")]], ids=["none", "http"])
def test_issuer_and_discovery_are_of_the_address_that_the_client_used(
    claim: list[tuple[str, str]], front: Nginx
) -> None:
    issuer = f"https://127.0.0.1:{front.port}{REALM}"
    discovery = front.request("GET", f"{REALM}/.well-known/openid-configuration", claim).json()
    assert discovery["issuer"] == issuer
    assert discovery["token_endpoint"] == f"{issuer}/protocol/openid-connect/token"
    form = (
        f"grant_type=password&client_id=zerto-client&username={USER[0]}&password={quote(USER[1])}"
    )
    reply = front.request(
        "POST",
        f"{REALM}/protocol/openid-connect/token",
        [("Content-Type", "application/x-www-form-urlencoded"), *claim],
        form,
    )
    assert reply.status == 200, reply
    payload = reply.json()["access_token"].split(".")[1]
    assert json.loads(urlsafe_b64decode(payload + "=="))["iss"] == issuer


def test_without_the_word_of_a_proxy_the_client_came_as_it_came(server: Server) -> None:
    path = f"{REALM}/.well-known/openid-configuration"
    assert server.request("GET", path).json()["issuer"] == f"{server.url}{REALM}"
    assert server.url.startswith("http:")


def test_a_page_names_its_transport_policy_once(front: Nginx) -> None:
    assert len(front.request("GET", "/docs").all("strict-transport-security")) == 1


@pytest.mark.parametrize(
    "path",
    ["//v1/session", "/v1/./session", "/v1/x/../session", "/v1/%73ession", "/v1//session"],
)
def test_sec_39_paths_go_through_as_they_came(path: str, front: Nginx, server: Server) -> None:
    """A path that sessiongate refuses is not made into one that it takes."""
    token = DIALECTS[0].token(server, USER)
    for verb in ("DELETE", "POST"):
        assert front.request(verb, path, {"x-zerto-session": token}).status >= 400
    assert DIALECTS[0].is_alive(server, token)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_sec_72_operations_are_not_behind_nginx(path: str, front: Nginx) -> None:
    assert front.request("GET", path).status == 404


def test_ids_of_requests_travel(front: Nginx) -> None:
    reply = front.request("GET", "/v1/serverDateTime", {"X-Request-Id": "through-nginx"})
    assert reply.header("x-request-id") == "through-nginx"


def test_refusals_keep_their_form(front: Nginx, server: Server) -> None:
    """nginx puts no page of its own in the place of a dialect's error."""
    for path in ("/v1/session", "/api/session", vim("sessionList"), "/nowhere"):
        through, direct = front.request("GET", path), server.request("GET", path)
        assert (through.status, through.body) == (direct.status, direct.body)


def test_files_of_an_upstream_are_not_nginx_s_to_bound(front: Nginx) -> None:
    """Without an upstream sessiongate refuses what is large, and says so itself."""
    large = bytes(2 << 20)
    for path in ("/folder/a?dsName=b", "/nfc/a/b", "/guestFile?id=1", "/cls/data/a"):
        reply = front.request("PUT", path, (), large)
        assert (reply.status, reply.header("content-type")) == (413, "application/json")
    for path in ("/folders/a", "/api/folder/a"):
        reply = front.request("PUT", path, (), large)
        assert (reply.status, reply.header("content-type")) == (413, "text/html")


# Certificates of extensions


LOGIN = (vim("LoginExtensionByCertificate"), {"extensionKey": KEY})


def test_an_extension_logs_in_by_its_certificate(
    front: Nginx, extension: tuple[Path, Path]
) -> None:
    path, body = LOGIN
    with front.connected(CLIENT, extension) as client:
        reply = client.request("POST", path, (), body)
    assert reply.status == 200, reply
    assert reply.json()["ipAddress"] == CLIENT


def test_another_certificate_is_not_enough(front: Nginx, tmp_path: Path) -> None:
    path, body = LOGIN
    with front.connected(CLIENT, made(tmp_path)) as client:
        assert client.request("POST", path, (), body).status == 500


@pytest.mark.parametrize("name", ["X-Client-Certificate", "X_Client_Certificate"])
def test_a_certificate_cannot_be_claimed_in_a_header(
    name: str, front: Nginx, server: Server, extension: tuple[Path, Path], tmp_path: Path
) -> None:
    """It is public: only who has its key may log in by it."""
    path, body = LOGIN
    claim = [(name, quote(extension[0].read_text(), safe=""))]
    assert front.request("POST", path, claim, body).status == 500
    with front.connected(CLIENT, made(tmp_path)) as client:
        assert client.request("POST", path, claim, body).status == 500


# What happens without sessiongate


def test_sec_48_without_an_answer_nobody_gets_in(tmp_path: Path) -> None:
    with (
        with_people(tmp_path / "data", settings=settings_of_the_page()) as server,
        Nginx(tmp_path / "nginx", server.port) as front,
    ):
        dialect = DIALECTS[0]
        token = dialect.token(front, ADMIN)
        server.stop()
        for reply in (
            dialect.check(front, dialect.carry(token)),
            dialect.login(front, *ADMIN),
            front.request("GET", "/"),
        ):
            assert reply.status in (502, 504)
        assert token.encode() not in reply.body


def test_sec_48_the_file_lets_nothing_pass_unchecked() -> None:
    text = nginx.CONFIG.read_text(encoding="utf-8")
    said = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for word in (
        "failure_mode_allow",
        "error_page",
        "proxy_intercept_errors",
        "auth_request",
        "proxy_cache",
        "satisfy",
        "$http_x_forwarded_for",
        "proxy_add_x_forwarded_for",
        "non_idempotent",
        "underscores_in_headers",
    ):
        assert word not in said
