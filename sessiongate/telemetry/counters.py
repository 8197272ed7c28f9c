"""What happened, counted: plain numbers that cost next to nothing, for whoever shows them.

Labels come from closed sets (dialects, results, reasons, operations), never from a client. Names
and forms of what is published are `admin.metrics`'s business.
"""

from collections import Counter

from sessiongate.telemetry.timings import Timing
from sessiongate.telemetry.upstream_counters import UpstreamMeters


class Meters:
    """All counts of one process."""

    def __init__(self) -> None:
        self.logins: Counter[tuple[str, str]] = Counter()
        """By dialect and result: "ok", or the kind of refusal."""
        self.ends: Counter[str] = Counter()
        """By reason."""
        self.not_logged_out: Counter[str] = Counter()
        """Of those, sessions that a time limit or somebody else has ended: by dialect."""
        self.requests: Counter[tuple[str, int]] = Counter()
        """By dialect and HTTP status."""
        self.refusals: Counter[str] = Counter()
        """What never became a request, by cause."""
        self.login_times: dict[str, Timing] = {}
        """By dialect: from the request to the session, hashing and disk included."""
        self.store_times: dict[str, Timing] = {}
        """By operation of the store. `use` is the check of a session."""
        self.store_errors: Counter[str] = Counter()
        """By operation."""
        self.upstreams: dict[str, UpstreamMeters] = {}
        """By name; none without a gateway."""
        self.access_checks: Counter[tuple[str, str]] = Counter()
        """Of forward-auth: by endpoint and result."""
        self.faults: Counter[str] = Counter()
        """Faults on purpose that requests have met, by fault; only `dev` and tests have any."""
        self.merged = 0
        """Events of the audit that stand in another as a number only."""

    def ended(self, dialect: str, reason: str, *, left: bool) -> None:
        """A session is over. `left` says that nobody has logged it out."""
        self.ends[reason] += 1
        if left:
            self.not_logged_out[dialect] += 1

    def timing(self, table: dict[str, Timing], name: str) -> Timing:
        """The timing of this name in one of the tables, made where it is new."""
        found = table.get(name)
        if found is None:
            found = table[name] = Timing()
        return found
