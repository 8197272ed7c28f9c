"""The audit's tables in the embedded store: appended to by the store's own writer, in two chains.

A decision that is noted goes to the disk before anything acknowledged after it, since both wait in
one queue; one that is written is on the disk when the method returns. Old events are deleted from
the front, and the anchor of the chain moves along.
"""

import os
import re
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from sessiongate.errors import StoreUnavailable
from sessiongate.files import open_own
from sessiongate.rules.audit_chain import (
    LARGEST,
    START,
    Chain,
    ChainVerdict,
    Link,
    link,
    read_anchor,
    read_link,
    read_number,
    verify,
)
from sessiongate.store.deleted_by_age import DeletedByAge
from sessiongate.store.embedded.schema import moment_in
from sessiongate.store.embedded.writer import Writer
from sessiongate.store.encoding import micros

_NAMES = {Chain.DECISIONS: "audit", Chain.ANONYMOUS: "audit_anonymous"}
"""The table of each chain. Its anchor and its newest number are in tables called after it."""


class _Statements(msgspec.Struct, frozen=True):
    """What is done to the tables of one chain, in SQL with T for the chain's table."""

    append: str = "INSERT INTO T VALUES (?, ?, ?, ?)"
    last: str = "SELECT number, CAST(hash AS BLOB) FROM T ORDER BY number DESC LIMIT 1"
    after: str = "SELECT number, payload, hash FROM T WHERE number > ? ORDER BY number"
    before: str = (
        "SELECT number, payload, hash FROM T WHERE number <= ? ORDER BY number DESC LIMIT ?"
    )
    newest: str = "SELECT number FROM T_newest"
    anchor: str = "SELECT number, CAST(hash AS BLOB) FROM T_anchor"
    # First the anchor, then the rows up to it: after a crash in between the chain is still whole.
    anchor_by_number: str = (
        "INSERT OR REPLACE INTO T_anchor SELECT 1, number, hash FROM T WHERE number = ?"
    )
    # From the front, so that it looks at no more rows than it deletes.
    anchor_by_time: str = (
        "INSERT OR REPLACE INTO T_anchor SELECT 1, number, hash FROM T WHERE number = coalesce("
        "(SELECT number FROM T WHERE at >= ? ORDER BY number LIMIT 1) - 1,"
        " (SELECT max(number) FROM T))"
    )
    note_pruning: str = "INSERT OR IGNORE INTO meta SELECT 'T let go since', ? FROM T_anchor"
    since: str = "SELECT value FROM meta WHERE name = 'T let go since'"
    delete_pruned: str = "DELETE FROM T WHERE number <= (SELECT number FROM T_anchor)"

    @classmethod
    def of(cls, table: str) -> "_Statements":
        """The statements of this table."""
        statements = msgspec.structs.asdict(cls())
        return cls(**{name: re.sub(r"\bT(?=\b|_)", table, sql) for name, sql in statements.items()})


_OF = {chain: _Statements.of(table) for chain, table in _NAMES.items()}

# What the memory store keeps of each chain: enough to see what just happened, and no more.
_IN_MEMORY = 10_000

# Events that may wait for a disk or a Redis that refuses. More would fill the memory while somebody
# guesses.
MOST_OWED = 100_000

# Anonymous events leave half of that to the others.
_SHARE = {Chain.DECISIONS: 1, Chain.ANONYMOUS: 2}

# Of the meta table: events were deleted, and by a release that did not say when it began.
_UNKNOWN = 0

_log = structlog.get_logger("sessiongate.audit")


