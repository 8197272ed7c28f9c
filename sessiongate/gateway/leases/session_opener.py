"""Opens sessions at one upstream: by the service account's login, or as clones of a live one.

The row of a session is in the store before the session is, and has what it is used by before its
first use.
"""

import asyncio
from collections.abc import Sequence

from sessiongate.errors import NoSession, OutcomeUnknown, UpstreamUnavailable
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.lease_events import LeaseEvents
from sessiongate.gateway.leases.logouts import Logouts
from sessiongate.gateway.leases.session_kind import SessionKind
from sessiongate.gateway.leases.stored_leases import StoredLeases, person_of
from sessiongate.session import Person
from sessiongate.store.port import StoredLease
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.wire.vim.client import UpstreamSession


class SessionOpener:
    """Of one upstream. Without a `credential` a session is a clone of one that lives."""

    def __init__(
        self,
        upstream: str,
        kind: SessionKind,
        rows: StoredLeases,
        logouts: Logouts,
        events: LeaseEvents,
        meters: UpstreamMeters,
        credential: Credential | None,
    ) -> None:
        self._upstream = upstream
        self._kind = kind
        self._rows = rows
        self._logouts = logouts
        self._events = events
        self._meters = meters
        self._credential = credential

    async def open(self, person: Person, most: int, live: Sequence[Lease]) -> Lease:
        """One more session of this account, which may have `most`.

        Raises UpstreamUnavailable or StoreUnavailable, and NoSession where none lives to clone.
        """
        row = await self._rows.reserve(person, most)
        try:
            if self._credential is not None:
                await self._rows.wait_turn(row)
                opened = await self._credential.login()
            else:
                opened = await self._clone(live)
        except Exception:  # refused, or an outage: the row stands for no session
            await self._rows.remove(row.id)
            raise
        # A stop that does not wait for the answer leaves the row: perhaps a session is there.
        return await self.keep(row, opened)

    async def keep(self, row: StoredLease, opened: UpstreamSession) -> Lease:
        """The lease of a session that was just opened, once the store has what it is used by."""
        try:
            self._kind.require_usable(opened)
            await self._rows.fill(row, opened)
        except BaseException:  # an outage, or a stop: the session is there all the same
            await self._logouts.end(row.id, opened)
            raise
        self._meters.login("ok")
        self._events.opened(row.id, person_of(row))
        return Lease(row.id, opened, asyncio.get_running_loop().time())

    async def _clone(self, live: Sequence[Lease]) -> UpstreamSession:
        """Another session of a caller, whose password nobody keeps."""
        if not live:
            raise NoSession("no session at the upstream is left to go by")
        try:
            # One that is retired is over perhaps, and one in doubt has refused a call.
            best = min(live, key=lambda one: (one.retired, one.suspected_by != ""))
            return await self._kind.cloned(best.session)
        except OutcomeUnknown as error:
            # So it is of the clone alone: the calls that wait for it have not been sent.
            self._meters.login("unavailable")
            raise UpstreamUnavailable(f"{self._upstream}: clone: {error}") from None
        except UpstreamUnavailable:
            self._meters.login("unavailable")
            raise
