"""A store around another that measures it: how long each operation takes, and how often it fails.

A limit that is reached is an answer, not a failure; only what the store could not find out counts
as an error.
"""

from collections.abc import AsyncIterator, Awaitable
from datetime import datetime
from time import perf_counter
from typing import TypeVar

from sessiongate.errors import Unavailable
from sessiongate.rules.audit_chain import Chain
from sessiongate.rules.lockout import Policy
from sessiongate.session import Caps, Session, Ticket
from sessiongate.store.ending_marks import EndingMarks, ending_marks_of
from sessiongate.store.gateway_port import ClientBooks, LeaseUsers, UpstreamNotes
from sessiongate.store.manager_port import ManagerTokens
from sessiongate.store.measured_leases import (
    MeasuredBooks,
    MeasuredLeases,
    MeasuredLeaseUsers,
    measured,
)
from sessiongate.store.measured_tokens import MeasuredManagerTokens
from sessiongate.store.port import (
    AttemptStore,
    AuditStore,
    Endings,
    LeaseStore,
    Store,
    UseNoWait,
    use_nowait_of,
)
from sessiongate.store.search import FoundSessions, SessionSearch, revision_of, searched
from sessiongate.telemetry.counters import Meters

T = TypeVar("T")

OPERATIONS = (
    "use",
    "add",
    "peek",
    "find",
    "change",
    "end",
    "list",
    "count",
    "expire",
    "put",
    "take",
    "claim_once",
    "advance",
    "message",
    "set_message",
    "reserve_lease",
    "replace_lease",
    "remove_lease",
    "find_lease",
    "all_leases",
    "lease_users",
    "client_books",
    "manager_tokens",
    "audit",
)
"""What may fail."""


