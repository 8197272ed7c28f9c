"""The faults of one server, and the places of it where they are."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from sessiongate.audit.journal import Journal
from sessiongate.faults.facts import FactReader
from sessiongate.faults.handler import FaultyHandler
from sessiongate.faults.inside import FaultyRoles, faulty_guard, faulty_store
from sessiongate.faults.state import FaultState
from sessiongate.faults.travel import TravellingClock, advance
from sessiongate.http.message import Handler
from sessiongate.http.router import Routes
from sessiongate.identity.guard.guard import Guard
from sessiongate.rules.access import Roles
from sessiongate.service.sessions import Sessions
from sessiongate.store.port import SessionStore, Store


class Faults:
    """What a server is given to have faults; `state` holds its rules.

    `clock` is the server's, `seed` decides all draws. Without `header` no reply names a rule.
    """

    def __init__(self, clock: TravellingClock, seed: int, *, header: bool = True) -> None:
        self.state = FaultState(seed, header=header)
        self._clock = clock
        self._sessions: Sessions
        self._reader: FactReader

    def store(self, store: Store) -> Store:
        """The store, with faults before it."""
        return faulty_store(store)

    def roles(self, roles: Roles) -> Roles:
        """The roles, of which a request may lack privileges."""
        return FaultyRoles(roles)

    def guards(self, guards: Mapping[str, Guard]) -> Mapping[str, Guard]:
        """The guards, with faults before them."""
        return {name: faulty_guard(guard) for name, guard in guards.items()}

    def serve(
        self,
        sessions: Sessions,
        journal: Journal,
        counts: Counter[str],
        store: SessionStore,
        tend: Callable[[], Awaitable[int]],
        digest_of: Callable[[str], bytes | None],
    ) -> None:
        """Be this server's. `digest_of` reads tokens that it has signed; `tend` is the server's."""
        self._sessions = sessions
        self._reader = FactReader(sessions.peek, digest_of)

        async def ahead(by: timedelta) -> int:
            return await advance(self._clock, by, store, tend)

        self.state.serve(self._clock, journal, counts, store, ahead)

    def handler(self, handler: Handler, routes: Routes) -> Handler:
        """The handler of clients' requests, some of which meet faults."""
        return FaultyHandler(self.state, handler, routes, self._reader, self._sessions)
