"""Work that goes on beside the calls, and is waited for before a gateway closes."""

import asyncio
from collections.abc import Coroutine


class Apart:
    """Tasks that nobody has to wait for where they begin."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Have it done. `name` is for whoever looks at the tasks of a process."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def all_done(self) -> None:
        """Wait for all of it, and for what it begins."""
        while self._tasks:
            tasks, self._tasks = self._tasks, set()  # a wait for done tasks gives nobody a turn
            await asyncio.gather(*tasks, return_exceptions=True)


async def to_the_end(work: Coroutine[None, None, None]) -> None:
    """Do it whole, also where whoever waits for it is cancelled: that takes effect afterwards."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
