"""How long expiry holds up the event loop. Says four numbers, in milliseconds.

The longest step of the table alone; the longest that the loop worked between two turns while
nothing happened, and while the memory store expired all; and the last by the wall clock. The
others are the thread's own processor time: on a shared machine the wall clock shows how long
others held it up. Arguments: how many sessions, and for how many seconds to expire at most.
"""

import asyncio
import gc
import sys
import time
from datetime import UTC, datetime, timedelta

import uvloop
from tools import populate
from tools.turns import longest_gaps

from sessiongate.session import Caps, Limits
from sessiongate.store.embedded.memory import EXPIRE_STEP, MemoryStore
from sessiongate.store.embedded.table import SessionTable

IDLE = timedelta(minutes=30)


def table_alone(count: int, seconds: float) -> float:
    """The longest of the steps that the stores take between two turns of the loop."""
    opened = datetime.now(UTC)
    table = SessionTable(Limits(IDLE))
    for session in populate.sessions(count, opened):
        table.add(session, Caps())
    _as_a_server_does()
    over = opened + IDLE + timedelta(seconds=2)
    longest = 0.0
    until = time.perf_counter() + seconds
    began = time.thread_time()
    while table.step(over, EXPIRE_STEP) and time.perf_counter() < until:
        longest = max(longest, time.thread_time() - began)
        table.report(EXPIRE_STEP)
        began = time.thread_time()
    return longest * 1e3


def _as_a_server_does() -> None:
    """Once it has started; sessions that come later are not of the collector's."""
    gc.collect()
    gc.freeze()


async def filled(count: int, opened: datetime) -> MemoryStore:
    """A store with so many sessions that all end at the same moment."""
    store = MemoryStore(Limits(IDLE))
    for session in populate.sessions(count, opened):
        await store.add(session, Caps())
    return store


async def main(count: int, seconds: float) -> None:
    """Measure and say."""
    alone = table_alone(count, seconds)
    _as_a_server_does()
    opened = datetime.now(UTC)
    store = await filled(count, opened)
    over = opened + IDLE + timedelta(seconds=2)
    quiet, _ = await longest_gaps(lambda: asyncio.sleep(0), seconds)
    expiring, wall = await longest_gaps(lambda: store.expire(over, 5_000), seconds)
    print(alone, quiet, expiring, wall)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2])))
