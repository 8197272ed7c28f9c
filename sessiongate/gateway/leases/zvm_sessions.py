"""Sessions of leases at a ZVM. No password of a user is kept, so only a login brings another."""

from sessiongate.errors import NoSession, UpstreamUnavailable
from sessiongate.upstream.zvm import Zvm
from sessiongate.wire.vim.client import UpstreamSession
from sessiongate.wire.zerto_client import ZvmSession


class ZvmSessions:
    """Of one ZVM."""

    clones = False

    def __init__(self, zvm: Zvm) -> None:
        self._zvm = zvm

    def require_usable(self, opened: UpstreamSession) -> None:
        """Raise UpstreamUnavailable for a session of another kind of server."""
        if not isinstance(opened, ZvmSession):
            raise UpstreamUnavailable("its session is none of a ZVM")

    async def cloned(self, live: UpstreamSession) -> UpstreamSession:
        """Raise NoSession: a ZVM opens no session by another."""
        raise NoSession("all sessions of this user at the ZVM are in use: a login brings another")

    async def end(self, opened: UpstreamSession) -> str:
        """Log a session out. Why it is perhaps not over; "" if it is."""
        if not isinstance(opened, ZvmSession) or await self._zvm.logout(opened):
            return ""
        return "the ZVM does not end it"
