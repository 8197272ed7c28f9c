"""How a suite of the contract makes its stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from sessiongate.session import Limits
from sessiongate.store.port import Store
from sessiongate.testing.sessions import LIMITS


class Contract:
    """How a suite makes its stores."""

    async def make(self, limits: Limits) -> Store:
        """A new, empty store of these limits, not yet started. Yours to write."""
        raise NotImplementedError

    async def again(self, store: Store) -> Store | None:
        """A second store on what the first, now closed, has left; None where nothing is left."""
        del store
        return None

    @asynccontextmanager
    async def opened(self, limits: Limits = LIMITS) -> AsyncIterator[Store]:
        """A started store, closed after the story."""
        store = await self.make(limits)
        await store.start()
        try:
            yield store
        finally:
            await store.close()

    @asynccontextmanager
    async def reopened(self, store: Store) -> AsyncIterator[tuple[Store | None, datetime | None]]:
        """The store after a restart and the time it has seen; None where it keeps nothing."""
        await store.close()
        second = await self.again(store)
        if second is None:
            yield None, None
            return
        seen = await second.start()
        try:
            yield second, seen
        finally:
            await second.close()
