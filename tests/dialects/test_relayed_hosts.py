"""Which upstream a Host means."""

from types import SimpleNamespace
from typing import Any, cast

from structlog.testing import capture_logs

from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates
from sessiongate.dialects.stray_hosts import StrayHosts
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Handler, Reply, Request

ONE, TWO = (cast("VCenterGateway", SimpleNamespace(name=name)) for name in ("vc1", "vc2"))


def asked(path: str = "/sdk", host: str | None = "vc1.example", body: bytes = b"") -> Request:
    headers = [] if host is None else [("host", host)]
    return Request("POST", path, "", headers, body, "192.0.2.7", secure=True)


def meant(gates: Gates, host: str | None, *, secure: bool = True) -> VCenterGateway | None:
    """The upstream of a request with this Host, as endpoints find it."""
    request = asked(host=host)
    request.secure = secure
    request.upstream = gates.name_of(request)
    return gates.of(request)


def test_a_host_means_one_upstream_with_its_port_or_without() -> None:
    gates = Gates({"vc1.example": ONE, "vc2.example:9669": TWO}, None)
    for host, one in (
        ("vc1.example", ONE),
        ("VC1.Example:9669", ONE),
        ("vc1.example.", ONE),
        ("vc2.example.:9669", TWO),
        ("vc2.example:9669", TWO),
        ("vc2.example", None),
        ("vc2.example:443", None),
        ("other.example", None),
        ("vc1.example:", ONE),
        ("vc1.example.:", ONE),
        ("vc1.example..", ONE),
        ("vc2.example:09669", TWO),
        ("vc2.example:", None),
        ("vc1.example:443:443", None),
        ("", None),
        (None, None),
        ("[::1]", None),
    ):
        assert meant(gates, host) is one, host
    usual = Gates({"vc1.example:443": ONE, "vc1.example": TWO}, None)
    assert meant(usual, "vc1.example") is ONE
    assert meant(usual, "vc1.example:8443") is TWO
    assert meant(usual, "vc1.example", secure=False) is TWO
    address = Gates({"[2001:db8::1]": ONE}, TWO)
    for host in ("[2001:DB8::1]", "[2001:db8:0:0::1]:443", "[2001:db8::1]:"):
        assert meant(address, host) is ONE, host
    assert meant(address, "[2001:db8::2]") is TWO
    rest = Gates({"vc1.example": ONE}, TWO)
    assert meant(rest, "vc1.example") is ONE
    assert meant(rest, "127.0.0.1:9669") is TWO


async def test_a_request_is_told_which_upstream_its_host_means() -> None:
    seen: list[str] = []

    async def note(request: Request) -> Reply:
        seen.append(request.upstream)
        return Reply(200)

    one = cast("VCenterGateway", SimpleNamespace(name="vc1"))
    told = AtUpstreams(note, Gates({"vc1.example": one}, None))
    for host in ("vc1.example:443", "other.example", None):
        request = asked(host=host)
        request.upstream = "what somebody has set before"
        assert (await told(request)).status == 200
    assert seen == ["vc1", "", ""]


async def test_it_is_told_without_waiting_too_and_strays_only_where_that_answers() -> None:
    def answer_nowait(request: Request) -> Reply | None:
        return None if request.body else Reply(200, body=request.upstream.encode())

    async def wait(request: Request) -> Reply:
        return Reply(200, body=request.upstream.encode())

    both = cast("Any", wait)
    both.answer_nowait = answer_nowait
    at = AtUpstreams(both, Gates({"vc1.example": ONE}, None), StrayHosts(["vc1"]))
    with capture_logs() as lines:
        for host, upstream in (("vc1.example", b"vc1"), ("stray.example", b"")):
            reply = at.answer_nowait(asked(host=host))
            assert reply is not None
            assert reply.body == upstream
        assert at.answer_nowait(asked(host="other.example", body=b"long")) is None
    assert [line["host"] for line in lines] == ["stray.example"]
    slow = cast("Handler", lambda request: wait(request))
    assert AtUpstreams(slow, Gates({}, None)).answer_nowait(asked()) is None
