"""What a `sessiongate dev` says of itself to programs: the file of `--ready-file`, and its reader.

The names in it are fixed. It holds passwords, so it is its owner's alone (mode 0600), and it is
there whole or not at all: whoever finds it finds a server that listens.
"""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from sessiongate.files import open_own, read_named, remove_own


class DevUser(msgspec.Struct, frozen=True):
    """A user who can log in there."""

    password: str
    role: str


class DevServer(msgspec.Struct, frozen=True):
    """A server to throw away, and all that its users need."""

    url: str
    """Where clients are served."""
    operations: str
    """Where `/metrics`, `/healthz`, `/readyz` and `/dev` are; "" where there is none to name."""
    ca: str | None
    """The certificate that clients trust; None for plain HTTP."""
    fingerprint: str
    """SHA-256 of the server's certificate, as `AA:BB:…`; "" for plain HTTP."""
    users: Mapping[str, DevUser]
    token: str
    """What `/dev` asks for."""
    pid: int
    seed: int
    """What chance in faults comes from."""

    def as_json(self) -> bytes:
        """One line, without its end."""
        return msgspec.json.encode(self)


def write_ready_file(path: Path, server: DevServer) -> None:
    """Put it there. Raises OSError."""
    fresh = path.with_name(f".{path.name}.{server.pid}")
    remove_own(fresh)
    try:
        with os.fdopen(open_own(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(server.as_json() + b"\n")
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            remove_own(fresh)
        raise


def read_ready_file(path: Path) -> DevServer:
    """What it says. Raises OSError where it is not there, ValueError where it is another file."""
    text = read_named(path)
    try:
        return msgspec.json.decode(text, type=DevServer)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def clear_ready_file(path: Path) -> None:
    """Take away what a server that was killed has left, so that nobody finds it.

    Raises OSError, also where there is another file: that is somebody's.
    """
    try:
        if read_named(path):
            read_ready_file(path)
    except FileNotFoundError:
        return
    except ValueError:
        why = "there is a file that no such server has written: name another, or remove it"
        raise FileExistsError(errno.EEXIST, why, str(path)) from None
    remove_own(path)


def remove_ready_file(path: Path, pid: int) -> None:
    """Take it away if it is of the server in this process, and not of one that came after it."""
    try:
        if read_ready_file(path).pid == pid:
            remove_own(path)
    except (OSError, ValueError):
        return
