"""Sends a client's calls to the SOAP services beside `/sdk` on to an upstream."""

import asyncio

from sessiongate.errors import OutcomeUnknown, UnknownAddress
from sessiongate.gateway.calls.call import CallUnderWay
from sessiongate.gateway.calls.facts import loggable
from sessiongate.gateway.calls.side_relay import SideRelay
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.tokens_in_use import TokenShown, TokensInUse
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.rules.relay import Kind, RelayVerdict
from sessiongate.rules.relay_rest import is_below
from sessiongate.rules.relay_services import judge_service
from sessiongate.session import Session
from sessiongate.wire.http import Answer, Ask, Headers
from sessiongate.wire.vim import relayed_reply as replies
from sessiongate.wire.vim.client import session_cookie
from sessiongate.wire.vim.relayed_service import RelayedService

_LARGE = 64 * 1024
"""Bytes of a reply from which on others have their turns between the searches through it. Each may
take 5 ms for a MiB, and 0.3 ms for this."""


class ServiceCall:
    """One call of a service at this path."""

    refusal_is_sure = False

    def __init__(
        self,
        path: str,
        request: RelayedService,
        verdict: RelayVerdict,
        headers: Headers,
        tokens: TokensInUse,
    ) -> None:
        self.under_way = CallUnderWay(
            verdict,
            headers,
            method=loggable(request.method),
            kind=loggable(request.target.kind),
            operation=request.operation_id,
            size=len(request.document),
        )
        self._path = path
        self._request = request
        self._tokens = tokens

    async def require_read(self) -> None:
        """It was read whole."""

    def ask_now(self, lease: Lease) -> Ask | None:
        """None: `ask` says."""
        return None

    async def ask(self, lease: Lease) -> Ask:
        """The request by this lease: its cookie, and what stands in the header."""
        token = lease.session.token
        headers = (*self.under_way.headers, session_cookie(token))
        return Ask(self._path, headers, self._request.by(token))

    def is_refused(self, answer: Answer) -> bool:
        """Whether it says that there is no session that lives."""
        return replies.says_session_is_over(answer)

    async def makes_suspect(self, lease: Lease) -> bool:
        """A service that does not know a session that lives is not to be asked by it again."""
        return True

    def is_from_the_service(self, answer: Answer) -> bool:
        """Whether the service has answered, and not something in front of it."""
        return answer.status == 404 or replies.is_from_the_service(answer)

    async def reply(self, lease: Lease, session: Session, answer: Answer) -> Answer:
        """The answer as the client may see it."""
        if answer.status == 404 and not replies.is_soap(answer):
            raise UnknownAddress("the upstream has no such service")
        if not replies.is_soap(answer):
            raise OutcomeUnknown(f"status {answer.status}, and no SOAP")
        body = answer.body
        if not replies.is_plain(answer):
            raise self.under_way.reply_held_back("what cannot be searched")
        large = len(body) > _LARGE
        if large:
            await asyncio.sleep(0)
        if replies.shows_sessions(body):
            raise self.under_way.reply_held_back("sessions of the upstream")
        if large:
            await asyncio.sleep(0)
        if replies.foreign_object(body, lambda _: False):
            raise self.under_way.reply_held_back("objects of a session")
        kinds = answer.all("content-type")[:1]
        try:
            body = await self._tokens.cleaned_in_turns(body, lease.session.user.key, session.key)
            self._tokens.require_none_in(kinds)
        except TokenShown:
            raise self.under_way.reply_held_back("a session of the upstream") from None
        return Answer(answer.status, tuple(("content-type", kind) for kind in kinds), body)


class ServiceRelay:
    """Of one upstream, over its `side` relay."""

    def __init__(self, rules: RelayRules, side: SideRelay, tokens: TokensInUse) -> None:
        self._rules = rules
        self._side = side
        self._tokens = tokens

    async def call(
        self, session: Session, path: str, request: RelayedService, headers: Headers
    ) -> Answer:
        """The upstream's answer to a call of this session, as `SideRelay.call` has it."""
        verdict = judge_service(request.method)
        if request.method in self._rules.denied or is_below(path, self._rules.denied):
            verdict = RelayVerdict(Kind.DENY, verdict.reads)
        call = ServiceCall(path, request, verdict, headers, self._tokens)
        return await self._side.call(session, call)
