"""Several worker processes behind one set of sockets: started, watched, replaced one by one.

The parent opens the sockets and hands them to every worker, so that all accept from one queue: a
worker that stops leaves nobody waiting in a queue of its own. The parent serves no request and
keeps no session. SIGTERM stops all of them gracefully; SIGHUP replaces them one after the other,
each only once its successor answers; a worker that dies is started again. Workers whose parent has
died stop by themselves: they would keep its addresses from the next one.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec
import structlog

from sessiongate.app.listeners import InheritedSockets
from sessiongate.app.reload import PARENTS, Reread, changes, merged
from sessiongate.app.server import Server
from sessiongate.app.setup.prepare import certificates_of, instance_of
from sessiongate.app.setup.roles_and_users import has_users
from sessiongate.app.setup.signing_key import signing_key_of
from sessiongate.app.started import Announce, Started
from sessiongate.app.supplied import Supplied
from sessiongate.app.workers.worker_environment import VARIABLE, WorkerEnvironment
from sessiongate.app.workers.worker_sockets import WorkerSockets
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.telemetry.tracebacks import traced

# A worker that does not answer by then has something that waiting will not mend.
_START = 60.0

# Before a worker that has died is started again: a broken setting must not become a busy loop.
_PAUSE = 1.0

# How long a worker that stops keeps idle connections open, to answer what is on its way already.
LINGER = timedelta(seconds=2)

# Beyond its own limits for stopping: writing what is pending, to a store that may be slow.
_LAST_WAIT = timedelta(seconds=10)

# Its successor answers already: nobody need hear that it goes, unlike a whole server at SIGTERM.
_SUCCEEDED = signal.SIGUSR1

_log = structlog.get_logger("sessiongate.workers")


async def serve_as_worker(config: Config, place: WorkerEnvironment) -> None:
    """Serve at the sockets that were handed to us, until SIGTERM or the end of our parent."""
    taken = {address: socket.socket(fileno=number) for address, number in place.sockets.items()}
    if new := [str(one) for one in config.server.listen if str(one) not in taken]:
        # Opened by each worker for itself, it would be had by the first one only.
        raise ConfigError(
            [
                f"server.listen: {one} is new; addresses take a restart, SIGHUP opens none"
                for one in new
            ]
        )
    others = place.operations, place.without, place.without_console
    sockets = InheritedSockets(place.number, taken, *others)
    server = Server(config, Supplied(sockets=sockets))
    done = asyncio.Event()
    replaced = orphan = False
    loop = asyncio.get_running_loop()

    def orphaned() -> None:
        nonlocal orphan
        orphan = True
        loop.remove_reader(place.parent)
        _log.warning("the parent process is gone; stopping", number=place.number)
        done.set()

    def succeeded() -> None:
        nonlocal replaced
        replaced = True
        done.set()

    loop.add_reader(place.parent, orphaned)
    loop.add_signal_handler(signal.SIGTERM, done.set)
    loop.add_signal_handler(_SUCCEEDED, succeeded)
    # A terminal sends these to us too; the parent says what is to be done.
    for number in (signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: None)
    await server.start()
    try:
        os.write(place.ready, b"ready")
        os.close(place.ready)
        await done.wait()
        if not (replaced or orphan):
            done.clear()  # told again, or left alone, it waits no longer
            await server.drain(done)
    finally:
        await server.stop(LINGER, replaced=replaced)


class Supervisor:
    """The parent."""

    def __init__(
        self, config: Config, command: Sequence[str], reread: Reread | None = None
    ) -> None:
        self._config = config
        self._reread = reread
        self._command = command
        self._sockets = WorkerSockets(config)
        self._workers: dict[int, asyncio.subprocess.Process] = {}
        # One process at a time begins or ends in a worker's place.
        self._changing = [asyncio.Lock() for _ in range(config.server.workers)]
        # Workers hold the other end: it ends when we do, however that comes.
        self._alive, self._life = os.pipe()

    async def run(self, announce: Announce) -> None:
        """Start all workers, and keep them running until SIGTERM or SIGINT."""
        config = self._config
        # What every worker reads is made once, here, rather than by all of them at the same time.
        served = certificates_of(config)
        instance_of(config)
        signing_key_of(config)
        try:
            self._sockets.open()
        except BaseException:
            self.close()  # a socket's file would stay behind
            raise
        stop, replace = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for end in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(end, stop.set)
        loop.add_signal_handler(signal.SIGHUP, replace.set)

        def started() -> None:
            operations = ", ".join(url for _, url in self._sockets.operations())
            announce(
                Started(
                    self._sockets.addresses(),
                    served,
                    has_users(config),
                    operations,
                    tuple(self._sockets.without),
                    self._sockets.console(),
                    self._sockets.without_console,
                )
            )

        work = asyncio.create_task(self._work(started, replace))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # First of all nobody may start another.
            failed = work.exception() if work.done() else None
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)
            _log.info("stopping")
            for end in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(end, self._stop_at_once)
            try:
                await asyncio.gather(*(self._end(process) for process in self._workers.values()))
            finally:
                self.close()
        if failed is not None:
            raise failed

    def close(self) -> None:
        """Let go of the sockets, and of the line to the workers."""
        self._sockets.close()
        for number in (self._alive, self._life):
            os.close(number)

    def _stop_at_once(self) -> None:
        """Stop the workers a second time, at which they wait for nothing more."""
        for process in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    async def _work(self, started: Callable[[], None], replace: asyncio.Event) -> None:
        for number in range(self._config.server.workers):
            self._workers[number] = await self._start(number)
        started()
        async with asyncio.TaskGroup() as group:
            for number in self._workers:
                group.create_task(self._keep(number))
            group.create_task(self._replace_when(replace))

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        """A worker that answers. Raises ConfigError for one that does not come to that."""
        sockets = self._sockets.of(number)
        try:
            listening, ready = os.pipe()
        except OSError as error:
            raise _not_started(number, error) from None
        opened = self._sockets
        others = tuple(opened.operations()), tuple(opened.without), opened.without_console
        place = msgspec.json.encode(
            WorkerEnvironment(number, sockets, ready, self._alive, *others)
        ).decode()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                pass_fds=[*sockets.values(), ready, self._alive],
                env={**os.environ, VARIABLE: place},
            )
        except BaseException as error:  # nobody else would close our end
            os.close(listening)
            if isinstance(error, OSError):
                raise _not_started(number, error) from None
            raise
        finally:
            os.close(ready)
        said = b""
        try:
            said = await _read(listening)
        finally:
            os.close(listening)
            if said != b"ready":  # or we are stopping, and nobody else knows of it
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if said != b"ready":
            raise ConfigError([f"worker {number} did not start; its own words stand above"])
        _log.info("worker started", number=number, pid=process.pid)
        return process

    async def _keep(self, number: int) -> None:
        """Start this worker again whenever it dies."""
        while True:
            process = self._workers[number]
            code = await process.wait()
            async with self._changing[number]:
                if self._workers[number] is not process:
                    continue
                _log.error("worker died", number=number, pid=process.pid, code=code)
                try:
                    self._workers[number] = await self._start(number)
                except ConfigError as error:
                    _log.error("worker not started", number=number, why=error.problems[0])
                    await asyncio.sleep(_PAUSE)

    async def _replace_when(self, asked: asyncio.Event) -> None:
        """Replace the workers one after the other, each time somebody asks."""
        while True:
            await asked.wait()
            asked.clear()
            try:
                if not await self._look_again():
                    continue
                for number in sorted(self._workers):
                    await self._replace(number)
            except Exception as error:  # noqa: BLE001  those that serve are not to end with us
                _log.error("workers not replaced", **traced(error))
                continue
            _log.info("all workers replaced")

    async def _look_again(self) -> bool:
        """Whether the settings that new workers would read can be served, as far as we can tell."""
        if self._reread is None:
            return True
        try:
            new = await asyncio.to_thread(self._reread)
        except ConfigError as error:
            _log.error("settings not reloaded", why=list(error.problems))
            return False
        _, left = changes(self._config, new)
        if kept := [name for name in left if name.startswith(PARENTS)]:
            _log.warning("settings that take a restart", settings=kept)
        self._config = merged(self._config, new)
        return True

    async def _replace(self, number: int) -> None:
        async with self._changing[number]:
            try:
                successor = await self._start(number)
            except ConfigError as error:
                _log.error("worker not replaced", number=number, why=error.problems[0])
                return
            old, self._workers[number] = self._workers[number], successor
        ending = asyncio.create_task(self._end(old, _SUCCEEDED))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending  # told to stop meanwhile: it is among no workers any more
            raise

    async def _end(
        self, process: asyncio.subprocess.Process, how: signal.Signals = signal.SIGTERM
    ) -> None:
        """Have it stop gracefully; make it, where it does not."""
        limits = self._config.server.limits
        patience = limits.shutdown_delay + LINGER + limits.shutdown_grace + _LAST_WAIT
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            await asyncio.wait_for(process.wait(), patience.total_seconds())
        except TimeoutError:
            _log.error("worker does not stop and is killed", pid=process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _not_started(number: int, error: OSError) -> ConfigError:
    """There is no room for one more: that is not the end of all the others."""
    return ConfigError([f"worker {number} cannot be started: {error.strerror or error.errno}"])


async def _read(pipe: int) -> bytes:
    """What a worker says first: nothing where it ends before that, or takes too long."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(pipe, readable.set)
    try:
        await asyncio.wait_for(readable.wait(), _START)
    except TimeoutError:
        return b""
    finally:
        loop.remove_reader(pipe)
    return os.read(pipe, 16)


async def supervise(
    config: Config, announce: Callable[[Started], None], reread: Reread | None = None
) -> None:
    """Run the settings' number of workers, each the same command as ours."""
    command = [sys.executable, "-m", "sessiongate.cli.main", *sys.argv[1:]]
    await Supervisor(config, command, reread).run(announce)
