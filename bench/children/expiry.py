"""How long expiry holds up the event loop. Says four numbers, in milliseconds.

The longest step of the table alone; the longest gap between two turns of the loop while nothing
happens, while the memory store expires all, and while the server's own sweep does (log lines and
all). Arguments: how many sessions, and for how many seconds to expire at most.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import uvloop
from tools import populate

from sessiongate.clock import SystemClock
from sessiongate.identity.choice import Choice
from sessiongate.identity.guard import Guard
from sessiongate.logs import LogFormat, configure_logs
from sessiongate.rules.access import Roles
from sessiongate.service.sessions import Sessions
from sessiongate.session import Caps, Limits
from sessiongate.store.memory import EXPIRE_STEP, MemoryStore
from sessiongate.store.table import SessionTable

IDLE = timedelta(minutes=30)


def table_alone(count: int, seconds: float) -> float:
    """The longest of the steps that the stores take between two turns of the loop."""
    opened = datetime.now(UTC)
    table = SessionTable(Limits(IDLE))
    for session in populate.sessions(count, opened):
        table.add(session, Caps())
    over = opened + IDLE + timedelta(seconds=2)
    longest = 0.0
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    while table.step(over, EXPIRE_STEP) and began < until:
        ended = time.perf_counter()
        longest = max(longest, ended - began)
        table.report(EXPIRE_STEP)
        began = time.perf_counter()
    return longest * 1e3


async def longest_gap(work: Callable[[], Awaitable[object]], seconds: float) -> float:
    """Repeat some work and say the longest time that the loop did not come round."""
    loop = asyncio.get_running_loop()
    longest, last, going = 0.0, time.perf_counter(), True

    def turn() -> None:
        nonlocal longest, last
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
        if going:
            loop.call_soon(turn)

    loop.call_soon(turn)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        await work()
        await asyncio.sleep(0.01)
    going = False
    await asyncio.sleep(0)
    return longest * 1e3


async def filled(count: int, opened: datetime) -> MemoryStore:
    """A store with so many sessions that all end at the same moment."""
    store = MemoryStore(Limits(IDLE))
    for session in populate.sessions(count, opened):
        await store.add(session, Caps())
    return store


class LaterClock(SystemClock):
    """The time at which all these sessions are over."""

    def now(self) -> datetime:
        """Past every idle limit."""
        return super().now() + IDLE + timedelta(seconds=2)


async def main(count: int, seconds: float) -> None:
    """Measure and say."""
    alone = table_alone(count, seconds)
    opened = datetime.now(UTC)
    store = await filled(count, opened)
    over = opened + IDLE + timedelta(seconds=2)
    quiet = await longest_gap(lambda: asyncio.sleep(0), seconds)
    expiring = await longest_gap(lambda: store.expire(over, 5_000), seconds)
    configure_logs(LogFormat.JSON)
    choice: Choice[Guard] = Choice({}, {})
    clock = LaterClock()
    swept = Sessions(
        await filled(count, opened), choice, Roles({}), clock, caps=Caps(), default_locale="en",
        host="bench",
    )  # fmt: skip
    sweeping = await longest_gap(swept.sweep, seconds)
    print(alone, quiet, expiring, sweeping)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2])))
