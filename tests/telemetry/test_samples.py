"""Twelve numbers for a stretch of time, from what was counted before and after it."""

import math
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.samples import SERIES, UNKNOWN, between, quantile, snapshot
from sessiongate.telemetry.timings import BOUNDS, Timing
from sessiongate.telemetry.upstream_counters import UpstreamMeters, UpstreamNow


def test_only_what_came_in_between_is_in_it() -> None:
    meters = Meters()
    meters.logins["zerto", "ok"] += 5
    meters.ends["logout"] += 5
    before = snapshot(meters, 1.0)
    meters.logins["zerto", "ok"] += 2
    meters.logins["soap", "ok"] += 1
    meters.logins["soap", "locked"] += 4
    meters.logins["rest", "unavailable"] += 1
    for reason, count in (("logout", 1), ("idle", 2), ("aged", 3), ("terminated", 4)):
        meters.ends[reason] += count
    meters.timing(meters.store_times, "use").add(0.0004)
    meters.timing(meters.store_times, "add").add(3.0)
    meters.timing(meters.login_times, "zerto").add(0.04)
    meters.timing(meters.login_times, "soap").add(0.04)
    found = dict(zip(SERIES, between(before, snapshot(meters, 7.0)), strict=True))
    times = {name: found.pop(name) for name in SERIES[-4:]}
    assert isnan(found.pop("upstream"))
    assert found == {
        "logins_ok": 3,
        "logins_refused": 4,
        "logins_undecided": 1,
        "live": 7,
        "ends_logout": 1,
        "ends_limit": 5,
        "ends_otherwise": 4,
    }
    assert 0.00025 < times["check_p50"] <= times["check_p99"] <= 0.0005
    assert 0.025 < times["login_p50"] <= times["login_p99"] <= 0.05


def test_sessions_at_all_upstreams_are_one_number() -> None:
    meters = Meters()
    for name, count in (("vc1", 2), ("vc2", 3)):
        one = meters.upstreams[name] = UpstreamMeters()
        states = {"idle": count, "active": 1}
        one.now = lambda states=states: UpstreamNow(states, 9, 0, 0, 0, False)
    assert snapshot(meters, UNKNOWN).upstream == 7


def test_where_nothing_happened_no_time_is_known() -> None:
    nothing = snapshot(Meters(), UNKNOWN)
    assert [isnan(one) for one in between(nothing, nothing)[-4:]] == [True] * 4


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_a_quantile_is_in_the_bucket_of_the_time_that_it_is_of(
    times: list[float], share: float
) -> None:
    timing = Timing()
    for one in times:
        timing.add(one)
    exact = sorted(times)[math.ceil(share * len(times) - 1e-9) - 1]
    found = quantile(timing.buckets, share)
    high = next((bound for bound in BOUNDS if bound >= exact), BOUNDS[-1])
    low = max((bound for bound in BOUNDS if bound < exact), default=0.0)
    assert min(low, BOUNDS[-1]) - 1e-12 <= found <= high + 1e-12


def test_half_of_times_that_are_spread_evenly_is_in_the_middle() -> None:
    assert quantile([0, 0, 0, 0, 10], 0.5) == pytest.approx((BOUNDS[3] + BOUNDS[4]) / 2)