class MeasuredAudit:
    """The same audit, with its failures counted: what could not be written at once."""

    def __init__(self, inner: AuditStore, meters: Meters) -> None:
        self._inner = inner
        self._meters = meters

    @property
    def lost(self) -> int:
        """How many events the inner one has dropped."""
        return self._inner.lost

    def note(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event without waiting."""
        self._inner.note(payload, at, chain)

    async def write(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event, durable on return."""
        try:
            await self._inner.write(payload, at, chain)
        except Unavailable:
            self._meters.store_errors["audit"] += 1
            raise

    def prune(
        self,
        most: int,
        before: datetime,
        now: datetime | None = None,
        chain: Chain = Chain.DECISIONS,
    ) -> None:
        """Delete the oldest events."""
        self._inner.prune(most, before, now, chain)


class MeasuredStore:
    """The same store, measured."""

    def __init__(self, inner: Store, meters: Meters) -> None:
        self._inner = inner
        self._meters = meters
        self._audit = MeasuredAudit(inner.audit, meters)
        self._checks = meters.timing(meters.store_times, "use")
        nowait = use_nowait_of(inner)
        self.use_nowait = None if nowait is None else self._measuring(nowait)
        for operation in OPERATIONS:
            # Seen at 0 before it grows: Prometheus takes no notice of the first error otherwise.
            meters.store_errors[operation] += 0

    @property
    def audit(self) -> AuditStore:
        """Where the store keeps events."""
        return self._audit

    @property
    def leases(self) -> LeaseStore:
        """Where the store keeps leases. Asked of it only now: one that has none may serve too."""
        return MeasuredLeases(self._inner.leases, self._meters)

    @property
    def lease_users(self) -> LeaseUsers:
        """Where the store keeps who uses a lease."""
        return MeasuredLeaseUsers(self._inner.lease_users, self._meters)

    @property
    def manager_tokens(self) -> ManagerTokens:
        """Where the store keeps the tokens of the session manager's clients."""
        return MeasuredManagerTokens(self._inner.manager_tokens, self._meters)

    @property
    def ending_marks(self) -> EndingMarks | None:
        """Where the store keeps whose sessions are being ended: seldom, and not measured."""
        return ending_marks_of(self._inner)

    def books(self, upstream: str) -> ClientBooks:
        """Where the store keeps what clients have at an upstream."""
        return MeasuredBooks(self._inner.books(upstream), self._meters)

    def notes(self, upstream: str) -> UpstreamNotes:
        """What is told of an upstream: seldom, and measured by whoever asks beside it."""
        return self._inner.notes(upstream)

    async def use(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, touched: the hot path, so written out."""
        began = perf_counter()
        try:
            return await self._inner.use(digest, now)
        except Unavailable:
            self._meters.store_errors["use"] += 1
            raise
        finally:
            self._checks.add(perf_counter() - began)

    def _measuring(self, use: UseNoWait) -> UseNoWait:
        add, errors = self._checks.add, self._meters.store_errors

        def use_nowait(digest: bytes, now: datetime) -> Session | None:
            began = perf_counter()
            try:
                return use(digest, now)
            except Unavailable:
                errors["use"] += 1
                raise
            finally:
                add(perf_counter() - began)

        return use_nowait

    async def add(self, session: Session, caps: Caps) -> None:
        """Keep a new session."""
        await self._measured("add", self._inner.add(session, caps))

    async def peek(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, untouched."""
        return await self._measured("peek", self._inner.peek(digest, now))

    async def find(self, key: str, now: datetime) -> Session | None:
        """The live session of this key, untouched."""
        return await self._measured("find", self._inner.find(key, now))

    async def list(self, now: datetime) -> AsyncIterator[Session]:
        """All live sessions. Takes as long as whoever reads it, so only failures are counted."""
        try:
            async for session in self._inner.list(now):
                yield session
        except Unavailable:
            self._meters.store_errors["list"] += 1
            raise

    async def search(self, search: SessionSearch, now: datetime) -> FoundSessions:
        """The live sessions that fit."""
        return await self._measured("list", searched(self._inner, search, now))

    @property
    def revision(self) -> int | None:
        """Another number whenever a search may find something else, as far as that is known."""
        return revision_of(self._inner)

    async def change(self, session: Session) -> bool:
        """Keep changed facts of a live session."""
        return await self._measured("change", self._inner.change(session))

    async def end(self, key: str) -> Session | None:
        """End this session."""
        return await self._measured("end", self._inner.end(key))

    async def count(self) -> int:
        """How many sessions are kept."""
        return await self._measured("count", self._inner.count())

    async def expire(self, now: datetime, at_most: int) -> Endings:
        """End sessions past their limits."""
        return await self._measured("expire", self._inner.expire(now, at_most))

    async def put(self, digest: bytes, ticket: Ticket) -> None:
        """Keep a ticket."""
        await self._measured("put", self._inner.put(digest, ticket))

    async def take(self, digest: bytes, kind: str, now: datetime) -> Ticket | None:
        """Hand out a ticket once."""
        return await self._measured("take", self._inner.take(digest, kind, now))

    async def claim_once(self, digest: bytes, expires_at: datetime) -> bool:
        """Keep a mark."""
        return await self._measured("claim_once", self._inner.claim_once(digest, expires_at))

    async def advance(self, digest: bytes, generation: int, keep_until: datetime) -> int:
        """The newest generation of a session's refresh tokens."""
        return await self._measured("advance", self._inner.advance(digest, generation, keep_until))

    async def message(self) -> str:
        """The global message."""
        return await self._measured("message", self._inner.message())

    async def set_message(self, text: str) -> None:
        """Replace the global message."""
        await self._measured("set_message", self._inner.set_message(text))

    def attempts(
        self, provider: str, policies: tuple[Policy, Policy, Policy]
    ) -> AttemptStore | None:
        """As the inner one has it; guards tell its failures themselves."""
        return self._inner.attempts(provider, policies)

    def counts(self) -> dict[str, float]:
        """What the inner one counts."""
        return self._inner.counts()

    async def start(self) -> datetime | None:
        """Open the store."""
        return await self._inner.start()

    async def close(self) -> None:
        """Close the store."""
        await self._inner.close()

    async def _measured(self, operation: str, work: Awaitable[T]) -> T:
        return await measured(self._meters, operation, work)
