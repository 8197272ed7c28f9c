"""Accepting connections: in portions, and only those whose peer is still there.

The event loop's own servers accept all that the kernel holds in one turn, 4,096 sockets, and make a
transport for each. Whoever connects and leaves at once, over and over, kept newcomers waiting for
seconds behind sockets that nobody was at. Those are closed here for a few microseconds each.
"""

import asyncio
import errno
import fcntl
import socket
import struct
import termios
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import structlog

from sessiongate.http.connection.arrivals import Arrivals
from sessiongate.http.connection.causes import PEER_LEFT
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.peer import plain_address
from sessiongate.http.connection.send_queue import RESET, has_left
from sessiongate.http.listening.sockets import BACKLOG, accept, kind_of, more_wait

# Seconds of one turn of the loop that accepting may take; connections have theirs besides.
_SLICE = 0.002

# Seconds without accepting where the process has no descriptors or memory left.
_RESPITE = 1.0
_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class AcceptLoop:
    """Accepts from one listening socket, which it closes in the end."""

    def __init__(
        self,
        edge: Edge,
        opened: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        *,
        tls: bool,
    ) -> None:
        self._edge = edge
        self._opened = opened
        self._kind = kind_of(opened)
        self._protocol = protocol
        self._tls = tls
        self._timer: asyncio.TimerHandle | None = None
        opened.setblocking(False)
        opened.listen(BACKLOG)
        self._listen()

    def close(self) -> None:
        """Accept no more. What the kernel holds is reset."""
        if self._timer is not None:
            self._timer.cancel()
        if self._opened.fileno() >= 0:
            self._edge.loop.remove_reader(self._opened.fileno())
            self._opened.close()

    def _listen(self) -> None:
        self._timer = None
        self._edge.loop.add_reader(self._opened.fileno(), self._accept)

    def _accept(self) -> None:
        """Take what has come, as far as the time goes; the loop calls again while there is more."""
        edge, opened = self._edge, self._opened
        until = edge.now() + _SLICE
        while True:
            try:
                accepted, peer = accept(opened, self._kind)
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            if self._is_abandoned(accepted):
                edge.refusals[PEER_LEFT] += 1
                accepted.close()
            elif edge.arrivals is not None and self._turned_away(accepted, peer, edge.arrivals):
                accepted.close()
            else:
                self._begin(accepted)
            if edge.now() >= until or not more_wait(opened):
                return

    def _begin(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        made = self._edge.loop.connect_accepted_socket(self._protocol, accepted)
        _drive(made, accepted)

    def _is_abandoned(self, accepted: socket.socket) -> bool:
        """Whether nobody would read a reply: over plain HTTP a peer may ask, and say no more."""
        return has_left(accepted) and (self._tls or not _unread(accepted))

    @staticmethod
    def _turned_away(accepted: socket.socket, peer: object, arrivals: Arrivals) -> bool:
        cut = arrivals.turned_away(plain_address(str(peer[0])) if isinstance(peer, tuple) else "")
        if cut is not None and cut.reset:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return cut is not None

    def _pause(self, error: OSError) -> None:
        if error.errno not in _SCARCE:
            raise error
        structlog.get_logger().error(
            "no connection is accepted for now", why=errno.errorcode[error.errno]
        )
        self._edge.loop.remove_reader(self._opened.fileno())
        self._timer = self._edge.loop.call_later(_RESPITE, self._listen)


def _drive(
    made: Coroutine[Any, Any, object],
    accepted: socket.socket,
    _: "asyncio.Future[object] | None" = None,
) -> None:
    """Drive the coroutine that gives this socket its transport, up to what it waits for next.

    It waits once, until the loop has told the protocol. A task for that is made, registered, run
    and woken for as much time as the transport itself takes.
    """
    try:
        waits = made.send(None)
    except StopIteration:
        return
    except OSError:  # it is gone by now
        accepted.close()
        return
    waits._asyncio_future_blocking = False
    waits.add_done_callback(partial(_drive, made, accepted))


def _unread(accepted: socket.socket) -> int:
    """Bytes that have come."""
    return int(struct.unpack("i", fcntl.ioctl(accepted.fileno(), termios.FIONREAD, bytes(4)))[0])
