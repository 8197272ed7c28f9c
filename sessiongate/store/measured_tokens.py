"""The tokens of the session manager's clients in a store, measured under one name."""

from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from sessiongate.store.manager_port import ManagerTokens, StoredToken
from sessiongate.store.measured_leases import measured
from sessiongate.telemetry.counters import Meters

T = TypeVar("T")


class MeasuredManagerTokens:
    """The same tokens, measured."""

    def __init__(self, inner: ManagerTokens, meters: Meters) -> None:
        self._inner = inner
        self._meters = meters

    async def add(self, token: StoredToken) -> None:
        """Keep a token."""
        await self._measured(self._inner.add(token))

    async def find(self, digest: bytes) -> StoredToken | None:
        """The token of this digest."""
        return await self._measured(self._inner.find(digest))

    async def remove(self, digest: bytes) -> None:
        """Forget a token."""
        await self._measured(self._inner.remove(digest))

    async def all(self) -> list[StoredToken]:
        """All tokens."""
        return await self._measured(self._inner.all())

    async def used(self, digest: bytes, at: datetime) -> None:
        """Note a use."""
        await self._measured(self._inner.used(digest, at))

    async def uses(self) -> dict[bytes, datetime]:
        """When each was used last."""
        return await self._measured(self._inner.uses())

    async def _measured(self, work: Awaitable[T]) -> T:
        return await measured(self._meters, "manager_tokens", work)
