"""Forms of HTTP that clients may choose: each dialect takes them all, over the network.

A dialect's client writes its request as ever; on the way it is turned into the other form.
"""

import json
import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.basic import basic
from tests.each import each
from tests.end_to_end.conftest import EMBEDDED, MakeServer
from tests.end_to_end.serving import USER, Body, Headers, Reply, Server, bytes_of
from tests.security.dialects import DIALECTS, Dialect, each_dialect


class Sent(NamedTuple):
    """A request as a client has written it."""

    verb: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes


class Turned:
    """A server behind something that turns each request into another form of it."""

    def __init__(self, server: Server, turn: Callable[[Sent], bytes]) -> None:
        self._server = server
        self._turn = turn

    def request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply:
        pairs = headers.items() if hasattr(headers, "items") else headers
        return read(
            self._server.raw(self._turn(Sent(verb, path, list(pairs), bytes_of(body) or b"")))
        )


def read(answer: bytes) -> Reply:
    """The one reply of a connection that was closed after it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    named = [one.partition(": ") for one in lines]
    return Reply(int(line.split()[1]), tuple((name.lower(), text) for name, _, text in named), body)


def written(sent: Sent, framing: str, body: bytes, target: str | None = None) -> bytes:
    lines = [f"{sent.verb} {target or sent.path} HTTP/1.1", "Host: 127.0.0.1", framing]
    lines += [f"{name}: {value}" for name, value in sent.headers]
    return "\r\n".join([*lines, "Connection: Close", "", ""]).encode() + body


def plain(sent: Sent, **changes: str) -> bytes:
    return written(sent, f"Content-Length: {len(sent.body)}", sent.body, **changes)


def chunked(coding: str) -> Callable[[Sent], bytes]:
    def turn(sent: Sent) -> bytes:
        pieces = b"%X\r\n%b\r\n" % (len(sent.body), sent.body) if sent.body else b""
        return written(sent, f"TRANSFER-ENCODING: {coding}", pieces + b"0\r\n\r\n")

    return turn


def addressed(origin: str) -> Callable[[Sent], bytes]:
    return lambda sent: plain(sent, target=f"{origin}{sent.path}")


def marked(sent: Sent) -> bytes:
    return plain(sent._replace(body=b"\xef\xbb\xbf" + sent.body if sent.body else b""))


def shouted(sent: Sent) -> bytes:
    """Everything that has no case, in capitals."""
    headers = [
        (
            name.upper(),
            re.sub(r"^(Basic|Bearer)\b", lambda found: found[0].upper(), value)
            if name.lower() == "authorization"
            else value.upper()
            if name.lower() == "content-type"
            else value,
        )
        for name, value in sent.headers
    ]
    return plain(sent._replace(headers=headers))


FORMS: dict[str, Callable[[Sent], bytes]] = {
    "plain": plain,
    "chunked": chunked("chunked"),
    "Chunked": chunked("Chunked"),
    "CHUNKED": chunked("CHUNKED"),
    "http address": addressed("http://127.0.0.1"),
    "https address": addressed("HTTPS://elsewhere.example:1"),
    "byte order mark": marked,
    "capitals": shouted,
}


@each("form", FORMS)
@each_dialect
@EMBEDDED
def test_a_session_lives_and_ends_in_every_form(
    form: str, dialect: Dialect, shared: Server
) -> None:
    turned = Turned(shared, FORMS[form])
    token = dialect.token(turned, USER)
    carrier = dialect.carry(token)
    assert dialect.worked(dialect.check(turned, carrier))
    assert dialect.worked(dialect.logout(turned, carrier))
    assert not dialect.is_alive(shared, token)


@pytest.mark.parametrize("form", FORMS)
@EMBEDDED
def test_the_appliance_takes_every_form(form: str, shared: Server) -> None:
    turned = Turned(shared, FORMS[form])
    base = "/auth/realms/zerto/protocol/openid-connect"
    typed = {"Content-Type": "application/x-www-form-urlencoded"}
    asked = "grant_type=password&client_id=zerto-client&scope=openid"
    asked += f"&username={USER[0]}&password={USER[1]}"
    reply = turned.request("POST", f"{base}/token", typed, asked.replace(" ", "+"))
    assert reply.status == 200, reply
    bearer = {"Authorization": f"Bearer {reply.json()['access_token']}"}
    assert turned.request("GET", f"{base}/userinfo", bearer).status == 200
    left = f"client_id=zerto-client&refresh_token={reply.json()['refresh_token']}"
    assert turned.request("POST", f"{base}/logout", typed, left).status == 204


@pytest.mark.parametrize(
    "path", ["//sdk/", "/sdk//", "//sdk//", "//sdk", "/sdk//vimService", "//sdk/vimService"]
)
@EMBEDDED
def test_soap_is_reached_past_empty_segments(path: str, shared: Server) -> None:
    def turn(sent: Sent) -> bytes:
        return plain(sent, target=path)

    turned, soap = Turned(shared, turn), next(one for one in DIALECTS if one.name == "soap")
    assert soap.is_alive(shared, soap.token(turned, USER))


@pytest.mark.parametrize("path", ["//sdk/", "/sdk//", "//sdk//"])
@EMBEDDED
def test_the_list_of_versions_is_reached_past_empty_segments(path: str, shared: Server) -> None:
    reply = shared.request("GET", f"{path}vimServiceVersions.xml")
    assert reply.status == 200
    assert reply.body == shared.request("GET", "/sdk/vimServiceVersions.xml").body
    version = shared.request("GET", f"{path}vim25/8.0.3.0/ServiceInstance/ServiceInstance/content")
    assert version.json()["about"]["apiType"] == "VirtualCenter"


@pytest.mark.parametrize("path", ["//api/session", "/api//session", "//v1/session/add", "//rest/x"])
@pytest.mark.parametrize("header", [True, False], ids=["known", "stranger"])
@EMBEDDED
def test_sec_39_no_other_path_has_a_second_spelling(
    path: str, header: bool, shared: Server
) -> None:
    named = {"Authorization": basic(*USER)}
    assert shared.request("POST", path, named if header else {}).status == 404


def test_with_more_words_the_log_says_what_was_refused_and_why(make_server: MakeServer) -> None:
    """By cause and peer, and with nothing of what was sent."""
    server = make_server(flags=("--log-level", "debug"))
    canary = b"canary-of-a-header"
    head = b"POST /sdk HTTP/1.1\r\nHost: a\r\nX-A: " + canary + b"\r\n"
    assert server.raw(head + b"Transfer-Encoding: gzip\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    foreign = {"Origin": "https://canary-of-an-origin.example"}
    assert server.request("POST", "/sdk", foreign, "<a/>").status == 403
    causes = ("malformed_headers", "foreign_origin")
    assert server.log.wait_for(lambda lines: all(one in "\n".join(lines) for one in causes))
    refused = [
        one for one in map(json.loads, server.log.lines) if one["event"] == "request refused"
    ]
    assert [(one["cause"], one["level"], one["peer"]) for one in refused] == [
        ("malformed_headers", "debug", "127.0.0.1"),
        ("foreign_origin", "debug", "127.0.0.1"),
    ]
    assert "canary" not in server.log.text


def test_strangers_do_not_fill_the_log_as_it_comes(make_server: MakeServer) -> None:
    server = make_server()
    assert server.raw(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert server.request("POST", "/sdk", {"Origin": "null"}, "<a/>").status == 403
    assert server.zerto_login(USER[0], "wrong").status == 401
    assert server.log.wait_for(lambda lines: any("login refused" in one for one in lines))
    assert "request refused" not in server.log.text
