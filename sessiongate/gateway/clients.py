"""The clients of one upstream: what each has there, and whose each object is."""

import asyncio

from sessiongate.errors import NoSession, UnknownObject
from sessiongate.gateway.book import Book, Thing
from sessiongate.gateway.call import ForwardedCall
from sessiongate.gateway.pool import Pool
from sessiongate.session import Person, Session
from sessiongate.wire.http import Answer


class GatewayClient:
    """One client session, as far as this upstream goes."""

    __slots__ = (
        *("book", "calls", "cut_short", "lost", "opening", "over", "polls", "pool", "quiet"),
        *("session", "under_way", "waits"),
    )

    def __init__(self, session: Session) -> None:
        self.session = session
        self.book = Book()
        self.pool: Pool | None = None
        """Where its calls go by, once one has."""
        self.over = False
        """The session has ended: nothing of it is sent any more."""
        self.lost = False
        """It is over, and what it had is gone already."""
        self.calls = 0
        self.opening = 0
        """Calls under way that open something."""
        self.polls = 0
        """Waits, those that wait for their place too."""
        self.waits: dict[asyncio.Task[Answer], ForwardedCall] = {}
        """Waits that have their place, until the upstream has let go of them."""
        self.cut_short: set[str] = set()
        """Collectors whose last answer was not all that there was."""
        self.under_way = 0
        self.quiet = asyncio.Event()
        """Set while nothing of it is under way."""
        self.quiet.set()

    @property
    def person(self) -> Person:
        """Whose session it is."""
        return Person(self.session.provider, self.session.principal)

    def begin(self) -> None:
        """Something of it is under way."""
        self.under_way += 1
        self.quiet.clear()

    def end(self) -> None:
        """It is no longer."""
        self.under_way -= 1
        if not self.under_way:
            self.quiet.set()

    def require_alive(self) -> None:
        """Raise NoSession where the session has ended meanwhile."""
        if self.over:
            raise NoSession("the session has ended")

    @property
    def holds(self) -> int:
        """How much its home has to be kept for. One that is over keeps it until that is cleared."""
        return 0 if self.lost else self.book.size + self.over

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to remember of it."""
        return not self.under_way and not self.book.size


class Clients:
    """All of them. An id of an object is one client's, whatever the id looks like."""

    def __init__(self) -> None:
        self._clients: dict[str, GatewayClient] = {}
        self._owners: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def objects(self) -> int:
        """How many objects all of them have."""
        return len(self._owners)

    def get(self, key: str) -> GatewayClient | None:
        """The client of this session, if there is anything to remember of it."""
        return self._clients.get(key)

    def of(self, session: Session) -> GatewayClient:
        """The client of this session."""
        client = self._clients.get(session.key)
        if client is None:
            client = self._clients[session.key] = GatewayClient(session)
        return client

    def drop(self, client: GatewayClient) -> None:
        """Forget a client, with all that it had."""
        self._clients.pop(client.session.key, None)
        self._released(client, {*client.book.objects, client.book.collector})

    def drop_if_idle(self, client: GatewayClient) -> None:
        """Forget a client of which there is nothing to remember."""
        if client.is_idle:
            self._clients.pop(client.session.key, None)

    def require_own(self, client: GatewayClient, name: str) -> None:
        """Raise UnknownObject where this id is another client's."""
        if self._owners.get(name, client.session.key) != client.session.key:
            raise UnknownObject("ManagedObject", name)

    def opened(self, client: GatewayClient, name: str, thing: Thing) -> None:
        """An opening call of this client has returned an object."""
        if client.lost:
            return
        client.book.objects[name] = thing
        self._owners[name] = client.session.key

    def keep_collector(self, client: GatewayClient, name: str) -> None:
        """A collector of this client's own was made."""
        if client.lost:
            return
        client.book.collector = name
        self._owners[name] = client.session.key

    def ended(self, client: GatewayClient, name: str) -> None:
        """An object is over, and what ends with it."""
        before = {*client.book.objects, client.book.collector}
        client.book.ended(name)
        self._released(client, before - {*client.book.objects, client.book.collector})

    def tidy(self, now: float) -> list[GatewayClient]:
        """Forget reads that nobody goes on with. Who has less now, and nothing under way."""
        changed = []
        for client in self.all():
            before = client.book.size
            client.book.tidy(now)
            if client.book.size != before and not client.under_way:
                changed.append(client)
        return changed

    def all(self) -> list[GatewayClient]:
        """Those of which there is anything to remember."""
        return list(self._clients.values())

    def _released(self, client: GatewayClient, names: set[str]) -> None:
        for name in names:
            if self._owners.get(name) == client.session.key:
                del self._owners[name]
