"""The bare server: the project's HTTP edge and event loop, and a handler that does nothing."""

import asyncio

import uvloop

from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import listen
from sessiongate.http.message import Reply, Request

_REPLY = Reply(200, (("content-type", "application/json"),), b'{"hello":"world"}')


async def answer(request: Request) -> Reply:
    """The same to everyone."""
    return _REPLY


async def main() -> None:
    """Serve until killed."""
    listener = await listen("127.0.0.1:0", answer, HttpLimits(), None)
    print(f"Listening on http://{listener.address}", flush=True)
    await asyncio.Event().wait()


uvloop.run(main())
