"""Zerto's old scripts before an appliance that knows bearer tokens of seconds alone.

The appliance is another sessiongate, whose sessions and tokens are as strict as Keycloak's.
"""

import json
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from copy import copy
from pathlib import Path
from typing import Any, Self

import pytest

from tests.basic import basic
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, USER, Reply, Server, add_people
from tests.end_to_end.test_gateway import sessions, told
from tests.until import BETWEEN_LOOKS, wait_until

# Each of these starts two servers of its own.
pytestmark = pytest.mark.slow

ZOE = ("zoe", "zoe's <pass> & 1")
SERVICE = ("svc-zerto", "the service's pass 1")
PEOPLE_THERE = {ZOE: "user", SERVICE: "user"}
ROBOT = ("robot", "robot secret")
BASE = "/auth/realms/zerto/protocol/openid-connect"

APPLIANCE = f"""
[identity.local]
type = "file"
[dialects.appliance]
access_token = "3s"
[dialects.appliance.clients.robot]
secret = "{ROBOT[1]}"
role = "user"
[server]
listen = ["127.0.0.1:0"]
"""


def table(upstream: Server, more: str = "") -> str:
    return f"""
    [upstream.zvm1]
    type = "zvm"
    url = "{upstream.url}"
    ca = "{upstream.ca}"
    {more}
    """


def callers(upstream: Server, more: str = "") -> str:
    return (
        table(upstream, more)
        + """
    [identity.zvm]
    type = "zvm"
    upstream = "zvm1"
    [identity.local]
    type = "file"
    [dialects.zerto]
    windows = "zvm"
    hypervisor = "zvm"
    """
    )


def service(upstream: Server, more: str = "") -> str:
    return table(
        upstream,
        f"""
    account = "service"
    username = "{SERVICE[0]}"
    password = "{SERVICE[1]}"
    roles = ["administrator", "operator", "user"]
    {more}
    """,
    )


def robot(upstream: Server) -> str:
    names = service(upstream, 'grant = "client"').replace(SERVICE[0], ROBOT[0])
    return names.replace(SERVICE[1], ROBOT[1])


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Server]:
    """A sessiongate that is the appliance."""
    folder = tmp_path / "upstream"
    add_people(folder / "users.toml", PEOPLE_THERE)
    with Server(folder, settings=APPLIANCE) as running:
        yield running


class Script:
    """A script of 2015: Basic at `/v1/session/add`, then `x-zerto-session`."""

    def __init__(self, gate: Server, person: tuple[str, str]) -> None:
        self._gate = gate
        reply = gate.zerto_login(*person)
        assert (reply.status, reply.body) == (200, b""), reply
        self.token = reply.header("x-zerto-session") or ""

    def at(self, gate: Server) -> Self:
        """The same session, whose calls go to another node."""
        there = copy(self)
        there._gate = gate
        return there

    def get(self, path: str, accept: str = "application/json") -> Reply:
        headers = {"x-zerto-session": self.token, "accept": accept}
        return self._gate.request("GET", path, headers)

    def logout(self) -> int:
        return self._gate.request("DELETE", "/v1/session", {"x-zerto-session": self.token}).status


def test_scripts_that_log_in_at_once_have_a_session_there_each(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers(upstream))
    with ThreadPoolExecutor(5) as pool:
        scripts = list(pool.map(lambda _: Script(gate, ZOE), range(5)))
    assert len(sessions(upstream)) == 5
    with ThreadPoolExecutor(5) as pool:
        replies = list(pool.map(lambda one: one.get("/v1/localsite").status, scripts))
    assert replies == [200] * 5
    assert [one.logout() for one in scripts] == [200] * 5


def terminated(server: Server, key: str) -> None:
    assert server.run("sessions", "terminate", key).code == 0


def token_of(server: Server, person: tuple[str, str]) -> dict[str, Any]:
    form = {"grant_type": "password", "client_id": "zerto-client", "scope": "openid"}
    body = urllib.parse.urlencode({**form, "username": person[0], "password": person[1]})
    kind = {"content-type": "application/x-www-form-urlencoded"}
    reply = server.request("POST", f"{BASE}/token", kind, body)
    assert reply.status == 200, reply
    found: dict[str, Any] = reply.json()
    return found


def test_an_old_script_works_before_an_appliance_and_its_end_is_a_logout_there(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers(upstream))
    script = Script(gate, ZOE)
    (there,) = sessions(upstream)
    assert (there["user"], there["dialect"]) == (ZOE[0], "zerto-appliance")
    site = script.get("/v1/localsite")
    assert site.status == 200, site
    assert site.json()["Link"]["href"] == f"{gate.url}/v1/localsite"
    assert gate.url in script.get("/v1/LocalSite", "application/xml").body.decode()
    assert script.get("/v1/vpgs").json() == []
    for denied in ("/v1/sessions", "/v1/session/other", "/v1/nothing"):
        assert script.get(denied).status == 404, denied
    for bad in ("/v1/vpgs/../vms", "/v1//vpgs", "/v1/%76pgs"):
        assert script.get(bad).status == 400, bad
    assert script.logout() == 200
    assert script.get("/v1/vpgs").status == 401
    wait_until(lambda: not sessions(upstream))
    assert there["key"] not in gate.log.text


