"""What happened, counted: plain numbers that cost next to nothing, for whoever shows them.

Labels come from closed sets (dialects, results, reasons, operations), never from a client. Names
and forms of what is published are `admin.metrics`'s business.
"""

from bisect import bisect_left
from collections import Counter

# Upper bounds of the buckets, in seconds. A check from memory is in the first, a login in the
# middle, a directory's time-out in the last; Prometheus needs the bounds to stay as they are.
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Timing:
    """How often, how long in all, and how the times spread over the buckets."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Meters:
    """All counts of one process."""

    def __init__(self) -> None:
        self.logins: Counter[tuple[str, str]] = Counter()
        """By dialect and result: "ok", or the kind of refusal."""
        self.ends: Counter[str] = Counter()
        """By reason."""
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
        self.merged = 0
        """Events of the audit that stand in another as a number only."""

    def timing(self, table: dict[str, Timing], name: str) -> Timing:
        """The timing of this name in one of the tables, made where it is new."""
        found = table.get(name)
        if found is None:
            found = table[name] = Timing()
        return found
