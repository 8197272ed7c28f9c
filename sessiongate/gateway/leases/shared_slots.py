"""Slots for requests at an upstream, which no client may take from all others."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class SharedSlots:
    """So many for all together. One client has half of them at most, and waits for the rest."""

    def __init__(self, most: int) -> None:
        self._all = asyncio.Semaphore(most)
        self._most_of_one = max(1, most // 2)
        # Each lives as long as somebody waits for it or holds a slot by it.
        self._of = WeakValueDictionary[str, asyncio.Semaphore]()

    @asynccontextmanager
    async def taken(self, client: str) -> AsyncGenerator[None]:
        """Have a slot for this client, until the end of the context."""
        own = self._of.get(client)
        if own is None:
            own = self._of[client] = asyncio.Semaphore(self._most_of_one)
        async with own, self._all:
            yield
