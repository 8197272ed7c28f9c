"""Replies that take long: before their first byte, and between the others."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from sessiongate.http.message import Reply

Sleep = Callable[[float], Awaitable[object]]

# Pieces of a body that dribbles come so often, or as often as there is a whole byte.
_EVERY = 0.1


class Dribble:
    """A body that comes at so many bytes a second."""

    def __init__(self, body: bytes, per_second: int, sleep: Sleep = asyncio.sleep) -> None:
        self._body = body
        self._piece = max(1, int(per_second * _EVERY))
        self._pause = self._piece / per_second
        self._sleep = sleep

    @property
    def length(self) -> int | None:
        """How many bytes it has."""
        return len(self._body)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body, piece by piece."""
        for at in range(0, len(self._body), self._piece):
            await self._sleep(self._pause)
            yield self._body[at : at + self._piece]

    def close(self) -> None:
        """Nothing is held."""


def dribbled(reply: Reply, per_second: object) -> Reply:
    """The reply, its body at this pace; itself where there is no body or no pace."""
    if isinstance(per_second, int) and reply.body and reply.download is None:
        reply.download, reply.body = Dribble(reply.body, per_second), b""
    return reply
