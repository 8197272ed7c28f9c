"""A server inside a process that does more than serve: in a test, or in a program of your own."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from sessiongate.app.server import Server
from sessiongate.app.started import Started
from sessiongate.app.supplied import SERVERS_OWN, Supplied
from sessiongate.clock import ServerClock
from sessiongate.config import Config

_ENDS = (signal.SIGTERM, signal.SIGINT)


class RunningServer(msgspec.Struct, frozen=True):
    """A server that listens, until its context ends."""

    server: Server
    started: Started
    stop_requested: asyncio.Event
    """Set where a signal has asked for the end, if signals are heeded; or by whoever likes."""


@asynccontextmanager
async def running(
    config: Config,
    *,
    clock: ServerClock | None = None,
    signals: bool = False,
    watched: bool = False,
    supplied: Supplied = SERVERS_OWN,
) -> AsyncIterator[RunningServer]:
    """Serve with these settings while the context is entered, on the running event loop.

    In any thread, beside other servers, and without effect on the process: signal handlers are
    installed with `signals` alone (main thread only), for SIGTERM and SIGINT, and removed at the
    end; the log is as the process has it. Only where `server.limits.connections` takes more files
    than the process may open, it may open more from then on.

    Time is `clock`'s, by default the system's. `supplied` is what else is the caller's; `watched`,
    the server warns of doubts about its settings. Raises ConfigError or StoreUnavailable where it
    cannot start. At the end it accepts no more, finishes what runs, and writes what is pending.
    """
    if clock is not None:
        supplied = msgspec.structs.replace(supplied, clock=clock)
    server = Server(config, supplied=supplied, watched=watched)
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    heeded = _ENDS if signals else ()
    for number in heeded:
        loop.add_signal_handler(number, told.set)
    try:
        started = await server.start()
        try:
            yield RunningServer(server, started, told)
        finally:
            await server.stop()
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)
