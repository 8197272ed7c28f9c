"""The Automation API through a gateway: before the simulator, whose sessions of SOAP and REST are
apart, and before another sessiongate, where all sessions are one table.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from tests.basic import basic
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, OPERATOR, USER, Reply, Server
from tests.end_to_end.test_gateway import (
    SERVICE,
    VERA,
    callers_gate,
    sessions,
    shared_gate,
    upstream,
)
from tests.end_to_end.test_vcenter_provider import pinned
from tests.peers.simulator import simulator
from tests.until import wait_until

__all__ = ["upstream"]

# Each of these starts two servers of its own.
pytestmark = pytest.mark.slow


@pytest.fixture
def house() -> Iterator[int]:
    """The port of a simulator with a small inventory."""
    with simulator(*SERVICE, "inventory") as port:
        yield port


def before_simulator(port: int, more: str = "") -> str:
    return f"""
    [upstream.vc1]
    type = "vcenter"
    url = "https://127.0.0.1:{port}"
    {pinned(port, sha256)}
    account = "service"
    username = "{SERVICE[0]}"
    password = "{SERVICE[1]}"
    roles = ["administrator", "operator"]
    read_roles = ["user"]
    size = 1
    {more}
    """


class Rest:
    """A session of the Automation API."""

    def __init__(self, server: Server, person: tuple[str, str] = ADMIN) -> None:
        self.server = server
        reply = server.request("POST", "/api/session", {"Authorization": basic(*person)})
        assert reply.status == 201, reply
        self.token: str = reply.json()

    def ask(self, verb: str, address: str, body: Any = None, **headers: str) -> Reply:
        sent = {"vmware-api-session-id": self.token, **headers}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        return self.server.request(verb, address, sent, body)


CATEGORIES = "/rest/com/vmware/cis/tagging/category"


@pytest.mark.peer
def test_sec_65_both_sessions_end_with_the_gateway_and_after_kill_9(
    house: int, make_server: MakeServer
) -> None:
    gate = make_server(settings=before_simulator(house))
    ada = Rest(gate)
    assert ada.ask("GET", CATEGORIES).json() == {"value": None}
    gate.kill9()
    gate.start()
    # What was left is ended, and who had a session here goes on by another one there.
    wait_until(lambda: ada.ask("GET", CATEGORIES).status == 200)
    assert ada.ask("POST", f"{CATEGORIES}", {"create_spec": CATEGORY}).status == 200
    assert len(ada.ask("GET", CATEGORIES).json()["value"]) == 1
    assert gate.run("pools", "list", "--output", "json").json()[0]["active"] <= 1
    gate.stop()
    assert "upstream session left open" not in gate.log.text


CATEGORY = {
    "name": "colour",
    "description": "",
    "cardinality": "SINGLE",
    "associable_types": [],
}


@pytest.mark.peer
def test_a_reader_changes_nothing_and_nobody_gets_a_token(
    house: int, make_server: MakeServer
) -> None:
    gate = make_server(settings=before_simulator(house))
    reader, worker = Rest(gate, USER), Rest(gate, OPERATOR)
    refused = reader.ask("POST", CATEGORIES, {"create_spec": CATEGORY})
    assert (refused.status, refused.json()["value"]["error_type"]) == (403, "UNAUTHORIZED")
    made = worker.ask("POST", CATEGORIES, {"create_spec": CATEGORY})
    assert reader.ask("GET", CATEGORIES).json() == {"value": [made.json()["value"]]}
    tagging = "/rest/com/vmware/cis/tagging/tag-association"
    attached = f"{tagging}?~action=list-attached-tags"
    body = {"object_id": {"id": "datacenter-1", "type": "Datacenter"}}
    assert reader.ask("POST", attached, body).json() == {"value": None}
    for path in ("/api/vcenter/tokenservice/token-exchange", "/api/vcenter/authentication/token"):
        assert worker.ask("POST", path, {}).status == 501
    tail = ("audit", "tail", "--output", "json")
    wait_until(lambda: "call not forwarded" in gate.run(*tail).out)
    assert worker.ask("GET", "/api/vcenter/%2e%2e/session").status == 400


@pytest.mark.peer
def test_under_caller_sessions_apart_are_told_of(house: int, make_server: MakeServer) -> None:
    """A caller's password is not kept, and the session that its login opened is of SOAP."""
    upstream = before_simulator(house).partition("    account")[0]
    gate = make_server(
        settings=f"""
        {upstream}
        [identity.vc]
        type = "vcenter"
        upstream = "vc1"
        domains = ["vsphere.local"]
        [identity.local]
        type = "file"
        """
    )
    caller = Rest(gate, SERVICE)
    reply = caller.ask("GET", CATEGORIES)
    assert (reply.status, reply.json()["value"]["error_type"]) == (501, "UNSUPPORTED")
    assert "before 8.0 U3" in reply.json()["value"]["messages"][0]["default_message"]


def test_where_sessions_are_one_table_callers_need_no_second_one(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers_gate(upstream))
    vera = Rest(gate, VERA)
    assert vera.ask("GET", "/api/vcenter/vm").json() == []
    assert vera.ask("GET", "/rest/vcenter/vm").json() == {"value": []}
    assert len(sessions(upstream)) == 1
    stranger = Rest(gate, USER).ask("GET", "/api/vcenter/vm")
    assert (stranger.status, stranger.json()["error_type"]) == (403, "UNAUTHORIZED")
    answers = [vera.ask("GET", "/api/vcenter/vm/vm-1"), vera.ask("POST", "/api/vcenter/vm", {})]
    assert [(one.status, one.json()["error_type"]) for one in answers] == [
        (404, "NOT_FOUND"),
        (405, "UNSUPPORTED"),
    ]


def test_sec_92_tokens_of_neither_side_cross(upstream: Server, make_server: MakeServer) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada = Rest(gate)
    replies = [
        ada.ask("GET", "/api/vcenter/vm"),
        ada.ask("GET", "/api/session"),
        ada.ask("POST", "/rest/com/vmware/cis/session?~action=get"),
        ada.ask("GET", "/api/vcenter/nothing"),
    ]
    assert [one.status for one in replies] == [200, 200, 200, 404]
    keys = [one["key"] for one in sessions(upstream)]
    assert len(keys) == 1
    for reply in replies:
        assert not reply.all("set-cookie")
        assert not reply.all("vmware-api-session-id")
        assert keys[0].encode() not in reply.body
    assert ada.token not in upstream.log.text + gate.log.text


def test_sec_63_a_lost_session_is_replaced_for_reads(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada = Rest(gate)
    assert ada.ask("GET", "/api/vcenter/vm").status == 200
    assert upstream.run("sessions", "terminate", "--all", "--yes").code == 0
    assert ada.ask("GET", "/api/vcenter/vm").status == 200
    assert len(sessions(upstream)) == 1


def test_an_upstream_that_is_away_is_told_of(upstream: Server, make_server: MakeServer) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada = Rest(gate)
    assert ada.ask("GET", "/api/vcenter/vm").status == 200
    upstream.stop()
    reply = ada.ask("GET", "/api/vcenter/vm")
    assert (reply.status, reply.json()["error_type"]) == (503, "SERVICE_UNAVAILABLE")
    assert reply.header("retry-after")
