"""How the command line's changes come into the audit: a file that the server takes in.

Commands change the users file themselves, with or without a server running. Each leaves its event
here, flushed to the disk, and the server takes events in at its start and whenever it is told.
"""

import fcntl
import getpass
import os
from datetime import UTC, datetime
from pathlib import Path

import structlog
from msgspec import DecodeError

from sessiongate.audit import event as audit
from sessiongate.audit.event import Event
from sessiongate.errors import ConfigError
from sessiongate.files import make_directory, open_own

_NAME = "audit-inbox.jsonl"

_log = structlog.get_logger("sessiongate.audit")


def leave(data_dir: Path, what: str, subject: str, detail: str = "") -> None:
    """Leave the event of a change made by the command line. Raises ConfigError if it cannot be."""
    event = Event(
        at=datetime.now(UTC),
        event=what,
        result="ok",
        user=f"os:{_who()}",
        subject=subject,
        how="command line",
        detail=detail,
    )
    path = data_dir / _NAME
    try:
        _append(path, audit.write(event) + b"\n")
    except OSError as problem:
        raise ConfigError(
            [
                f"{path}: cannot be written: {problem.strerror}; the change was made, and the audit"
                " will not have it. Move the file away, and let the server's account write"
                " server.data_dir"
            ]
        ) from None


def _append(path: Path, line: bytes) -> None:
    make_directory(path.parent)
    descriptor = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def waiting(data_dir: Path) -> list[Event | None]:
    """What was left, oldest first, a line each. It stays until `taken`.

    None stands for a line that is no event: half of one, from a command that was killed. A file
    that we may not read or change waits, too: it must not keep a server from its other work.
    """
    return [_event(line) for line in _read(data_dir).splitlines()]


def taken(data_dir: Path, count: int) -> None:
    """Remove the first lines: they are in the audit now. What came since then stays."""
    try:
        descriptor = open_own(data_dir / _NAME, os.O_RDWR)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        rest = file.read().splitlines(keepends=True)[count:]
        file.seek(0)
        file.truncate()
        file.writelines(rest)


def _event(line: bytes) -> Event | None:
    try:
        return audit.read(line)
    except DecodeError:
        return None


def _read(data_dir: Path) -> bytes:
    try:
        # To be changed, too: what could be read but not removed would be taken in for ever.
        with os.fdopen(open_own(data_dir / _NAME, os.O_RDWR), "r+b") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        _log.error("changes by commands cannot be taken into the audit", why=error.strerror)
        return b""


def _who() -> str:
    try:
        # From the environment, where it may be bytes that are no text.
        return getpass.getuser().encode("utf-8", "replace").decode()
    except (KeyError, OSError):
        return str(os.getuid())
