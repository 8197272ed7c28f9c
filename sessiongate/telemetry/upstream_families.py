"""The counts of all upstreams as Prometheus reads them. Without an upstream there are none."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from sessiongate.telemetry.histograms import histogram
from sessiongate.telemetry.upstream_counters import UpstreamMeters

_LABELS = ["upstream"]


def upstream_families(upstreams: Mapping[str, UpstreamMeters]) -> Iterator[Metric]:
    """A family for each thing that is counted, with all upstreams in it."""
    if upstreams:
        yield from _counted(upstreams)
        yield from _timed(upstreams)
        yield from _momentary(upstreams)


def _counted(upstreams: Mapping[str, UpstreamMeters]) -> Iterator[Metric]:
    forwarded = CounterMetricFamily(
        "sessiongate_forwarded_total",
        "Calls to an upstream, by kind and by what became of them.",
        labels=["upstream", "kind", "result"],
    )
    logins = CounterMetricFamily(
        "sessiongate_upstream_logins_total",
        "Sessions that were to be opened at an upstream, by result.",
        labels=["upstream", "result"],
    )
    saved = CounterMetricFamily(
        "sessiongate_upstream_logins_saved_total",
        "Client sessions that went by sessions which others had opened at the upstream.",
        labels=_LABELS,
    )
    tickets = CounterMetricFamily(
        "sessiongate_clone_tickets_total",
        "Clone tickets that the session manager was asked for, by result.",
        labels=["upstream", "result"],
    )
    timeouts = CounterMetricFamily(
        "sessiongate_pool_timeouts_total",
        "Calls that no session at the upstream was free for in time.",
        labels=_LABELS,
    )
    given_up = CounterMetricFamily(
        "sessiongate_upstream_sessions_given_up_total",
        "Sessions at an upstream that could not be logged out, and are left to its clock.",
        labels=_LABELS,
    )
    for name, meters in upstreams.items():
        for (kind, result), count in meters.forwarded.items():
            forwarded.add_metric([name, kind, result], count)
        for result, count in meters.logins.items():
            logins.add_metric([name, result], count)
        for result, count in meters.tickets.items():
            tickets.add_metric([name, result], count)
        saved.add_metric([name], meters.saved)
        timeouts.add_metric([name], meters.timeouts)
        given_up.add_metric([name], meters.given_up)
    yield from (forwarded, logins, saved, tickets, timeouts, given_up)


def _timed(upstreams: Mapping[str, UpstreamMeters]) -> Iterator[HistogramMetricFamily]:
    yield histogram(
        "sessiongate_forward_seconds",
        "Time of a forwarded call, from request to answer; without waits for news.",
        "upstream",
        {name: meters.forward_times for name, meters in upstreams.items()},
    )
    yield histogram(
        "sessiongate_pool_wait_seconds",
        "How long a call waited for a session at the upstream.",
        "upstream",
        {name: meters.pool_waits for name, meters in upstreams.items()},
    )


def _momentary(upstreams: Mapping[str, UpstreamMeters]) -> Iterator[Metric]:
    sessions = GaugeMetricFamily(
        "sessiongate_pool_sessions",
        "Sessions at the upstream, by state.",
        labels=["upstream", "state"],
    )
    plain = {
        name: GaugeMetricFamily(f"sessiongate_{name}", about, labels=_LABELS)
        for name, about in (
            ("pool_sessions_max", "How many sessions its accounts may have at the upstream."),
            ("pool_waiters", "Calls that wait for a session at the upstream."),
            ("pool_waits", "Long polls under way at the upstream."),
            ("pool_objects", "Filters, views and the like that clients have at the upstream."),
            ("upstream_breaker_open", "1 while no login is tried at the upstream."),
        )
    }
    for name, meters in upstreams.items():
        if meters.now is None:
            continue
        now = meters.now()
        for state, count in now.sessions.items():
            sessions.add_metric([name, state], count)
        values = (now.most, now.waiters, now.waits, now.objects, now.breaker_open)
        for family, value in zip(plain.values(), values, strict=True):
            family.add_metric([name], value)
    yield sessions
    yield from plain.values()
