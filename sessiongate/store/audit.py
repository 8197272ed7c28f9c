"""The audit's table in the embedded store: appended to by the store's own writer, in one chain.

An event that is noted goes to the disk before anything acknowledged after it, since both wait in
one queue; one that is written is on the disk when the method returns. Old events are let go from
the front, and the anchor of the chain moves along.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import structlog

from sessiongate.errors import StoreUnavailable
from sessiongate.files import open_own
from sessiongate.rules.chain import START, Link, Verdict, link, verify
from sessiongate.store.schema import micros
from sessiongate.store.writer import Writer

_APPEND = "INSERT INTO audit VALUES (?, ?, ?, ?)"
# First the anchor, then the rows up to it: after a crash in between the chain is still whole.
_ANCHOR_BY_NUMBER = (
    "INSERT OR REPLACE INTO audit_anchor SELECT 1, number, hash FROM audit WHERE number = ?"
)
_ANCHOR_BY_TIME = (
    "INSERT OR REPLACE INTO audit_anchor SELECT 1, number, hash FROM audit WHERE at < ?"
    " ORDER BY number DESC LIMIT 1"
)
_LET_GO = "DELETE FROM audit WHERE number <= (SELECT number FROM audit_anchor)"

# What the memory store keeps: enough to see what just happened, and no more.
_IN_MEMORY = 10_000

# Events that may wait for a disk or a Redis that refuses. More would fill the memory while somebody
# guesses.
MOST_OWED = 100_000

_log = structlog.get_logger("sessiongate.audit")


class MemoryAudit:
    """The last events, for as long as the process lives."""

    lost = 0

    def __init__(self) -> None:
        self.payloads: deque[bytes] = deque(maxlen=_IN_MEMORY)

    def note(self, payload: bytes, at: datetime) -> None:
        """Keep an event."""
        self.payloads.append(payload)

    async def write(self, payload: bytes, at: datetime) -> None:
        """Keep an event."""
        self.payloads.append(payload)

    def let_go(self, most: int, before: datetime) -> None:
        """Let go of the oldest events beyond so many."""
        while len(self.payloads) > most:
            self.payloads.popleft()


class SqliteAudit:
    """The chain in the session file. Lives as long as the writer it was given."""

    def __init__(self, most_owed: int = MOST_OWED) -> None:
        self._most_owed = most_owed
        self._writer: Writer | None = None
        self._number = 0
        self._hash = START
        self.lost = 0
        """How many events were dropped, since they could not be written for so long."""

    def load(self, connection: sqlite3.Connection) -> None:
        """Find the chain's end, so that the next event follows it."""
        self._number, self._hash = _anchor(connection)
        last = connection.execute(
            "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1"
        ).fetchone()
        if last is not None:
            self._number, self._hash = last

    def open(self, writer: Writer) -> None:
        """Write by this writer from now on."""
        self._writer = writer

    def note(self, payload: bytes, at: datetime) -> None:
        """Keep an event. On the disk before anything acknowledged later."""
        writer = self._room()
        if writer is not None:
            writer.owe(_APPEND, self._next(payload, at))

    async def write(self, payload: bytes, at: datetime) -> None:
        """Keep an event; on the disk when this returns."""
        writer = self._room()
        if writer is not None:
            await writer.write_owed(_APPEND, self._next(payload, at))

    def let_go(self, most: int, before: datetime) -> None:
        """Let go of the oldest events: those beyond so many, and those of before this time."""
        if self._writer is not None:
            self._writer.owe(_ANCHOR_BY_TIME, (micros(before),))
            self._writer.owe(_ANCHOR_BY_NUMBER, (self._number - most,))
            self._writer.owe(_LET_GO, ())

    def _room(self) -> Writer | None:
        """The writer, if it can still be owed an event. What is lost is counted and said."""
        writer = self._writer
        if writer is None or writer.owing < self._most_owed:
            return writer
        self.lost += 1
        if self.lost == 1:
            _log.error("audit events are being lost: the disk refuses and the queue is full")
        return None

    def _next(self, payload: bytes, at: datetime) -> tuple[int, int, bytes, bytes]:
        made = link(self._number + 1, self._hash, payload)
        self._number, self._hash = made.number, made.hash
        return made.number, micros(at), made.payload, made.hash


def _anchor(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Number and hash of the last event that was let go; of none, before the first."""
    row = connection.execute("SELECT number, hash FROM audit_anchor").fetchone()
    return (row[0], row[1]) if row is not None else (0, START)


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
            anchor = _anchor(connection)
            newest = connection.execute("SELECT number FROM audit_newest").fetchone()
            rows = connection.execute(
                "SELECT number, payload, hash FROM audit WHERE number > ? ORDER BY number",
                (anchor[0],),
            )
            links = (
                Link(number, bytes(payload), bytes(digest)) for number, payload, digest in rows
            )
            return verify(links, anchor, newest[0] if newest else anchor[0], known_head)

    def _open(self) -> "closing[sqlite3.Connection]":
        try:
            os.close(open_own(self._path, os.O_RDONLY))
        except OSError as problem:
            raise StoreUnavailable(f"{self._path} cannot be read: {problem.strerror}") from None
        return closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=5.0))
