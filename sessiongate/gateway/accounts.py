"""The accounts by which one upstream is used: a pool for each, and how their leases come and go.

`account = "service"`: one account of the settings, for all clients. `account = "caller"`: each user
of the upstream's own, by the session that the login opened; no password is kept, so that further
leases are clones of a live one.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

from sessiongate.errors import NoSession, NotSupported, UpstreamUnavailable
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.upstream_credentials import UpstreamCredentials
from sessiongate.gateway.leases.lease import Lease, LeaseTimes, PoolLimits
from sessiongate.gateway.leases.lease_events import LeaseEvents, OnLeaseEvent
from sessiongate.gateway.leases.lease_release import LeaseRelease
from sessiongate.gateway.leases.logouts import Logouts
from sessiongate.gateway.leases.own_calls import OwnCalls
from sessiongate.gateway.leases.parent import LEAST_SIZE, Parent
from sessiongate.gateway.leases.pool import Pool
from sessiongate.gateway.leases.probes import Probes
from sessiongate.gateway.leases.rest_tokens import RestTokens
from sessiongate.gateway.leases.session_opener import SessionOpener
from sessiongate.gateway.leases.shared_session_opener import SharedSessionOpener
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.stored_leases import SERVICE, FoundLease, StoredLeases, person_of
from sessiongate.gateway.leases.upstream_kinds import Kinds, of_vcenter
from sessiongate.gateway.live_sessions import SessionsOfAccounts
from sessiongate.gateway.observer import Observer
from sessiongate.gateway.relay_rules import no_user_of
from sessiongate.session import Person, Session
from sessiongate.store.port import StoredLease
from sessiongate.telemetry.upstream_counters import STATES, UpstreamMeters, UpstreamNow
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.vim.client import UpstreamSession

UNNEEDED = 10.0
"""Seconds after which a caller's sessions are logged out who has none here.

