"""`/v1` where a ZVM stands behind: what goes on, and what clients are told."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import pytest

from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates, Hosts
from sessiongate.dialects.zerto.relayed_endpoint import RelayedZertoEndpoint
from sessiongate.errors import (
    NoPermission,
    OutcomeUnknown,
    Overloaded,
    SessionGateError,
    UpstreamUnavailable,
)
from sessiongate.gateway.calls.parse_queue import ParseQueue
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.gateway.zvm_gateway import ZvmGateway
from sessiongate.http.message import Reply, Request
from sessiongate.session import Client
from sessiongate.wire.http import Answer
from tests.gate import Gate as House

T = TypeVar("T")

THERE = Client("192.0.2.7", "curl/8", "zerto", upstream="zvm1")


class Upstream:
    """In the place of a gate: knows what it was asked."""

    name = "zvm1"

    def __init__(self) -> None:
        self.resources = self
        self.parse_queue: ParseQueue = ParseQueue()
        self.calls: list[tuple[str, dict[str, str], str]] = []
        self.answer: Answer | Exception = Answer(200, (("content-type", "application/json"),), b"1")

    async def call(self, session: Any, request: Any, headers: Any, *, ours: str) -> Answer:
        assert session.principal == "ada"
        self.calls.append((request.name, dict(headers), ours))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Case:
    def __init__(self, house: House) -> None:
        self.house = house
        self.upstream = Upstream()
        zvms = Hosts({"zvm.example": cast("ZvmGateway", self.upstream)}, None)
        self.gates = Gates({}, None, zvms)

        async def own(_: Request) -> Reply:
            return Reply(299)

        endpoint = RelayedZertoEndpoint(own, self.gates, house.sessions, house.bearers)
        self.handler = AtUpstreams(endpoint, self.gates)

    async def ask(
        self,
        verb: str,
        path: str,
        *headers: tuple[str, str],
        host: str = "zvm.example",
        body: bytes = b"",
    ) -> Reply:
        sent = [("host", host), *headers]
        return await self.handler(Request(verb, path, "", sent, body, "192.0.2.7", secure=True))

    async def carrier(self) -> tuple[str, str]:
        return "x-zerto-session", (await self.house.login("ada", THERE)).token.reveal()


@pytest.fixture
def case(gate: House) -> Case:
    return Case(gate)


async def test_sec_92_a_call_goes_on_with_what_says_nothing_of_the_client(case: Case) -> None:
    reply = await case.ask(
        "POST",
        "/v1/vpgs",
        await case.carrier(),
        ("cookie", "a=b"),
        ("x-forwarded-for", "192.0.2.9"),
        ("accept", "application/json"),
        ("zerto-triggered-by", "PowershellWes"),
    )
    assert (reply.status, reply.body) == (200, b"1")
    assert reply.headers == (("content-type", "application/json"), ("cache-control", "no-store"))
    ((name, headers, ours),) = case.upstream.calls
    assert (name, ours) == ("POST /v1/vpgs", "https://zvm.example")
    assert headers.keys() == {"accept", "zerto-triggered-by", "user-agent", "accept-encoding"}


@pytest.mark.parametrize("path", ["/v1/session", "/V1/Session/Add/"])
async def test_sessions_are_ours(case: Case, path: str) -> None:
    assert (await case.ask("POST", path)).status == 299
    assert case.upstream.calls == []


async def test_another_host_is_answered_as_without_a_zvm(case: Case) -> None:
    assert (await case.ask("GET", "/v1/vpgs", host="other.example")).status == 299


async def test_sec_91_a_session_of_another_host_is_none_here(case: Case) -> None:
    elsewhere = ("x-zerto-session", (await case.house.login("ada")).token.reveal())
    for carriers in ((), (elsewhere,), (("authorization", "Bearer a.b.c"),)):
        reply = await case.ask("GET", "/v1/vpgs", *carriers)
        assert reply.status == 401, carriers
        assert b"Message" in reply.body
    assert case.upstream.calls == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoPermission("x"), 403),
        (UpstreamUnavailable("away", retry_after=7), 503),
        (Overloaded("full"), 503),
        (OutcomeUnknown("lost"), 500),
    ],
)
async def test_refusals_are_zertos_and_say_when_to_come_back(
    case: Case, error: SessionGateError, status: int
) -> None:
    case.upstream.answer = error
    reply = await case.ask("GET", "/v1/vpgs", await case.carrier())
    assert reply.status == status
    assert (status == 503) == ("retry-after" in dict(reply.headers))


def test_one_host_may_mean_a_vcenter_and_a_zvm(case: Case) -> None:
    vcenter = Upstream()
    vcenter.name = "vc1"
    both = Gates({"zvm.example": cast("VCenterGateway", vcenter)}, None, case.gates.zvms)
    names = {}
    for path in ("/v1/vpgs", "/auth/realms/zerto/x", "/sdk", "/api/session"):
        request = Request("GET", path, "", [("host", "zvm.example")], b"", "192.0.2.7", secure=True)
        names[path] = (both.name_of(request), case.gates.name_of(request))
    assert names == {
        "/v1/vpgs": ("zvm1", "zvm1"),
        "/auth/realms/zerto/x": ("zvm1", "zvm1"),
        "/sdk": ("vc1", "zvm1"),
        "/api/session": ("vc1", "zvm1"),
    }


class Turns(ParseQueue):
    """Knows how many have had a turn of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    async def take(self, read: Callable[[], T]) -> T:
        self.taken += 1
        return await super().take(read)


async def test_sec_73_what_takes_long_to_read_has_a_turn_of_its_own(case: Case) -> None:
    """Of 20,000 values in JSON, that takes nine milliseconds: many at once would take one turn."""
    turns = case.upstream.parse_queue = Turns()
    carrier = await case.carrier()
    assert (await case.ask("POST", "/v1/vpgs", carrier, body=b'{"a":[1,2]}')).status == 200
    assert turns.taken == 0
    long = b"[" + b",".join([b'"a"'] * 19_000) + b"]"
    assert (await case.ask("POST", "/v1/vpgs", carrier, body=long)).status == 200
    assert turns.taken == 1
    assert (await case.ask("POST", "/v1/vpgs", carrier, body=long + b"]")).status == 400
    assert len(case.upstream.calls) == 2
