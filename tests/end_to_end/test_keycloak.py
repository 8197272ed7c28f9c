"""Keycloak is told the same story as our own appliance dialect, and stands behind the bridge."""

import time
import urllib.parse
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server, add_people
from tests.peers import keycloak
from tests.peers.keycloak import PERSON, ROBOT
from tests.peers.setup import keycloak as distribution
from tests.until import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not distribution().exists(), reason="no Keycloak in the cache"),
]

BASE = f"{keycloak.REALM}/protocol/openid-connect"
LIFE = 5

OURS = f"""
[dialects.appliance]
access_token = "{LIFE}s"
[dialects.appliance.clients.robot]
secret = "{ROBOT[1]}"
role = "user"
[server]
plain_http = true
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with keycloak.running(tmp_path_factory.mktemp("keycloak"), life=LIFE) as port:
        yield port


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "ours"
    add_people(folder / "users.toml", {PERSON: "user"})
    with Server(folder, settings=OURS) as running:
        yield running


class Story:
    """What one of the two answers; tokens are told by where they are."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.told: list[tuple[str, object]] = []

    def ask(self, name: str, path: str, bearer: str = "", **form: str) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        body = urllib.parse.urlencode(form) if form else None
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST" if form else "GET", f"{BASE}{path}", body, headers)
        reply = connection.getresponse()
        data, challenge = reply.read(), reply.headers.get("www-authenticate", "")
        connection.close()
        said = msgspec.json.decode(data) if data else {}
        self.told.append((name, (reply.status, *_shape(path, reply.status, said, challenge))))
        return said if isinstance(said, dict) else {}


def _shape(path: str, status: int, said: dict[str, Any], challenge: str) -> tuple[object, ...]:
    if path == "/userinfo":
        word = challenge.partition('error="')[2].partition('"')[0]
        return (word, said.get("preferred_username") if status == 200 else "")
    if status != 200:
        return (said.get("error"), said.get("error_description"))
    scope = frozenset(str(said.get("scope", "")).split())
    near = abs(int(said["expires_in"]) - LIFE) <= 2
    return (frozenset(said), scope, near, said["refresh_expires_in"] == 0)


def tell(port: int) -> list[tuple[str, object]]:
    story = Story(port)
    public = {"client_id": "zerto-client"}
    login = {**public, "grant_type": "password", "username": PERSON[0], "password": PERSON[1]}
    tokens = story.ask("login", "/token", **login, scope="openid")
    plain = story.ask("login without a scope", "/token", **login)
    story.ask("who", "/userinfo", tokens["access_token"])
    story.ask("who, without openid", "/userinfo", plain["access_token"])
    story.ask("who, junk", "/userinfo", "junk")
    again = {**public, "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    fresh = story.ask("refresh", "/token", **again, scope="email")
    plain_again = {**again, "refresh_token": plain["refresh_token"], "scope": "openid"}
    story.ask("refresh without openid", "/token", **plain_again)
    robot = {"grant_type": "client_credentials", "client_id": ROBOT[0], "client_secret": ROBOT[1]}
    story.ask("service account", "/token", **robot)
    story.ask("service account, openid", "/token", **robot, scope="openid")
    story.ask("wrong secret", "/token", **{**robot, "client_secret": "wrong"})
    story.ask("wrong password", "/token", **{**login, "password": "wrong"})
    story.ask("unknown user", "/token", **{**login, "username": "nobody"})
    story.ask("unknown client", "/token", **{**login, "client_id": "nobody"})
    story.ask("no grant", "/token", **public)
    story.ask("unknown grant", "/token", **public, grant_type="implicit")
    story.ask("service of the public", "/token", **public, grant_type="client_credentials")
    story.ask("no refresh token", "/token", **public, grant_type="refresh_token")
    story.ask("junk to refresh", "/token", **{**again, "refresh_token": "a.b.c"})
    out = {**public, "refresh_token": fresh["refresh_token"]}
    story.ask("logout", "/logout", **out)
    story.ask("logout again", "/logout", **out)
    story.ask("who, after logout", "/userinfo", fresh["access_token"])
    story.ask("refresh after logout", "/token", **{**again, **out})
    return story.told


@pytest.mark.interop("keycloak")
def test_our_own_dialect_answers_as_keycloak_does(port: int, ours: Server) -> None:
    theirs, own = dict(tell(port)), dict(tell(ours.port))
    assert own.keys() == theirs.keys()
    assert {name: (own[name], theirs[name]) for name in own if own[name] != theirs[name]} == {}


@pytest.mark.interop("keycloak")
@pytest.mark.parametrize("account", ["caller", "client"])
def test_the_bridge_renews_keycloaks_tokens(
    account: str, port: int, make_server: MakeServer
) -> None:
    with keycloak.appliance(port) as url:
        table = f'[upstream.zvm1]\ntype = "zvm"\nurl = "{url}"\nverify = false\n'
        if account == "caller":
            table += '[identity.zvm]\ntype = "zvm"\nupstream = "zvm1"\n[identity.local]\n'
            table += 'type = "file"\n[dialects.zerto]\nwindows = "zvm"\nhypervisor = "zvm"\n'
        else:
            table += f'account = "service"\ngrant = "client"\nusername = "{ROBOT[0]}"\n'
            table += f'password = "{ROBOT[1]}"\nroles = ["administrator"]\n'
        gate = make_server(settings=table)
        person = PERSON if account == "caller" else ADMIN
        assert gate.zerto_login(person[0], "wrong").status == 401
        session = {"x-zerto-session": gate.zerto_token(person)}
        end = time.monotonic() + 2.5 * LIFE

        def is_served_to_the_end() -> bool:
            reply = gate.request("GET", "/v1/vpgs", session)
            assert (reply.status, reply.body) == (200, b"[]"), reply
            return time.monotonic() > end

        wait_until(is_served_to_the_end)
        assert gate.request("DELETE", "/v1/session", session).status == 200
        assert gate.request("GET", "/v1/vpgs", session).status == 401
