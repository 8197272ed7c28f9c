"""Which upstream a request is for, and what is refused there, since nothing forwards it.

What an empty vCenter has must not be shown where a real one stands behind: an address that is not
forwarded is refused there, and says so.
"""

from collections.abc import Mapping

import msgspec

from sessiongate.errors import NotSupported
from sessiongate.gateway.gate import Gate
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.router import Refuse, Route
from sessiongate.wire.pbm import PATHS as PBM


class Gates:
    """The upstreams by the Hosts that mean them."""

    def __init__(self, by_host: Mapping[str, Gate], otherwise: Gate | None) -> None:
        """`otherwise` has every Host that is not in `by_host`."""
        self._by_host = by_host
        self._otherwise = otherwise

    def of(self, request: Request) -> Gate | None:
        """The one that a request is for, None where it is for us alone."""
        host = (request.header("host") or "").lower()
        found = self._by_host.get(host) or self._by_host.get(_without_port(host))
        return found or self._otherwise


class AtUpstreams:
    """A handler around another, which is told the upstream that each request's Host means."""

    def __init__(self, inner: Handler, gates: Gates) -> None:
        self._inner = inner
        self._gates = gates

    async def __call__(self, request: Request) -> Reply:
        """Answer a request."""
        gate = self._gates.of(request)
        request.upstream = gate.name if gate is not None else ""
        return await self._inner(request)


def guarded(routes: list[Route], gates: Gates | None) -> list[Route]:
    """The routes, of which those of a vCenter's own are refused where one stands behind."""
    return routes if gates is None else [_guarded(route, gates) for route in routes]


def _guarded(route: Route, gates: Gates) -> Route:
    if route.path not in PBM:
        return route
    handler = _guard(route.handler, route.refuse, gates)
    return msgspec.structs.replace(route, handler=handler)


def _guard(handler: Handler, refuse: Refuse, gates: Gates) -> Handler:
    async def guard(request: Request) -> Reply:
        if gates.of(request) is None:
            return await handler(request)
        return refuse(request, NotSupported("this is not forwarded to the upstream"))

    return guard


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host
