"""Numbers of pictures: thinned without losing a peak or a count; unknown where nobody looked."""

from datetime import UTC, datetime, timedelta
from math import nan

from sessiongate.operations.console.charts import POINTS, ROWS, charts_of, highest, thinned
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.history import Timeline
from sessiongate.telemetry.samples import snapshot
from sessiongate.testing import T0


def test_counts_add_up_and_levels_keep_their_peak() -> None:
    values = [1.0, 2.0, 9.0, 0.0, nan, 4.0, nan, nan]
    assert thinned(values, 4, sum) == [3.0, 9.0, 4.0, None]
    assert thinned(values, 4, highest) == [2.0, 9.0, 4.0, None]


def test_an_hour_and_a_day_have_their_charts() -> None:
    history, meters = Timeline(), Meters()
    began = T0.timestamp()
    for step in range(0, 3600, 5):
        meters.logins["zerto", "ok"] += 2
        meters.ends["idle"] += 1
        meters.timing(meters.store_times, "use").add(0.0004)
        history.look(began + step, snapshot(meters, step / 5))
    hour = {one.key: one for one in charts_of(history, "1h", T0)}
    assert set(hour) == {"logins", "sessions", "ends", "checks", "login_times"}
    logins = hour["logins"]
    assert [line.label for line in logins.lines][:2] == ["let in", "refused"]
    assert len(logins.lines[0].values) == POINTS
    assert (logins.step, logins.lines[0].values[-1]) == (30, 12)
    assert logins.until == datetime.fromtimestamp(began + 3595, UTC)
    assert [row.values[0] for row in logins.rows[-2:]] == [120, 120]
    assert len(logins.rows) == ROWS
    assert [row.until for row in logins.rows[-2:]] == [
        logins.until - timedelta(minutes=5),
        logins.until,
    ]
    assert hour["sessions"].lines[0].values[-1] == 719
    assert set(hour["sessions"].lines[1].values) == {None}  # there is no upstream
    assert 0.25 < (hour["checks"].lines[0].values[-1] or 0) <= 0.5  # milliseconds
    assert hour["ends"].lines[1].values[-1] == 6
    day = {one.key: one for one in charts_of(history, "24h", T0)}
    assert (day["logins"].step, day["logins"].lines[0].values[-1]) == (720, 288)


def test_before_anything_was_looked_at_nothing_is_known() -> None:
    for chart in charts_of(Timeline(), "1h", T0):
        assert chart.until == T0
        assert {value for line in chart.lines for value in line.values} == {None}