def test_wrong_passwords_and_strange_bearers_are_refused(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers(upstream))
    refused = gate.zerto_login(ZOE[0], "wrong")
    assert refused.status == 401
    assert "message" in refused.body.decode().lower()
    foreign = token_of(upstream, ZOE)["access_token"]
    reply = gate.request("GET", "/v1/vpgs", {"Authorization": f"Bearer {foreign}"})
    assert reply.status == 401
    assert len(sessions(upstream)) == 1, "the foreign one"
    upstream.stop()
    assert gate.zerto_login(*ZOE).status == 503
    upstream.start()


def test_bearers_log_in_at_our_own_realm(upstream: Server, make_server: MakeServer) -> None:
    gate = make_server(settings=callers(upstream))
    ours = token_of(gate, ZOE)
    bearer = {"Authorization": f"Bearer {ours['access_token']}"}
    assert gate.request("GET", "/v1/vpgs", bearer).json() == []
    assert len(sessions(upstream)) == 1
    form = {"client_id": "zerto-client", "refresh_token": ours["refresh_token"]}
    kind = {"content-type": "application/x-www-form-urlencoded"}
    reply = gate.request("POST", f"{BASE}/logout", kind, urllib.parse.urlencode(form))
    assert reply.status == 204
    wait_until(lambda: not sessions(upstream))


@pytest.mark.parametrize("account", ["caller", "service", "client"])
def test_sec_64_tokens_of_seconds_serve_a_script_without_a_401(
    account: str, upstream: Server, make_server: MakeServer
) -> None:
    """Tokens of three seconds, for a quarter of a minute; those of accounts for ten seconds."""
    settings = {"caller": callers, "service": service, "client": robot}[account](upstream)
    gate = make_server(settings=settings)
    script = Script(gate, ZOE if account == "caller" else ADMIN)
    end = time.monotonic() + (15 if account == "caller" else 10)

    def is_served_to_the_end() -> bool:
        reply = script.get("/v1/vpgs")
        assert (reply.status, reply.body) == (200, b"[]"), reply
        return time.monotonic() > end

    wait_until(is_served_to_the_end)
    assert script.logout() == 200


def test_fifty_scripts_of_one_account_share_its_sessions(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers(upstream, 'mode = "shared"\nsize = 2'))

    def run(_: int) -> int:
        script = Script(gate, ZOE)
        assert script.get("/v1/vpgs").status == 200
        return script.get("/v1/vms").status

    most = 0
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(run, number) for number in range(50)]
        while wait(runs, BETWEEN_LOOKS).not_done:
            most = max(most, len(sessions(upstream)))
        assert {one.result() for one in runs} == {200}
    assert most <= 3, "one that a login has opened, and two in the pool"
    wait_until(lambda: len(sessions(upstream)) == 1)
    assert len(sessions(gate)) == 50


def test_sec_65_kill_9_leaves_no_orphan(upstream: Server, make_server: MakeServer) -> None:
    gate = make_server(settings=callers(upstream))
    script, other = Script(gate, ZOE), Script(gate, ZOE)
    assert script.get("/v1/vpgs").status == other.get("/v1/vpgs").status == 200
    assert len(sessions(upstream)) == 2
    gate.kill9()
    gate.start()
    assert script.get("/v1/vpgs").status == other.get("/v1/vpgs").status == 200
    assert other.logout() == 200
    wait_until(lambda: len(sessions(upstream)) == 1)
    assert script.get("/v1/vpgs").status == 200
    gate.stop()
    assert not sessions(upstream)


def test_a_restarted_appliance_loses_no_script_that_repeats(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=service(upstream))
    script = Script(gate, ADMIN)
    assert script.get("/v1/vpgs").status == 200
    again = ("--listen", f"127.0.0.1:{upstream.port}")
    upstream.stop()
    assert script.get("/v1/vpgs").status in (500, 503)
    upstream.flags = again
    upstream.start()
    wait_until(lambda: script.get("/v1/vpgs").status == 200)
    for one in sessions(upstream):  # as if the appliance had forgotten them
        terminated(upstream, one["key"])
    assert script.get("/v1/vpgs").status == 200


def test_an_appliance_that_ends_the_session_of_a_caller_ends_ours(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers(upstream))
    script = Script(gate, ZOE)
    assert script.get("/v1/vpgs").status == 200
    for one in sessions(upstream):
        terminated(upstream, one["key"])
    refused = script.get("/v1/vpgs")
    assert refused.status == 401
    assert refused.json()["Message"]
    wait_until(lambda: not sessions(gate))
    assert Script(gate, ZOE).get("/v1/vpgs").status == 200


def test_commands_and_checks_know_a_zvm(upstream: Server, make_server: MakeServer) -> None:
    gate = make_server(settings=service(upstream))
    script = Script(gate, USER)
    assert script.get("/v1/vpgs").status == 200
    (pool,) = told(gate, "pools", "list")
    assert (pool["name"], pool["idle"] + pool["active"]) == ("zvm1", 1)
    assert gate.run("upstream", "sessions", "zvm1").code != 0
    done = gate.run("check", "--login", "--output", "json")
    said = [one for one in done.json()["checks"] if one["check"] == "upstream.zvm1"]
    assert {one["result"] for one in said} == {"ok"}, said
    assert any("appliance" in one["detail"] for one in said)
    assert json.dumps(said).count(SERVICE[1]) == 0
    assert basic(*SERVICE) not in gate.log.text
