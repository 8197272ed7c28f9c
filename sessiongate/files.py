"""How files are opened: regular files only, and our own never through a link.

A file of our own, in the data directory, is opened by its name: who may write the directory may put
a link, a pipe or a device in its place, and what a link leads to is neither read nor changed. A
file that the settings or a command line name may be reached by a link, but root writes none behind
a link that another account could have put there. In both cases anything but
a regular file is refused with OSError, and a size is a bound: nothing that is named can keep a
start, a reload or a stop waiting.

Root opens and makes what is our own only where nobody else could put something in its place. The
command has become the owner of the data directory before (`app.owner`), so this refuses what has
appeared since, and what settings name elsewhere.
"""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sessiongate.errors import ConfigError
from sessiongate.holders import Way, names_of, way_to
from sessiongate.remedies import because

LARGEST = 16 << 20
"""Bytes. Some hundred times the certificates that a system trusts, and far below what hurts."""

_CAREFULLY = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a directory",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_named(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a file that somebody has named, links followed, and return its descriptor.

    One that `flags` make is for this account alone. Raises OSError for whatever `open` refuses, for
    anything but a regular file, and where root would write what another account may have led to.
    """
    # Looked at first: to open a pipe wakes whoever waits at its other end, and to open a device
    # may do anything. What takes the file's place after that is judged below.
    with contextlib.suppress(FileNotFoundError):
        _refuse_unless_regular(path, path.stat().st_mode)
    reads = flags & os.O_ACCMODE == os.O_RDONLY
    if reads or os.geteuid() != 0 or _is_roots_alone(path):
        number = os.open(path, flags | _CAREFULLY, 0o600)
    else:
        number = _open_past_links(path, flags)
    try:
        _refuse_unless_regular(path, os.fstat(number).st_mode)
    except OSError:
        os.close(number)
        raise
    return number


def _is_roots_alone(path: Path) -> bool:
    """Whether this is there, and nobody but root could put something else in its place."""
    way = way_to(path)
    return way.there and not way.objection and way.holders <= {0}


def _open_past_links(path: Path, flags: int) -> int:
    """Open a file of this name where others could put a link on the way, and follow none.

    Raises OSError where there is one, and for a file with a second name: it may be anybody's.
    """
    whole = path.absolute()
    # What is root's alone may have links on the way; from there on each step is looked at.
    start = next((one for one in whole.parents if _is_roots_alone(one)), Path("/"))
    step = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    here, below = start, os.open(start, step)
    try:
        for name in whole.relative_to(start).parts[:-1]:
            here /= name
            above, below = below, _open_at(here, step, below, whole)
            os.close(above)
        number = _open_at(whole, flags | _CAREFULLY, below, whole)
    finally:
        os.close(below)
    if os.fstat(number).st_nlink > 1:
        os.close(number)
        raise _in_other_hands(whole, "has a second name", whole)
    return number


def _open_at(path: Path, flags: int, directory: int, named: Path) -> int:
    """Open the last name of a path in a directory that is open, unless it is a link.

    `named` is the file that it is on the way to.
    """
    try:
        return os.open(path.name, flags | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    except OSError as problem:
        if problem.errno == errno.ELOOP or path.is_symlink():
            raise _in_other_hands(path, "is a link", named) from None
        raise


def _in_other_hands(path: Path, what: str, named: Path) -> OSError:
    # Whoever tells this says first which file it is about.
    which = "it" if path == named else path
    why = (
        f"{which} {what}, which another account may have made, and root writes nothing there; name"
        " the file itself, in a directory that only root may write"
    )
    return OSError(errno.EPERM, why, str(path))


def set_socket_mode(path: Path, mode: int) -> None:
    """Give a Unix socket this mode, unless it has it. Raises OSError for anything but a socket.

    A link that has taken its place is not followed, where the system can say so.
    """
    if not hasattr(os, "O_PATH"):
        path.chmod(mode)
        return
    number = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(number).st_mode
        if not stat.S_ISSOCK(found):
            raise OSError(errno.EINVAL, "another has put something in its place", str(path))
        if stat.S_IMODE(found) != mode:
            os.chmod(f"/proc/self/fd/{number}", mode)  # noqa: PTH101 - a name of a descriptor
    finally:
        os.close(number)


def read_named(path: Path, most: int = LARGEST) -> bytes:
    """What a file that somebody has named holds. Raises OSError as `open_named` does.

    That is also for a file of more than `most` bytes.
    """
    return _read(path, open_named(path), most)


@contextlib.contextmanager
def name_for_loading(path: Path) -> Iterator[str]:
    """A name under which a library that opens files itself finds the very one that was judged.

    Raises OSError as `read_named` does.
    """
    number = open_named(path)
    try:
        if os.fstat(number).st_size > LARGEST:
            raise _too_large(path, LARGEST)
        judged = f"/dev/fd/{number}"
        yield judged if os.path.exists(judged) else str(path)  # noqa: PTH110 - of no real file
    finally:
        os.close(number)


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file of our own and return its descriptor, made with `mode` where flags say so.

    Raises OSError for whatever `open` refuses, for anything but a plain file, and as
    `keep_root_out` does of its directory.
    """
    keep_root_out(path.parent)
    try:
        # Opening a pipe waits for its other end, but for O_NONBLOCK; to files it says nothing.
        number = os.open(path, flags | os.O_NOFOLLOW | _CAREFULLY, mode)
    except OSError as problem:
        if problem.errno in (errno.ELOOP, errno.ENXIO):
            raise _no_file(path) from None
        raise
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise _no_file(path)
    return number


