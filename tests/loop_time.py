"""The event loop's clock, which tests set on: timers and deadlines fall due at once."""

import asyncio

import pytest


class LoopTime:
    """Goes on by itself, as connections need it, and in leaps where it is told to."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """For the loop that runs."""
        self._leapt = 0.0
        loop = asyncio.get_running_loop()
        real = loop.time
        patch.setattr(loop, "time", lambda: real() + self._leapt)

    def tick(self, seconds: float) -> None:
        """Leap on."""
        self._leapt += seconds
