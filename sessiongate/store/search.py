"""Sessions that fit, in an order and from a place on: what a list for people is made of.

A store that can look through its sessions faster than by handing out each says so by having
`search`; of all others they are listed one by one.
"""

import heapq
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from sessiongate.session import Session


class Sortable(Protocol):
    """What orders go by: a session, or what a store keeps of one."""

    key: str
    login_at: datetime
    active_at: datetime
    call_count: int


R = TypeVar("R", bound=Sortable)

Place = tuple[Any, str]
"""Where a session stands in an order: what that goes by, and its key."""


def by_login(one: Sortable) -> Place:
    """Where it stands among logins."""
    return one.login_at, one.key


class SessionSearch(msgspec.Struct, frozen=True):
    """What is wanted."""

    fits: Callable[[Session], bool] | None = None
    """Asked once for all sessions of one client: it goes by no time, count, key or digest. None
    where everybody's fit."""
    name: str | None = None
    """In lower case, the principal of whom they all are; None for anybody's. A store may have an
    index by it."""
    unused_since: datetime | None = None
    """Used at this time at the latest; None for any."""
    before: Place | None = None
    """Of those that are too many, only those that come after this place among logins."""
    exact: int = 10_000
    """As many are counted."""
    newest: int = 51
    """As many are handed out: of those that are too many the newest logins, of others the first by
    `order`."""
    order: Callable[[Sortable], Place] | None = None
    """What the highest comes first of, where they are not too many; None hands out all."""
    after: Place | None = None
    """In that order, only those that come after this place."""

    def counts_all(self) -> bool:
        """Whether it wants every session that there is."""
        return self.fits is None and self.name is None and self.unused_since is None


class FoundSessions(msgspec.Struct, frozen=True):
    """What was found."""

    sessions: list[Session]
    """The first in the order that was asked for; all, in none, where none was; or, where there are
    too many, the newest logins, the newest first."""
    more: bool
    """Whether there are too many."""
    total: int
    """How many fit; where they are too many, as many as are counted."""


class Lister(Protocol):
    """What has sessions to list."""

    def list(self, now: datetime) -> AsyncIterator[Session]:
        """All live sessions."""
        ...


@runtime_checkable
class Searcher(Protocol):
    """A store that looks through its sessions by itself."""

    async def search(self, search: SessionSearch, now: datetime) -> FoundSessions:
        """The live sessions that fit, without holding up other callers."""
        ...

    @property
    def revision(self) -> int | None:
        """Another number whenever a search may find something else, but for time.

        None where that is not known.
        """
        ...


def revision_of(store: object) -> int | None:
    """The same of any store."""
    return store.revision if isinstance(store, Searcher) else None


async def searched(store: Lister, search: SessionSearch, now: datetime) -> FoundSessions:
    """The live sessions of a store that fit. Raises StoreUnavailable."""
    if isinstance(store, Searcher):
        return await store.search(search, now)
    return await found_among(store.list(now), search)


async def found_among(sessions: AsyncIterator[Session], search: SessionSearch) -> FoundSessions:
    """Those of these that fit."""
    found: PageCollector[Session] = PageCollector(search)
    async for session in sessions:
        if search.name is not None and session.principal.lower() != search.name:
            continue
        unused = search.unused_since is None or session.active_at <= search.unused_since
        if unused and (search.fits is None or search.fits(session)):
            found.add(session)
    return FoundSessions(found.results(), found.more, found.total)


class PageCollector(Generic[R]):
    """Takes what fits, one by one, and keeps what is to be handed out."""

    def __init__(self, search: SessionSearch, *, more: bool = False) -> None:
        """`more`: it is known beforehand that there are too many."""
        self._exact, self._order = search.exact, search.order
        self._all: list[R] = []
        self._first = _First[R](search.newest, search.after)
        self._newest = _First[R](search.newest, search.before)
        self._taken = 0
        self.more = more
        """Whether there are too many."""
        self.oldest: datetime | None = None
        """What was opened earlier than this changes nothing any more, since there are enough."""

    @property
    def total(self) -> int:
        """How many were taken, as far as they are counted."""
        return self._exact if self.more else self._taken

    def add(self, one: R) -> None:
        """Take what fits."""
        if not self.more:
            self._taken += 1
            self.more = self._taken > self._exact
            if self._order is None:
                self._all.append(one)
            else:
                self._first.offer(self._order(one), one)
        if self._newest.offer((one.login_at, one.key), one) and self.more:
            self.oldest = self._newest.last

    def results(self) -> list[R]:
        """What is to be handed out."""
        if self.more:
            return list(self._newest.in_order())
        return self._all if self._order is None else list(self._first.in_order())


class _First(Generic[R]):
    """The highest of all that were offered, below a place."""

    def __init__(self, most: int, below: Place | None) -> None:
        self._most, self._below = most, below
        self._highest: list[tuple[Place, int, R]] = []
        self._offered = 0

    def offer(self, place: Place, one: R) -> bool:
        """Keep it if it is among the highest. Whether it was."""
        kept = self._highest
        if len(kept) == self._most:
            if place <= kept[0][0]:
                return False
            if self._below is None or place < self._below:
                self._offered += 1  # so that two rows are never compared
                heapq.heapreplace(kept, (place, self._offered, one))
                return True
        elif self._below is None or place < self._below:
            self._offered += 1
            heapq.heappush(kept, (place, self._offered, one))
            return True
        return False

    @property
    def last(self) -> datetime | None:
        """The time of the lowest that is kept; None as long as there is room."""
        return self._highest[0][0][0] if len(self._highest) == self._most else None

    def in_order(self) -> Iterable[R]:
        """The highest first."""
        return (one for _, _, one in sorted(self._highest, key=_place_of, reverse=True))


def _place_of(kept: tuple[Place, int, object]) -> Place:
    return kept[0]
