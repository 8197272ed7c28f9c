"""Fills the pictures of the last hours: a look at the counters each five seconds."""

from collections.abc import Awaitable, Callable

from sessiongate.clock import Clock
from sessiongate.errors import Unavailable
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.history import Timeline
from sessiongate.telemetry.samples import UNKNOWN, snapshot


class Recorder:
    """Looks when it is called about once a second. `live` counts the sessions in the store."""

    def __init__(self, meters: Meters, live: Callable[[], Awaitable[int]], clock: Clock) -> None:
        self.timeline = Timeline()
        self._meters = meters
        self._live = live
        self._clock = clock

    async def step(self) -> None:
        """Take a snapshot where one is wanted. In an outage the number of sessions is unknown."""
        if not self.timeline.is_due(self._clock.now().timestamp()):
            return
        try:
            live = float(await self._live())
        except Unavailable:
            live = UNKNOWN
        self.timeline.look(self._clock.now().timestamp(), snapshot(self._meters, live))
