"""Listening sockets: bound, with the right mode, and without a stale file in the way.

What they accept is of their own kind.
"""

import contextlib
import errno
import ipaddress
import os
import socket
import stat
from pathlib import Path

from sessiongate.errors import ConfigError
from sessiongate.files import keep_root_from, remove_own, set_socket_mode
from sessiongate.remedies import remedy

# Connections that the kernel holds for us before we accept: a whole site logging in after a
# restart. Linux cuts it to net.core.somaxconn (4096 by default since 5.4).
BACKLOG = 4096


# Where TCP_INFO of a listening socket has how many wait, in Linux: its field "tcpi_unacked".
_WAITING = slice(24, 28)

# How long a Unix socket may take to let us in: the kernel does so, unless its queue is full.
_PROBE = 1.0


OR_ELSEWHERE = ", or listen elsewhere"
"""The end of what is said of an address that cannot be had."""


def bind_socket(address: str, socket_mode: int = 0o600) -> socket.socket:
    """A bound and listening socket of this address. Raises ConfigError."""
    path = path_of(address)
    try:
        if path is None:
            return _tcp_socket(address)
        opened = _unix_socket(path, socket_mode)
        opened.listen(BACKLOG)
    except OSError as error:
        # Not its own words, which repeat the address.
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        changed = remedy(error, "") or "have that changed"
        way_out = "free it" if error.errno == errno.EADDRINUSE else changed
        rule = f"{address} cannot be had: {why}; {way_out}{OR_ELSEWHERE}"
        raise ConfigError([f"listen: {rule}"]) from None
    return opened


class _Inet(socket.socket):
    """An accepted socket. Python looks its kind up in an enumeration whenever it is asked.

    So that takes six microseconds of a connection; its event loop asks five times.
    """

    __slots__ = ()
    family = socket.AF_INET
    type = socket.SOCK_STREAM


class _Inet6(_Inet):
    __slots__ = ()
    family = socket.AF_INET6


class _Unix(_Inet):
    __slots__ = ()
    family = socket.AF_UNIX


_KINDS = {kind.family: kind for kind in (_Inet, _Inet6, _Unix)}


def kind_of(opened: socket.socket) -> type[socket.socket]:
    """What this listening socket accepts."""
    return _KINDS[opened.family]


def accept(opened: socket.socket, kind: type[socket.socket]) -> tuple[socket.socket, object]:
    """The next connection, and its peer's address. Raises OSError, as `socket.accept` does."""
    # The half of `socket.accept` that is in C, since the other asks for the kind.
    number, peer = opened._accept()  # type: ignore[attr-defined]
    return kind(kind.family, kind.type, 0, number), peer  # type: ignore[arg-type]


def more_wait(opened: socket.socket) -> bool:
    """Whether the kernel holds further connections for us. True where it does not say.

    To ask is cheaper than to accept in vain, which raises: by six microseconds of a connection.
    """
    try:
        info = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WAITING.stop)
    except (OSError, AttributeError):  # a Unix socket; another kernel
        return True
    return info[_WAITING] != bytes(4)


def path_of(address: str) -> str | None:
    """The file of a Unix socket's address; None for TCP."""
    return address.removeprefix("unix:") if address.startswith("unix:") else None


def _tcp_socket(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        name = "127.0.0.1" if host == "localhost" else host[1:-1] if bracketed else host
        ip = ipaddress.ip_address(name)
        if bracketed != (ip.version == 6) or not (port.isascii() and port.isdigit()):
            raise ValueError
        number = int(port)
        if number > 65535:
            raise ValueError
    except ValueError:
        raise ConfigError(
            [f"listen: {address!r} is not 127.0.0.1:9669, [::1]:9669 or unix:/path in form"]
        ) from None
    if ip.version == 4:
        return socket.create_server((str(ip), number), backlog=BACKLOG)
    return socket.create_server(
        (str(ip), number),
        family=socket.AF_INET6,
        backlog=BACKLOG,
        dualstack_ipv6=ip.is_unspecified and socket.has_dualstack_ipv6(),
    )


def _unix_socket(path: str, mode: int) -> socket.socket:
    if not path.startswith("/"):
        raise ConfigError(["listen: a Unix socket needs an absolute path: unix:/path"])
    if why := in_other_hands(path):
        raise ConfigError([f"listen: unix:{path} cannot be had: {why}"])
    _clear_stale(path)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # On Linux the file takes its mode from the socket, less the umask, so that it is at no
        # moment wider than asked. Not by a umask of our own: that is the whole process's, and a
        # file that another thread makes meanwhile would have it too. Where a socket has no mode,
        # nobody gets in before `listen` either, and the mode is right by then.
        with contextlib.suppress(OSError):
            os.fchmod(opened.fileno(), mode)
        opened.bind(path)
        set_socket_mode(Path(path), mode)
    except OSError:
        opened.close()
        raise
    return opened


def in_other_hands(path: str) -> str:
    """Why root makes no Unix socket there, "" where it may: it would be led wherever others like.

    They would also have what clients send there, as they may put a socket of their own in its
    place.
    """
    try:
        keep_root_from(Path(path))
    except FileNotFoundError:
        return ""  # whoever binds says so
    except OSError as refused:
        return f"of {Path(path).parent}, {refused.strerror}"
    return ""


def _clear_stale(path: str) -> None:
    """Remove a socket that a server left behind. A live one, or another kind of file, stays."""
    try:
        if not stat.S_ISSOCK(Path(path).lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with contextlib.suppress(FileNotFoundError):
        if not is_answered(path):
            remove_own(Path(path))


def is_answered(path: str) -> bool:
    """Whether a server listens at this Unix socket, or one that is too busy to take us in.

    Returns within a second. Raises OSError where it cannot be found out.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except (TimeoutError, BlockingIOError):
            return True  # its queue is full: Linux says so at once to a socket with a time-out
    return True


def inode_of(path: str | None) -> int | None:
    """Which file this is now; None where there is none, or it cannot be looked at."""
    try:
        return Path(path).lstat().st_ino if path is not None else None
    except OSError:
        return None


def remove_socket(path: str, inode: int | None) -> None:
    """Take a Unix socket's name away, unless another file has it by now.

    One that somebody else could have led elsewhere meanwhile stays, where we are root.
    """
    if inode is not None and inode_of(path) == inode:
        with contextlib.suppress(OSError):
            remove_own(Path(path))
