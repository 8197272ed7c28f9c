"""Which upstream a request is for: its Host says so, once, before any endpoint is asked.

What an empty vCenter has must not be shown where a real one stands behind, so that each endpoint
that answers for one asks here first.
"""

from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import Generic, TypeVar

from sessiongate.dialects.stray_hosts import StrayHosts
from sessiongate.gateway.upstream_gateway import UpstreamGateway, VCenterGateway
from sessiongate.gateway.zvm_gateway import ZvmGateway
from sessiongate.http.message import Handler, Reply, Request, nowait_of
from sessiongate.networks import canonical_host

G = TypeVar("G", bound=UpstreamGateway)

_LONGEST_HOST = 300
"""Letters of a Host of which it is kept what it means."""

_ZERTO = ("/v1/", "/auth/realms/zerto")
"""Where Zerto's clients come to, in any letter case."""


class Hosts(Generic[G]):
    """The upstreams of one type by the Hosts that mean them."""

    def __init__(self, by_host: Mapping[str, G], otherwise: G | None) -> None:
        """`otherwise` has every Host that is not in `by_host`."""
        self._by_host = {canonical_host(host): gate for host, gate in by_host.items()}
        self._otherwise = otherwise
        all_of_them = (*by_host.values(), *([] if otherwise is None else [otherwise]))
        self._by_name = {gate.name: gate for gate in all_of_them}

    def meant_by(self, host: tuple[str, int], *, secure: bool) -> G | None:
        """The one that a Host means, None where it is for us alone.

        Clients leave out the port that is usual, and may end a name with a dot.
        """
        name, port = host
        with_port = name, port or (443 if secure else 80)
        return self._by_host.get(with_port) or self._by_host.get((name, 0)) or self._otherwise

    def of(self, request: Request) -> G | None:
        """The one that a request is for, as `AtUpstreams` has written into it."""
        return self._by_name.get(request.upstream)


class Gates(Hosts[VCenterGateway]):
    """All upstreams: `of` finds a vCenter, `zvms` a ZVM."""

    def __init__(
        self,
        by_host: Mapping[str, VCenterGateway],
        otherwise: VCenterGateway | None,
        zvms: Hosts[ZvmGateway] | None = None,
    ) -> None:
        super().__init__(by_host, otherwise)
        self.zvms = zvms or Hosts({}, None)
        # Each request has a Host, and nearly all the same.
        self._names = lru_cache(maxsize=256)(self._names_of)

    def name_of(self, request: Request) -> str:
        """The name of the upstream that a request is for, "" where it is for us alone.

        A Host may mean one of each type: Zerto's addresses are the ZVM's then, all others the
        vCenter's.
        """
        host = request.header("host") or ""
        find = self._names if len(host) <= _LONGEST_HOST else self._names_of
        name, of_zerto = find(host, request.secure)
        if name != of_zerto and request.path[:32].lower().startswith(_ZERTO):
            return of_zerto
        return name

    def _names_of(self, host: str, secure: bool) -> tuple[str, str]:
        """What a Host means, and what it means at Zerto's addresses."""
        meant = canonical_host(host)
        vcenter = self.meant_by(meant, secure=secure)
        zvm = self.zvms.meant_by(meant, secure=secure)
        first, of_zerto = vcenter or zvm, zvm or vcenter
        return "" if first is None else first.name, "" if of_zerto is None else of_zerto.name


class AtUpstreams:
    """A handler around another, which is told the upstream that each request's Host means."""

    def __init__(self, inner: Handler, gates: Gates, strays: StrayHosts | None = None) -> None:
        """`strays` are told of requests whose Host means none."""
        self._inner = inner
        self._inner_nowait = nowait_of(inner)
        self._gates = gates
        self._strays = strays

    def __call__(self, request: Request) -> Awaitable[Reply]:
        """Answer a request."""
        request.upstream = self._gates.name_of(request)
        if not request.upstream and self._strays is not None:
            self._strays.note(request)
        return self._inner(request)

    def answer_nowait(self, request: Request) -> Reply | None:
        """As `message.NoWait`."""
        if self._inner_nowait is None:
            return None
        request.upstream = self._gates.name_of(request)
        reply = self._inner_nowait(request)
        if reply is not None and not request.upstream and self._strays is not None:
            self._strays.note(request)
        return reply
