"""Sends a client's calls on to a vCenter, each by a lease, and brings the answers back.

A call is judged by its method (`rules.relay`), held against what the client may and has
(`clients`), given a lease (`pool`), rewritten (`translation`), sent once, and its answer looked at.
What opens, hands out or ends a session at the upstream is never sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial

from sessiongate.errors import (
    NoPermission,
    NoSession,
    OutcomeUnknown,
    Unavailable,
    UpstreamUnavailable,
)
from sessiongate.gateway.calls.call import (
    CallRecord,
    ForwardedCall,
    LeaseRefused,
    UnreadCall,
)
from sessiongate.gateway.calls.checkouts import Checkout, Checkouts
from sessiongate.gateway.calls.clients import Clients, GatewayClient
from sessiongate.gateway.calls.large_replies import StreamedAnswer
from sessiongate.gateway.calls.long_polls import LongPolls, WhenGone
from sessiongate.gateway.calls.permits import Permits
from sessiongate.gateway.calls.poll_slots import PollSlots
from sessiongate.gateway.calls.retries import may_retry, retry_once
from sessiongate.gateway.calls.teardown import Teardown
from sessiongate.gateway.calls.translation import Translation, enough_of
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.own_calls import OwnCalls, SessionOver
from sessiongate.gateway.leases.pool import Pool
from sessiongate.gateway.leases.tokens_in_use import TokensInUse
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.rules.relay import State, judge
from sessiongate.session import Ended, Session
from sessiongate.upstream.exchange import Exchange, LargeAnswer
from sessiongate.wire.http import Answer, Headers
from sessiongate.wire.vim.relayed import Place, Relayed
from sessiongate.wire.vim.types import MoRef

LARGEST_REPLY = 32 * 1024 * 1024
"""Bytes, of what is whole in memory once."""

_TOUCH = 60.0
"""Seconds between two uses of a session that waits. The shortest idle limits are minutes."""


class Relay:
    """One upstream. `pool_of` finds the pool of a session's account, or refuses."""

    def __init__(
        self,
        rules: RelayRules,
        exchange: Exchange,
        own: OwnCalls,
        checkouts: Checkouts,
        pool_of: Callable[[Session], Awaitable[Pool]],
        end_session: Callable[[str, Ended], Awaitable[object]],
        lease_lost: Callable[[Lease], Awaitable[None]],
        record: CallRecord,
        touch: Callable[[Session], Awaitable[object]],
        tokens: TokensInUse,
        only_pool: Pool | None = None,
    ) -> None:
        """`touch` counts a use, `tokens` are shown to no client, `only_pool` is of all sessions."""
        self._rules = rules
        self._permits = Permits(rules)
        self._exchange = exchange
        self._own = own
        self.checkouts = checkouts
        self.pool_of = pool_of
        self.only_pool = only_pool
        self._record = record
        self._touch = touch
        self._touch_at = 0.0
        self.clients = Clients(shared=checkouts.books.shared)
        self._translation = Translation(
            checkouts, own, tokens, rules.timeout.total_seconds(), shared=rules.shared
        )
        self._background = checkouts.background
        slots = PollSlots(rules.waits, rules.queue_time)
        self._polls = LongPolls(
            slots, self.clients, own, self._translation, self._background, self._count_reply
        )
        self.teardown = Teardown(
            self.clients, own, self._polls, checkouts, pool_of, end_session, lease_lost
        )
        checkouts.on_home_gone(self.teardown.lose_client)

    async def call(
        self, session: Session, request: Relayed, headers: Headers, when_gone: WhenGone
    ) -> Answer:
        """The upstream's answer to a call of this session.

        Raises what becomes a fault in the client's dialect; the call has had no effect then, but
        perhaps for OutcomeUnknown.
        """
        call = ForwardedCall(request, headers)
        try:
            self._permits.require_forwarded(session, call)
            client = self.client_of(session)
            self._permits.require_quota(client, call)
            client.begin()
            if call.waits:
                answer = await self._polls.run(client, call, self._send, when_gone)
            else:
                answer = await self._call_counted(client, call)
        except BaseException as error:  # also that the client has gone is written down
            self._record.failed(session, call, error)
            raise
        if not isinstance(answer, StreamedAnswer):
            self._record.answered(session, call, answer)
        return answer

    def require_use(self, session: Session, target: MoRef, method: str) -> None:
        """Raise NoPermission where the settings do not let this session call such a method.

        For what takes long to read: `call` asks again, of all that it says.
        """
        verdict = judge(target.kind, method)
        try:
            self._rules.require_use(session, reads=verdict.reads)
        except NoPermission as error:
            self._record.failed(session, UnreadCall(target, method, verdict), error)
            raise

    @property
    def waits(self) -> int:
        """Long polls under way."""
        return len(self._polls)

    def session_ended(self, session: Session) -> None:
        """A session has ended: its waits end now, and what it had at the upstream soon."""
        self.teardown.session_ended(session)

    def stop(self) -> None:
        """Begin no wait any more, and end those under way: the server is about to stop."""
        self._polls.stop()

    async def close(self) -> None:
        """End all waits, and wait for what is being cleared."""
        self.stop()
        await self._background.all_done()

    async def tidy(self, now: float) -> None:
        """Forget what nobody goes on with, and end what could not be ended. Once a second."""
        for client in self.clients.all():
            if client.book.pages and not client.under_way:
                await self.checkouts.tidy_pages(client)
                self.clients.drop_if_idle(client)
        await self.checkouts.tidy()
        self.teardown.tidy()
        if now >= self._touch_at:
            self._touch_at = now + _TOUCH
            for client in self.clients.all():
                if client.waits:  # a wait is use of the session for as long as it lasts
                    self._background.begin(self._touch_session(client.session), "touch a session")

    async def expire(self, pool: Pool, lease: Lease) -> None:
        """End the sessions of those who have something in a lease that is too old, and it."""
        with suppress(Unavailable):  # it is still too old in a second
            await self.teardown.expire(pool, lease)

    async def probe(self, pool: Pool, lease: Lease) -> None:
        """See whether a lease is alive, and what follows if it is not."""
        try:
            alive = await self._own.lives(lease)
        except Unavailable:
            return  # nobody knows, and a call will find out
        if not alive:
            await self.teardown.lose(pool, lease)

    # One call, by one lease.

    async def _call_counted(self, client: GatewayClient, call: ForwardedCall) -> Answer:
        """The answer to a call that waits for nothing, and has begun (`GatewayClient.begin`)."""
        if client.waits:
            self._polls.ends_some(client, call)
        client.calls += 1
        client.opening += call.opens
        try:
            try:
                answer = await self._once(client, call)
            except (LeaseRefused, OutcomeUnknown) as failed:
                answer = await self._again(client, call, failed)
            if isinstance(answer, StreamedAnswer):
                self._count_reply(client, call, answer)
            return answer
        finally:
            client.calls -= 1
            client.opening -= call.opens
            self.clients.end(client)

    def _count_reply(
        self, client: GatewayClient, call: ForwardedCall, answer: StreamedAnswer
    ) -> None:
        """Count a large reply as one of its client's calls for as long as it lasts.

        It has no place at the lease any more: a client that reads slowly keeps it from nobody.
        """
        client.begin()
        client.calls += 1

        def done(result: str, received: int) -> None:
            client.calls -= 1
            self.clients.end(client)
            self._record.streamed(client.session, call, result, received)

        answer.reply.when_done(done)

    async def _send(self, client: GatewayClient, call: ForwardedCall) -> Answer:
        try:
            return await self._once(client, call)
        except (LeaseRefused, OutcomeUnknown) as failed:
            return await self._again(client, call, failed)

    async def _again(
        self, client: GatewayClient, call: ForwardedCall, failed: LeaseRefused | OutcomeUnknown
    ) -> Answer:
        """The answer of a second time, after this; or what the client hears of the first."""

        async def may_follow(refused: LeaseRefused) -> bool:
            if refused.lost and call.verdict.state is State.PAGE:
                await self.teardown.lose_client(client)  # the read went on in there
            client.require_alive()
            return refused.lost or (may_retry(call) and not client.book.size)

        return await retry_once(failed, lambda: self._once(client, call), client, call, may_follow)

    async def _once(self, client: GatewayClient, call: ForwardedCall) -> Answer:
        """Take a lease and send it. Raises LeaseRefused where its session is not let in."""
        pool = client.pool = self.only_pool or await self.pool_of(client.session)
        home, names = call.facts.goes_home, call.request.named
        checkout = self.checkouts.take_now(pool, client, home=home, wait=call.waits, names=names)
        if checkout is None:
            checkout = await self.checkouts.take(
                pool, client, home=home, wait=call.waits, names=names
            )
        lease = checkout.lease
        call.took_lease(lease.id)
        try:
            if client.over:
                client.require_alive()
            if call.opens:
                self._permits.require_room(client)
            changes: Mapping[Place, str] | Answer = {}
            if not self._translation.passes_unchanged(call):
                changes = await self._changes(checkout, client, call)
            if isinstance(changes, Answer):
                answer = changes
            else:
                answer = await self._exchange_by(lease, client, call, changes)
        except OutcomeUnknown:
            if call.opens or (call.verdict.state is not None and not call.sent):
                pool.retire(lease)  # something is perhaps left in it that nobody can name
            raise
        finally:
            if not self.checkouts.give_back_now(checkout):
                await self.checkouts.give_back(checkout)
        if answer.status == 200 or not call.form.replies.says_session_is_over(answer):
            return answer

        raise await self.refused(
            checkout, partial(self._client_answer, lease, client, call, answer)
        )

    async def _client_answer(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall, answer: Answer
    ) -> Answer:
        return self._translation.reply(lease, client, call, answer)

    async def refused(
        self,
        checkout: Checkout,
        client_answer: Callable[[], Awaitable[Answer]] | None,
        makes_suspect: Callable[[Lease], Awaitable[bool]] | None = None,
    ) -> LeaseRefused:
        """What is to be raised where the session of a lease was not let in, once it was given back.

        `client_answer` gives what the client gets where it lives; None where nothing was sent by
        it. `makes_suspect` says whether the lease is then suspect for others; it is, if not given.
        Raises OutcomeUnknown where nobody knows whether it lives.
        """
        pool, lease = checkout.pool, checkout.lease
        try:
            alive = await self.lives(pool, lease)
            suspected = alive and (makes_suspect is None or await makes_suspect(lease))
        except UpstreamUnavailable as error:
            raise OutcomeUnknown(str(error)) from None
        if not alive or client_answer is None:
            return LeaseRefused(None)
        if suspected and lease.suspect(checkout.client.session.key):
            pool.retire(lease)  # something behind it refuses: nobody else begins there
        return LeaseRefused(await client_answer())

    async def lives(self, pool: Pool, lease: Lease) -> bool:
        """Whether a lease lives that has refused a call. Raises UpstreamUnavailable.

        Where it does not, what follows from that is done.
        """
        alive = await self._own.lives(lease)
        if not alive:  # apart, since it ends waits, of which this may be one
            await asyncio.shield(
                self._background.begin(self.teardown.lose(pool, lease), "lose a lease")
            )
        return alive

    async def lend(self, session: Session) -> Checkout:
        """A lease for what is sent beside the calls, and takes no place of one: until `take_back`.

        Raises NoSession where the session is over, or what it had, and as `call` does.
        """
        client = self.client_of(session)
        client.begin()
        try:
            pool = client.pool = await self.pool_of(session)
            return await self.checkouts.take(pool, client, home=False, wait=True)
        except BaseException as error:  # or the client has gone: nothing is under way of it
            self.clients.end(client)
            if isinstance(error, LeaseRefused):
                raise NoSession("what it had at the upstream is gone") from None
            raise

    async def take_back(self, checkout: Checkout) -> None:
        """What was lent is used no longer."""
        try:
            await self.checkouts.give_back(checkout)
        finally:
            self.clients.end(checkout.client)

    def take_back_soon(self, checkout: Checkout) -> None:
        """The same, where nobody can wait for it."""
        self._background.begin(self.take_back(checkout), "give back a lease")

    def client_of(self, session: Session) -> GatewayClient:
        """The client of a session. Raises NoSession where that has ended."""
        self.teardown.require_alive(session)
        client = self.clients.of(session)
        if client.over:
            client.require_alive()
        return client

    async def _changes(
        self, checkout: Checkout, client: GatewayClient, call: ForwardedCall
    ) -> Mapping[Place, str] | Answer:
        """What the upstream is to read in the place of what; its answer where the lease is over."""
        try:
            changes = await self._translation.request(checkout, client, call)
        except SessionOver as over:
            return over.answer
        checkout.pool.hold(client.session.key, client.holds)  # it has a collector now, perhaps
        client.require_alive()
        return changes

    async def _exchange_by(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall, changes: Mapping[Place, str]
    ) -> Answer:
        """What the upstream answers by this lease; untouched where that is over."""
        form = call.form
        ask = form.write_ask(
            call.request, changes, (*call.headers, form.carrier(lease.session.token))
        )
        before, call.sent = call.sent, True
        try:
            answer = await self._exchange.exchange(
                ask,
                within=None if call.waits else self._rules.timeout,
                largest=LARGEST_REPLY,
                enough=enough_of(call),
                user=client,
            )
        except OutcomeUnknown:
            raise
        except UpstreamUnavailable:
            call.sent = before  # there was no connection to send it by
            raise
        try:
            unsure = answer.status != 200 or lease.lost
            if unsure and self._translation.is_refusal(lease, call, answer):
                return answer
            if call.facts.teaches:
                form.replies.require_whole(answer)
                await self._translation.learn(lease, client, call, answer)
            if isinstance(answer, LargeAnswer):
                return await self._translation.large_reply(lease, client, call, answer)
        except BaseException:
            if isinstance(answer, LargeAnswer):
                answer.left.close()
            raise
        return self._translation.reply(lease, client, call, answer)

    async def _touch_session(self, session: Session) -> None:
        with suppress(Unavailable):
            await self._touch(session)
