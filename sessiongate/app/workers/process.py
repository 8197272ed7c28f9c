"""One server process, from the first signal that it heeds to its last."""

import asyncio
import gc
import signal

import structlog

from sessiongate.app.in_process import running
from sessiongate.app.reload import Reread, reload_when
from sessiongate.app.started import Announce
from sessiongate.config import Config

_log = structlog.get_logger("sessiongate")


async def serve(config: Config, announce: Announce, reread: Reread | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then stop gracefully. At SIGHUP read the settings again."""
    again = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, again.set)
    async with running(config, signals=True, watched=True) as it:
        server, done = it.server, it.stop_requested
        reloading = asyncio.create_task(
            reload_when(again, reread, lambda: server.config, server.reload)
        )
        try:
            # What is here by now stays. Left among what the collector walks through, it would hold
            # up every session for some 10 ms each time (measured at 1 M sessions); without, 0.3 ms.
            gc.collect()
            gc.freeze()
            announce(it.started)
            await done.wait()
            _log.info("stopping")
            done.clear()  # told again, it waits no longer
            await server.drain(done)
        finally:
            reloading.cancel()
