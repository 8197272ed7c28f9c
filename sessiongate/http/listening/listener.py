"""Listening sockets and TLS: where requests come in, and how they are closed.

Decides addresses, socket modes and TLS settings; what a connection does, `connection` decides.
Problems of the settings (address, certificate, key) are ConfigErrors, before the first request.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from sessiongate.http.bounds.admission import Admission
from sessiongate.http.connection.arrivals import Arrivals
from sessiongate.http.connection.callers import Callers
from sessiongate.http.connection.connection import Connection
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.send_queue import bound
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.accept_loop import AcceptLoop
from sessiongate.http.listening.sockets import bind_socket, inode_of, path_of, remove_socket
from sessiongate.http.message import Handler, Streams
from sessiongate.http.tls.tls_acceptor import TlsAcceptor
from sessiongate.http.tls.tls_connection import Tls

_SWEEP_EVERY = 1.0


# How long aborted connections and cancelled handlers get to unwind, after the grace.
_LAST_WAIT = 1.0


class Listener:
    """A listening socket. `stop` closes it."""

    def __init__(
        self,
        edge: Edge,
        server: AcceptLoop,
        address: str,
        port: int,
        *,
        ours: bool = True,
        acceptor: TlsAcceptor | None = None,
    ) -> None:
        self.address = address
        """Where it really listens: "host:port", "[host]:port" or "unix:/path"."""
        self.port = port
        """0 for a Unix socket."""
        self._edge = edge
        self._server = server
        self._acceptor = acceptor
        # A socket that was handed to us stays where it is when we go.
        self._inode = inode_of(edge.unix_path) if ours else None
        self._timer = edge.loop.call_later(_SWEEP_EVERY, self._tick)

    def sweep(self) -> None:
        """End the connections that are late. Runs by itself once a second."""
        self._edge.sweep()
        if self._acceptor is not None:
            self._acceptor.sweep(_SWEEP_EVERY)

    @property
    def connections(self) -> int:
        """How many connections are open, or have a request still handled.

        Those that are still shaking hands are counted by the `Admission`.
        """
        return len(self._edge.connections)

    @property
    def admission(self) -> Admission:
        """Who has come by this listener, and by those that share this admission."""
        return self._edge.admission

    def ask_at_arrival(self, arrivals: Arrivals | None) -> None:
        """Have this decide of connections before they say anything; None: nobody does."""
        self._edge.arrivals = arrivals

    def change(self, limits: HttpLimits, tls: ssl.SSLContext | None) -> None:
        """Have these limits from now on, and this certificate for handshakes to come."""
        self._edge.limit(limits)
        self._edge.admission.limits = limits
        if tls is not None and self._acceptor is not None:
            self._acceptor.context = tls

    async def stop(self, grace: timedelta, linger: timedelta = timedelta(0)) -> None:
        """Accept no more, close what idles, let requests finish, force the rest after the grace.

        With `linger`, connections that idle stay open so long, and close with the reply to what
        comes meanwhile: a client that was about to send is answered, and told to go elsewhere.
        So is one whose handshake is done by then; handshakes that take longer are ended.
        """
        edge = self._edge
        edge.stopping = True
        self._server.close()
        self._remove_path()
        await asyncio.sleep(linger.total_seconds())
        edge.shut = True
        if self._acceptor is not None:
            self._acceptor.give_up()
        for connection in tuple(edge.connections):
            connection.retire()
        await self._empty(grace.total_seconds())
        tasks = [one.task for one in edge.connections if one.task is not None]
        for connection in tuple(edge.connections):
            connection.kill()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_WAIT)
        await self._empty(_LAST_WAIT)
        self._timer.cancel()

    async def _empty(self, seconds: float) -> None:
        if self._edge.connections:
            self._edge.emptied.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._edge.emptied.wait(), seconds)

    def _remove_path(self) -> None:
        """Take our Unix socket's name away, unless a successor already listens under it."""
        if self._edge.unix_path is not None:
            remove_socket(self._edge.unix_path, self._inode)

    def _tick(self) -> None:
        self._timer = self._edge.loop.call_later(_SWEEP_EVERY, self._tick)
        self.sweep()


async def listen(
    address: str,
    handler: Handler,
    limits: HttpLimits,
    tls: ssl.SSLContext | None,
    *,
    socket_mode: int = 0o600,
    now: Callable[[], float] | None = None,
    opened: socket.socket | None = None,
    refusals: Counter[str] | None = None,
    admission: Admission | None = None,
    callers: Callers | None = None,
    streams: Streams = None,
) -> Listener:
    """Listen at "127.0.0.1:9669", "[::1]:9669" or "unix:/path". Port 0 takes a free one.

    Raises ConfigError when the address is none of these or cannot be had. `socket_mode` is for
    Unix sockets. `[::]` serves IPv4 too. `opened` is the socket of this address where somebody else
    has opened it, and shares it with other processes. `refusals` counts, by cause, what never
    became a request. Listeners with one `admission` share its limits. With `callers`, strangers may
    send less than others. `streams` says of which method and path the handler takes the body as it
    comes.
    """
    path = path_of(address)
    ours = opened is None
    if opened is None:
        opened = bind_socket(address, socket_mode)
    bound(opened)
    # Not the loop's own time, which stands still within one turn of uvloop.
    edge = Edge(
        handler,
        limits,
        now or time.monotonic,
        path,
        refusals,
        admission=admission,
        callers=callers,
        streams=streams,
    )
    if path is not None:
        name, port = address, 0
    else:
        host, port = opened.getsockname()[:2]
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    acceptor = TlsAcceptor(edge, tls) if tls is not None else None
    protocol = partial(Connection, edge) if acceptor is None else partial(Tls, acceptor)
    server = AcceptLoop(edge, opened, protocol, tls=acceptor is not None)
    return Listener(edge, server, name, port, ours=ours, acceptor=acceptor)
