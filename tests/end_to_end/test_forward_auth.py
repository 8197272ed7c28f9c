"""Forward-auth at a real server: who is answered, what `check` says, what is counted and kept.

Real proxies are in tests/deploy/test_forward_auth.py.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, USER, Server, with_people
from tests.end_to_end.test_operations import ask
from tests.security.dialects import Dialect, over_dialects
from tests.telemetry.families import read, value
from tests.until import wait_until

ON = """
[server]
listen = ["127.0.0.1:0"]
trusted_proxies = ["127.0.0.1"]
[admin]
listen = "127.0.0.1:0"
[forward_auth]
enabled = true
[[forward_auth.rules]]
host = "app.example"
path = "/admin"
roles = ["administrator"]
[[forward_auth.rules]]
host = "app.example"
"""
ENDPOINTS = ("/auth/forward-auth", "/auth/auth-request", "/auth/ext-authz/app")
SAID = {
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Host": "app.example",
    "X-Forwarded-Uri": "/app",
    "X-Original-Method": "GET",
    "X-Original-URL": "http://app.example/app",
    "Host": "app.example",
}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("door") / "data"
    with with_people(folder, settings=ON, keep_alive=True) as server:
        yield server
        server.stop()


@over_dialects
def test_a_session_of_any_dialect_passes_until_it_ends(door: Server, dialect: Dialect) -> None:
    token = dialect.token(door, USER)
    carried = {**SAID, **dialect.carry(token)}
    for path in ENDPOINTS:
        reply = door.request("GET", path, carried)
        assert reply.status == 200, (dialect, path)
        assert reply.header("remote-user") == USER[0]
        assert reply.header("set-cookie") is None
        assert reply.body == b""
    assert dialect.worked(dialect.logout(door, dialect.carry(token)))
    for path in ENDPOINTS:
        assert door.request("GET", path, carried).status == 401


def test_it_is_counted_and_written_down(door: Server) -> None:
    token = door.vim_token(USER)
    denied = {**SAID, "vmware-api-session-id": token, "X-Forwarded-Uri": "/admin/x?y=z"}
    assert door.request("GET", ENDPOINTS[0], denied).status == 403
    assert door.request("GET", ENDPOINTS[0], {**denied, "X-Forwarded-Uri": "/"}).status == 200
    counted = read(ask(door, "/metrics").body)
    checks = "sessiongate_access_checks_total"
    assert value(counted, checks, endpoint="forward-auth", result="no_role") == 1

    def refused() -> list[dict[str, Any]]:
        events = door.run("audit", "tail", "-n", "20", "--output", "json").json()
        return [one for one in events if one["event"] == "access refused"]

    wait_until(lambda: bool(refused()))  # a refusal is told before it is on the disk
    event = refused()[-1]
    assert (event["user"], event["reason"]) == (USER[0], "no_role")
    assert event["detail"] == "GET app.example/admin/x through 127.0.0.1"


def test_sec_33_without_a_trusted_proxy_there_is_nothing(make_server: MakeServer) -> None:
    settings = ON.replace('trusted_proxies = ["127.0.0.1"]', "")
    server = make_server(settings=settings)
    carried = {**SAID, "vmware-api-session-id": server.vim_token(ADMIN)}
    for path in ENDPOINTS:
        assert server.request("GET", path, carried).status == 404
    checked = server.run("check", "--output", "json").json()["checks"]
    [row] = [one for one in checked if one["check"] == "forward-auth"]
    assert row["result"] == "problem"
    assert "server.trusted_proxies names no proxy" in row["detail"]


def test_check_names_whom_it_answers(door: Server) -> None:
    checked = door.run("check", "--output", "json").json()["checks"]
    [row] = [one for one in checked if one["check"] == "forward-auth"]
    assert (row["result"], row["detail"]) == ("ok", "answers 127.0.0.1/32, and nobody else")
