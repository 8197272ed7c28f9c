"""The audit's table in the embedded store: appended to by the store's own writer, in one chain.

An event that is noted goes to the disk before anything acknowledged after it, since both wait in
one queue; one that is written is on the disk when the method returns. Old events are let go from
the front, and the anchor of the chain moves along.
"""

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from sessiongate.rules.chain import START, Link, Verdict, link, verify
from sessiongate.store.writer import Writer

TABLES = """
CREATE TABLE audit (number INTEGER PRIMARY KEY, payload BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TRIGGER audit_newest AFTER INSERT ON audit BEGIN
  INSERT OR REPLACE INTO meta VALUES ('audit_newest', NEW.number);
END;
"""

_APPEND = "INSERT INTO audit VALUES (?, ?, ?)"
_LET_GO = "DELETE FROM audit WHERE number <= ?"
# One statement, so that anchor and rows cannot part: a trigger deletes nothing by itself.
_ANCHOR = (
    "INSERT OR REPLACE INTO meta SELECT 'audit_anchor', number || ':' || hex(hash)"
    " FROM audit WHERE number = ?"
)

# What the memory store keeps: enough to see what just happened, and no more.
_IN_MEMORY = 10_000


class AuditStore(Protocol):
    """Keeps events, in order, as one chain."""

    def note(self, payload: bytes) -> None:
        """Keep an event. On the disk before anything acknowledged later; never waits."""
        ...

    async def write(self, payload: bytes) -> None:
        """Keep an event; on the disk when this returns, or, with StoreUnavailable, later."""
        ...

    def let_go(self, most: int) -> None:
        """Let go of the oldest events beyond so many."""
        ...


class MemoryAudit:
    """The last events, for as long as the process lives."""

    def __init__(self) -> None:
        self.payloads: deque[bytes] = deque(maxlen=_IN_MEMORY)

    def note(self, payload: bytes) -> None:
        """Keep an event."""
        self.payloads.append(payload)

    async def write(self, payload: bytes) -> None:
        """Keep an event."""
        self.payloads.append(payload)

    def let_go(self, most: int) -> None:
        """Let go of the oldest events beyond so many."""
        while len(self.payloads) > most:
            self.payloads.popleft()


class SqliteAudit:
    """The chain in the session file. Lives as long as the writer it was given."""

    def __init__(self) -> None:
        self._writer: Writer | None = None
        self._number = 0
        self._oldest = 1
        self._hash = START

    def load(self, connection: sqlite3.Connection) -> None:
        """Find the chain's end, so that the next event follows it."""
        self._number, self._hash = anchor_of(connection)
        self._oldest = self._number + 1
        last = connection.execute("SELECT max(number) FROM audit").fetchone()[0]
        if last is not None:
            row = connection.execute("SELECT hash FROM audit WHERE number = ?", (last,))
            self._number, self._hash = last, row.fetchone()[0]

    def open(self, writer: Writer) -> None:
        """Write by this writer from now on."""
        self._writer = writer

    def note(self, payload: bytes) -> None:
        """Keep an event. On the disk before anything acknowledged later."""
        if self._writer is not None:
            self._writer.owe(_APPEND, self._next(payload))

    async def write(self, payload: bytes) -> None:
        """Keep an event; on the disk when this returns."""
        if self._writer is not None:
            await self._writer.write_owed(_APPEND, self._next(payload))

    def let_go(self, most: int) -> None:
        """Let go of the oldest events beyond so many."""
        last = self._number - most
        if self._writer is not None and last >= self._oldest:
            self._oldest = last + 1
            self._writer.owe(_ANCHOR, (last,))
            self._writer.owe(_LET_GO, (last,))

    def _next(self, payload: bytes) -> tuple[int, bytes, bytes]:
        made = link(self._number + 1, self._hash, payload)
        self._number, self._hash = made.number, made.hash
        return made.number, made.payload, made.hash


def anchor_of(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Number and hash of the last event that was let go; of none, before the first."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'audit_anchor'").fetchone()
    if row is None:
        return 0, START
    number, _, digest = str(row[0]).partition(":")
    return int(number), bytes.fromhex(digest)


class AuditFile:
    """The audit of a session file, read from outside: a server may be running on it or not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tail(self, count: int, after: int = 0) -> list[Link]:
        """The last events, oldest first."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT number, payload, hash FROM audit WHERE number > ?"
                " ORDER BY number DESC LIMIT ?",
                (after, count),
            ).fetchall()
        return [Link(*row) for row in reversed(rows)]

    def all(self) -> Iterator[Link]:
        """Every event that is kept, oldest first."""
        with self._open() as connection:
            for row in connection.execute(
                "SELECT number, payload, hash FROM audit ORDER BY number"
            ):
                yield Link(*row)

    def verify(self, known_head: bytes | None = None) -> Verdict:
        """Whether every event is as it was written, none is missing, and all are in order."""
        with self._open() as connection:
            connection.execute("BEGIN")  # one view of the file, whatever is written meanwhile
            anchor = anchor_of(connection)
            row = connection.execute("SELECT value FROM meta WHERE name = 'audit_newest'")
            newest = row.fetchone()
            rows = connection.execute(
                "SELECT number, payload, hash FROM audit WHERE number > ? ORDER BY number",
                (anchor[0],),
            )
            links = (
                Link(number, bytes(payload), bytes(digest)) for number, payload, digest in rows
            )
            return verify(links, anchor, int(newest[0]) if newest else anchor[0], known_head)

    def _open(self) -> "closing[sqlite3.Connection]":
        return closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=5.0))
