"""Sends a client's calls of Zerto's API on to a ZVM, classic or of an appliance.

In mode `session` a session there is one client's from its first call to its end, since drafts of
protection groups live in it; so it ends with that client. In mode `shared` calls go by any.
"""

import asyncio

import msgspec

from sessiongate.errors import Malformed
from sessiongate.gateway.calls.call import CallUnderWay, LeaseRefused
from sessiongate.gateway.calls.side_relay import SideRelay
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.renewals import Renewals
from sessiongate.gateway.leases.tokens_in_use import TokenShown, TokensInUse
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.rules.relay import RelayVerdict, State
from sessiongate.rules.relay_zerto import judge_zerto
from sessiongate.session import Session
from sessiongate.store.gateway_port import Changes, Thing
from sessiongate.wire import zerto_relayed as wire
from sessiongate.wire.http import Answer, Ask, Headers
from sessiongate.wire.zerto_client import carrier
from sessiongate.wire.zerto_relayed import Addresses, RelayedZerto

_LONGEST_NAME = 200

_WHOLE = Thing("Session", State.HISTORY, "")
"""What a client has of a session that is its alone: all of it."""


class ZertoCall:
    """One call of a client."""

    refusal_is_sure = True
    """A 401 comes from before the resource: nothing was done."""

    def __init__(
        self,
        request: RelayedZerto,
        verdict: RelayVerdict,
        headers: Headers,
        renewals: Renewals,
        in_use: TokensInUse,
        addresses: Addresses,
    ) -> None:
        name = request.name[:_LONGEST_NAME]
        self.under_way = CallUnderWay(verdict, headers, method=name, size=len(request.body))
        self._request = request
        self._renewals = renewals
        self._in_use = in_use
        self._addresses = addresses

    async def require_read(self) -> None:
        """It was read whole, and names our addresses, which become the ZVM's."""
        request, there = self._request, self._addresses
        if request.body and there.ours:
            body = await _rewritten(Addresses(there.ours, there.theirs), request.body)
            self._request = msgspec.structs.replace(request, body=body)

    def ask_now(self, lease: Lease) -> Ask | None:
        """None: `ask` says."""
        return None

    async def ask(self, lease: Lease) -> Ask:
        """The request by this lease, whose token is good for it."""
        session = await self._renewals.usable(lease)
        by = carrier(session.form, session.token)
        return self._request.ask((*self.under_way.headers, by))

    def is_refused(self, answer: Answer) -> bool:
        """Whether it says that there is no session that lives."""
        return answer.status == 401

    async def makes_suspect(self, lease: Lease) -> bool:
        """Nobody is to beware of a session that has a new token now."""
        return False

    def is_from_the_service(self, answer: Answer) -> bool:
        """Whether the ZVM has answered, and not something in front of it."""
        return wire.is_from_the_service(answer)

    async def reply(self, lease: Lease, session: Session, answer: Answer) -> Answer:
        """The answer as the client may see it."""
        try:
            wire.require_plain(answer)
        except Malformed as packed:
            raise self.under_way.reply_held_back(str(packed)) from None
        headers = wire.reply_headers(answer, self._addresses)
        try:
            self._in_use.require_none_in([value for _, value in headers])
            await self._in_use.require_none_in_turns(answer.body)
        except TokenShown:
            raise self.under_way.reply_held_back("a token of the ZVM") from None
        is_text = wire.is_text(answer)
        body = await _rewritten(self._addresses, answer.body) if is_text else answer.body
        return Answer(answer.status, headers, body)


class ZertoRelay:
    """Of one ZVM, over its `side` relay."""

    def __init__(
        self,
        rules: RelayRules,
        url: str,
        side: SideRelay,
        renewals: Renewals,
        in_use: TokensInUse,
    ) -> None:
        self._rules = rules
        self._url = url
        self._side = side
        self._renewals = renewals
        self._in_use = in_use

    async def call(
        self, session: Session, request: RelayedZerto, headers: Headers, *, ours: str = ""
    ) -> Answer:
        """The ZVM's answer to a call of this session, as `SideRelay.call` has it.

        `ours` is the URL, without a path, at which the client has called us. Raises as
        `judge_zerto` does for an address that is not sent on.
        """
        rules = self._rules
        verdict = judge_zerto(request.verb, request.path, request.query, rules.denied)
        addresses = Addresses(self._url, ours)
        call = ZertoCall(request, verdict, headers, self._renewals, self._in_use, addresses)
        if not rules.shared:
            with self._side.recorded(session, call.under_way):
                self._side.require_forwarded(session, call.under_way)
                await self._take_exclusive(session)
        return await self._side.call(session, call)

    async def _take_exclusive(self, session: Session) -> None:
        """Have a session there that is this client's until it ends."""
        relay = self._side.relay
        client = relay.client_of(session)
        if client.book.size:
            return
        with self._side.counted(client):
            try:
                pool = client.pool = await relay.pool_of(session)
                checkout = await relay.checkouts.take(pool, client, home=True)
                try:
                    if not client.book.size:
                        opened = ((session.key, _WHOLE),)
                        await relay.checkouts.note(client, checkout.lease, Changes(opened=opened))
                finally:
                    await relay.checkouts.give_back(checkout)
            except LeaseRefused as refused:
                refused.outcome()  # raises NoSession: its session has ended with the lease


async def _rewritten(addresses: Addresses, body: bytes) -> bytes:
    """A body of any size with its addresses rewritten: others have their turns meanwhile."""
    parts: list[bytes] = []
    for part in addresses.turned_parts(body):
        if parts:
            await asyncio.sleep(0)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
