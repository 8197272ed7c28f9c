"""The bare server: the project's HTTP edge and event loop, and a handler that does nothing."""

import asyncio

import uvloop

from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import listen
from sessiongate.http.message import FixedHeaders, Reply, Request

_REPLY = Reply(200, FixedHeaders((("content-type", "application/json"),)), b'{"hello":"world"}')


class Hello:
    """The same to everyone, which takes no waiting."""

    async def __call__(self, request: Request) -> Reply:
        """As handlers that wait are called."""
        return _REPLY

    def answer_nowait(self, request: Request) -> Reply | None:
        """As those are that do not."""
        return _REPLY


async def main() -> None:
    """Serve until killed."""
    listener = await listen("127.0.0.1:0", Hello(), HttpLimits(), None)
    print(f"Listening on http://{listener.address}", flush=True)
    await asyncio.Event().wait()


uvloop.run(main())
