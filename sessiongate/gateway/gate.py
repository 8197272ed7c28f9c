"""One upstream as the rest of the server sees it: forward a call, and what happens by itself.

What it tells of itself before anybody has logged in (its ServiceContent, its list of API versions)
is asked for once in ten minutes, whoever wants it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from sessiongate.errors import NoPermission, NotFound, Overloaded, UpstreamUnavailable
from sessiongate.gateway.accounts import Accounts
from sessiongate.gateway.call import CallRecord
from sessiongate.gateway.lease import Lease
from sessiongate.gateway.own_calls import OwnCalls
from sessiongate.gateway.pool import Pool, Standing
from sessiongate.gateway.relay import Relay
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.session import Ended, Session
from sessiongate.telemetry.upstream_counters import UpstreamNow
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Answer, Ask, Headers
from sessiongate.wire.vim import service_versions
from sessiongate.wire.vim.client import envelope
from sessiongate.wire.vim.session_list import ListedSession

_KEPT = 600.0
_SEE = "Sessions.TerminateSession"
_LARGEST = 1024 * 1024

_VERSION = re.compile(r'"?urn:vim25/[0-9.]{1,20}"?')
_MOST_KEPT = 64

_CLOSING = 10.0
"""Seconds in which an upstream has to let us go."""

_log = structlog.get_logger(__name__)


class Gate:
    """One upstream. `start` before the first call, `close` once."""

    def __init__(
        self,
        name: str,
        rules: RelayRules,
        exchange: Exchange,
        accounts: Accounts,
        end_session: Callable[[str, Ended], Awaitable[object]],
        record: CallRecord,
        touch: Callable[[Session], Awaitable[object]],
    ) -> None:
        self.name = name
        self.accounts = accounts
        self._own = OwnCalls(exchange, rules.timeout)
        self.relay = Relay(
            rules,
            exchange,
            self._own,
            accounts.pool_of,
            end_session,
            accounts.forget,
            record,
            touch,
        )
        accounts.meters.now = self.now
        self._rules = rules
        self._exchange = exchange
        self._kept: dict[tuple[str, str], tuple[float, asyncio.Task[Answer]]] = {}
        self._probes: set[asyncio.Task[None]] = set()
        self._few = asyncio.Semaphore(4)

    async def service_content(self, action: str) -> Answer:
        """What RetrieveServiceContent answers to this SOAPAction. Raises UpstreamUnavailable."""
        body = envelope("RetrieveServiceContent", "ServiceInstance", "ServiceInstance")
        headers: Headers = (("content-type", "text/xml; charset=utf-8"), ("soapaction", action))
        known = action if _VERSION.fullmatch(action) else ""
        headers = (*headers[:1], ("soapaction", known)) if known else headers[:1]
        return await self._public(Ask("/sdk", headers, body), known)

    async def versions(self) -> Answer:
        """The list of API versions. Raises UpstreamUnavailable."""
        return await self._public(Ask(service_versions.PATH, (), b"", "GET"), "")

    async def recover(self, sessions: AsyncIterator[Session]) -> None:
        """Deal with what a process before this one has left, given the sessions that live.

        An upstream that is away keeps nobody from starting: its sessions end by its clock.
        """
        async for session in sessions:
            self.accounts.opened(session)
        await self.accounts.recover()

    def opened(self, session: Session) -> None:
        """A client session was opened."""
        self.accounts.opened(session)
        self.accounts.meters.client_opened(session.key)

    def ended(self, session: Session, _: Ended) -> None:
        """A client session is over, whatever the reason."""
        self.accounts.ended(session)
        self.accounts.meters.client_ended(session.key)
        self.relay.leave(session)

    def now(self) -> UpstreamNow:
        """What is true at this moment."""
        return self.accounts.now(self.relay.waits, self.relay.clients.objects)

    async def sessions_there(self) -> tuple[str, list[ListedSession]]:
        """Who has seen them, and the upstream's own list of sessions.

        None is opened to see it. Raises NotFound where we have none, NoPermission where none of
        ours may see the list, UpstreamUnavailable.
        """
        pools = [pool for pool in self.accounts.pools if pool.leases]
        if not pools:
            raise NotFound(f"no session of ours is open at {self.name}, and none is opened to look")
        for pool in pools:  # one of each account: another one may see no more
            lease = pool.leases[-1]
            listed = await self._own.sessions(lease)
            if listed is not None:
                return lease.session.user.user_name or pool.account, listed
        raise NoPermission(_SEE)

    async def tidy(self) -> None:
        """Let go of what nobody needs, and keep alive what somebody does. Once a second."""
        self._exchange.tidy()
        self.accounts.tidy()
        self.relay.tidy(asyncio.get_running_loop().time())
        for pool, lease in self.accounts.due():
            self._probe(pool, lease)

    async def close(self) -> None:
        """End waits, log out what we have there, and let go of connections.

        An upstream that does not answer does not keep us: the next start ends what is left there.
        """
        for probe in self._probes:
            probe.cancel()
        try:
            async with asyncio.timeout(_CLOSING):
                await self.relay.close()
                await self.accounts.close()
        except TimeoutError:
            _log.warning("an upstream does not answer, and sessions are left there", name=self.name)
        await self._exchange.close()

    def _probe(self, pool: Pool, lease: Lease) -> None:
        task = asyncio.create_task(self.relay.probe(pool, lease), name="keep alive")
        self._probes.add(task)
        task.add_done_callback(self._probes.discard)

    async def _ask(self, ask: Ask) -> Answer:
        async with self._few:
            return await self._exchange.exchange(ask, within=self._rules.timeout, largest=_LARGEST)

    async def _public(self, ask: Ask, kind: str) -> Answer:
        now = asyncio.get_running_loop().time()
        key = (ask.path, kind)
        due, task = self._kept.get(key, (0.0, None))
        paused = self.accounts.standing is Standing.PAUSED
        if paused and task is None:
            raise Overloaded(f"{self.name} is paused")
        if task is None or (due <= now and not paused):
            self._kept = {one: kept for one, kept in self._kept.items() if kept[0] > now}
            if len(self._kept) >= _MOST_KEPT:  # versions that clients made up
                raise Overloaded(f"{self.name}: too many versions are asked for")
            task = asyncio.create_task(self._ask(ask), name="ask upstream")
            self._kept[key] = (now + _KEPT, task)
        try:
            answer = await asyncio.shield(task)
        except UpstreamUnavailable as error:
            self._kept.pop(key, None)
            # To ask for it again does no harm.
            raise UpstreamUnavailable(f"{self.name}: {error}") from None
        if answer.status != 200:
            self._kept.pop(key, None)
        return answer