def read_own(path: Path) -> bytes:
    """What a file of our own holds. Raises OSError as `open_own` does, and for a huge one."""
    return _read(path, open_own(path, os.O_RDONLY), LARGEST)


def is_there(path: Path) -> bool:
    """Whether anything has this name, a link that leads nowhere or out of our reach too."""
    try:
        path.lstat()
    except OSError:
        return False
    return True


def keep_root_out(directory: Path) -> None:
    """Refuse a directory that another account could change, where we are root.

    Raises OSError for such a one, FileNotFoundError where there is none. Anything else stays as it
    was seen: nobody but root could change it.
    """
    if os.geteuid() == 0 and not _is_there_for_root(directory):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(directory))


def _is_there_for_root(directory: Path) -> bool:
    """Whether there is anything. Raises OSError where the way to it is in other hands."""
    way = way_to(directory)
    _refuse_in_other_hands(directory, way)
    return way.there


def _refuse_in_other_hands(directory: Path, way: Way) -> None:
    others = way.holders - {0}
    if way.objection or others:
        why = way.objection or (
            f"it is in the hands of {names_of(others)}{way.hint}, and root works only where nobody"
            " else could put something in its way; run the command as that account, or give the"
            " directory to root"
        )
        raise OSError(errno.EPERM, why, str(directory))


def keep_root_from(path: Path) -> None:
    """Refuse a name to make or remove that another account could lead elsewhere, where we are root.

    Raises OSError for such a one, FileNotFoundError where its directory is not there. A name in a
    directory of everybody's with the sticky bit is good: what we put there nobody else replaces.
    """
    if os.geteuid() == 0:
        way = way_to(path, but_its_end=True)
        _refuse_in_other_hands(path.parent, way)
        if not way.there:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))


def remove_own(path: Path) -> None:
    """Take a name of our own away, if it is there. Raises OSError, as `keep_root_from` does too."""
    with contextlib.suppress(FileNotFoundError):
        keep_root_from(path)
        path.unlink()


def make_directory(path: Path) -> None:
    """Make a directory for this account alone, and those above it, or find it there.

    Raises OSError, as `keep_root_out` does too, and for one that another account has made in the
    moment between: it was judged to be absent.
    """
    # One by one: each is judged before anything is made in it, and each is for us alone.
    for one in reversed((path, *path.parents)):
        if one.is_dir():
            continue
        if os.geteuid() == 0:
            _is_there_for_root(one)
        try:
            one.mkdir(mode=0o700)
        except FileExistsError:
            # Another process of ours was as quick, or it is not for us.
            found = one.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                raise
    keep_root_out(path)


def read_or_make(path: Path, make: Callable[[], bytes], mode: int) -> bytes:
    """What this file holds, made where there is none. Of several processes at once one makes it.

    It gets its name when it is whole: a crash in the middle must not leave an empty file, with
    which no server would start any more.
    """
    try:
        return _read_or_make(path, make, mode)
    except OSError as problem:
        why = because(problem, "let the server's account read it, and write server.data_dir")
        raise ConfigError([f"{path}: cannot be used: {why}"]) from None


def _read_or_make(path: Path, make: Callable[[], bytes], mode: int) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        if found := read_own(path):
            return found
        path.unlink()
    make_directory(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(make())
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
    sync_directory(path.parent)
    return read_own(path)


def own_directory(path: Path) -> None:
    """Make a directory for this account alone, and those above it, or find it there.

    One that others may look into is shut to them. Raises OSError, for a link too.
    """
    if not path.is_symlink():
        make_directory(path)
    keep_root_out(path.parent)
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


def _read(path: Path, number: int, most: int) -> bytes:
    with os.fdopen(number, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _too_large(path, most)
    return data


def _refuse_unless_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, and must be a regular file", str(path))


def _too_large(path: Path, most: int) -> OSError:
    return OSError(errno.EFBIG, f"it holds more than {most >> 10} KiB", str(path))


def _no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, "is a link, or no plain file", str(path))


def null_device() -> int:
    """A descriptor that reads and takes nothing, for children too."""
    opened = os.open(os.devnull, os.O_RDWR)
    os.set_inheritable(opened, True)
    return opened
