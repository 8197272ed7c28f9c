"""The body of a request that its handler takes as it comes, and no faster.

The connection puts in what it has read while there is room, and is told when there is again.
Nothing is read before the handler asks: it may first find out whose request this is.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

from sessiongate.errors import Malformed

# Bytes that are held while nobody takes them. What one read has brought comes on top.
FULL = 64 * 1024


class BodyStream:
    """One body. `want` is called when there is room, also when it is the first time."""

    __slots__ = ("_begun", "_broken", "_held", "_news", "_over", "_pieces", "_want", "length")

    def __init__(self, length: int | None, want: Callable[[], None]) -> None:
        self.length = length
        self._want = want
        self._begun = False
        self._over = False
        self._broken = ""
        self._held = 0
        self._pieces: deque[bytes] = deque()
        self._news: asyncio.Future[None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether more may be put in."""
        return self._begun and self._held < FULL

    def put(self, piece: bytes) -> None:
        """Some of it has come."""
        self._pieces.append(piece)
        self._held += len(piece)
        self._tell()

    def end(self) -> None:
        """All of it has come."""
        self._over = True
        self._tell()

    def fail(self, why: str) -> None:
        """No more of it comes, and it is not whole. Nothing that is held is handed out."""
        if not self._over:
            self._broken = self._broken or why
            self._pieces.clear()
            self._held = 0
            self._tell()

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it comes. Raises Malformed where it stops before its end."""
        self._begun = True
        self._want()
        while True:
            if self._pieces:
                was_full = self._held >= FULL
                piece = self._next_piece()
                if was_full and self._held < FULL:
                    self._want()
                yield piece
            elif self._broken:
                raise Malformed(self._broken)
            elif self._over:
                return
            else:
                self._news = asyncio.get_running_loop().create_future()
                try:
                    await self._news
                finally:
                    self._news = None

    def _next_piece(self) -> bytes:
        """The next piece; small ones together."""
        if self._held <= FULL:
            piece = b"".join(self._pieces)
            self._pieces.clear()
        else:
            piece = self._pieces.popleft()
        self._held -= len(piece)
        return piece

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
