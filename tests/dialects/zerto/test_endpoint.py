"""Zerto's endpoint: requests in, replies out, no socket."""

import json

import pytest

from sessiongate.dialects.zerto.endpoint import ZertoEndpoint, refusal
from sessiongate.http.message import Reply
from sessiongate.wire.zerto_resources import LISTS
from tests.basic import basic
from tests.gate import OWN_NAMES, SITE, Gate
from tests.http.both_ways import BothWays
from tests.http.requests import header, request

ADD = "/v1/session/add"


ADA = basic("ada", "adaada")


@pytest.fixture
def endpoint(gate: Gate) -> BothWays:
    plain = ZertoEndpoint(
        gate.sessions,
        gate.logins,
        gate.bearers,
        gate.clock,
        SITE,
        OWN_NAMES,
        windows="local",
        hypervisor="other",
    )
    return BothWays(plain)


async def token_of(endpoint: BothWays) -> str:
    reply = await endpoint(request("POST", ADD, authorization=ADA))
    token = header(reply, "x-zerto-session")
    assert token is not None
    return token


async def test_a_session_is_added_and_ended(endpoint: BothWays, gate: Gate) -> None:
    reply = await endpoint(request("POST", ADD, authorization=ADA, user_agent="pwsh"))
    assert (reply.status, reply.body) == (200, b"")
    token = header(reply, "x-zerto-session")
    assert token is not None
    assert len(token) == 36
    assert await gate.live() == ["ada"]
    reply = await endpoint(request("DELETE", "/v1/session", x_zerto_session=token.upper()))
    assert (reply.status, reply.body) == (200, b"")
    assert await gate.live() == []
    reply = await endpoint(request("DELETE", "/v1/session", x_zerto_session=token))
    assert reply.status == 401


async def test_the_method_chooses_the_provider(endpoint: BothWays, gate: Gate) -> None:
    body = b'{"AuthenticationMethod":1}'
    reply = await endpoint(request("POST", ADD, body, authorization=ADA))
    assert reply.status == 401
    reply = await endpoint(request("POST", ADD, body, authorization=basic("CORP\\bob", "bobbob")))
    assert reply.status == 200
    [session] = [one async for one in gate.sessions.list()]
    assert (session.provider, session.dialect) == ("other", "zerto")


def told(reply: Reply) -> str:
    message: str = json.loads(reply.body)["Message"]
    return message


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer x", basic("ada", "no"), basic("x", "y")]
)
async def test_wrong_credentials_are_challenged_alike(
    endpoint: BothWays, gate: Gate, authorization: str | None
) -> None:
    headers = {"authorization": authorization} if authorization is not None else {}
    reply = await endpoint(request("POST", ADD, b"", **headers))
    assert reply.status == 401
    assert header(reply, "www-authenticate") == 'Basic realm="zvm"'
    assert told(reply) == "User name or password is incorrect."
    assert header(reply, "x-zerto-session") is None
    assert await gate.live() == []


async def test_without_a_credential_the_body_is_not_looked_at(endpoint: BothWays) -> None:
    assert (await endpoint(request("POST", ADD, b"{"))).status == 401


async def test_a_bad_body_is_400_for_who_has_a_credential(endpoint: BothWays, gate: Gate) -> None:
    reply = await endpoint(request("POST", ADD, b'{"AuthenticationMethod":7}', authorization=ADA))
    assert reply.status == 400
    assert gate.identity.checks == 0


async def test_who_may_nothing_is_403(endpoint: BothWays) -> None:
    reply = await endpoint(request("POST", ADD, authorization=basic("nil", "nilnil")))
    assert reply.status == 403


async def test_an_outage_is_503_with_a_time(endpoint: BothWays, gate: Gate) -> None:
    gate.identity.outage = True
    reply = await endpoint(request("POST", ADD, authorization=ADA))
    assert (reply.status, header(reply, "retry-after")) == (503, "5")


@pytest.mark.parametrize(("path", "verb"), [(ADD, "POST"), ("/V1/Session/", "DELETE")])
async def test_another_verb_is_405(endpoint: BothWays, path: str, verb: str) -> None:
    for other in {"GET", "POST", "PUT", "DELETE"} - {verb}:
        reply = await endpoint(request(other, path, authorization=ADA))
        assert (reply.status, header(reply, "allow")) == (405, verb)


async def test_everything_else_needs_a_session(endpoint: BothWays) -> None:
    for path in ("/v1/serverDateTime", "/v1/vpgs", "/v1/localsite", "/v1/"):
        reply = await endpoint(request("GET", path))
        assert reply.status == 401
        assert header(reply, "www-authenticate") is None
    token = await token_of(endpoint)
    reply = await endpoint(request("GET", "/v1/serverDateTime", x_zerto_session=token))
    assert (reply.status, json.loads(reply.body)) == (200, "2026-01-01T00:00:00.000000Z")
    assert (await endpoint(request("GET", "/v1/vpgs/1", x_zerto_session=token))).status == 404
    reply = await endpoint(request("PUT", "/v1/serverdatetime/", x_zerto_session=token))
    assert (reply.status, header(reply, "allow")) == (405, "GET")


async def test_a_zvm_without_anything_to_protect(endpoint: BothWays) -> None:
    token = await token_of(endpoint)

    async def got(path: str, accept: str = "", host: str = "gate.example:9669") -> Reply:
        carried = {"x_zerto_session": token, "accept": accept, "host": host}
        return await endpoint(request("GET", path, b"", **carried))

    for path in LISTS:
        reply = await got(f"{path}?vpgName=a")
        assert (reply.status, json.loads(reply.body)) == (200, [])
        assert (await got(path, accept="text/xml")).body.startswith(b"<ArrayOf")
    reply = await got("/v1/localsite")
    site = json.loads(reply.body)
    assert (site["SiteIdentifier"], site["SiteName"]) == (SITE.identifier, "gate.example")
    assert site["Link"]["href"] == "https://gate.example:9669/v1/localsite"
    foreign = json.loads((await got("/v1/localsite", host="evil.example")).body)
    assert foreign["Link"]["href"] == "https://localhost/v1/localsite"
    reply = await endpoint(request("POST", "/v1/vpgs", b"{}", x_zerto_session=token))
    assert (reply.status, header(reply, "allow")) == (405, "GET")


async def test_a_session_of_another_dialect_is_a_session(endpoint: BothWays, gate: Gate) -> None:
    opened = await gate.login("bob")
    token = opened.token.reveal()
    assert (await endpoint(request("DELETE", "/v1/session", x_zerto_session=token))).status == 200


async def test_each_call_renews_the_session(endpoint: BothWays, gate: Gate) -> None:
    token = await token_of(endpoint)
    for _ in range(3):
        await endpoint(request("GET", "/v1/serverdatetime", x_zerto_session=token))
    [session] = [one async for one in gate.sessions.list()]
    assert endpoint.nowait == 3
    assert session.call_count == 2 * 3


def test_an_error_comes_in_xml_for_who_asks_for_it() -> None:
    reply = refusal(request("GET", "/v1/x", accept="text/xml"), None)
    assert reply.status == 500
    assert header(reply, "content-type") == "application/xml; charset=utf-8"
    assert reply.body.startswith(b"<Error>")
