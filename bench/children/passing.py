"""The floor of a proxy in Python: TLS on both sides, heads read on both sides, bytes passed on.

It knows no session, judges and rewrites nothing, and has no limit. Its arguments are the folder of
its certificate and the address of the upstream, which may have any.
"""

import asyncio
import ssl
import sys
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop
from children.parsing import tls_of
from httptools import HttpRequestParser, HttpResponseParser


class Upstream(asyncio.Protocol):
    """A connection to the upstream, which one request at a time goes by."""

    def __init__(self, kept: "list[Upstream]") -> None:
        self._kept = kept
        self.client: Passing | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, client: "Passing", request: bytes) -> None:
        """Send a request; its answer is this client's."""
        self.client, self._answer = client, b""
        self._parser = HttpResponseParser(self)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read it."""
        self._answer += data
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        client, self.client = self.client, None
        self._kept.append(self)
        if client is not None:
            client.answer(self._answer)


class Passing(asyncio.Protocol):
    """A client. Its requests come one by one, as they do from wrk."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser, self._request = HttpRequestParser(self), b""

    def data_received(self, data: bytes) -> None:
        """Read it."""
        self._request += data
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        request, self._request = self._request, b""
        self._pool.ask(self, request)

    def answer(self, answer: bytes) -> None:
        """What the upstream has said."""
        self._transport.write(answer)


class Pool:
    """Connections to the upstream, kept."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._host, self._port = where.hostname or "", where.port or 0
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._kept: list[Upstream] = []
        self._opening: set[asyncio.Task[None]] = set()

    def ask(self, client: Passing, request: bytes) -> None:
        """Have a request answered."""
        if self._kept:
            self._kept.pop().ask(client, request)
            return
        task = asyncio.create_task(self._open(client, request))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, client: Passing, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        _, opened = await loop.create_connection(
            lambda: Upstream(self._kept), self._host, self._port, ssl=self._context
        )
        opened.ask(client, request)


async def main() -> None:
    """Serve until killed."""
    pool = Pool(sys.argv[2])
    server = await asyncio.get_running_loop().create_server(
        lambda: Passing(pool), "127.0.0.1", 0, ssl=tls_of(Path(sys.argv[1]))
    )
    host, port = server.sockets[0].getsockname()
    print(f"Listening on https://{host}:{port}", flush=True)
    await asyncio.Event().wait()


uvloop.run(main())
