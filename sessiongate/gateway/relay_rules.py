"""What the settings say of one upstream, as far as single calls go."""

from datetime import timedelta

import msgspec

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
    denied: frozenset[str] = frozenset()
    """Names of methods that are not sent on, besides those that never are."""
    read_only: bool = False
    roles: frozenset[str] | None = None
    """Whose sessions may use it; None: whoever has a pool here."""
    read_roles: frozenset[str] = frozenset()
