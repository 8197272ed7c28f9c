"""What the gateway itself asks of a ZVM about a lease."""

from datetime import timedelta

from sessiongate.errors import NotSupported
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.own_calls import OwnCalls
from sessiongate.gateway.leases.renewals import Renewals
from sessiongate.rules.relay import State
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.vim.session_list import ListedSession


class ZvmCalls(OwnCalls):
    """Short calls at one ZVM."""

    def __init__(self, exchange: Exchange, timeout: timedelta, renewals: Renewals) -> None:
        super().__init__(exchange, timeout)
        self._renewals = renewals

    async def lives(self, lease: Lease) -> bool:
        """Whether the ZVM still knows the session, which goes by a new token then."""
        return await self._renewals.lives(lease)

    async def sessions(self, lease: Lease) -> list[ListedSession] | None:
        """Raise NotSupported: a ZVM shows nobody its sessions."""
        raise NotSupported("a ZVM shows nobody its sessions; `pools show` has those that are ours")

    async def end(self, lease: Lease, kind: str, name: str, state: State) -> bool:
        """Whether what a client has in a session has ended by itself: it ends with the session."""
        return False
