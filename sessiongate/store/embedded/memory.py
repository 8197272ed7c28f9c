"""The store without a file: sessions, tickets, leases and the message live as long as the process.

What it hands out are copies: a caller that changes one changes nothing here until it says
`change`, which takes any Session with the digest of a kept one.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from sessiongate.rules.lockout import Policy
from sessiongate.session import Caps, Limits, Session, Ticket
from sessiongate.store.embedded.audit import MemoryAudit
from sessiongate.store.embedded.books import MemoryBooks
from sessiongate.store.embedded.lease_users import LeaseUserTable
from sessiongate.store.embedded.leases import MemoryLeases
from sessiongate.store.embedded.manager_tokens import MemoryManagerTokens
from sessiongate.store.embedded.notes import MemoryNotes
from sessiongate.store.embedded.search import search_table
from sessiongate.store.embedded.table import SessionTable, session_of
from sessiongate.store.embedded.tickets import MARK, TicketTable
from sessiongate.store.port import Endings
from sessiongate.store.search import FoundSessions, SessionSearch

# Sessions handed out by `list` before other callers get their turn: under a millisecond.
LIST_STEP = 500

# Sessions that `expire` looks at before other callers get their turn: 0.3 ms where all are still
# alive, 1 ms where all have ended, at 1 M sessions. The house allows 2 ms; 250 took up to 2.3.
EXPIRE_STEP = 150


class MemoryStore:
    """Keeps everything in this process; nothing survives it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._table = SessionTable(limits)
        self._tickets = TicketTable()
        self._message = ""
        self.audit = MemoryAudit()
        self.lease_users = LeaseUserTable()
        self.leases = MemoryLeases(self.lease_users)
        self.manager_tokens = MemoryManagerTokens()
        self._books: dict[str, MemoryBooks] = {}
        self._notes: dict[str, MemoryNotes] = {}

    def books(self, upstream: str) -> MemoryBooks:
        """What clients have at an upstream."""
        return self._books.setdefault(upstream, MemoryBooks(self.lease_users))

    def notes(self, upstream: str) -> MemoryNotes:
        """What is told of an upstream."""
        return self._notes.setdefault(upstream, MemoryNotes())

    def attempts(self, provider: str, policies: tuple[Policy, Policy, Policy]) -> None:
        """None: no other process shares this store."""

    def counts(self) -> dict[str, float]:
        """Nothing beside what is counted of every store."""
        return {}

    def empty(self) -> None:
        """Forget sessions, tickets, message and events; leases stay, since they are elsewhere."""
        self._table = SessionTable(self._limits)
        self._tickets = TicketTable()
        self._message = ""
        self.audit.empty()

    async def start(self) -> datetime | None:
        """Nothing to open, nothing seen."""
        return None

    async def close(self) -> None:
        """Nothing to write."""

    async def add(self, session: Session, caps: Caps) -> None:
        """Keep a new session, or raise CapReached."""
        self._table.add(session, caps)

    async def use(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, touched."""
        return self.use_nowait(digest, now)

    def use_nowait(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, touched."""
        kept = self._table.use(digest, now)
        return session_of(kept) if kept is not None else None

    async def peek(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, untouched."""
        kept = self._table.peek(digest, now)
        return session_of(kept) if kept is not None else None

    async def find(self, key: str, now: datetime) -> Session | None:
        """The live session of this key, untouched."""
        kept = self._table.find(key, now)
        return session_of(kept) if kept is not None else None

    def list(self, now: datetime) -> AsyncIterator[Session]:
        """All live sessions; others get their turn in between."""
        return live_sessions(self._table, now)

    async def search(self, search: SessionSearch, now: datetime) -> FoundSessions:
        """The live sessions that fit; others get their turn in between."""
        return await search_table(self._table, search, now)

    @property
    def revision(self) -> int:
        """Another number whenever a search may find something else, but for time."""
        return self._table.revision

    async def change(self, session: Session) -> bool:
        """Keep the facts of this session; its times and count stay the store's own."""
        if self._table.find(session.key, self._table.seen) is None:
            return False
        self._table.change(session)
        return True

    async def end(self, key: str) -> Session | None:
        """End this session; exactly one caller gets it."""
        kept = self._table.end(key)
        return session_of(kept) if kept is not None else None

    async def count(self) -> int:
        """How many sessions are kept."""
        return self._table.total

    async def expire(self, now: datetime, at_most: int) -> Endings:
        """End what is past its limits, and report all that ended so since last time."""
        left = await expire_sessions(self._table, now, at_most)
        self._tickets.purge(now, left)
        return self._table.report(at_most)

    async def put(self, digest: bytes, ticket: Ticket) -> None:
        """Keep a ticket, or raise Overloaded."""
        self._tickets.put(digest, ticket)

    async def take(self, digest: bytes, kind: str, now: datetime) -> Ticket | None:
        """A live ticket of this kind, once."""
        return self._tickets.take(digest, kind, now)

    async def claim_once(self, digest: bytes, expires_at: datetime) -> bool:
        """Keep a mark where there is none, or raise Overloaded."""
        return self._tickets.claim_once(digest, Ticket(MARK, "", expires_at)) is not None

    async def advance(self, digest: bytes, generation: int, keep_until: datetime) -> int:
        """The newest generation, kept as long as the session."""
        return self._table.advance(digest, generation)

    async def message(self) -> str:
        """The message."""
        return self._message

    async def set_message(self, text: str) -> None:
        """Replace the message."""
        self._message = text


async def live_sessions(table: SessionTable, now: datetime) -> AsyncIterator[Session]:
    """The live sessions of a table, a step at a time."""
    for number, kept in enumerate(table.rows(), start=1):
        if table.alive(kept, now):
            yield session_of(kept)
        if number % LIST_STEP == 0:
            await asyncio.sleep(0)


async def expire_sessions(table: SessionTable, now: datetime, at_most: int) -> int:
    """Let a table look at its due sessions, a step at a time; how many looks are left.

    Sessions ended earlier and not yet reported use up their share, so they cannot pile up.
    """
    left = max(0, at_most - table.unreported)
    while left > 0:
        step = min(left, EXPIRE_STEP)
        looked_at = table.step(now, step)
        left -= looked_at
        if looked_at < step:
            break
        await asyncio.sleep(0)
    return left
