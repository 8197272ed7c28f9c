"""Calls that may be for an upstream: read within the limits of who sends them, and sent on."""

from typing import Any, cast

import pytest

from sessiongate.dialects.vim.relayed_calls import RelayedCalls, is_ours, replied, typed
from sessiongate.errors import Malformed, NoPermission, NoSession
from sessiongate.gateway.calls.large_replies import LargeReply, StreamedAnswer
from sessiongate.gateway.calls.parse_queue import ParseQueue
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Request
from sessiongate.upstream.connection import IncomingReply
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.relayed import Relayed, read_relayed
from tests.each import each
from tests.end_to_end.vim_soap import envelope
from tests.gate import Gate

NAME = read_relayed(envelope("Fetch", "Folder", "group-d1", "<prop>name</prop>").encode())


class Upstream:
    """In the place of a gate: knows with which headers it was called."""

    def __init__(self) -> None:
        self.relay = self
        self.parse_queue = ParseQueue()
        self.headers: Any = ()
        self.url = "https://vc1.example"
        self.body = b""

    async def call(self, _: Any, __: Any, headers: Any, ___: Any) -> Answer:
        self.headers = headers
        return Answer(200, (), self.body)


def sent(*headers: tuple[str, str]) -> Request:
    return Request("POST", "/sdk", "", [*headers], b"", "192.0.2.7", secure=True)


def calls_of(gate: Gate) -> RelayedCalls:
    return RelayedCalls(gate.sessions, gate.bearers, frozenset({"opid"}), "text/plain")


async def test_what_is_beyond_a_stranger_s_limits_is_read_for_a_live_session(gate: Gate) -> None:
    asked: list[bool] = []

    def read(known: bool) -> Relayed:
        asked.append(known)
        if not known:
            raise Malformed("too much")
        return NAME

    async def refuse() -> None:
        raise NoPermission("System.Read")

    calls, opened = calls_of(gate), await gate.login("ada")
    upstream = cast("VCenterGateway", Upstream())
    with pytest.raises(Malformed):
        await calls.read(upstream, sent(), read)
    session = ("vmware-api-session-id", opened.token.reveal())
    assert await calls.read(upstream, sent(session), read) is NAME
    assert asked == [False, False, True]
    with pytest.raises(NoPermission):
        await calls.read(upstream, sent(session), read, refuse)
    assert asked == [False, False, True, False]


async def test_of_a_head_what_is_listed_goes_on_and_what_we_say_ourselves(gate: Gate) -> None:
    upstream, calls = Upstream(), calls_of(gate)
    asked, session = sent(("opid", "op-1"), ("cookie", "a=b")), (await gate.login("ada")).session
    await calls.forward(cast("VCenterGateway", upstream), asked, NAME, session)
    names = [name for name, _ in upstream.headers]
    assert names == ["opid", "content-type", "user-agent", "accept-encoding"]
    upstream.headers = ()
    with pytest.raises(NoSession):
        await calls.forward(cast("VCenterGateway", upstream), asked, NAME, None)
    assert upstream.headers == ()


async def test_files_that_are_handed_out_are_ours_to_send_on(gate: Gate) -> None:
    upstream, calls = Upstream(), calls_of(gate)
    session = (await gate.login("ada")).session
    asked = sent(("host", "gate.example"))
    upstream.body = b"<returnval>https://*/guestFile?id=1&amp;token=2</returnval>"
    guest = read_relayed(
        envelope("InitiateFileTransferFromGuest", "GuestFileManager", "guestFileManager").encode()
    )
    said = await calls.forward(cast("VCenterGateway", upstream), asked, guest, session)
    assert said.body == upstream.body.replace(b"https://*/", b"https://gate.example/")
    upstream.body = b'<info xsi:type="HttpNfcLeaseInfo"><url>https://vc1.example/nfc/a</url></info>'
    said = await calls.forward(cast("VCenterGateway", upstream), asked, NAME, session)
    assert said.body == upstream.body.replace(b"vc1.example", b"gate.example")
    upstream.body = b"<name>https://vc1.example/nfc/a</name>"
    said = await calls.forward(cast("VCenterGateway", upstream), asked, NAME, session)
    assert said.body == upstream.body


def test_a_large_answer_goes_on_as_it_comes() -> None:
    reply = LargeReply(b"<a>", b"", cast("IncomingReply", None), lambda part: part, 1.0)
    said = replied(StreamedAnswer(200, (("content-type", "text/xml"),), b"", reply), ("a", "b"))
    assert (said.status, said.download, said.body) == (200, reply, b"")
    assert said.headers == (("content-type", "text/xml"), ("a", "b"))
    said = replied(Answer(500, (), b"<b/>"))
    assert (said.status, said.download, said.body) == (500, None, b"<b/>")


@each(
    "method, kind, name, ours",
    [
        ("Logout", "SessionManager", "SessionManager", True),
        ("CurrentTime", "SessionManager", "SessionManager", True),
        ("Logout", "SessionManager", "another", True),
        ("Logout", "Folder", "group-d1", False),
        ("Fetch", "Folder", "group-d1", False),
    ],
)
def test_what_is_about_sessions_is_ours(method: str, kind: str, name: str, ours: bool) -> None:
    assert is_ours(read_relayed(envelope(method, kind, name).encode())) is ours


def test_one_type_of_a_body_is_told() -> None:
    assert typed(Answer(204, (), b"")) == ()
    twice = Answer(200, (("content-type", "text/xml"), ("content-type", "text/html")), b"")
    assert typed(twice) == (("content-type", "text/xml"),)
