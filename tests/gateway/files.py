"""A strict upstream that keeps files, and a gateway before it: edge, endpoint, pool.

The upstream lets in nobody without the cookie of a session that lives, but by a ticket that it has
made. It takes down every byte that comes.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates
from sessiongate.dialects.relayed_transfers import routes
from sessiongate.gateway.calls.call import CallRecord
from sessiongate.gateway.calls.checkouts import Checkout
from sessiongate.gateway.calls.clients import GatewayClient
from sessiongate.gateway.calls.transfers import Transfers
from sessiongate.gateway.leases.lease import Lease, PoolLimits
from sessiongate.gateway.leases.pool import Pool
from sessiongate.gateway.leases.tokens_in_use import TokensInUse
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import listen
from sessiongate.http.router import NOWHERE, Routes
from sessiongate.secret import Secret
from sessiongate.session import Session
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from tests.gate import CLIENT, Gate
from tests.http.streaming import leave
from tests.until import PATIENCE, until

TICKET = "52d2f1b4-canary-ticket"
SET_COOKIE = "Set-Cookie: vmware_soap_session=canary-of-the-upstream"
RULES = RelayRules(
    upstream="vc1",
    shared=True,
    timeout=timedelta(seconds=30),
    queue_time=30.0,
    waits=10,
    objects=3,
    waits_each=2,
    calls_each=8,
    transfers=8,
)


@dataclass
class Got:
    """A request as it came. Header names are lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    raw: bytes
    body: bytes = b""
    whole: bool = False

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class FileServer:
    """See above. What `says` holds by path is answered in place of what it would answer."""

    def __init__(self) -> None:
        self.alive: set[str] = set()
        self.files: dict[str, bytes] = {}
        self.got: list[Got] = []
        self.says: dict[str, bytes] = {}
        self.refuses_early = False
        self.reads = asyncio.Event()
        """While it is not set, no body is read."""
        self.reads.set()
        self.answers = asyncio.Event()
        """While it is not set, nothing is answered."""
        self.answers.set()
        self.connections = 0
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.connections -= 1
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        raw = await reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        pairs = [line.partition(":") for line in lines]
        got = Got(method, target, [(name.lower(), value.strip()) for name, _, value in pairs], raw)
        self.got.append(got)
        if not (self.refuses_early and method == "PUT"):
            await self._body(reader, got)
        await self.answers.wait()
        writer.write(self._answer(got))
        await writer.drain()
        return not (self.refuses_early and method == "PUT")

    async def _body(self, reader: asyncio.StreamReader, got: Got) -> None:
        await self.reads.wait()
        for length in got.all("content-length"):
            left = int(length)
            while left:
                data = await reader.read(min(left, 1 << 16))
                if not data:
                    raise asyncio.IncompleteReadError(got.body, None)
                got.body += data
                left -= len(data)
        if got.all("transfer-encoding"):
            while size := int(await reader.readuntil(b"\r\n"), 16):
                got.body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        got.whole = True

    def _answer(self, got: Got) -> bytes:
        path = got.target.partition("?")[0]
        if path in self.says:
            return self.says[path]
        cookie = re.fullmatch(r"vmware_soap_session=(.*)", "".join(got.all("cookie")))
        if TICKET not in got.target and (cookie is None or cookie[1] not in self.alive):
            return reply(401, b"who are you", "WWW-Authenticate: Basic")
        if got.method in ("PUT", "POST"):
            self.files[path] = got.body
            return reply(201, b"made")
        if got.method == "DELETE":
            return reply(204 if self.files.pop(path, None) is not None else 404)
        if path not in self.files:
            return reply(404, b"no such file")
        data = self.files[path]
        for span in got.all("range"):
            begins, _, ends = span.removeprefix("bytes=").partition("-")
            last = min(int(ends), len(data) - 1) if begins and ends else len(data) - 1
            first = int(begins) if begins else max(0, len(data) - int(ends))
            if first > last:
                return reply(416, b"", f"Content-Range: bytes */{len(data)}")
            said = f"Content-Range: bytes {first}-{last}/{len(data)}"
            return reply(206, data[first : last + 1], said)
        whole = reply(200, data, "Content-Type: a/b", "ETag: x", "Accept-Ranges: bytes", SET_COOKIE)
        return whole[: -len(data)] if got.method == "HEAD" and data else whole


def reply(status: int, body: bytes = b"", *headers: str) -> bytes:
    length = () if status == 204 else (f"Content-Length: {len(body)}",)
    return "\r\n".join([f"HTTP/1.1 {status} X", *length, *headers, "", ""]).encode() + body


