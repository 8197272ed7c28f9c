"""The cache of sessions in one server, so that most checks need no round trip. Does no I/O.

An entry answers only while ends are being heard of (`end_listener`) and while the session is far
from its idle limit by what Redis itself knows; near it, and in all doubt, the caller asks Redis.
What was answered here is told to Redis within `FLUSH_EVERY`, far less than that distance, so that
a use here keeps the session alive for everybody.

A fetch that was on its way when its session ended must not bring it back: each fetch is known from
before it asks until it is kept, and an end, or a loss of the lines, spoils it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from sessiongate.session import Limits, Session

# How often uses are told to Redis, in seconds. It bounds how old the times in lists on other
# servers are, and is what SQLite's touches take too. Told each second, they were a sixth of what a
# check cost.
FLUSH_EVERY = 5.0

# Uses told in one go, so that checks are not held up behind them.
FLUSH_BATCH = 200

# How near its idle limit a session is asked for at Redis: far above what telling may take, and
# clocks may be apart by.
NEAR = timedelta(seconds=20)

# Entries. About 700 bytes each; past it those go that came first.
SIZE = 100_000

# What C code offers and the type stubs do not say: 60 ns against 400 ns of copy.copy.
_copy: Callable[[Session], Session] = Session.__copy__  # type: ignore[attr-defined]


class CacheEntry(msgspec.Struct, eq=False):
    """A session as last heard of, and what happened here since."""

    session: Session
    flushed_at: datetime
    """When it was last used, as far as Redis knows."""
    pending: int = 0
    """Uses that Redis has not heard of."""


class Fetch:
    """One question that is on its way."""

    __slots__ = ("digest", "is_stale")

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.is_stale = False


class Cache:
    """Sessions by digest. `live` says whether ends are being heard of."""

    def __init__(self, limits: Limits, live: Callable[[], bool], size: int = SIZE) -> None:
        self._limits = limits
        self._live = live
        self._size = size
        self._entries: dict[bytes, CacheEntry] = {}
        self._fetches: dict[bytes, list[Fetch]] = {}
        self._pending: dict[bytes, CacheEntry] = {}
        self.hits = 0
        """How many checks were answered here."""
        self.misses = 0
        """How many were not."""

    def use(self, digest: bytes, now: datetime) -> Session | None:
        """The session, touched, where this can be said without asking."""
        entry = self._entries.get(digest)
        if entry is None or not self._live() or not self._far(entry, now):
            self.misses += 1
            return None
        self.hits += 1
        session = entry.session
        session.active_at = max(session.active_at, now)
        session.call_count += 1
        entry.pending += 1
        self._pending[digest] = entry
        return _copy(session)

    def fetching(self, digest: bytes) -> Fetch:
        """Register a fetch that is about to begin. Follow it by `fetched`."""
        fetch = Fetch(digest)
        self._fetches.setdefault(digest, []).append(fetch)
        return fetch

    def fetched(self, fetch: Fetch, session: Session | None) -> None:
        """Take the answer of a fetch: cached unless the session ended or changed meanwhile."""
        others = self._fetches[fetch.digest]
        others.remove(fetch)
        if not others:
            del self._fetches[fetch.digest]
        if session is None:
            self._entries.pop(fetch.digest, None)
        elif not fetch.is_stale and self._live():
            self._keep(_copy(session))

    def forget(self, digest: bytes) -> None:
        """The session has ended or changed."""
        self._entries.pop(digest, None)
        for fetch in self._fetches.get(digest, ()):
            fetch.is_stale = True

    def clear(self) -> None:
        """Drop all entries: ends are no longer received. Uses not yet written to Redis stay."""
        self._entries.clear()
        for fetches in self._fetches.values():
            for fetch in fetches:
                fetch.is_stale = True

    def knows(self, digest: bytes) -> bool:
        """Whether anything is remembered of a session."""
        return digest in self._entries

    def under_way(self, digest: bytes) -> list[Fetch]:
        """The fetches of a session that have no answer yet."""
        return list(self._fetches.get(digest, ()))

    def pending(self, digest: bytes) -> CacheEntry | None:
        """The entry of this session, where it has uses that are not yet written to Redis."""
        return self._pending.get(digest)

    @property
    def pending_count(self) -> int:
        """How many sessions have uses that are not yet written to Redis."""
        return len(self._pending)

    def take_pending(self, at_most: int = FLUSH_BATCH) -> list[CacheEntry]:
        """Some of the pending entries, to be written now. `requeue` puts one back."""
        taken = list(islice(self._pending.values(), at_most))
        for entry in taken:
            del self._pending[entry.session.digest]
        return taken

    def take(self, entry: CacheEntry) -> int:
        """How many uses to write now; they count as written from here on."""
        self._pending.pop(entry.session.digest, None)
        pending, entry.pending = entry.pending, 0
        return pending

    def requeue(self, entry: CacheEntry, count: int) -> None:
        """Redis did not take these."""
        entry.pending += count
        self._pending[entry.session.digest] = entry

    def flushed(self, entry: CacheEntry, at: datetime) -> None:
        """Redis knows of a use at this time."""
        entry.flushed_at = max(entry.flushed_at, at)

    def counts(self) -> dict[str, float]:
        """Hits and misses, by the names of metrics."""
        return {
            "sessiongate_store_cache_hits_total": self.hits,
            "sessiongate_store_cache_misses_total": self.misses,
        }

    def __len__(self) -> int:
        return len(self._entries)

    def _keep(self, session: Session) -> None:
        entries = self._entries
        known = entries.get(session.digest)
        pending = self._pending.get(session.digest)
        if known is not None and pending is known:
            # Two asked at once, and it was used here in between: nothing of that may be lost.
            known.flushed_at = max(known.flushed_at, session.active_at)
            return
        if len(entries) >= self._size:
            del entries[next(iter(entries))]
        entries[session.digest] = CacheEntry(session, session.active_at)

    def _far(self, entry: CacheEntry, now: datetime) -> bool:
        limits = self._limits
        if limits.total is not None and now - entry.session.login_at >= limits.total:
            return False
        return now - entry.flushed_at < limits.idle - NEAR
