"""The description of SOAP for anybody, and calls that come to its address."""

from typing import cast

from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates
from sessiongate.dialects.vim.wsdl_endpoint import PATHS, WsdlEndpoint
from sessiongate.errors import SessionGateError, UnknownAddress, UpstreamUnavailable
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Reply, Request
from sessiongate.wire.http import Answer
from sessiongate.wire.vim import wsdl
from tests.gate import OWN_NAMES
from tests.http.requests import header, request

SERVICE = "/sdk/vimService.wsdl"


async def soap(request: Request) -> Reply:
    return Reply(200, (), request.path.encode())


def refuse(_: Request, error: SessionGateError | None) -> Reply:
    return Reply(503 if isinstance(error, UpstreamUnavailable) else 400)


ENDPOINT = WsdlEndpoint(soap, OWN_NAMES, None, refuse)


async def test_each_document_is_for_anybody() -> None:
    assert SERVICE in PATHS
    for path in (wsdl.SERVICE, *wsdl.PARTS):
        for verb in ("GET", "HEAD"):
            reply = await ENDPOINT(request(verb, path))
            assert (reply.status, header(reply, "content-type")) == (
                200,
                "text/xml; charset=utf-8",
            )
            assert reply.body.startswith(b"<?xml")


async def test_the_address_is_one_of_ours() -> None:
    for host, told in (
        ("gate.example:9669", b'"https://gate.example:9669/sdk"'),
        ("192.0.2.1", b'"https://192.0.2.1/sdk"'),
        ("evil.example", b'"https://localhost/sdk"'),
        ('x"/><evil/>', b'"https://localhost/sdk"'),
    ):
        reply = await ENDPOINT(request("GET", SERVICE, host=host))
        assert told in reply.body
        assert b"evil" not in reply.body


async def test_calls_are_soaps() -> None:
    """One of Node's clients sends them to where it has fetched the description."""
    reply = await ENDPOINT(request("POST", SERVICE, b"<call/>"))
    assert (reply.status, reply.body) == (200, b"/sdk")
    for path in PATHS[1:]:
        reply = await ENDPOINT(request("POST", path))
        assert (reply.status, header(reply, "allow")) == (405, "GET, HEAD")
    reply = await ENDPOINT(request("DELETE", SERVICE))
    assert (reply.status, header(reply, "allow")) == (405, "GET, HEAD, POST")


class Upstream:
    """In the place of a gate: has a description, or not."""

    name = "vc1"

    def __init__(self) -> None:
        self.public = self
        self.says: Answer | Exception = UnknownAddress("")

    async def description(self, path: str) -> Answer:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


async def test_at_the_host_of_an_upstream_it_is_the_upstream_s_with_our_address() -> None:
    """Else a toolkit that builds its stubs from it would have no method of the inventory."""
    upstream = Upstream()
    gates = Gates({"vc.example": cast("VCenterGateway", upstream)}, None)
    at = AtUpstreams(WsdlEndpoint(soap, OWN_NAMES, gates, refuse), gates)
    theirs = b'<w:service><s:address location="https://localhost:443/sdk/vimService"/></w:service>'
    upstream.says = Answer(200, (), theirs)
    reply = await at(request("GET", SERVICE, host="vc.example"))
    assert b'<s:address location="https://localhost/sdk/vimService"/>' in reply.body
    assert header(reply, "content-type") == "text/xml; charset=utf-8"
    reply = await at(request("GET", "/sdk/core-types.xsd", host="vc.example"))
    assert reply.body == theirs
    assert (await at(request("POST", SERVICE, b"<call/>", host="vc.example"))).body == b"/sdk"
    upstream.says = UnknownAddress("none")
    assert (await at(request("GET", SERVICE, host="vc.example"))).status == 404
    upstream.says = UpstreamUnavailable("away")
    assert (await at(request("GET", SERVICE, host="vc.example"))).status == 503
    # Elsewhere it is ours, which has no such part.
    assert (await at(request("GET", "/sdk/core-types.xsd"))).status == 404
    assert b"VimService" in (await at(request("GET", SERVICE))).body
