"""The leases of one upstream as rows in the store: there before a session is opened, gone after it.

So whatever ends this process, the next start knows which sessions it has left at the upstream and
logs them out by their tokens. Those that a stop has kept say so by their holder, and are used on.
Tokens are sealed; `size` holds for all who share the store.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec
import structlog

from sessiongate.errors import CapReached, StoreUnavailable, UpstreamUnavailable
from sessiongate.gateway.sealing import Credentials, LeaseKey, NotOpened
from sessiongate.secret import Secret
from sessiongate.session import Person
from sessiongate.store import port
from sessiongate.store.port import LeaseStore, StoredLease
from sessiongate.wire.automation.client import RestSession
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm

SERVICE = Person("", port.SERVICE)
"""Stands for the service account among those of callers."""

_log = structlog.get_logger(__name__)


class LeftLease(NamedTuple):
    """A session that a process before this one has left at the upstream."""

    row: StoredLease
    opened: UpstreamSession
    is_empty: bool
    """It was kept by a stop, so that nobody has anything in it."""
    is_another: bool
    """It was kept for another account than now, or is at another server."""


class StoredLeases:
    """The rows of one upstream that this instance, `holder`, answers for."""

    def __init__(
        self,
        upstream: str,
        store: LeaseStore,
        key: LeaseKey,
        holder: str,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        opened_as: str = "",
    ) -> None:
        """`opened_as` says where and by which account: what is kept is for the same alone."""
        self._upstream = upstream
        self._store = store
        self._key = key
        self._holder = holder
        self._now = now
        self._new_id = new_id
        self._kept = f"{holder}/kept/"
        """How the holder of rows begins that a stop has kept. While they are used, it is `holder`,
        so that after a kill nobody takes them for sessions that hold nothing."""
        self._opened_as = opened_as
        self._known: dict[str, StoredLease] = {}
        """Rows with credentials, as they are in the store, by their ids."""
        self._unremoved: set[str] = set()
        """Rows of sessions that are over, which the store could not remove yet."""

    @property
    def owes(self) -> bool:
        """Whether rows are there still that should not be."""
        return bool(self._unremoved)

    def new_id(self) -> str:
        """An id for a session that has no row."""
        return self._new_id()

    async def reserve(self, person: Person, most: int) -> StoredLease:
        """Room for one more session. Raises UpstreamUnavailable where there is none."""
        account = port.SERVICE if person == SERVICE else f"{person.provider}/{person.name}"
        row = StoredLease(self._new_id(), self._upstream, account, self._now(), self._holder)
        try:
            await self._store.reserve(row, most)
        except CapReached:
            raise UpstreamUnavailable(
                f"{self._upstream}: all {most} sessions of the account are in use"
            ) from None
        return row

    async def fill(self, row: StoredLease, opened: UpstreamSession) -> None:
        """Keep what the session is used by. It is durable when this returns."""
        sealed = self._key.seal(row, _credentials(opened))
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
        """The session is over. A row that cannot be removed now is tried again: `remove_owed`."""
        self._known.pop(lease_id, None)
        try:
            await self._store.remove(lease_id)
        except StoreUnavailable as error:
            self._unremoved.add(lease_id)
            _log.warning("the row of a lease is left in the store", lease=lease_id, why=str(error))

    async def remove_owed(self) -> None:
        """Remove what could not be removed before, as far as the store does it now."""
        for lease_id in sorted(self._unremoved):
            try:
                await self._store.remove(lease_id)
            except StoreUnavailable:
                return
            self._unremoved.discard(lease_id)

    async def keep(self, lease_id: str) -> None:
        """Leave a session that nobody has anything in to the next start."""
        row = self._known.pop(lease_id)
        try:
            await self._hold(row, f"{self._kept}{self._opened_as}")
        except StoreUnavailable as error:  # so the next start logs it out
            _log.warning("a lease could not be kept", lease=lease_id, why=str(error))

    def age(self, row: StoredLease) -> float:
        """Seconds since the session was opened; 0 where a clock has been set back."""
        return max(0.0, (self._now() - row.opened_at).total_seconds())

    async def left(self) -> list[LeftLease]:
        """What a process before this one has left, and can be used.

        Rows without credentials are removed: their login never came to an end here, and what it
        may have opened there nobody can log out.
        """
        found = []
        for row in await self._store.all():
            kept = row.holder.startswith(self._kept)
            if row.upstream != self._upstream or not (kept or row.holder == self._holder):
                continue
            if not row.sealed:
                _log.warning(
                    "a login at the upstream was broken off, and perhaps its session is left there",
                    upstream=row.upstream,
                    lease=row.id,
                )
                await self.remove(row.id)
                continue
            try:
                opened = _opened(self._key.open(row))
            except (NotOpened, ValueError) as error:
                _log.error("a lease in the store cannot be used", lease=row.id, why=str(error))
                await self.remove(row.id)
                continue
            ours = await self._hold(row, self._holder)
            if ours is not None:
                another = kept and row.holder != f"{self._kept}{self._opened_as}"
                found.append(LeftLease(ours, opened, is_empty=kept, is_another=another))
        return found

    async def _hold(self, row: StoredLease, holder: str) -> StoredLease | None:
        """The row with this holder, None where somebody else has changed it."""
        held = msgspec.structs.replace(row, holder=holder)
        if held != row and not await self._store.replace(row, held):
            return None
        self._known[row.id] = held
        return held


def person_of(row: StoredLease) -> Person:
    """Whose session it is at the upstream."""
    provider, slash, name = row.account.partition("/")
    return Person(provider, name) if slash else SERVICE


def _credentials(opened: UpstreamSession) -> Credentials:
    form, key = opened.form.value, Secret(opened.user.key)
    rest = opened.rest or RestSession("", Secret(""))
    return Credentials(form, key, opened.token, rest.path, rest.token)


def _opened(credentials: Credentials) -> UpstreamSession:
    user = UserSession(credentials.key.reveal(), "", "", "")
    path = credentials.rest_path
    rest = RestSession(path, credentials.rest_token) if path else None
    return UpstreamSession(WireForm(credentials.form), credentials.token, user, rest)
