"""The counts as Prometheus reads them. docs/metrics.md lists every name, and a test compares.

The text format is the client library's work; what is read at a scrape is what stands in `Meters`
and in the parts at that moment. No label is anything that a client chose.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.histograms import histogram
from sessiongate.telemetry.upstream_families import upstream_families

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


GAUGES: Mapping[str, str] = {
    "sessiongate_sessions_live": "Sessions in the store.",
    "sessiongate_connections": "Connections of the dialects' listeners, from accept on.",
    "sessiongate_connections_most": "How many connections there may be.",
    "sessiongate_handshakes": "Connections that are in their TLS handshake.",
    "sessiongate_anonymous_bytes": "Bytes of requests held for callers that are not known.",
    "sessiongate_unread_bytes": "Bytes of replies that callers who are not known do not read.",
    "sessiongate_hashing_queue": "Password hashes waiting or running.",
    "sessiongate_names_locked": "Account names that are locked for somebody.",
    "sessiongate_store_doubts": "What is not as it should be about the store, as `check` has it.",
    "sessiongate_certificate_not_after_seconds": "When the served certificate ends, in Unix time.",
}

COUNTERS: Mapping[str, str] = {
    "sessiongate_audit_events_lost_total": "Audit events dropped: the store refused for too long.",
    "sessiongate_audit_events_merged_total": "Audit events that stand in another as a number.",
    "sessiongate_audit_copies_lost_total": "Audit events that audit.file or audit.syslog missed.",
    "sessiongate_hashes_total": "Password hashes made.",
    "sessiongate_lockouts_total": "Logins refused because the name was locked.",
    "sessiongate_store_cache_hits_total": "Checks answered by this process's cache of the store.",
    "sessiongate_store_cache_misses_total": "Checks that the cache could not answer.",
    "sessiongate_store_losses_total": "Times that Redis had lost everything that was kept in it.",
    "sessiongate_store_partial_losses_total": "Times that Redis had lost its mark, and not all.",
    "sessiongate_verified_cache_hits_total": "Logins that needed no hash.",
}
"""Counters without labels that parts keep themselves."""


_LABELLED: Mapping[str, tuple[str, tuple[str, ...], Callable[[Meters], Mapping[Any, float]]]] = {
    "sessiongate_logins_total": (
        "Logins by dialect and result.",
        (
            "dialect",
            "result",
        ),
        attrgetter("logins"),
    ),
    "sessiongate_session_ends_total": (
        "Ended sessions by reason.",
        ("reason",),
        attrgetter("ends"),
    ),
    "sessiongate_unlogged_sessions_total": (
        "Sessions that ended by a time limit or were terminated, and not by a logout.",
        ("dialect",),
        attrgetter("not_logged_out"),
    ),
    "sessiongate_requests_total": (
        "Answered requests by dialect and HTTP status.",
        (
            "dialect",
            "status",
        ),
        attrgetter("requests"),
    ),
    "sessiongate_refused_requests_total": (
        "What was refused before any dialect was asked, by cause.",
        ("cause",),
        attrgetter("refusals"),
    ),
    "sessiongate_access_checks_total": (
        "Checks for proxies (forward-auth) by endpoint and result; allowed lets the client on.",
        (
            "endpoint",
            "result",
        ),
        attrgetter("access_checks"),
    ),
    "sessiongate_store_errors_total": (
        "Store operations that could not be done, by operation.",
        ("operation",),
        attrgetter("store_errors"),
    ),
    "sessiongate_faults_total": (
        "Requests that met a fault on purpose, by fault; 0 but in dev.",
        ("fault",),
        attrgetter("faults"),
    ),
}
"""Counters by labels: what they count, the labels, and where the counts are, by their values."""


class Published(Collector):
    """Everything that `/metrics` shows."""

    def __init__(self, meters: Meters, version: str) -> None:
        self._meters = meters
        self._version = version
        self._values: Mapping[str, float] = {}

    def text(self, values: Mapping[str, float]) -> bytes:
        """The exposition, in Prometheus's text format.

        `values` is what is true at this moment, by the names of GAUGES and COUNTERS.
        """
        self._values = values
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterable[Metric]:
        """The metric families, as the library asks for them."""
        yield from self._counted()
        yield histogram(
            "sessiongate_login_seconds",
            "Time of a login, from request to session, by dialect.",
            "dialect",
            self._meters.login_times,
        )
        yield histogram(
            "sessiongate_store_seconds",
            "Time of a store operation; use is the check of a session.",
            "operation",
            self._meters.store_times,
        )
        yield from upstream_families(self._meters.upstreams)
        yield from self._momentary()

    def _counted(self) -> Iterator[Metric]:
        for name, (said, labels, counts) in _LABELLED.items():
            family = CounterMetricFamily(name, said, labels=labels)
            for key, count in counts(self._meters).items():
                values = key if isinstance(key, tuple) else (key,)
                family.add_metric([str(value) for value in values], count)
            yield family

    def _momentary(self) -> Iterator[Metric]:
        build = GaugeMetricFamily(
            "sessiongate_build_info", "Which sessiongate this is.", labels=["version"]
        )
        build.add_metric([self._version], 1)
        yield build
        values = self._values
        for name, about in GAUGES.items():
            if name in values:
                yield GaugeMetricFamily(name, about, value=values[name])
        for name, about in COUNTERS.items():
            if name in values:
                yield CounterMetricFamily(name, about, value=values[name])
