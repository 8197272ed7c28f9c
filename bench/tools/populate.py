"""Sessions and users for the servers to start with, written in the forms that they keep."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
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
    """A session file with so many sessions, and a file of tokens spread over all of them."""
    opened = opened or datetime.now(UTC)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = schema.open_file(data_dir / "sessiongate.db")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    rows = (schema.session_row(session) for session in sessions(count, opened, within))
    connection.executemany(schema.ADD, rows)
    connection.execute("COMMIT")
    connection.close()
    return write_tokens(data_dir, [token(n) for n in range(0, count, -(-count // MOST_TOKENS))])


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
