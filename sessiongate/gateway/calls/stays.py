"""What a client's call needs of the store: where its home is, what it has, and that it is there.

Each call that may touch state is a stay at its client's home. The store decides where that is, so
that whichever of several processes has a client's call, it goes by the lease that its things are
in. For what each process knows by itself, the store is not asked twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from itertools import count

from sessiongate.errors import NoSession, Unavailable, UnknownObject
from sessiongate.gateway.apart import Apart
from sessiongate.gateway.calls.call import LeaseRefused
from sessiongate.gateway.calls.clients import GatewayClient
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.pool import Pool
from sessiongate.store.gateway_port import Changes, ClientBooks, Entered, StayOutcome

Attach = Callable[[Pool, str], Awaitable[Lease | None]]
"""Has a lease in a pool that another process has opened, by its id; None where it is over."""

AtHome = Callable[[str], Awaitable[list[str]]]
"""The clients that have their home in the lease of this id."""


_IN = StayOutcome.IN


class Stay:
    """A call by a lease. `name` is "" where the store need not know of it."""

    __slots__ = ("client", "lease", "name", "pool", "released", "wait")

    def __init__(
        self, pool: Pool, client: GatewayClient, lease: Lease, name: str, *, wait: bool
    ) -> None:
        self.pool = pool
        self.client = client
        self.lease = lease
        self.name = name
        self.wait = wait
        self.released = False


class Stays:
    """Those of one process at one upstream. `now` is in seconds, and the same for all processes."""

    def __init__(
        self,
        books: ClientBooks,
        instance: str,
        now: Callable[[], float],
        attach: Attach,
        at_home: AtHome | None = None,
    ) -> None:
        self.books = books
        self._shared = books.shared
        self.instance = instance
        self.now = now
        self.apart = Apart()
        self._attach = attach
        self._at_home = at_home
        self._home_gone: list[Callable[[GatewayClient], Awaitable[None]]] = []
        self._numbers = count(1)
        self._unsaid: dict[str, tuple[str, str]] = {}
        """Stays that are over, which the store could not be told: client and lease of each."""
        self._pages: dict[str, tuple[float, str]] = {}
        """Clients whose reads in pages are all late at some time, and where their home is."""

    def on_home_gone(self, tell: Callable[[GatewayClient], Awaitable[None]]) -> None:
        """Call `tell` with each client of which the home is over."""
        self._home_gone.append(tell)

    async def at_home(self, lease_id: str) -> list[str]:
        """Clients of any process that have their home in a lease, where others may have some."""
        return [] if self._at_home is None else await self._at_home(lease_id)

    def name(self) -> str:
        """A name for a stay."""
        return f"{self.instance}:{next(self._numbers)}"

    async def take(
        self,
        pool: Pool,
        client: GatewayClient,
        *,
        home: bool,
        wait: bool = False,
        names: Collection[str] = (),
    ) -> Stay:
        """A lease for one call, to be given back: the client's home where it has one or needs it.

        `names` are the objects that the call names. Raises what `Pool.take` does, UnknownObject,
        NoSession where the session is over, and LeaseRefused where its home is gone.
        """
        if not (home or pool.limits.exclusive):
            entered = await self.books.enter(
                client.session.key, "", "", known=client.version, names=names
            )
            if entered.entry is not _IN or entered.home or self._shared:
                self._know(client, entered)  # else it has nothing anywhere
            if not client.book.size:
                lease = pool.take_now(client.session.key, home=False, wait=wait)
                if lease is None:
                    lease = await pool.take(client.session.key, home=False, wait=wait)
                return Stay(pool, client, lease, "", wait=wait)
            await self._go_home(pool, client, entered.home)
        until = asyncio.get_running_loop().time() + pool.limits.queue_time
        while True:
            stay = await self._entered(pool, client, names, wait=wait)
            if stay is not None:
                return stay
            if asyncio.get_running_loop().time() > until:
                raise pool.standing.refusal()

    def give_back_now(self, stay: Stay) -> bool:
        """The same as `give_back`, where nobody has to be told: else False, and nothing is done."""
        if stay.name or self._shared:
            return False
        self._release(stay)
        return True

    async def give_back(self, stay: Stay) -> None:
        """The call is over that has this stay."""
        if not self._shared:
            if stay.name:
                await self.leave(stay.client.session.key, stay.name, stay.lease.id)
            self._release(stay)
            return
        if stay.name and stay.client.book.pages:
            until = max(stay.client.book.pages.values())
            self._pages[stay.client.session.key] = until, stay.lease.id
        if not stay.pool.limits.exclusive:  # else others would be told that it is taken
            self._release(stay)
        self.apart.begin(self._given_back(stay), "end a stay")

    async def _given_back(self, stay: Stay) -> None:
        if stay.name:
            await self.leave(stay.client.session.key, stay.name, stay.lease.id)
        self._release(stay)

    def _release(self, stay: Stay) -> None:
        if not stay.released:
            stay.released = True
            key = stay.client.session.key
            if stay.pool.home_of(key) is not None:
                stay.pool.hold(key, stay.client.holds)
            stay.pool.give_back(key, stay.lease, wait=stay.wait)

    async def leave(self, key: str, stay: str, lease_id: str) -> None:
        """A stay is over, or a page is late. Where the store cannot be told now, it is later."""
        try:
            await self.books.leave(key, stay, lease_id, self.now())
        except Unavailable:
            if stay:
                self._unsaid[stay] = key, lease_id
        else:
            self._unsaid.pop(stay, None)

    async def note(self, client: GatewayClient, lease: Lease, changes: Changes) -> bool:
        """Keep what a call has changed. False where the session is over: nobody has it any more."""
        entered = await self.books.note(client.session.key, lease.id, changes, client.version)
        if entered.entry is not StayOutcome.IN:
            return False
        if entered.version > client.version:
            if entered.book is None:
                client.book.apply(changes)
                client.version = entered.version
            else:
                client.have(entered.book, entered.version)
        return True

    async def turn(self, stay: Stay, token: str) -> bool:
        """Use up the token of a page. False where there is no such page, or no longer."""
        client = stay.client
        turned = await self.books.turn(client.session.key, stay.name, token, self.now())
        client.book.pages.pop(token, None)
        return turned

    async def lease_of(self, pool: Pool, lease_id: str) -> Lease | None:
        """The lease of this id, in the pool; None where it is over."""
        for lease in pool.leases:
            if lease.id == lease_id:
                return lease
        return await self._attach(pool, lease_id)

    async def tidy_pages(self, client: GatewayClient) -> None:
        """Forget reads of a client that nobody has gone on with. It has nothing under way."""
        key, pool = client.session.key, client.pool
        home = pool.home_of(key) if pool is not None else None
        if pool is not None and home is not None:
            await self.leave(key, "", home.id)
            pool.hold(key, client.holds)

    async def tidy(self) -> None:
        """Say what could not be said, and forget reads that nobody goes on with. Once a second."""
        now = self.now()
        for key, (until, lease_id) in list(self._pages.items()):
            if until <= now:
                del self._pages[key]
                await self.leave(key, "", lease_id)
        for stay, (key, lease_id) in list(self._unsaid.items()):
            await self.leave(key, stay, lease_id)
            if stay in self._unsaid:
                return  # the store is still away

    async def _entered(
        self, pool: Pool, client: GatewayClient, names: Collection[str], *, wait: bool
    ) -> Stay | None:
        """A stay at home; None where the lease that was found is no home for this client."""
        key, name = client.session.key, self.name()
        lease = await pool.take(key, home=True, wait=wait)
        stay = Stay(pool, client, lease, name, wait=wait)
        try:
            entered = await self.books.enter(
                key,
                name,
                lease.id,
                exclusive=pool.limits.exclusive,
                known=client.version,
                names=names,
            )
            self._know(client, entered)
        except BaseException as error:
            if not isinstance(error, NoSession | UnknownObject):
                self._unsaid[name] = key, lease.id  # perhaps the store has taken it down
            stay.name = ""
            await self.give_back(stay)
            raise
        if entered.entry is StayOutcome.IN and entered.home == lease.id:
            return stay
        pool.hold(key, 0)
        pool.give_back(key, lease, wait=wait)
        if entered.entry is StayOutcome.CLOSED:
            pool.retire(lease)
        elif entered.entry is StayOutcome.TAKEN:
            pool.taken(lease)
        else:
            try:
                await self._go_home(pool, client, entered.home)
                lease = await pool.take(key, home=True, wait=wait)
            except BaseException:
                pool.hold(key, 0)
                self.apart.begin(self.leave(key, name, entered.home), "end a stay")
                raise
            return Stay(pool, client, lease, name, wait=wait)
        return None

    async def _go_home(self, pool: Pool, client: GatewayClient, lease_id: str) -> None:
        """Have the lease that the client's things are in, and its calls go by that."""
        key = client.session.key
        home = pool.home_of(key)
        if home is not None and home.id == lease_id:
            return
        lease = await self.lease_of(pool, lease_id)
        if lease is None:
            for tell in self._home_gone:
                await tell(client)
            raise LeaseRefused(None)
        pool.settle(key, lease)

    def _know(self, client: GatewayClient, entered: Entered) -> None:
        if entered.entry is StayOutcome.OVER:
            raise NoSession("the session has ended")
        if entered.entry is StayOutcome.FOREIGN:
            raise UnknownObject("ManagedObject", entered.foreign)
        if entered.entry is StayOutcome.IN and entered.book is not None:
            client.have(entered.book, entered.version)
