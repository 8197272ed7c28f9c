"""What the gateway keeps in a store, measured: `measured` is how.

Who uses a lease and what clients have there have each one name for all that is asked of them.
"""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from datetime import timedelta
from time import perf_counter
from typing import Any, TypeVar

from sessiongate.errors import Unavailable
from sessiongate.store.gateway_port import (
    Changes,
    ClientBooks,
    Entered,
    LeaseState,
    LeaseUse,
    LeaseUsers,
)
from sessiongate.store.port import LeaseStore, StoredLease
from sessiongate.telemetry.counters import Meters

T = TypeVar("T")


async def measured(meters: Meters, operation: str, work: Awaitable[T]) -> T:
    """What this work answers, timed; an outage is counted."""
    began = perf_counter()
    try:
        return await work
    except Unavailable:
        meters.store_errors[operation] += 1
        raise
    finally:
        meters.timing(meters.store_times, operation).add(perf_counter() - began)


class MeasuredLeases:
    """The same leases, measured."""

    def __init__(self, inner: LeaseStore, meters: Meters) -> None:
        self._inner = inner
        self._meters = meters

    async def reserve(self, lease: StoredLease, most: int) -> None:
        """Keep a new lease."""
        await measured(self._meters, "reserve_lease", self._inner.reserve(lease, most))

    async def replace(self, old: StoredLease, new: StoredLease) -> bool:
        """Keep the one instead of the other."""
        return await measured(self._meters, "replace_lease", self._inner.replace(old, new))

    async def remove(self, lease_id: str) -> None:
        """Forget this lease."""
        await measured(self._meters, "remove_lease", self._inner.remove(lease_id))

    async def find(self, lease_id: str) -> StoredLease | None:
        """The lease of this id."""
        return await measured(self._meters, "find_lease", self._inner.find(lease_id))

    async def all(self) -> list[StoredLease]:
        """All leases."""
        return await measured(self._meters, "all_leases", self._inner.all())


class MeasuredLeaseUsers:
    """The same users of leases, measured."""

    def __init__(self, inner: LeaseUsers, meters: Meters) -> None:
        self._inner = inner
        self._meters = meters

    async def beat(self, instance: str, lasting: timedelta) -> None:
        """Count an instance as one that runs."""
        await self._measured(self._inner.beat(instance, lasting))

    async def look(self) -> list[LeaseUse]:
        """All leases."""
        return await self._measured(self._inner.look())

    async def attach(
        self, lease_id: str, instance: str, *, only_open: bool = False
    ) -> LeaseState | None:
        """Use a lease."""
        return await self._measured(self._inner.attach(lease_id, instance, only_open=only_open))

    async def retire(self, lease_id: str) -> None:
        """Let nobody new begin in it."""
        await self._measured(self._inner.retire(lease_id))

    async def detach(
        self, lease_id: str, instance: str, *, despite_homes: bool = False, ends: bool = True
    ) -> bool | None:
        """Let go of a lease."""
        work = self._inner.detach(lease_id, instance, despite_homes=despite_homes, ends=ends)
        return await self._measured(work)

    async def clients(self, lease_id: str) -> list[str]:
        """The clients that have their home in it."""
        return await self._measured(self._inner.clients(lease_id))

    async def _measured(self, work: Awaitable[T]) -> T:
        return await measured(self._meters, "lease_users", work)


class MeasuredBooks:
    """The same books of clients, measured."""

    def __init__(self, inner: ClientBooks, meters: Meters) -> None:
        self._inner = inner
        self._meters = meters

    @property
    def shared(self) -> bool:
        """Whether other processes have them too."""
        return self._inner.shared

    @property
    def is_untouched(self) -> Callable[[str, Collection[str]], bool]:
        """The inner one's question itself, which waits for nothing."""
        return self._inner.is_untouched

    def enter(
        self,
        client: str,
        stay: str,
        lease_id: str,
        *,
        exclusive: bool = False,
        known: int = -1,
        names: Iterable[str] = (),
    ) -> Coroutine[Any, Any, Entered]:
        """Begin a stay. Each call does, so that it is measured only where it leaves the process."""
        work = self._inner.enter(
            client, stay, lease_id, exclusive=exclusive, known=known, names=names
        )
        return self._measured(work) if self._inner.shared else work

    async def note(self, client: str, lease_id: str, changes: Changes, known: int) -> Entered:
        """Keep what has changed."""
        return await self._measured(self._inner.note(client, lease_id, changes, known))

    async def turn(self, client: str, stay: str, token: str, now: float) -> bool:
        """Use up a page."""
        return await self._measured(self._inner.turn(client, stay, token, now))

    async def leave(self, client: str, stay: str, lease_id: str, now: float) -> bool:
        """End a stay."""
        return await self._measured(self._inner.leave(client, stay, lease_id, now))

    async def clear(self, client: str, stay: str, now: float) -> Entered | None:
        """Let nothing of this client begin any more."""
        return await self._measured(self._inner.clear(client, stay, now))

    async def lost(self, lease_id: str, instance: str) -> list[str]:
        """A lease is over with all in it."""
        return await self._measured(self._inner.lost(lease_id, instance))

    async def _measured(self, work: Awaitable[T]) -> T:
        return await measured(self._meters, "client_books", work)
