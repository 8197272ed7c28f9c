"""The server of `dev`, on an event loop and in a thread of its own.

The main thread waits meanwhile for what ends it: signals, a command, standard input. So there is
one way for a server to serve, whatever it is that it serves until.
"""

import asyncio
import os
from concurrent.futures import Future
from contextlib import suppress
from threading import Event, Thread

import msgspec
import structlog
import uvloop

from sessiongate.app.in_process import running
from sessiongate.app.server import Server
from sessiongate.app.started import Started
from sessiongate.app.supplied import Supplied
from sessiongate.config import Config
from sessiongate.faults.points import Faults
from sessiongate.http.message import Request
from sessiongate.operations.control import SessionRow
from sessiongate.telemetry.tracebacks import traced

_log = structlog.get_logger("sessiongate")


class DevServerThread:
    """A server that is begun and ended from another thread. For `select` it is ready once it has
    started or ended.
    """

    def __init__(self, config: Config, supplied: Supplied, faults: Faults) -> None:
        """It does not run yet. `faults` are those that it is supplied with."""
        self._config, self._supplied, self._faults = config, supplied, faults
        self._reads, self._writes = os.pipe()
        self._began = Event()
        self._started: Future[Started] = Future()
        self._open_at_end: list[SessionRow] = []
        self._thread = Thread(target=self._run, name="sessiongate", daemon=True)

    def fileno(self) -> int:
        """For `select`."""
        return self._reads

    def begin(self) -> None:
        """Have it start; `started` says when it has."""
        self._thread.start()
        self._began.wait()

    def started(self) -> Started:
        """How it has started. Waits for that. Raises what has kept it from it."""
        found = self._started.result()
        os.read(self._reads, 1)
        return found

    def end(self) -> list[SessionRow]:
        """Stop it. The sessions that were open at that moment, the oldest first. Idempotent."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # its loop is closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        return self._open_at_end

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            self._loop = runner.get_loop()
            self._task = self._loop.create_task(self._serve())
            self._task.add_done_callback(self._over)
            self._began.set()
            self._loop.run_until_complete(asyncio.wait([self._task]))

    def _over(self, task: asyncio.Task[None]) -> None:
        problem = None if task.cancelled() else task.exception()
        if self._started.done():
            if problem is not None:
                _log.error("the server has ended by itself", **traced(problem))
        elif problem is None:
            self._started.cancel()
        else:
            self._started.set_exception(problem)
        os.write(self._writes, b".")

    async def _serve(self) -> None:
        async with running(self._config, supplied=self._supplied) as it:
            self._started.set_result(it.started)
            os.write(self._writes, b".")
            try:
                await it.stop_requested.wait()
            finally:
                self._open_at_end = await open_sessions(it.server)
                await self._faults.break_off()


async def open_sessions(server: Server) -> list[SessionRow]:
    """The live sessions of a server that runs, the oldest first."""
    if server.control is None:
        return []
    reply = await server.control(Request("GET", "/sessions", "", [], b"", "", True))
    rows = msgspec.json.decode(reply.body, type=list[SessionRow])
    return sorted(rows, key=lambda row: row.login_at)
