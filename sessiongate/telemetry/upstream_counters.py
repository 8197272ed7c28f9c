"""What happened at one upstream, counted; `telemetry.upstream_families` shows it."""

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from sessiongate.telemetry.timings import Timing

STATES = ("idle", "active", "login", "broken", "parent")
"""Of sessions there: unused; with a call, a wait or an object; being opened; to be logged out; or
where clone tickets come from."""


ClientName = tuple[str, str, str, str]
"""Who a client is to whoever adds up by clients; nothing here reads it."""

NOBODY = ("", "", "", "")

# Clients whose saved logins are counted apart, some 300 bytes each.
_MOST_CLIENTS = 10_000


class UpstreamNow(msgspec.Struct, frozen=True):
    """What is true at this moment."""

    sessions: Mapping[str, int]
    """How many, by STATES."""
    most: int
    waiters: int
    waits: int
    objects: int
    breaker_open: bool


class UpstreamMeters:
    """All counts of one upstream in one process."""

    def __init__(self) -> None:
        self.forwarded: Counter[tuple[str, str]] = Counter()
        """By the kind of the call, and what became of it."""
        self.forward_times = Timing()
        """Of calls that came back, but for those that wait for news."""
        self.pool_waits = Timing()
        """How long calls waited for a session."""
        self.timeouts = 0
        """Calls that got no session in time."""
        self.logins: Counter[str] = Counter()
        """By result. A clone of a session is one too."""
        self.tickets: Counter[str] = Counter()
        """Clone tickets that clients of the session manager have asked for, by result."""
        self.given_up = 0
        """Sessions there that could not be logged out, and are left to its clock."""
        self.saved = 0
        """Sessions of clients beyond those that logins have opened there."""
        self.saved_of: Counter[ClientName] = Counter()
        """The same by client, as `client_opened` was told of it. Of so many clients at most."""
        self.now: Callable[[], UpstreamNow] | None = None
        """Reads what is true at this moment."""
        self._unserved: dict[str, ClientName] = {}
        self._spare_logins = 0

    def login(self, result: str) -> None:
        """A login there has come out like this."""
        self.logins[result] += 1
        self._spare_logins += result == "ok"

    def client_opened(self, key: str, client: ClientName = NOBODY) -> None:
        """A client has a session here, and nothing of it has gone to the upstream yet."""
        self._unserved[key] = client

    def client_ended(self, key: str) -> None:
        """It is over."""
        self._unserved.pop(key, None)

    def served(self, key: str) -> None:
        """A call of this session goes to the upstream. The first one has saved a login, or not."""
        client = self._unserved.pop(key, None)
        if client is None:
            return
        if self._spare_logins:
            self._spare_logins -= 1
            return
        self.saved += 1
        if client in self.saved_of or len(self.saved_of) < _MOST_CLIENTS:
            self.saved_of[client] += 1
