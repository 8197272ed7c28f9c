"""The clients of one upstream, as far as this process has to do with them."""

import asyncio

from sessiongate.errors import NoSession
from sessiongate.gateway.calls.call import ForwardedCall
from sessiongate.gateway.leases.pool import Pool
from sessiongate.session import Person, Session
from sessiongate.store.gateway_port import Book
from sessiongate.wire.http import Answer


class GatewayClient:
    """One client session, as far as this upstream goes."""

    __slots__ = (
        *("_idle", "book", "calls", "cut_short", "lost", "opening", "over", "polls", "pool"),
        *("session", "shared", "under_way", "version", "waits"),
    )

    def __init__(self, session: Session, *, shared: bool = False) -> None:
        """`shared`: other processes have its calls, too, and change what it has."""
        self.session = session
        self.shared = shared
        self.book = Book()
        """What it has, as far as this process has heard."""
        self.version = -1
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
        self._idle: asyncio.Event | None = None
        """Made by who waits for it that nothing of it is under way."""

    @property
    def person(self) -> Person:
        """Whose session it is."""
        return Person(self.session.provider, self.session.principal)

    def update(self, book: Book, version: int) -> None:
        """Take over what it has, unless that is known better."""
        if version >= self.version:
            self.book, self.version = book, version

    def begin(self) -> None:
        """Something of it is under way."""
        self.under_way += 1

    def end(self) -> None:
        """It is no longer."""
        self.under_way -= 1
        if not self.under_way and self._idle is not None:
            self._idle.set()
            self._idle = None

    async def wait_idle(self) -> None:
        """Wait until nothing of it is under way."""
        if self.under_way:
            self._idle = self._idle or asyncio.Event()
            await self._idle.wait()

    def require_alive(self) -> None:
        """Raise NoSession where the session has ended meanwhile."""
        if self.over:
            raise NoSession("the session has ended")

    @property
    def holds(self) -> int:
        """How much its home has to be kept for here.

        One that is over keeps it until that is cleared. Where others have it too, the store keeps
        it, for as long as nothing is under way here.
        """
        if self.lost or self.shared:
            return 0
        return self.book.size + self.over

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to remember of it."""
        if self.under_way:
            return False
        book = self.book
        return self.shared or not (book.objects or book.pages or book.collector)


class Clients:
    """All of them. `shared`: what they have is in a store that other processes have, too."""

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared
        self._clients: dict[str, GatewayClient] = {}

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def objects(self) -> int:
        """How many objects all of them have."""
        return sum(len(client.book.names()) for client in self._clients.values())

    def get(self, key: str) -> GatewayClient | None:
        """The client of this session, if there is anything to remember of it."""
        return self._clients.get(key)

    def of(self, session: Session) -> GatewayClient:
        """The client of this session."""
        client = self._clients.get(session.key)
        if client is None:
            client = GatewayClient(session, shared=self._shared)
            self._clients[session.key] = client
        return client

    def drop(self, client: GatewayClient) -> None:
        """Forget a client, with all that it had."""
        self._clients.pop(client.session.key, None)

    def end(self, client: GatewayClient) -> None:
        """Something of a client is under way no longer: it is forgotten where nothing is left."""
        client.end()
        self.drop_if_idle(client)

    def drop_if_idle(self, client: GatewayClient) -> None:
        """Forget a client of which there is nothing to remember."""
        if client.is_idle:
            self._clients.pop(client.session.key, None)

    def all(self) -> list[GatewayClient]:
        """Those of which there is anything to remember."""
        return list(self._clients.values())
