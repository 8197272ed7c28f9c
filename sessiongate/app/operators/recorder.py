"""Fills the pictures of the last hours: a look at the counters of all workers each five seconds."""

from collections.abc import Awaitable, Callable, Mapping

from sessiongate.clock import Clock
from sessiongate.errors import Unavailable
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.history import Timeline
from sessiongate.telemetry.samples import UNKNOWN, ProcessCounts, SumOfCounts, counted, snapshot

OthersCounts = Callable[[], Awaitable[Mapping[int, ProcessCounts]]]
"""What the other processes of the server have counted, by their numbers: those that say it."""


async def nobody_else() -> dict[int, ProcessCounts]:
    """Of a server that is one process."""
    return {}


class Recorder:
    """Looks when it is called about once a second. `live` counts the sessions in the store."""

    def __init__(
        self,
        meters: Meters,
        live: Callable[[], Awaitable[int]],
        clock: Clock,
        others: OthersCounts = nobody_else,
    ) -> None:
        self.timeline = Timeline()
        self.workers = 1
        """How many processes have said at the last look what they had counted."""
        self._meters = meters
        self._live = live
        self._clock = clock
        self._others = others
        self._sum = SumOfCounts()

    def counted(self) -> ProcessCounts:
        """What this process has counted, for one that adds it up."""
        return counted(self._meters)

    async def step(self) -> None:
        """Take a snapshot where one is wanted. In an outage the number of sessions is unknown."""
        if not self.timeline.is_due(self._clock.now().timestamp()):
            return
        try:
            live = float(await self._live())
        except Unavailable:
            live = UNKNOWN
        found = await self._others()
        for number, counts in found.items():
            self._sum.add(number, counts)
        self.workers = 1 + len(found)
        at = self._clock.now().timestamp()
        self.timeline.look(at, snapshot(self._meters, live, self._sum.total))
