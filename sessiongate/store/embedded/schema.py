"""What stands in the file: tables, and how sessions, tickets and times are written down.

Times are whole microseconds since 1970, UTC. Sessions and tickets are known by the digest of
their secret; the secret itself never comes here. What sessions of one client have in common is
one JSON array: read back, it is recognised as one string without being parsed, which makes a
million sessions load in seconds. Other strings stay as they are; one that is no Unicode (lone
surrogates) goes in as bytes.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sessiongate.errors import StoreUnavailable
from sessiongate.files import make_directory, open_own
from sessiongate.remedies import because
from sessiongate.rules.audit_chain import read_number
from sessiongate.session import Session, Ticket
from sessiongate.store.embedded.table import CLIENTS_SHARED, SessionTable
from sessiongate.store.embedded.wheel import SessionRecord
from sessiongate.store.encoding import Facts, facts_of, micros, moment
from sessiongate.store.port import StoredLease

VERSION = 1
"""What `PRAGMA user_version` says. A file with a greater one is not ours to touch."""

_TABLES = """
CREATE TABLE session (
  digest BLOB PRIMARY KEY,
  key TEXT NOT NULL,
  login_at INTEGER NOT NULL,
  active_at INTEGER NOT NULL,
  call_count INTEGER NOT NULL,
  client TEXT NOT NULL
);
CREATE TABLE ticket (
  digest BLOB PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE TABLE meta (name TEXT PRIMARY KEY, value);
CREATE TABLE audit (
  number INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  payload BLOB NOT NULL,
  hash BLOB NOT NULL
);
CREATE TABLE audit_anchor (one INTEGER PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TABLE audit_newest (one INTEGER PRIMARY KEY, number INTEGER NOT NULL);
CREATE TRIGGER audit_written AFTER INSERT ON audit BEGIN
  INSERT OR REPLACE INTO audit_newest VALUES (1, NEW.number);
END;
"""

# What came after the first release: beside its tables, so that an earlier one which gets the file
# back goes on reading and writing it, and leaves these alone. It knows nothing of refreshes, of
# leases and of the session manager's tokens, and has one audit chain only. A generation goes with
# its session whoever ends that.
_LATER_TABLES = """
CREATE TABLE IF NOT EXISTS generation (
  digest BLOB PRIMARY KEY,
  newest INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS session_ended AFTER DELETE ON session BEGIN
  DELETE FROM generation WHERE digest = OLD.digest;
END;
CREATE TABLE IF NOT EXISTS lease (
  id TEXT PRIMARY KEY,
  upstream TEXT NOT NULL,
  account TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  holder TEXT NOT NULL,
  sealed BLOB NOT NULL,
  revision INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS manager_token (
  digest BLOB PRIMARY KEY,
  name TEXT NOT NULL,
  upstreams TEXT NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS manager_token_use (
  digest BLOB PRIMARY KEY,
  used_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (
  upstream TEXT NOT NULL,
  topic TEXT NOT NULL,
  told TEXT NOT NULL,
  PRIMARY KEY (upstream, topic)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit_anonymous (
  number INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  payload BLOB NOT NULL,
  hash BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS audit_anonymous_anchor (
  one INTEGER PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS audit_anonymous_newest (
  one INTEGER PRIMARY KEY, number INTEGER NOT NULL
);
CREATE TRIGGER IF NOT EXISTS audit_anonymous_written AFTER INSERT ON audit_anonymous BEGIN
  INSERT OR REPLACE INTO audit_anonymous_newest VALUES (1, NEW.number);
END;
"""

ADD = "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?, ?)"
CHANGE = "UPDATE session SET client=? WHERE digest=?"
TOUCH = "UPDATE session SET active_at=?, call_count=? WHERE digest=?"
END = "DELETE FROM session WHERE digest=?"
PUT = "INSERT OR REPLACE INTO ticket VALUES (?, ?, ?, ?)"
TAKE = "DELETE FROM ticket WHERE digest=?"
ADVANCE = (
    "INSERT INTO generation SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM session WHERE digest = ?1)"
    " ON CONFLICT (digest) DO UPDATE SET newest = max(newest, excluded.newest)"
)
RESERVE = "INSERT INTO lease VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
# One that the disk refused is tried again, perhaps after a later one: it must not undo that.
REPLACE = (
    "UPDATE lease SET opened_at = ?4, holder = ?5, sealed = ?6, revision = ?7"
    " WHERE id = ?1 AND upstream = ?2 AND account = ?3 AND revision < ?7"
)
NOTE = "INSERT OR REPLACE INTO note VALUES (?, ?, ?)"
RELEASE = "DELETE FROM lease WHERE id = ?"
SET = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
MARK = (
    "INSERT INTO meta VALUES ('clock', ?)"
    " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
)


Text = str | bytes
Value = str | bytes | int


def open_file(path: Path) -> sqlite3.Connection:
    """Open the file, made with our tables where it is new. Raises StoreUnavailable or sqlite3's."""
    try:
        make_directory(path.parent)
        # Made here, not by SQLite, whose files are readable for all; -wal and -shm take after it.
        os.close(open_own(path, os.O_RDWR | os.O_CREAT))
    except OSError as broken:
        why = because(broken, "give this user the right to write it")
        raise StoreUnavailable(
            f"the session file {path} cannot be opened: {why}, or name another file in store.url"
        ) from broken
    connection = connect(path)
    try:
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path) -> sqlite3.Connection:
    """A connection that begins and commits only when told to."""
    # A reader from outside (a backup) never blocks us in WAL; a writer may, for at most a second.
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreUnavailable(
            f"the session file {path} was written by a newer sessiongate (schema {version}; this "
            f"one knows {VERSION}): run that release or a later one, or name another file in "
            "store.url"
        )
    if version == 0:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            raise StoreUnavailable(
                f"{path} is a database of something else: name another file in store.url"
            )
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={VERSION}; COMMIT;")
    connection.executescript(f"BEGIN; {_LATER_TABLES} COMMIT;")


def session_row(session: Session) -> tuple[Value, ...]:
    """A session as ADD takes it."""
    return (
        session.digest,
        text(session.key),
        micros(session.login_at),
        micros(session.active_at),
        session.call_count,
        _client(facts_of(session)),
    )


def change_row(session: Session) -> tuple[Value, ...]:
    """A session's facts as CHANGE takes them."""
    return (_client(facts_of(session)), session.digest)


# The same clients log in again and again: 4 µs each time, and a few MB at the very most.
@lru_cache(maxsize=1024)
def _client(facts: Facts) -> str:
    return json.dumps(facts)


def touch_row(record: SessionRecord) -> tuple[Value, ...]:
    """A session's touches as TOUCH takes them."""
    return (micros(record.active_at), record.call_count, record.digest)


def ticket_row(digest: bytes, ticket: Ticket) -> tuple[Value, ...]:
    """A ticket as PUT takes it."""
    return (digest, text(ticket.kind), text(ticket.subject), micros(ticket.expires_at))


def load_sessions(connection: sqlite3.Connection, table: SessionTable) -> None:
    """Fill an empty table. Nothing is judged: each session's limits find it by their time."""
    forms: dict[str, Session] = {}
    rows = connection.execute("SELECT * FROM session")
    for digest, key, login, active, calls, client in rows:
        form = forms.get(client)
        if form is None:
            if len(forms) >= CLIENTS_SHARED:
                forms.clear()
            form = forms[client] = table.share(_facts(client))
        login_at = moment(login)
        active_at = login_at if active == login else moment(active)
        if not isinstance(key, str):
            key = _plain(key)
        table.keep(SessionRecord(digest, key, form, login_at, active_at, calls))


def generation_row(digest: bytes, newest: int) -> tuple[Value, ...]:
    """The newest generation of a session as ADVANCE takes it."""
    return (digest, newest)


def load_generations(connection: sqlite3.Connection) -> Iterator[tuple[bytes, int]]:
    """The newest generation of each session that was ever refreshed."""
    yield from connection.execute("SELECT digest, newest FROM generation")


def lease_row(lease: StoredLease, revision: int) -> tuple[Value, ...]:
    """A lease as RESERVE and REPLACE take it."""
    return (
        text(lease.id),
        text(lease.upstream),
        text(lease.account),
        micros(lease.opened_at),
        text(lease.holder),
        lease.sealed,
        revision,
    )


def load_leases(connection: sqlite3.Connection) -> Iterator[tuple[StoredLease, int]]:
    """All leases, and the revision of each row."""
    rows = connection.execute("SELECT * FROM lease")
    for lease, upstream, account, opened, holder, sealed, revision in rows:
        if not isinstance(sealed, bytes):
            raise TypeError("what is sealed is bytes")
        named = _plain(lease), _plain(upstream), _plain(account)
        yield StoredLease(*named, moment(opened), _plain(holder), sealed), int(revision)


def load_notes(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    """All notes: of which upstream, the topic, and the text."""
    for upstream, topic, told in connection.execute("SELECT * FROM note"):
        yield _plain(upstream), _plain(topic), _plain(told)


def load_tickets(connection: sqlite3.Connection) -> Iterator[tuple[bytes, Ticket]]:
    """All tickets, expired or not."""
    for digest, kind, subject, expires in connection.execute("SELECT * FROM ticket"):
        yield digest, Ticket(_plain(kind), _plain(subject), moment(expires))


def load_meta(connection: sqlite3.Connection) -> tuple[str, datetime]:
    """The message, and the latest time ever committed (1970 where nothing was)."""
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    return _plain(meta.get("message", "")), moment(meta.get("clock", 0))


def message_row(told: str) -> tuple[Value, ...]:
    """The message as SET takes it."""
    return ("message", text(told))


def moment_in(value: object) -> datetime | None:
    """A time where somebody may have written anything. None for none, for 0 and for no time."""
    try:
        return moment(read_number(value, 0)) if read_number(value, 0) else None
    except OverflowError:  # of a year that there is not
        return None


def _facts(client: str) -> Facts:
    principal, user, login, full, roles, provider, *rest = json.loads(client)
    dialect, locale, message_locale, extension, address, agent = rest
    return (
        str(principal),
        str(user),
        str(login),
        str(full),
        tuple(map(str, roles)),
        str(provider),
        str(dialect),
        str(locale),
        str(message_locale),
        bool(extension),
        str(address),
        str(agent),
    )


def text(told: str) -> Text:
    """A string as a column takes it: as it is, or as bytes where it is no Unicode."""
    if told.isascii():
        return told
    try:
        told.encode()
    except UnicodeEncodeError:
        return told.encode("utf-8", "surrogatepass")
    return told


def _plain(written: Text) -> str:
    return written if isinstance(written, str) else written.decode("utf-8", "surrogatepass")
