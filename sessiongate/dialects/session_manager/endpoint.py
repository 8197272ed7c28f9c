"""Endpoint of the session manager: a token in, a clone ticket of one upstream out.

Its clients read the status alone, take 200 only, and give up after five seconds. They make a
connection for each call and may leave it open, so that each answer closes it. A ticket is acquired
after the request came, and an error is better than one that is stale.
"""

from collections.abc import Callable, Mapping

import msgspec

from sessiongate import errors
from sessiongate.audit.clone_tickets import TicketJournal
from sessiongate.dialects.request import NO_STORE, client_of
from sessiongate.gateway.accounts import Accounts
from sessiongate.http.message import Reply, Request
from sessiongate.secret import Secret
from sessiongate.service.manager_clients import ManagerCaller, ManagerClients
from sessiongate.session import Client
from sessiongate.telemetry import request_id
from sessiongate.wire.carriers import bearer_of

DIALECT = "session-manager"

PREFIX = "/session-manager/"

_VERBS = ("GET",)

_LONGEST_NAME = 64
"""Letters of an upstream's name that the audit repeats."""

_JSON = ("content-type", "application/json")


class _Refusal(msgspec.Struct, frozen=True):
    """How one kind of error looks. What a client may know of it is said here, and no more."""

    status: int
    says: str


_FORMS: tuple[tuple[type[Exception], _Refusal], ...] = (
    (errors.WrongVerb, _Refusal(405, "only GET here")),
    (errors.ForeignOrigin, _Refusal(403, "no page of another site gets anything here")),
    (errors.BadCredentials, _Refusal(401, "a token of a client of this session manager is needed")),
    (errors.LockedOut, _Refusal(429, "too many wrong tokens came from your address")),
    (errors.NoPermission, _Refusal(403, "this token is not for this upstream")),
    (errors.NotFound, _Refusal(404, "there is no such upstream with clone tickets")),
    (errors.QuotaReached, _Refusal(429, "this client has asked too often")),
    (errors.Unavailable, _Refusal(503, "no clone ticket can be had at this moment")),
)
"""The first that an error is one of."""

_UNFORESEEN = _Refusal(500, "an internal error occurred")


class SessionManagerEndpoint:
    """Answers /session-manager/UPSTREAM."""

    def __init__(
        self,
        clients: ManagerClients,
        upstreams: Mapping[str, Accounts],
        journal: TicketJournal,
        locked_for: int,
    ) -> None:
        """`locked_for`: after so many seconds an address with wrong tokens may come again."""
        self._clients = clients
        self._upstreams = upstreams
        self._journal = journal
        self._locked_for = locked_for

    async def __call__(self, request: Request) -> Reply:
        """Answer a request. Whatever it is, it is JSON, is kept nowhere and ends the connection."""
        upstream, client = request.path.removeprefix(PREFIX), client_of(request, DIALECT)
        if request.method not in _VERBS:
            wrong = errors.WrongVerb(*_VERBS)
            await self._journal.refused("", b"", upstream[:_LONGEST_NAME], client, wrong)
            return refuse(request, wrong)
        bearer = bearer_of(request.credential())
        token = Secret(bearer) if bearer is not None else None
        try:
            caller = await self._clients.identify(token, request.peer)
        except errors.SessionGateError as error:
            digest = token.digest() if token is not None else b""
            await self._journal.refused("", digest, upstream[:_LONGEST_NAME], client, error)
            return self._refused(error, self._locked_for)
        request.vouched = True
        return await self._answer(caller, upstream, client)

    async def _answer(self, caller: ManagerCaller, upstream: str, client: Client) -> Reply:
        told = caller.name, caller.digest, upstream[:_LONGEST_NAME], client
        accounts, pause = self._upstreams.get(upstream), 0
        try:
            if accounts is None or accounts.parent is None:
                raise errors.NotFound("no such upstream, or none with clone tickets")
            if upstream not in caller.upstreams:
                raise errors.NoPermission(f"SessionManager.{upstream}")
            if pause := self._clients.spend(caller):
                raise errors.QuotaReached("the client has asked too often")
            ticket = await accounts.parent.ticket(caller.name)
        except errors.SessionGateError as error:
            if accounts is not None:
                accounts.meters.tickets[_result(error)] += 1
            await self._journal.refused(*told, error)
            return self._refused(error, pause)
        await self._journal.issued(*told)
        accounts.meters.tickets["issued"] += 1
        body = {"token": ticket.reveal()}
        return _reply(200, body, undelivered=_counting(accounts))

    def _refused(self, error: errors.SessionGateError, pause: int) -> Reply:
        reply = _error_reply(_form(error), error.says)
        if isinstance(error, errors.BadCredentials):
            reply.headers = (*reply.headers, ("www-authenticate", "Bearer"))
        if isinstance(error, errors.Unavailable):
            pause = error.retry_after
        if reply.status in (429, 503):
            reply.headers = (*reply.headers, ("retry-after", str(max(1, pause))))
        return reply


def refuse(_: Request, error: errors.SessionGateError | None) -> Reply:
    """A refusal before anybody was asked; None stands for an unforeseen error."""
    reply = _error_reply(_UNFORESEEN if error is None else _form(error))
    if isinstance(error, errors.WrongVerb):
        reply.headers = (*reply.headers, ("allow", ", ".join(error.allowed)))
    return reply


def _form(error: errors.SessionGateError) -> _Refusal:
    other = _Refusal(400, "the request is none that is answered here")
    return next((form for kind, form in _FORMS if isinstance(error, kind)), other)


def _error_reply(form: _Refusal, why: str = "") -> Reply:
    says = f"{form.says}: {why}" if why else form.says
    return _reply(form.status, {"error": says, "request_id": str(request_id.current.get())})


def _reply(
    status: int, body: Mapping[str, str], undelivered: Callable[[], None] | None = None
) -> Reply:
    headers = (_JSON, NO_STORE)
    return Reply(status, headers, msgspec.json.encode(body), close=True, undelivered=undelivered)


def _counting(accounts: Accounts) -> Callable[[], None]:
    """Counts a ticket that nobody got: it ends unused."""

    def count() -> None:
        accounts.meters.tickets["undelivered"] += 1

    return count


def _result(error: errors.SessionGateError) -> str:
    """What metrics call it."""
    if isinstance(error, errors.NoPermission):
        return "no_permission"
    return "limited" if isinstance(error, errors.QuotaReached) else "unavailable"
