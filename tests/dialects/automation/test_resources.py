"""What an empty vCenter has, at each face: requests in, replies out, no socket."""

import json
from typing import Any

import pytest

from sessiongate.dialects.automation.resources import API, REST, Face, ResourcesEndpoint
from sessiongate.wire.automation.resources import RESOURCES, ResourceValue
from tests.gate import APPLIANCE, Gate
from tests.http.requests import header, request

FACES = pytest.mark.parametrize("face", [API, REST], ids=["api", "rest"])


def path_of(face: Face, name: str) -> str:
    return f"/{'api' if face is API else 'rest'}/{name}"


def endpoint_of(gate: Gate, face: Face) -> ResourcesEndpoint:
    return ResourcesEndpoint(gate.sessions, gate.bearers, APPLIANCE, face)


def kind_of(body: bytes) -> str:
    told: dict[str, Any] = json.loads(body)
    kind: str = told.get("value", told)["error_type"]
    return kind


@FACES
async def test_everything_needs_a_live_session_and_each_call_counts(face: Face, gate: Gate) -> None:
    endpoint = endpoint_of(gate, face)
    opened = await gate.login("bob")
    token = opened.token.reveal()
    for path in face.resources:
        for asked in (path, f"{path}/vm-1"):
            for verb in ("GET", "POST", "DELETE"):
                reply = await endpoint(request(verb, asked, vmware_api_session_id="f" * 40))
                assert (reply.status, kind_of(reply.body)) == (401, "UNAUTHENTICATED")
                assert header(reply, "www-authenticate") is not None
    [session] = [one async for one in gate.sessions.list()]
    assert session.call_count == 0
    for number, (path, one) in enumerate(face.resources.items(), 1):
        how = ("GET", path) if one.reads else ("POST", f"{path}?action={one.actions[0]}")
        reply = await endpoint(request(*how, vmware_api_session_id=token))
        assert (reply.status, header(reply, "content-type")) == (200, "application/json")
        told = json.loads(reply.body)
        if face is REST:
            assert set(told) == {"value"}
            told = told["value"]
        if one.answer is ResourceValue.NOTHING:
            assert told == []
        [session] = [one async for one in gate.sessions.list()]
        assert session.call_count == number
    assert number == len(RESOURCES)


@FACES
async def test_there_is_no_member_and_none_can_be_made(face: Face, gate: Gate) -> None:
    endpoint = endpoint_of(gate, face)
    token = (await gate.login("ada")).token.reveal()
    tags = "cis/tagging/tag" if face is API else "com/vmware/cis/tagging/tag"
    for verb, name, status, kind in (
        ("GET", "vcenter/vm/vm-1", 404, "NOT_FOUND"),
        ("DELETE", "vcenter/datacenter/datacenter-1", 404, "NOT_FOUND"),
        ("POST", "vcenter/vm", 405, "UNSUPPORTED"),
        ("POST", tags, 501, "UNSUPPORTED"),
        ("GET", "vcenter/nothing", 404, "NOT_FOUND"),
    ):
        reply = await endpoint(request(verb, path_of(face, name), vmware_api_session_id=token))
        assert (reply.status, kind_of(reply.body)) == (status, kind)
        assert header(reply, "allow") == ("GET" if status == 405 else None)


async def test_the_cookie_of_rest_reads_no_further_than_rest(gate: Gate) -> None:
    token = (await gate.login("bob")).token.reveal()
    for face, status in ((API, 401), (REST, 200)):
        cookie = f"vmware-api-session-id={token}"
        path = path_of(face, "vcenter/host")
        assert (await endpoint_of(gate, face)(request("GET", path, cookie=cookie))).status == status


async def test_the_server_names_itself(gate: Gate) -> None:
    token = (await gate.login("bob")).token.reveal()
    asked = request("GET", "/api/appliance/networking/dns/hostname", vmware_api_session_id=token)
    reply = await endpoint_of(gate, API)(asked)
    assert json.loads(reply.body) == APPLIANCE.host_name
