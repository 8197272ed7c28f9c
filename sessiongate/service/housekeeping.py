"""What happens once a second without anybody asking: sessions expire, changed users are noticed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from sessiongate.errors import Unavailable
from sessiongate.telemetry.tracebacks import traced

_log = structlog.get_logger("sessiongate.janitor")

Step = Callable[[], Awaitable[object]]


class Janitor:
    """Runs steps, one after the other, and outlives whatever one of them raises."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    async def step(self) -> None:
        """Run every step once."""
        for step in self._steps:
            try:
                await step()
            except Unavailable as error:
                # An outage says so in one line a round; the next round tries again.
                _log.warning("janitor step put off", why=str(error))
            except Exception as error:  # noqa: BLE001 - one failed round must not be the last
                _log.error("janitor step failed", **traced(error))

    async def run(self, pause: Callable[[], Awaitable[object]]) -> None:
        """Run the steps again and again, with a pause before each round, until cancelled."""
        while True:
            await pause()
            await self.step()


async def every_second() -> None:
    """The usual pause. Expiry is judged at each use, so nothing hangs on its length."""
    await asyncio.sleep(1)
