"""What follows where a client's session ends, and where the session ends that its calls went by.

As at a vCenter, objects die only with their session: a client that had something in a lease which
the upstream has ended is told that its own session is over, and heals by logging in again.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sessiongate.errors import NoSession, SessionGateError, Unavailable, UpstreamUnavailable
from sessiongate.gateway.calls.book import TICKET
from sessiongate.gateway.calls.checkouts import Checkouts
from sessiongate.gateway.calls.clients import Clients, GatewayClient
from sessiongate.gateway.calls.long_polls import LongPolls
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.own_calls import OwnCalls
from sessiongate.gateway.leases.pool import Pool
from sessiongate.rules.relay import State
from sessiongate.session import Ended, Session
from sessiongate.store.gateway_port import Book

PoolOf = Callable[[], Awaitable[Pool]]
"""Finds where the calls of a client went by."""

_log = structlog.get_logger(__name__)


class Teardown:
    """Ends clients and leases of one upstream."""

    def __init__(
        self,
        clients: Clients,
        own: OwnCalls,
        polls: LongPolls,
        checkouts: Checkouts,
        pool_of: Callable[[Session], Awaitable[Pool]],
        end_session: Callable[[str, Ended], Awaitable[object]],
        lease_lost: Callable[[Lease], Awaitable[None]],
    ) -> None:
        """`end_session` ends a client session by its key, `lease_lost` forgets a lease."""
        self._clients = clients
        self._own = own
        self._polls = polls
        self._checkouts = checkouts
        self._background = checkouts.background
        self._pool_of = pool_of
        self._end_session = end_session
        self._lease_lost = lease_lost
        self._lost: set[str] = set()
        """Sessions that are lost and have not ended yet."""
        self._to_end: set[str] = set()
        """Those of them that could not be ended: the store did not answer."""
        self._clearing: set[str] = set()
        """Clients that are over, of which what they had is being ended."""
        self._to_clear: dict[str, PoolOf] = {}
        """Clients that are over and could not be cleared, for the same reason."""
        self._to_lose: set[str] = set()
        """Leases that are lost, of which the store could not be told."""

    def require_alive(self, session: Session) -> None:
        """Raise NoSession for one that is lost, whatever the store knows of it."""
        if session.key in self._lost:
            raise NoSession("the session at the upstream has ended")

    def is_over(self, key: str) -> bool:
        """Whether a session is over, though something of it is there perhaps."""
        client = self._clients.get(key)
        left = key in self._lost or key in self._clearing or key in self._to_clear
        return left or (client is not None and client.over)

    def session_ended(self, session: Session) -> None:
        """A session has ended: its waits end now, and what it had at the upstream soon."""
        client = self._clients.get(session.key)
        if client is None:
            if self._checkouts.books.shared:
                self.clear(session.key, lambda: self._pool_of(session))
            return
        if client.over:
            return
        client.over = True
        self._polls.end_all(client)
        self._background.begin(
            self._clear(session.key, lambda: self._pool_of(session), client),
            "clear what a client had",
        )

    def clear(self, key: str, pool_of: PoolOf) -> None:
        """End what a client had whose session is over, and which has nothing under way here."""
        self._background.begin(self._clear(key, pool_of), "clear what a client had")

    def tidy(self) -> None:
        """Try again what could not be done. Once a second."""
        keys, self._to_end = self._to_end, set()
        for key in keys:
            self._background.begin(self._end(key), "end a session")
        clients, self._to_clear = self._to_clear, {}
        for key, pool_of in clients.items():
            self.clear(key, pool_of)
        leases, self._to_lose = self._to_lose, set()
        for lease_id in leases:
            self._background.begin(self.lose_all(lease_id), "lose what clients had in a lease")

    async def lose(self, pool: Pool, lease: Lease) -> None:
        """The upstream has ended a session of ours: so have the sessions with objects in it."""
        if lease.lost:
            return
        _log.warning("an upstream session has ended", pool=pool.name, lease=lease.id)
        await self._over(pool, lease, self._lease_lost)

    async def row_gone(
        self, pool: Pool, lease: Lease, log_out: Callable[[Lease], Awaitable[None]]
    ) -> None:
        """The store has lost a lease: nobody is heard of any more who has something in it."""
        if not lease.lost:
            await self._over(pool, lease, log_out)

    async def _over(
        self, pool: Pool, lease: Lease, then: Callable[[Lease], Awaitable[None]]
    ) -> None:
        lease.lost = True
        pool.lose(lease)
        try:
            await self.lose_all(lease.id)
        finally:
            await then(lease)

    async def expire(self, pool: Pool, lease: Lease) -> None:
        """A lease is too old: the sessions of those who still have something in it end now."""
        pool.retire(lease)
        keys = [key for key, things in lease.homes.items() if things]
        for key in await self._checkouts.at_home(lease.id):
            there = await self._checkouts.books.enter(key, "", "")
            if there.book is not None and there.book.size and key not in keys:
                keys.append(key)
        await asyncio.gather(*map(self._expire_client, keys))

    async def _expire_client(self, key: str) -> None:
        client = self._clients.get(key)
        if client is not None:
            await self.lose_client(client)
        else:
            self._is_lost(key)
            await self._end(key)

    async def lose_all(self, lease_id: str) -> None:
        """End the sessions of those who had something in a lease that is over."""
        try:
            keys = await self._checkouts.books.lost(lease_id, self._checkouts.instance)
        except Unavailable:
            self._to_lose.add(lease_id)
            return
        for key in keys:  # all of them before anybody has a turn
            client = self._clients.get(key)
            if client is None or not client.over:
                self._is_lost(key)
        await asyncio.gather(*(self._end(key) for key in keys))

    async def lose_client(self, client: GatewayClient) -> None:
        """What this client had is gone: its session ends, as a vCenter would have ended it."""
        if client.over:
            return
        key, pool = client.session.key, client.pool
        home = pool.home_of(key) if pool is not None else None
        if pool is not None and home is not None:
            if client.book.size:
                pool.retire(home)  # what it has begun anew is in there
            pool.hold(key, 0)
        self._is_lost(key)
        await self._end(key)

    def _is_lost(self, key: str) -> None:
        self._lost.add(key)
        client = self._clients.get(key)
        if client is not None:
            client.over = client.lost = True
            self._clients.drop(client)
            for wait in list(client.waits):
                wait.cancel()

    async def _end(self, key: str) -> None:
        """End a session, now or as soon as the store can."""
        try:
            await self._forget(key)
            await self._end_session(key, Ended.UPSTREAM_LOST)
        except Unavailable:
            self._to_end.add(key)
        else:
            self._lost.discard(key)

    async def _forget(self, key: str) -> None:
        """Have the store forget what a client had, which is gone."""
        stay = self._checkouts.new_stay()
        cleared = await self._checkouts.books.clear(key, stay, self._checkouts.now())
        if cleared is not None and cleared.home:
            await self._checkouts.leave(key, stay, cleared.home)

    async def _clear(self, key: str, pool_of: PoolOf, client: GatewayClient | None = None) -> None:
        """End what a client had at the upstream; where that fails, end the lease with it."""
        self._clearing.add(key)
        try:
            await self._clear_now(key, pool_of, client)
        finally:
            self._clearing.discard(key)

    async def _clear_now(self, key: str, pool_of: PoolOf, client: GatewayClient | None) -> None:
        if client is not None:
            await client.wait_idle()
        stay = self._checkouts.new_stay()
        try:
            cleared = await self._checkouts.books.clear(key, stay, self._checkouts.now())
        except Unavailable:
            self._to_clear[key] = pool_of
            cleared = None
        pool = lease = None
        if cleared is not None and cleared.home:
            try:
                pool = await pool_of()
                lease = await self._checkouts.lease_of(pool, cleared.home)
            except SessionGateError as error:
                _log.warning("what a client had is left", lease=cleared.home, why=str(error))
        if pool is not None and lease is not None:
            pool.settle(key, lease)
            pool.hold(key, 1)
            if not await self._end_objects(lease, (cleared and cleared.book) or Book()):
                pool.retire(lease)
        if client is not None:
            self._clients.drop(client)
        if cleared is not None and cleared.home:
            await self._checkouts.leave(key, stay, cleared.home)
        pool = pool or (client.pool if client is not None else None)
        if pool is not None:
            pool.hold(key, 0)

    async def _end_objects(self, lease: Lease, book: Book) -> bool:
        """End what stands in a book. Whether nothing of it is left."""
        things = [(one, thing) for one, thing in book.objects.items() if not thing.within]
        try:
            ended = [
                await self._own.end(lease, thing.kind, name, thing.state) for name, thing in things
            ]
            if book.collector:
                kind, state = "PropertyCollector", State.COLLECTOR
                ended.append(await self._own.end(lease, kind, book.collector, state))
        except UpstreamUnavailable:
            return False
        return all(ended) and all(token.startswith(TICKET) for token in book.pages)
