"""The event loop's clock, for what is made before there is a loop."""

import asyncio


class LoopClock:
    """Seconds by the loop that runs when it is asked first: to ask for that takes longer than for
    the time.
    """

    __slots__ = ("_loop",)

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self) -> float:
        """The time."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        return loop.time()
