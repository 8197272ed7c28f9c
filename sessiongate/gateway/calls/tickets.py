"""Tickets of the upstream's own, as far as the settings hand them out to clients.

Whoever has one of them is at the upstream without us: a clone ticket opens a whole session there,
others allow one request. So none is handed out unless the table says so, and for a request only
where it is one for files. What is asked is written anew, and the session that a ticket is of stays
for as long as it may be used.
"""

from collections.abc import Callable
from typing import TypeVar

from sessiongate.errors import Malformed, NotSupported, OutcomeUnknown
from sessiongate.gateway.calls.call import CallUnderWay
from sessiongate.gateway.calls.side_relay import SideRelay
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.tokens_in_use import TokenShown, TokensInUse
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.rules.relay import Kind, RelayVerdict
from sessiongate.rules.transfers import is_of_files
from sessiongate.secret import Secret
from sessiongate.session import Session
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim import lease_calls, relayed_reply, service_tickets
from sessiongate.wire.vim.client import ReceivedFault
from sessiongate.wire.vim.types import Data

TICKET_LIFE = 60.0
"""Seconds for which the session of a ticket is kept."""

_VERDICT = RelayVerdict(Kind.OPENS, False)
_DENIED = RelayVerdict(Kind.DENY, False)
_CLONE = "AcquireCloneTicket"

T = TypeVar("T")


class UpstreamTickets:
    """Those of one upstream."""

    def __init__(self, rules: RelayRules, side: SideRelay, url: str, tokens: TokensInUse) -> None:
        """`url` is the upstream's, without a path."""
        self._rules = rules
        self._tokens = tokens
        self._url = url
        self._side = side

    @property
    def hands_out_sessions(self) -> bool:
        """Whether a clone ticket is the upstream's own."""
        return self._rules.upstream_tickets and _CLONE not in self._rules.denied

    async def clone_ticket(self, session: Session) -> Secret:
        """A ticket that opens a session at the upstream. Raises as any forwarded call does."""
        answer = await self._call(session, _CLONE, lease_calls.write_ticket)
        ticket = _whole(lease_calls.read_ticket, answer)
        self._tokens.hand_out(ticket)
        return ticket

    async def service_ticket(self, session: Session, spec: Data) -> Data:
        """A ticket for this one request. Raises NotSupported for one that the table forbids."""
        allowed = {
            service_tickets.HTTP_SPEC: self._rules.service_tickets,
            service_tickets.VMOMI_SPEC: self._rules.upstream_tickets,
        }
        may = allowed.get(spec.type, False) and service_tickets.METHOD not in self._rules.denied
        if spec.type == service_tickets.HTTP_SPEC:
            method, url = (str(spec.members.get(name, "")) for name in ("method", "url"))
            own, denied = self._rules.own_names, self._rules.denied
            method = method.removeprefix("http").upper()
            may = may and is_of_files(method, url, self._url, denied, own)
        answer = await self._call(
            session,
            service_tickets.METHOD,
            lambda token: service_tickets.write_service_ticket(token, spec),
            _VERDICT if may else _DENIED,
        )
        return _whole(service_tickets.read_service_ticket, answer)

    async def _call(
        self,
        session: Session,
        method: str,
        write: Callable[[Secret], Ask],
        verdict: RelayVerdict = _VERDICT,
    ) -> Answer:
        under_way = CallUnderWay(verdict, (), method=method, kind="SessionManager")
        under_way.keeps_for = TICKET_LIFE
        return await self._side.call(session, _TicketCall(under_way, write, self._tokens))


class _TicketCall:
    """As `side_relay.SideCall` has it."""

    refusal_is_sure = False

    def __init__(
        self,
        under_way: CallUnderWay,
        write: Callable[[Secret], Ask],
        tokens: TokensInUse,
    ) -> None:
        self.under_way = under_way
        self._write = write
        self._tokens = tokens

    async def require_read(self) -> None:
        pass

    def ask_now(self, lease: Lease) -> Ask | None:
        """None: `ask` says."""
        return None

    async def ask(self, lease: Lease) -> Ask:
        return self._write(lease.session.token)

    def is_refused(self, answer: Answer) -> bool:
        return relayed_reply.says_session_is_over(answer)

    async def makes_suspect(self, lease: Lease) -> bool:
        return True

    def is_from_the_service(self, answer: Answer) -> bool:
        return relayed_reply.is_from_the_service(answer)

    async def reply(self, lease: Lease, session: Session, answer: Answer) -> Answer:
        try:
            self._tokens.require_none(answer.body)
        except TokenShown:
            raise OutcomeUnknown("its answer shows a session of the upstream") from None
        return answer


def _whole(read: Callable[[Answer], T | ReceivedFault], answer: Answer) -> T:
    try:
        found = read(answer)
    except Malformed as unreadable:
        raise OutcomeUnknown(f"its answer is no ticket: {unreadable}") from None
    if isinstance(found, ReceivedFault):
        raise NotSupported(f"the upstream hands out no ticket: {found.name or 'a fault'}")
    return found