class Records:
    """What the audit was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def forwarded(
        self, session: Session, upstream: str, what: str, outcome: str, *, lease: str, **_: str
    ) -> None:
        self.told.append((session.principal, what, outcome, lease))

    def denied(self, session: Session, what: str, privilege: str, why: str = "") -> None:
        self.told.append((session.principal, what, "denied", privilege))

    def failed(self, session: Session, what: str, subject: str, error: Exception) -> None:
        raise AssertionError


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes


@dataclass
class Stand:
    """A gateway before a `FileServer`."""

    folder: Path
    server: FileServer
    rules: RelayRules = RULES
    size: int = 2
    exclusive: bool = False
    meters: UpstreamMeters = field(default_factory=UpstreamMeters)
    audit: Records = field(default_factory=Records)

    def __post_init__(self) -> None:
        self.gate = Gate(self.folder)
        self.exchange = Exchange(self.server.url, Trust(verify=False))
        self.opened = 0
        self.lost: list[str] = []
        self.paused = False
        self.touched: list[str] = []
        self.pool = Pool(
            "vc1",
            PoolLimits(
                size=self.size, calls=2, queue=10, queue_time=30.0, exclusive=self.exclusive
            ),
            self._open,
            self._close,
            UpstreamMeters(),
        )
        self.tokens = TokensInUse()
        self.transfers = Transfers(
            self.rules,
            self.exchange,
            self._take,
            self._give_back,
            self._probe,
            lambda: self.paused,
            CallRecord(self.meters, "vc1", self.audit),
            self._touch,
            self.tokens,
        )
        gate = cast("VCenterGateway", self)
        self.gates = Gates({"vc1.gate": gate}, None)

    async def _take(self, session: Session) -> Checkout:
        lease = await self.pool.take(session.key, home=False, wait=True)
        return Checkout(self.pool, GatewayClient(session), lease, "", wait=True)

    def _give_back(self, checkout: Checkout) -> None:
        self.pool.give_back(checkout.client.session.key, checkout.lease, wait=True)

    async def _open(self, _: Sequence[Lease]) -> Lease:
        self.opened += 1
        token = f"canary-token-{self.opened}"
        self.server.alive.add(token)
        session = UpstreamSession(WireForm.SOAP, Secret(token), UserSession("k", "svc", "", "en"))
        self.tokens.put(f"lease-{self.opened}", session)
        return Lease(f"lease-{self.opened}", session, asyncio.get_running_loop().time())

    async def _close(self, lease: Lease) -> None:
        self.server.alive.discard(lease.session.token.reveal())

    async def _probe(self, pool: Pool, lease: Lease) -> None:
        if lease.session.token.reveal() not in self.server.alive:
            lease.lost = True
            self.lost.append(lease.id)
            pool.lose(lease)

    async def _touch(self, session: Session) -> None:
        self.touched.append(session.key)

    async def login(self, name: str = "ada", upstream: str = "vc1") -> str:
        """The header by which somebody comes."""
        client = msgspec.structs.replace(CLIENT, upstream=upstream)
        opened = await self.gate.login(name, client)
        return f"Cookie: vmware_soap_session={opened.token.reveal()}"

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way, and everything was given back."""
        taken = any(lease.calls or lease.used_by for lease in self.pool.leases)
        slots = (self.transfers._slots, self.transfers._strangers)
        return not (taken or self.transfers.under_way or any(one.taken for one in slots))

    def break_upstream(self) -> None:
        """All connections to the upstream end."""
        for line in list(self.exchange._connections):
            line.discard()

    async def peer(
        self, data: bytes = b"", host: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from this address, on which this is sent."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, limit=1 << 20, local_addr=(host, 0)
        )
        self.writers.append(writer)
        writer.write(data)
        return reader, writer

    async def ask(
        self, method: str, target: str, *headers: str, body: bytes | None = None, host: str = ""
    ) -> Answered:
        """One request on a connection of its own."""
        length = () if body is None else (f"Content-Length: {len(body)}",)
        first = (f"{method} {target} HTTP/1.1", f"Host: {host or 'vc1.gate'}", "Connection: close")
        head = "\r\n".join((*first, *headers, *length, "", "")).encode("latin-1")
        reader, writer = await self.peer(head + (body or b""))
        async with asyncio.timeout(PATIENCE):
            raw = await reader.read()
        writer.close()
        said, _, rest = raw.partition(b"\r\n\r\n")
        first_line, *lines = said.decode("latin-1").split("\r\n")
        pairs = [line.partition(": ") for line in lines]
        return Answered(
            int(first_line.split(" ")[1]), {k.lower(): v for k, _, v in pairs}, rest, raw
        )

    name = "vc1"
    port = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)


@asynccontextmanager
async def stand(folder: Path, **options: Any) -> AsyncIterator[Stand]:
    """A gateway and its upstream; in the end, nothing is under way in either."""
    files = FileServer()
    server = await asyncio.start_server(files, "127.0.0.1", 0, limit=1 << 20)
    files.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    made = Stand(folder, files, **options)
    found = Routes(routes(made.gate.sessions, made.gate.bearers, made.gates), NOWHERE)
    handler = AtUpstreams(found, made.gates)
    listener = await listen("127.0.0.1:0", handler, HttpLimits(), None, streams=found.streams)
    made.port = listener.port
    try:
        yield made
        for writer in made.writers:
            leave(writer)
        files.reads.set()
        files.answers.set()
        await until(lambda: made.at_rest)
    finally:
        for writer in made.writers:
            leave(writer)
        await listener.stop(timedelta(0))
        await made.exchange.close()
        await until(lambda: not files.connections)
        server.close()
