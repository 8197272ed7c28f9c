"""The accounts by which one upstream is used: a pool for each, and how their leases come and go.

`account = "service"`: one account of the settings, for all clients. `account = "caller"`: each user
of the upstream's own, by the session that the login opened; no password is kept, so that further
leases are clones of a live one.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import islice

import msgspec

from sessiongate.errors import NoPermission, NoSession, Overloaded, UpstreamUnavailable
from sessiongate.gateway.credential import Credential
from sessiongate.gateway.lease import Lease, PoolLimits
from sessiongate.gateway.lease_events import LeaseEvents, TellLease
from sessiongate.gateway.logouts import Logouts
from sessiongate.gateway.observer import Observer
from sessiongate.gateway.openings import Openings
from sessiongate.gateway.pool import Pool, Standing
from sessiongate.gateway.relay_rules import USE
from sessiongate.gateway.rest_logins import RestLogins
from sessiongate.gateway.rest_tokens import RestTokens
from sessiongate.gateway.stored_leases import SERVICE, StoredLeases, person_of
from sessiongate.session import Person, Session
from sessiongate.telemetry.upstream_counters import STATES, UpstreamMeters, UpstreamNow
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.vim.client import UpstreamSession

UNNEEDED = 10.0
"""Seconds after which a caller's sessions are logged out who has none here.

