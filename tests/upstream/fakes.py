"""Servers on loopback that answer as they are told: kindly, wrongly, slowly, or not at all."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sessiongate.tls import certificates
from tests.until import PATIENCE

JSON_TOKEN = "3f0c0000000000000000000000000000canary01"
SOAP_TOKEN = '"7bea0000000000000000000000000000canary02"'


@dataclass(frozen=True)
class Asked:
    """One request as it came. Header names are lower case."""

    line: str
    headers: dict[str, str]
    body: bytes
    names: tuple[str, ...] = ()
    """Of all headers, also those that came twice."""

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


Script = Callable[[Asked], bytes | Awaitable[bytes]]


def http(status: int, body: bytes | str = b"", *headers: str, kind: str = "") -> bytes:
    """A whole reply."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(data)}", *headers]
    if kind:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join([*lines, "", ""]).encode() + data


JSON_SESSION = (
    r'{"_typeName":"UserSession","key":"52a67ed8-0f0b-1714-4534-86a177fc5158",'
    r'"userName":"VSPHERE.LOCAL\\Ada","fullName":"Ada Lovelace","locale":"en"}'
)
LOGGED_IN = http(200, JSON_SESSION, f"vmware-api-session-id: {JSON_TOKEN}", kind="application/json")
LOGGED_OUT = http(204)


def json_fault(name: str) -> bytes:
    body = f'{{"_typeName":"{name}","faultstring":"No."}}'
    return http(500, body, kind="application/json")


def envelope(content: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<s:Body>{content}</s:Body></s:Envelope>"
    )


SOAP_SESSION = envelope(
    '<LoginResponse xmlns="urn:vim25"><returnval>'
    "<key>52a67ed8</key><userName>VSPHERE.LOCAL\\Ada</userName>"
    "<fullName>Ada Lovelace</fullName><loginTime>2026-01-02T03:04:05Z</loginTime>"
    "<locale>en</locale></returnval></LoginResponse>"
)
SOAP_LOGGED_IN = http(
    200,
    SOAP_SESSION,
    f"Set-Cookie: vmware_soap_session={SOAP_TOKEN}; Path=/; HttpOnly; Secure; ",
    kind="text/xml; charset=utf-8",
)
SOAP_LOGGED_OUT = http(200, envelope('<LogoutResponse xmlns="urn:vim25"/>'), kind="text/xml")


def soap_fault(name: str) -> bytes:
    detail = f'<detail><{name}Fault xmlns="urn:vim25" xsi:type="{name}"/></detail>' if name else ""
    inner = f"<faultcode>ServerFaultCode</faultcode><faultstring>No.</faultstring>{detail}"
    return http(500, envelope(f"<s:Fault>{inner}</s:Fault>"), kind="text/xml")


@dataclass
class FakeServer:
    """Answers each request with what `script` makes of it; b"" closes the connection instead.

    While `gate` is shut, requests are read and wait for their answers. With `drip`, answers come a
    byte per turn of the loop and stop one byte before their end. One that `hangs_up` closes the
    connection after each answer, whole or not.
    """

    script: Script
    tls: ssl.SSLContext | None = None
    drip: bool = False
    hangs_up: bool = False
    asked: list[Asked] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]

    async def has_read(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.asked) >= count)

    async def __aenter__(self) -> Self:
        self.gate.set()
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Be there, where it was before if it was somewhere."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Be gone: no more connections, and those there are broken off."""
        if self._server is None:
            return
        self._server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if self.tls is not None:  # here, where one that does not end is broken off, too
                await writer.start_tls(self.tls)
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test did
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [
            (name.lower(), value.strip())
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        ]
        headers = dict(pairs)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(head[0], headers, body, tuple(name for name, _ in pairs))
        async with self._news:
            self.asked.append(asked)
            self._news.notify_all()
        await self.gate.wait()
        said = self.script(asked)
        answer = said if isinstance(said, bytes) else await said
        if self.drip:
            for position in range(len(answer) - 1):
                writer.write(answer[position : position + 1])
                await writer.drain()
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        writer.write(answer)
        await writer.drain()
        return bool(answer) and not self.hangs_up


def kind_vcenter(asked: Asked) -> bytes:
    """A vCenter that speaks both forms, where everybody's password is "right"."""
    if asked.path.endswith("/Login"):
        return LOGGED_IN if b'"right"' in asked.body else json_fault("InvalidLogin")
    if asked.path.endswith("/Logout"):
        return LOGGED_OUT
    if b"<Login " in asked.body:
        return SOAP_LOGGED_IN if b">right<" in asked.body else soap_fault("InvalidLogin")
    return SOAP_LOGGED_OUT


def old_vcenter(asked: Asked) -> bytes:
    """A vCenter before 8.0 U1."""
    return kind_vcenter(asked) if asked.path == "/sdk" else http(404, "no such page")


def saying(*answers: bytes) -> Script:
    """Gives these answers, one after the other, and the last one ever after."""
    left = list(answers)

    def script(_: Asked) -> bytes:
        return left.pop(0) if len(left) > 1 else left[0]

    return script


def server_tls(folder: Path, names: Sequence[str] = ("127.0.0.1",)) -> ssl.SSLContext:
    """TLS with a certificate of a CA of its own, `folder/tls/ca.pem`, for these names."""
    made = certificates.ensure(folder, names, datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context
