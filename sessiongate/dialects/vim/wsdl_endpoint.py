"""Endpoint of the description of SOAP: `/sdk/vimService.wsdl` and what it imports, for anybody.

It is fetched before a login, so no session is asked for. Some clients then send their calls to the
same address: those are SOAP's. At the Host of an upstream it is the upstream's own description.
"""

from sessiongate import errors
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http import router
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.own_names import OwnNames
from sessiongate.http.router import Refuse
from sessiongate.wire.vim import wsdl

PATHS = tuple(dict.fromkeys((wsdl.SERVICE, *wsdl.PARTS, *wsdl.VENDORS)))

_HEADERS = (("content-type", "text/xml; charset=utf-8"), ("cache-control", "no-cache"))


class WsdlEndpoint:
    """Answers `PATHS`."""

    def __init__(
        self,
        soap: Handler,
        own: OwnNames,
        gates: Gates | None,
        refuse: Refuse,
    ) -> None:
        """`soap` answers calls as at `/sdk`; the address in the description is one of `own`.

        `refuse` tells why an upstream's description cannot be had.
        """
        self._soap = soap
        self._own = own
        self._gates = gates
        self._refuse = refuse

    async def __call__(self, request: Request) -> Reply:
        """Give a document, or pass a call on."""
        described = request.path == wsdl.SERVICE
        if described and request.method == "POST":
            request.path = wsdl.FOLDER
            return await self._soap(request)
        if request.method not in ("GET", "HEAD"):
            return Reply(405, (("allow", "GET, HEAD, POST" if described else "GET, HEAD"),))
        gate = self._gates.of(request) if self._gates is not None else None
        if gate is not None:
            return await self._of_upstream(gate, request)
        if described:
            return Reply(200, _HEADERS, wsdl.service(self._own.origin(request)))
        if request.path not in wsdl.PARTS:
            return await router.nowhere(request)
        return Reply(200, _HEADERS, wsdl.parts()[request.path], shared=True)

    async def _of_upstream(self, gate: VCenterGateway, request: Request) -> Reply:
        """The upstream's, at our address."""
        try:
            answer = await gate.public.description(request.path)
        except errors.UnknownAddress:
            return await router.nowhere(request)
        except errors.SessionGateError as error:
            return self._refuse(request, error)
        body = answer.body
        if request.path == wsdl.SERVICE:
            body = wsdl.at_origin(body, self._own.origin(request))
        return Reply(200, _HEADERS, body)
