"""What the pages stand on: the services of the server, as far as pages ask them."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.operations.console.port import FaultControl, LocalUsers, PoolsInUse, ServerFacts
from sessiongate.operations.console.recent_ends import RecentEnds
from sessiongate.service.audit_desk import AuditDesk
from sessiongate.service.leaks import LeakFinder
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.session import Caps, Limits
from sessiongate.telemetry.history import Timeline
from sessiongate.telemetry.upstream_counters import UpstreamMeters


class Insights(msgspec.Struct, frozen=True):
    """What pages about the past stand on: of one process."""

    leaks: LeakFinder
    audit: AuditDesk
    timeline: Timeline
    values: Callable[[], Awaitable[Mapping[str, float]]]
    """What is true at this moment, by the names of metrics."""
    upstreams: Mapping[str, UpstreamMeters]
    caps: Caps
    workers: int = 1
    """Processes that share the server."""
    counted: Callable[[], int] = lambda: 1
    """Of how many of them the timeline has what was counted last."""
    providers: Callable[[], Mapping[str, bool]] = dict
    """Whether each identity provider answers, as far as is known."""
    stopping: Callable[[], bool] = lambda: False
    """Whether the server was told to stop, and serves on for a while."""


class ConsoleParts(msgspec.Struct, frozen=True):
    """The services. A page that needs another one has it here."""

    sessions: Sessions
    logins: Logins
    journal: Journal
    clock: Clock
    limits: Limits
    """Of all sessions."""
    own_limits: Limits
    """Of the console's sessions, beside those."""
    insights: Insights
    provider: str
    """Whom names without a domain belong to."""
    users: LocalUsers
    facts: Callable[[], Awaitable[ServerFacts]]
    pools: PoolsInUse
    """The gateway's; none in its list where nothing is forwarded."""
    faults: FaultControl | None = None
    """None where the server has no faults on purpose: there is no page of them then."""
    ends: RecentEnds = msgspec.field(default_factory=RecentEnds)
