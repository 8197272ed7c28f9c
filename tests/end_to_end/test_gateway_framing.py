"""What a client sends and what arrives at the upstream: one request for one call, made anew."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server
from tests.end_to_end.vim_soap import SoapClient, envelope
from tests.upstream.fakes import Asked, FakeServer, http
from tests.upstream.fakes import envelope as enveloped

pytestmark = pytest.mark.slow

KEY = "52a67ed8-0f0b-1714-4534-86a177fc5158"
NAME = envelope("Fetch", "Folder", "group-d1", "<prop>name</prop>").encode()
LOGOUT = envelope("Logout", "SessionManager", "SessionManager").encode()
SMUGGLED = b"POST /sdk HTTP/1.1\r\nHost: a\r\nX-Smuggled: yes\r\nContent-Length: %d\r\n\r\n%b" % (
    len(LOGOUT),
    LOGOUT,
)
PLAIN = b"Content-Length: %d\r\n" % len(NAME)
TO_VC = {"host", "user-agent", "content-type", "accept-encoding", "cookie", "content-length"}


def echo(asked: Asked) -> bytes:
    """A vCenter with one session, which says how many bytes it was sent."""
    found = re.search(rb"<(\w+) xmlns=\"urn:vim25\"", asked.body)
    name = found[1].decode() if found is not None else "None"
    returned, more = f"<returnval>{len(asked.body)}</returnval>", list[str]()
    if name == "Login":
        returned = f"<returnval><key>{KEY}</key><userName>svc</userName></returnval>"
        more = ["Set-Cookie: vmware_soap_session=theirs; Path=/"]
    body = enveloped(f'<{name}Response xmlns="urn:vim25">{returned}</{name}Response>')
    return http(200, body, *more, kind="text/xml")


def settings(url: str) -> str:
    return f"""
    [upstream.vc1]
    type = "vcenter"
    url = "{url}"
    verify = false
    account = "service"
    username = "svc"
    password = "the service's pass 1"
    roles = ["administrator"]
    [upstream.vc1.pool]
    keep_alive = "1d"
    [identity.local]
    type = "file"
    """


class Case:
    def __init__(self, upstream: FakeServer, gate: Server) -> None:
        self.upstream = upstream
        self.gate = gate
        self.client = SoapClient.login(gate, ADMIN)

    def name(self) -> str:
        said = self.client.send(NAME)
        assert not said.fault, said.body
        return said.text

    async def arrived(self, head: bytes, body: bytes) -> list[Asked]:
        """What arrives of this request, and a right call after it."""
        begin = b"POST /sdk HTTP/1.1\r\nHost: a\r\nCookie: %b\r\n" % self.client.cookie.encode()
        before = len(self.upstream.asked)
        answer = await asyncio.to_thread(self.gate.raw, begin + head + b"\r\n" + body)
        assert answer.startswith(b"HTTP/1.1 "), answer
        arrived = self.upstream.asked[before:]
        assert await asyncio.to_thread(self.name) == str(len(NAME))
        last = self.upstream.asked[before + len(arrived) :]
        assert [one.body for one in last] == [NAME], "the call after it is the next that arrives"
        return arrived


@pytest.fixture
async def case(make_server: MakeServer) -> AsyncIterator[Case]:
    async with FakeServer(echo) as upstream:
        gate = await asyncio.to_thread(make_server, settings=settings(upstream.url))
        one = await asyncio.to_thread(Case, upstream, gate)
        assert await asyncio.to_thread(one.name) == str(len(NAME))
        yield one
        await asyncio.to_thread(gate.stop)


def chunks(body: bytes, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    half = len(body) // 2
    parts = b"".join(
        b"%x%b\r\n%b\r\n" % (len(one), extension, one) for one in (body[:half], body[half:])
    )
    return parts + b"0\r\n" + trailers + b"\r\n"


CLOSE = b"Connection: close\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
# A head without the lines that all have, a body, and how many requests arrive.
TRIES: dict[str, tuple[bytes, bytes, int]] = {
    "as it should be": (PLAIN + CLOSE, NAME, 1),
    "in chunks": (CHUNKED + CLOSE, chunks(NAME), 1),
    "in chunks with extensions": (CHUNKED + CLOSE, chunks(NAME, b";a=b"), 1),
    "trailers": (
        CHUNKED + CLOSE + b"Trailer: Content-Length\r\n",
        chunks(NAME, trailers=b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n"),
        1,
    ),
    "a length and chunks": (PLAIN + CHUNKED + CLOSE, chunks(NAME) + SMUGGLED, 0),
    "chunks and a length": (CHUNKED + b"Content-Length: 3\r\n" + CLOSE, chunks(NAME), 0),
    "two lengths": (PLAIN + b"Content-Length: 3\r\n" + CLOSE, NAME + SMUGGLED, 0),
    "a length with a sign": (PLAIN.replace(b": ", b": +") + CLOSE, NAME + SMUGGLED, 0),
    "chunked as another coding": (CHUNKED.replace(b"chunked", b"xchunked") + CLOSE, NAME, 0),
    "chunked below another coding": (CHUNKED.replace(b"chunked", b"gzip, chunked"), NAME, 0),
    "chunked beside a space": (PLAIN + b"Transfer-Encoding : chunked\r\n" + CLOSE, NAME, 0),
    "chunked in a folded line": (PLAIN + b"X-A: b\r\n Transfer-Encoding: chunked\r\n", NAME, 0),
    "chunked behind a line feed": (PLAIN + b"X-A: b\nTransfer-Encoding: chunked\r\n", NAME, 0),
    "a line feed in what is sent on": (PLAIN + b"SOAPAction: a\nX-Smuggled: b\r\n", NAME, 0),
    "a return in what is sent on": (PLAIN + b"SOAPAction: a\rX-Smuggled: b\r\n", NAME, 0),
    "another line end in it": (PLAIN + CLOSE + b"SOAPAction: a\x85X-Smuggled: b\r\n", NAME, 1),
    "the length named as one of this hop": (
        PLAIN + b"Connection: close, content-length, cookie, host\r\n",
        NAME,
        1,
    ),
    "another protocol": (
        PLAIN + b"Connection: close, upgrade, http2-settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        NAME,
        1,
    ),
    "codings that are welcome": (
        PLAIN + CLOSE + b"TE: trailers, chunked\r\nAccept-Encoding: gzip\r\n",
        NAME,
        1,
    ),
    "a wait for leave": (PLAIN + CLOSE + b"Expect: 100-continue\r\n", NAME, 1),
    "another method inside": (PLAIN + CLOSE + b"X-HTTP-Method-Override: PUT\r\n", NAME, 1),
    "who it says it is": (
        PLAIN + CLOSE + b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: b\r\nForwarded: for=a\r\n"
        b"X-Original-URL: /x\r\nProxy-Connection: keep-alive\r\nKeep-Alive: timeout=9\r\n",
        NAME,
        1,
    ),
    "a request behind it": (PLAIN + CLOSE, NAME + SMUGGLED, 1),
    "a request behind it that is answered too": (
        PLAIN,
        NAME + SMUGGLED + b"\r\n\r\nno request\r\n\r\n",
        1,
    ),
    "a request behind the last chunk": (CHUNKED + CLOSE, chunks(NAME) + SMUGGLED, 1),
    "no length at all": (CLOSE, SMUGGLED, 0),
}


async def test_sec_41_whatever_a_client_tries_one_call_is_one_request_made_anew(case: Case) -> None:
    for name, (head, body, count) in TRIES.items():
        arrived = await case.arrived(head, body)
        assert len(arrived) == count, name
        for one in arrived:
            assert one.line == "POST /sdk HTTP/1.1", name
            assert set(one.names) - {"soapaction"} == TO_VC, name
            assert len(one.names) == len(set(one.names)), name
            assert one.headers["content-length"] == str(len(one.body)), name
            assert one.body == NAME, name
            assert one.headers["host"] == f"127.0.0.1:{case.upstream.port}", name


async def test_sec_41_a_request_inside_a_text_is_a_text(case: Case) -> None:
    text = SMUGGLED.replace(b"<", b"&lt;").replace(b"\r\n", b"&#13;\n").decode()
    document = envelope("Rename_Task", "Folder", "group-d1", f"<newName>{text}</newName>").encode()
    head = b"Content-Length: %d\r\n" % len(document) + CLOSE
    assert [one.body for one in await case.arrived(head, document)] == [document]