Not at once, since a login has its session there before it has one here.
"""

_PAST_AGE = 1.1
"""How old a session may become, in `max_age`, for clients that have something in it."""


class Accounts:
    """All pools of one upstream. `provider` is whose users have pools under `caller`."""

    def __init__(
        self,
        upstream: str,
        limits: PoolLimits,
        times: LeaseTimes,
        exchange: Exchange,
        timeout: timedelta,
        *,
        rows: StoredLeases,
        credential: Credential | None,
        observer: Credential | None = None,
        providers: frozenset[str] = frozenset(),
        meters: UpstreamMeters | None = None,
        tell: OnLeaseEvent | None = None,
        shared: bool = False,
        kinds: Kinds | None = None,
    ) -> None:
        """With a `credential` all clients use the one account. `observer` is who only looks.

        `shared`: other processes use the same sessions there. `kinds`: a vCenter's if not given.
        """
        self.upstream = upstream
        self.meters = meters or UpstreamMeters()
        self.credential = credential
        self._rows, self._limits, self._times = rows, limits, times
        events = self._events = LeaseEvents(upstream, tell)
        kinds = kinds or of_vcenter(upstream, exchange, timeout)
        there, self.tokens, self._rest = kinds(rows, self.meters, credential)
        self._clones = there.clones
        logouts = self._logouts = Logouts(there, rows, events, self.meters)
        own = (rows, logouts, events, self.meters)
        self._opener = SessionOpener(upstream, there, *own, credential)
        self.observer: Observer | None = None
        if observer is not None:
            opener = SessionOpener(upstream, there, *own, observer)
            self.observer = Observer(observer, opener, logouts)
        self.credentials = UpstreamCredentials(credential, self._rest, observer)
        self._lease_release = LeaseRelease(rows, self.tokens, logouts, events, shared=shared)
        self._shared_opener = SharedSessionOpener(self._opener, rows, events, shared=shared)
        self.parent: Parent | None = None
        if credential is not None and there.clones and limits.size >= LEAST_SIZE:
            self.parent = self._parent(OwnCalls(exchange, timeout), credential)
        self._providers = providers
        self._pools: dict[Person, Pool] = {}
        self._shared = shared
        self.sessions = SessionsOfAccounts()
        """Those that this process has opened, or has calls of."""
        self._probes = Probes()
        self._tell_lost: list[Callable[[Person], None]] = []
        self.standing = Standing.OPEN
        if credential is not None:
            self._pools[SERVICE] = self._pool(SERVICE)

    @property
    def rest_tokens(self) -> RestTokens:
        """Those of a vCenter."""
        assert isinstance(self.tokens, RestTokens)  # noqa: S101  nobody asks a ZVM for them
        return self.tokens

    @property
    def pools(self) -> Sequence[Pool]:
        """Those that there are."""
        return tuple(self._pools.values())

    async def pool_anywhere(self, session: Session) -> Pool:
        """The same, also where only other processes have opened leases of the account."""
        if self._shared and self.credential is None and session.provider in self._providers:
            self.opened(session)
            person = Person(session.provider, session.principal)
            pool = self._pools.get(person)
            if pool is None or not (pool.leases or pool.opening):
                await self.join(person)
        return self.pool_of(session)

    def pool_of(self, session: Session) -> Pool:
        """The pool by which this session's calls go.

        Raises NoPermission for users of other providers, NoSession where no lease is left.
        """
        if self.credential is not None:
            return self._pools[SERVICE]
        if session.provider not in self._providers:
            raise no_user_of(self.upstream, session)
        pool = self._pools.get(Person(session.provider, session.principal))
        if self.standing is Standing.DRAINING and (pool is None or not pool.leases):
            raise self.standing.refusal()
        if pool is None or not (pool.leases or pool.opening):
            raise NoSession("no session at the upstream is left to go by")
        return pool

    async def adopt(self, person: Person, opened: UpstreamSession) -> None:
        """Have the session that a caller's login has opened; one too many is logged out.

        Raises UpstreamUnavailable or StoreUnavailable; the session is logged out then, too.
        """
        try:
            row = await self._rows.reserve(person, self._limits.size)
        except BaseException as error:  # or the client has gone: the session is there all the same
            await self._logouts.end(self._rows.new_id(), opened)
            may_share = self._clones or not self._limits.exclusive
            if isinstance(error, UpstreamUnavailable) and person in self._pools and may_share:
                return  # there are as many as there may be: the caller goes by one of those
            raise
        lease = await self._opener.keep(row, opened)
        pool = self._have_pool(person)
        before = () if self._clones or self._limits.exclusive else pool.leases
        pool.add(lease)
        for one in before:  # all share one, and the newest is known to live
            pool.retire(one)

    def is_of_service(self, row: StoredLease) -> bool:
        """Whether a row is of the one account of the settings, and that is what is used here."""
        return self.credential is not None and person_of(row) == SERVICE

    def has_room(self, person: Person) -> bool:
        """Whether one more lease of this account may be had."""
        pool = self._pools.get(person)
        return pool is None or len(pool.leases) < self._most

    def use(self, found: FoundLease) -> Pool:
        """Have a lease that another process has opened. The pool that it is in."""
        row = found.row
        person = person_of(row)
        pool = self._have_pool(person)
        if all(lease.id != row.id for lease in pool.leases):
            self._events.known(row.id, person)
            lease = self._shared_opener.lease_of(found)
            self._probes.mark_unverified(lease)
            pool.add(lease)
        return pool

    async def attach(self, pool: Pool, lease_id: str) -> Lease | None:
        """A lease that another process has opened, in this pool; None where it is over."""
        found = await self._rows.find(lease_id)
        if found is None:
            return None
        self.use(found)
        return next((lease for lease in pool.leases if lease.id == lease_id), None)

    async def release(self, lease: Lease) -> None:
        """Use a lease no longer, and log it out where nobody else uses it."""
        await self._lease_release.close(lease)

    async def row_gone(self, lease: Lease) -> None:
        """The store has no row of it: log it out where that was lost, as nobody else can."""
        await self._lease_release.gone(lease)
        self._drop_empty()

    def end_later(self, row: StoredLease, opened: UpstreamSession) -> None:
        """Log out what another process has opened, and nobody needs."""
        self._events.known(row.id, person_of(row))
        self._logouts.later(row.id, opened)
        self._logouts.tidy()

    def set_standing(self, standing: Standing) -> None:
        """Pause, drain, or let calls go on and the credential be tried again."""
        self.standing = standing
        if standing is Standing.OPEN:
            self.credentials.resume()
        for pool in self.pools:
            pool.set_standing(standing)
        for parent in self._parents:
            parent.set_standing(standing)

    def rotate(self) -> int:
        """Replace all leases by new ones: how many there are to replace. Raises NotSupported."""
        if self.credential is None and not self._clones:
            raise NotSupported("only their own logins bring other sessions of callers there")
        count = sum(pool.rotate() for pool in self.pools)
        return count + sum(parent.rotate() for parent in self._parents)

    def clients(self) -> list[str]:
        """The clients with something in a lease, or a call under way: keys of their sessions."""
        leases = [lease for pool in self.pools for lease in pool.leases]
        return list(dict.fromkeys(key for one in leases for key in (*one.homes, *one.used_by)))

    def snapshot(self, waits: int, objects: int) -> UpstreamNow:
        """What is true at this moment, with what others know of it."""
        counts = Counter[str]()
        held = (self.credential, self._rest, self._pools.get(SERVICE), self.parent)
        for pool in self.pools:
            counts += pool.states()
        for parent in self._parents:
            counts["parent"] += len(parent.leases)
            counts["login"] += parent.opening
        return UpstreamNow(
            {state: counts[state] for state in STATES},
            self._limits.size * len(self._pools),
            sum(pool.waiting for pool in self.pools),
            waits,
            objects,
            any(one is not None and one.is_held_back for one in held),
        )

    def on_last_lost(self, tell: Callable[[Person], None]) -> None:
        """Call `tell` with each caller of whom no lease is left: only a login brings another."""
        self._tell_lost.append(tell)

    def opened(self, session: Session) -> None:
        """A client session was opened."""
        self.sessions.opened(session)

    def ended(self, session: Session) -> None:
        """A client session is over."""
        self.sessions.ended(session.key)

    async def stranded(self) -> list[str]:
        """Keys of client sessions whose callers have no session there: only a login brings one.

        None while no session is opened on an operator's word: they are told to come back.
        """
        if self.credential is not None or self.standing is Standing.DRAINING:
            return []
        found: list[str] = []
        for person, keys in self.sessions.by_person():
            if person.provider not in self._providers or person in self._pools:
                continue
            if not self._shared or not await self.join(person):
                found += keys
        return found

    async def join(self, person: Person) -> bool:
        """Use a lease of a caller's that another process has opened. Whether there is one."""
        found = await self._rows.another(person, ())
        if found is not None:
            self.use(found)
        return found is not None

    def tidy(self) -> None:
        """Log out what nobody needs any more. To be called every few seconds."""
        self._lease_release.tidy()
        self._logouts.tidy()
        if self.credential is not None and self.credential.has_new_password():
            self._pools[SERVICE].try_again()
            for parent in self._parents:
                parent.try_again()
        times = self._times
        for person, pool in list(self._pools.items()):
            keep = 1 if person in self.sessions else 0
            unused = times.idle_close if keep or person == SERVICE else UNNEEDED
            pool.tidy(unused=unused, oldest=times.max_age, keep=keep)
        for parent in self._parents:
            parent.tidy()
        self._drop_empty()

    def overdue(self) -> list[tuple[Pool, Lease]]:
        """The leases that are too old and still have something of clients in them.

        Not the only one of a caller: another would be its clone, for which there is no room.
        """
        before = asyncio.get_running_loop().time() - _PAST_AGE * self._times.max_age
        return [
            (pool, lease)
            for pool in self.pools
            for lease in pool.leases
            if lease.opened_at <= before and (lease.retired or self.credential is not None)
        ]

    def due(self) -> list[tuple[Pool, Lease]]:
        """The leases that have to be used now, or else the upstream ends them for being unused."""
        now = asyncio.get_running_loop().time()
        return self._probes.due(self.pools, now, self._times.keep_alive)

    def tokens_due(self) -> list[Lease]:
        """The same of what leases go by besides."""
        leases = (lease for pool in self.pools for lease in pool.leases)
        return self.tokens.due(leases, self._times.keep_alive)

    async def close(self, *, keep: bool = False) -> None:
        """Log all leases out. What does not end now has its row in the store for the next start.

        `keep`: leave it those that nobody has anything in and somebody will need.
        """
        self._lease_release.stop()
        ends = [self._logouts.close(), *(parent.close() for parent in self._parents)]
        for person, pool in self._pools.items():
            needed = person == SERVICE or person in self.sessions
            ends.append(pool.close(self._lease_release.keep if keep and needed else None))
        await asyncio.gather(*ends)
        await self._lease_release.all_done()

    @property
    def has_no_tickets(self) -> bool:
        """Whether clone tickets are wanted and cannot be had."""
        return self.parent is not None and self.parent.is_held_back

    @property
    def _most(self) -> int:
        """How many sessions a pool may have, which is fewer where clone tickets are wanted."""
        return self._limits.size - (self.parent.withholds if self.parent is not None else 0)

    @property
    def _parents(self) -> Sequence[Parent]:
        return () if self.parent is None else (self.parent,)

    def _parent(self, own: OwnCalls, credential: Credential) -> Parent:
        def has_room(parents: int) -> bool:
            return self._pools[SERVICE].count + parents <= self._limits.size

        waits = lambda: credential.is_held_back  # noqa: E731
        return Parent(
            *(self.upstream, self._shared_opener, self._rows, own, self._times, waits),
            *(self._lease_release.close, self.forget, has_room),
        )

    def _have_pool(self, person: Person) -> Pool:
        if person not in self._pools:
            self._pools[person] = self._pool(person)
        return self._pools[person]

    def _pool(self, person: Person) -> Pool:
        async def opener(live: Sequence[Lease]) -> Lease:
            return await self._shared_opener.open(person, self._most, live)

        name = f"{self.upstream}/{person.name}"
        clones = self.credential is None
        pool = Pool(
            name,
            self._limits,
            opener,
            self._lease_release.close,
            self.meters,
            clones=clones,
            tell_retired=self._lease_release.retired,
            withheld=lambda: self._limits.size - self._most,
        )
        pool.set_standing(self.standing)
        return pool

    def _drop_empty(self) -> None:
        """Have done with callers of whom nothing is left there."""
        for person, pool in list(self._pools.items()):
            if not pool.leases and not pool.opening and person != SERVICE:
                del self._pools[person]
                for tell in self._tell_lost:
                    tell(person)

    async def forget(self, lease: Lease) -> None:
        """The upstream has ended this one. What was opened beside it may be there still.

        Its row goes at once, since another session is wanted in its place.
        """
        self._events.lost(lease.id)
        self._drop_empty()
        if lease.session.rest is not None:
            self._logouts.later(self._rows.new_id(), lease.session)
            self._logouts.tidy()
        await self._rows.remove(lease.id)
