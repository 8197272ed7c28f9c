"""Where the control socket of a data directory is, and whether it may be trusted."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Collection
from pathlib import Path

from sessiongate.errors import ConfigError
from sessiongate.files import keep_root_from
from sessiongate.holders import names_of

# A Unix socket's name holds 107 bytes on Linux, 103 on macOS.
_LONGEST_SOCKET = 100


def socket_path(data_dir: Path) -> Path:
    """Where the control socket of this data directory is.

    In the directory itself, or, where that would make the name too long for a socket, in the
    system's directory of temporary files under a name that follows from the data directory's.
    """
    path = data_dir.resolve() / "control.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sessiongate-{digest}.sock"


def control_address(data_dir: Path, worker: int = 0) -> str:
    """Where a server listens for commands, "unix:/path". Commands speak to the first worker alone.

    Raises ConfigError where that is among the temporary files and another account has put
    something there, or could.
    """
    path = socket_path(data_dir)
    if worker:
        path = path.with_name(f"{path.name}.{worker}")
    if path.parent != data_dir.resolve() and (why := _objection_of_ours(path)):
        raise ConfigError(
            [
                f"server.data_dir: its name is too long for a socket in it, and {path} will not do:"
                f" {why}. Have it removed, set TMPDIR for server and commands, or choose a shorter"
                " name"
            ]
        )
    return f"unix:{path}"


def _objection_of_ours(path: Path) -> str:
    """Why a server of this account may not listen there, "" where it may."""
    if why := objection_to(path, {os.geteuid()}):
        return why
    try:
        keep_root_from(path)  # also the directories above
    except OSError as refused:
        return f"of {path.parent}, {refused.strerror}"
    return ""


def objection_to(path: Path, users: Collection[int]) -> str:
    """Why a control socket may not be used by whoever trusts these accounts and root.

    "" where it may, and where none is there. Raises OSError where that cannot be seen.
    """
    folder = path.parent.stat()
    if folder.st_uid not in {*users, 0}:
        return f"{path.parent} belongs to {names_of({folder.st_uid})}"
    # In a sticky directory nobody else replaces what is there.
    if folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not folder.st_mode & stat.S_ISVTX:
        return f"others may put something else in its place, since they may write {path.parent}"
    try:
        found = path.lstat()
    except FileNotFoundError:
        return ""
    if not stat.S_ISSOCK(found.st_mode):
        return "it is no socket"
    if found.st_uid not in {*users, 0}:
        return f"it belongs to {names_of({found.st_uid})}"
    return ""
