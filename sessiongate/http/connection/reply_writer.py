"""The replies of one connection: written no faster than its peer reads."""

import asyncio
from contextlib import aclosing

from sessiongate.http.connection.send_queue import unacknowledged
from sessiongate.http.framing import Framing, write_reply
from sessiongate.http.message import Download, Reply

# Written of one reply before the peer reads it: no more than this, and what is still in the
# transport, is held for a peer that does not. The rest of a file is held once for everybody.
PIECE = 65536

# What a transport may hold before it says so. Up to this, nobody counts it: replies that people
# log in by are smaller.
_UNCOUNTED = 16384


class ReplyWriter:
    """Holds at most one reply, of which the peer has to read a piece before the next is written."""

    __slots__ = ("_room", "_shared", "_transport", "_unread", "stalled", "unsent")

    def __init__(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(_UNCOUNTED)
        self._transport = transport
        self.stalled = False
        """Whether the peer has to read before anything more is written."""
        self.unsent: memoryview | None = None
        """What of a reply is for when the peer has read more."""
        self._shared = False
        """Whether it is held for others anyway."""
        self._unread = 0
        self._room: asyncio.Future[None] | None = None
        """Resolved when the peer has read, or nobody reads any more."""

    @property
    def unfinished(self) -> bool:
        """Whether a part of a reply is still to be written."""
        return self.unsent is not None

    def prepare(self, reply: Reply, date: str, *, close: bool, without_body: bool) -> bytes:
        """What is to be written first; the rest of a large reply is for `send_on`.

        Raises ValueError on whatever could break the framing.
        """
        large = len(reply.body) > PIECE and not without_body and reply.status not in (204, 304)
        data = write_reply(reply, date, close=close, without_body=without_body or large)
        if large:
            self.unsent = memoryview(reply.body)
            self._shared = reply.shared
        return data

    def send_on(self) -> bool:
        """Write pieces until the peer has to read first. True when the reply is written."""
        while self.unsent is not None and not self.stalled:
            rest = self.unsent
            self.unsent = rest[PIECE:] if len(rest) > PIECE else None
            self._transport.write(rest[:PIECE])
        return self.unsent is None

    async def stream(self, download: Download, framing: Framing) -> None:
        """Write a body that comes in pieces, each when the peer has read those before it.

        Raises whatever the body does, and ValueError where it is not as long as it was said to be.
        """
        left = download.length
        async with aclosing(download.pieces()) as pieces:
            async for piece in pieces:
                if left is not None:
                    left -= len(piece)
                    if left < 0:
                        raise ValueError("a body is longer than it was said to be")
                rest = memoryview(piece)
                while rest:
                    part, rest = rest[:PIECE], rest[PIECE:]
                    chunked = framing is Framing.CHUNKS
                    self._transport.write(_chunk(bytes(part)) if chunked else part)
                    while self.stalled:
                        await self._has_room()
        if left:
            raise ValueError("a body is shorter than it was said to be")
        if framing is Framing.CHUNKS:
            self._transport.write(b"0\r\n\r\n")

    async def _has_room(self) -> None:
        self._room = asyncio.get_running_loop().create_future()
        try:
            await self._room
        finally:
            self._room = None

    def resume(self) -> None:
        """The peer has read what the transport held."""
        self.stalled = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def pause(self) -> int:
        """The transport holds enough. Returns the bytes that are held for this peer alone."""
        self.stalled = True
        self.measure_unread()
        held = self.to_read()
        if self.unsent is not None and self._shared:
            held -= len(self.unsent)
        return held

    def measure_unread(self) -> int:
        """How much the peer has still to read, which `has_read` goes by."""
        self._unread = self.undelivered()
        return self._unread

    def has_read(self) -> bool:
        """Whether the peer has read anything since that was looked at last."""
        before = self._unread
        return self.measure_unread() < before

    def undelivered(self) -> int:
        """Bytes of replies that the peer has not read, with those that the kernel holds for it."""
        return self.to_read() + unacknowledged(self._transport)

    def to_read(self) -> int:
        """Bytes of replies that we hold since the peer has not read them."""
        unsent = 0 if self.unsent is None else len(self.unsent)
        return self._transport.get_write_buffer_size() + unsent

    def drop(self) -> None:
        """Nobody reads any more."""
        self.unsent = None


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
