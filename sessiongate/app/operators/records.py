"""What is told of the past: who leaves sessions open, the audit, and the last hours."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from sessiongate.app.build import store_kind_of, store_settings_of
from sessiongate.app.operators.gauges import Gauges
from sessiongate.app.operators.recorder import Recorder, nobody_else
from sessiongate.app.workers.worker_counts import counts_of_others
from sessiongate.clock import Clock
from sessiongate.config import Config
from sessiongate.operations.console.parts import Insights
from sessiongate.operations.health import Operations
from sessiongate.rules.leaks import ClientName
from sessiongate.service.audit_desk import AuditDesk
from sessiongate.service.leaks import LeakFinder, OpenAudit, RecentSessions
from sessiongate.service.sessions import Sessions
from sessiongate.store.port import Store
from sessiongate.telemetry.counters import Meters


class Records(msgspec.Struct, frozen=True):
    """The parts of one server that know of its past."""

    leaks: LeakFinder
    audit: AuditDesk
    recorder: Recorder
    meters: Meters

    def insights(
        self,
        config: Config,
        values: Callable[[], Awaitable[Mapping[str, float]]],
        gauges: Gauges,
        operations: Operations,
    ) -> Insights:
        """What the console shows of it. `values` are the metrics of this moment."""
        return Insights(
            self.leaks,
            self.audit,
            self.recorder.timeline,
            values,
            self.meters.upstreams,
            config.sessions.caps,
            config.server.workers,
            lambda: self.recorder.workers,
            gauges.answering,
            lambda: operations.stopping,
        )


def records_of(
    config: Config,
    store: Store,
    sessions: Sessions,
    clock: Clock,
    meters: Meters,
    supplied: Store | None,
) -> Records:
    """Reads the audit of these settings, or remembers where the store keeps none to be read.

    `supplied` is a store in place of the one that the settings name.
    """
    audit = _audit_of(config) if supplied is None else None
    record: OpenAudit | RecentSessions
    if audit is not None:
        record = audit
    else:
        record = recent = RecentSessions(clock)
        sessions.on_open(recent.opened)
        sessions.on_end(recent.ended)
    return Records(
        LeakFinder(sessions, clock, record, lambda: _saved(meters)),
        AuditDesk(audit, clock),
        Recorder(
            meters,
            store.count,
            clock,
            partial(counts_of_others, config) if config.server.workers > 1 else nobody_else,
        ),
        meters,
    )


def _audit_of(config: Config) -> OpenAudit | None:
    audit = store_kind_of(config).audit
    if audit is None:
        return None
    settings = store_settings_of(config)
    return lambda: audit(settings)


def _saved(meters: Meters) -> Mapping[ClientName, int]:
    total: Counter[ClientName] = Counter()
    for one in meters.upstreams.values():
        for client, count in one.saved_of.items():
            total[ClientName(*client)] += count
    return total
