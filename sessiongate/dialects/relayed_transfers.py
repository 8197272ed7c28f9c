"""Endpoint of files and consoles where an upstream stands behind: what may, goes through.

Whose it is, a session of ours says; where the address itself is a ticket of the upstream's, it may
come without one, and a session that comes along has to be alive all the same. Refusals are plain
text: no client of these addresses reads anything else.
"""

from sessiongate import __version__, errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.request import NO_STORE, caller
from sessiongate.gateway.calls.transfers import TransferRequest
from sessiongate.http import router
from sessiongate.http.message import Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.http.router import Route
from sessiongate.rules import transfers
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.wire.carriers import REST_COOKIE, SOAP_COOKIE, VMWARE_HEADER, carried

DIALECT = "transfer"

_CARRIERS = frozenset({f"cookie:{SOAP_COOKIE}", f"cookie:{REST_COOKIE}", VMWARE_HEADER})
_OWN = (("user-agent", f"sessiongate/{__version__}"), ("accept-encoding", "identity"))

# A page among the files of an upstream must not act as one of ours.
_HARMLESS = (("content-security-policy", "sandbox"), ("x-content-type-options", "nosniff"))

_STATUS = {
    errors.NoSession: 401,
    errors.NoPermission: 403,
    errors.NotSupported: 404,
    errors.WrongVerb: 405,
    errors.OutcomeUnknown: 500,
    errors.Unavailable: 503,
}
"""The first that an error is one of. What is not listed is about the request: 400."""


class TransferEndpoint:
    """Answers the addresses of `rules.transfers`."""

    def __init__(self, gates: Gates, sessions: Sessions, bearers: Bearers) -> None:
        self._gates = gates
        self._sessions = sessions
        self._bearers = bearers

    async def __call__(self, request: Request) -> Reply:
        """Answer a request."""
        try:
            return await self._answer(request)
        except errors.SessionGateError as error:
            return refuse(request, error)

    async def _answer(self, request: Request) -> Reply:
        gate, family = self._gates.of(request), transfers.family_of(request.path)
        if gate is None or family is None:
            return await router.nowhere(request)
        if request.method not in family.methods:
            raise errors.WrongVerb(*sorted(family.methods))
        transfers.require_plain(family, request.path, request.query)
        if request.body:
            raise errors.Malformed(f"a {request.method} with a body")
        wanted = TransferRequest(
            family,
            request.method,
            f"{request.path}?{request.query}" if request.query else request.path,
            (*transfers.request_headers(request.headers), *_OWN),
            request.upload,
            request.peer,
        )
        session = await self._session(request)
        transfer = await gate.transfers.begin(session, wanted, request.when_gone)
        headers = (*transfer.headers, NO_STORE, *_HARMLESS)
        return Reply(transfer.status, headers, download=transfer)

    async def _session(self, request: Request) -> Session | None:
        """Whose it is; None where nothing says so. Raises NoSession for one that is over."""
        session = await caller(request, self._sessions, self._bearers, _CARRIERS)
        if session is None and carried(request.headers, _CARRIERS).token is not None:
            raise errors.NoSession("no session, or one that has ended")
        return session


def refuse(_: Request, error: errors.SessionGateError | None) -> Reply:
    """A refusal; None stands for an unforeseen error."""
    if error is None:
        return _plain(500, "An internal error occurred.")
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
    reply = _plain(status, _sentence_of(error, status))
    if status != 500:  # what is not known to have failed is not to be sent again
        reply.headers = (*reply.headers, *extra_headers(error))
    return reply


def _sentence_of(error: errors.SessionGateError, status: int) -> str:
    if isinstance(error, errors.OutcomeUnknown):
        return f"It is not known whether this was carried out: {error}."
    if isinstance(error, errors.NoPermission):
        return "The session may not do this at the upstream."
    if status == 503:
        return f"Nothing was sent to the upstream: {error.says or 'try again later'}."
    return f"{str(error)[:1].upper()}{str(error)[1:]}."


def _plain(status: int, text: str) -> Reply:
    kind = ("content-type", "text/plain; charset=utf-8")
    return Reply(status, (kind, NO_STORE, *_HARMLESS), f"{text}\n".encode())


def routes(sessions: Sessions, bearers: Bearers, gates: Gates | None) -> list[Route]:
    """The addresses, where there is an upstream at all."""
    if gates is None:
        return []
    endpoint = TransferEndpoint(gates, sessions, bearers)
    return [
        Route(path, endpoint, refuse, dialect=DIALECT, streams=transfers.UPLOADS)
        for family in transfers.FAMILIES
        for path in family.paths
    ]
