"""The faults of one server, and the places of it where they are."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.faults.answers import SkewedClock, shown_about, token_life
from sessiongate.faults.arrivals import FaultyArrivals
from sessiongate.faults.certificates import OddCertificates
from sessiongate.faults.desk import FaultDesk
from sessiongate.faults.facts import FactReader
from sessiongate.faults.handler import FaultyHandler
from sessiongate.faults.inside import (
    FaultyRoles,
    FaultyStore,
    faulty_guard,
    faulty_reader,
    faulty_verifier,
)
from sessiongate.faults.state import FaultState
from sessiongate.faults.steering import Steering
from sessiongate.faults.travel import TravellingClock, advance
from sessiongate.faults.upstream import UpstreamFaults
from sessiongate.files import read_named
from sessiongate.http.connection.arrivals import Arrivals
from sessiongate.http.message import Handler
from sessiongate.http.router import Routes
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.tokens.port import TokenVerifier
from sessiongate.rules.access import Roles
from sessiongate.secret import Secret
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended
from sessiongate.store.port import SessionStore, Store
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.http import HttpUpstream
from sessiongate.wire.vim.types import Data

R = TypeVar("R", bound=Callable[..., Awaitable[Any]])


class Faults:
    """What a server is given to have faults; `state` holds its rules.

    `clock` is the server's, `seed` decides all draws, `token` is asked of those who steer it by
    HTTP. Without `header` no reply names a rule. `gateway` says that it has an upstream.
    """

    def __init__(
        self,
        clock: TravellingClock,
        seed: int,
        token: Secret,
        *,
        header: bool = True,
        gateway: bool = False,
    ) -> None:
        self.state = FaultState(clock, seed, header=header, gateway=gateway)
        self._upstream = UpstreamFaults()
        self._clock = clock
        self._token = token
        self._authority: Path | None = None
        self._guards: Mapping[str, Guard] = {}
        self._store: Store
        self._sessions: Sessions
        self._reader: FactReader
        self._handler: FaultyHandler | None = None

    def store(self, store: Store) -> Store:
        """The store, with faults before it."""
        self._store = store
        faulty = FaultyStore(store)
        self.state.when_rules(faulty.heed)
        return cast("Store", faulty)

    def roles(self, roles: Roles) -> Roles:
        """The roles, of which a request may lack privileges."""
        return FaultyRoles(roles)

    def guards(self, guards: Mapping[str, Guard]) -> dict[str, Guard]:
        """The guards, with faults before them."""
        self._guards = guards
        return {name: faulty_guard(guard) for name, guard in guards.items()}

    def verifiers(self, verifiers: Sequence[TokenVerifier]) -> list[TokenVerifier]:
        """The verifiers of tokens, with faults before them."""
        return [faulty_verifier(one) for one in verifiers]

    def exchange(self, exchange: Exchange) -> Exchange:
        """What sends to an upstream, with faults before it."""
        return self._upstream.exchange(exchange)

    def logins(self, http: HttpUpstream) -> HttpUpstream:
        """What logs callers in at an upstream, with faults before it."""
        return self._upstream.logins(http)

    def serve(
        self,
        sessions: Sessions,
        journal: Journal,
        counts: Counter[str],
        store: SessionStore,
        tend: Callable[[], Awaitable[int]],
        digest_of: Callable[[str], bytes | None],
        authority: Path | None,
    ) -> None:
        """Be this server's. `digest_of` reads tokens that it has signed; `tend` is the server's;
        `authority` is the file of the certificate that clients trust.
        """
        self._sessions, self._authority = sessions, authority
        self._reader = FactReader(sessions.peek, digest_of)

        async def ahead(by: timedelta) -> int:
            return await advance(self._clock, by, store, tend)

        self.state.serve(journal, counts, store, ahead)

    def handler(self, handler: Handler, routes: Routes) -> Handler:
        """The handler of clients' requests, some of which meet faults."""
        self._upstream.routes = routes
        self._handler = FaultyHandler(self.state, handler, routes, self._reader, self._sessions)
        return self._handler.handler()

    def arrivals(self, data_dir: Path, names: Sequence[str]) -> Arrivals:
        """Who decides of connections. The certificate is for these names, its CA in `data_dir`."""
        return FaultyArrivals(self.state, OddCertificates(data_dir, names))

    def clock(self, clock: Clock) -> Clock:
        """The clock that clients are told the time by."""
        return SkewedClock(clock)

    def about(self, about: Data) -> Data:
        """What vSphere clients are told of the server, for the request under way."""
        return shown_about(about)

    def reader(self, read: R) -> R:
        """What reads a property for who collects them, in its place."""
        return faulty_reader(read)

    def token_life(self, life: timedelta) -> timedelta:
        """How long an access token is good that is signed for the request under way."""
        return token_life(life)

    def steering(self, handler: Handler) -> Handler:
        """The handler of an own listener, with `/dev/` before it."""
        return Steering(self, self._token, handler)

    def desk(self) -> FaultDesk:
        """What the console's page of faults asks."""
        return FaultDesk(self.state)

    async def break_off(self) -> None:
        """End the requests that meet faults at this moment, so that nobody waits for them."""
        if self._handler is not None:  # else it has not come to that: the start has failed
            await self._handler.break_off()

    async def reset(self) -> None:
        """Make the server as it was at first: sessions, tickets, lockouts, events, rules, time."""
        await self.break_off()
        self.state.clear()
        keys = [one.key async for one in self._sessions.list()]
        await self._sessions.end_each(keys, Ended.TERMINATED)
        for guard in self._guards.values():
            guard.empty()
        if isinstance(self._store, _Emptied):
            self._store.empty()
        self._clock.reset()

    def events(self) -> list[bytes]:
        """What the audit has, oldest first; nothing where the store keeps it elsewhere."""
        audit = self._store.audit
        return audit.payloads if isinstance(audit, _Remembers) else []

    def freeze(self) -> None:
        """Have the server's time stand still."""
        self._clock.freeze()

    @property
    def authority(self) -> bytes | None:
        """The certificate that clients trust, in PEM; None without TLS."""
        return read_named(self._authority) if self._authority is not None else None


@runtime_checkable
class _Emptied(Protocol):
    """A store that can forget all at once."""

    def empty(self) -> None:
        """Forget all."""
        ...


@runtime_checkable
class _Remembers(Protocol):
    """An audit that has its events at hand."""

    @property
    def payloads(self) -> list[bytes]:
        """Its events, oldest first."""
        ...
