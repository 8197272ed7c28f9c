"""VI/JSON's endpoint: requests in, replies out, no socket."""

import json
from typing import Any

import pytest

from sessiongate.dialects.vim.json_endpoint import VimJsonEndpoint
from sessiongate.http.message import Reply
from tests.gate import Gate
from tests.http.requests import header, request

MANAGER = "/sdk/vim25/8.0.3.0/SessionManager/SessionManager"
LOGIN = json.dumps({"userName": "ada", "password": "adaada"}).encode()


@pytest.fixture
def endpoint(gate: Gate) -> VimJsonEndpoint:
    return VimJsonEndpoint(gate.sessions, gate.logins, gate.bearers, gate.center)


async def session(endpoint: VimJsonEndpoint, name: str = "ada") -> str:
    """The token of a new session of this user."""
    body = json.dumps({"userName": name, "password": name + name}).encode()
    token = header(
        await endpoint(request("POST", f"{MANAGER}/Login", body)), "vmware-api-session-id"
    )
    assert token is not None
    return token


def content(reply: Reply) -> Any:
    assert header(reply, "content-type") == "application/json"
    return json.loads(reply.body)


async def test_a_login_gives_a_session_and_its_token(endpoint: VimJsonEndpoint) -> None:
    reply = await endpoint(request("POST", f"{MANAGER}/Login", LOGIN, user_agent="govc"))
    assert reply.status == 200
    token = header(reply, "vmware-api-session-id")
    assert token is not None
    assert len(token) == 40
    found = content(reply)
    assert (found["_typeName"], found["userName"]) == ("UserSession", "ada")
    assert (found["ipAddress"], found["userAgent"]) == ("192.0.2.7", "govc")
    assert token not in reply.body.decode()


async def test_a_session_is_read_and_logged_out(endpoint: VimJsonEndpoint) -> None:
    token = await session(endpoint)
    reply = await endpoint(request("GET", f"{MANAGER}/currentSession", vmware_api_session_id=token))
    assert (reply.status, content(reply)["callCount"]) == (200, 1)
    reply = await endpoint(request("POST", f"{MANAGER}/Logout", vmware_api_session_id=token))
    assert (reply.status, reply.body, reply.headers) == (204, b"", ())
    reply = await endpoint(request("GET", f"{MANAGER}/currentSession", vmware_api_session_id=token))
    assert (reply.status, reply.body) == (200, b"null")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "fault"),
    [
        ("POST", "Login", b'{"userName":"ada","password":"x"}', 500, "InvalidLogin"),
        ("POST", "Login", b'{"userName":"nil","password":"nilnil"}', 500, "NoPermission"),
        (
            "POST",
            "Login",
            b'{"userName":"ada","password":"adaada","locale":"x"}',
            500,
            "InvalidLocale",
        ),
        ("POST", "Login", b"{", 500, "InvalidRequest"),
        ("POST", "Nonesuch", b"", 500, "MethodNotFound"),
        ("POST", "Logout", b"", 500, "NotAuthenticated"),
        ("GET", "Login", b"", 405, "InvalidRequest"),
        ("PUT", "Login", b"", 405, "InvalidRequest"),
        ("GET", "nonesuch", b"", 500, "InvalidProperty"),
        ("HEAD", "nonesuch", b"", 500, "MethodNotFound"),
    ],
)
async def test_refusals_are_faults(
    endpoint: VimJsonEndpoint,
    gate: Gate,
    method: str,
    path: str,
    body: bytes,
    status: int,
    fault: str,
) -> None:
    reply = await endpoint(request(method, f"{MANAGER}/{path}", body))
    found = content(reply)
    assert (reply.status, found["_typeName"]) == (status, fault)
    assert found["faultstring"]
    assert found.get("name", path) == path
    assert (header(reply, "allow") is not None) == (status == 405)
    assert header(reply, "vmware-api-session-id") is None
    assert await gate.live() == []


@pytest.mark.parametrize(
    ("path", "fault", "said"),
    [
        ("Folder/group-d1/CreateFolder", "NotSupported", "CreateFolder"),
        ("FileManager/FileManager/MakeDirectory", "NotSupported", "MakeDirectory"),
        ("VirtualMachine/vm-1/PowerOnVM_Task", "InvalidRequest", "VirtualMachine"),
    ],
)
async def test_what_is_not_done_here_is_named(
    endpoint: VimJsonEndpoint, path: str, fault: str, said: str
) -> None:
    token = await session(endpoint)
    address = MANAGER.replace("SessionManager/SessionManager", path)
    found = content(await endpoint(request("POST", address, vmware_api_session_id=token)))
    assert found["_typeName"] == fault
    assert said in found["faultMessage"][0]["message"]


async def test_not_authenticated_names_object_and_privilege(endpoint: VimJsonEndpoint) -> None:
    found = content(
        await endpoint(request("POST", f"{MANAGER}/TerminateSession", b'{"sessionId":[]}'))
    )
    assert found["object"]["value"] == "SessionManager"
    assert found["privilegeId"] == "Sessions.TerminateSession"


async def test_faults_speak_the_callers_language(endpoint: VimJsonEndpoint) -> None:
    english = content(
        await endpoint(request("POST", f"{MANAGER}/Login", b'{"userName":"x","password":""}'))
    )
    german = content(
        await endpoint(
            request("POST", f"{MANAGER}/Login", b'{"userName":"x","password":"","locale":"de_CH"}')
        )
    )
    assert english["_typeName"] == german["_typeName"] == "InvalidLogin"
    assert english["faultstring"] != german["faultstring"]
    token = await session(endpoint, "bob")
    await endpoint(
        request("POST", f"{MANAGER}/SetLocale", b'{"locale":"de"}', vmware_api_session_id=token)
    )
    again = content(
        await endpoint(request("POST", f"{MANAGER}/Login", LOGIN, vmware_api_session_id=token))
    )
    assert again["faultstring"] == german["faultstring"]


async def test_an_outage_is_503_with_a_time(endpoint: VimJsonEndpoint, gate: Gate) -> None:
    gate.identity.outage = True
    reply = await endpoint(request("POST", f"{MANAGER}/Login", LOGIN))
    assert (reply.status, header(reply, "retry-after")) == (503, "5")
    assert content(reply)["_typeName"] == "SystemError"


async def test_carriers_that_contradict_each_other_are_no_session(
    endpoint: VimJsonEndpoint,
) -> None:
    one, two = await session(endpoint), await session(endpoint)
    reply = await endpoint(
        request(
            "GET",
            f"{MANAGER}/currentSession",
            vmware_api_session_id=one,
            x_zerto_session=two,
        )
    )
    assert content(reply)["_typeName"] == "NotAuthenticated"


def test_an_unforeseen_error_says_nothing(endpoint: VimJsonEndpoint) -> None:
    reply = endpoint.refuse(request("POST", f"{MANAGER}/Login", LOGIN), None)
    assert reply.status == 500
    assert content(reply)["_typeName"] == "SystemError"
