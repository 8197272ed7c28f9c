"""The numbers of pictures: the last hour or day of this process, thinned to what one shows."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan

import msgspec

from sessiongate.telemetry.history import Ring, Timeline
from sessiongate.telemetry.samples import SERIES

POINTS = 120
"""Of a line: more are narrower than a pixel on a phone."""

ROWS = 12
"""Of the table that says the same in numbers."""

Thin = Callable[[Sequence[float]], float]


class ChartLine(msgspec.Struct, frozen=True):
    """One line of a chart, oldest first. None: nothing was measured."""

    label: str
    values: list[float | None]


class ChartRow(msgspec.Struct, frozen=True):
    """The numbers of one stretch, one of each line."""

    until: datetime
    values: list[float | None]


class Chart(msgspec.Struct, frozen=True):
    """One picture."""

    key: str
    title: str
    unit: str
    until: datetime
    """When the last point ends."""
    step: int
    """Seconds of a point."""
    lines: list[ChartLine]
    rows: list[ChartRow]
    """The same in numbers, in fewer and longer steps."""


def highest(values: Sequence[float]) -> float:
    """The highest that is known."""
    return max(values)


class _Drawn(msgspec.Struct, frozen=True):
    """Which series a chart has, and what stands for several steps of it."""

    key: str
    title: str
    unit: str
    thin: Thin
    lines: tuple[tuple[str, str], ...]
    """Series and label."""


_CHARTS = (
    _Drawn(
        "logins",
        "Logins by result",
        "logins",
        sum,
        (
            ("logins_ok", "let in"),
            ("logins_refused", "refused"),
            ("logins_undecided", "undecided: something was away"),
        ),
    ),
    _Drawn(
        "sessions",
        "Sessions",
        "sessions",
        highest,
        (("live", "of clients"), ("upstream", "at upstreams")),
    ),
    _Drawn(
        "ends",
        "Ended sessions by reason",
        "sessions",
        sum,
        (
            ("ends_logout", "logged out"),
            ("ends_limit", "by a time limit"),
            ("ends_otherwise", "terminated and other"),
        ),
    ),
    _Drawn(
        "checks",
        "Time of a check",
        "ms",
        highest,
        (("check_p50", "half of all"), ("check_p99", "99 of 100")),
    ),
    _Drawn(
        "login_times",
        "Time of a login",
        "ms",
        highest,
        (("login_p50", "half of all"), ("login_p99", "99 of 100")),
    ),
)


def charts_of(history: Timeline, span: str, now: datetime) -> list[Chart]:
    """The charts of the last "1h" or "24h"."""
    ring = history.rings[0 if span == "1h" else 1]
    until = ring.until()
    end = now if until is None else datetime.fromtimestamp(until, UTC)
    return [_chart(one, ring, end) for one in _CHARTS]


def _chart(drawn: _Drawn, ring: Ring, until: datetime) -> Chart:
    factor = 1000.0 if drawn.unit == "ms" else 1.0
    series = [
        [value * factor for value in ring.series(SERIES.index(name))] for name, _ in drawn.lines
    ]
    lines = [
        ChartLine(label, thinned(values, POINTS, drawn.thin))
        for values, (_, label) in zip(series, drawn.lines, strict=True)
    ]
    long = timedelta(seconds=ring.scale.step * ring.scale.length // ROWS)
    columns = [thinned(values, ROWS, drawn.thin) for values in series]
    return Chart(
        drawn.key,
        drawn.title,
        drawn.unit,
        until,
        ring.scale.step * ring.scale.length // POINTS,
        lines,
        [
            ChartRow(until - long * (ROWS - 1 - at), list(row))
            for at, row in enumerate(zip(*columns, strict=True))
        ],
    )


def thinned(values: Sequence[float], points: int, thin: Thin) -> list[float | None]:
    """So many points in place of these values; None where nothing is known."""
    each = len(values) // points
    groups = (values[at * each : (at + 1) * each] for at in range(points))
    return [_of_known(group, thin) for group in groups]


def _of_known(values: Iterable[float], thin: Thin) -> float | None:
    known = [one for one in values if not isnan(one)]
    return round(thin(known), 3) if known else None
