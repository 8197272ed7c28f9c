"""The report of who leaves sessions open, over the parts of one server."""

from collections import Counter
from collections.abc import Mapping

from sessiongate.app.build import store_kind_of, store_settings_of
from sessiongate.clock import Clock
from sessiongate.config import Config
from sessiongate.rules.leaks import ClientName
from sessiongate.service.leaks import LeakFinder, RecentSessions
from sessiongate.service.sessions import Sessions
from sessiongate.store.port import Store
from sessiongate.telemetry.counters import Meters


def leak_finder_of(
    config: Config, sessions: Sessions, clock: Clock, meters: Meters, supplied: Store | None
) -> LeakFinder:
    """Reads the audit of these settings, or remembers where the store keeps none to be read.

    `supplied` is a store in place of the one that the settings name.
    """

    def saved() -> Mapping[ClientName, int]:
        total: Counter[ClientName] = Counter()
        for one in meters.upstreams.values():
            for client, count in one.saved_of.items():
                total[ClientName(*client)] += count
        return total

    audit = None if supplied is not None else store_kind_of(config).audit
    if audit is None:
        recent = RecentSessions(clock)
        sessions.on_open(recent.opened)
        sessions.on_end(recent.ended)
        return LeakFinder(sessions, clock, recent, saved)
    settings = store_settings_of(config)
    return LeakFinder(sessions, clock, lambda: audit(settings), saved)
