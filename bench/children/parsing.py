"""The floor of a server in Python: uvloop and httptools, the head read, a constant for an answer.

No session, no limit, no log: whatever a server does comes on top. With a folder of certificates as
its argument it speaks TLS, by uvloop's own layer.
"""

import asyncio
import ssl
import sys
from pathlib import Path
from typing import cast

import uvloop
from httptools import HttpRequestParser

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n"
_REPLY = _HEAD + b'\r\n{"hello":"world"}'
_LAST = _HEAD + b'connection: close\r\n\r\n{"hello":"world"}'


class Parsing(asyncio.Protocol):
    """Answers each request that has come whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = HttpRequestParser(self)
        self.headers: list[tuple[bytes, bytes]] = []

    def data_received(self, data: bytes) -> None:
        """Read it."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.headers = []
        if self._parser.should_keep_alive():
            self._transport.write(_REPLY)
        else:
            self._transport.write(_LAST)
            self._transport.close()


def tls_of(folder: Path) -> ssl.SSLContext:
    """The certificate of a server of ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


async def main() -> None:
    """Serve until killed."""
    tls = tls_of(Path(sys.argv[1])) if sys.argv[1:] else None
    server = await asyncio.get_running_loop().create_server(Parsing, "127.0.0.1", 0, ssl=tls)
    host, port = server.sockets[0].getsockname()
    print(f"Listening on http{'s' if tls else ''}://{host}:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
