"""What other processes do with the leases of one upstream, and what those leave that were killed.

Of a process that was killed the store does not hear any more. Its leases are used on where their
callers still have sessions, since no password is kept, and logged out otherwise: a call that was
under way has perhaps left something in them that nobody can name.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from itertools import islice

import structlog

from sessiongate.gateway.accounts import Accounts
from sessiongate.gateway.calls.relay import Relay
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.pool import Pool
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.stored_leases import SERVICE, StoredLeases, person_of
from sessiongate.session import Person, Session
from sessiongate.store.gateway_port import LeaseState, LeaseUse, UpstreamNotes
from sessiongate.store.port import StoredLease

_STANDING = "standing"
"""What processes tell each other that an operator has said."""

_SESSIONS = 100
"""Sessions of each kind in a second that are looked at, whether another process has ended them."""

_LOOKS = 2
"""How often it is looked again, before what somebody has left is taken over.

After an outage of the store nobody was heard of for long, and all are within a second.
"""

_log = structlog.get_logger(__name__)


class OtherProcesses:
    """Of one upstream. `sessions` are all client sessions that live, `lives` asks for one."""

    def __init__(
        self,
        name: str,
        rows: StoredLeases,
        accounts: Accounts,
        relay: Relay,
        notes: UpstreamNotes,
        sessions: Callable[[], AsyncIterator[Session]],
        lives: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._rows = rows
        self._accounts = accounts
        self._relay = relay
        self._name = name
        self._notes = notes
        self._sessions = sessions
        self._last_published = ""
        """The standing that was published last, by whichever process."""
        self._looked_at: list[Iterator[str]] = [iter(()), iter(())]
        """Which of the clients with something under way, and of all, were looked at."""
        self._seen: dict[str, int] = {}
        """Leases that a killed process has left, and how often that was seen."""
        self._left_at = Counter[str]()
        """Sessions of which no token may be sent any more, by the address that has them."""
        self._used_on = 0
        """Sessions that a stop has kept, and that are used on."""
        self._lives = lives

    async def sync(self) -> None:
        """See what others have said and done, and take over what nobody has. Once a second."""
        told = (await self._notes.all()).get(_STANDING, self._last_published)
        if told != self._last_published:
            self._last_published = told
            self._accounts.set_standing(Standing(told.partition(" ")[0]))
        known = [(pool, lease) for pool in self._accounts.pools for lease in pool.leases]
        parent = self._accounts.parent
        parents = parent.leases if parent is not None else ()
        uses = await self._rows.watch()
        for pool, lease in known:
            await self._compare(pool, lease, uses.get(lease.id))
        if parent is not None:
            parent.sync(parents, uses)
        left = {use.lease: use for use in uses.values() if use.left or not use.instances}
        self._seen = {lease: self._seen.get(lease, 0) + 1 for lease in left}
        left = {lease: use for lease, use in left.items() if self._seen[lease] > _LOOKS}
        if left:
            await self._take_over(left, killed=False)

    async def _compare(self, pool: Pool, lease: Lease, use: LeaseUse | None) -> None:
        """Have of a lease what the store says of it."""
        if use is None:
            if lease in pool.leases:
                await self._relay.teardown.row_gone(pool, lease, self._accounts.row_gone)
            return
        if use.state in (LeaseState.ENDING, LeaseState.LOST):
            if lease in pool.leases:
                await self._relay.teardown.lose(pool, lease)
            return
        if lease in pool.leases and self._rows.instance not in use.instances:
            await self._rejoin(pool, lease)
        lease.at_home = max(0, use.homes - len(lease.homes))
        lease.others = len(use.instances - {self._rows.instance})
        if use.state is LeaseState.RETIRED and not lease.retired:
            pool.retire(lease)

    async def _rejoin(self, pool: Pool, lease: Lease) -> None:
        """Be among the users of a lease again, from which somebody has taken this process.

        In an outage of the store it was silent for so long that it counted as killed. The last one
        of the users that are left would log the lease out.
        """
        if not await self._rows.rejoin(lease.id):
            await self._relay.teardown.lose(pool, lease)
        elif lease not in pool.leases:  # it was let go of meanwhile
            await self._accounts.release(lease)

    async def publish(self, standing: Standing) -> None:
        """Have all others do what an operator has said here."""
        self._last_published = f"{standing.value} {self._relay.checkouts.new_stay()}"  # is new
        await self._notes.put(_STANDING, self._last_published)

    async def ended(self) -> list[str]:
        """Keys of sessions with something here that have ended at another process: nobody tells."""
        keys: dict[str, None] = {}
        for at, found in enumerate((self._under_way, self._accounts.sessions.keys)):
            some = list(islice(self._looked_at[at], _SESSIONS))
            if len(some) < _SESSIONS:
                self._looked_at[at] = iter(found())
            keys |= dict.fromkeys(some)
        live = await asyncio.gather(*map(self._lives, keys))
        return [key for key, lives in zip(keys, live, strict=True) if not lives]

    def _under_way(self) -> list[str]:
        return [one.session.key for one in self._relay.clients.all() if one.under_way]

    async def _own_sessions(self) -> AsyncIterator[Session]:
        async for session in self._sessions():
            if session.upstream == self._name:
                yield session

    async def join_all(self) -> None:
        """Use all leases that other processes use."""
        known = {lease.id for pool in self._accounts.pools for lease in pool.leases}
        for row in await self._rows.all():
            ours = self._accounts.is_of_service(row) or person_of(row).provider != ""
            found = await self._rows.attach(row) if ours and row.id not in known else None
            if found is not None:
                self._accounts.use(found)

    async def clients(self) -> list[str]:
        """Keys of the clients that have something in a lease, of whichever process."""
        return [key for row in await self._rows.all() for key in await self._rows.clients(row.id)]

    async def recover(self) -> None:
        """Take over what a process before this one has left, in a store that is this one's alone.

        Nobody knows any more how that has ended, and what clients had.
        """
        async for session in self._own_sessions():
            self._accounts.opened(session)
        uses = await self._rows.look()
        await self._take_over(uses, killed=True)

    async def _take_over(self, uses: Mapping[str, LeaseUse], *, killed: bool) -> None:
        rows = [row for row in await self._rows.all() if row.id in uses]
        if not rows:
            return
        people: dict[Person, list[Session]] = {}
        if any(person_of(row) != SERVICE for row in rows):
            async for session in self._own_sessions():
                person = Person(session.provider, session.principal)
                people.setdefault(person, []).append(session)
        for row in rows:
            use = uses[row.id]
            sessions = people.get(person_of(row), ())
            await self._take(row, use, sessions, killed=killed or use.left)
        for address, number in self._left_at.items():
            _log.warning(
                "sessions are left at the upstream's former address, and end by its clock",
                upstream=self._name,
                address=address,
                sessions=number,
            )
        self._left_at.clear()
        if self._used_on:
            _log.info(
                "sessions at the upstream that the last stop has kept are used on",
                upstream=self._name,
                sessions=self._used_on,
            )
            self._used_on = 0

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
            if use.instances or not await rows.release(row.id, despite_homes=True):
                return
            if opened is None or use.state is LeaseState.LOST:
                if not row.sealed:
                    _log.warning(
                        "a login at the upstream was broken off, and perhaps its session is left"
                        " there",
                        upstream=row.upstream,
                        lease=row.id,
                    )
                if address := rows.elsewhere(row):
                    self._left_at[address] += 1
                if use.homes:
                    await self._relay.teardown.lose_all(row.id)
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
            if not use.instances and await rows.release(row.id, despite_homes=kept is False):
                accounts.end_later(row, opened)
                return
        found = await rows.attach(row)
        if found is None:
            return
        for session in sessions:
            accounts.opened(session)
        pool = accounts.use(found)
        self._used_on += kept is True

        async def pool_of() -> Pool:
            return pool

        for key in await rows.clients(row.id):
            await self._relay.checkouts.leave(key, "", row.id)  # those of the killed end with it
            if not await self._lives(key):
                self._relay.teardown.clear(key, pool_of)
