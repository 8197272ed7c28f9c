"""The accounts by which one upstream is used: a pool for each, and how their leases come and go.

`account = "service"`: one account of the settings, for all clients. `account = "caller"`: each user
of the upstream's own, by the session that the login opened; no password is kept, so that further
leases are clones of a live one.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import msgspec
import structlog

from sessiongate.errors import (
    Malformed,
    NoPermission,
    NoSession,
    OutcomeUnknown,
    Overloaded,
    UpstreamUnavailable,
)
from sessiongate.gateway.credential import Credential
from sessiongate.gateway.lease import Lease, PoolLimits
from sessiongate.gateway.pool import Pool, Standing
from sessiongate.gateway.relay_rules import USE
from sessiongate.gateway.stored_leases import StoredLeases
from sessiongate.session import Person, Session
from sessiongate.store.port import SERVICE as STORED_SERVICE
from sessiongate.store.port import StoredLease
from sessiongate.telemetry.upstream_counters import STATES, UpstreamMeters, UpstreamNow
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim import lease_calls
from sessiongate.wire.vim.client import (
    ReceivedFault,
    UpstreamSession,
    WireForm,
    read_fault,
    write_logout,
)
from sessiongate.wire.vim.relayed_reply import KEY_LENGTH

_LARGEST = 256 * 1024
_OVER = frozenset({"NotAuthenticated", "InvalidSession"})

_AGAIN = 5.0
"""Seconds after which an upstream that did not answer is asked again to end a session."""

SERVICE = Person("", "service")
"""Stands for the service account among those of callers."""

_log = structlog.get_logger(__name__)

TellLease = Callable[[str, str, Person, str], None]
"""Is told what has happened, at which upstream, whose session it is, and our id of it."""


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
        providers: frozenset[str] = frozenset(),
        meters: UpstreamMeters | None = None,
        tell: TellLease | None = None,
    ) -> None:
        """With a `credential` all clients use the one account."""
        self._rows = rows
        self._tell = tell
        self._whose: dict[str, Person] = {}
        """The account of each lease, by its id."""
        self.upstream = upstream
        self._limits = limits
        self._times = times
        self._exchange = exchange
        self._timeout = timeout
        self.credential = credential
        self._providers = providers
        self._pools: dict[Person, Pool] = {}
        self._sessions: dict[Person, set[str]] = {}
        """Live client sessions of each account, of this process."""
        self._probed: dict[Lease, float] = {}
        self._tell_lost: list[Callable[[Person], None]] = []
        self._left: dict[str, UpstreamSession] = {}
        """Sessions that are to end and have not, by the ids of their rows, if they have any."""
        self._ending: asyncio.Task[None] | None = None
        self.standing = Standing.OPEN
        self.meters = meters or UpstreamMeters()
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
            row = await self._rows.reserve(_account(person), self._limits.size)
        except BaseException as error:  # or the client has gone: the session is there all the same
            await self._end_or_keep(self._rows.new_id(), opened)
            if isinstance(error, UpstreamUnavailable) and person in self._pools:
                return  # there are as many as there may be: the caller goes by one of those
            raise
        lease = await self._kept(row, opened)
        pool = self._pools.get(person)
        if pool is None:
            pool = self._pools[person] = self._pool(person)
        pool.add(lease)

    async def recover(self) -> None:
        """Deal with what a process before this one has left at the upstream.

        What callers with a live session went by is used on, since no password of theirs is kept.
        All else is logged out: what clients had in it nobody knows any more.
        """
        for row, opened in await self._rows.left():
            person = _person(row.account)
            self._whose[row.id] = person or SERVICE
            if self.credential is None and person in self._sessions:
                assert person is not None  # noqa: S101  it has sessions
                pool = self._pools.setdefault(person, self._pool(person))
                pool.add(Lease(row.id, opened, asyncio.get_running_loop().time()))
            else:
                self._left[row.id] = opened
        self._end_what_is_left()

    def set_standing(self, standing: Standing) -> None:
        """Pause, drain, or let calls go on and the credential be tried again."""
        self.standing = standing
        if standing is Standing.OPEN and self.credential is not None:
            self.credential.resume()
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
        for pool in self.pools:
            counts += pool.states()
        return UpstreamNow(
            {state: counts[state] for state in STATES},
            self._limits.size * len(self._pools),
            sum(pool.waiting for pool in self.pools),
            waits,
            objects,
            self.credential is not None and self.credential.is_held_back,
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

    def tidy(self) -> None:
        """Log out what nobody needs any more. To be called every few seconds."""
        self._end_what_is_left()
        times = self._times
        for person, pool in list(self._pools.items()):
            keep = 1 if person in self._sessions else 0
            # A caller who is gone needs none, and a login that came to nothing is soon over.
            unused = times.idle_close if keep or person == SERVICE else 10.0
            pool.tidy(unused=unused, oldest=times.max_age, keep=keep)
            if not pool.leases and not pool.opening and person != SERVICE:
                del self._pools[person]
                for tell in self._tell_lost:
                    tell(person)

    def due(self) -> list[tuple[Pool, Lease]]:
        """The leases that have to be used now, or else the upstream ends them for being unused."""
        now = asyncio.get_running_loop().time()
        found = []
        alive = {lease for pool in self.pools for lease in pool.leases}
        self._probed = {lease: at for lease, at in self._probed.items() if lease in alive}
        for pool in self.pools:
            for lease in pool.leases:
                used = max(lease.freed_at, self._probed.get(lease, 0.0))
                if used <= now - self._times.keep_alive:
                    self._probed[lease] = now
                    found.append((pool, lease))
        return found

    async def close(self) -> None:
        """Log all leases out. What does not end now has its row in the store for the next start."""
        if self._ending is not None:
            self._ending.cancel()
        await asyncio.gather(*(pool.close() for pool in self.pools))

    def _pool(self, person: Person) -> Pool:
        credential = self.credential

        async def opener(live: Sequence[Lease]) -> Lease:
            if credential is not None:
                return await self._opened_by(person, credential.login)
            return await self._opened_by(person, lambda: self._clone(live))

        name = f"{self.upstream}/{person.name}"
        clones = credential is None
        pool = Pool(name, self._limits, opener, self._logout, self.meters, clones=clones)
        pool.set_standing(self.standing)
        return pool

    async def _kept(self, row: StoredLease, opened: UpstreamSession) -> Lease:
        """The lease of a session that was just opened, once the store has what it is used by."""
        try:
            if len(opened.user.key) != KEY_LENGTH:
                raise UpstreamUnavailable("the key of its session has an unknown form")
            await self._rows.fill(row, opened)
        except BaseException:  # an outage, or a stop: the session is there all the same
            await self._end_or_keep(row.id, opened)
            raise
        self.meters.login("ok")
        self._whose[row.id] = _person(row.account) or SERVICE
        self._told("upstream session opened", row.id)
        return Lease(row.id, opened, asyncio.get_running_loop().time())

    async def _opened_by(
        self, person: Person, login: Callable[[], Awaitable[UpstreamSession]]
    ) -> Lease:
        """A lease whose row is there before its session is."""
        row = await self._rows.reserve(_account(person), self._limits.size)
        try:
            opened = await login()
        except BaseException:  # refused, an outage, or a stop: the row stands for no session
            await self._rows.remove(row.id)
            raise
        return await self._kept(row, opened)

    async def _clone(self, live: Sequence[Lease]) -> UpstreamSession:
        """Another session of a caller, whose password nobody keeps."""
        if not live:
            raise NoSession("no session at the upstream is left to go by")
        try:
            return await self._cloned(live[0])
        except OutcomeUnknown as error:
            # So it is of the clone alone: the calls that wait for it have not been sent.
            self.meters.login("unavailable")
            raise UpstreamUnavailable(f"{self.upstream}: clone: {error}") from None
        except UpstreamUnavailable:
            self.meters.login("unavailable")
            raise

    async def _cloned(self, live: Lease) -> UpstreamSession:
        try:
            ticket = lease_calls.read_ticket(
                await self._call(lease_calls.write_ticket(live.session.token))
            )
            if not isinstance(ticket, ReceivedFault):
                opened = lease_calls.read_clone(await self._call(lease_calls.write_clone(ticket)))
                if not isinstance(opened, ReceivedFault):
                    return opened
        except Malformed as broken:
            raise UpstreamUnavailable(f"{self.upstream}: clone: {broken}") from None
        raise UpstreamUnavailable(f"{self.upstream}: a session could not be cloned")

    async def forget(self, lease: Lease) -> None:
        """The upstream has ended this one."""
        self._told("upstream session lost", lease.id)
        self._whose.pop(lease.id, None)
        await self._rows.remove(lease.id)

    def _told(self, what: str, lease_id: str) -> None:
        if self._tell is not None:
            self._tell(what, self.upstream, self._whose.get(lease_id, SERVICE), lease_id)

    async def _logout(self, lease: Lease) -> None:
        if await self._end_or_keep(lease.id, lease.session):
            self._told("upstream session ended", lease.id)
            self._whose.pop(lease.id, None)

    async def _end_or_keep(self, lease_id: str, opened: UpstreamSession) -> bool:
        """Log a session out, and have its row removed; else try again later. Whether it is over."""
        try:
            over = await self._end(opened, lease_id)
        except UpstreamUnavailable:
            over = False
        except BaseException:  # a stop in the middle: nobody knows whether it has ended
            self._left[lease_id] = opened
            raise
        if over:
            await self._rows.remove(lease_id)
        else:
            self._left[lease_id] = opened
        return over

    def _end_what_is_left(self) -> None:
        """Try once more, apart: what does not answer keeps nobody waiting."""
        if (self._left or self._rows.owes) and (self._ending is None or self._ending.done()):
            self._ending = asyncio.create_task(self._end_left(), name="end what is left")

    async def _end_left(self) -> None:
        await self._rows.remove_owed()
        for lease_id, opened in list(self._left.items()):
            try:
                over = await self._end(opened, lease_id)
            except UpstreamUnavailable:
                break  # the others would only wait for it, too
            if over:
                del self._left[lease_id]
                if lease_id in self._whose:  # else nobody was told that it was opened
                    self._told("upstream session ended", lease_id)
                    del self._whose[lease_id]
                await self._rows.remove(lease_id)
        if self._left or self._rows.owes:
            await asyncio.sleep(_AGAIN)

    async def _end(self, opened: UpstreamSession, lease_id: str = "") -> bool:
        """Log a session out. Whether it is over now. Raises UpstreamUnavailable for no answer."""
        try:
            answer = await self._call(write_logout(WireForm.SOAP, opened.token))
        except UpstreamUnavailable as error:
            _log.warning("upstream session left open", lease=lease_id, reason=str(error))
            raise
        if answer.status == 200 or _is_over(answer):
            return True
        why = f"status {answer.status}"
        _log.warning("upstream session left open", lease=lease_id, reason=why)
        return False

    async def _call(self, ask: Ask) -> Answer:
        return await self._exchange.exchange(ask, within=self._timeout, largest=_LARGEST)


def _account(person: Person) -> str:
    return STORED_SERVICE if person == SERVICE else f"{person.provider}/{person.name}"


def _person(account: str) -> Person | None:
    provider, slash, name = account.partition("/")
    return Person(provider, name) if slash else None


def _is_over(answer: Answer) -> bool:
    try:
        return read_fault(WireForm.SOAP, answer.body).name in _OVER
    except Malformed:
        return False
