"""The store with a file: the table lives in memory, the file is the truth that survives.

Checks never touch the disk. Logins, ends, ticket uses, changes, leases and the message are on the
disk before the method returns; when a session was last used, and how often, follows within about
ten seconds and on `close`. While the disk cannot be written, checks go on and whatever must be
durable says StoreUnavailable; it recovers by itself. One process owns the file.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path

from sessiongate.errors import EndNotWritten, StoreUnavailable
from sessiongate.files import make_directory
from sessiongate.rules.lockout import Policy
from sessiongate.session import Caps, Limits, Session, Ticket
from sessiongate.store.embedded import schema
from sessiongate.store.embedded.audit import SqliteAudit
from sessiongate.store.embedded.books import MemoryBooks
from sessiongate.store.embedded.lease_users import LeaseUserTable
from sessiongate.store.embedded.leases import SqliteLeases
from sessiongate.store.embedded.lock import FileLock
from sessiongate.store.embedded.manager_tokens import SqliteManagerTokens
from sessiongate.store.embedded.memory import expire_sessions, live_sessions
from sessiongate.store.embedded.notes import SqliteNotes
from sessiongate.store.embedded.search import search_table
from sessiongate.store.embedded.table import SessionTable, session_of
from sessiongate.store.embedded.tickets import MARK, TicketTable
from sessiongate.store.embedded.wheel import SessionRecord
from sessiongate.store.embedded.writer import Writer
from sessiongate.store.encoding import EPOCH, micros
from sessiongate.store.port import Endings
from sessiongate.store.search import FoundSessions, SessionSearch

# How long touches are collected before they are written. With as long for the writing they are
# on the disk within ten seconds, which matters little against an idle limit of half an hour.
FLUSH_EVERY = 5.0

# In how many of these turns the latest time seen is written even if nothing else is: once a
# minute. It bounds how much longer a session may live after a crash and a clock that steps back.
MARK_EVERY = 12


class SqliteStore:
    """Keeps everything in one SQLite file. `start` before use; `close` in the end."""

    def __init__(self, path: Path | str, limits: Limits) -> None:
        self._path = Path(path)
        self._limits = limits
        self._empty()
        self._lock = FileLock(self._path)
        self._running: Writer | None = None
        self.audit = SqliteAudit()
        self.lease_users = LeaseUserTable()
        self.leases = SqliteLeases(lambda: self._writer, self.lease_users)
        self.manager_tokens = SqliteManagerTokens(lambda: self._writer)
        self._books: dict[str, MemoryBooks] = {}
        self._notes: dict[str, dict[str, str]] = {}
        self._pacing: asyncio.Task[None] | None = None

    def books(self, upstream: str) -> MemoryBooks:
        """What clients have at an upstream: in memory, and gone with the process."""
        return self._books.setdefault(upstream, MemoryBooks(self.lease_users))

    def notes(self, upstream: str) -> SqliteNotes:
        """What is told of an upstream."""
        notes = self._notes.setdefault(upstream, {})
        return SqliteNotes(lambda: self._writer, upstream, notes)

    def attempts(self, provider: str, policies: tuple[Policy, Policy, Policy]) -> None:
        """None: no other process shares this store."""

    def counts(self) -> dict[str, float]:
        """Nothing beside what is counted of every store."""
        return {}

    async def start(self) -> datetime | None:
        """Take the file, read it, and say the latest time it has seen."""
        self._lock_file()
        self._empty()
        writer = Writer(self._path)
        try:
            await writer.start(self._load)
        except BaseException:
            self._lock.release()
            raise
        self._running = writer
        self.audit.open(writer)
        self._pacing = asyncio.create_task(self._pace(), name="sessiongate-store-touches")
        seen = self._table.seen
        return seen if seen > EPOCH else None

    async def close(self) -> None:
        """Write what is pending and let go of the file."""
        writer, self._running = self._running, None
        if writer is None:
            return
        if self._pacing is not None:
            self._pacing.cancel()
            with suppress(asyncio.CancelledError):
                await self._pacing
        with suppress(StoreUnavailable):  # the writer has logged it
            await self._flush(writer)
        await writer.close()
        self._lock.release()

    async def add(self, session: Session, caps: Caps) -> None:
        """Keep a new session: in memory first, which reserves its place, then on the disk."""
        writer = self._writer
        record = self._table.add(session, caps)
        try:
            self._mark(writer)
            await writer.write(schema.ADD, schema.session_row(session))
        except BaseException:
            # Refused, or the caller has gone: nobody has the token, so no session may be left.
            self._table.drop(record)
            writer.retry_until_written(schema.END, (session.digest,))
            raise

    async def use(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, touched."""
        return self.use_nowait(digest, now)

    def use_nowait(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, touched. Never asks the disk."""
        if self._running is None:
            raise self._not_open()
        record = self._table.use(digest, now)
        if record is None:
            return None
        self._dirty[digest] = record
        return session_of(record)

    async def peek(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, untouched."""
        _ = self._writer
        record = self._table.peek(digest, now)
        return session_of(record) if record is not None else None

    async def find(self, key: str, now: datetime) -> Session | None:
        """The live session of this key, untouched."""
        _ = self._writer
        record = self._table.find(key, now)
        return session_of(record) if record is not None else None

    def list(self, now: datetime) -> AsyncIterator[Session]:
        """All live sessions; others get their turn in between."""
        _ = self._writer
        return live_sessions(self._table, now)

    async def search(self, search: SessionSearch, now: datetime) -> FoundSessions:
        """The live sessions that fit; others get their turn in between."""
        _ = self._writer
        return await search_table(self._table, search, now)

    @property
    def revision(self) -> int:
        """Another number whenever a search may find something else, but for time."""
        return self._table.revision

    async def change(self, session: Session) -> bool:
        """Keep the facts of this session, on the disk first; its times and count stay ours."""
        writer = self._writer
        if self._table.find(session.key, self._table.seen) is None:
            return False
        await self._write(writer, schema.CHANGE, schema.change_row(session))
        if self._table.find(session.key, self._table.seen) is None:
            return False  # it ended while we wrote
        self._table.change(session)
        return True

    async def end(self, key: str) -> Session | None:
        """End this session: in memory at once, and on the disk when this returns.

        Raises EndNotWritten where the disk refuses: the session is over all the same,
        and the file follows as soon as it can be written.
        """
        writer = self._writer
        record = self._table.end(key)
        if record is None:
            return None
        self._mark(writer)
        try:
            await writer.write_retried(schema.END, (record.digest,))
        except StoreUnavailable as refused:
            # One of its own: all whose writes went into one commit are told by the same error.
            raise EndNotWritten(str(refused), session_of(record)) from refused
        return session_of(record)

    async def count(self) -> int:
        """How many sessions are kept."""
        return self._table.total

    async def expire(self, now: datetime, at_most: int) -> Endings:
        """End what is past its limits; the file follows without being waited for."""
        writer = self._writer
        left = await expire_sessions(self._table, now, at_most)
        for digest in self._tickets.purge(now, left):
            writer.retry_until_written(schema.TAKE, (digest,))
        return self._table.report(at_most)

    async def put(self, digest: bytes, ticket: Ticket) -> None:
        """Keep a ticket, on the disk before this returns."""
        writer = self._writer
        await self._keep(writer, digest, ticket, self._tickets.put(digest, ticket))

    async def claim_once(self, digest: bytes, expires_at: datetime) -> bool:
        """Keep a mark where there is none: in memory first, which decides; then on the disk."""
        writer, ticket = self._writer, Ticket(MARK, "", expires_at)
        purged = self._tickets.claim_once(digest, ticket)
        if purged is None:
            return False
        await self._keep(writer, digest, ticket, purged)
        return True

    async def _keep(
        self, writer: Writer, digest: bytes, ticket: Ticket, made_room: Iterable[bytes]
    ) -> None:
        for purged in made_room:
            writer.retry_until_written(schema.TAKE, (purged,))
        try:
            await self._write(writer, schema.PUT, schema.ticket_row(digest, ticket))
        except BaseException:
            self._tickets.drop(digest)
            writer.retry_until_written(schema.TAKE, (digest,))
            raise

    async def take(self, digest: bytes, kind: str, now: datetime) -> Ticket | None:
        """A live ticket of this kind, once. Used up even where the disk then refuses."""
        writer = self._writer
        ticket = self._tickets.take(digest, kind, now)
        if ticket is not None:
            self._mark(writer)
            await writer.write_retried(schema.TAKE, (digest,))
        return ticket

    async def advance(self, digest: bytes, generation: int, keep_until: datetime) -> int:
        """The newest generation, kept as long as the session, and on the disk before this returns.

        Where the disk refuses it is known here all the same, and the file follows.
        """
        writer = self._writer
        before = self._table.advance(digest, 0)
        newest = self._table.advance(digest, generation)
        if newest > before:
            row = schema.generation_row(digest, newest)
            self._mark(writer)
            writing = asyncio.ensure_future(writer.write_retried(schema.ADVANCE, row))
            self._advancing[digest] = writing
            writing.add_done_callback(partial(self._advanced, digest))
        if (under_way := self._advancing.get(digest)) is not None:
            await asyncio.shield(under_way)
        return newest

    async def message(self) -> str:
        """The message."""
        _ = self._writer
        return self._message

    async def set_message(self, text: str) -> None:
        """Replace the message, on the disk before this returns."""
        await self._write(self._writer, schema.SET, schema.message_row(text))
        self._message = text

    async def flush(self) -> None:
        """Write all touches now instead of in a few seconds. Raises StoreUnavailable."""
        await self._flush(self._writer)

    @property
    def _writer(self) -> Writer:
        if self._running is None:
            raise self._not_open()
        return self._running

    def _not_open(self) -> StoreUnavailable:
        return StoreUnavailable(f"the store {self._path} is not open")

    def _lock_file(self) -> None:
        if self._running is not None:
            raise StoreUnavailable(f"the store {self._path} is open already")
        with suppress(OSError):  # whoever opens the lock says it better
            make_directory(self._path.parent)
        self._lock.take()

    def _load(self, connection: sqlite3.Connection) -> None:
        schema.load_sessions(connection, self._table)
        for digest, generation in schema.load_generations(connection):
            self._table.advance(digest, generation)
        for digest, ticket in schema.load_tickets(connection):
            self._tickets.keep(digest, ticket)
        self.leases.load(connection)
        self.manager_tokens.load(connection)
        for upstream, topic, told in schema.load_notes(connection):
            self._notes.setdefault(upstream, {})[topic] = told
        self.audit.load(connection)
        self._message, seen = schema.load_meta(connection)
        self._table.seen = self._tickets.seen = max(self._table.seen, seen)

    async def _write(self, writer: Writer, statement: str, row: tuple[schema.Value, ...]) -> None:
        self._mark(writer)
        await writer.write(statement, row)

    def _empty(self) -> None:
        self._table = SessionTable(self._limits, self._forget_session)
        self._tickets = TicketTable()
        self._message = ""
        self._dirty: dict[bytes, SessionRecord] = {}
        self._advancing: dict[bytes, asyncio.Future[None]] = {}

    def _mark(self, writer: Writer) -> None:
        writer.watermark = micros(max(self._table.seen, self._tickets.seen))

    def _advanced(self, digest: bytes, writing: asyncio.Future[None]) -> None:
        if self._advancing.get(digest) is writing:
            del self._advancing[digest]
        if not writing.cancelled():
            writing.exception()  # seen, also where nobody waits any more

    def _forget_session(self, digest: bytes) -> None:
        writer = self._writer
        self._mark(writer)
        writer.retry_until_written(schema.END, (digest,))

    def _hand_over(self, writer: Writer) -> None:
        """Give the writer what was touched, unless it still has enough to do."""
        if self._dirty and not writer.touching:
            self._mark(writer)
            touched, self._dirty = self._dirty, {}
            writer.touch(touched)

    async def _flush(self, writer: Writer) -> None:
        if writer.touching:
            await writer.flush()
        self._hand_over(writer)
        await writer.flush()

    async def _pace(self) -> None:
        marked = 0
        for turn in count(1):
            await asyncio.sleep(FLUSH_EVERY)
            writer = self._writer
            self._hand_over(writer)
            self._mark(writer)
            if turn % MARK_EVERY == 0 and writer.watermark > marked:
                marked = writer.watermark
                writer.retry_until_written(schema.MARK, (marked,))
