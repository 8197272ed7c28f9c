"""The last hours fill by themselves, an outage of the store included."""

from datetime import timedelta
from math import isnan

from sessiongate.app.operators.recorder import Recorder
from sessiongate.errors import StoreUnavailable
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.samples import SERIES, ProcessCounts
from sessiongate.testing import FakeClock

LIVE, LOGINS = SERIES.index("live"), SERIES.index("logins_ok")


async def test_each_five_seconds_are_a_point_and_an_outage_leaves_the_counts() -> None:
    clock, meters, asked = FakeClock(), Meters(), 0

    async def live() -> int:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise StoreUnavailable("the disk is gone")
        return asked

    recorder = Recorder(meters, live, clock)
    for _ in range(16):
        await recorder.step()
        meters.logins["zerto", "ok"] += 1
        clock.tick(timedelta(seconds=1))
    hour = recorder.timeline.rings[0]
    assert hour.series(LOGINS)[-3:] == [5, 5, 5]
    first, second, third = hour.series(LIVE)[-3:]
    assert (first, isnan(second), third) == (2, True, 4)
    assert asked == 4  # the store is asked once for each point


async def test_what_other_workers_have_counted_is_in_it_and_a_new_one_takes_nothing_away() -> None:
    clock, meters = FakeClock(), Meters()
    told: dict[int, ProcessCounts] = {1: ProcessCounts((100, 0, 0)), 2: ProcessCounts((7, 0, 0))}

    async def live() -> int:
        return 1

    async def others() -> dict[int, ProcessCounts]:
        return dict(told)

    recorder = Recorder(meters, live, clock, others)

    async def step() -> None:
        meters.logins["zerto", "ok"] += 1
        clock.tick(timedelta(seconds=5))
        await recorder.step()

    await recorder.step()
    told[1] = ProcessCounts((103, 0, 0))
    await step()
    assert recorder.workers == 3
    told[1] = ProcessCounts((2, 0, 0))  # it has died, and another one has its place
    await step()
    del told[2]
    await step()
    assert recorder.workers == 2
    assert recorder.timeline.rings[0].series(LOGINS)[-3:] == [4, 3, 1]
