"""How the command line's changes come into the audit: a file that the server takes in.

Commands change the users file themselves, with or without a server running. Each leaves its event
here, flushed to the disk, and the server takes events in at its start and whenever it is told, a
portion at a time. Lines that were taken are empty ones until nothing else is left: so the file is
never copied, however long it has grown.
"""

import fcntl
import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

import msgspec
import structlog
from msgspec import DecodeError

from sessiongate.audit import event as audit
from sessiongate.audit.event import Event
from sessiongate.errors import ConfigError
from sessiongate.files import make_directory, open_own
from sessiongate.remedies import because

_NAME = "audit-inbox.jsonl"

# Bytes of a portion: some 300 events, which a disk has in the time of a round.
_AT_ONCE = 64 * 1024

_log = structlog.get_logger("sessiongate.audit")


def leave_event(data_dir: Path, what: str, subject: str, detail: str = "") -> None:
    """Leave the event of a change made by the command line. Raises ConfigError if it cannot be."""
    event = Event(
        at=datetime.now(UTC),
        event=what,
        result="ok",
        user=f"os:{_os_user()}",
        subject=subject,
        how="command line",
        detail=detail,
    )
    path = data_dir / _NAME
    try:
        _append(path, audit.write(event) + b"\n")
    except OSError as problem:
        why = because(problem, "let the server's account write server.data_dir")
        raise ConfigError(
            [
                f"{path}: cannot be written: {why} (the change was made, and the audit will not"
                " have it)"
            ]
        ) from None


def _append(path: Path, line: bytes) -> None:
    make_directory(path.parent)
    descriptor = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, line)
        except OSError:
            os.ftruncate(descriptor, before)  # half a line would spoil the next one, too
            raise
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    """A disk that is nearly full takes a part, and refuses the rest."""
    while data:
        data = data[os.write(descriptor, data) :]


class Portion(msgspec.Struct, frozen=True):
    """The oldest lines of the file that were not taken yet."""

    events: tuple[Event | None, ...] = ()
    """An event a line. None stands for a line that is none: half of one, from a command that was
    killed, or a piece of what is too long for one."""
    begin: int = 0
    """Where it begins in the file, in bytes."""
    end: int = 0
    """Where it ends; 0 where nothing was left."""
    inode: int = 0
    """Of the file: somebody may have moved it away since, and what has its name is another."""


def read_portion(data_dir: Path) -> Portion:
    """What was left, oldest first, as much as is taken at once. It stays until `remove_portion`.

    A file that we may not read or change waits, too: it must not keep a server from its other work.
    Blocks while a command is just leaving something.
    """
    try:
        # To be changed, too: what could be read but not removed would be taken in for ever.
        with _locked_file(data_dir) as file:
            return _portion(file)
    except FileNotFoundError:
        return Portion()
    except OSError as error:
        _log.error("changes by commands cannot be taken into the audit", why=error.strerror)
        return Portion()


def remove_portion(data_dir: Path, portion: Portion) -> None:
    """Remove these lines: they are in the audit now. What came since then stays."""
    try:
        with _locked_file(data_dir) as file:
            there = os.fstat(file.fileno())
            if there.st_ino != portion.inode:
                return
            if there.st_size < portion.end:
                return  # it was cut, and what is there now has come since
            if there.st_size == portion.end:
                file.truncate(0)
                return
            file.seek(portion.begin)
            file.write(b"\n" * (portion.end - portion.begin))
    except FileNotFoundError:
        return


@contextmanager
def _locked_file(data_dir: Path) -> Iterator[FileIO]:
    """The file, with no command writing to it. Raises OSError."""
    with FileIO(open_own(data_dir / _NAME, os.O_RDWR), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _portion(file: FileIO) -> Portion:
    begin, text = 0, b""
    while not text and (piece := file.read(_AT_ONCE)):
        text = piece.lstrip(b"\n")
        begin += len(piece) - len(text)
    if not begin and not text:
        return Portion()
    text += file.read(_AT_ONCE - len(text))
    if len(text) == _AT_ONCE and b"\n" in text:
        text = text[: text.rindex(b"\n") + 1]  # the rest of the last line is in the next portion
    events = tuple(_event(line) for line in text.split(b"\n") if line)
    return Portion(events, begin, begin + len(text), os.fstat(file.fileno()).st_ino)


def _event(line: bytes) -> Event | None:
    try:
        return audit.read(line)
    except DecodeError:
        return None


def _os_user() -> str:
    try:
        # From the environment, where it may be bytes that are no text.
        return getpass.getuser().encode("utf-8", "replace").decode()
    except (KeyError, OSError):
        return str(os.getuid())
