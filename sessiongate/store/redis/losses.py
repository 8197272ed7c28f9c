"""Sees whether Redis still has what was kept in it: emptied or come back empty, it does not say so.

The first server that finds no mark leaves one. Who finds another mark than before knows that all
was lost in between, whichever server has left the new one. Nothing is mended: the sessions are
gone, and their clients log in again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex

import structlog

from sessiongate.errors import Overloaded, StoreUnavailable
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import script

LOOK_EVERY = 10.0
"""Seconds. One look takes Redis some 30 microseconds."""

LOOK = script(
    """
local mark = redis.call('GET', KEYS[1])
if not mark then
  mark = ARGV[1]
  redis.call('SET', KEYS[1], mark)
end
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
return {mark, run}
""",
    full=True,
)
"""The mark of the data, and of the run of Redis; "" where its user may not ask for that."""

_log = structlog.get_logger("sessiongate.store")


class Losses:
    """Of one store. `start` once it is open, `close` in the end."""

    def __init__(self, calls: Pipeline, key: str, name: str, on_loss: Callable[[], None]) -> None:
        """`key` is the mark's; `name` says which Redis it is; `on_loss` hears of each loss."""
        self._calls = calls
        self._key = key
        self._name = name
        self._on_loss = on_loss
        self._mark = self._run = b""
        self._looking: asyncio.Task[None] | None = None
        self.count = 0
        """How often all was lost since the start."""

    async def start(self) -> None:
        """Learn the mark, as far as Redis answers, and look again from now on."""
        await self._look_or_wait()
        self._looking = asyncio.create_task(self._look_on(), name="sessiongate-store-losses")

    async def close(self) -> None:
        """Look no longer."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None

    async def look(self) -> None:
        """Warn of a loss since the last look. Raises StoreUnavailable."""
        mark, run = await self._calls.run(LOOK, (self._key,), token_hex(8))
        before, self._mark = (self._mark, self._run), mark
        self._run = run or self._run
        if before[0] in (b"", mark):
            return
        self.count += 1
        self._on_loss()
        _log.warning(
            "the store has lost everything: all sessions, and who is locked out",
            store=self._name,
            why=_why(before[1], run),
        )

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._look_or_wait()

    async def _look_or_wait(self) -> None:
        with suppress(StoreUnavailable, Overloaded):  # told by whoever needs the store
            await self.look()


def _why(run_before: bytes, run: bytes) -> str:
    if not run or not run_before:
        return (
            "Redis was emptied, or came back without its data; clients log in again. Give its user"
            " +info to have the log say which"
        )
    if run == run_before:
        return "Redis was emptied while it ran (FLUSHALL, FLUSHDB); clients log in again"
    return (
        "Redis was restarted, or another has taken its place, and came without its data; clients"
        " log in again. With appendonly yes it keeps its data over a restart"
    )
