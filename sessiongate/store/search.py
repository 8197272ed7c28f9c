"""Sessions that fit, the newest logins of them first: what a list for people is made of.

A store that can look through its sessions faster than by handing out each says so by having
`search`; of all others they are listed one by one.
"""

import heapq
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from sessiongate.session import Session

T = TypeVar("T")

Place = tuple[datetime, str]
"""When somebody logged in, and the session's key: what the newest first goes by."""


class SessionSearch(msgspec.Struct, frozen=True):
    """What is wanted."""

    fits: Callable[[Session], bool]
    """Asked once for all sessions of one client: it goes by no time, count, key or digest."""
    unused_since: datetime | None = None
    """Used at this time at the latest; None for any."""
    before: Place | None = None
    """Of those that are too many, only those that come after this place."""
    exact: int = 10_000
    """As many are counted, and all handed out."""
    newest: int = 51
    """As many are handed out of those that are too many."""


class FoundSessions(msgspec.Struct, frozen=True):
    """What was found."""

    sessions: list[Session]
    """All in no particular order, or the newest logins, the newest first."""
    more: bool
    """Whether there are too many."""


class Lister(Protocol):
    """Whoever has sessions."""

    def list(self, now: datetime) -> AsyncIterator[Session]:
        """All live sessions."""
        ...


@runtime_checkable
class Searcher(Protocol):
    """A store that looks through its sessions by itself."""

    async def search(self, search: SessionSearch, now: datetime) -> FoundSessions:
        """The live sessions that fit, without holding up other callers."""
        ...


async def searched(store: Lister, search: SessionSearch, now: datetime) -> FoundSessions:
    """The live sessions of a store that fit. Raises StoreUnavailable."""
    if isinstance(store, Searcher):
        return await store.search(search, now)
    found: Newest[Session] = Newest(search)
    async for session in store.list(now):
        unused = search.unused_since is None or session.active_at <= search.unused_since
        if unused and search.fits(session):
            found.add(session.login_at, session.key, session)
    return FoundSessions(found.kept(), found.more)


class Newest(Generic[T]):
    """Takes what fits, one by one: all of it up to a number, and of more the newest."""

    def __init__(self, search: SessionSearch) -> None:
        self._search = search
        self._all: list[T] = []
        self._best: list[tuple[Place, int, T]] = []
        self._taken = 0
        self.oldest: datetime | None = None
        """What was opened earlier than this changes nothing any more, since there are enough."""

    @property
    def more(self) -> bool:
        """Whether there were too many."""
        return self._taken > self._search.exact

    def add(self, login_at: datetime, key: str, one: T) -> None:
        """Take what fits."""
        self._taken += 1
        if self._taken <= self._search.exact:
            self._all.append(one)
        place, before = (login_at, key), self._search.before
        if before is not None and place >= before:
            return
        if len(self._best) < self._search.newest:
            heapq.heappush(self._best, (place, self._taken, one))
        elif place > self._best[0][0]:
            heapq.heapreplace(self._best, (place, self._taken, one))
        else:
            return
        if len(self._best) == self._search.newest and self.more:
            self.oldest = self._best[0][0][0]

    def kept(self) -> list[T]:
        """All, or the newest, the newest first."""
        if not self.more:
            return self._all
        return [one for _, _, one in sorted(self._best, key=lambda best: best[0], reverse=True)]
