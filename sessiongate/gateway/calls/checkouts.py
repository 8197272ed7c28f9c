"""What a client's call needs of the store: where its home is, what it has, and that it is there.

Each call that may touch state is a stay at its client's home. The store decides where that is, so
that whichever of several processes has a client's call, it goes by the lease that its things are
in. For what each process knows by itself, the store is not asked twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from itertools import count

from sessiongate.errors import NoSession, Unavailable, UnknownObject
from sessiongate.gateway.background import BackgroundTasks
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


class Checkout:
    """A lease that one call has, until it is given back.

    `stay` is what the store knows the call by; "" where it need not know of it.
    """

    __slots__ = ("client", "lease", "pool", "released", "stay", "wait")

    def __init__(
        self, pool: Pool, client: GatewayClient, lease: Lease, stay: str, *, wait: bool
    ) -> None:
        self.pool = pool
        self.client = client
        self.lease = lease
        self.stay = stay
        self.wait = wait
        self.released = False


class Checkouts:
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
        self._is_untouched = books.is_untouched
        self.instance = instance
        self.now = now
        self.background = BackgroundTasks()
        self._attach = attach
        self._at_home = at_home
        self._home_gone: list[Callable[[GatewayClient], Awaitable[None]]] = []
        self._numbers = count(1)
        self._unsaid: dict[str, tuple[str, str]] = {}
        """Checkouts that are over, which the store could not be told: client and lease of each."""
        self._pages: dict[str, tuple[float, str]] = {}
        """Clients whose reads in pages are all late at some time, and where their home is."""

    def on_home_gone(self, tell: Callable[[GatewayClient], Awaitable[None]]) -> None:
        """Call `tell` with each client of which the home is over."""
        self._home_gone.append(tell)

    async def at_home(self, lease_id: str) -> list[str]:
        """Clients of any process that have their home in a lease, where others may have some."""
        return [] if self._at_home is None else await self._at_home(lease_id)

    def new_stay(self) -> str:
        """A name for a stay."""
        return f"{self.instance}:{next(self._numbers)}"

    def take_now(
        self,
        pool: Pool,
        client: GatewayClient,
        *,
        home: bool,
        wait: bool = False,
        names: Collection[str] = (),
    ) -> Checkout | None:
        """The same as `take`, for one that has nothing and needs no home, where there is a lease at
        this moment: else None, and nothing is done.
        """
        if home or self._shared or pool.limits.exclusive:
            return None
        key, book = client.session.key, client.book
        if book.objects or book.pages or book.collector or not self._is_untouched(key, names):
            return None
        lease = pool.take_now(key, home=False, wait=wait)
        return None if lease is None else Checkout(pool, client, lease, "", wait=wait)

    async def take(
        self,
        pool: Pool,
        client: GatewayClient,
        *,
        home: bool,
        wait: bool = False,
        names: Collection[str] = (),
    ) -> Checkout:
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
                    lease = await pool.take(
                        client.session.key, home=False, wait=wait, user=client.person
                    )
                return Checkout(pool, client, lease, "", wait=wait)
            await self._go_home(pool, client, entered.home)
        until = asyncio.get_running_loop().time() + pool.limits.queue_time
        while True:
            checkout = await self._enter(pool, client, names, wait=wait)
            if checkout is not None:
                return checkout
            if asyncio.get_running_loop().time() > until:
                raise pool.standing.refusal()

    def give_back_now(self, checkout: Checkout) -> bool:
        """The same as `give_back`, where nobody has to be told: else False, and nothing is done."""
        if checkout.stay or self._shared:
            return False
        self._release(checkout)
        return True

    async def give_back(self, checkout: Checkout) -> None:
        """The call is over that has this checkout."""
        if not self._shared:
            if checkout.stay:
                await self.leave(checkout.client.session.key, checkout.stay, checkout.lease.id)
            self._release(checkout)
            return
        if checkout.stay and checkout.client.book.pages:
            until = max(checkout.client.book.pages.values())
            self._pages[checkout.client.session.key] = until, checkout.lease.id
        if not checkout.pool.limits.exclusive:  # else others would be told that it is taken
            self._release(checkout)
        self.background.begin(self._give_back_in_store(checkout), "end a checkout")

    async def _give_back_in_store(self, checkout: Checkout) -> None:
        if checkout.stay:
            await self.leave(checkout.client.session.key, checkout.stay, checkout.lease.id)
        self._release(checkout)

    def _release(self, checkout: Checkout) -> None:
        if not checkout.released:
            checkout.released = True
            key = checkout.client.session.key
            if checkout.pool.home_of(key) is not None:
                checkout.pool.hold(key, checkout.client.holds)
            checkout.pool.give_back(key, checkout.lease, wait=checkout.wait)

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
                client.update(entered.book, entered.version)
        return True

    async def use_page(self, checkout: Checkout, token: str) -> bool:
        """Use up the token of a page. False where there is no such page, or no longer."""
        client = checkout.client
        turned = await self.books.turn(client.session.key, checkout.stay, token, self.now())
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

    async def _enter(
        self, pool: Pool, client: GatewayClient, names: Collection[str], *, wait: bool
    ) -> Checkout | None:
        """A stay at home; None where the lease that was found is no home for this client."""
        key, name = client.session.key, self.new_stay()
        lease = pool.take_now(key, home=True, wait=wait)
        if lease is None:
            lease = await pool.take(key, home=True, wait=wait, user=client.person)
        checkout = Checkout(pool, client, lease, name, wait=wait)
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
            checkout.stay = ""
            await self.give_back(checkout)
            raise
        if entered.entry is StayOutcome.IN and entered.home == lease.id:
            return checkout
        pool.hold(key, 0)
        pool.give_back(key, lease, wait=wait)
        if entered.entry is StayOutcome.CLOSED:
            pool.retire(lease)
        elif entered.entry is StayOutcome.TAKEN:
            pool.taken_elsewhere(lease)
        else:
            try:
                await self._go_home(pool, client, entered.home)
                lease = await pool.take(key, home=True, wait=wait, user=client.person)
            except BaseException:
                pool.hold(key, 0)
                self.background.begin(self.leave(key, name, entered.home), "end a checkout")
                raise
            return Checkout(pool, client, lease, name, wait=wait)
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
            client.update(entered.book, entered.version)
