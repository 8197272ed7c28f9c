"""What a client sends to the Automation API, and what arrives: one request, by another session."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.basic import basic
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server
from tests.end_to_end.test_gateway_framing import settings
from tests.gateway.calls.test_rest_calls import JSON, House
from tests.upstream.fakes import Asked, FakeServer, http

pytestmark = pytest.mark.slow

BODY = b'{"name": "a"}'
PLAIN = b"Content-Length: %d\r\n" % len(BODY)
SMUGGLED = b"DELETE /api/session HTTP/1.1\r\nHost: a\r\n\r\n"
TO_VC = {"host", "user-agent", "content-type", "accept-encoding", "content-length"}
CANARY = "canary-0123456789"


def answer(_: Asked) -> bytes:
    heads = (f"Set-Cookie: vmware-api-session-id={CANARY}", f"vmware-api-session-id: {CANARY}")
    return http(200, '{"value": 1}', *heads, f"X-Other: {CANARY}", kind=JSON)


class Case:
    def __init__(self, house: House, gate: Server, own: str) -> None:
        """`own` is the upstream's own Host."""
        self.own = own
        self.house = house
        self.gate = gate
        login = {"Authorization": basic(*ADMIN)}
        self.token: str = gate.request("POST", "/api/session", login).json()

    async def arrived(self, line: bytes, head: bytes, body: bytes) -> tuple[list[Asked], bytes]:
        """What arrives of this request, and what is answered."""
        before = len(self.house.asked)
        carrier = b"vmware-api-session-id: %b\r\n" % self.token.encode()
        begin = b"%b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%b" % (line, carrier)
        said = await asyncio.to_thread(self.gate.raw, begin + head + b"\r\n" + body)
        assert said.startswith(b"HTTP/1.1 "), said
        return self.house.asked[before:], said


@pytest.fixture
async def case(make_server: MakeServer) -> AsyncIterator[Case]:
    house = House()
    house.apart, house.says = True, answer
    async with FakeServer(house) as upstream:
        gate = await asyncio.to_thread(make_server, settings=settings(upstream.url))
        one = await asyncio.to_thread(Case, house, gate, f"127.0.0.1:{upstream.port}")
        arrived, _ = await one.arrived(b"GET /api/vcenter/vm", b"", b"")
        assert arrived[-1].path == "/api/vcenter/vm"  # and before it the logins
        yield one
        await asyncio.to_thread(gate.stop)


HEADS: dict[str, tuple[bytes, int]] = {
    "as it should be": (PLAIN, 1),
    "the session named as one of this hop": (
        PLAIN + b"Connection: vmware-api-session-id, content-length\r\n",
        1,
    ),
    "other spellings of a session": (
        PLAIN + b"vmware_api_session_id: x\r\nVmware-Api-Session_Id: x\r\nX-Zerto-Session_: x\r\n",
        1,
    ),
    "who it says it is": (
        PLAIN + b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-User: root\r\nForwarded: for=a\r\n"
        b"Cookie: a=b\r\nX-Original-URL: /api/session\r\nX-Rewrite-URL: /api/session\r\n",
        1,
    ),
    "another verb or service inside": (
        PLAIN + b"X-HTTP-Method-Override: DELETE\r\nvapi-service: com.vmware.cis.session\r\n"
        b"vapi-operation: delete\r\n",
        1,
    ),
    "two lengths": (PLAIN + b"Content-Length: 3\r\n", 0),
    "a length and chunks": (PLAIN + b"Transfer-Encoding: chunked\r\n", 0),
    "another session besides": (PLAIN + b"Cookie: vmware-api-session-id=x\r\n", 0),
    "a bearer besides": (PLAIN + b"Authorization: Bearer x\r\n", 0),
}


async def test_sec_35_no_header_of_a_client_s_changes_what_arrives(case: Case) -> None:
    for name, (head, count) in HEADS.items():
        arrived, said = await case.arrived(b"POST /api/vcenter/vm?a=b", head, BODY + SMUGGLED)
        assert len(arrived) == count, name
        assert CANARY.encode() not in said, name
        for one in arrived:
            assert one.line == "POST /api/vcenter/vm?a=b HTTP/1.1", name
            assert set(one.names) == {*TO_VC, "vmware-api-session-id"}, name
            assert len(one.names) == len(set(one.names)), name
            assert one.body == BODY, name
            assert one.headers["vmware-api-session-id"] in case.house.rest, name


LINES = (
    *(b"GET /api/vcenter/%2e%2e/session", b"GET /api//session", b"GET /api/./vcenter/vm"),
    *(b"DELETE /api/session/", b"GET /api/", b"POST /api/", b"POST /rest/", b"GET /api/a;b"),
    *(b"GET //api/vcenter/vm", b"GET /API/vcenter/vm", b"GET /api/vcenter\\vm", b"TRACE /api/a/b"),
    *(b"GET /api/vcenter/vm?a=b;~action=delete", b"GET /api/%76center/vm", b"CONNECT /api/a/b"),
    *(b"POST /api/vcenter/authentication/token", b"POST /rest/com/vmware/cis/session/x"),
    b"GET /api/vcenter/vm?vmware-api-session-id=x",
)


async def test_sec_38_what_could_be_another_address_never_arrives(case: Case) -> None:
    for line in LINES:
        arrived, said = await case.arrived(line, b"", b"")
        assert arrived == [], line
        assert said.split(b" ")[1] in (b"400", b"404", b"405", b"501"), (line, said)


async def test_sec_46_no_address_in_a_request_names_another_upstream(case: Case) -> None:
    for line in (
        b"GET http://169.254.169.254/api/vcenter/vm",
        b"GET https://user@169.254.169.254:443/api/vcenter/vm",
        b"GET /api/vcenter/vm/http:%3A169.254.169.254",
    ):
        arrived, _ = await case.arrived(line, b"", b"")
        for one in arrived:
            assert one.path.startswith("/api/vcenter/vm")
            assert one.headers["host"] == case.own, line


async def test_sec_43_our_tokens_stay_here_and_theirs_there(case: Case) -> None:
    for verb in (b"GET", b"POST", b"DELETE"):
        _, said = await case.arrived(verb + b" /rest/vcenter/vm", b"", b"")
        assert b"200 OK" in said
        for token in (*case.house.rest, *case.house.soap, CANARY):
            assert token.encode() not in said
    written = case.token.encode()
    for one in case.house.asked:
        assert written not in one.line.encode() + one.body
        assert case.token not in one.headers.values()
