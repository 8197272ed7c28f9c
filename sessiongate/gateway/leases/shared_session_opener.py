"""One more session of an account: one that another process has opened, or a new one."""

import asyncio
from collections.abc import Sequence

from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.lease_events import LeaseEvents
from sessiongate.gateway.leases.session_opener import SessionOpener
from sessiongate.gateway.leases.stored_leases import FoundLease, StoredLeases
from sessiongate.session import Person


class SharedSessionOpener:
    """Of one upstream. `shared`: other processes have sessions there that may be used."""

    def __init__(
        self, opener: SessionOpener, rows: StoredLeases, events: LeaseEvents, *, shared: bool
    ) -> None:
        self._opener = opener
        self._rows = rows
        self._events = events
        self._shared = shared

    async def open(self, person: Person, most: int, live: Sequence[Lease]) -> Lease:
        """A session besides the `live` ones of this account, which may have `most`.

        Raises as `SessionOpener.open` does.
        """
        found = None
        if self._shared:
            found = await self._rows.another(person, {lease.id for lease in live})
        if found is not None:
            self._events.known(found.row.id, person)
            return self.lease_of(found)
        return await self._opener.open(person, most, live)

    def lease_of(self, found: FoundLease) -> Lease:
        """The lease of a session that another process has opened."""
        now = asyncio.get_running_loop().time()
        lease = Lease(found.row.id, found.opened, now - self._rows.age(found.row))
        lease.freed_at, lease.retired = now, found.retired
        return lease
