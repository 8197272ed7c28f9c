"""Counts and timings: each time lands in the one bucket that Prometheus would look for it in."""

import pytest

from sessiongate.telemetry import upstream_counters
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.timings import BOUNDS, Timing
from sessiongate.telemetry.upstream_counters import UpstreamMeters


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (0.0, 0),
        (BOUNDS[0], 0),
        (BOUNDS[0] * 1.01, 1),
        (BOUNDS[-1], len(BOUNDS) - 1),
        (BOUNDS[-1] * 1.01, len(BOUNDS)),
        (3600.0, len(BOUNDS)),
    ],
)
def test_a_bound_belongs_to_the_bucket_below_it(seconds: float, bucket: int) -> None:
    timing = Timing()
    timing.add(seconds)
    assert [place for place, count in enumerate(timing.buckets) if count] == [bucket]
    assert timing.seconds == seconds


def test_times_add_up() -> None:
    timing = Timing()
    for seconds in (0.5, 0.5, 2.0):
        timing.add(seconds)
    assert (sum(timing.buckets), timing.seconds) == (3, 3.0)


def test_the_bounds_rise() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))


def test_a_timing_is_made_once_for_each_name() -> None:
    meters = Meters()
    first = meters.timing(meters.store_times, "use")
    assert meters.timing(meters.store_times, "use") is first
    assert meters.timing(meters.store_times, "add") is not first
    assert meters.timing(meters.login_times, "use") is not first
    assert meters.store_times.keys() == {"use", "add"}


def test_saved_logins_are_counted_by_client_too_within_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upstream_counters, "_MOST_CLIENTS", 2)
    meters = UpstreamMeters()
    meters.login("ok")
    clients = [("local", name, "tool", "192.0.2.1") for name in "aabbc"]
    for number, client in enumerate(clients):
        meters.client_opened(str(number), client)
        meters.served(str(number))
        meters.served(str(number))
    meters.client_opened("gone", clients[0])
    meters.client_ended("gone")
    meters.served("gone")
    assert meters.saved == 4
    assert meters.saved_of == {clients[0]: 1, clients[2]: 2}  # the first login was a's own
