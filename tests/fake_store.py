"""A store in memory that fails where it is told to, or first lets a test have its way."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from sessiongate.errors import StoreUnavailable
from sessiongate.session import Caps, Limits, Session, Ticket
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.search import FoundSessions, SessionSearch
from sessiongate.testing import LIMITS


class FakeStore(MemoryStore):
    """Operations in `away` are outages; before one that is in `before`, that is awaited.

    `listed` is awaited when a list has handed out the last of its sessions, and not yet ended.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        super().__init__(limits)
        self.away: set[str] = set()
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}
        self.listed: Callable[[], Awaitable[None]] | None = None

    async def _begin(self, operation: str) -> None:
        if (first := self.before.get(operation)) is not None:
            await first()
        if operation in self.away:
            raise StoreUnavailable("the disk is gone")

    async def add(self, session: Session, caps: Caps) -> None:
        await self._begin("add")
        await super().add(session, caps)

    async def list(self, now: datetime) -> AsyncIterator[Session]:
        await self._begin("list")
        async for session in super().list(now):
            yield session
        if self.listed is not None:
            await self.listed()

    async def search(self, search: SessionSearch, now: datetime) -> FoundSessions:
        await self._begin("search")
        return await super().search(search, now)

    async def use(self, digest: bytes, now: datetime) -> Session | None:
        await self._begin("use")
        return super().use_nowait(digest, now)

    def use_nowait(self, digest: bytes, now: datetime) -> Session | None:
        assert "use" not in self.before, "there is no waiting here"
        if "use" in self.away:
            raise StoreUnavailable("the disk is gone")
        return super().use_nowait(digest, now)

    async def find(self, key: str, now: datetime) -> Session | None:
        await self._begin("find")
        return await super().find(key, now)

    async def end(self, key: str) -> Session | None:
        await self._begin("end")
        return await super().end(key)

    async def put(self, digest: bytes, ticket: Ticket) -> None:
        await self._begin("put")
        await super().put(digest, ticket)

    async def take(self, digest: bytes, kind: str, now: datetime) -> Ticket | None:
        await self._begin("take")
        return await super().take(digest, kind, now)

    async def claim_once(self, digest: bytes, expires_at: datetime) -> bool:
        await self._begin("claim_once")
        return await super().claim_once(digest, expires_at)

    async def advance(self, digest: bytes, generation: int, keep_until: datetime) -> int:
        await self._begin("advance")
        return await super().advance(digest, generation, keep_until)
