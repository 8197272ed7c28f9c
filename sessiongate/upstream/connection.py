"""One connection to an upstream, and the reply to the one request that is under way on it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from sessiongate.errors import Malformed, OutcomeUnknown, UpstreamUnavailable
from sessiongate.upstream.reply_reader import KEPT_HEADS, KeptHead, ReplyReader
from sessiongate.wire.http import Answer

# Bytes of a body that are held while nobody takes them: reading stops above the first, and goes on
# below the second.
FULL, _ROOM = 256 * 1024, 64 * 1024

NEVER = -1
"""Bytes of an answer that may come at once, where none may."""

_BROKE = "the connection broke before its reply was whole"


class UpstreamConnection(asyncio.Protocol):
    """One connection. It carries one request at a time, and is `lost` once it can carry no other.

    `freed` is called when a reply has come whole and another request may follow, `gone` when the
    connection is lost. One that carries a body in pieces carries no other request; it stays after
    a reply until that is closed, since the rest of the body may still be taken.
    """

    def __init__(
        self,
        freed: Callable[["UpstreamConnection"], None],
        gone: Callable[["UpstreamConnection"], None],
    ) -> None:
        self.lost = False
        self.unused_since = 0.0
        self.loop = asyncio.get_running_loop()
        self._freed = freed
        self._gone = gone
        self._reply: IncomingReply | None = None
        self._transport: asyncio.Transport | None = None
        self._once = False
        """Whether it is to carry no other request."""
        self._stalled = False
        self._room: asyncio.Future[None] | None = None

    def send(self, data: bytes, reply: "IncomingReply", *, once: bool = False) -> None:
        """Send a request, whose reply goes to `reply`. Raises UpstreamUnavailable if it is lost.

        `once`: its body follows by `send_on`, and no other request.
        """
        if self.lost or self._transport is None:
            raise UpstreamUnavailable("the connection has ended")
        self._reply = reply
        self._once = once
        self._transport.write(data)

    async def send_on(self, data: bytes, gap: float, *, last: bool = False) -> None:
        """Send more of a request, and wait until the upstream has taken enough of it.

        Raises OutcomeUnknown where it takes nothing for `gap` seconds, or has gone and this is not
        the `last` of it: then its reply tells.
        """
        if self._transport is not None and not self.lost:
            self._transport.write(data)
        try:
            async with asyncio.timeout(gap):
                while self._stalled and not self.lost:
                    await self._has_room()
        except TimeoutError:
            raise OutcomeUnknown("it does not take what is sent") from None
        if self.lost and not last:
            raise OutcomeUnknown(_BROKE)

    def abandon(self, reply: "IncomingReply") -> None:
        """Nobody waits for this reply any more: what still comes of it could be taken for another.

        Does nothing where the reply has come whole.
        """
        if self._reply is reply:
            self.discard()

    def discard(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
        self._lose()

    def reading(self, *, on: bool) -> None:
        """Stop or go on reading: whoever takes the body is slower than the upstream."""
        if self._transport is None or self.lost:
            return
        if on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by class

    def data_received(self, data: bytes) -> None:
        """Some of the reply, or what nobody has asked for: then nothing here is to be believed."""
        reply = self._reply
        if reply is None or (self._once and reply.is_whole):
            self.discard()
            return
        if reply.at_once >= 0 and (kept := reply.take_at_once(data)) is not None:
            self._reply = None
            if kept.keep_alive and not (self.lost or self._once):
                self._freed(self)
            else:
                self.discard()
            return
        if not reply.take_in(data) or (self._once and reply.is_whole):
            return
        self._reply = None
        reader = reply.reader
        is_usable = reader.keep_alive and not (reader.surplus or reply.broken)
        if is_usable and not (self.lost or self._once):
            self._freed(self)
        else:
            self.discard()

    def pause_writing(self) -> None:
        """The upstream is slower than whoever sends."""
        self._stalled = True

    def resume_writing(self) -> None:
        """It has taken what was sent."""
        self._stalled = False
        self._wake()

    def eof_received(self) -> None:
        """The upstream sends no more, which may be how its reply ends."""
        self._lose(whole=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._lose()

    def _lose(self, *, whole: bool = False) -> None:
        """It has ended: by the upstream's word, so that a reply may be `whole`, or otherwise."""
        if not self.lost:
            self.lost = True
            self._gone(self)
        self._wake()
        reply, self._reply = self._reply, None
        if reply is not None:
            if not whole:
                reply.break_off(_BROKE)
            reply.end()

    async def _has_room(self) -> None:
        self._room = asyncio.get_running_loop().create_future()
        try:
            await self._room
        finally:
            self._room = None

    def _wake(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)


