"""The leases of one upstream as rows in the store: there before a session is opened, gone after it.

So whatever ends a process, others and the next start know which sessions it has left at the
upstream, and log them out by their tokens. Those that a stop has kept say so by their holder, and
are used on. Tokens are sealed; `size` holds for all who share the store, and a session that several
processes use is logged out by the last of them.
"""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog

from sessiongate.errors import CapReached, StoreUnavailable, UpstreamUnavailable
from sessiongate.gateway.credentials.sealing import LeaseKey, NotOpened
from sessiongate.gateway.leases.tokens_in_use import TokensInUse
from sessiongate.gateway.leases.written_sessions import credentials_of, session_of
from sessiongate.session import Person
from sessiongate.store import port
from sessiongate.store.gateway_port import LeaseState, LeaseUse, LeaseUsers
from sessiongate.store.port import LeaseStore, StoredLease
from sessiongate.wire.vim.client import UpstreamSession

SERVICE = Person("", port.SERVICE)
"""Stands for the service account among those of callers."""

PARENT = Person("", "session-manager")
"""The same account, for the session that clone tickets come from. It has rows of its own, so that
no pool ever takes one."""

_KEPT = "kept/"
"""How the holder of rows begins that a stop has kept. While they are used, it is a process, so that
after a kill nobody takes them for sessions that hold nothing."""

_TURN = 0.2
"""Seconds after which it is asked again whether another process still logs in."""

SILENT = timedelta(seconds=10)
"""A process of which the store has not heard for so long was killed."""

_log = structlog.get_logger(__name__)


class FoundLease(NamedTuple):
    """A session that another process has opened."""

    row: StoredLease
    opened: UpstreamSession
    retired: bool