Not at once, since a login has its session there before it has one here.
"""

_PAST_AGE = 1.1
"""How old a session may become, in `max_age`, for clients that have something in it."""

_UNPROVED_AT_ONCE = 32
"""Leases of a process before this one that are tried in a second."""


class LeaseTimes(msgspec.Struct, frozen=True):
    """Seconds."""

    idle_close: float
    max_age: float
    keep_alive: float


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
        tell: TellLease | None = None,
    ) -> None:
        """With a `credential` all clients use the one account. `observer` is who only looks."""
        self.upstream = upstream
        self.meters = meters or UpstreamMeters()
        self.credential = credential
        self._rows = rows
        self._limits = limits
        self._times = times
        events = self._events = LeaseEvents(upstream, tell)
        logouts = self._logouts = Logouts(exchange, timeout, rows, events)
        self._openings = Openings(
            upstream, exchange, timeout, rows, logouts, events, self.meters, credential
        )
        rest = self._rest = (
            RestLogins(upstream, exchange, timeout, self.meters, credential)
            if credential is not None
            else None
        )
        self.rest_tokens = RestTokens(upstream, exchange, timeout, rows, logouts, self.meters, rest)
        self.observer = (
            Observer(
                observer,
                Openings(upstream, exchange, timeout, rows, logouts, events, self.meters, observer),
                logouts,
            )
            if observer is not None
            else None
        )
        self._providers = providers
        self._pools: dict[Person, Pool] = {}
        self._sessions: dict[Person, set[str]] = {}
        """Live client sessions of each account, of this process."""
        self._probed: dict[Lease, float] = {}
        self._unproved: set[Lease] = set()
        """Those that a process before this one has opened, and nobody knows whether they live."""
        self._tell_lost: list[Callable[[Person], None]] = []
        self.standing = Standing.OPEN
        if credential is not None:
            self._pools[SERVICE] = self._pool(SERVICE)

    @property
    def pools(self) -> Sequence[Pool]:
        """Those that there are."""
        return tuple(self._pools.values())

    def pool_of(self, session: Session) -> Pool:
        """The pool by which this session's calls go.

        Raises NoPermission for users of other providers, NoSession where no lease is left.
        """
        if self.credential is not None:
            return self._pools[SERVICE]
        if session.provider not in self._providers:
            raise NoPermission(USE)
        pool = self._pools.get(Person(session.provider, session.principal))
        if self.standing is Standing.DRAINING and (pool is None or not pool.leases):
            raise Overloaded("no session at the upstream is opened for the time being")
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
            if isinstance(error, UpstreamUnavailable) and person in self._pools:
                return  # there are as many as there may be: the caller goes by one of those
            raise
        lease = await self._openings.keep(row, opened)
        self._have_pool(person).add(lease)

    async def recover(self) -> None:
        """Deal with what a process before this one has left at the upstream.

        What a stop has kept is used on, and so is what callers with a live session went by, since
        no password of theirs is kept. All else is logged out: what clients had in it nobody knows.
        """
        now = asyncio.get_running_loop().time()
        for row, opened, is_empty, is_another in await self._rows.left():
            person = person_of(row)
            self._events.known(row.id, person)
            if self.credential is None:
                wanted = person in self._sessions
            else:
                wanted = person == SERVICE and is_empty
            pool = self._have_pool(person) if wanted and not is_another else None
            if pool is None or len(pool.leases) >= self._limits.size:
                self._logouts.later(row.id, opened)
                continue
            lease = Lease(row.id, opened, now - self._rows.age(row))
            lease.freed_at = now
            self._unproved.add(lease)
            pool.add(lease)
        self._logouts.tidy()

    def set_standing(self, standing: Standing) -> None:
        """Pause, drain, or let calls go on and the credential be tried again."""
        self.standing = standing
        looking = self.observer.credential if self.observer is not None else None
        ways = (self.credential, self._rest, looking)
        for way in ways if standing is Standing.OPEN else ():
            if way is not None:
                way.resume()
        for pool in self.pools:
            pool.set_standing(standing)

    def rotate(self) -> int:
        """Replace all leases by new ones: how many there are to replace. Raises NotSupported."""
        return sum(pool.rotate() for pool in self.pools)

    def clients(self) -> list[str]:
        """The clients with something in a lease, or a call under way: keys of their sessions."""
        leases = [lease for pool in self.pools for lease in pool.leases]
        return list(dict.fromkeys(key for one in leases for key in (*one.homes, *one.used_by)))

    def now(self, waits: int, objects: int) -> UpstreamNow:
        """What is true at this moment, with what others know of it."""
        counts = Counter[str]()
        held = (self.credential, self._rest, self._pools.get(SERVICE))
        for pool in self.pools:
            counts += pool.states()
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
        person = Person(session.provider, session.principal)
        self._sessions.setdefault(person, set()).add(session.key)

    def ended(self, session: Session) -> None:
        """A client session is over."""
        person = Person(session.provider, session.principal)
        keys = self._sessions.get(person, set())
        keys.discard(session.key)
        if not keys:
            self._sessions.pop(person, None)

    def stranded(self) -> list[str]:
        """Keys of client sessions whose callers have no session there: only a login brings one.

        None while no session is opened on an operator's word: they are told to come back.
        """
        if self.credential is not None or self.standing is Standing.DRAINING:
            return []
        return [
            key
            for person, keys in self._sessions.items()
            if person.provider in self._providers and person not in self._pools
            for key in keys
        ]

    def tidy(self) -> None:
        """Log out what nobody needs any more. To be called every few seconds."""
        self._logouts.tidy()
        if self.credential is not None and self.credential.look():
            self._pools[SERVICE].try_again()
        times = self._times
        for person, pool in list(self._pools.items()):
            keep = 1 if person in self._sessions else 0
            unused = times.idle_close if keep or person == SERVICE else UNNEEDED
            pool.tidy(unused=unused, oldest=times.max_age, keep=keep)
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
        found = []
        alive = {lease for pool in self.pools for lease in pool.leases}
        self._probed = {lease: at for lease, at in self._probed.items() if lease in alive}
        unproved = set(islice(self._unproved, _UNPROVED_AT_ONCE))
        self._unproved -= unproved
        for pool in self.pools:
            for lease in pool.leases:
                used = max(lease.freed_at, self._probed.get(lease, 0.0))
                if used <= now - self._times.keep_alive or lease in unproved:
                    self._probed[lease] = now
                    found.append((pool, lease))
        return found

    def rest_due(self) -> list[Lease]:
        """The same of sessions of the Automation API alone."""
        leases = (lease for pool in self.pools for lease in pool.leases)
        return self.rest_tokens.due(leases, self._times.keep_alive)

    async def close(self, *, keep: bool = False) -> None:
        """Log all leases out. What does not end now has its row in the store for the next start.

        `keep`: leave it those that nobody has anything in and somebody will need.
        """
        self._logouts.stop()
        ends = []
        for person, pool in self._pools.items():
            needed = person == SERVICE or person in self._sessions
            ends.append(pool.close(self._keep if keep and needed else None))
        await asyncio.gather(*ends)

    async def _keep(self, lease: Lease) -> None:
        await self.rest_tokens.settled(lease)
        await self._rows.keep(lease.id)

    def _have_pool(self, person: Person) -> Pool:
        if person not in self._pools:
            self._pools[person] = self._pool(person)
        return self._pools[person]

    def _pool(self, person: Person) -> Pool:
        async def opener(live: Sequence[Lease]) -> Lease:
            return await self._openings.open(person, self._limits.size, live)

        async def closer(lease: Lease) -> None:
            await self.rest_tokens.settled(lease)
            await self._logouts.end(lease.id, lease.session)

        name = f"{self.upstream}/{person.name}"
        clones = self.credential is None
        pool = Pool(name, self._limits, opener, closer, self.meters, clones=clones)
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
