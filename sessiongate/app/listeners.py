"""The sockets of one process: which there are, who is behind each, and in which order they shut.

All dialects are behind each address of `server.listen`, the command line behind the control socket
of the first process, which asks the others by theirs, and people behind `console.listen` of that
one; `/readyz` and its like behind `admin.listen`. The last of these stays open until no request of
a client is left: whoever watches a server wants to see it go.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial

import msgspec
import structlog

from sessiongate.app import build as parts
from sessiongate.app.descriptors import KEPT, make_room, places
from sessiongate.config import Address, Config
from sessiongate.config.addresses import is_loopback
from sessiongate.errors import ConfigError
from sessiongate.http.bounds.admission import Admission
from sessiongate.http.connection.arrivals import Arrivals
from sessiongate.http.connection.callers import Callers
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import Listener, listen
from sessiongate.http.listening.sockets import OR_ELSEWHERE
from sessiongate.http.message import Handler, Streams
from sessiongate.http.proxies import client_behind, is_trusted
from sessiongate.operations.control_socket import control_address

OPERATIONS = "operations"
"""The name of the operations listener's socket among those that a worker is handed."""

# Connections that are few for a server: a shell's limit of 1,024 files leaves fewer.
_FEW = 2000

# For a question that has reached the operations listener already: it answers in milliseconds, and
# the store gives an answer or an outage soon after.
_LAST_ANSWERS = timedelta(seconds=2)

CONSOLE = "console"
"""The same of the console's."""

_log = structlog.get_logger("sessiongate")


class InheritedSockets(msgspec.Struct, frozen=True):
    """Sockets that somebody else has opened, by address. `number` is the worker's.

    What the parent knows of the operations listeners of all workers: `WorkerEnvironment`.
    """

    number: int = 0
    taken: Mapping[str, socket.socket] | None = None
    operations: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()
    without_console: str = ""

    @property
    def is_first(self) -> bool:
        """Whether this process does what only one of several does."""
        return self.number == 0

    def of(self, address: str) -> socket.socket | None:
        """The socket of this address, None where it is for us to bind."""
        return self.taken.get(address) if self.taken is not None else None


