"""Requests to one upstream over kept connections, and their replies, whole or as they come.

A large request goes out as it comes, too: on a connection of its own, since what has begun to go
out cannot be sent a second time, and one that was used may have ended.

Nothing is repeated here. A failure says whether the upstream can have had the request:
UpstreamUnavailable where not a byte of it was sent, OutcomeUnknown from then on. So the caller
knows what may be sent again. Which certificate is believed, `sessiongate.tls.trust` says.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from sessiongate.errors import Malformed, OutcomeUnknown, UpstreamUnavailable
from sessiongate.tls.trust import Trust
from sessiongate.upstream.connection import IncomingReply, UpstreamConnection
from sessiongate.upstream.deadlines import LATE, Deadlines
from sessiongate.upstream.reply_room import ReplyRoom
from sessiongate.upstream.shown_certificate import why_untrusted
from sessiongate.upstream.tunnel import tunnel
from sessiongate.wire.http import Answer, Ask

CONNECT = timedelta(seconds=10)
"""For the name, the connection and the TLS handshake together."""

AWAY = "the upstream cannot be reached"
"""What clients are told then. Why, and at which address, the log says."""

# Servers close unused connections after 60 seconds and more. Whoever does so first meets no
# request that is just being sent.
_UNUSED = 55.0

# Bytes up to which a reply takes no room.
_SMALL = 1024 * 1024

NO_ROOM = (
    "its reply is large, and there was no room for it in time: ask for less, or for fewer at once"
)
"""Why the outcome of a call is not known whose reply waited for others to be read."""

# What has no body by its meaning, and so no length to say where there is none.
_BARE = frozenset({"GET", "HEAD", "DELETE"})


_log = structlog.get_logger(__name__)


class OutgoingBody(Protocol):
    """The body of a request, on its way."""

    @property
    def length(self) -> int | None:
        """How many bytes it has; None where nobody knows yet."""
        ...

    def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it comes. Whatever it raises breaks the request off."""
        ...


class Asking(Protocol):
    """Who asks, on whose account the reply is."""

    @property
    def person(self) -> Hashable:
        """The same for all that one user asks."""
        ...


class LargeAnswer(Answer, frozen=True):
    """A reply of which the body is the beginning only. Whoever has it closes what is left."""

    left: IncomingReply


