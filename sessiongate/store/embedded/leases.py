"""Leases of the stores of one process: a table in memory, and where there is a file, that too.

Memory decides at once, so that of many at a time one wins; the file has it before a method returns.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable

from sessiongate.errors import CapReached
from sessiongate.store.embedded import schema
from sessiongate.store.embedded.lease_users import LeaseUserTable, Use
from sessiongate.store.embedded.writer import Writer
from sessiongate.store.encoding import check_same_lease
from sessiongate.store.port import StoredLease


class LeaseTable:
    """Leases by their id. No method suspends."""

    def __init__(self, users: LeaseUserTable) -> None:
        self._leases: dict[str, StoredLease] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._users = users

    def clear(self) -> None:
        """Forget all of them."""
        self._leases.clear()
        self._counts.clear()
        self._users.uses.clear()

    def keep(self, lease: StoredLease, *users: str) -> None:
        """Take in a lease as it is. From a file, nobody uses it."""
        self._leases[lease.id] = lease
        self._counts[lease.upstream, lease.account] += 1
        self._users.uses[lease.id] = Use(*users)

    def reserve(self, lease: StoredLease, most: int) -> None:
        """Keep a new lease, or raise CapReached."""
        if lease.id in self._leases:
            raise ValueError("a lease with this id is already kept")
        if self._counts[lease.upstream, lease.account] >= most:
            raise CapReached("upstream", most, lease.account)
        self.keep(lease, lease.holder)

    def replace(self, old: StoredLease, new: StoredLease) -> bool:
        """Replace the old lease by the new one, if it is unchanged since."""
        check_same_lease(old, new)
        if self._leases.get(old.id) not in (old, new):
            return False
        self._leases[new.id] = new
        return True

    def remove(self, lease_id: str) -> None:
        """Forget this lease, if there is one."""
        self._users.remove(lease_id)
        lease = self._leases.pop(lease_id, None)
        if lease is not None:
            whose = lease.upstream, lease.account
            self._counts[whose] -= 1
            if not self._counts[whose]:
                del self._counts[whose]

    def find(self, lease_id: str) -> StoredLease | None:
        """The one of this id."""
        return self._leases.get(lease_id)

    def all(self) -> list[StoredLease]:
        """All of them."""
        return list(self._leases.values())


class MemoryLeases:
    """Leases for as long as the process lives."""

    def __init__(self, users: LeaseUserTable) -> None:
        self._table = LeaseTable(users)

    async def reserve(self, lease: StoredLease, most: int) -> None:
        """Keep a new lease, or raise CapReached."""
        self._table.reserve(lease, most)

    async def replace(self, old: StoredLease, new: StoredLease) -> bool:
        """Replace the old lease by the new one, if it is unchanged since."""
        return self._table.replace(old, new)

    async def remove(self, lease_id: str) -> None:
        """Forget this lease."""
        self._table.remove(lease_id)

    async def find(self, lease_id: str) -> StoredLease | None:
        """The lease of this id."""
        return self._table.find(lease_id)

    async def all(self) -> list[StoredLease]:
        """All leases."""
        return self._table.all()


class SqliteLeases:
    """Leases in the session file. `writer` gives the one that writes it, or raises."""

    def __init__(self, writer: Callable[[], Writer], users: LeaseUserTable) -> None:
        self._writer = writer
        self._table = LeaseTable(users)
        self._revision = 0

    def load(self, connection: sqlite3.Connection) -> None:
        """Read what the file has."""
        self._table.clear()
        for lease, revision in schema.load_leases(connection):
            self._table.keep(lease)
            self._revision = max(self._revision, revision)

    async def reserve(self, lease: StoredLease, most: int) -> None:
        """Keep a new lease: in memory first, which takes its place, then on the disk."""
        writer = self._writer()
        self._table.reserve(lease, most)
        try:
            await writer.write(schema.RESERVE, schema.lease_row(lease, self._next()))
        except BaseException:
            # Refused, or the caller has gone: nobody will log in for it.
            self._table.remove(lease.id)
            writer.retry_until_written(schema.RELEASE, (schema.text(lease.id),))
            raise

    async def replace(self, old: StoredLease, new: StoredLease) -> bool:
        """Replace the old lease by the new one. Where the disk refuses, the file follows."""
        writer = self._writer()
        if not self._table.replace(old, new):
            return False
        await writer.write_retried(schema.REPLACE, schema.lease_row(new, self._next()))
        return True

    async def remove(self, lease_id: str) -> None:
        """Forget this lease. Where the disk refuses, the file follows."""
        writer = self._writer()
        self._table.remove(lease_id)
        await writer.write_retried(schema.RELEASE, (schema.text(lease_id),))

    async def find(self, lease_id: str) -> StoredLease | None:
        """The lease of this id; the disk is not asked."""
        self._writer()
        return self._table.find(lease_id)

    async def all(self) -> list[StoredLease]:
        """All leases; the disk is not asked."""
        self._writer()
        return self._table.all()

    def _next(self) -> int:
        """A number for what is written now: what was refused and comes later has a lower one."""
        self._revision += 1
        return self._revision
