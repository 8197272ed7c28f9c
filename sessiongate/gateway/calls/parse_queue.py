"""Requests that take long to read: one in a turn of the event loop, in the order they came.

The edge begins no more in a turn than there is time for. But where it is asked of another server
whose a request is, all that have waited for the answer go on in the same turn.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class ParseQueue:
    """One upstream's clients wait in it for their turn."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def take(self, read: Callable[[], T]) -> T:
        """What is read, in a turn in which no other of them is. Raises as `read` does."""
        async with self._one:
            await asyncio.sleep(0)
            return read()
