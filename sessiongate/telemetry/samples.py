"""What the pictures of a server's last hours show: twelve numbers for each stretch of time.

Made of what was counted before the stretch and after it. Pure.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.timings import BOUNDS, Timing

UNKNOWN = math.nan
"""Where nothing was measured, or there was nothing to measure."""

SERIES = (
    *("logins_ok", "logins_refused", "logins_undecided"),
    *("live", "upstream"),
    *("ends_logout", "ends_limit", "ends_otherwise"),
    *("check_p50", "check_p99", "login_p50", "login_p99"),
)
"""Numbers of a stretch: logins and ends in it, sessions at its end, and times in seconds."""

_BY_LIMIT = ("idle", "aged")


class Snapshot(msgspec.Struct, frozen=True):
    """What was counted up to one moment, and what was there at it."""

    logins: tuple[int, int, int]
    """Since the start: let in, refused, undecided."""
    ends: tuple[int, int, int]
    """Since the start: by a logout, by a time limit, otherwise."""
    checks: tuple[int, ...]
    """Since the start, by bucket (`timings.BOUNDS`)."""
    login_times: tuple[int, ...]
    live: float = UNKNOWN
    upstream: float = UNKNOWN
    """Sessions at all upstreams; UNKNOWN without a gateway."""


def snapshot(meters: Meters, live: float) -> Snapshot:
    """What these meters have counted."""
    let_in = undecided = refused = 0
    for (_, result), count in meters.logins.items():
        if result == "ok":
            let_in += count
        elif result == "unavailable":
            undecided += count
        else:
            refused += count
    by_limit = sum(meters.ends[reason] for reason in _BY_LIMIT)
    logout = meters.ends["logout"]
    there = [one.now() for one in meters.upstreams.values() if one.now is not None]
    return Snapshot(
        (let_in, refused, undecided),
        (logout, by_limit, meters.ends.total() - logout - by_limit),
        _buckets([meters.store_times[one] for one in ("use",) if one in meters.store_times]),
        _buckets(meters.login_times.values()),
        live,
        float(sum(sum(one.sessions.values()) for one in there)) if there else UNKNOWN,
    )


def between(before: Snapshot, after: Snapshot) -> tuple[float, ...]:
    """The numbers of the stretch between two moments, in the order of SERIES."""
    checks = _minus(after.checks, before.checks)
    logins = _minus(after.login_times, before.login_times)
    return (
        *map(float, _minus(after.logins, before.logins)),
        after.live,
        after.upstream,
        *map(float, _minus(after.ends, before.ends)),
        quantile(checks, 0.5),
        quantile(checks, 0.99),
        quantile(logins, 0.5),
        quantile(logins, 0.99),
    )


def quantile(buckets: Sequence[int], share: float) -> float:
    """The time that this share of all needed at most, as far as the buckets tell; UNKNOWN of none.

    Within a bucket times are taken to be spread evenly, and none to be above the last bound.
    """
    wanted = share * sum(buckets)
    if not wanted:
        return UNKNOWN
    below, low = 0, 0.0
    for count, high in zip(buckets, BOUNDS, strict=False):
        if count and below + count >= wanted:
            return low + (high - low) * (wanted - below) / count
        below, low = below + count, high
    return BOUNDS[-1]


def _buckets(timings: Iterable[Timing]) -> tuple[int, ...]:
    total = [0] * (len(BOUNDS) + 1)
    for timing in timings:
        total = [one + more for one, more in zip(total, timing.buckets, strict=True)]
    return tuple(total)


def _minus(after: Sequence[int], before: Sequence[int]) -> tuple[int, ...]:
    return tuple(max(0, one - less) for one, less in zip(after, before, strict=True))
