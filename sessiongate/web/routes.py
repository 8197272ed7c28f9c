"""Which endpoint answers which path, and the last net under all of them.

Decisions go by the raw path as it came, never by a rebuilt URL: what is matched here is what the
endpoint reads. Zerto's paths ignore case, all others keep it. The one thing that is read into a
path is `respell`'s: before the match, and for the endpoint too.
"""

from collections import Counter
from collections.abc import Callable

import msgspec
import structlog

from sessiongate.request_id import RequestId, current
from sessiongate.traces import traced
from sessiongate.web.http import Handler, Reply, Request

_log = structlog.get_logger("sessiongate.web")

Unforeseen = Callable[[Request], Reply]


class Route(msgspec.Struct, frozen=True):
    """A path, or a prefix ending in `/`, and who answers it."""

    path: str
    handler: Handler
    unforeseen: Unforeseen
    any_case: bool = False
    dialect: str = "none"
    """What metrics call the requests that come this way."""

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
        *,
        respell: Callable[[str], str] = str,
    ) -> None:
        self._respell = respell
        self._requests: Counter[tuple[str, int]] = Counter() if requests is None else requests
        # A whole path is looked up, and comes before every prefix of it; the first of each counts.
        self._whole: dict[str, Route] = {}
        self._others: list[tuple[str, Route]] = []
        for route in routes:
            if route.any_case or route.path.endswith("/"):
                self._others.append((route.path.lower(), route))
            else:
                self._whole.setdefault(route.path, route)
        self._nowhere = nowhere

    async def __call__(self, request: Request) -> Reply:
        """Answer a request. An error that nobody foresaw gets the dialect's generic form."""
        route = self._whole.get(request.path)
        if route is None:
            path = request.path = self._respell(request.path)
            route = self._whole.get(path) or self._other(path)
        identity = RequestId(request.header("x-request-id") or request.header("vapi-ctx-opid"))
        current.set(identity)
        brought = identity.brought
        try:
            reply = await route.handler(request)
        except Exception as error:  # noqa: BLE001 - the server's last net
            _log.error("unforeseen error", path=route.path, **traced(error))
            reply = route.unforeseen(request)
        self._requests[route.dialect, reply.status] += 1
        if brought:
            reply.headers = (*reply.headers, ("x-request-id", brought))
        return reply

    def _other(self, path: str) -> Route:
        lowered = path.lower()
        for beginning, route in self._others:
            # The first question rules most routes out at the least cost.
            if lowered.startswith(beginning) and route.takes(path):
                return route
        return self._nowhere


async def nowhere(request: Request) -> Reply:
    """A path that no dialect has."""
    return _plain(404, "There is nothing at this address.")


def unforeseen(request: Request) -> Reply:
    """An internal error outside every dialect."""
    return _plain(500, "An internal error occurred.")


def _plain(status: int, text: str) -> Reply:
    body = msgspec.json.encode({"Message": text})
    return Reply(status, (("content-type", "application/json; charset=utf-8"),), body)
