"""What tests of connections share: a clock, transports without sockets, and waiting for them."""

import asyncio
from typing import Any

from sessiongate.http.connection.connection import Connection
from sessiongate.http.connection.edge import Edge

HOST = b"Host: x\r\n"
GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


async def turn() -> None:
    """Let the loop turn once."""
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await turned


class Kept(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self, extra: dict[str, object] | None = None) -> None:
        super().__init__(extra)
        self.out = b""
        self.closed = False
        self.reading = True

    def write(self, data: Any) -> None:
        assert not self.closed
        self.out += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Wire(Kept):
    """That of a connection."""

    def __init__(
        self,
        edge: Edge,
        kind: type[Connection] = Connection,
        *,
        address: str = "127.0.0.1",
        ssl_object: object = None,
    ) -> None:
        super().__init__({"peername": (address, 1), "ssl_object": ssl_object})
        self.unread_before = 0
        self.connection = kind(edge)
        self.connection.connection_made(self)

    def get_write_buffer_size(self) -> int:
        return self.unread_before

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closed = True


async def settled() -> None:
    """Let sockets and tasks come to rest: they do in a few turns of the loop on loopback."""
    for _ in range(30):
        await turn()


async def done(wire: Wire) -> None:
    """Wait until everything that has come is worked on."""
    while wire.connection.task is not None or wire.connection._queued:
        await turn()
