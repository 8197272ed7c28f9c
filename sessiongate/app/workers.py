"""Several worker processes behind one set of doors: started, watched, replaced one by one.

The parent opens the sockets and hands them to every worker, so that all accept from one queue: a
worker that stops leaves nobody waiting in a queue of its own. The parent serves no request and
keeps no session. SIGTERM stops all of them gracefully; SIGHUP replaces them one after the other,
each only once its successor answers; a worker that dies is started again.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import msgspec
import structlog

from sessiongate.admin.control import socket_path
from sessiongate.app.prepare import (
    certificates_of,
    has_users,
    instance_of,
    signing_key_of,
)
from sessiongate.app.server import OPERATIONS, Announce, Doors, Server, Started
from sessiongate.config import Address, Config
from sessiongate.errors import ConfigError
from sessiongate.web.listener import open_door

WORKER = "SESSIONGATE_WORKER"
"""The variable by which the parent tells a worker who it is and which doors it has."""

# A worker that does not answer by then has something that waiting will not mend.
_START = 60.0

# Before a worker that has died is started again: a broken setting must not become a busy loop.
_PAUSE = 1.0

# How long a worker that stops keeps idle connections open, to answer what is on its way already.
LINGER = timedelta(seconds=2)

_log = structlog.get_logger("sessiongate.workers")


class Place(msgspec.Struct):
    """What a worker is told: its number, its doors by address, and where to say it is ready."""

    number: int
    doors: dict[str, int]
    ready: int


def place_of(environ: Mapping[str, str]) -> Place | None:
    """The place that our parent gave us, None for a process that is nobody's worker."""
    text = environ.get(WORKER)
    return msgspec.json.decode(text, type=Place) if text is not None else None


async def serve_as_worker(config: Config, place: Place) -> None:
    """Serve at the doors that were handed to us, until SIGTERM."""
    taken = {address: socket.socket(fileno=number) for address, number in place.doors.items()}
    server = Server(config, Doors(place.number, taken))
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    # The terminal's interrupt reaches us too; the parent says when to stop.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    await server.start()
    os.write(place.ready, b"ready")
    os.close(place.ready)
    await done.wait()
    await server.stop(LINGER)


class Supervisor:
    """The parent."""

    def __init__(self, config: Config, command: Sequence[str]) -> None:
        self._config = config
        self._command = command
        self._shared: dict[str, socket.socket] = {}
        self._own: list[dict[str, socket.socket]] = []
        self._workers: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = False

    async def run(self, announce: Announce) -> None:
        """Start all workers, and keep them running until SIGTERM or SIGINT."""
        config = self._config
        # What every worker reads is made once, here, rather than by all of them at the same time.
        served = certificates_of(config)
        instance_of(config)
        signing_key_of(config)
        self._open_doors()
        stop, replace = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for end in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(end, stop.set)
        loop.add_signal_handler(signal.SIGHUP, replace.set)
        keepers: list[asyncio.Task[None]] = []
        try:
            for number in range(config.server.workers):
                self._workers[number] = await self._start(number)
            keepers = [asyncio.create_task(self._keep(number)) for number in self._workers]
            announce(Started(self._addresses(), served, has_users(config)))
            replacing = asyncio.create_task(self._replace_when(replace))
            await stop.wait()
            replacing.cancel()
        finally:
            self._stopping = True
            await self._stop_all()
            await asyncio.gather(*keepers)
            for doors in (self._shared, *self._own):
                for door in doors.values():
                    door.close()
            socket_path(config.server.data_dir).unlink(missing_ok=True)

    def _open_doors(self) -> None:
        config = self._config
        for address in config.server.listen:
            self._shared[str(address)] = open_door(str(address))
        control = f"unix:{socket_path(config.server.data_dir)}"
        for number in range(config.server.workers):
            # Commands speak to one worker; each has an operations listener, on ports in a row.
            own = {control: open_door(control)} if number == 0 else {}
            admin = config.admin.listen
            if admin.host and admin.port:
                named = Address(admin.host, admin.port + number)
                try:
                    own[OPERATIONS] = open_door(str(named))
                except ConfigError as error:
                    _log.warning("no operations listener", number=number, why=error.problems[0])
            self._own.append(own)

    def _addresses(self) -> tuple[str, ...]:
        return tuple(_address_of(name, door) for name, door in self._shared.items())

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        """A worker that answers. Raises ConfigError for one that does not come to that."""
        mine = {**self._shared, **self._own[number]}
        doors = {name: door.fileno() for name, door in mine.items()}
        listening, ready = os.pipe()
        place = msgspec.json.encode(Place(number, doors, ready)).decode()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                pass_fds=[*doors.values(), ready],
                env={**os.environ, WORKER: place},
            )
        finally:
            os.close(ready)
        try:
            said = await asyncio.wait_for(asyncio.to_thread(os.read, listening, 16), _START)
        except TimeoutError:
            said = b""
        finally:
            os.close(listening)
        if said != b"ready":
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise ConfigError([f"worker {number} did not start; its own words stand above"])
        _log.info("worker started", number=number, pid=process.pid)
        return process

    async def _keep(self, number: int) -> None:
        """Start this worker again whenever it dies, unless all are stopping."""
        while not self._stopping:
            process = self._workers[number]
            code = await process.wait()
            if self._stopping or self._workers[number] is not process:
                continue
            _log.error("worker died", number=number, pid=process.pid, code=code)
            try:
                self._workers[number] = await self._start(number)
            except ConfigError:
                await asyncio.sleep(_PAUSE)

    async def _replace_when(self, asked: asyncio.Event) -> None:
        """Replace the workers one after the other, each time somebody asks."""
        while True:
            await asked.wait()
            asked.clear()
            for number in sorted(self._workers):
                try:
                    successor = await self._start(number)
                except ConfigError as error:
                    _log.error("worker not replaced", number=number, why=error.problems[0])
                    continue
                old, self._workers[number] = self._workers[number], successor
                await _end(old)
            _log.info("all workers replaced")

    async def _stop_all(self) -> None:
        await asyncio.gather(*(_end(process) for process in self._workers.values()))


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    await process.wait()


def _address_of(name: str, door: socket.socket) -> str:
    if name.startswith("unix:"):
        return name
    host, port = door.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def supervise(config: Config, announce: Callable[[Started], None]) -> None:
    """Run the settings' number of workers, each the same command as ours."""
    command = [sys.executable, "-m", "sessiongate.cli.main", *sys.argv[1:]]
    await Supervisor(config, command).run(announce)
