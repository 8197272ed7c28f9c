"""What follows where a client's session ends, and where the session ends that its calls went by.

As at a vCenter, objects die only with their session: a client that had something in a lease which
the upstream has ended is told that its own session is over, and heals by logging in again.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sessiongate.errors import NoSession, Unavailable, UpstreamUnavailable
from sessiongate.gateway.apart import Apart
from sessiongate.gateway.clients import Clients, GatewayClient
from sessiongate.gateway.lease import Lease
from sessiongate.gateway.long_polls import LongPolls
from sessiongate.gateway.own_calls import OwnCalls
from sessiongate.gateway.pool import Pool
from sessiongate.rules.relay import State
from sessiongate.session import Ended, Session

_log = structlog.get_logger(__name__)


class Endings:
    """Ends clients and leases of one upstream."""

    def __init__(
        self,
        clients: Clients,
        own: OwnCalls,
        polls: LongPolls,
        apart: Apart,
        end_session: Callable[[str, Ended], Awaitable[object]],
        lease_lost: Callable[[Lease], Awaitable[None]],
    ) -> None:
        """`end_session` ends a client session by its key, `lease_lost` forgets a lease."""
        self._clients = clients
        self._own = own
        self._polls = polls
        self._apart = apart
        self._end_session = end_session
        self._lease_lost = lease_lost
        self._lost: set[str] = set()
        """Sessions that are lost and have not ended yet."""
        self._to_end: set[str] = set()
        """Those of them that could not be ended: the store did not answer."""

    def require_alive(self, session: Session) -> None:
        """Raise NoSession for one that is lost, whatever the store knows of it."""
        if session.key in self._lost:
            raise NoSession("the session at the upstream has ended")

    def leave(self, session: Session) -> None:
        """A session has ended: its waits end now, and what it had at the upstream soon."""
        client = self._clients.get(session.key)
        if client is None or client.over:
            return
        client.over = True
        self._polls.end_all(client)
        self._apart.begin(self._clear(client), "clear what a client had")

    def tidy(self) -> None:
        """Try again to end what could not be ended. Once a second."""
        keys, self._to_end = self._to_end, set()
        for key in keys:
            self._apart.begin(self._end(key), "end a session")

    async def lose(self, pool: Pool, lease: Lease) -> None:
        """The upstream has ended a session of ours: so have the sessions with objects in it."""
        if lease.lost:
            return
        lease.lost = True
        _log.warning("an upstream session has ended", pool=pool.name, lease=lease.id)
        clients = map(self._clients.get, pool.lose(lease))
        lost = [client for client in clients if client is not None and not client.over]
        for client in lost:  # all of them before anybody has a turn
            self._is_lost(client)
        try:
            await asyncio.gather(*(self._end(client.session.key) for client in lost))
        finally:
            await self._lease_lost(lease)

    async def expire(self, pool: Pool, lease: Lease) -> None:
        """A lease is too old: the sessions of those who still have something in it end now."""
        pool.retire(lease)
        clients = map(self._clients.get, [key for key, things in lease.homes.items() if things])
        found = [client for client in clients if client is not None]
        await asyncio.gather(*map(self.lose_client, found))

    async def lose_client(self, client: GatewayClient) -> None:
        """What this client had is gone: its session ends, as a vCenter would have ended it."""
        if client.over:
            return
        home = client.pool.home_of(client.session.key) if client.pool is not None else None
        if client.pool is not None and home is not None:
            if home.homes[client.session.key]:
                client.pool.retire(home)  # what it has begun anew is in there
            client.pool.hold(client.session.key, 0)
        self._is_lost(client)
        await self._end(client.session.key)

    def _is_lost(self, client: GatewayClient) -> None:
        client.over = client.lost = True
        self._lost.add(client.session.key)
        self._clients.drop(client)
        for wait in list(client.waits):
            wait.cancel()

    async def _end(self, key: str) -> None:
        """End a session, now or as soon as the store can."""
        try:
            await self._end_session(key, Ended.UPSTREAM_LOST)
        except Unavailable:
            self._to_end.add(key)
        else:
            self._lost.discard(key)

    async def _clear(self, client: GatewayClient) -> None:
        """End what a client had at the upstream; where that fails, end the lease with it."""
        await client.quiet.wait()
        key, book, pool = client.session.key, client.book, client.pool
        lease = pool.home_of(key) if pool is not None else None
        if pool is None or lease is None:
            self._clients.drop(client)
            return
        things = [(one, thing) for one, thing in book.objects.items() if not thing.within]
        try:
            cleared = [
                await self._own.end(lease, thing.kind, name, thing.state) for name, thing in things
            ]
            if book.collector:
                kind, state = "PropertyCollector", State.COLLECTOR
                cleared.append(await self._own.end(lease, kind, book.collector, state))
            whole = all(cleared) and not book.pages
        except UpstreamUnavailable:
            whole = False
        self._clients.drop(client)
        if not whole:
            pool.retire(lease)
        pool.hold(key, 0)
