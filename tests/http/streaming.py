"""A listener whose handler is handed bodies as they come, and raw clients of it."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from sessiongate.errors import SessionGateError
from sessiongate.http.connection.send_queue import reset
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import Listener, listen
from sessiongate.http.message import Reply, Request
from tests.http.wires import Time
from tests.until import PATIENCE


class Body:
    """A reply's body in these pieces. With `gate`, each waits for as many releases of it."""

    def __init__(self, *pieces: bytes | Exception, length: int | None = None) -> None:
        self.length = length
        self.given = list(pieces)
        self.gate: asyncio.Semaphore | None = None
        self.taken = 0
        self.closed = 0

    async def pieces(self) -> AsyncGenerator[bytes]:
        for piece in self.given:
            if self.gate is not None:
                await self.gate.acquire()
            if isinstance(piece, Exception):
                raise piece
            self.taken += len(piece)
            yield piece

    def close(self) -> None:
        self.closed += 1


class StreamHouse:
    """What its handler saw. `asks`: it waits for this before it takes the body."""

    def __init__(self) -> None:
        self.time = Time()
        self.refusals: Counter[str] = Counter()
        self.listener: Listener
        self.pieces: list[bytes] = []
        self.errors: list[str] = []
        self.asks = asyncio.Event()
        self.asks.set()
        self.takes: asyncio.Semaphore | None = None
        self.requests: list[Request] = []
        self.reply: Callable[[Request], Reply] = lambda _: Reply(200, (), b"ok")
        self.reads = True
        self.writers: list[asyncio.StreamWriter] = []

    async def handle(self, request: Request) -> Reply:
        self.requests.append(request)
        await self.asks.wait()
        if request.upload is not None and self.reads:
            try:
                async for piece in request.upload.pieces():
                    self.pieces.append(piece)
                    if self.takes is not None:
                        await self.takes.acquire()
            except SessionGateError as error:
                self.errors.append(str(error))
        return self.reply(request)

    @property
    def connection(self) -> Any:
        """The only one that there is."""
        (connection,) = self.listener._edge.connections
        return connection

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    async def peer(
        self, first: bytes = b"", tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.listener.port, ssl=tls, limit=1 << 20
        )
        self.writers.append(writer)
        writer.write(first)
        return reader, writer

    async def whole(self, data: bytes) -> bytes:
        """All that is said to these bytes until the end."""
        reader, writer = await self.peer(data)
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        writer.close()
        return answer

    def later(self, seconds: float) -> None:
        self.time.at += seconds
        self.listener.sweep()


def leave(writer: asyncio.StreamWriter) -> None:
    """Leave by a reset: the end of what is said would look like somebody who still listens."""
    reset(writer.transport)
    writer.transport.abort()


@asynccontextmanager
async def stream_house(
    tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[StreamHouse]:
    house = StreamHouse()
    limits = HttpLimits(**options)
    async with AsyncExitStack() as stack:
        house.listener = await listen(
            "127.0.0.1:0",
            house.handle,
            limits,
            tls,
            now=house.time,
            refusals=house.refusals,
            streams=lambda method, path: path.startswith("/stream"),
        )
        stack.push_async_callback(house.listener.stop, timedelta(0))
        try:
            yield house
        finally:
            for writer in house.writers:
                writer.transport.abort()
            house.asks.set()
            if house.takes is not None:
                for _ in range(1000):
                    house.takes.release()
