"""The loop's time, from whichever loop runs first."""

import asyncio

from sessiongate.gateway.leases.loop_clock import LoopClock


def test_it_is_the_time_of_the_loop_that_runs() -> None:
    clock = LoopClock()

    async def story() -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert before <= clock() <= clock() <= loop.time()

    asyncio.run(story())
