"""Where a server may be given faults on purpose: only `dev` and servers in tests are."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.http.connection.arrivals import Arrivals
from sessiongate.http.message import Handler
from sessiongate.http.router import Routes
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.tokens.port import TokenVerifier
from sessiongate.operations.console.port import FaultControl
from sessiongate.rules.access import Roles
from sessiongate.service.sessions import Sessions
from sessiongate.store.port import SessionStore, Store
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.http import HttpUpstream
from sessiongate.wire.vim.types import Data

R = TypeVar("R", bound=Callable[..., Awaitable[Any]])


class FaultPoints(Protocol):
    """The parts of a server that faults stand before. Asked once each, before it listens."""

    def store(self, store: Store) -> Store:
        """The store in its place."""
        ...

    def roles(self, roles: Roles) -> Roles:
        """The roles in their place."""
        ...

    def guards(self, guards: Mapping[str, Guard]) -> dict[str, Guard]:
        """The guards that logins ask."""
        ...

    def verifiers(self, verifiers: Sequence[TokenVerifier]) -> list[TokenVerifier]:
        """The verifiers of tokens that logins ask."""
        ...

    def exchange(self, exchange: Exchange) -> Exchange:
        """What sends to an upstream, in its place."""
        ...

    def logins(self, http: HttpUpstream) -> HttpUpstream:
        """What logs callers in at an upstream, in its place."""
        ...

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
        """Take what the server is made of, before `handler` is asked for."""
        ...

    def handler(self, handler: Handler, routes: Routes) -> Handler:
        """The handler of clients' requests."""
        ...

    def arrivals(self, data_dir: Path, names: Sequence[str]) -> Arrivals:
        """Who decides of connections. The certificate is for these names, its CA in `data_dir`."""
        ...

    def steering(self, handler: Handler) -> Handler:
        """The handler of a listener of our own, by which it is steered."""
        ...

    def desk(self) -> FaultControl:
        """What the console's page of faults asks."""
        ...

    def clock(self, clock: Clock) -> Clock:
        """The clock that clients are told the time by."""
        ...

    def about(self, about: Data) -> Data:
        """What vSphere clients are told of the server, for the request under way."""
        ...

    def reader(self, read: R) -> R:
        """What reads a property for who collects them, in its place."""
        ...

    def token_life(self, life: timedelta) -> timedelta:
        """How long an access token is good that is signed for the request under way."""
        ...
