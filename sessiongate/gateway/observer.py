"""The account by which an operator looks at an upstream that callers log in at as themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.logouts import Logouts
from sessiongate.gateway.leases.session_opener import SessionOpener
from sessiongate.session import Person

OBSERVER = Person("", "observer")
"""Whose the rows of its sessions are."""

_MOST = 4
"""Sessions of its own at once: who looks opens one, and logs it out."""


class Observer:
    """Opens a session for each look."""

    def __init__(self, credential: Credential, opener: SessionOpener, logouts: Logouts) -> None:
        self.credential = credential
        self._opener = opener
        self._logouts = logouts

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Lease]:
        """A session of its own for as long as somebody looks.

        Raises UpstreamUnavailable or StoreUnavailable.
        """
        lease = await self._opener.open(OBSERVER, _MOST, ())
        try:
            yield lease
        finally:
            await self._logouts.end(lease.id, lease.session)
