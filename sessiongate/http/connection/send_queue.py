"""What the kernel holds of our replies until the peer has acknowledged it: bounded, and let go.

No budget of ours counts it. Left alone, Linux grows it to 4 MiB a connection (`tcp_wmem`), and
keeps it after the connection is closed.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys
import termios
from typing import Any

# Linux doubles it, for its own bookkeeping. Half of it was measured to slow a reader on the same
# host from 1,000 to 3 MB a second; more gains nothing there. At 50 ms it gives 1.3 MB a second.
SEND_BUFFER = 65536

# The same for replies that come in pieces, of which there are few: 5 MB a second at 50 ms. The
# kernel allows 208 KiB where `net.core.wmem_max` is what it is by default.
LARGE_SEND_BUFFER = 262144

# Milliseconds after which the kernel drops a connection whose peer acknowledges nothing, or has no
# room for it: as long as an unused connection stays open by default.
UNACKNOWLEDGED = 75_000

# `TCP_CLOSE` and `TCP_CLOSE_WAIT` of the kernel's states.
_CLOSED, _CLOSE_WAIT = 7, 8

_INFO = getattr(socket, "TCP_INFO", None)

RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: a socket with it ends by a reset."""


def bound(opened: socket.socket) -> None:
    """Bound what the kernel holds for each connection that this listening socket accepts."""
    if opened.family == socket.AF_UNIX:
        return  # it is never grown, and ends with the connection
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        opened.setsockopt(socket.IPPROTO_TCP, option, UNACKNOWLEDGED)


def resize(transport: asyncio.BaseTransport, size: int) -> None:
    """Bound what the kernel holds for one peer from now on."""
    held: Any = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError):  # closed
        if held is not None and held.family != socket.AF_UNIX:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def unacknowledged(transport: asyncio.BaseTransport) -> int:
    """Bytes that the kernel still holds for the peer. 0 where it does not say."""
    held: Any = transport.get_extra_info("socket")
    if held is None:
        return 0
    try:
        answer = fcntl.ioctl(held.fileno(), termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):  # closed
        return 0
    # A goodbye counts as one byte, and holds no memory. Of a connection that the peer has let go
    # of, the kernel holds nothing any more, and says what it had.
    count = int.from_bytes(answer, sys.byteorder) - 1
    return count if count > 0 and _state_of(held) != _CLOSED else 0


def has_left(opened: socket.socket) -> bool:
    """Whether the peer says no more: it has closed the connection, or its half of it."""
    return _state_of(opened) in (_CLOSED, _CLOSE_WAIT)


def has_left_by(transport: asyncio.BaseTransport) -> bool:
    """The same of a transport's peer. False where the kernel does not say."""
    held: Any = transport.get_extra_info("socket")
    try:
        return held is not None and has_left(held)
    except (OSError, ValueError):  # closed
        return False


def _state_of(opened: socket.socket) -> int:
    """One of the kernel's states of a connection; 0 where it says none, as of Unix sockets."""
    if _INFO is None:
        return 0
    try:
        return opened.getsockopt(socket.IPPROTO_TCP, _INFO, 1)[0]
    except OSError:  # rather than ask for its family, which takes longer than the kernel's answer
        return 0


def end_of_writing(transport: asyncio.WriteTransport) -> None:
    """Say that nothing follows, where the peer has not reset the connection already.

    That the loop may not have seen yet: asyncio raises then, uvloop does not.
    """
    with contextlib.suppress(OSError):
        transport.write_eof()


def reset(transport: asyncio.BaseTransport) -> None:
    """Have the connection end by a reset when this is closed, so that no end of it looks whole."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def discard(transport: asyncio.BaseTransport) -> None:
    """Have the kernel drop what it holds for the peer, by a reset, when this is closed."""
    if unacknowledged(transport):
        reset(transport)