class IncomingReply:
    """A reply on its way: the head first, then the body, whole or in pieces. Close it after use.

    Raises OutcomeUnknown wherever it breaks: the request was sent.
    """

    __slots__ = (
        *("_connection", "_news", "_paused", "_pieces", "_reader", "_to_head", "answer", "at_once"),
        *("broken", "held"),
    )

    def __init__(
        self, connection: UpstreamConnection, *, to_head: bool, at_once: int = NEVER
    ) -> None:
        """`at_once` is the most bytes of a body that its `answer` may have; NEVER for no answer."""
        self._connection = connection
        self._reader: ReplyReader | None = None
        self._to_head = to_head
        self.at_once = NEVER if to_head else at_once
        self.answer: Answer | None = None
        """All of it, where it has come in one piece, by a head that was read before."""
        self._pieces: deque[bytes] = deque()
        self.held = 0
        """Bytes of the body that are here."""
        self._paused = False
        self.broken = ""
        """Why it will not come whole; "" for nothing known."""
        self._news: asyncio.Future[None] | None = None

    @property
    def reader(self) -> ReplyReader:
        """Reads it, unless all of it is there at once."""
        reader = self._reader
        if reader is None:
            reader = self._reader = ReplyReader(to_head=self._to_head)
        return reader

    @property
    def status(self) -> int:
        """Of the head; 0 before that is whole."""
        return self.reader.status

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Of the head; names in lower case."""
        return self.reader.headers

    @property
    def length(self) -> int | None:
        """Bytes of the body, where they were announced."""
        return self.reader.length

    @property
    def is_whole(self) -> bool:
        """Whether head and body have come."""
        return self.reader.done and not self.broken

    async def head(self) -> None:
        """Wait for the head."""
        while not self.reader.status:
            await self.wait_for_data()

    async def beginning(self, enough: int) -> tuple[bytes, bool]:
        """More than `enough` bytes of the body, or all of it; and whether it is all."""
        if (whole := self.take_whole(enough)) is not None:
            return whole, True
        size = 0
        taken: list[bytes] = []
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                taken.append(piece)
                size += len(piece)
                if size > enough:
                    return b"".join(taken), False
        return taken[0] if len(taken) == 1 else b"".join(taken), True

    async def whole(self, largest: int, begun: bytes = b"") -> bytes:
        """The whole body, which may have so many bytes, with what was `begun` of it before."""
        if not begun and (found := self.take_whole(largest)) is not None:
            return found
        size = len(begun)
        pieces = [begun] if begun else []
        async for piece in self.pieces():
            size += len(piece)
            if size > largest:
                break
            pieces.append(piece)
        if size > largest:
            raise OutcomeUnknown(f"a reply of more than {largest} bytes")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def take_whole(self, most: int) -> bytes | None:
        """The body, where all of it is here, as of nearly all replies, and it has so many bytes at
        most. Nothing is waited for: else None.
        """
        if not self.reader.done or self.broken or self.held > most:
            return None
        pieces, self.held = self._pieces, 0
        if self._paused:
            self._paused = False
            self._connection.reading(on=True)
        if len(pieces) == 1:
            return pieces.popleft()
        self._pieces = deque()
        return b"".join(pieces)

    async def pieces(self, gap: float | None = None) -> AsyncGenerator[bytes]:
        """The body as it comes, read no faster than it is taken.

        `gap` seconds without any of it break it.
        """
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self.held -= len(piece)
                if self._paused and self.held < _ROOM:
                    self._paused = False
                    self._connection.reading(on=True)
                yield piece
            if self.reader.done and not self.broken:
                return
            try:
                async with asyncio.timeout(gap):
                    await self.wait_for_data()
            except TimeoutError:
                raise OutcomeUnknown("its reply does not go on") from None

    def break_off(self, why: str) -> None:
        """Have it break for whoever takes it, also where it would end with its connection."""
        if not self.reader.done:
            self.broken = self.broken or why
            self._pieces.clear()
            self._connection.abandon(self)
            self._wake_reader()

    def close(self) -> None:
        """Take no more of it. Where it has not come whole, the connection ends with it."""
        self._pieces.clear()
        self._connection.abandon(self)

    def wait_for_data(self) -> "asyncio.Future[None]":
        """Resolved when anything comes. Raises OutcomeUnknown where it is broken."""
        if self.broken:
            raise OutcomeUnknown(self.broken)
        news = self._news = self._connection.loop.create_future()
        return news

    async def wait_for(self, ready: "asyncio.Future[None]") -> None:
        """Wait for what it needs to go on, unless it comes whole. Raises OutcomeUnknown where it is
        broken meanwhile.
        """
        while not (ready.done() or self.is_whole):
            news = self.wait_for_data()
            await asyncio.wait({ready, news}, return_when=asyncio.FIRST_COMPLETED)

    # What the connection calls.

    def take_at_once(self, data: bytes) -> KeptHead | None:
        """Have the `answer`, where this is all of it, by the head that was kept; else None, and
        nothing is done.
        """
        end = data.find(b"\r\n\r\n") + 4
        kept = KEPT_HEADS.get(data[:end])
        if kept is None or kept.length != len(data) - end or kept.length > self.at_once:
            return None
        self.answer = Answer(kept.status, kept.headers, data[end:])
        self._wake_reader()
        return kept

    def take_in(self, data: bytes) -> bool:
        """Read what came. Says whether nothing more is to come, since it is whole or broken."""
        self.at_once = NEVER
        reader = self.reader
        try:
            pieces = reader.feed(data)
        except Malformed as broken:
            pieces, self.broken = [], str(broken)
        for piece in pieces:
            self._pieces.append(piece)
            self.held += len(piece)
        ended = bool(reader.done or self.broken)
        if self.held > FULL and not self._paused and not ended:
            self._paused = True
            self._connection.reading(on=False)
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)
        return ended

    def end(self) -> None:
        """The connection has ended, which may be the end of the body."""
        try:
            self.reader.end()
        except Malformed:
            self.broken = self.broken or _BROKE
        self._wake_reader()

    def _wake_reader(self) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)
