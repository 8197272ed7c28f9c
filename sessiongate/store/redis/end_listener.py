"""Receives the ends of sessions from Redis: one subscription to each primary.

A line that is quiet proves nothing, so each is asked four times a second whether it still hears.
What was told before Redis answered that has reached us, since a line keeps its order. So `live` is
a promise: every end of longer than a second ago has been heard of.
"""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from redis.asyncio import Connection
from redis.exceptions import RedisError

# How often a line is asked, and for how long its answer counts from when it was asked.
ASK_EVERY = 0.25
GOOD_FOR = 1.0

# Between two tries to listen again.
_PAUSE = 0.25

_log = structlog.get_logger("sessiongate.store")

Clock = Callable[[], float]


class EndListener:
    """Listens until closed, and begins anew when a line breaks."""

    def __init__(
        self,
        lines: Callable[[], list[Connection]],
        channel: str,
        *,
        on_end: Callable[[bytes], None],
        lost: Callable[[], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self._lines = lines
        self._channel = channel
        self._on_end = on_end
        self._lost = lost
        self._clock = clock
        self._pinged_at: list[float] = []
        self._answered_at: list[float] = []
        self._task: asyncio.Task[None] | None = None
        self._first = asyncio.Event()

    @property
    def live(self) -> bool:
        """Whether every end of more than a second ago has been heard of."""
        heard = self._answered_at
        if not heard:
            return False
        oldest = heard[0] if len(heard) == 1 else min(heard)
        return self._clock() - oldest < GOOD_FOR

    async def start(self, patience: float) -> None:
        """Begin, and wait so long for the first time that it is live."""
        self._task = asyncio.create_task(self._run(), name="sessiongate-store-listening")
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._first.wait()

    async def close(self) -> None:
        """Stop listening."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            lines = self._lines()
            self._pinged_at = [0.0] * len(lines)
            try:
                # The first that breaks takes the others along: half of the ends are not enough.
                async with asyncio.TaskGroup() as group:
                    pending = [math.inf for _ in lines]
                    for number, line in enumerate(lines):
                        group.create_task(self._listen(number, line, pending))
            except* (RedisError, OSError, TimeoutError) as broken:
                why = type(broken.exceptions[0]).__name__
                if self._answered_at:
                    _log.warning("the store's ends are not heard: no cache until then", error=why)
            finally:
                self._answered_at = []
                self._lost()
                for line in lines:
                    await line.disconnect(nowait=True)
            await asyncio.sleep(_PAUSE)

    async def _listen(self, number: int, line: Connection, pending: list[float]) -> None:
        async with asyncio.timeout(GOOD_FOR):
            await line.connect()  # type: ignore[no-untyped-call]
        await line.send_command("SUBSCRIBE", self._channel)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask(number, line))
            while True:
                message = await line.read_response()
                if message[0] == b"message":
                    self._on_end(message[2])
                elif message[0] == b"pong":
                    pending[number] = float(message[1])
                    if math.inf not in pending:
                        self._answered_at = pending
                        self._first.set()

    async def _ask(self, number: int, line: Connection) -> None:
        """Ask whether the line still hears; give it up when it has not answered for long."""
        while True:
            self._pinged_at[number] = self._clock()
            await line.send_command("PING", repr(self._pinged_at[number]), check_health=False)
            await asyncio.sleep(ASK_EVERY)
            if self._answered_at and self._clock() - self._answered_at[number] > 3 * GOOD_FOR:
                raise TimeoutError
