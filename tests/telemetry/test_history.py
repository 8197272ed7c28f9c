"""The last hour and day of one process: in order, bounded, with gaps where nobody looked."""

import sys
from math import isnan

from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.history import DAY, HOUR, Ring, Scale, Timeline
from sessiongate.telemetry.samples import SERIES, snapshot

LIVE, LOGINS = SERIES.index("live"), SERIES.index("logins_ok")


def known(values: list[float]) -> list[float | None]:
    return [None if isnan(value) else value for value in values]


def test_the_newest_steps_are_kept_in_order() -> None:
    ring = Ring(Scale(5, 3), 2)
    assert (known(ring.series(0)), ring.until()) == ([None] * 3, None)
    for step in range(100, 105):
        ring.put(step, [step, -step])
    assert (ring.series(0), ring.series(1)) == ([102, 103, 104], [-102, -103, -104])
    assert ring.until() == 525


def test_steps_that_nobody_looked_at_are_gaps() -> None:
    ring = Ring(Scale(5, 4), 1)
    ring.put(10, [1])
    ring.put(12, [3])
    assert known(ring.series(0)) == [None, 1, None, 3]
    ring.put(1_000_000, [9])  # as after a sleep: at once, and nothing of before is left
    assert known(ring.series(0)) == [None, None, None, 9]


def test_a_clock_that_steps_back_changes_nothing() -> None:
    ring = Ring(Scale(5, 2), 1)
    ring.put(10, [1])
    ring.put(9, [7])
    ring.put(10, [8])
    assert known(ring.series(0)) == [None, 1]


def test_counts_are_of_their_step_and_levels_of_its_end() -> None:
    history, meters = Timeline(), Meters()
    hour, day = history.rings
    for second in range(181):
        meters.logins["zerto", "ok"] += 1
        if history.is_due(1_000_020 + second):
            history.look(1_000_020 + second, snapshot(meters, float(second)))
    assert hour.series(LOGINS)[-36:] == [5.0] * 36
    assert hour.series(LIVE)[-3:] == [170, 175, 180]
    assert known(day.series(LOGINS))[-4:] == [None, 60, 60, 60]
    assert hour.until() == day.until() == 1_000_200
    assert history.began == 1_000_020


def test_it_asks_for_a_snapshot_once_a_step() -> None:
    history = Timeline()
    looked = 0
    for tenth in range(3_000):
        if history.is_due(1_000_000 + tenth / 10):
            history.look(1_000_000 + tenth / 10, snapshot(Meters(), 0.0))
            looked += 1
    assert looked == 300 / HOUR.step


def test_it_reaches_back_an_hour_and_a_day_within_300_kb() -> None:
    assert (HOUR.step * HOUR.length, DAY.step * DAY.length) == (3600, 86400)
    assert len(SERIES) == 12
    history = Timeline()
    kept = [vars(ring)["_values"] for ring in history.rings]
    assert sum(map(sys.getsizeof, kept)) < 300_000
    for number in range(3 * DAY.length):
        history.look(60.0 * number, snapshot(Meters(), 1.0))
    assert sum(sys.getsizeof(vars(ring)["_values"]) for ring in history.rings) < 300_000
