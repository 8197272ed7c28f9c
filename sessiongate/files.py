"""Files of our own in the data directory: opened by their name, never through a link.

Who may write the directory may put a link, a pipe or a device in a file's place. Each of these is
refused by name, with `OSError`: what a link leads to is neither read nor changed, and a pipe keeps
nobody waiting. A file that the settings name elsewhere may be a link; this module
opens none of those.
"""

import errno
import os
import stat
from pathlib import Path


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file and return its descriptor, made with `mode` where flags say so.

    Raises OSError for whatever `open` refuses, and for anything but a plain file.
    """
    try:
        # Opening a pipe waits for its other end, but for O_NONBLOCK; to files it says nothing.
        number = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    except OSError as problem:
        if problem.errno in (errno.ELOOP, errno.ENXIO):
            raise _no_file(path) from None
        raise
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise _no_file(path)
    return number


def read_own(path: Path) -> bytes:
    """What a file holds. Raises OSError as `open_own` does."""
    with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
        return file.read()


def is_there(path: Path) -> bool:
    """Whether anything has this name, a link that leads nowhere or out of our reach too."""
    try:
        path.lstat()
    except OSError:
        return False
    return True


def own_directory(path: Path) -> None:
    """Make a directory for this account alone, and those above it, or find it there.

    One that others may look into is shut to them. Raises OSError, for a link too.
    """
    # One by one: `mode` is for the last of them only, and users and sessions live above.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.is_symlink():
        path.mkdir(mode=0o700, exist_ok=True)
    try:
        number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno in (errno.ELOOP, errno.ENOTDIR):
            raise OSError(errno.ENOTDIR, "is a link, or no directory", str(path)) from None
        raise
    try:
        if os.fstat(number).st_mode & 0o077:
            os.fchmod(number, 0o700)
    finally:
        os.close(number)


def sync_directory(path: Path) -> None:
    """Have the names in a directory outlive a power cut: made, replaced or removed before this.

    Without it the old name may come back after a command said that it was done.
    """
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, "is a link, or no plain file", str(path))
