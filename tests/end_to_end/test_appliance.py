"""The appliance's way in, over the network: tokens, refresh, logout, one table with the rest."""

import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.basic import basic
from tests.end_to_end.serving import ADMIN, NOBODY, USER, Reply, Server, with_people

REALM = "/auth/realms/zerto"
BASE = f"{REALM}/protocol/openid-connect"
TIME = "/v1/serverDateTime"
SETTINGS = """
[lockout]
attempts = 1000
[dialects.appliance]
access_token = "5m"
[dialects.appliance.clients.robot]
secret = "robot secret"
role = "user"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("appliance")
    with with_people(folder / "data", settings=SETTINGS) as running:
        yield running


def post(server: Server, path: str, headers: dict[str, str] | None = None, /, **form: str) -> Reply:
    typed = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    return server.request("POST", f"{BASE}{path}", typed, urllib.parse.urlencode(form))


def password(server: Server, person: tuple[str, str] = ADMIN, **more: str) -> Reply:
    return post(
        server,
        "/token",
        grant_type="password",
        client_id="zerto-client",
        username=person[0],
        password=person[1],
        **more,
    )


def tokens(server: Server, person: tuple[str, str] = ADMIN, **more: str) -> dict[str, Any]:
    reply = password(server, person, **more)
    assert reply.status == 200, reply
    found: dict[str, Any] = reply.json()
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def asks(server: Server, token: str) -> int:
    return server.request("GET", TIME, bearer(token)).status


def test_a_password_gives_a_token_set_that_v1_takes(server: Server) -> None:
    reply = password(server, scope="openid")
    assert (reply.status, reply.header("cache-control")) == (200, "no-store")
    found = reply.json()
    assert (found["token_type"], found["expires_in"], found["refresh_expires_in"]) == (
        "Bearer",
        300,
        1800,
    )
    assert found["scope"] == "openid profile email"
    assert found["id_token"]
    assert asks(server, found["access_token"]) == 200


def test_a_refresh_gives_another_set_for_the_same_session(server: Server) -> None:
    first = tokens(server, scope="openid")
    again = post(
        server,
        "/token",
        grant_type="refresh_token",
        client_id="zerto-client",
        refresh_token=first["refresh_token"],
        scope="email",  # what was granted stays
    ).json()
    assert again["session_state"] == first["session_state"]
    assert again["access_token"] != first["access_token"]
    assert again["scope"] == first["scope"]
    assert again["id_token"]
    assert asks(server, again["access_token"]) == asks(server, first["access_token"]) == 200


def test_sec_08_a_logout_kills_every_token_of_the_session_at_once(server: Server) -> None:
    found = tokens(server)
    reply = post(server, "/logout", client_id="zerto-client", refresh_token=found["refresh_token"])
    assert (reply.status, reply.body) == (204, b"")
    assert asks(server, found["access_token"]) == 401
    refused = post(
        server,
        "/token",
        grant_type="refresh_token",
        client_id="zerto-client",
        refresh_token=found["refresh_token"],
    )
    assert (refused.status, refused.json()["error_description"]) == (400, "Session not active")


def test_a_logout_by_bearer_alone_ends_the_session_too(server: Server) -> None:
    found = tokens(server)
    reply = post(
        server,
        "/logout",
        bearer(found["access_token"]),
        client_id="zerto-client",
        logout="true",
    )
    assert reply.status == 204
    assert asks(server, found["access_token"]) == 401


def test_one_table_a_session_of_this_dialect_is_ended_by_another(server: Server) -> None:
    found = tokens(server, USER)
    key = found["session_state"]
    token = server.vim_token(ADMIN)
    assert key in server.get("sessionList", token).body.decode()
    assert server.call("TerminateSession", token, {"sessionId": [key]}).status == 204
    assert asks(server, found["access_token"]) == 401


def test_a_classic_session_works_as_a_bearer_and_two_sessions_do_not(server: Server) -> None:
    classic = server.zerto_token(ADMIN)
    assert asks(server, classic) == 200
    headers = {**bearer(tokens(server)["access_token"]), "x-zerto-session": classic}
    assert server.request("GET", TIME, headers).status == 401


def test_a_client_with_a_secret_gets_a_token_of_its_own_role(server: Server) -> None:
    reply = post(
        server,
        "/token",
        {"Authorization": basic("robot", "robot secret")},
        grant_type="client_credentials",
        expires_in="3600",
    )
    found = reply.json()
    assert (reply.status, found["refresh_expires_in"]) == (200, 0)
    assert not {"refresh_token", "session_state"} & found.keys()
    assert asks(server, found["access_token"]) == 200


def refused(reply: Reply) -> tuple[int, str, str]:
    found = reply.json()
    return reply.status, found["error"], found["error_description"]


WRONG_CLIENT = "Invalid client or Invalid client credentials"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, (400, "invalid_request", "Missing form parameter: grant_type")),
        ({"grant_type": "implicit"}, (400, "unsupported_grant_type", "Unsupported grant_type")),
        ({"grant_type": "password"}, (401, "invalid_client", WRONG_CLIENT)),
        ({"grant_type": "password", "client_id": "x"}, (401, "invalid_client", WRONG_CLIENT)),
        (
            {"grant_type": "password", "client_id": "robot", "client_secret": "robot secret"},
            (400, "unauthorized_client", "Client not allowed for direct access grants"),
        ),
        (
            {"grant_type": "client_credentials", "client_id": "robot", "client_secret": "wrong"},
            (401, "unauthorized_client", WRONG_CLIENT),
        ),
        (
            {"grant_type": "client_credentials", "client_id": "zerto-client"},
            (
                401,
                "unauthorized_client",
                "Public client not allowed to retrieve service account",
            ),
        ),
        (
            {"grant_type": "refresh_token", "client_id": "zerto-client"},
            (400, "invalid_request", "No refresh token"),
        ),
        (
            {"grant_type": "refresh_token", "client_id": "zerto-client", "refresh_token": "x.y.z"},
            (400, "invalid_grant", "Invalid refresh token"),
        ),
        (
            {"grant_type": "password", "client_id": "zerto-client"},
            (401, "invalid_grant", "Invalid user credentials"),
        ),
    ],
)
def test_refusals_are_worded_as_keycloak_words_them(
    server: Server, form: dict[str, str], expected: tuple[int, str, str]
) -> None:
    assert refused(post(server, "/token", None, **form)) == expected


def test_wrong_users_and_users_without_rights(server: Server) -> None:
    wrong = (401, "invalid_grant", "Invalid user credentials")
    assert refused(password(server, (ADMIN[0], "wrong"))) == wrong
    assert refused(password(server, ("nobody-at-all", "wrong"))) == wrong
    assert refused(password(server, NOBODY)) == (
        400,
        "invalid_grant",
        "Account is not fully set up",
    )


def test_another_body_is_415_and_another_verb_405(server: Server) -> None:
    reply = server.request(
        "POST", f"{BASE}/token", {"Content-Type": "application/json"}, json.dumps({"a": 1})
    )
    assert reply.status == 415
    reply = server.request("GET", f"{BASE}/token")
    assert (reply.status, reply.header("allow")) == (405, "POST")
    assert server.request("GET", f"{BASE}/nowhere").status == 404


def test_introspection_is_for_clients_with_a_secret(server: Server) -> None:
    found = tokens(server)
    robot = {"Authorization": basic("robot", "robot secret")}
    reply = post(server, "/token/introspect", robot, token=found["access_token"]).json()
    assert (reply["active"], reply["username"], reply["sid"]) == (
        True,
        ADMIN[0],
        found["session_state"],
    )
    assert "sgd" not in reply
    revoked = post(server, "/revoke", client_id="zerto-client", token=found["refresh_token"])
    assert revoked.status == 200
    reply = post(server, "/token/introspect", robot, token=found["access_token"])
    assert reply.json() == {"active": False}
    assert post(server, "/token/introspect", robot, token="junk").json() == {"active": False}
    for client, secret in (("zerto-client", ""), ("robot", "no")):
        reply = post(server, "/token/introspect", token="x", client_id=client, client_secret=secret)
        assert reply.status == 401


def test_userinfo_says_who_the_bearer_is(server: Server) -> None:
    found = tokens(server, USER, scope="openid")
    reply = server.request("GET", f"{BASE}/userinfo", bearer(found["access_token"]))
    assert (reply.status, reply.json()["preferred_username"]) == (200, USER[0])
    found = tokens(server, USER)  # of an identity nothing was asked for
    reply = server.request("GET", f"{BASE}/userinfo", bearer(found["access_token"]))
    assert refused(reply) == (403, "insufficient_scope", "Missing openid scope")
    assert 'error="insufficient_scope"' in (reply.header("www-authenticate") or "")
    reply = server.request("GET", f"{BASE}/userinfo", bearer("junk"))
    assert (reply.status, reply.header("www-authenticate") or "") == (
        401,
        'Bearer realm="zerto", error="invalid_token",'
        ' error_description="Token verification failed"',
    )


def test_discovery_and_keys_agree_with_the_tokens(server: Server) -> None:
    document = server.request("GET", f"{REALM}/.well-known/openid-configuration").json()
    assert document["issuer"] == f"{server.url}{REALM}"
    assert document["token_endpoint"] == f"{server.url}{BASE}/token"
    keys = server.request("GET", f"{BASE}/certs").json()["keys"]
    assert [key["alg"] for key in keys] == ["RS256"]
    realm = server.request("GET", REALM).json()
    assert realm["realm"] == "zerto"


@pytest.mark.slow
def test_sec_20_26_nobody_but_a_trusted_proxy_says_that_a_client_came_by_tls(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = f"{REALM}/.well-known/openid-configuration"
    folder = tmp_path_factory.mktemp("proxied")
    for name, trusted in (("none", "[]"), ("this", '["127.0.0.1"]')):
        settings = f"[server]\nplain_http = true\ntrusted_proxies = {trusted}\n"
        flags = ("--listen", "127.0.0.1:0")
        with with_people(folder / name, settings=settings, flags=flags) as server:
            claim = {"X-Forwarded-Proto": "https"}
            issuer = server.request("GET", path, claim).json()["issuer"]
            login = server.request(
                "POST", "/rest/com/vmware/cis/session", {**claim, "Authorization": basic(*USER)}
            )
            (cookie,) = login.all("set-cookie")
            believed = trusted != "[]"
            assert issuer.startswith("https:" if believed else "http:")
            assert ("; Secure" in cookie) == believed


@pytest.mark.slow
def test_tokens_survive_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("again")
    with with_people(folder / "data", settings=SETTINGS) as server:
        found = tokens(server)
        server.restart()
        assert asks(server, found["access_token"]) == 200


def test_sec_22_a_lock_by_the_token_grant_holds_at_every_other_way_in(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("locked")
    with with_people(folder / "data", settings="[lockout]\nattempts = 3\n") as server:
        for _ in range(3):
            assert password(server, (USER[0], "wrong")).status == 401
        assert password(server, USER).status == 401
        assert server.zerto_login(*USER).status == 401
        assert server.vim_login(*USER).json()["_typeName"] == "InvalidLogin"