class MemoryAudit:
    """The last events, for as long as the process lives."""

    lost = 0

    def __init__(self) -> None:
        self._payloads: dict[Chain, deque[tuple[int, bytes]]] = {
            chain: deque(maxlen=_IN_MEMORY) for chain in Chain
        }
        self._number = 0

    @property
    def payloads(self) -> list[bytes]:
        """What is kept of both chains, in the order in which it came."""
        return [
            payload
            for _, payload in sorted(one for kept in self._payloads.values() for one in kept)
        ]

    def payloads_of(self, chain: Chain) -> list[bytes]:
        """What is kept of one chain, oldest first."""
        return [payload for _, payload in self._payloads[chain]]

    def empty(self) -> None:
        """Forget all of it."""
        for kept in self._payloads.values():
            kept.clear()
        self._number = 0

    def note(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event."""
        self._number += 1
        self._payloads[chain].append((self._number, payload))

    async def write(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event."""
        self.note(payload, at, chain)

    def prune(
        self,
        most: int,
        before: datetime,
        now: datetime | None = None,
        chain: Chain = Chain.DECISIONS,
    ) -> None:
        """Delete the oldest events beyond so many."""
        kept = self._payloads[chain]
        while len(kept) > most:
            kept.popleft()


class _ChainEnd(msgspec.Struct):
    """Where a chain is added to: its last link, and how much may be owed before it waits."""

    append: str
    most_owed: int
    number: int = 0
    hash: bytes = START

    def next(self, payload: bytes, at: datetime) -> tuple[int, int, bytes, bytes]:
        """One more link, as a row."""
        made = link(self.number + 1, self.hash, payload)
        self.number, self.hash = made.number, made.hash
        return made.number, micros(at), made.payload, made.hash


class SqliteAudit:
    """The chains in the session file. Lives as long as the writer it was given."""

    def __init__(self, most_owed: int = MOST_OWED) -> None:
        self._writer: Writer | None = None
        self._ends = {
            chain: _ChainEnd(_OF[chain].append, most_owed // _SHARE[chain]) for chain in Chain
        }
        self.lost = 0
        """How many events were dropped, since they could not be written for so long."""
        self._deleted_by_age = DeletedByAge()

    def load(self, connection: sqlite3.Connection) -> None:
        """Find the end of each chain. The tables are there (`schema.open_file`)."""
        connection.execute(_OF[Chain.DECISIONS].note_pruning, (_UNKNOWN,))
        for chain, end in self._ends.items():
            end.number, end.hash = _anchor(connection, chain)
            last = connection.execute(_OF[chain].last).fetchone()
            if last is not None:
                found = read_link(last[0], b"", last[1])
                end.number, end.hash = found.number, found.hash

    def open(self, writer: Writer) -> None:
        """Write by this writer from now on."""
        self._writer = writer

    def note(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event. On the disk before anything acknowledged later."""
        end = self._ends[chain]
        writer = self._writer_with_room(end)
        if writer is not None:
            writer.retry_until_written(end.append, end.next(payload, at))

    async def write(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event; on the disk when this returns."""
        end = self._ends[chain]
        writer = self._writer_with_room(end)
        if writer is not None:
            await writer.write_retried(end.append, end.next(payload, at))

    def prune(
        self,
        most: int,
        before: datetime,
        now: datetime | None = None,
        chain: Chain = Chain.DECISIONS,
    ) -> None:
        """Delete the oldest events: those beyond so many, and those of before this time."""
        writer = self._writer
        if writer is None:
            return
        of = _OF[chain]
        since = (_UNKNOWN if now is None else micros(now),)
        writer.retry_until_written(of.anchor_by_time, (micros(before),))
        writer.retry_until_written(of.note_pruning, since)
        writer.count_when_written(of.delete_pruned, (), self._deleted_by_age.add)
        writer.retry_until_written(of.anchor_by_number, (self._ends[chain].number - most,))
        writer.retry_until_written(of.note_pruning, since)
        writer.retry_until_written(of.delete_pruned, ())
        self._deleted_by_age.report(now)

    def _writer_with_room(self, end: _ChainEnd) -> Writer | None:
        """The writer, if it can still be owed an event. What is lost is counted and said."""
        writer = self._writer
        if writer is None or writer.unwritten < end.most_owed:
            return writer
        self.lost += 1
        if self.lost == 1:
            _log.error("audit events are being lost: the disk refuses and the queue is full")
        return None


def _anchor(connection: sqlite3.Connection, chain: Chain) -> tuple[int, bytes]:
    """Number and hash of the last event that was deleted; of none, before the first."""
    row = connection.execute(_OF[chain].anchor).fetchone()
    return read_anchor(*row) if row is not None else (0, START)


class AuditFile:
    """The audit of a session file, read from outside: a server may be running on it or not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tail(self, count: int, chain: Chain = Chain.DECISIONS) -> list[Link]:
        """The last events of a chain, oldest first."""
        return self.before(None, count, chain)

    def before(self, number: int | None, count: int, chain: Chain = Chain.DECISIONS) -> list[Link]:
        """At most so many events before the one of this number, oldest first."""
        until = LARGEST if number is None else number - 1
        with self._open() as connection:
            if not _has(connection, chain):
                return []
            rows = connection.execute(_OF[chain].before, (until, count)).fetchall()
        return [read_link(*row) for row in reversed(rows)]

    def all(self, chain: Chain = Chain.DECISIONS) -> Iterator[Link]:
        """Every event of a chain that is kept, oldest first."""
        with self._open() as connection:
            if _has(connection, chain):
                for row in connection.execute(_OF[chain].after, (0,)):
                    yield read_link(*row)

    def verify(
        self,
        known_head: bytes | None = None,
        chain: Chain = Chain.DECISIONS,
        weigh: Callable[[bytes], int] = lambda _: 0,
    ) -> ChainVerdict:
        """Whether every event is as it was written, none is missing, and all are in order."""
        with self._open() as connection:
            connection.execute("BEGIN")  # one view of the file, whatever is written meanwhile
            if not _has(connection, chain):
                return verify([], (0, START), 0, known_head)
            anchor = _anchor(connection, chain)
            newest = connection.execute(_OF[chain].newest).fetchone()
            last = read_number(newest[0], LARGEST) if newest else anchor[0]
            rows = connection.execute(_OF[chain].after, (anchor[0],))
            links = (read_link(*row) for row in rows)
            return verify(links, anchor, last, known_head, weigh)

    def since(self, chain: Chain = Chain.DECISIONS) -> datetime | None:
        """Since when events have been deleted. None for never, and where nobody has noted it."""
        with self._open() as connection:
            row = connection.execute(_OF[chain].since).fetchone()
        return moment_in(row[0]) if row is not None else None

    def _open(self) -> "closing[sqlite3.Connection]":
        try:
            os.close(open_own(self._path, os.O_RDONLY))
        except OSError as problem:
            raise StoreUnavailable(f"{self._path} cannot be read: {problem.strerror}") from None
        connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=5.0)
        # A change made by hand leaves text where bytes were, and the text need not be UTF-8.
        connection.text_factory = bytes
        return closing(connection)


def _has(connection: sqlite3.Connection, chain: Chain) -> bool:
    """Whether the file has this chain. One that only an older release has written has one."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_NAMES[chain],))
    return found.fetchone() is not None
