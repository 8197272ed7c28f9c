"""Sees whether Redis still has what was kept in it: emptied or come back empty, it does not say so.

The first server that finds no mark leaves one. Who finds another mark than before, or none, looks
for a few sessions that were there at its last look. Where none is left, all was lost in between,
whichever server has left the new mark; nothing is mended, and clients log in again. Where one is,
the mark alone has gone. A session that is opened after a loss says nothing of what was before it.

In a Cluster the mark stands for the node of its slot alone, where the places of all sessions are:
what another node loses, nobody is told of here.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex

import structlog

from sessiongate.errors import Overloaded, StoreUnavailable
from sessiongate.store.redis.keys import RedisKeys
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import script

LOOK_EVERY = 10.0
"""Seconds. With 1,000 sessions one look takes Redis 78 microseconds on a busy machine."""

WITNESSES = 8
"""Sessions that are looked for where the mark is gone. In the time of a look few of them end."""

LOOK = script(
    """
local mark, left = redis.call('GET', KEYS[1]), 0
if mark ~= ARGV[2] then
  for at = 4, #ARGV do
    left = left + redis.call('HEXISTS', KEYS[2], ARGV[at])
  end
  if not mark then
    mark = left > 0 and ARGV[2] or ARGV[1]
    redis.call('SET', KEYS[1], mark)
  end
end
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
return {mark, run, left, redis.call('HRANDFIELD', KEYS[2], ARGV[3])}
""",
    full=True,
)
"""The mark of the data, and of the run of Redis; "" where its user may not ask for that. How many
of the witnesses are left, where the mark is not the one before. And the witnesses of the next look.
The mark before is written again where one is left, so that others see no loss."""

_PARTIAL = (
    "sessions are there still, but not the mark that is written once: others may be gone, or have"
    " come back. See that maxmemory-policy is noeviction, and appendonly yes"
)

_log = structlog.get_logger("sessiongate.store")


class Losses:
    """Of one store. `start` once it is open, `close` in the end."""

    def __init__(
        self, calls: Pipeline, keys: RedisKeys, name: str, on_loss: Callable[[], None]
    ) -> None:
        """`name` says which Redis it is; `on_loss` hears of each loss, of all or of the mark."""
        self._calls = calls
        self._keys = keys.mark, keys.places
        self._name = name
        self._on_loss = on_loss
        self._mark = self._run = b""
        self._witnesses: list[bytes] = []
        self._looking: asyncio.Task[None] | None = None
        self.count = 0
        """How often all was lost since the start."""
        self.partial = 0
        """How often the mark was lost, and not all sessions."""

    async def start(self) -> None:
        """Learn the mark, as far as Redis answers, and look again from now on."""
        await self._look_or_wait()
        self._looking = asyncio.create_task(self._look_on(), name="sessiongate-store-losses")

    async def close(self) -> None:
        """Look no longer."""
        if self._looking is not None:
            self._looking.cancel()
            # So it is not taken for the end of the task where this one is cancelled.
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None

    async def look(self) -> None:
        """Warn of a loss since the last look. Raises StoreUnavailable."""
        mark, run, left, self._witnesses = await self._calls.run(
            LOOK, self._keys, token_hex(8), self._mark, WITNESSES, *self._witnesses
        )
        before, self._mark = (self._mark, self._run), mark
        self._run = run or self._run
        if left:
            self.partial += 1
            self._on_loss()
            _log.warning(
                "the store has lost something: a key was thrown away, or an older copy came back",
                store=self._name,
                why=_PARTIAL,
            )
        elif before[0] not in (b"", mark):
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
