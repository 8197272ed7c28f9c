"""What the gateway itself calls by a lease: is it alive, a collector, an end to what is left."""

from datetime import timedelta

from sessiongate.errors import Malformed, UpstreamUnavailable
from sessiongate.gateway.leases.lease import Lease
from sessiongate.rules.relay import State
from sessiongate.secret import Secret
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim import lease_calls, relayed_reply, session_list
from sessiongate.wire.vim.client import SOAP_HEADERS, ReceivedFault, envelope, session_cookie
from sessiongate.wire.vim.session_list import ListedSession
from sessiongate.wire.xml import escape

_LARGEST = 256 * 1024
_LARGEST_LIST = 4 * 1024 * 1024

_ENDS = {
    State.FILTER: "DestroyPropertyFilter",
    State.COLLECTOR: "DestroyPropertyCollector",
    State.VIEW: "DestroyView",
    State.HISTORY: "DestroyCollector",
    State.TRANSFER: "HttpNfcLeaseAbort",
}
"""The method that ends a thing."""


class SessionOver(Exception):
    """The upstream has answered that a lease's session is over. `answer` is its fault."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class OwnCalls:
    """Short calls at one upstream. All of them may raise UpstreamUnavailable."""

    def __init__(self, exchange: Exchange, timeout: timedelta) -> None:
        self._exchange = exchange
        self._timeout = timeout

    async def lives(self, lease: Lease) -> bool:
        """Whether the upstream still knows the session. It counts as use there."""
        answer = await self._exchange.exchange(
            lease_calls.write_probe(lease.session.token), within=self._timeout, largest=_LARGEST
        )
        try:
            return lease_calls.read_probe(answer)
        except Malformed as unreadable:
            raise UpstreamUnavailable(f"its answer does not say: {unreadable}") from None

    async def sessions(self, lease: Lease) -> list[ListedSession] | None:
        """All sessions there, None where the lease's user may not see them."""
        ask = session_list.write_session_list(lease.session.token)
        answer = await self._exchange.exchange(ask, within=self._timeout, largest=_LARGEST_LIST)
        try:
            found = session_list.read_session_list(answer)
        except Malformed as unreadable:
            raise UpstreamUnavailable(f"its answer does not say: {unreadable}") from None
        if isinstance(found, ReceivedFault):
            if found.name == "NoPermission":
                return None
            raise UpstreamUnavailable(f"its answer is a fault: {found.name or 'not known'}")
        return found

    async def clone_ticket(self, lease: Lease, within: timedelta) -> Secret:
        """A ticket by which somebody opens a session of the lease's user. Raises SessionOver."""
        answer = await self._exchange.exchange(
            lease_calls.write_ticket(lease.session.token),
            within=min(within, self._timeout),
            largest=_LARGEST,
        )
        if relayed_reply.says_session_is_over(answer):
            raise SessionOver(answer)
        try:
            ticket = lease_calls.read_ticket(answer)
        except Malformed as unreadable:
            raise UpstreamUnavailable(f"its answer is no clone ticket: {unreadable}") from None
        if isinstance(ticket, ReceivedFault):
            raise UpstreamUnavailable(f"it gives no clone ticket: {ticket.name or 'a fault'}")
        return ticket

    async def make_collector(self, lease: Lease) -> str:
        """A collector of its own: its id. Raises SessionOver."""
        body = envelope("CreatePropertyCollector", "PropertyCollector", "propertyCollector")
        answer = await self._call(lease, body)
        if relayed_reply.says_session_is_over(answer):
            raise SessionOver(answer)
        try:
            made = relayed_reply.returned_object(answer)
        except Malformed:
            made = None
        if made is None:
            raise UpstreamUnavailable("it has made no collector")
        return made.name

    async def end(self, lease: Lease, kind: str, name: str, state: State) -> bool:
        """End a thing of this id. Whether it is over now."""
        method = _ENDS.get(state)
        if method is None:
            return False
        answer = await self._call(lease, envelope(method, escape(kind), escape(name)))
        return answer.status == 200 or b"ManagedObjectNotFound" in answer.body

    async def cancel_wait(self, lease: Lease, collector: str) -> None:
        """Have a wait at this collector end now."""
        await self._call(
            lease, envelope("CancelWaitForUpdates", "PropertyCollector", escape(collector))
        )

    async def _call(self, lease: Lease, body: bytes) -> Answer:
        ask = Ask("/sdk", (*SOAP_HEADERS, session_cookie(lease.session.token)), body)
        return await self._exchange.exchange(ask, within=self._timeout, largest=_LARGEST)
