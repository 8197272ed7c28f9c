"""What the settings say of one upstream, as far as single calls go."""

from datetime import timedelta

import msgspec

from sessiongate.errors import NoPermission
from sessiongate.session import Session

USE = "Sessions.UseUpstream"
"""What a session lacks that no setting of the upstream lets in."""


class RelayRules(msgspec.Struct, frozen=True):
    """What the settings say of one upstream."""

    shared: bool
    """Mode `shared`: a lease serves several clients at the same time."""
    timeout: timedelta
    queue_time: float
    """Seconds for which a wait may wait for its place."""
    waits: int
    """Long polls at the upstream, of all clients together."""
    objects: int
    """That one client may have open."""
    waits_each: int
    calls_each: int
    transfers: int = 64
    """Files and consoles under way, of all clients together."""
    denied: frozenset[str] = frozenset()
    """Names of methods, and addresses with what is below them, that are not sent on, besides those
    that never are."""
    allowed: frozenset[str] = frozenset()
    """Addresses of the Automation API that are sent on, though they are not by themselves."""
    service_tickets: bool = False
    """Whether clients get tickets of the upstream for single requests by HTTP."""
    own_names: frozenset[str] = frozenset()
    """Names and addresses of this server, at which no ticket of the upstream is of use."""
    upstream_tickets: bool = False
    """Whether they get tickets that are whole sessions there."""
    read_only: bool = False
    roles: frozenset[str] | None = None
    """Whose sessions may use it; None: whoever has a pool here."""
    read_roles: frozenset[str] = frozenset()

    def require_use(self, session: Session, *, reads: bool) -> None:
        """Raise NoPermission where no setting lets this session in, or only to read."""
        roles = frozenset(session.roles)
        lacks = self.roles is not None and not roles & self.roles
        if lacks and not (reads and roles & self.read_roles):
            raise NoPermission(USE)
        if self.read_only and not reads:
            raise NoPermission(USE)
