"""The lock by which one process owns a store's file. The kernel drops it when the process ends."""

import fcntl
import os
from pathlib import Path

from sessiongate.errors import StoreUnavailable
from sessiongate.files import is_there, open_own
from sessiongate.remedies import because


def is_owned(file: Path) -> bool:
    """Whether a process owns this file, or we cannot tell; nothing is made to find out."""
    path = file.with_name(file.name + ".lock")
    if not is_there(path):
        return False
    try:
        lock = open_own(path, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


class FileLock:
    """A lock on `<file>.lock`, held until `release` or the end of the process, kill -9 included."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._held: int | None = None

    def take(self) -> None:
        """Take the lock, or raise StoreUnavailable saying who has it."""
        path = self._file.with_name(self._file.name + ".lock")
        try:
            lock = open_own(path, os.O_RDWR | os.O_CREAT)
        except OSError as broken:
            why = because(broken, f"give this user the right to write in {path.parent}")
            raise StoreUnavailable(
                f"the lock {path} cannot be opened: {why}, or name another file in store.url"
            ) from broken
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as broken:
            owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            os.close(lock)
            who = f"process {owner}" if owner.isdigit() else "another process"
            raise StoreUnavailable(
                f"one process owns a session file, and {self._file} belongs to {who}: stop that "
                "one, or name another data directory with --data-dir or server.data_dir (for "
                "`make run`: DATA_DIR=), or another file in store.url, or use a shared store "
                "(redis) for several processes"
            ) from broken
        except OSError as broken:
            os.close(lock)
            raise StoreUnavailable(
                f"the lock {path} cannot be locked: {broken.strerror}; have the session file on a"
                " disk of this machine, or name another in store.url"
            ) from broken
        # The file stays when we let go: deleting it would let two processes lock two files.
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except OSError as broken:
            os.close(lock)
            why = because(broken, f"give this user the right to write in {path.parent}")
            raise StoreUnavailable(f"the lock {path} cannot be written: {why}") from broken
        self._held = lock

    def release(self) -> None:
        """Let go. Idempotent."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
