"""What SOAP and VI/JSON do alike with a call that may be for an upstream."""

from collections.abc import Awaitable, Callable

import msgspec

from sessiongate import __version__, errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.known_callers import KnownCallers
from sessiongate.dialects.request import known
from sessiongate.gateway.calls.large_replies import StreamedAnswer
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Reply, Request
from sessiongate.rules.relay import HANDS_OUT_FILES, Kind, judge
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.wire.automation.relayed import own_address
from sessiongate.wire.file_addresses import led_here
from sessiongate.wire.http import Answer, Headers
from sessiongate.wire.vim.relayed import Relayed

# What shows addresses of files, besides those of guests: disks on their way.
_LEASE = b"HttpNfcLeaseInfo"

_OWN: Headers = (("user-agent", f"sessiongate/{__version__}"), ("accept-encoding", "identity"))


class RelayedCalls:
    """Reads and forwards the calls of one endpoint."""

    def __init__(
        self, sessions: Sessions, bearers: Bearers, passed: frozenset[str], content: str
    ) -> None:
        """`passed` is what of a request's head goes on: nothing that says who the client is.

        `content` is the type of the body, as we write it.
        """
        self._callers = KnownCallers(sessions, bearers, takes_assertions=False)
        self._passed = passed
        self._own_of_body: Headers = (("content-type", content), *_OWN)

    async def read(
        self,
        gate: VCenterGateway,
        request: Request,
        read: Callable[[bool], Relayed],
        require: Callable[[], Awaitable[None]] | None = None,
    ) -> Relayed:
        """What it asks. Raises Malformed, or Unavailable where nobody knows whose it is.

        Nearly all requests are within what strangers may send. For what is beyond it, which `read`
        lets in where its argument is true, the headers have to name a live session; `require`
        raises what its caller is to be refused with before it is read.
        """
        try:
            return read(False)
        except errors.Malformed:
            if not await self._callers.known(request):
                raise
        if require is not None:
            await require()
        return await gate.parse_queue.take(lambda: read(True))

    async def forward(
        self, gate: VCenterGateway, request: Request, read: Relayed, session: Session | None
    ) -> Answer:
        """The upstream's answer. Raises NoSession where there is no session."""
        own = self._own_of_body if read.document else _OWN
        passed = [one for one in request.headers if one[0] in self._passed]
        headers = (*passed, *own) if passed else own
        answer = await gate.relay.call(known(session), read, headers, request.when_gone)
        # `in` would take twice as long as `find`.
        if read.method.startswith(HANDS_OUT_FILES) or answer.body.find(_LEASE) >= 0:
            ours = own_address(request.header("host") or "", secure=request.secure)
            return msgspec.structs.replace(answer, body=led_here(answer.body, gate.url, ours))
        return answer


def is_ours(read: Relayed) -> bool:
    """Whether it is about sessions, which are answered here."""
    return read.is_about_sessions or judge(read.target.kind, read.method).kind is Kind.OWN


def replied(answer: Answer, *more: tuple[str, str]) -> Reply:
    """An answer as it goes to the client, whole or as it comes."""
    headers = (*typed(answer), *more)
    if isinstance(answer, StreamedAnswer):
        return Reply(answer.status, headers, download=answer.reply)
    return Reply(answer.status, headers, answer.body)


def typed(answer: Answer) -> tuple[tuple[str, str], ...]:
    """The header with the type of an answer's body, where it has one."""
    for name, value in answer.headers:
        if name == "content-type":
            return ((name, value),)
    return ()
