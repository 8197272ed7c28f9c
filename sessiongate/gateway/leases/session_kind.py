"""What differs between servers in the life of a session of ours there."""

from collections.abc import Iterable
from typing import Protocol

from sessiongate.gateway.leases.lease import Lease
from sessiongate.wire.vim.client import UpstreamSession


class SessionKind(Protocol):
    """Ends sessions at one upstream, and makes others of them.

    All may raise UpstreamUnavailable.
    """

    clones: bool
    """Whether a session can be opened by another one of the same account."""

    def require_usable(self, opened: UpstreamSession) -> None:
        """Raise UpstreamUnavailable for a session that no call of a client could go by."""
        ...

    async def cloned(self, live: UpstreamSession) -> UpstreamSession:
        """Another session of the same account. Raises OutcomeUnknown where one is perhaps there."""
        ...

    async def end(self, opened: UpstreamSession) -> str:
        """Log a session out, with what was opened beside it. Why that is not over; "" if it is."""
        ...


class LeaseTokens(Protocol):
    """What a lease goes by besides, or that has to be renewed while it is there."""

    def due(self, leases: Iterable[Lease], unused: float) -> list[Lease]:
        """Those of which it has to be used now; `unused` are seconds without a use."""
        ...

    async def keep_alive(self, lease: Lease) -> None:
        """Use or renew it. Raises nothing: a call will find out."""
        ...

    async def settled(self, lease: Lease) -> None:
        """Wait for what is under way of a lease that is about to end."""
        ...
