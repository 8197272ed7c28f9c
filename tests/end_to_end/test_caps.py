"""At the cap each dialect says so in its own way, and the cap holds under parallel logins."""

import json
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest

from tests.basic import basic
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, USER, Reply, Server, add_people, vim, with_people

CREATE = {
    "jsonrpc": "2.0",
    "method": "invoke",
    "id": "7",
    "params": {
        "serviceId": "com.vmware.cis.session",
        "operationId": "create",
        "ctx": {
            "securityCtx": {
                "schemeId": "com.vmware.vapi.std.security.user_pass",
                "userName": ADMIN[0],
                "password": ADMIN[1],
            }
        },
    },
}


def by_basic(path: str, person: tuple[str, str] = ADMIN) -> Callable[[Server], Reply]:
    return lambda server: server.request("POST", path, {"Authorization": basic(*person)})


def by_json(server: Server) -> Reply:
    return server.request("POST", vim("Login"), (), {"userName": ADMIN[0], "password": ADMIN[1]})


def by_rpc(server: Server) -> Reply:
    return server.request("POST", "/api", (), CREATE)


def test_sec_15_parallel_logins_leave_exactly_the_cap(make_server: MakeServer) -> None:
    server = make_server(settings="[sessions]\nmax_per_principal = 50\n")
    statuses: list[int] = []

    def log_in() -> None:
        with server.connected() as client:
            for _ in range(10):
                reply = client.request("POST", "/v1/session/add", {"Authorization": basic(*ADMIN)})
                statuses.append(reply.status)

    threads = [threading.Thread(target=log_in) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 50 + [503] * 150
    assert len(server.run("sessions", "list", "--output", "json").json()) == 50
    # Somebody else still finds room, and so does the same user when one session has ended.
    assert by_basic("/v1/session/add", USER)(server).status == 200
    key = server.run("sessions", "list", "--user", ADMIN[0], "--output", "json").json()[0]["key"]
    server.run("sessions", "terminate", key)
    assert by_json(server).status == 200


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = '[sessions]\nprofile = "vc8"\nmax_per_principal = 1\n'
    with with_people(tmp_path_factory.mktemp("full") / "data", settings=settings) as server:
        assert by_basic("/api/session")(server).status == 201
        yield server


TEXT = "User session count is limited to 1. Existing session count is 1 for user admin"
MESSAGE = "com.vmware.vapi.endpoint.failedToLoginMaxUserSessionCountReached"


def test_zerto_says_503(full: Server) -> None:
    reply = by_basic("/v1/session/add")(full)
    assert (reply.status, list(reply.json())) == (503, ["Message"])
    assert reply.header("x-zerto-session") is None


def test_the_appliance_says_when_to_come_back(full: Server) -> None:
    form = urlencode(
        {
            "grant_type": "password",
            "client_id": "zerto-client",
            "username": ADMIN[0],
            "password": ADMIN[1],
        }
    ).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    path = "/auth/realms/zerto/protocol/openid-connect/token"
    reply = full.request("POST", path, kind, form)
    assert (reply.status, reply.header("retry-after")) == (503, "30")


def test_vi_json_says_503_with_a_fault(full: Server) -> None:
    reply = by_json(full)
    assert (reply.status, reply.json()["_typeName"]) == (503, "SystemError")
    assert reply.header("vmware-api-session-id") is None


def test_api_says_what_a_vcenter_of_that_time_says(full: Server) -> None:
    reply = by_basic("/api/session")(full)
    assert reply.status == 503
    assert reply.json()["error_type"] == "SERVICE_UNAVAILABLE"
    assert [(one["id"], one["default_message"]) for one in reply.json()["messages"]] == [
        (MESSAGE, TEXT)
    ]


def test_rest_says_the_same_in_its_own_wrapping(full: Server) -> None:
    reply = by_basic("/rest/com/vmware/cis/session")(full)
    assert reply.status == 503
    assert reply.json()["type"] == "com.vmware.vapi.std.errors.service_unavailable"
    assert reply.json()["value"]["messages"][0]["id"] == MESSAGE
    assert reply.header("set-cookie") is None


def test_json_rpc_says_it_inside_a_200(full: Server) -> None:
    reply = by_rpc(full)
    assert reply.status == 200
    error = reply.json()["result"]["error"]["ERROR"]
    assert list(error) == ["com.vmware.vapi.std.errors.service_unavailable"]
    assert TEXT in json.dumps(error)


def test_the_total_cap_is_a_503_too(make_server: MakeServer) -> None:
    server = make_server(settings="[sessions]\nmax_total = 1\n")
    assert by_json(server).status == 200
    assert by_basic("/v1/session/add", USER)(server).status == 503
    reply = by_basic("/api/session", USER)(server)
    assert (reply.status, MESSAGE in reply.body.decode()) == (503, False)


def test_sec_88_somebody_of_the_same_name_elsewhere_uses_up_nothing(
    make_server: MakeServer,
) -> None:
    """Two providers, each with an administrator of that name; the cap is one session."""
    settings = """
[sessions]
max_per_principal = 1
[identity.local]
type = "file"
[identity.other]
type = "file"
path = "others.toml"
[dialects.zerto]
windows = "local"
hypervisor = "other"
"""
    server = make_server(settings=settings)
    add_people(server.data_dir / "others.toml", {ADMIN: "user"})

    def log_in(method: int) -> int:
        headers = {"Authorization": basic(*ADMIN), "Content-Type": "application/json"}
        body = {"AuthenticationMethod": method}
        return server.request("POST", "/v1/session/add", headers, body).status

    assert [log_in(method) for method in (1, 1, 0, 0)] == [200, 503, 200, 503]


def test_a_profile_gives_the_caps_that_are_not_set(make_server: MakeServer) -> None:
    server = make_server(settings='[sessions]\nprofile = "vc7"\nmax_total = 9\n')
    file = server.data_dir.with_name(f"{server.data_dir.name}.toml")
    rows = server.run("config", "show", "--output", "json", "--config", str(file)).json()
    shown = {row["setting"]: row for row in rows}
    assert shown["sessions.max_per_principal"]["value"] == 550
    assert shown["sessions.max_total"]["value"] == 9
