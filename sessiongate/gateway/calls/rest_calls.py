"""Sends a client's calls of the Automation API on to an upstream."""

from collections.abc import Coroutine
from typing import Protocol

from sessiongate.gateway.calls.call import CallUnderWay
from sessiongate.gateway.calls.parse_queue import ParseQueue
from sessiongate.gateway.calls.side_relay import SideRelay
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.rest_tokens import RestTokens
from sessiongate.gateway.leases.tokens_in_use import PART, TokenShown
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.rules.relay import RelayVerdict
from sessiongate.rules.relay_rest import DENIED, address_of, is_below, judge_rest, judge_rpc
from sessiongate.secret import Secret
from sessiongate.session import Session
from sessiongate.wire.automation import relayed as wire
from sessiongate.wire.automation.relayed import RelayedRest
from sessiongate.wire.automation.relayed_rpc import RelayedRpc
from sessiongate.wire.http import Answer, Ask, Headers

_LONGEST_NAME = 200

_PASSED = ("content-type", "retry-after")
"""What of a reply's head goes on as it came."""


_NOTHING = Secret("")


class AutomationRequest(Protocol):
    """A call in REST or JSON-RPC."""

    @property
    def name(self) -> str:
        """What is called, for logs."""
        ...

    @property
    def size(self) -> int:
        """Bytes of its body."""
        ...

    @property
    def is_long(self) -> bool:
        """Whether reading its body is a long step."""
        ...

    def require_read(self) -> None:
        """Read what nobody has read of it yet. Raises Malformed."""
        ...

    def ask(self, headers: Headers, token: Secret) -> Ask:
        """The request by the session of this token."""
        ...


class RestCall:
    """One call; `ours` is the URL, without a path, at which its client has called us."""

    refusal_is_sure = False

    def __init__(
        self,
        request: AutomationRequest,
        verdict: RelayVerdict,
        headers: Headers,
        *,
        operation: str,
        tokens: RestTokens,
        parse_queue: ParseQueue,
        theirs: str,
        ours: str,
    ) -> None:
        """`theirs` is the upstream's URL, and `operation` the client's id for the call."""
        name = request.name[:_LONGEST_NAME]
        self.under_way = CallUnderWay(
            verdict, headers, method=name, operation=operation, size=request.size
        )
        self._request = request
        self._tokens = tokens
        self._parse_queue = parse_queue
        self._theirs = theirs
        self._ours = ours
        self._carried = _NOTHING

    async def require_read(self) -> None:
        """Read what nobody has read of it yet. Raises Malformed."""
        if not self.under_way.size:
            return
        if self._request.is_long:
            await self._parse_queue.take(self._request.require_read)
        else:
            self._request.require_read()

    def ask_now(self, lease: Lease) -> Ask | None:
        """The request by this lease, where its token is known."""
        token = self._tokens.known(lease)
        if token is None:
            return None
        self._carried = token
        return self._request.ask(self.under_way.headers, token)

    async def ask(self, lease: Lease) -> Ask:
        """The request by this lease."""
        self._carried = await self._tokens.of(lease)
        return self._request.ask(self.under_way.headers, self._carried)

    is_refused = staticmethod(wire.says_unauthenticated)
    is_from_the_service = staticmethod(wire.is_from_the_service)

    async def makes_suspect(self, lease: Lease) -> bool:
        """Whether the Automation API does not know a session that lives."""
        return await self._tokens.makes_suspect(lease, self._carried)

    async def reply(self, lease: Lease, session: Session, answer: Answer) -> Answer:
        """The answer as the client may see it."""
        headers: list[tuple[str, str]] = []
        location = None
        for one in answer.headers:
            name, value = one
            if name in _PASSED:
                headers.append(one)
            elif name == "content-encoding":
                raise self.under_way.reply_held_back("a packed answer")
            elif name == "location" and location is None:
                location = value
        if location is not None:
            own = wire.own_location(location, self._theirs, self._ours)
            if own is not None:
                headers.append(("location", own))
        shown, body, theirs = self._tokens.in_use, answer.body, lease.session.user.key
        try:
            if len(headers) > 1 or (headers and len(headers[0][1]) >= shown.shortest):
                shown.require_none_in([value for _, value in headers])
            if len(body) <= PART:
                body = shown.cleaned(body, theirs, session.key)
            else:
                body = await shown.cleaned_in_turns(body, theirs, session.key)
        except TokenShown:
            raise self.under_way.reply_held_back("a session of the upstream") from None
        return Answer(answer.status, tuple(headers), body)


class RestRelay:
    """Of one upstream, over its `side` relay."""

    def __init__(
        self,
        rules: RelayRules,
        url: str,
        side: SideRelay,
        tokens: RestTokens,
        parse_queue: ParseQueue,
    ) -> None:
        self._rules = rules
        self._parse_queue = parse_queue
        self._url = url
        self._side = side
        self._tokens = tokens

    def call(
        self,
        session: Session,
        request: RelayedRest,
        headers: Headers,
        *,
        operation: str = "",
        ours: str = "",
    ) -> Coroutine[None, None, Answer]:
        """The upstream's answer to a call of this session, as `SideRelay.call` has it.

        `operation` is the client's id for the call, `ours` the URL, without a path, at which it
        has called us. Raises Malformed for an address that is written in two ways.
        """
        rules = self._rules
        where = request.verb, request.path, request.query
        verdict = judge_rest(*where, rules.allowed, rules.denied)
        return self._send(session, request, verdict, headers, operation, ours)

    def call_rpc(
        self, session: Session, request: RelayedRpc, headers: Headers, *, operation: str = ""
    ) -> Coroutine[None, None, Answer]:
        """The same of a call in JSON-RPC. Raises Malformed where it names no operation."""
        rules, called = self._rules, request.call
        verdict = judge_rpc(called.service, called.operation, rules.allowed)
        if request.name in rules.denied or is_below(address_of(called.service), rules.denied):
            verdict = DENIED
        return self._send(session, request, verdict, headers, operation, "")

    def _send(
        self,
        session: Session,
        request: AutomationRequest,
        verdict: RelayVerdict,
        headers: Headers,
        operation: str,
        ours: str,
    ) -> Coroutine[None, None, Answer]:
        call = RestCall(
            request,
            verdict,
            headers,
            operation=operation,
            tokens=self._tokens,
            parse_queue=self._parse_queue,
            theirs=self._url,
            ours=ours,
        )
        return self._side.call(session, call)
