"""What is done once a second without a request: sessions expire, changed users are noticed.

Whether a session has expired is decided at each use, so an expired one is never alive. The sweep
frees its room and writes its end down, in steps so small that no check waits for them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import Unavailable
from sessiongate.session import Ended, Session
from sessiongate.store.port import SessionStore
from sessiongate.telemetry.tracebacks import traced

_log = structlog.get_logger("sessiongate.janitor")

# Sessions looked at in one step of the sweep. Where all have ended, each costs a log line and an
# entry in the audit: with 500 a check waited 46 ms (one in a thousand), with 50 less than 8 ms.
_SWEEP = 50

# Steps in one sweep. Live sessions are looked at too, each about once in an idle limit: a million
# of them are 560 a second. While all that is found has ended, more follow at once.
_STEPS, _MOST_STEPS = 100, 1_000

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


async def sweep(
    store: SessionStore,
    clock: Clock,
    journal: Journal,
    tell: Callable[[Session, Ended], None],
) -> int:
    """End sessions past their limits, a bounded number of them, and write down each end.

    `tell` gets each session with the reason.
    """
    count = 0
    for step in range(1, _MOST_STEPS + 1):
        ended = await store.expire(clock.now(), _SWEEP)
        for session, reason in ended:
            journal.expired(session, reason)
            tell(session, reason)
        count += len(ended)
        if step >= _STEPS and len(ended) < _SWEEP:
            break
        await asyncio.sleep(0)
    return count
