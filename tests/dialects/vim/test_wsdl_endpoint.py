"""The description of SOAP for anybody, and calls that come to its address."""

from sessiongate.dialects.vim.wsdl_endpoint import PATHS, WsdlEndpoint
from sessiongate.http.message import Reply, Request
from tests.gate import OWN_NAMES
from tests.http.requests import header, request

SERVICE = "/sdk/vimService.wsdl"


async def soap(request: Request) -> Reply:
    return Reply(200, (), request.path.encode())


ENDPOINT = WsdlEndpoint(soap, OWN_NAMES)


async def test_each_document_is_for_anybody() -> None:
    assert SERVICE in PATHS
    for path in PATHS:
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
