"""Which endpoint answers which path, what none is asked about, and the last net under all of them.

Decisions go by the raw path as it came, never by a rebuilt URL: what is matched here is what the
endpoint reads. Zerto's paths ignore case, all others keep it. The one thing that is read into a
path is `respell`'s: before the match, and for the endpoint too.
"""

from collections import Counter
from collections.abc import Callable

import msgspec
import structlog

from sessiongate.errors import ForeignOrigin, Refused, SessionGateError
from sessiongate.http.message import Handler, Reply, Request, Streams, nowait_of
from sessiongate.http.objections import CAUSES, OBJECTED_TO, objection
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.http.refusal_log import note
from sessiongate.telemetry.request_id import RequestId, current
from sessiongate.telemetry.tracebacks import traced

_log = structlog.get_logger("sessiongate.http")

_LOOKED_AT = OBJECTED_TO | {"x-request-id", "vapi-ctx-opid"}

Refuse = Callable[[Request, SessionGateError | None], Reply]
"""A refusal in a dialect's own form; None stands for an error that nobody foresaw."""


class Route(msgspec.Struct, frozen=True):
    """A path, or a prefix ending in `/`, and who answers it. `/` alone is a path."""

    path: str
    handler: Handler
    refuse: Refuse
    any_case: bool = False
    dialect: str = "none"
    """What metrics call the requests that come this way."""
    streams: frozenset[str] = frozenset()
    """Methods whose bodies the handler takes as they come (`Request.upload`)."""

    def takes(self, path: str) -> bool:
        """Whether this route answers the path."""
        if self.any_case:
            path = path.lower()
        return path.startswith(self.path) if self.path.endswith("/") else path == self.path


class Routes:
    """The handler of a listener: the route of the whole path, else the first that takes it.

    What none takes is `nowhere`'s.
    """

    def __init__(
        self,
        routes: list[Route],
        nowhere: Route,
        requests: Counter[tuple[str, int]] | None = None,
        refusals: Counter[str] | None = None,
        *,
        respell: Callable[[str], str] = str,
    ) -> None:
        self._respell = respell
        self._requests: Counter[tuple[str, int]] = Counter() if requests is None else requests
        self._refusals: Counter[str] = Counter() if refusals is None else refusals
        for cause in CAUSES.values():
            # Seen at 0 before it grows: Prometheus takes no notice of the first one otherwise.
            self._refusals[cause] += 0
        # A whole path is looked up, and comes before every prefix of it; the first of each counts.
        self._whole: dict[str, Route] = {}
        # By their first segment, so that a path is held against a few of them only.
        self._others: dict[str, list[tuple[str, Route]]] = {}
        for route in routes:
            if route.any_case or (route.path.endswith("/") and route.path != "/"):
                beginning = route.path.lower()
                self._others.setdefault(_first_of(beginning), []).append((beginning, route))
            else:
                self._whole.setdefault(route.path, route)
        self._nowhere = nowhere
        # Of whole paths alone: those of a prefix may be tickets, and are not to be remembered.
        self._nowait = {
            path: (route, nowait)
            for path, route in self._whole.items()
            if (nowait := nowait_of(route.handler)) is not None and respell(path) == path
        }
        self.streams: Streams = None
        if any(route.streams for route in routes):
            self.streams = self._streams

    async def __call__(self, request: Request) -> Reply:
        """Answer a request. An error that nobody foresaw gets the dialect's generic form."""
        route = self._whole.get(request.path)
        if route is None:
            path = request.path = self._respell(request.path)
            route = self._whole.get(path) or self._other(path)
        # Most requests have none of these headers, so that all are looked for at once.
        ordinary = _LOOKED_AT.isdisjoint(dict(request.headers))
        identity = RequestId() if ordinary else _identity(request)
        current.set(identity)
        brought = identity.brought
        try:
            reason = None if ordinary else objection(request)
            if reason is not None:
                reply = self._refused(request, route, reason)
            else:
                reply = await route.handler(request)
        except Exception as error:  # noqa: BLE001 - the server's last net
            _log.error("unforeseen error", path=route.path, **traced(error))
            reply = route.refuse(request, None)
        self._requests[route.dialect, reply.status] += 1
        if brought:
            reply.headers = (*reply.headers, ("x-request-id", brought))
        return reply

    def answer_nowait(self, request: Request) -> Reply | None:
        """As `message.NoWait`: as `__call__` answers, where the route is of a whole path and its
        handler need not wait.
        """
        found = self._nowait.get(request.path)
        if found is None or not _LOOKED_AT.isdisjoint(dict(request.headers)):
            return None
        route, nowait = found
        try:
            reply = nowait(request)
        except Exception as error:  # noqa: BLE001 - the server's last net
            current.set(RequestId())  # only here, as the handler itself writes no line
            _log.error("unforeseen error", path=route.path, **traced(error))
            current.set(None)  # what the connection says next is of no request
            reply = route.refuse(request, None)
        if reply is not None:
            self._requests[route.dialect, reply.status] += 1
        return reply

    def route_of(self, path: str) -> Route:
        """Who answers this path, as it came."""
        route = self._whole.get(path)
        if route is None:
            path = self._respell(path)
            route = self._whole.get(path) or self._other(path)
        return route

    def _streams(self, method: str, path: str) -> bool:
        return method in self.route_of(path).streams

    def _refused(self, request: Request, route: Route, reason: Refused) -> Reply:
        cause = CAUSES[type(reason)]
        note(self._refusals, cause, request.peer, dialect=route.dialect)
        return route.refuse(request, reason)

    def _other(self, path: str) -> Route:
        lowered = path.lower()
        for beginning, route in self._others.get(_first_of(lowered), ()):
            # The first question rules most routes out at the least cost.
            if lowered.startswith(beginning) and route.takes(path):
                return route
        return self._nowhere


def _first_of(path: str) -> str:
    return path[1:].partition("/")[0]


def _identity(request: Request) -> RequestId:
    return RequestId(request.header("x-request-id") or request.header("vapi-ctx-opid"))


async def nowhere(request: Request) -> Reply:
    """A path that no dialect has."""
    return _plain(404, "There is nothing at this address.")


def refuse(request: Request, error: SessionGateError | None) -> Reply:
    """A refusal outside every dialect."""
    if error is None:
        return _plain(500, "An internal error occurred.")
    refused = _plain(403 if isinstance(error, ForeignOrigin) else 415, f"{error}.")
    return Reply(refused.status, (*refused.headers, *extra_headers(error)), refused.body)


NOWHERE = Route("", nowhere, refuse)
"""What answers where no route of any dialect does."""


def _plain(status: int, text: str) -> Reply:
    body = msgspec.json.encode({"Message": text})
    return Reply(status, (("content-type", "application/json; charset=utf-8"),), body)
