"""Work that goes on beside the calls, and is waited for before a gateway closes."""

import asyncio
from collections.abc import Coroutine

import structlog

from sessiongate.errors import Unavailable
from sessiongate.telemetry.tracebacks import traced

_log = structlog.get_logger(__name__)


class BackgroundTasks:
    """Tasks that nobody has to wait for where they begin."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Have it done. `name` is for whoever looks at the tasks of a process."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def stop(self) -> None:
        """Break off what is under way."""
        for task in self._tasks:
            task.cancel()

    def _on_done(self, task: asyncio.Task[None]) -> None:
        """Nobody waits for most of them, so that what went wrong is told to the log."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Unavailable):
            _log.warning("work beside the calls was not done", work=task.get_name(), why=str(error))
        elif error is not None:
            name = task.get_name()
            _log.error("work beside the calls has failed", work=name, **traced(error))

    async def all_done(self) -> None:
        """Wait for all of it, and for what it begins."""
        while self._tasks:
            tasks, self._tasks = self._tasks, set()  # a wait for done tasks gives nobody a turn
            await asyncio.gather(*tasks, return_exceptions=True)


async def run_to_completion(work: Coroutine[None, None, None]) -> None:
    """Do it whole, also where whoever waits for it is cancelled: that takes effect afterwards."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