class Exchange:
    """Calls one server. `url` is `https://host[:port]`, without a path."""

    def __init__(
        self,
        url: str,
        trust: Trust,
        *,
        connect: timedelta = CONNECT,
        name: str = "",
        proxy: str | None = None,
        room: ReplyRoom | None = None,
    ) -> None:
        """`name` is what logs call the server, `proxy` is `http://host[:port]`, and `room` is for
        large replies of this server and of others.
        """
        self.url = url
        self._name = name
        self._why_unreachable = ""
        self._trust = trust
        self._why_untrusted = ""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if secure else 80)
        self._context = trust.context() if secure else None
        self._host_line = f"host: {parts.netloc}\r\n"
        self._proxy = proxy
        self._connect = connect.total_seconds()
        self._deadlines = Deadlines()
        self._room = room or ReplyRoom()
        self._idle: deque[UpstreamConnection] = deque()
        self._connections: set[UpstreamConnection] = set()
        self._closed = False

    async def exchange(
        self,
        ask: Ask,
        *,
        within: timedelta | None,
        largest: int,
        enough: int | None = None,
        user: Asking | None = None,
    ) -> Answer:
        """Send it once, and have the whole reply, whose body may have `largest` bytes.

        A large one waits for room in memory, which users have in turn: this is one of `user`.
        With `enough`, of a good reply that is longer than this only the beginning: a LargeAnswer,
        from which the rest is taken. `within` is for head and body together, as far as they are
        waited for here; None waits for as long as it takes. Raises UpstreamUnavailable (nothing was
        sent) or OutcomeUnknown.
        """
        data = self._write_request(ask)
        connection = self._idle.pop() if self._idle else await self._connect_logged()
        at_once = largest if enough is None else min(largest, enough)
        reply = IncomingReply(connection, to_head=ask.method == "HEAD", at_once=at_once)
        is_whole = goes_on = False
        connection.send(data, reply)
        if within is not None:
            self._deadlines.put(reply, within.total_seconds(), connection.loop)
        try:
            await reply.wait_for_data()
            if (answer := reply.answer) is not None:  # as nearly all are
                is_whole = True
                return answer
            reader = reply.reader
            while not reader.status:
                await reply.wait_for_data()
            part = enough if reader.status == 200 else None
            found = reply.take_whole(largest if part is None else part)
            if found is not None:
                body, is_whole = found, True
            elif part is not None:
                body, is_all = await reply.beginning(part)
                goes_on = not is_all
            elif reader.length is not None and reader.length <= _SMALL:
                body = await reply.whole(largest)
            else:
                body = await self._whole(reply, largest, user)
        finally:
            if within is not None:
                self._deadlines.drop(reply)
            if not (goes_on or is_whole):
                reply.close()
        if goes_on:
            return LargeAnswer(reader.status, reader.headers, body, reply)
        return Answer(reader.status, reader.headers, body)

    async def open(self, ask: Ask, *, within: timedelta | None) -> IncomingReply:
        """Send it once, and have the head of the reply; the body is taken from what is returned.

        `within` is for the head. Raises as `exchange` does. Whoever gets it closes it.
        """
        reply = await self._send(ask)
        try:
            async with asyncio.timeout(_seconds(within)):
                await reply.head()
        except TimeoutError:
            reply.close()
            raise OutcomeUnknown(LATE) from None
        except BaseException:  # however it ended, what is left on this connection is of no use
            reply.close()
            raise
        return reply

    async def send(
        self, ask: Ask, body: OutgoingBody, *, within: timedelta | None, gap: timedelta
    ) -> IncomingReply:
        """Send a request whose body comes in pieces, and have the head of the reply.

        As `open`; `within` is for the head once all is sent, the upstream has `gap` to take each
        piece. A reply may come before: one that refuses ends the request there, and one that is
        whole is the answer also where the connection ends after it. Raises besides what `body`
        raises.
        """
        data = self._head(ask, _framing(body.length))
        connection = await self._connect_logged()
        reply = IncomingReply(connection, to_head=False)
        connection.send(data, reply, once=True)
        sending = asyncio.create_task(
            _send(connection, body, gap.total_seconds()), name="send body"
        )
        head = asyncio.create_task(reply.head(), name="reply head")
        try:
            await asyncio.wait({sending, head}, return_when=asyncio.FIRST_COMPLETED)
            broke = head.done() and head.exception() is not None
            if reply.status < 300 and not broke:  # none yet, or it agrees before it has all
                await asyncio.wait({sending})
                if not (reply.is_whole and connection.lost):
                    sending.result()
            async with asyncio.timeout(_seconds(within)):
                await head
        except TimeoutError:
            reply.close()
            raise OutcomeUnknown(LATE) from None
        except BaseException:
            reply.close()
            raise
        finally:
            sending.cancel()
            head.cancel()
            await asyncio.gather(sending, head, return_exceptions=True)
        return reply

    async def close(self) -> None:
        """Let go of all connections; replies on their way break. Idempotent."""
        self._closed = True
        for connection in list(self._connections):
            connection.discard()

    def tidy(self) -> None:
        """Close connections that nobody has used for long. To be called every few seconds."""
        before = asyncio.get_running_loop().time() - _UNUSED
        while self._idle and self._idle[0].unused_since < before:
            self._idle.popleft().discard()

    @property
    def is_unreachable(self) -> bool:
        """Whether it could not be connected to at the last try."""
        return bool(self._why_unreachable)

    @property
    def why_unreachable(self) -> str:
        """Why it could not be then; "" where it could."""
        return self._why_unreachable

    @property
    def is_untrusted(self) -> bool:
        """Whether it was its certificate then that is not believed."""
        return self.is_unreachable and bool(self._why_untrusted)

    @property
    def connections(self) -> int:
        """How many there are, used or kept."""
        return len(self._connections)

    async def _send(self, ask: Ask) -> IncomingReply:
        data = self._write_request(ask)
        connection = self._idle.pop() if self._idle else await self._connect_logged()
        reply = IncomingReply(connection, to_head=ask.method == "HEAD")
        connection.send(data, reply)
        return reply

    async def _whole(self, reply: IncomingReply, largest: int, user: Asking | None) -> bytes:
        """The whole body; of a large one no more than the beginning while there is no room."""
        begun, is_all = await reply.beginning(min(_SMALL, largest))
        if is_all or reply.is_whole:  # then it is in memory already
            return begun if is_all else await reply.whole(largest, begun)
        claim = self._room.claim(
            min(reply.length or largest, largest), user.person if user else None
        )
        try:
            await reply.wait_for(claim.ready)
            return await reply.whole(largest, begun)
        except OutcomeUnknown:
            if reply.broken == LATE and not claim.ready.done():
                raise OutcomeUnknown(NO_ROOM) from None
            raise
        finally:
            self._room.give_back(claim)

    def _write_request(self, ask: Ask) -> bytes:
        body = ask.body
        if body or ask.method not in _BARE:
            return self._head(ask, f"content-length: {len(body)}\r\n") + body
        return self._head(ask, "")

    def _head(self, ask: Ask, framing: str) -> bytes:
        head = f"{ask.method} {ask.path} HTTP/1.1\r\n{self._host_line}"
        for name, value in ask.headers:
            head += f"{name}: {value}\r\n"
        return f"{head}{framing}\r\n".encode("latin-1")

    async def _connect_logged(self) -> UpstreamConnection:
        """A new connection. The log has each change from being reached to not, and back."""
        try:
            connection = await self._connect_once()
        except UpstreamUnavailable as error:
            if not self._closed:
                if not self.is_unreachable:
                    _log.warning("upstream cannot be reached", upstream=self._name, why=str(error))
                self._why_unreachable = str(error)
            raise UpstreamUnavailable(str(error), says=AWAY) from error
        if self._why_unreachable:
            self._why_unreachable = self._why_untrusted = ""
            _log.info("upstream is reached again", upstream=self._name)
        return connection

    async def _connect_once(self) -> UpstreamConnection:
        if self._closed:
            raise UpstreamUnavailable("closed")
        try:
            async with asyncio.timeout(self._connect):
                connection = await self._open_connection()
        except TimeoutError:
            why = f"no connection within {self._connect:g} seconds"
            raise UpstreamUnavailable(why) from None
        except ssl.SSLCertVerificationError as error:
            raise UpstreamUnavailable(await self._untrusted(error)) from None
        except ssl.SSLError:
            raise UpstreamUnavailable("no TLS with it") from None
        except OSError:
            raise UpstreamUnavailable("no connection to it") from None
        if self._closed or connection.lost:
            connection.discard()
            raise UpstreamUnavailable("the connection has ended")
        self._connections.add(connection)
        return connection

    async def _untrusted(self, error: ssl.SSLCertVerificationError) -> str:
        """What to say of its certificate. While it stays away it is not looked at again."""
        if not self.is_untrusted:
            self._why_untrusted = await why_untrusted(
                error,
                self._trust,
                self.url,
                self._proxy,
                f"upstream.{self._name}" if self._name else "",
                self._connect,
            )
        return self._why_untrusted

    async def _open_connection(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        name = None if self._context is None else self._host

        def made() -> UpstreamConnection:
            return UpstreamConnection(self._freed, self._gone)

        if self._proxy is None:
            _, connection = await loop.create_connection(
                made, self._host, self._port, ssl=self._context, server_hostname=name
            )
            return connection
        through = await tunnel(self._proxy, self._host, self._port)
        _, connection = await loop.create_connection(
            made, sock=through, ssl=self._context, server_hostname=name
        )
        return connection

    def _freed(self, connection: UpstreamConnection) -> None:
        connection.unused_since = connection.loop.time()
        self._idle.append(connection)

    def _gone(self, connection: UpstreamConnection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


def _framing(length: int | None) -> str:
    """The line that says where a body of ours ends."""
    return "transfer-encoding: chunked\r\n" if length is None else f"content-length: {length}\r\n"


async def _send(connection: UpstreamConnection, body: OutgoingBody, gap: float) -> None:
    """Send a body as it comes, framed by us, and no longer than it was said to be."""
    left = body.length
    async with aclosing(body.pieces()) as pieces:
        async for piece in pieces:
            if left is None:
                await connection.send_on(
                    b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b"", gap
                )
                continue
            left -= len(piece)
            if left < 0:
                break
            await connection.send_on(piece, gap, last=not left)
    if left:
        raise Malformed("a body is not as long as it was said to be")
    if left is None:
        await connection.send_on(b"0\r\n\r\n", gap, last=True)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
