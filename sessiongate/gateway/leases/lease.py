"""A session of ours at an upstream, which clients of ours share or have one after the other."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from secrets import SystemRandom

import msgspec

from sessiongate.secret import Secret
from sessiongate.wire.automation.client import RestSession
from sessiongate.wire.vim.client import UpstreamSession

_uniform = SystemRandom().uniform


class Lease:
    """One session at an upstream. Its `id` is ours: logs and audit name it so, never by its key.

    `homes` are the clients that have something in it: filters, views and the like, which exist in
    this session alone.
    """

    __slots__ = (
        "at_home",
        "calls",
        "freed_at",
        "homes",
        "id",
        "lost",
        "opened_at",
        "others",
        "patience",
        "rest_face",
        "rest_opened_at",
        "rest_token",
        "rest_used_at",
        "retired",
        "session",
        "suspected_by",
        "taken_until",
        "used_by",
    )

    def __init__(self, identity: str, session: UpstreamSession, opened_at: float) -> None:
        self.id = identity
        self.session = session
        self.opened_at = opened_at
        """By the event loop's clock."""
        self.patience = _uniform(0.9, 1.0)
        """The part of the age that it may reach: leases of one time do not end together."""
        self.freed_at = opened_at
        """When the last call ended that went by it."""
        self.calls = 0
        """Calls under way, without those that wait for news."""
        self.homes: dict[str, int] = {}
        """Clients that have something in it, and how much."""
        self.used_by: dict[str, int] = {}
        """Clients with calls or waits under way, and how many."""
        self.suspected_by = ""
        """The client whose call it has refused though it lives; "" for none."""
        self.lost = False
        """The upstream has ended it."""
        self.rest_token: Secret | None = None
        """What its calls carry at the Automation API; None where nobody has asked yet."""
        self.rest_face = ""
        """Where the Automation API has its sessions; "" where nobody has asked yet."""
        self.rest_opened_at: float | None = None
        """When the session beside it was opened, by the clock of its logins; None for not here."""
        self.rest_used_at = opened_at
        """When a call there began last."""
        self.retired = False
        """It takes no client that has nothing in it, and is logged out once nobody has."""
        self.at_home = 0
        """How many clients of other processes had something in it when the store was asked last."""
        self.others = 0
        """How many other processes used it then."""
        self.taken_until = 0.0
        """Until when a client of another process is taken to have it alone."""

    @property
    def is_free(self) -> bool:
        """Whether nobody has anything in it or under way."""
        return not self.homes and not self.used_by

    @property
    def is_spare(self) -> bool:
        """Whether this process need not have it: nor does anybody need it to be kept alive."""
        return self.is_free and (self.others > 0 or not self.at_home)

    @property
    def state(self) -> str:
        """One of `telemetry.upstream_counters.STATES`."""
        if self.retired:
            return "broken"
        return "idle" if self.is_free and not self.at_home else "active"

    def suspect(self, client: str) -> bool:
        """It lives and has refused a call of this client. Whether it has refused another's, too."""
        others = self.suspected_by not in ("", client)
        self.suspected_by = client
        return others

    def renewed(self, session: UpstreamSession) -> None:
        """Go by this from now on: the same session there, with another token."""
        self.session = session

    def have_beside(self, rest: RestSession | None) -> None:
        """Have this session of the Automation API beside it, or none."""
        self.session = msgspec.structs.replace(self.session, rest=rest)
        self.rest_token = None if rest is None else rest.token
        self.rest_opened_at = None

    def __repr__(self) -> str:
        return f"Lease({self.id!r})"


Opener = Callable[[Sequence[Lease]], Awaitable[Lease]]
"""Opens another lease. It is told which there are: one of them may be cloned."""

Closer = Callable[[Lease], Coroutine[None, None, None]]
"""Logs a lease out that no other process uses, or sees to it that somebody does later."""


TAKEN = 0.25
"""Seconds after which it is asked again whether another process has a lease alone."""


class PoolLimits(msgspec.Struct, frozen=True):
    """How many leases a pool may have, and what each of them takes."""

    size: int
    calls: int
    """Calls under way by one lease, waits not counted."""
    queue: int
    """Calls that may wait for a lease."""
    queue_time: float
    """Seconds for which one may wait."""
    exclusive: bool
    """Mode `session`: a lease serves one client at a time, until that has nothing in it."""


class LeaseTimes(msgspec.Struct, frozen=True):
    """Seconds."""

    idle_close: float
    max_age: float
    keep_alive: float


def load(lease: Lease) -> tuple[int, int]:
    """How much clients have in it, then how many calls are under way."""
    return sum(lease.homes.values()) + lease.at_home, sum(lease.used_by.values())


def choose(
    leases: Sequence[Lease], limits: PoolLimits, clock: Callable[[], float], *, home: bool
) -> Lease | None:
    """The one that a call goes by whose client has nothing in any; None for none.

    Those that are retired take nobody. `home`: the call may open something. Else, as of nearly
    all, it is the first of those with the fewest calls under way.
    """
    if not (home or limits.exclusive):
        found, fewest = None, limits.calls
        for lease in leases:
            if lease.calls < fewest and not lease.retired:
                found, fewest = lease, lease.calls
        return found
    return _choose_home(leases, limits, clock)


def _choose_home(
    leases: Sequence[Lease], limits: PoolLimits, clock: Callable[[], float]
) -> Lease | None:
    live = [one for one in leases if not one.retired]
    if limits.exclusive:
        now = clock()
        free = [one for one in live if one.is_free and one.taken_until <= now]
        # The one used last: the others come to be unused for long.
        return max(free, key=lambda one: one.freed_at, default=None)
    return min((one for one in live if one.calls < limits.calls), key=load, default=None)
