"""How this process lets go of a lease: logged out by the last that uses it, or kept for others."""

from contextlib import suppress

import structlog

from sessiongate.errors import Unavailable
from sessiongate.gateway.background import BackgroundTasks
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.lease_events import LeaseEvents
from sessiongate.gateway.leases.logouts import Logouts
from sessiongate.gateway.leases.session_kind import LeaseTokens
from sessiongate.gateway.leases.stored_leases import StoredLeases

_log = structlog.get_logger(__name__)


class LeaseRelease:
    """Of one upstream. `shared`: other processes may have changed a lease."""

    def __init__(
        self,
        rows: StoredLeases,
        tokens: LeaseTokens,
        logouts: Logouts,
        events: LeaseEvents,
        *,
        shared: bool,
    ) -> None:
        self._rows = rows
        self._tokens = tokens
        self._logouts = logouts
        self._events = events
        self._shared = shared
        self._held: dict[str, Lease] = {}
        """Leases that are used here no longer, of which the store could not be told."""
        self._gone: dict[str, Lease] = {}
        """Leases that the store has lost, and by which calls, waits or files go perhaps."""
        self._stopping = False
        self._background = BackgroundTasks()

    async def close(self, lease: Lease) -> None:
        """Use a lease no longer, and log it out where nobody else uses it."""
        self._held.pop(lease.id, None)
        try:
            last = await self._rows.release(lease.id, despite_homes=self._stopping)
        except Unavailable:
            self._held[lease.id] = lease
            return
        if last:
            await self._tokens.settled(lease)
            changed = None
            with suppress(Unavailable):  # then by what is known here, which may do as well
                changed = await self._rows.changed(lease.id) if self._shared else None
            await self._logouts.end(lease.id, changed or lease.session)
        elif last is None:
            self._is_lost(lease)
            self._end_gone()
        else:
            self._events.left_to_others(lease.id)

    async def keep(self, lease: Lease) -> None:
        """Leave it to others, or to the next start."""
        await self._tokens.settled(lease)
        if await self._rows.keep(lease.id):
            return
        _warn_of_loss(lease)
        await self._logouts.end(lease.id, lease.session)

    async def gone(self, lease: Lease) -> None:
        """Its row is in the store no longer: another process has done with it, or it is lost.

        A row that has come back since is this process's to remove, as a lost one is.
        """
        try:
            last = await self._rows.release(lease.id, despite_homes=self._stopping)
        except Unavailable:  # perhaps it is lost, and one more logout does no harm
            last = None
        if last is False:
            self._events.left_to_others(lease.id)
        else:
            self._is_lost(lease)

    def _is_lost(self, lease: Lease) -> None:
        """Nobody else will log it out: soon, when nothing goes by it."""
        if lease.id not in self._gone:
            _warn_of_loss(lease)
            self._gone[lease.id] = lease

    def retired(self, lease: Lease) -> None:
        """Tell other processes that it takes nobody new."""
        self._background.begin(self._tell_retired(lease), "retire a lease")

    def tidy(self) -> None:
        """Try once more what the store could not be told."""
        for lease in list(self._held.values()):
            self._background.begin(self.close(lease), "let go of a lease")
        self._end_gone()

    def stop(self) -> None:
        """From now on, leases are logged out whatever this process's clients have in them."""
        self._stopping = True
        self.tidy()

    async def all_done(self) -> None:
        """Wait for all that is under way."""
        await self._background.all_done()

    def _end_gone(self) -> None:
        for lease in list(self._gone.values()):
            if self._stopping or not lease.used_by:
                del self._gone[lease.id]
                self._background.begin(self._end(lease), "log out what the store has lost")

    async def _end(self, lease: Lease) -> None:
        await self._tokens.settled(lease)
        await self._logouts.end(lease.id, lease.session)

    async def _tell_retired(self, lease: Lease) -> None:
        with suppress(Unavailable):  # others go on with it until it is lost
            await self._rows.retire(lease.id)


def _warn_of_loss(lease: Lease) -> None:
    _log.warning("the row of a lease is gone, and its session is logged out", lease=lease.id)
