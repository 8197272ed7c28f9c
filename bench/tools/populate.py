"""Sessions and users for the servers to start with, written in the forms that they keep."""

import os
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user
from sessiongate.rules.access import ADMINISTRATOR
from sessiongate.secret import Secret
from sessiongate.session import Session
from sessiongate.store.embedded import schema

PASSWORD = "correct horse battery staple"

# Sessions of a busy site come from some hundreds of accounts and agents, not from one.
CLIENTS = 500

# More tokens than this are not needed to leave every cache of the processor behind, and wrk would
# spend its time reading them.
MOST_TOKENS = 100_000


KEPT = "BENCH_KEPT"
"""The variable of the environment that names a folder for files which are used again."""
_FILE = "sessiongate.db"
_MODEL = datetime(2026, 1, 1, tzinfo=UTC)


def token(number: int) -> str:
    """The token of the session of this number, as long as a real one."""
    return f"{number:040x}"


def sessions(count: int, now: datetime, within: timedelta = timedelta(0)) -> Iterator[Session]:
    """So many sessions that were used just now, and opened one after the other within this time."""
    for number in range(count):
        client = number % CLIENTS
        yield Session(
            digest=Secret(token(number)).digest(),
            key=f"52{number:06x}-0000-4000-8000-{number:012x}",
            principal=f"user{client}@vsphere.local",
            user_name=f"VSPHERE.LOCAL\\user{client}",
            login_name=f"user{client}@vsphere.local",
            full_name=f"User {client}",
            roles=(ADMINISTRATOR,),
            # Not a users file: whoever is not in that has no session after a start.
            provider="directory",
            dialect="rest",
            locale="en",
            message_locale="en",
            extension=False,
            ip_address=f"10.0.{client // 250}.{client % 250}",
            user_agent="govc/0.52.0",
            login_at=now - within * (count - number) / count,
            active_at=now,
        )


def write_sessions(
    data_dir: Path,
    count: int,
    opened: datetime | None = None,
    within: timedelta = timedelta(0),
) -> Path:
    """A session file with so many sessions, and a file of tokens spread over all of them.

    Where the environment names a folder for it, a great one is written once and copied from then
    on, with its times moved: a run has several servers with a million.
    """
    opened = opened or datetime.now(UTC)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = os.environ.get(KEPT)
    if kept is None or count < MOST_TOKENS:
        _write_file(data_dir, count, opened, within)
    else:
        model = Path(kept) / f"{count}-{within.total_seconds():.0f}"
        if not model.exists():
            _write_file(model, count, _MODEL, within)
        shutil.copy(model / _FILE, data_dir)
        _move(data_dir, opened - _MODEL)
    return write_tokens(data_dir, [token(n) for n in range(0, count, -(-count // MOST_TOKENS))])


def _write_file(folder: Path, count: int, opened: datetime, within: timedelta) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _writing(folder) as connection:
        rows = (schema.session_row(session) for session in sessions(count, opened, within))
        connection.executemany(schema.ADD, rows)


def _move(folder: Path, later: timedelta) -> None:
    with _writing(folder) as connection:
        span = (later // timedelta(microseconds=1),)
        connection.execute(
            "UPDATE session SET login_at = login_at + ?1, active_at = active_at + ?1", span
        )


@contextmanager
def _writing(folder: Path) -> Iterator[sqlite3.Connection]:
    """One transaction, of which nobody waits until it is on the disk."""
    with closing(schema.open_file(folder / _FILE)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")


def write_tokens(folder: Path, tokens: Sequence[str]) -> Path:
    """A file of tokens, one a line, for wrk's scripts."""
    path = folder / "tokens.txt"
    path.write_text("\n".join(tokens), encoding="ascii")
    return path


def write_users(data_dir: Path, count: int) -> Path:
    """A users file, and a file of Authorization values, one for each user."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    hasher = PasswordHasher(1)
    values = []
    for number in range(count):
        add_user(
            data_dir / "users.toml",
            f"bench{number}",
            Secret(PASSWORD),
            ADMINISTRATOR,
            hasher=hasher,
            roles=(ADMINISTRATOR,),
        )
        values.append(basic(f"bench{number}"))
    hasher.close()
    path = data_dir / "logins.txt"
    path.write_text("\n".join(values), encoding="ascii")
    return path


def basic(name: str) -> str:
    """The Authorization value of a user."""
    return "Basic " + b64encode(f"{name}:{PASSWORD}".encode()).decode("ascii")
