"""Storage policies' endpoint: requests in, replies out, no socket."""

import pytest

from sessiongate.audit.event import read
from sessiongate.dialects.vim.pbm_endpoint import PbmEndpoint
from sessiongate.http.message import Reply
from sessiongate.wire import pbm
from tests.gate import INSTANCE, Gate
from tests.http.requests import header, request
from tests.wire.test_pbm import envelope


@pytest.fixture
def endpoint(gate: Gate) -> PbmEndpoint:
    return PbmEndpoint(gate.sessions, gate.logins, gate.bearers, gate.center, instance=INSTANCE)


def called(name: str, token: str = "") -> bytes:
    this = '<_this type="PbmServiceInstance">ServiceInstance</_this>'
    return envelope(
        f'<{name} xmlns="urn:pbm">{this}</{name}>', f"<vcSessionCookie>{token}</vcSessionCookie>"
    )


def is_fault(reply: Reply, kind: str) -> bool:
    return reply.status == 500 and f'<{kind}Fault xmlns="urn:vim25"'.encode() in reply.body


async def test_it_is_for_whoever_has_a_session(endpoint: PbmEndpoint, gate: Gate) -> None:
    token = (await gate.login("bob")).token.reveal()
    for name in (pbm.CONTENT, pbm.RESOURCE_TYPES, *pbm.EMPTY, "PbmCreate", "PbmX"):
        stranger = await endpoint(request("POST", "/pbm", called(name)))
        assert is_fault(stranger, "NotAuthenticated")
    by_header = await endpoint(request("POST", "/pbm", called(pbm.CONTENT, token)))
    assert by_header.status == 200
    assert INSTANCE.encode() in by_header.body
    cookie = f'vmware_soap_session="{token}"'
    for name in (pbm.RESOURCE_TYPES, *pbm.EMPTY):
        reply = await endpoint(request("POST", "/pbm/sdk", called(name), cookie=cookie))
        assert reply.status == 200
        assert header(reply, "set-cookie") is None
    for name in ("PbmCreate", "PbmX", "Fetch"):
        assert is_fault(
            await endpoint(request("POST", "/pbm", called(name, token))), "NotSupported"
        )
    [session] = [one async for one in gate.sessions.list()]
    assert session.call_count == 5 + len(pbm.EMPTY)


async def test_two_sessions_are_none(endpoint: PbmEndpoint, gate: Gate) -> None:
    one, other = [(await gate.login(name)).token.reveal() for name in ("ada", "bob")]
    cookie = f"vmware_soap_session={other}"
    reply = await endpoint(request("POST", "/pbm", called(pbm.CONTENT, one), cookie=cookie))
    assert is_fault(reply, "NotAuthenticated")


async def test_sec_73_a_large_body_is_not_read(endpoint: PbmEndpoint, gate: Gate) -> None:
    """A megabyte took 36 ms of everybody's time, for arguments that nobody looks at."""
    token = (await gate.login("bob")).token.reveal()
    call = called(pbm.CONTENT, token)
    assert (await endpoint(request("POST", "/pbm", call.ljust(pbm.LARGEST)))).status == 200
    reply = await endpoint(request("POST", "/pbm", call.ljust(pbm.LARGEST + 1)))
    assert (reply.status, b"larger than" in reply.body) == (413, True)


async def test_sec_69_it_is_for_whoever_may_view(endpoint: PbmEndpoint, gate: Gate) -> None:
    gate.identity.add("gus", "gusgus", "greeter")
    token = (await gate.login("gus")).token.reveal()
    for name in (pbm.CONTENT, pbm.RESOURCE_TYPES, *pbm.EMPTY, "PbmCreate"):
        reply = await endpoint(request("POST", "/pbm", called(name, token)))
        assert is_fault(reply, "NoPermission")
        assert b"System.View" in reply.body
    denied = [one for one in map(read, gate.store.audit.payloads) if one.reason]
    assert {(one.user, one.reason) for one in denied} == {("gus", "System.View")}


async def test_what_is_no_call(endpoint: PbmEndpoint) -> None:
    reply = await endpoint(request("POST", "/pbm", b"<!DOCTYPE x><x/>"))
    assert (reply.status, b"ClientFaultCode" in reply.body) == (500, True)
    reply = await endpoint(request("GET", "/pbm"))
    assert (reply.status, header(reply, "allow")) == (405, "POST")
    assert endpoint.refuse(request("POST", "/pbm"), None).status == 500
