"""Endpoint of the description of SOAP: `/sdk/vimService.wsdl` and what it imports, for anybody.

It is fetched before a login, so no session is asked for. Some clients then send their calls to the
same address: those are SOAP's.
"""

from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.own_names import OwnNames
from sessiongate.wire.vim import wsdl

PATHS = (wsdl.SERVICE, *wsdl.PARTS)

_HEADERS = (("content-type", "text/xml; charset=utf-8"), ("cache-control", "no-cache"))


class WsdlEndpoint:
    """Answers `PATHS`."""

    def __init__(self, soap: Handler, own: OwnNames) -> None:
        """`soap` answers calls as at `/sdk`; the address in the description is one of `own`."""
        self._soap = soap
        self._own = own

    async def __call__(self, request: Request) -> Reply:
        """Give a document, or pass a call on."""
        described = request.path == wsdl.SERVICE
        if described and request.method == "POST":
            request.path = wsdl.FOLDER
            return await self._soap(request)
        if request.method not in ("GET", "HEAD"):
            return Reply(405, (("allow", "GET, HEAD, POST" if described else "GET, HEAD"),))
        if described:
            return Reply(200, _HEADERS, wsdl.service(self._own.origin(request)))
        return Reply(200, _HEADERS, wsdl.parts()[request.path], shared=True)
