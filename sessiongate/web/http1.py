"""One HTTP/1.1 connection: reads requests in order, hands each to the handler, writes the reply.

Decides when to read, when to wait, when to give up. What a message is, `framing` decides; sockets
and TLS are `listener`'s. One request of a connection is handled at a time; the next is not begun
before the reply is written and the peer reads.

There is no timer per request: each connection carries the moment at which it is `due`, and the
listener's sweep, once a second, ends those that are late.
"""

import asyncio
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import timedelta
from email.utils import formatdate
from enum import Enum
from typing import Any, cast

import msgspec
import structlog

from sessiongate.errors import Malformed
from sessiongate.traces import traced
from sessiongate.web.framing import Chunks, Flaw, Head, Took, hopeless, read_head, write_reply
from sessiongate.web.http import Handler, Reply, Request
from sessiongate.web.local import user_at

# Bytes of further requests that we hold while one is handled, before we stop reading: one socket
# buffer's worth. More would only move the peer's queue into our memory.
_HOLD = 65536

# How long after a refusal we go on reading, and drop what we read. Closing on unread bytes makes
# the kernel send a reset, and the peer would lose the reply that tells it why.
_LINGER = 2.0

# Connections above the cap that still get a 503. Beyond, words would cost more than they help.
_REFUSED_POLITELY = 256

_JSON = (("Content-Type", "application/json"),)


def _words(status: int, text: str) -> Reply:
    body = msgspec.json.encode({"Message": text})
    return Reply(status, _JSON, body, close=True)


# Generic on purpose: nothing of the request comes back.
_SAY = {
    400: _words(400, "The request cannot be read."),
    408: _words(408, "The request took too long."),
    413: _words(413, "The request body is too large."),
    431: _words(431, "The request headers are too large."),
    500: _words(500, "An internal error occurred."),
    503: _words(503, "The server is busy."),
}


CAUSES = {
    **{f"malformed_{flaw}": 400 for flaw in Flaw},
    "slow": 408,
    "body_too_large": 413,
    "head_too_large": 431,
    "too_many_connections": 503,
}
"""What metrics call what never became a request, and the status that it gets."""


class HttpLimits(msgspec.Struct, frozen=True):
    """How much one peer may send, and how long it may take."""

    body: int = 1024 * 1024
    header_bytes: int = 64 * 1024
    """Request line and all headers; trailers too."""
    header_count: int = 100
    header_timeout: timedelta = timedelta(seconds=10)
    """From the first byte of a request (or the start of the connection) to the end of its head."""
    body_timeout: timedelta = timedelta(seconds=30)
    """For the whole body."""
    keep_alive: timedelta = timedelta(seconds=75)
    """How long a connection may idle, and how long a peer may leave our reply unread."""
    connections: int = 20000
    """One more is answered 503 and closed."""


