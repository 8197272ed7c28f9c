"""Sessions whose token nobody got, since the client had gone before the reply: they end at once.

Left alone, such a session would fill the caps of whoever tries again, until its idle limit.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from sessiongate.errors import Unavailable
from sessiongate.session import Ended


class Undelivered:
    """Ends such sessions, each in a task of its own: HTTP calls `of(key)()` and does not wait."""

    def __init__(self, end: Callable[[str, Ended], Awaitable[bool]]) -> None:
        self._end = end
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, key: str) -> Callable[[], None]:
        """What to call when the reply with the token of this session reached nobody."""
        return partial(self._start, key)

    def _start(self, key: str) -> None:
        task = asyncio.create_task(self._end_one(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_one(self, key: str) -> None:
        with suppress(Unavailable):  # then its idle limit ends it
            await self._end(key, Ended.UNCLAIMED)

    async def finish(self) -> None:
        """Wait until every session told so far has ended, or cannot be ended now."""
        await asyncio.gather(*self._tasks)
