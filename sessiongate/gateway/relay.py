"""Sends a client's SOAP calls on to a vCenter, each by a lease, and brings the answers back.

A call is judged by its method (`rules.relay`), held against what the client may and has
(`clients`), given a lease (`pool`), rewritten (`translation`), sent once, and its answer looked at.
What opens, hands out or ends a session at the upstream is never sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

import structlog

from sessiongate.errors import (
    NoSession,
    NotSupported,
    OutcomeUnknown,
    Overloaded,
    QuotaReached,
    Unavailable,
    UpstreamUnavailable,
    WaitCancelled,
)
from sessiongate.gateway.call import CallRecord, ForwardedCall, LeaseRefused
from sessiongate.gateway.clients import Clients, GatewayClient
from sessiongate.gateway.lease import Lease
from sessiongate.gateway.own_calls import OwnCalls, cookie_of
from sessiongate.gateway.poll_places import PollPlaces
from sessiongate.gateway.pool import Pool
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.gateway.translation import Translation
from sessiongate.rules.relay import Kind, State, judge, may_be_repeated
from sessiongate.session import Ended, Session
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Answer, Ask, Headers
from sessiongate.wire.vim import relayed_reply as replies
from sessiongate.wire.vim.relayed import Relayed

LARGEST_REPLY = 32 * 1024 * 1024
"""Bytes, of what is whole in memory once."""

_TOUCH = 60.0
"""Seconds between two uses of a session that waits. The shortest idle limits are minutes."""

_log = structlog.get_logger(__name__)

WhenGone = Callable[[Callable[[], None]], None]
"""Has a function called once if the client leaves."""


class Relay:
    """One upstream. `pool_of` finds the pool of a session's account, or refuses."""

    def __init__(
        self,
        rules: RelayRules,
        exchange: Exchange,
        pool_of: Callable[[Session], Pool],
        end_session: Callable[[str, Ended], Awaitable[object]],
        lease_lost: Callable[[Lease], Awaitable[None]],
        record: CallRecord,
        touch: Callable[[Session], Awaitable[object]],
    ) -> None:
        """`touch` counts a use of a session."""
        self._rules = rules
        self._exchange = exchange
        self._own = OwnCalls(exchange, rules.timeout)
        self._pool_of = pool_of
        self._end_session = end_session
        self._lease_lost = lease_lost
        self._record = record
        self.clients = Clients()
        self._translation = Translation(self.clients, self._own, shared=rules.shared)
        self._places = PollPlaces(rules.waits, rules.queue_time)
        self._touch = touch
        self._touch_at = 0.0
        self._apart: set[asyncio.Task[None]] = set()
        self._to_end: set[str] = set()
        """Sessions that are lost and could not be ended: the store did not answer."""
        self._stopping = False

    async def call(
        self, session: Session, request: Relayed, headers: Headers, when_gone: WhenGone
    ) -> Answer:
        """The upstream's answer to a call of this session.

        Raises what becomes a fault in the client's dialect; the call has had no effect then, but
        perhaps for OutcomeUnknown.
        """
        call = ForwardedCall(request, judge(request.target.kind, request.method), headers)
        try:
            answer = await self._forward(session, call, when_gone)
        except BaseException as error:  # also that the client has gone is written down
            self._record.failed(session, call, error)
            raise
        self._record.answered(session, call, answer)
        return answer

    @property
    def waits(self) -> int:
        """Long polls under way."""
        return self._places.taken

    def leave(self, session: Session) -> None:
        """A session has ended: its waits end now, and what it had at the upstream soon."""
        client = self.clients.get(session.key)
        if client is None or client.over:
            return
        client.over = True
        self._end_waits(client)
        self._begin(self._clear(client), "clear what a client had")

    def stop(self) -> None:
        """Begin no wait any more, and end those under way: the server is about to stop."""
        self._stopping = True
        for client in self.clients.all():
            self._end_waits(client)

    async def close(self) -> None:
        """End all waits, and wait for what is being cleared."""
        self.stop()
        while self._apart:
            work, self._apart = self._apart, set()  # a wait for done tasks gives nobody a turn
            await asyncio.gather(*work, return_exceptions=True)

    def tidy(self, now: float) -> None:
        """Forget what nobody goes on with, and end what could not be ended. Once a second."""
        for client in self.clients.tidy(now):
            if client.pool is not None:
                client.pool.hold(client.session.key, client.book.size)
            self.clients.drop_if_idle(client)
        for key in list(self._to_end):
            self._begin(self._end_lost(key), "end a session")
        if now >= self._touch_at:
            self._touch_at = now + _TOUCH
            for client in self.clients.all():
                if client.waits:  # a wait is use of the session for as long as it lasts
                    self._begin(self._touched(client.session), "touch a session")

    async def probe(self, pool: Pool, lease: Lease) -> None:
        """See whether a lease is alive, and what follows if it is not."""
        try:
            alive = await self._own.lives(lease)
        except UpstreamUnavailable:
            return  # nobody knows, and a call will find out
        if not alive:
            await self._lose(pool, lease)

    # What may be sent at all.

    def _check(self, session: Session, call: ForwardedCall) -> None:
        request, verdict = call.request, call.verdict
        if request.names_session_manager:
            raise NotSupported("properties of the SessionManager are read by themselves")
        if verdict.kind in (Kind.DENY, Kind.OWN) or request.method in self._rules.denied:
            raise NotSupported(f"{request.method} is not forwarded")
        self._rules.require_use(session, reads=verdict.reads)

    def _check_quota(self, client: GatewayClient, call: ForwardedCall) -> None:
        rules, opens = self._rules, call.opens
        if opens and len(client.book.objects) + client.opening >= rules.objects:
            raise QuotaReached(f"one session may have {rules.objects} objects open")
        if call.waits:
            if client.polls >= rules.waits_each:
                raise QuotaReached(f"one session may have {rules.waits_each} waits under way")
        elif client.calls >= rules.calls_each:
            raise Overloaded(f"one session may have {rules.calls_each} calls under way")

    # One call, by one lease.

    async def _forward(self, session: Session, call: ForwardedCall, when_gone: WhenGone) -> Answer:
        self._check(session, call)
        client = self.clients.of(session)
        client.require_alive()
        self._check_quota(client, call)
        client.begin()
        if call.waits:
            return await self._wait(client, call, when_gone)
        client.calls += 1
        client.opening += call.opens
        try:
            return await self._send(client, call)
        finally:
            client.calls -= 1
            client.opening -= call.opens
            client.end()
            self.clients.drop_if_idle(client)

    async def _send(self, client: GatewayClient, call: ForwardedCall) -> Answer:
        repeats = may_be_repeated(call.request.method, call.verdict)
        had_something = client.book.size > 0
        try:
            return await self._once(client, call)
        except LeaseRefused as refused:
            # A session that is over refuses at the door: nothing has been done. One that lives
            # has refused somewhere inside, and only a read may be asked again.
            if refused.lost and had_something:
                await self._lost_for(client)
            if had_something or not (refused.lost or repeats):
                return refused.outcome()
        except OutcomeUnknown:
            if not repeats:
                raise
        client.require_alive()
        try:
            return await self._once(client, call)
        except LeaseRefused as refused:
            return refused.outcome()

    async def _once(self, client: GatewayClient, call: ForwardedCall) -> Answer:
        """Take a lease and send it. Raises LeaseRefused where its session is not let in."""
        request, verdict, book = call.request, call.verdict, client.book
        key, wait = client.session.key, call.waits
        # A read may come back with a page that goes on in the same session.
        stateful = verdict.kind is not Kind.STATELESS or request.pages
        pool = client.pool = self._pool_of(client.session)
        lease = await pool.take(key, home=stateful or book.size > 0, wait=wait)
        call.took(lease.id)
        try:
            client.require_alive()
            translation = self._translation
            document = await translation.request(lease, client, request, verdict)
            client.require_alive()
            within = None if wait else self._rules.timeout
            ask = Ask("/sdk", (*call.headers, cookie_of(lease)), document)
            call.sent = True
            answer = await self._exchange.exchange(ask, within=within, largest=LARGEST_REPLY)
            if not replies.is_from_the_service(answer):
                why = f"status {answer.status} of something in front of the upstream"
                raise OutcomeUnknown(why)
            if not replies.says_session_is_over(answer):
                answer = translation.reply(lease, client, request, verdict, answer)
                if lease.lost and book.size and not client.over:
                    await self._lost_for(client)  # what it has just opened went with the lease
                return answer
        except OutcomeUnknown:
            if call.opens or (verdict.state is not None and not call.sent):
                pool.retire(lease)  # something is perhaps left in it that nobody can name
            raise
        finally:
            if book.size:
                book.lease = lease
            # One that is over keeps its home until that is cleared.
            pool.hold(key, book.size + client.over)
            pool.give_back(key, lease, wait=wait)
        try:
            alive = await self._own.lives(lease)
        except UpstreamUnavailable as error:
            raise OutcomeUnknown(str(error)) from None
        if alive:
            if lease.doubted_by not in ("", key):
                pool.retire(lease)  # something behind it refuses: nobody else begins there
            lease.doubted_by = key
            raise LeaseRefused(translation.reply(lease, client, request, verdict, answer))
        # Apart, since it ends waits, of which this may be one.
        await asyncio.shield(self._begin(self._lose(pool, lease), "lose a lease"))
        raise LeaseRefused(None)

    async def _lose(self, pool: Pool, lease: Lease) -> None:
        """The upstream has ended a session of ours: so have the sessions with objects in it."""
        if lease.lost:
            return
        lease.lost = True
        _log.warning("an upstream session has ended", pool=pool.name, lease=lease.id)
        lost = [one for one in self.clients.all() if one.book.lease is lease and one.book.size]
        pool.lose(lease)
        try:
            await asyncio.gather(*map(self._lost_for, lost))
        finally:
            await self._lease_lost(lease)

    async def _lost_for(self, client: GatewayClient) -> None:
        """What this client had is gone: its session ends, as a vCenter would have ended it."""
        client.over = True
        self.clients.drop(client)
        for wait in list(client.waits):
            wait.cancel()
        await self._end_lost(client.session.key)

    async def _end_lost(self, key: str) -> None:
        """End a session, now or as soon as the store can."""
        try:
            await self._end_session(key, Ended.UPSTREAM_LOST)
        except Unavailable:
            self._to_end.add(key)
        else:
            self._to_end.discard(key)

    # Waits, which last as long as the client likes.

    async def _wait(
        self, client: GatewayClient, call: ForwardedCall, when_gone: WhenGone
    ) -> Answer:
        client.polls += 1
        try:
            await self._have_place(client)
        except BaseException:  # no place, or the client has gone
            client.polls -= 1
            client.end()
            self.clients.drop_if_idle(client)
            raise
        task = asyncio.create_task(self._send(client, call), name="wait")
        client.waits[task] = call.request
        task.add_done_callback(lambda task: self._wait_is_over(client, task))
        gone = asyncio.Event()
        when_gone(gone.set)
        leaving = asyncio.create_task(gone.wait(), name="client gone")
        try:
            await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return _outcome(task)
            raise WaitCancelled("the client has left")
        finally:
            leaving.cancel()
            if not task.done():
                self._begin(self._end_wait(client, task, call.request), "end a wait")

    async def _have_place(self, client: GatewayClient) -> None:
        await self._places.take(client.person)
        if client.over or self._stopping:
            self._places.give_back(client.person)
            client.require_alive()
            raise UpstreamUnavailable("the gateway stops")

    def _wait_is_over(self, client: GatewayClient, task: asyncio.Task[Answer]) -> None:
        """The upstream has let go of it, or we of the upstream."""
        self._places.give_back(client.person)
        client.polls -= 1
        del client.waits[task]
        client.end()
        self.clients.drop_if_idle(client)
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any more

    def _end_waits(self, client: GatewayClient) -> None:
        for wait, request in list(client.waits.items()):
            self._begin(self._end_wait(client, wait, request), "end a wait")

    async def _end_wait(
        self, client: GatewayClient, task: asyncio.Task[Answer], request: Relayed
    ) -> None:
        """Have the upstream end a wait that nobody waits for, and then let it go here."""
        try:
            lease = client.pool.home_of(client.session.key) if client.pool is not None else None
            if lease is not None:
                target = self._translation.target(lease, client, request)
                await self._own.cancel_wait(lease, target)
        except UpstreamUnavailable:
            pass  # the connection ends all the same
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # The end of a client.

    async def _clear(self, client: GatewayClient) -> None:
        """End what a client had at the upstream; where that fails, end the lease with it."""
        await client.quiet.wait()
        key, book, pool = client.session.key, client.book, client.pool
        lease = pool.home_of(key) if pool is not None else None
        if pool is None or lease is None:
            self.clients.drop(client)
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
        self.clients.drop(client)
        if not whole:
            pool.retire(lease)
        pool.hold(key, 0)

    async def _touched(self, session: Session) -> None:
        with suppress(Unavailable):
            await self._touch(session)

    def _begin(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._apart.add(task)
        task.add_done_callback(self._apart.discard)
        return task


def _outcome(task: asyncio.Task[Answer]) -> Answer:
    if task.cancelled():
        raise NoSession("the session has ended")
    return task.result()
