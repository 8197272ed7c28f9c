"""What other processes do with the leases of one upstream, and what those leave that were killed.

Of a process that was killed the store does not hear any more. Its leases are used on where their
callers still have sessions, since no password is kept, and logged out otherwise: a call that was
under way has perhaps left something in them that nobody can name.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping

import structlog

from sessiongate.gateway.accounts import Accounts
from sessiongate.gateway.lease import Lease
from sessiongate.gateway.pool import Pool
from sessiongate.gateway.relay import Relay
from sessiongate.gateway.stored_leases import SERVICE, StoredLeases, person_of
from sessiongate.session import Person, Session
from sessiongate.store.gateway_port import LeaseState, LeaseUse
from sessiongate.store.port import StoredLease

_log = structlog.get_logger(__name__)


class OtherProcesses:
    """Of one upstream. `sessions` are all of its clients that live, `lives` asks for one."""

    def __init__(
        self,
        rows: StoredLeases,
        accounts: Accounts,
        relay: Relay,
        sessions: Callable[[], AsyncIterator[Session]],
        lives: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._rows = rows
        self._accounts = accounts
        self._relay = relay
        self._sessions = sessions
        self._lives = lives

    async def look(self) -> None:
        """See what others have done with leases, and take over what nobody has. Once a second."""
        known = [(pool, lease) for pool in self._accounts.pools for lease in pool.leases]
        uses = await self._rows.look()
        for pool, lease in known:
            await self._compare(pool, lease, uses.get(lease.id))
        left = {use.lease: use for use in uses.values() if use.left or not use.instances}
        if left:
            await self._take_over(left, killed=False)

    async def _compare(self, pool: Pool, lease: Lease, use: LeaseUse | None) -> None:
        """Have of a lease what the store says of it."""
        if use is None or use.state in (LeaseState.ENDING, LeaseState.LOST):
            if lease in pool.leases:
                await self._relay.endings.lose(pool, lease)
            return
        lease.at_home = max(0, use.homes - len(lease.homes))
        lease.others = len(use.instances - {self._rows.instance})
        if use.state is LeaseState.RETIRED and not lease.retired:
            pool.retire(lease)

    async def recover(self) -> None:
        """Take over what a process before this one has left, in a store that is this one's alone.

        Nobody knows any more how that has ended, and what clients had.
        """
        uses = await self._rows.look()
        await self._take_over(uses, killed=True)

    async def _take_over(self, uses: Mapping[str, LeaseUse], *, killed: bool) -> None:
        rows = [row for row in await self._rows.all() if row.id in uses]
        if not rows:
            return
        people: dict[Person, list[Session]] = {}
        if any(person_of(row) != SERVICE for row in rows):
            async for session in self._sessions():
                person = Person(session.provider, session.principal)
                people.setdefault(person, []).append(session)
        for row in rows:
            use = uses[row.id]
            sessions = people.get(person_of(row), ())
            await self._take(row, use, sessions, killed=killed or use.left)

    def _has_room(self, row: StoredLease) -> bool:
        """Whether it is in its pool, or may be."""
        pools = self._accounts.pools
        return any(one.id == row.id for pool in pools for one in pool.leases) or (
            self._accounts.has_room(person_of(row))
        )

    async def _take(
        self, row: StoredLease, use: LeaseUse, sessions: Collection[Session], *, killed: bool
    ) -> None:
        """Take over one lease, with the live sessions of its caller."""
        rows, accounts = self._rows, self._accounts
        opened = rows.opened(row)
        if opened is None or use.state in (LeaseState.ENDING, LeaseState.LOST):
            if use.instances or not await rows.let_go(row.id, despite_homes=True):
                return
            if opened is None or use.state is LeaseState.LOST:
                if not row.sealed:
                    _log.warning(
                        "a login at the upstream was broken off, and perhaps its session is left"
                        " there",
                        upstream=row.upstream,
                        lease=row.id,
                    )
                if use.homes:
                    await self._relay.endings.lose_all(row.id)
                await rows.remove(row.id)
            else:
                accounts.end_later(row, opened)
            return
        kept = rows.was_kept(row)
        if kept is not None:
            killed = not kept
        unwanted = killed if accounts.is_of_service(row) else not sessions
        if unwanted or kept is False or not self._has_room(row):
            await rows.retire(row.id)
            # What was kept for another account or server is of no use to anybody.
            if not use.instances and await rows.let_go(row.id, despite_homes=kept is False):
                accounts.end_later(row, opened)
                return
        found = await rows.attach(row)
        if found is None:
            return
        for session in sessions:
            accounts.opened(session)
        pool = accounts.use(found)

        async def pool_of() -> Pool:
            return pool

        for key in await rows.clients(row.id):
            await self._relay.stays.leave(key, "", row.id)  # those of the killed end with it
            if not await self._lives(key):
                self._relay.endings.clear(key, pool_of)
