"""`[audit]`: how much is kept of decisions, and who gets a copy."""

from sessiongate.config.kinds import FilePath, PositiveCount, PositiveDuration, SyslogTarget
from sessiongate.config.kinds import Table as _Table
from sessiongate.config.kinds import setting as _setting


class AuditTable(_Table):
    """The record of every decision."""

    max_events: PositiveCount = _setting(
        1_000_000, "Most events kept in the store; the oldest go first. About 500 bytes each."
    )
    max_anonymous_events: PositiveCount = _setting(
        100_000,
        "Most events kept of refusals that are about nobody: no session, no identity shown, no "
        "name that exists. However many come, they push out only each other.",
    )
    refusals_per_minute: PositiveCount = _setting(
        100,
        "Refusals from one address in a minute that are events of their own; of all addresses "
        "together, five times as many. Further ones are merged: one event says how many they were, "
        "and of such events strangers make no more than this number in each chain.",
    )
    sessions_per_minute: PositiveCount = _setting(
        200,
        "Sessions of one user opened in a minute that are events of their own, as many that end, "
        "and as many users impersonated and messages changed by one user. Further ones are merged "
        "in the same way, so that no account pushes out what others did.",
    )
    max_age: PositiveDuration = _setting("365d", "Events older than this are deleted.")
    file: FilePath | None = _setting(
        None,
        "File that gets a copy of every event, as JSON lines. Its directory must exist; the file "
        "may be rotated.",
    )
    syslog: SyslogTarget | None = _setting(
        None,
        "Syslog that gets a copy of every event: udp:HOST:PORT, tcp:HOST:PORT or unix:PATH. One "
        "that is away holds up neither start nor stop.",
    )