class StoredLeases:
    """The rows of one upstream. `instance` is this process, for as long as it runs."""

    def __init__(
        self,
        upstream: str,
        store: LeaseStore,
        users: LeaseUsers,
        key: LeaseKey,
        instance: str,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        opened_as: str = "",
        server: str = "",
        tokens: TokensInUse | None = None,
    ) -> None:
        """`opened_as` says where and by which account: what is kept is for the same alone.

        `server` is the upstream's address: no token is for any other. `tokens` knows of all that
        are in use at that server, by other tables too.
        """
        self._upstream = upstream
        self._store = store
        self._users = users
        self._key = key
        self.instance = instance
        self._now = now
        self._new_id = new_id
        self._opened_as = opened_as
        self._server = server
        self._known: dict[str, StoredLease] = {}
        """Rows with credentials, as they are in the store, by their ids."""
        self.kept = 0
        """Sessions that were left to the next start, or to others."""
        self.tokens = tokens or TokensInUse()
        """What no client may be shown: of all rows that were seen here."""
        self._listed: set[str] = set()
        """The rows of which `tokens` knows by this."""
        self._looked_at: set[str] = set()
        """The same with those of other upstreams."""
        self._unremoved: set[str] = set()
        """Rows of sessions that are over, which the store could not remove yet."""

    @property
    def has_unremoved(self) -> bool:
        """Whether rows are there still that should not be."""
        return bool(self._unremoved)

    def new_id(self) -> str:
        """An id for a session that has no row."""
        return self._new_id()

    def seconds(self) -> float:
        """The time, for what processes keep together."""
        return self._now().timestamp()

    async def reserve(self, person: Person, most: int) -> StoredLease:
        """Room for one more session.

        Raises UpstreamUnavailable where there is none, by a CapReached.
        """
        whose = account_of(person)
        row = StoredLease(self._new_id(), self._upstream, whose, self._now(), self.instance)
        try:
            await self._store.reserve(row, most)
        except CapReached as full:
            why = f"all {most} sessions of the account are in use"
            raise UpstreamUnavailable(f"{self._upstream}: {why}", says=why) from full
        return row

    async def wait_turn(self, row: StoredLease) -> None:
        """Wait until no other process logs in for the account that has begun before.

        So one that has its password refused is the only one.
        """
        while True:
            before = [
                one.id
                for one in await self.all()
                if _same_login(one.account, row.account)
                and not one.sealed
                and one.holder != self.instance
                and (one.opened_at, one.id) < (row.opened_at, row.id)
            ]
            uses = await self.look() if before else {}
            if not any(uses[one].instances for one in before if one in uses):
                return
            await asyncio.sleep(_TURN)

    async def fill(self, row: StoredLease, opened: UpstreamSession) -> None:
        """Keep what the session is used by. It is durable when this returns."""
        self._list(row.id, opened)
        sealed = self._key.seal(row, credentials_of(opened, self._server))
        if not await self._store.replace(row, sealed):
            raise StoreUnavailable("the row of a new lease is gone")
        self._known[row.id] = sealed

    async def refill(self, lease_id: str, opened: UpstreamSession) -> None:
        """Keep what has come to a session that has a row. Raises as `fill` does."""
        row = self._known.get(lease_id)
        if row is None:
            raise StoreUnavailable("the lease has ended")
        await self.fill(row, opened)

    async def remove(self, lease_id: str) -> None:
        """The session is over. `retry_removals` removes the row where the store cannot now."""
        self._forget(lease_id)
        await self.give_up(lease_id)

    async def give_up(self, lease_id: str) -> None:
        """Nobody needs the row any more, though the session goes on perhaps.

        So no client is shown what it goes by, for as long as this process runs.
        """
        self._known.pop(lease_id, None)
        self._listed.discard(lease_id)
        try:
            await self._store.remove(lease_id)
        except StoreUnavailable as error:
            self._unremoved.add(lease_id)
            _log.warning("the row of a lease is left in the store", lease=lease_id, why=str(error))

    async def retry_removals(self) -> None:
        """Remove what could not be removed before, as far as the store does it now."""
        for lease_id in sorted(self._unremoved):
            try:
                await self._store.remove(lease_id)
            except StoreUnavailable:
                return
            self._unremoved.discard(lease_id)

    async def keep(self, lease_id: str) -> bool:
        """Leave a session that nobody has anything in to others, or to the next start.

        False where that cannot be: the store has lost its row.
        """
        row = self._known.pop(lease_id)
        try:
            uses = await self.look()
            use = uses.get(lease_id)
            if use is not None and not use.instances - {self.instance}:
                await self._hold(row, f"{_KEPT}{self._opened_as}")
            left = await self._users.detach(lease_id, self.instance, ends=False)
            if use is None:
                return left is not None
            self.kept += 1
        except StoreUnavailable as error:  # so the next start logs it out
            _log.warning("a lease could not be kept", lease=lease_id, why=str(error))
        return True

    def was_kept(self, row: StoredLease) -> bool | None:
        """Whether a stop has kept it, for the account of now; None where no stop has."""
        if not row.holder.startswith(_KEPT):
            return None
        return row.holder == f"{_KEPT}{self._opened_as}"

    def age(self, row: StoredLease) -> float:
        """Seconds since the session was opened; 0 where a clock has been set back."""
        return max(0.0, (self._now() - row.opened_at).total_seconds())

    async def all(self) -> list[StoredLease]:
        """The rows of this upstream, whoever has opened them."""
        return [row for row in await self._store.all() if row.upstream == self._upstream]

    async def look(self) -> dict[str, LeaseUse]:
        """Say that this process runs, and who uses which lease, by its id."""
        await self._users.beat(self.instance, SILENT)
        return {use.lease: use for use in await self._users.look()}

    async def watch(self) -> dict[str, LeaseUse]:
        """The same, and know the tokens of all these leases, whichever process has opened them."""
        before = self._listed.copy()
        uses = await self.look()
        for lease_id in before.difference(uses):
            if lease_id not in self._known:  # else replies may show it until it is logged out
                self._forget(lease_id)
        self._looked_at.intersection_update(uses)
        if self._looked_at.issuperset(uses):
            return uses
        rows = {row.id: row for row in await self.all()}
        for lease_id in uses.keys() - self._looked_at:
            row = rows.get(lease_id)
            if row is not None and not row.sealed:
                continue  # its login is under way
            self._looked_at.add(lease_id)
            if row is not None and lease_id not in self._listed:
                self._list(lease_id, self.opened(row))
        return uses

    async def find(self, lease_id: str) -> FoundLease | None:
        """A lease that another process has opened, to use it; None where it is over."""
        row = await self._row(lease_id)
        return None if row is None else await self.attach(row)

    async def another(self, person: Person, but: Collection[str]) -> FoundLease | None:
        """A lease of this account besides those of these ids, to use it."""
        rows = [row for row in await self.all() if row.account == account_of(person)]
        rows = [row for row in rows if row.sealed and row.id not in but]
        if not rows:
            return None
        uses = await self.look()
        for row in sorted(rows, key=lambda row: _homes(uses.get(row.id))):
            use = uses.get(row.id)
            if use is not None and use.state is LeaseState.OPEN:
                found = await self.attach(row, only_open=True)
                if found is not None:
                    return found
        return None

    async def attach(self, row: StoredLease, *, only_open: bool = False) -> FoundLease | None:
        """Use a lease. None where it is over, or cannot be used.

        `only_open`: or takes nobody new.
        """
        opened = self.opened(row)
        if opened is None or self.was_kept(row) is False:
            return None
        # Before it is used: of several that start at once one has what a stop has kept, and others
        # must not be written down as its users, for whom it would never be logged out.
        held = await self._hold(row, self.instance) if row.holder.startswith(_KEPT) else row
        if held is None:
            return None
        state = await self._users.attach(row.id, self.instance, only_open=only_open)
        if state is None:
            return None
        self._known[row.id] = held
        self._list(row.id, opened)
        return FoundLease(row, opened, state is LeaseState.RETIRED)

    async def rejoin(self, lease_id: str) -> bool:
        """Be among the users of a lease again. False where it is over."""
        state = await self._users.attach(lease_id, self.instance)
        return state is not None

    async def changed(self, lease_id: str) -> UpstreamSession | None:
        """What another process has put in the row of a lease since; None for nothing."""
        known, row = self._known.get(lease_id), await self._row(lease_id)
        if row is None or known in (None, row):
            return None
        self._known[lease_id] = row
        opened = self.opened(row)
        self._list(lease_id, opened)
        return opened

    async def retired(self, person: Person, going: Collection[str]) -> int:
        """How many sessions of this account take nobody new, and those of these ids besides."""
        rows = [row for row in await self.all() if row.account == account_of(person)]
        uses = await self.look() if rows else {}
        states = {row.id: uses[row.id].state for row in rows if row.id in uses}
        return sum(row.id in going or states.get(row.id) is not LeaseState.OPEN for row in rows)

    async def retire(self, lease_id: str) -> None:
        """Let no client begin anything in it, of whatever process."""
        await self._users.retire(lease_id)

    async def release(self, lease_id: str, *, despite_homes: bool = False) -> bool | None:
        """Use a lease no longer. True where it has to be logged out: nobody else needs it.

        `despite_homes`: or at least no other process uses it. None where the store has no row.
        """
        last = await self._users.detach(lease_id, self.instance, despite_homes=despite_homes)
        if last is False:
            self._known.pop(lease_id, None)
        return last

    async def clients(self, lease_id: str) -> list[str]:
        """Whose home it is, by the keys of their sessions."""
        return await self._users.clients(lease_id)

    def elsewhere(self, row: StoredLease) -> str:
        """The address that a row's session was opened at, if that is not the upstream's of now."""
        try:
            server = self._key.open(row).server if row.sealed else ""
        except NotOpened:
            return ""
        return "" if server == self._server else server

    def opened(self, row: StoredLease) -> UpstreamSession | None:
        """The session of a row; None where nobody can use it any more, or not at this address."""
        if not row.sealed or self.elsewhere(row):
            return None
        try:
            return session_of(self._key.open(row))
        except (NotOpened, ValueError) as error:
            _log.error("a lease in the store cannot be used", lease=row.id, why=str(error))
            return None

    async def _row(self, lease_id: str) -> StoredLease | None:
        """The row of this id, if it is this upstream's."""
        row = await self._store.find(lease_id)
        return row if row is not None and row.upstream == self._upstream else None

    def _list(self, lease_id: str, opened: UpstreamSession | None) -> None:
        self._listed.add(lease_id)
        self.tokens.put(lease_id, opened)

    def _forget(self, lease_id: str) -> None:
        self._listed.discard(lease_id)
        self.tokens.drop(lease_id)

    async def _hold(self, row: StoredLease, holder: str) -> StoredLease | None:
        """The row with this holder, None where somebody else has changed it."""
        held = msgspec.structs.replace(row, holder=holder)
        if held != row and not await self._store.replace(row, held):
            return None
        return held


def _same_login(one: str, other: str) -> bool:
    """Whether sessions of these accounts are opened by the same password."""
    by_service = {port.SERVICE, account_of(PARENT)}
    return one == other or {one, other} == by_service


def account_of(person: Person) -> str:
    """What a row says of whose session it is at the upstream."""
    return port.SERVICE if person == SERVICE else f"{person.provider}/{person.name}"


def person_of(row: StoredLease) -> Person:
    """Whose session it is at the upstream."""
    provider, slash, name = row.account.partition("/")
    return Person(provider, name) if slash else SERVICE


def _homes(use: LeaseUse | None) -> int:
    return 0 if use is None else use.homes
