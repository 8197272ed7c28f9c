"""What the pictures of a server's last hours show: twelve numbers for each stretch of time.

Made of what was counted before the stretch and after it. Pure.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

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


class ProcessCounts(msgspec.Struct, frozen=True):
    """What a process has counted since it started."""

    logins: tuple[int, ...] = (0, 0, 0)
    """Let in, refused, undecided."""
    ends: tuple[int, ...] = (0, 0, 0)
    """By a logout, by a time limit, otherwise."""
    checks: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    """By bucket (`timings.BOUNDS`)."""
    login_times: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)


class Snapshot(ProcessCounts, frozen=True):
    """What was counted up to one moment, and what was there at it."""

    live: float = UNKNOWN
    upstream: float = UNKNOWN
    """Sessions at all upstreams; UNKNOWN without a gateway."""


def counted(meters: Meters) -> ProcessCounts:
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
    return ProcessCounts(
        (let_in, refused, undecided),
        (logout, by_limit, meters.ends.total() - logout - by_limit),
        _buckets([meters.store_times[one] for one in ("use",) if one in meters.store_times]),
        _buckets(meters.login_times.values()),
    )


def snapshot(meters: Meters, live: float, others: ProcessCounts | None = None) -> Snapshot:
    """What these meters have counted, and other processes."""
    both = counted(meters)
    if others is not None:
        both = _plus(both, others)
    there = [one.now() for one in meters.upstreams.values() if one.now is not None]
    upstream = float(sum(sum(one.sessions.values()) for one in there)) if there else UNKNOWN
    return Snapshot(both.logins, both.ends, both.checks, both.login_times, live, upstream)


class SumOfCounts:
    """What several processes have counted together since they were first asked.

    One that has begun anew since it was asked last takes nothing away.
    """

    def __init__(self) -> None:
        self.total = ProcessCounts()
        self._last: dict[int, ProcessCounts] = {}

    def add(self, number: int, now: ProcessCounts) -> None:
        """What the process of this number has counted by now."""
        last = self._last.get(number, now)
        self._last[number] = now
        grown = [_minus(after, before) for after, before in _pairs(now, last)]
        if any(min(one) < 0 for one in grown):
            grown = [now.logins, now.ends, now.checks, now.login_times]
        self.total = _plus(self.total, ProcessCounts(*grown))


def between(before: Snapshot, after: Snapshot) -> tuple[float, ...]:
    """The numbers of the stretch between two moments, in the order of SERIES."""
    logins, ends, checks, login_times = (
        [max(0, one) for one in _minus(*both)] for both in _pairs(after, before)
    )
    return (
        *map(float, logins),
        after.live,
        after.upstream,
        *map(float, ends),
        quantile(checks, 0.5),
        quantile(checks, 0.99),
        quantile(login_times, 0.5),
        quantile(login_times, 0.99),
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
    return tuple(one - less for one, less in zip(after, before, strict=True))


def _pairs(
    one: ProcessCounts, other: ProcessCounts
) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    names = ProcessCounts.__struct_fields__
    return ((getattr(one, name), getattr(other, name)) for name in names)


def _plus(one: ProcessCounts, other: ProcessCounts) -> ProcessCounts:
    return ProcessCounts(
        *(
            tuple(some + more for some, more in zip(*both, strict=True))
            for both in _pairs(one, other)
        )
    )
