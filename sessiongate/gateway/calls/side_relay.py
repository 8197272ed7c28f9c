"""Sends calls on to the services beside `/sdk`: the Automation API, storage policies, and the like.

They have no objects that belong to a session, as far as anybody knows: a call goes by any lease of
its account, or by its client's home where its method is unknown. What differs between the services
is in a `SideCall`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from sessiongate.errors import (
    NoSession,
    NotSupported,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
    UpstreamUnavailable,
)
from sessiongate.gateway.calls.book import TICKET, too_many
from sessiongate.gateway.calls.call import CallRecord, CallUnderWay, LeaseRefused
from sessiongate.gateway.calls.checkouts import Checkout
from sessiongate.gateway.calls.clients import GatewayClient
from sessiongate.gateway.calls.relay import LARGEST_REPLY, Relay
from sessiongate.gateway.calls.retries import may_retry, retry_once
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.renewals import LeaseOver
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.rules.relay import Kind
from sessiongate.session import Session
from sessiongate.store.gateway_port import Changes
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Answer, Ask

_STATELESS, _DENY, _OWN = Kind.STATELESS, Kind.DENY, Kind.OWN


class SideCall(Protocol):
    """One call of a client, in whatever form."""

    @property
    def under_way(self) -> CallUnderWay:
        """What is written down of it."""
        ...

    refusal_is_sure: bool
    """Whether a refusal says that nothing was done, so that any call may be sent once more."""

    async def require_read(self) -> None:
        """Read what nobody has read of its body yet, once it is known who may send it.

        Raises Malformed.
        """
        ...

    def ask_now(self, lease: Lease) -> Ask | None:
        """The same as `ask`, where nobody has to be asked for it: else None."""
        ...

    async def ask(self, lease: Lease) -> Ask:
        """The request by this lease. Raises what a client is told where there is none.

        LeaseOver where the lease's session has turned out to be over.
        """
        ...

    def is_refused(self, answer: Answer) -> bool:
        """Whether it says that there is no session that lives."""
        ...

    async def makes_suspect(self, lease: Lease) -> bool:
        """After a refusal by a lease that lives: whether others are to beware of it."""
        ...

    def is_from_the_service(self, answer: Answer) -> bool:
        """Whether the service has answered, and not something in front of it."""
        ...

    async def reply(self, lease: Lease, session: Session, answer: Answer) -> Answer:
        """The answer as the client may see it. Raises where it may not see it.

        One may be large: others have their turns while it is looked through.
        """
        ...


class SideRelay:
    """Of one upstream, beside the `relay` of its `/sdk`."""

    def __init__(
        self, rules: RelayRules, exchange: Exchange, relay: Relay, record: CallRecord
    ) -> None:
        self._rules = rules
        self._exchange = exchange
        self.relay = relay
        self._record = record

    async def call(self, session: Session, call: SideCall) -> Answer:
        """The upstream's answer to a call of this session.

        Raises what becomes a refusal in the client's dialect; the call has had no effect then, but
        perhaps for OutcomeUnknown.
        """
        under_way = call.under_way
        try:
            self.require_forwarded(session, under_way)
            client = self.relay.client_of(session)
            self._begin(client)
            try:
                if under_way.size:
                    await call.require_read()
                    client.require_alive()
                try:
                    answer = await self._once(client, call)
                except (LeaseRefused, OutcomeUnknown) as failed:
                    answer = await self._again(client, call, failed)
            finally:
                self._end(client)
        except BaseException as error:  # also that the client has gone
            self._record.failed(session, under_way, error)
            raise
        self._record.answered(session, under_way, answer)
        return answer

    @contextmanager
    def recorded(self, session: Session, under_way: CallUnderWay) -> Iterator[None]:
        """Do something for a call: that it comes to nothing is written down."""
        try:
            yield
        except BaseException as error:  # also that the client has gone
            self._record.failed(session, under_way, error)
            raise

    def require_forwarded(self, session: Session, under_way: CallUnderWay) -> None:
        """Raise NotSupported or NoPermission where it may not be sent for this session."""
        kind = under_way.verdict.kind
        if kind is _DENY or kind is _OWN:
            raise NotSupported(f"{under_way.method} is not forwarded")
        self._rules.require_use(session, reads=under_way.verdict.reads)

    @contextmanager
    def counted(self, client: GatewayClient) -> Iterator[None]:
        """Have a call of this client under way. Raises Overloaded where that is one too many."""
        self._begin(client)
        try:
            yield
        finally:
            self._end(client)

    def _begin(self, client: GatewayClient) -> None:
        if client.calls >= self._rules.calls_each:
            raise Overloaded(f"one session may have {self._rules.calls_each} calls under way")
        client.begin()
        client.calls += 1

    def _end(self, client: GatewayClient) -> None:
        client.calls -= 1
        self.relay.clients.end(client)

    async def _again(
        self, client: GatewayClient, call: SideCall, failed: LeaseRefused | OutcomeUnknown
    ) -> Answer:
        """Send a read once more where nobody knows what became of it, or it was refused."""
        under_way = call.under_way

        async def may_follow(_: LeaseRefused) -> bool:
            return call.refusal_is_sure or may_retry(under_way)

        once = partial(self._once, client, call)
        return await retry_once(failed, once, client, under_way, may_follow)

    async def _once(self, client: GatewayClient, call: SideCall) -> Answer:
        """Take a lease and send it. Raises LeaseRefused where its session is not let in."""
        under_way, session = call.under_way, client.session
        relay = self.relay
        pool = client.pool = relay.only_pool or await relay.pool_of(session)
        home = under_way.verdict.kind is not _STATELESS
        checkout = relay.checkouts.take_now(pool, client, home=home)
        if checkout is None:
            checkout = await relay.checkouts.take(pool, client, home=home)
        lease, answer = checkout.lease, None
        under_way.took_lease(lease.id)
        try:
            if client.over:
                client.require_alive()
            ask = call.ask_now(lease)
            if ask is None:
                ask = await call.ask(lease)
                client.require_alive()
            before, under_way.sent = under_way.sent, True
            try:
                answer = await self._exchange.exchange(
                    ask, within=self._rules.timeout, largest=LARGEST_REPLY, user=client
                )
            except OutcomeUnknown:
                raise
            except UpstreamUnavailable:
                under_way.sent = before  # there was no connection to send it by
                raise
            if not call.is_from_the_service(answer):
                why = f"status {answer.status} of something in front of the upstream"
                raise OutcomeUnknown(why)
            if not call.is_refused(answer):
                if under_way.keeps_for and answer.status == 200:
                    await self._keep(checkout, under_way.keeps_for)
                return await call.reply(lease, session, answer)
        except LeaseOver:
            pass  # as if it had refused: nothing was sent by it
        finally:
            if not relay.checkouts.give_back_now(checkout):
                await relay.checkouts.give_back(checkout)
        client_answer = None if answer is None else partial(call.reply, lease, session, answer)
        try:
            refused = await relay.refused(checkout, client_answer, call.makes_suspect)
        except OutcomeUnknown as unknown:
            if not call.refusal_is_sure:
                raise
            # Nothing was done, whatever has become of the session.
            raise UpstreamUnavailable(str(unknown)) from None
        raise refused

    async def _keep(self, checkout: Checkout, seconds: float) -> None:
        """Have the session there stay, for what its client has been given.

        Raises OutcomeUnknown where that cannot be, and NoSession where the client's has ended.
        """
        checkouts, client = self.relay.checkouts, checkout.client
        page = f"{TICKET}{checkout.stay}", checkouts.now() + seconds
        changes = Changes(ended=too_many(client.book), page=page)
        try:
            noted = await checkouts.note(client, checkout.lease, changes)
        except Unavailable as error:
            raise OutcomeUnknown(str(error)) from None
        if not noted:
            raise NoSession("the session has ended")
