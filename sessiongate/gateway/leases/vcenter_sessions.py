"""Sessions of leases at a vCenter: cloned by a ticket, and logged out with the one beside them."""

from datetime import timedelta

from sessiongate.errors import Malformed, UpstreamUnavailable
from sessiongate.gateway.leases.tokens_in_use import TokensInUse
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.unread_logins import end_unread
from sessiongate.wire.automation import client as rest
from sessiongate.wire.automation.client import RestSession
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim import lease_calls
from sessiongate.wire.vim.client import (
    ReceivedFault,
    UpstreamSession,
    WireForm,
    write_end_of_unread,
    write_logout,
)
from sessiongate.wire.vim.relayed_reply import (
    KEY_LENGTH,
    is_from_the_service,
    says_session_is_over,
)

_LARGEST = 256 * 1024


class VCenterSessions:
    """Of one vCenter."""

    clones = True

    def __init__(
        self, upstream: str, exchange: Exchange, timeout: timedelta, tokens: TokensInUse
    ) -> None:
        """`tokens` are what no client is shown: the tickets of clones, too, until they are used."""
        self._upstream = upstream
        self._tokens = tokens
        self._exchange = exchange
        self._timeout = timeout

    def require_usable(self, opened: UpstreamSession) -> None:
        """Raise UpstreamUnavailable where its key cannot stand for ours, letter by letter."""
        if len(opened.user.key) != KEY_LENGTH:
            raise UpstreamUnavailable("the key of its session has an unknown form")

    async def cloned(self, live: UpstreamSession) -> UpstreamSession:
        """A clone. Raises UpstreamUnavailable."""
        try:
            ticket = lease_calls.read_ticket(await self._call(lease_calls.write_ticket(live.token)))
            if not isinstance(ticket, ReceivedFault):
                with self._tokens.holding(ticket):
                    answer = await self._call(lease_calls.write_clone(ticket))
                opened = await self._read_clone(answer)
                if not isinstance(opened, ReceivedFault):
                    return opened
        except Malformed as broken:
            raise UpstreamUnavailable(f"{self._upstream}: clone: {broken}") from None
        raise UpstreamUnavailable(f"{self._upstream}: a session could not be cloned")

    async def _read_clone(self, answer: Answer) -> UpstreamSession | ReceivedFault:
        try:
            return lease_calls.read_clone(answer)
        except Malformed:
            end = write_end_of_unread(WireForm.SOAP, answer)
            await end_unread(self._upstream, end, self._call)
            raise

    async def end(self, opened: UpstreamSession) -> str:
        """Log a session out, and the one beside it. Why they are not over; "" if they are."""
        beside = opened.rest is None or await self.end_rest(opened.rest)
        answer = await self._call(write_logout(WireForm.SOAP, opened.token))
        if not is_from_the_service(answer):
            why = f"status {answer.status} of something in front of the upstream"
            raise UpstreamUnavailable(why)
        if answer.status != 200 and not says_session_is_over(answer):
            return f"status {answer.status}"
        return "" if beside else "the session of the Automation API beside it goes on"

    async def end_rest(self, session: RestSession) -> bool:
        """Log a session of the Automation API out. Whether it is over now.

        Raises UpstreamUnavailable for no answer.
        """
        return rest.is_over(await self._call(rest.write_logout(session)))

    async def _call(self, ask: Ask) -> Answer:
        return await self._exchange.exchange(ask, within=self._timeout, largest=_LARGEST)
