"""One upstream as the rest of the server sees it: forward a call, and what happens by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

import msgspec
import structlog

from sessiongate.errors import NoPermission, NotFound, Unavailable, UpstreamUnavailable
from sessiongate.gateway.accounts import Accounts
from sessiongate.gateway.background import BackgroundTasks
from sessiongate.gateway.calls.call import CallRecord
from sessiongate.gateway.calls.checkouts import Checkouts
from sessiongate.gateway.calls.parse_queue import ParseQueue
from sessiongate.gateway.calls.public_answers import PublicAnswers
from sessiongate.gateway.calls.relay import Relay
from sessiongate.gateway.calls.rest_calls import RestRelay
from sessiongate.gateway.calls.service_calls import ServiceRelay
from sessiongate.gateway.calls.side_relay import SideRelay
from sessiongate.gateway.calls.tickets import UpstreamTickets
from sessiongate.gateway.calls.transfers import Transfers
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.own_calls import OwnCalls
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.stored_leases import PARENT, StoredLeases
from sessiongate.gateway.other_processes import OtherProcesses
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.rules.leaks import client_of_session
from sessiongate.session import Ended, Session
from sessiongate.store.gateway_port import ClientBooks, UpstreamNotes
from sessiongate.telemetry.upstream_counters import UpstreamNow
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.vim.session_list import ListedSession

_KEEP_ALIVE = "keep alive"
"""What tasks are called that use a session so that the upstream keeps it."""

_VIEW_SESSIONS = "Sessions.TerminateSession"

_CLOSING = 10.0
"""Seconds in which an upstream has to let us go."""

_AT_ONCE = 32
"""Clients of which things are ended at the same time."""

_log = structlog.get_logger(__name__)


class SeenSessions(msgspec.Struct, frozen=True):
    """The sessions at an upstream."""

    by: str
    """Who has seen them."""
    sessions: list[ListedSession]
    ours: dict[str, str]
    """Keys of those that are ours, and our names for them."""


class UpstreamGateway:
    """One upstream, whatever it is. `start` before the first call, `close` once."""

    def __init__(
        self,
        name: str,
        rules: RelayRules,
        exchange: Exchange,
        accounts: Accounts,
        end_session: Callable[[str, Ended], Awaitable[object]],
        record: CallRecord,
        touch: Callable[[Session], Awaitable[object]],
        rows: StoredLeases,
        books: ClientBooks,
        notes: UpstreamNotes,
        sessions: Callable[[], AsyncIterator[Session]],
        lives: Callable[[str], Awaitable[bool]],
        *,
        keep: bool = False,
    ) -> None:
        """`sessions` are all that live, `lives` asks for a key; `keep`: leases outlive a stop."""
        self.name = name
        self.url = exchange.url
        self.accounts = accounts
        self._exchange, self._rules = exchange, rules
        self._own = self._own_calls()
        at_home = rows.clients if books.shared else None
        checkouts = Checkouts(books, rows.instance, rows.seconds, accounts.attach, at_home)
        self.relay = Relay(
            rules,
            exchange,
            self._own,
            checkouts,
            accounts.pool_anywhere,
            end_session,
            accounts.forget,
            record,
            touch,
            rows.tokens,
            accounts.pools[0] if accounts.credential is not None else None,
        )
        self.side = SideRelay(rules, exchange, self.relay, record)
        accounts.meters.now = self.snapshot
        self.transfers = Transfers(
            rules,
            exchange,
            self.relay.lend,
            self.relay.take_back_soon,
            self.relay.probe,
            lambda: accounts.standing is Standing.PAUSED,
            record,
            touch,
            rows.tokens,
        )
        self._end_session = end_session
        self._keep = keep
        self._rows = rows
        self._shared = books.shared
        self._others = OtherProcesses(name, rows, accounts, self.relay, notes, sessions, lives)
        self._probes = BackgroundTasks()
        self._complete()

    def _own_calls(self) -> OwnCalls:
        """What we ask there ourselves."""
        return OwnCalls(self._exchange, self._rules.timeout)

    def _complete(self) -> None:
        """Have what this kind of upstream has besides."""

    @property
    def problem(self) -> str:
        """Why no session can be opened there, as far as the last try says; "" for nothing known."""
        why = self._exchange.why_unreachable
        return self.accounts.credentials.problem or (f"{self.url}: {why}" if why else "")

    async def recover(self) -> None:
        """Deal with what a process before this one has left.

        An upstream that is away keeps nobody from starting: its sessions end by its clock.
        """
        if self._shared:
            await self._others.sync()
        else:
            await self._others.recover()

    async def set_standing(self, standing: Standing) -> None:
        """Pause, drain, or let calls go on and the credential be tried again, at all processes.

        Raises StoreUnavailable, where only this one does.
        """
        self.accounts.set_standing(standing)
        if standing is Standing.OPEN:
            await self.accounts.credentials.forget()
        if self._shared:
            await self._others.publish(standing)

    async def rotate(self) -> int:
        """Replace all leases by new ones: how many there are to replace. Raises NotSupported."""
        if self._shared:
            await self._others.join_all()
        return self.accounts.rotate()

    async def clients(self) -> list[str]:
        """The clients with something in a lease, or a call under way here: keys of sessions."""
        found = self.clients_here()
        if self._shared:
            elsewhere = [key for key in await self._others.clients() if self._lives(key)]
            found = list(dict.fromkeys([*elsewhere, *found]))
        return found

    def clients_here(self) -> list[str]:
        """The same, as far as this process knows."""
        return [key for key in self.accounts.clients() if self._lives(key)]

    def _lives(self, key: str) -> bool:
        return not self.relay.teardown.is_over(key)

    def _ended_elsewhere(self, key: str) -> None:
        self.accounts.sessions.ended(key)
        self.accounts.meters.client_ended(key)
        self.transfers.session_ended(key)
        client = self.relay.clients.get(key)
        if client is not None:
            self.relay.session_ended(client.session)

    def opened(self, session: Session) -> None:
        """A client session was opened, here or elsewhere."""
        if session.upstream == self.name:
            self.accounts.opened(session)
            self.accounts.meters.client_opened(session.key, client_of_session(session))

    def ended(self, session: Session, _: Ended) -> None:
        """A client session is over, whatever the reason, here or elsewhere."""
        if session.upstream == self.name:
            self.accounts.ended(session)
            self.accounts.meters.client_ended(session.key)
            self.relay.session_ended(session)
            self.transfers.session_ended(session.key)

    def snapshot(self) -> UpstreamNow:
        """What is true at this moment."""
        return self.accounts.snapshot(self.relay.waits, self.relay.clients.objects)

    async def sessions_there(self) -> SeenSessions:
        """The upstream's own list of sessions.

        None is opened to see it, but by an observer. Raises NotFound where we have none,
        NoPermission where none of ours may see the list, UpstreamUnavailable.
        """
        if self.accounts.observer is not None:
            async with self.accounts.observer.session() as lease:
                listed = await self._own.sessions(lease)
                if listed is None:
                    raise NoPermission(_VIEW_SESSIONS)
                return self._with_our_names(lease.session.user.user_name, listed, lease)
        ways = self._viewing_leases()
        if not ways:
            none = f"no session of ours is open at {self.name}, and none is opened to look"
            said = f"{none}; {self.problem}" if self.problem else none
            raise (UpstreamUnavailable if self._exchange.is_unreachable else NotFound)(said)
        for lease, account in ways:
            listed = await self._own.sessions(lease)
            if listed is not None:
                return self._with_our_names(lease.session.user.user_name or account, listed)
        raise NoPermission(_VIEW_SESSIONS)

    def _viewing_leases(self) -> list[tuple[Lease, str]]:
        """A session of each account, since another one sees no more, or the one for tickets."""
        ways = [(pool.leases[-1], pool.account) for pool in self.accounts.pools if pool.leases]
        parent = self.accounts.parent
        if not ways and parent is not None and parent.leases:
            ways.append((parent.leases[0], PARENT.name))
        return ways

    def _with_our_names(self, by: str, listed: list[ListedSession], *more: Lease) -> SeenSessions:
        held = [lease for pool in self.accounts.pools for lease in pool.leases]
        held += self.accounts.parent.leases if self.accounts.parent is not None else ()
        return SeenSessions(by, listed, {one.session.user.key: one.id for one in (*held, *more)})

    async def tidy(self) -> None:
        """Let go of what nobody needs, and keep alive what somebody does. Once a second."""
        self._exchange.tidy()
        now = asyncio.get_running_loop().time()
        self.transfers.tidy(now)
        with suppress(Unavailable):  # all of it is still there in a second
            if self._shared:
                await self._others.sync()
                for key in await self._others.ended():
                    self._ended_elsewhere(key)
            self.accounts.tidy()
            await self.relay.tidy(now)
            for key in await self.accounts.stranded():
                await self._end_session(key, Ended.UPSTREAM_LOST)
        for pool, lease in self.accounts.due():
            self._probes.begin(self.relay.probe(pool, lease), _KEEP_ALIVE)
        for pool, lease in self.accounts.overdue():
            self._probes.begin(self.relay.expire(pool, lease), _KEEP_ALIVE)
        for lease in self.accounts.tokens_due():
            self._probes.begin(self.accounts.tokens.keep_alive(lease), _KEEP_ALIVE)

    async def close(self) -> None:
        """End waits, log out or keep what we have there, and let go of connections.

        An upstream that does not answer does not keep us: the next start ends what is left there.
        """
        self._probes.stop()
        self.transfers.close()
        now = asyncio.get_running_loop().time
        began = now()
        # However long what clients have there takes, half of the time is for the sessions.
        steps = (self._end_client_work, 0.5), (partial(self.accounts.close, keep=self._keep), 1.0)
        for work, share in steps:
            try:
                until = max(began + share * _CLOSING, now() + _CLOSING / 2)
                async with asyncio.timeout_at(until):
                    await work()
            except TimeoutError:
                _log.warning(
                    "an upstream does not answer, and something is left there", name=self.name
                )
        if self._keep:
            _log.info(
                "sessions at an upstream are kept for the next start",
                name=self.name,
                sessions=self._rows.kept,
            )
        await self._exchange.close()

    async def _end_client_work(self) -> None:
        """End waits, and what clients have in sessions that are to be kept."""
        clients = self.relay.clients.all() if self._keep and not self._shared else []
        for begin in range(0, len(clients), _AT_ONCE):
            for client in clients[begin : begin + _AT_ONCE]:
                self.relay.session_ended(client.session)
            await self.relay.close()
        await self.relay.close()


class VCenterGateway(UpstreamGateway):
    """A vCenter."""

    def _complete(self) -> None:
        rules, exchange, accounts = self._rules, self._exchange, self.accounts
        self.tickets = UpstreamTickets(rules, self.side, exchange.url, self._rows.tokens)
        self.services = ServiceRelay(rules, self.side, self._rows.tokens)
        self.parse_queue = ParseQueue()
        self.automation = RestRelay(
            rules, exchange.url, self.side, accounts.rest_tokens, self.parse_queue
        )
        self.public = PublicAnswers(
            self.name,
            exchange,
            rules.timeout,
            lambda: accounts.standing is Standing.PAUSED,
            self._rows.tokens,
        )