class Edge:
    """What all connections of one listener share."""

    def __init__(
        self,
        handler: Handler,
        limits: HttpLimits,
        now: Callable[[], float],
        unix_path: str | None = None,
        refusals: Counter[str] | None = None,
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.now = now
        self.unix_path = unix_path
        self.refusals: Counter[str] = Counter() if refusals is None else refusals
        """What never became a request, by cause."""
        for cause in CAUSES:
            # Seen at 0 before it grows: Prometheus takes no notice of the first one otherwise.
            self.refusals[cause] += 0
        self.unclaimed: Callable[[str], None] | None = None
        """Told the keys of sessions whose client had gone before the reply."""
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        """Also those whose peer has left while their request is still handled."""
        self.stopping = False
        """Every reply closes its connection."""
        self.shut = False
        """Nobody comes in any more, not even those who were on their way."""
        self.emptied = asyncio.Event()
        self.date = formatdate(time.time(), usegmt=True)
        self.header_timeout = limits.header_timeout.total_seconds()
        self.body_timeout = limits.body_timeout.total_seconds()
        self.keep_alive = limits.keep_alive.total_seconds()

    def sweep(self) -> None:
        """End the connections that are late. To be called about once a second."""
        self.date = formatdate(time.time(), usegmt=True)
        now = self.now()
        for connection in [one for one in self.connections if one.due <= now]:
            connection.expire()

    def forget(self, connection: "Connection") -> None:
        """Nothing is left to do for this connection."""
        self.connections.discard(connection)
        if not self.connections:
            self.emptied.set()


class _At(Enum):
    HEAD = "head"
    """Waiting for a head or in the middle of one. Every connection starts here."""
    IDLE = "idle"
    """A reply was written and no byte of a next request has come."""
    BODY = "body"
    BUSY = "busy"
    """The handler has it."""
    DONE = "done"
    """No further byte is looked at."""


# Python 3.11 finds an enum's member through a descriptor; a dozen look-ups a request add up.
_HEAD, _IDLE, _BODY, _BUSY, _DONE = _At


class Connection(asyncio.Protocol):
    """One peer. Small while idle: no parser, no buffer, no task."""

    __slots__ = (
        "_advancing",
        "_at",
        "_certificate",
        "_chunks",
        "_edge",
        "_eof",
        "_gone",
        "_head",
        "_held",
        "_owed",
        "_peer",
        "_rest",
        "_secure",
        "_seen",
        "_stalled",
        "_transport",
        "_user",
        "due",
        "task",
    )
    _transport: asyncio.Transport

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._at = _HEAD
        self._rest: bytes | bytearray = b""
        self._seen = 0
        self._head: Head | None = None
        self._chunks: Chunks | None = None
        self._peer = ""
        self._secure = False
        self._certificate: bytes | None = None
        self._user: int | None = None
        self._held = False
        self._stalled = False
        self._owed = 0
        self._eof = False
        self._gone = False
        self._advancing = False
        self.task: asyncio.Task[None] | None = None
        self.due = math.inf

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come (and, over TLS, has shaken hands)."""
        edge = self._edge
        self._transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        self._secure = tls is not None
        if tls is not None:
            self._certificate = tls.getpeercert(binary_form=True)
        if edge.unix_path is not None:
            self._peer = edge.unix_path
            self._user = user_at(transport)
        else:
            peer = transport.get_extra_info("peername")
            self._peer = _plain_address(peer[0]) if peer else ""
        self.due = edge.now() + edge.header_timeout
        edge.connections.add(self)
        over = len(edge.connections) - edge.limits.connections
        if edge.shut or over > _REFUSED_POLITELY:
            self._at = _DONE
            if not edge.shut:
                self._note("too_many_connections", "closed without a word")
            self._transport.abort()
        elif over > 0:
            self._refuse("too_many_connections")

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._at is _DONE:
            return
        if not self._rest:
            self._rest = data
        else:
            if not isinstance(self._rest, bytearray):
                self._rest = bytearray(self._rest)
            self._rest += data
        if self._at is _BUSY or self._stalled:
            if len(self._rest) > _HOLD and not self._held:
                self._held = True
                self._transport.pause_reading()
        else:
            self._advance()

    def eof_received(self) -> bool:
        """The peer says no more. What it has asked is still answered, except over TLS."""
        self._eof = True
        busy = self._at is _BUSY or (self._stalled and self._at is not _DONE)
        return busy and not self._secure

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone. A handler at work goes on: a login is not half cancelled."""
        self._gone = True
        self._at = _DONE
        self._rest = b""
        self.due = math.inf
        if self.task is None:
            self._edge.forget(self)

    def pause_writing(self) -> None:
        """The peer does not read fast enough: it gets no further reply for now."""
        self._stalled = True
        self._owed = self._transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """The peer has read what we held for it."""
        self._stalled = False
        if self._at is _IDLE:
            self.due = self._edge.now() + self._edge.keep_alive
            self._advance()

    # What the listener calls.

    def expire(self) -> None:
        """Late: say so if a request had begun, and end the connection."""
        if self._stalled:
            owed = self._transport.get_write_buffer_size()
            if owed < self._owed:  # It reads, if slowly.
                self._owed = owed
                self.due = self._edge.now() + self._edge.keep_alive
            else:
                self._transport.abort()
        elif self._at is _DONE:
            self._transport.abort()
        elif self._at is _BODY or self._rest:
            self._refuse("slow", "in the body" if self._at is _BODY else "in the head")
        else:
            self._close()

    def retire(self) -> None:
        """The listener stops: close if no request has begun, else after its reply."""
        if self._at is _IDLE or (self._at is _HEAD and not self._rest):
            self._close()

    def kill(self) -> None:
        """The listener's grace is over."""
        if not self._gone:
            self._transport.abort()
        if self.task is not None:
            # A task that has not had its first step is cancelled without running any of _answer.
            self.task.add_done_callback(self._cancelled)
            self.task.cancel()

    # Our own steps.

    def _advance(self) -> None:
        """Go on with what has come, as far as it reaches."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._rest and not self._stalled:
                at = self._at
                if at is _BODY:
                    moved = self._read_body()
                elif at is _HEAD or at is _IDLE:
                    moved = self._read_head()
                else:
                    break
                if not moved:
                    break
        except Malformed as error:
            self._refuse(f"malformed_{error}")
        finally:
            self._advancing = False
        if self._at is _BUSY or self._at is _DONE or self._stalled:
            return
        if self._held:
            self._held = False
            self._transport.resume_reading()
        if self._eof:
            self._close()

    def _read_head(self) -> bool:
        """True when something was eaten, False when more must come first."""
        rest = self._rest
        if rest[0] == 0x0D and len(rest) > 1 and rest[1] == 0x0A:
            self._eat(2)  # RFC 9112, 2.2: some clients send an empty line after a body.
            return True
        limit = self._edge.limits.header_bytes
        end = rest.find(b"\r\n\r\n", self._seen) + 4
        if end > limit or (end == 3 and len(rest) > limit):
            self._refuse("head_too_large")
            return False
        if end == 3:
            if rest != b"\r" and hopeless(rest, self._seen):
                raise Malformed(Flaw.HEADERS)
            self._seen = max(0, len(rest) - 3)
            if self._at is _IDLE:
                self._at = _HEAD
                self.due = self._edge.now() + self._edge.header_timeout
            return False
        head = read_head(self._eat(end))
        self._seen = 0
        if len(head.headers) > self._edge.limits.header_count:
            self._refuse("head_too_large", "too many headers")
        elif head.length == 0:
            self._handle(head, b"")
        else:
            self._expect_body(head)
        return True

    def _expect_body(self, head: Head) -> None:
        limits = self._edge.limits
        if head.length is None:
            self._chunks = Chunks(limits.body, limits.header_bytes)
        elif head.length > limits.body:
            self._refuse("body_too_large", "as declared")
            return
        self._head = head
        self._at = _BODY
        self.due = self._edge.now() + self._edge.body_timeout
        if head.expects_continue and not self._rest:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> bool:
        head = cast("Head", self._head)
        if self._chunks is None:
            length = head.length or 0
            if len(self._rest) < length:
                return False
            body = self._eat(length)
        else:
            if not isinstance(self._rest, bytearray):
                self._rest = bytearray(self._rest)
            took = self._chunks.take(self._rest)
            if took is Took.MORE:
                return False
            if took is Took.TOO_LARGE:
                self._refuse("body_too_large", "in chunks")
                return False
            body = bytes(self._chunks.body)
            self._chunks = None
        self._head = None
        self._handle(head, body)
        return True

    def _eat(self, count: int) -> bytes:
        """Take the first bytes of what has come."""
        rest = self._rest
        if count == len(rest):
            self._rest = b""
            return bytes(rest)
        if not isinstance(rest, bytearray):
            self._rest = rest = bytearray(rest)
        eaten = bytes(rest[:count])
        del rest[:count]
        return eaten

    def _handle(self, head: Head, body: bytes) -> None:
        self._at = _BUSY
        self.due = math.inf
        request = Request(
            head.method,
            head.path,
            head.query,
            head.headers,
            body,
            self._peer,
            self._secure,
            self._certificate,
            self._user,
        )
        _start(self, self._answer(request, head.keep_alive))

    async def _answer(self, request: Request, keep_alive: bool) -> None:
        edge = self._edge
        without_body = request.method == "HEAD"
        try:
            reply = await edge.handler(request)
            if self._gone and reply.opened and edge.unclaimed is not None:
                edge.unclaimed(reply.opened)
            close = reply.close or not keep_alive or edge.stopping
            data = write_reply(reply, edge.date, close=close, without_body=without_body)
        except asyncio.CancelledError:
            self.task = None
            self._drop()
            raise
        except Exception as error:  # noqa: BLE001  the server's last net
            structlog.get_logger().error("handler_failed", **traced(error))
            close = True
            data = write_reply(_SAY[500], edge.date, close=True, without_body=without_body)
        self.task = None
        self._finish(data, close)

    def _finish(self, data: bytes, close: bool) -> None:
        if self._gone:
            self._edge.forget(self)
            return
        self._at = _IDLE
        self._transport.write(data)
        if close:
            if self._rest:
                self._linger()
            else:
                self._close()
            return
        self.due = self._edge.now() + self._edge.keep_alive
        if self._rest or self._held or self._eof:
            self._advance()

    def _cancelled(self, task: asyncio.Task[None]) -> None:
        self.task = None
        self._drop()

    def _drop(self) -> None:
        if self._gone:
            self._edge.forget(self)
        else:
            self._transport.abort()

    def _refuse(self, cause: str, why: str = "") -> None:
        """Answer what could not become a request, and look at no further byte."""
        self._note(cause, why)
        self._transport.write(
            write_reply(_SAY[CAUSES[cause]], self._edge.date, close=True, without_body=False)
        )
        self._linger()

    def _note(self, cause: str, why: str) -> None:
        """Count a refusal, and have the log say whose it was: never what was sent."""
        self._edge.refusals[cause] += 1
        more = {"why": why} if why else {}
        structlog.get_logger().debug("request refused", cause=cause, **more, peer=self._peer)

    def _linger(self) -> None:
        if self._secure or self._eof or not self._transport.can_write_eof():
            self._close()
            return
        self._at = _DONE
        self._rest = b""
        self._chunks = None
        self.due = self._edge.now() + _LINGER
        self._transport.write_eof()
        if self._held:
            self._held = False
            self._transport.resume_reading()

    def _close(self) -> None:
        """Close once everything written has been sent, or at the latest when due."""
        self._at = _DONE
        self._rest = b""
        self._chunks = None
        self.due = self._edge.now() + self._edge.keep_alive
        self._transport.close()


def _start(connection: Connection, work: Coroutine[Any, Any, None]) -> None:
    """Run the handler: from Python 3.12 on at once, else from the next turn of the loop.

    Driving the coroutine's first step by hand would do so on 3.11 too, and was measured to save
    at most 0.5 of 12 microseconds a request. But it would run without a current task, and break
    each handler that opens asyncio.timeout() or a TaskGroup before it first waits.
    """
    loop = connection._edge.loop
    if sys.version_info >= (3, 12):
        task = asyncio.Task(work, loop=loop, name="request", eager_start=True)
        if task.done():
            return
    else:
        task = asyncio.Task(work, loop=loop, name="request")
    connection.task = task


def _plain_address(host: str) -> str:
    """The address without its zone, and IPv4 as IPv4 even on a socket that serves both."""
    if ":" not in host:
        return host
    address = host.partition("%")[0]
    # The kernel writes mapped addresses in this form only.
    if address.startswith("::ffff:") and "." in address:
        return address[7:]
    return address
