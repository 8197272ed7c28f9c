"""How long work keeps an event loop from coming round.

By the processor time of its thread: on a shared machine the wall clock shows how long others held
it up.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def longest_gaps(
    work: Callable[[], Awaitable[object]], seconds: float
) -> tuple[float, float]:
    """Repeat some work; the longest that it kept the loop from coming round, in milliseconds.

    By the thread's processor time, and by the wall clock.
    """
    loop = asyncio.get_running_loop()
    longest, going = [0.0, 0.0], True
    last = [time.thread_time(), time.perf_counter()]

    def turn() -> None:
        now = [time.thread_time(), time.perf_counter()]
        for clock in (0, 1):
            longest[clock] = max(longest[clock], now[clock] - last[clock])
        last[:] = now
        if going:
            loop.call_soon(turn)

    loop.call_soon(turn)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        await work()
        await asyncio.sleep(0.01)
    going = False
    await asyncio.sleep(0)
    return longest[0] * 1e3, longest[1] * 1e3