class Listeners:
    """The listeners of a process: opened once, one kind after the other, and shut in the end."""

    def __init__(
        self,
        config: Config,
        sockets: InheritedSockets,
        tls: ssl.SSLContext | None,
        arrivals: Arrivals | None = None,
    ) -> None:
        self.addresses: list[str] = []
        """Where the dialects are."""
        self.operations = ""
        """Where the operations listener is, as a URL; "" where there is none to name."""
        self.without = ""
        """Why there is no operations listener though the settings did not say off."""
        self.console = ""
        """Where the console is, as a URL."""
        self.without_console = ""
        """Why there is none in the process that should have it."""
        self._config = config
        self._sockets = sockets
        self._tls, self._arrivals = tls, arrivals
        trusted = config.server.trusted_proxies
        self._admission = Admission(
            self._limits(), partial(is_trusted, trusted), clients=partial(client_behind, trusted)
        )
        self._serving: list[Listener] = []
        self._control: list[Listener] = []
        self._watched: list[Listener] = []

    def counts(self) -> dict[str, float]:
        """What metrics show of the clients who are there."""
        admission = self._admission
        return {
            "sessiongate_connections": admission.inside,
            "sessiongate_connections_most": admission.limits.connections,
            "sessiongate_handshakes": admission.handshakes,
            "sessiongate_anonymous_bytes": admission.held,
            "sessiongate_unread_bytes": admission.unread,
        }

    def _limits(self) -> HttpLimits:
        """The limits for clients, as far as the process may open files for so many."""
        wanted = self._config.server.limits.connections
        files = make_room(wanted)
        most = places(wanted, files)
        if most < wanted:
            asked_for = self._config.origins.get("server.limits.connections") != "default"
            tell = _log.warning if asked_for or most < _FEW else _log.debug
            tell(
                "fewer connections than server.limits.connections",
                connections=most,
                wanted=wanted,
                files=files,
                way_out=f"let the process open {wanted + KEPT} files: LimitNOFILE of the systemd "
                "unit, ulimit -n of a shell; or set server.limits.connections lower",
            )
        return parts.http_limits(self._config, most)

    def change(self, config: Config, tls: ssl.SSLContext | None) -> None:
        """Have these limits, and this certificate for handshakes to come."""
        self._config = config
        self._tls = tls
        limits, own = self._limits(), parts.own_limits(config)
        for listener in self._serving:
            listener.change(limits, tls)
        for listener in (*self._control, *self._watched):
            listener.change(own, tls)

    async def open(
        self,
        handler: Handler,
        refusals: Counter[str],
        callers: Callers,
        streams: Streams,
    ) -> None:
        """Let clients in. Raises ConfigError that names every address which cannot be had."""
        self._admission.refusals = refusals
        problems: list[str] = []
        for address in self._config.server.listen:
            # A Unix socket never leaves the machine, and its clients speak plain HTTP to it.
            secured = self._tls if address.host else None
            name = str(address)
            try:
                listener = await listen(
                    name,
                    handler,
                    self._admission.limits,
                    secured,
                    opened=self._sockets.of(name),
                    refusals=refusals,
                    admission=self._admission,
                    callers=callers,
                    streams=streams,
                )
                listener.ask_at_arrival(self._arrivals)
            except ConfigError as error:
                problems += error.problems
            else:
                self._serving.append(listener)
        if problems:
            raise ConfigError([f"server.{problem}" for problem in problems])
        self.addresses = [listener.address for listener in self._serving]

    async def open_control(self, control: Handler) -> None:
        """Let the command line in, or, where another is the process for that, the first worker."""
        name = control_address(self._config.server.data_dir, self._sockets.number)
        opened = self._sockets.of(name)
        limits = parts.own_limits(self._config)
        self._control.append(await listen(name, control, limits, None, opened=opened))

    async def open_console(self, console: Handler) -> None:
        """Open the console's listener, where this process is the one that has the console."""
        address = self._config.console.listen
        if address is None or not self._sockets.is_first:
            return
        opened = self._sockets.of(CONSOLE)
        if self._sockets.taken is not None and opened is None:
            self.without_console = self._sockets.without_console
            return  # the parent could not have it, and has said so
        secured = self._secured(address)
        try:
            limits = parts.own_limits(self._config)
            listener = await listen(str(address), console, limits, secured, opened=opened)
        except ConfigError as error:
            self.without_console = without("console.listen", self._config, error)
            return
        self._control.append(listener)
        self.console = console_url(self._config, listener.address)

    def _secured(self, address: Address) -> ssl.SSLContext | None:
        """Who is on this machine may speak plain HTTP; what leaves the machine is encrypted."""
        return self._tls if address.host and not is_loopback(address.host) else None

    async def open_operations(self, operations: Handler) -> None:
        """Let in those who watch the server, unless the settings say off."""
        address = self._config.admin.listen
        if address is None:
            return
        opened = self._sockets.of(OPERATIONS)
        if self._sockets.taken is not None and opened is None:
            return  # the parent could not have it, and has said so
        secured = self._secured(address)
        try:
            limits = parts.own_limits(self._config)
            listener = await listen(str(address), operations, limits, secured, opened=opened)
        except ConfigError as error:
            self.without = without("admin.listen", self._config, error)
            return
        self._watched.append(listener)
        scheme = "" if address.path else "https://" if secured is not None else "http://"
        self.operations = f"{scheme}{listener.address}"

    async def stop(self, linger: timedelta, *, replaced: bool) -> None:
        """Let no client in any more, and have those inside finish.

        Where a successor answers at the same sockets, it is also the one to be watched from now on.
        """
        listeners = [*self._serving, *self._control]
        if replaced:
            listeners += self._watched
        await _stopped(listeners, self._config.server.limits.shutdown_grace, linger)

    async def stop_operations(self) -> None:
        """Stop the listener of metrics and health."""
        await _stopped(self._watched, _LAST_ANSWERS, timedelta(0))


async def _stopped(listeners: Iterable[Listener], grace: timedelta, linger: timedelta) -> None:
    async with asyncio.TaskGroup() as group:
        for listener in listeners:
            group.create_task(listener.stop(grace, linger))


def without(setting: str, config: Config, error: ConfigError) -> str:
    """Go on without a listener whose address nobody asked for, else raise.

    `setting` is `admin.listen` or `console.listen`. Returns why there is none, for people.
    """
    table = setting.partition(".")[0]
    if config.origins.get(setting, "default") != "default":
        raise ConfigError([f"{table}.{problem}" for problem in error.problems]) from None
    problem = error.problems[0].removesuffix(OR_ELSEWHERE)
    return f'{table}.{problem}, or set {setting} to another port or to "off"'


def console_url(config: Config, address: str) -> str:
    """Where the console is, for a browser; "" where it is behind a Unix socket."""
    if address.startswith("unix:"):
        return ""
    host = address.rpartition(":")[0].strip("[]")
    plain = config.server.plain_http or is_loopback(host)
    return f"{'http' if plain else 'https'}://{address}/console/"


def operations_of(address: Address, number: int) -> Address:
    """The address of this worker's operations listener, by that of the first."""
    if address.path:
        return Address(path=f"{address.path}.{number}" if number else address.path)
    return Address(address.host, address.port + number if address.port else 0)
