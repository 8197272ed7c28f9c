"""What the settings say of one upstream, as far as single calls go."""

from datetime import timedelta

import msgspec

from sessiongate.errors import NoPermission
from sessiongate.session import Session

USE = "Sessions.UseUpstream"
"""What a session lacks that no setting of the upstream lets in."""


def no_user_of(upstream: str, session: Session) -> NoPermission:
    """The refusal of a session whose user is none of an upstream of callers."""
    return NoPermission(
        USE,
        f"identity.{session.provider}: its users have no session at {upstream}; to have one, log in"
        f' as a user of an identity table with upstream = "{upstream}"',
    )


class RelayRules(msgspec.Struct, frozen=True):
    """What the settings say of one upstream."""

    upstream: str
    """The name of its table."""
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
    hosts: frozenset[str] = frozenset()
    """By which clients call the upstreams here: a reply may point there."""
    upstream_tickets: bool = False
    """Whether they get tickets that are whole sessions there."""
    read_only: bool = False
    roles: frozenset[str] | None = None
    """Whose sessions may use it; None: whoever has a pool here."""
    read_roles: frozenset[str] = frozenset()

    def require_use(self, session: Session, *, reads: bool) -> None:
        """Raise NoPermission where no setting lets this session in, or only to read."""
        if self.roles is not None and self.roles.isdisjoint(session.roles):
            may_read = not self.read_roles.isdisjoint(session.roles)
            if not (reads and may_read):
                raise NoPermission(USE, self._without_role(session, may_read=may_read))
        if not reads:
            self.require_changes()

    def require_changes(self) -> None:
        """Raise NoPermission where nobody may change anything."""
        if self.read_only:
            setting = f"upstream.{self.upstream}.read_only"
            raise NoPermission(USE, f"{setting} is true: nothing that changes anything is sent")

    def _without_role(self, session: Session, *, may_read: bool) -> str:
        table, own = f"upstream.{self.upstream}", ", ".join(session.roles) or "no role"
        if may_read:
            way_out = f"to let it change things, add the role to {table}.roles"
            return f"{own}: in {table}.read_roles, which may only read; {way_out}"
        return f"{own}: in neither {table}.roles nor read_roles; name it there, or have another"
