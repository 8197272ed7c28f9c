"""The door of a listener with TLS: accepts, and sees each socket through its handshake.

The event loop's own servers tell nobody of a socket before its handshake is done; whoever says
nothing then takes descriptors that no limit counts. So sockets are accepted here, and counted, and
those that there is no room for are closed at once: left in the kernel's queue they would stand
before others.
"""

import asyncio
import socket
import ssl

import structlog

from sessiongate.web.crowd import Guest
from sessiongate.web.http1 import HANDSHAKE_FAILED, Connection, Edge, plain_address
from sessiongate.web.noting import note

# How long a handshake may take, and a goodbye.
HANDSHAKE = 10.0
GOODBYE = 5.0

# Sockets accepted before others have their turn.
AT_ONCE = 32

# Where the system gives us no further descriptor, for how long we do not ask again.
PAUSE = 1.0

_log = structlog.get_logger("sessiongate")


class Threshold:
    """Accepts at a listening socket until it is shut. Connections are the edge's from then on."""

    def __init__(self, edge: Edge, door: socket.socket, context: ssl.SSLContext) -> None:
        self.context = context
        """For handshakes to come; may be replaced."""
        self._edge = edge
        self._door = door
        self._shaking: dict[Guest, asyncio.Task[None]] = {}
        self._pausing: asyncio.TimerHandle | None = None
        door.setblocking(False)
        edge.loop.add_reader(door, self._accept)

    def close(self) -> None:
        """Accept no more. Handshakes under way go on."""
        if self._door.fileno() < 0:
            return
        if self._pausing is not None:
            self._pausing.cancel()
        self._edge.loop.remove_reader(self._door)
        self._door.close()

    async def give_up(self) -> None:
        """End the handshakes that are under way."""
        tasks = list(self._shaking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, address = self._door.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            self._take_in(accepted, address)

    def _pause(self, error: OSError) -> None:
        """The door stays readable, and would be asked in every turn."""
        _log.error("no connection can be accepted", why=error.strerror)
        self._edge.loop.remove_reader(self._door)
        self._pausing = self._edge.loop.call_later(PAUSE, self._resume)

    def _resume(self) -> None:
        self._pausing = None
        self._edge.loop.add_reader(self._door, self._accept)

    def _take_in(self, accepted: socket.socket, address: object) -> None:
        edge = self._edge
        # An address of a TCP socket is a tuple; a Unix socket's clients have none.
        host = plain_address(address[0]) if isinstance(address, tuple) else ""
        guest = Guest(host, edge.now(), lambda: self._end(guest), in_handshake=True)
        cause = edge.crowd.admit(guest)
        if cause is not None:
            note(edge.refusals, cause, host, why="closed without a word")
            accepted.close()
            return
        accepted.setblocking(False)
        self._shaking[guest] = edge.loop.create_task(self._shake_hands(guest, accepted))

    def _end(self, guest: Guest) -> None:
        task = self._shaking.get(guest)
        if task is not None:
            task.cancel()

    async def _shake_hands(self, guest: Guest, accepted: socket.socket) -> None:
        edge = self._edge
        connection = Connection(edge, guest)
        try:
            await edge.loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self.context,
                ssl_handshake_timeout=HANDSHAKE,
                ssl_shutdown_timeout=GOODBYE,
            )
        except OSError as error:  # an SSLError, a time-out and a peer that has left are this, too
            # OpenSSL's reason is one of its own words.
            why = getattr(error, "reason", None) or type(error).__name__
            note(edge.refusals, HANDSHAKE_FAILED, guest.address, why=str(why))
        finally:
            del self._shaking[guest]
            if connection not in edge.connections:
                edge.crowd.leave(guest)
                accepted.close()
