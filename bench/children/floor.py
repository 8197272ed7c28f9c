"""The floor: uvloop, a socket, and a constant for whatever comes. No server costs less here."""

import asyncio
from typing import cast

import uvloop

_REPLY = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n"
    b'{"hello":"world"}'
)


class Constant(asyncio.Protocol):
    """Takes each piece that comes for a request, as pieces from wrk are."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come."""
        self._write = cast("asyncio.Transport", transport).write

    def data_received(self, data: bytes) -> None:
        """The same to everyone."""
        self._write(_REPLY)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"Listening on http://{host}:{port}", flush=True)
    await asyncio.Event().wait()


uvloop.run(main())
