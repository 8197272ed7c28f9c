"""What is no request of a dialect gets that dialect's refusal, soon, and leaves nothing behind."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.basic import basic
from tests.each import each
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import USER, Client, Reply, Server, vim
from tests.security.dialects import DIALECTS, Dialect

WHO = {"Authorization": basic(*USER)}
TYPES = {"soap": "text/xml"}


def zerto(reply: Reply) -> bool:
    return reply.status == 400 and list(reply.json()) == ["Message"]


def vi_json(reply: Reply) -> bool:
    return reply.status == 500 and reply.json()["_typeName"] == "InvalidRequest"


def soap(reply: Reply) -> bool:
    root = ET.fromstring(reply.body)
    code = next(root.iter("faultcode")).text
    return reply.status == 500 and code in ("ClientFaultCode", "ServerFaultCode")


def json_rpc(reply: Reply) -> bool:
    return reply.status == 200 and reply.json()["error"]["code"] in (-32700, -32600)


def opened(reply: Reply) -> bool:
    """These take their credential from a header, and look at no body at all."""
    return reply.status in (200, 201)


REFUSED: dict[str, Callable[[Reply], bool]] = {
    "zerto": zerto,
    "vi-json": vi_json,
    "soap": soap,
    "api": opened,
    "rest": opened,
    "json-rpc": json_rpc,
}

ENTITIES = "".join(
    f'<!ENTITY {after} "{f"&{name};" * 10}">'
    for name, after in zip("abcdefgh", "bcdefghi", strict=True)
)
BODIES: dict[str, bytes] = {
    "deep JSON": b"[" * 500_000,
    "deep objects": b'{"a":' * 150_000,
    "wide JSON": b"[" + b",".join([b"[]"] * 300_000) + b"]",
    "wide members": b"{" + b",".join(b'"%d":{}' % n for n in range(70_000)) + b"}",
    "long number": b"9" * 900_000,
    "long text": b'"' + b"x" * 900_000 + b'"',
    "half of a text": b'"' + b"x" * 900_000,
    "deep XML": b"<a>" * 100_000,
    "wide XML": b"<a>" + b"<b/>" * 200_000 + b"</a>",
    "attributes": b"<a " + b" ".join(b'b%d=""' % n for n in range(50_000)) + b"/>",
    "entities": f'<!DOCTYPE z [<!ENTITY a "aa">{ENTITIES}]><z>&i;</z>'.encode(),
    "a file": b'<!DOCTYPE z [<!ENTITY x SYSTEM "file:///etc/passwd">]><z>&x;</z>',
    "UTF-16": '{"a": "<z/>"}'.encode("utf-16"),
    "UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADw-z/+AD4-',
    "not UTF-8": b'{"a": "\xff\xc0\xaf"}',
    "zeros": b"\x00" * 900_000,
}

# Asked for of each single refusal, in seconds of the server's processor: others use the machine.
# The best of some tries counts, since it does other work too.
AT_ONCE = 0.05
TRIES = 8


def known() -> list[Dialect]:
    return [dialect for dialect in DIALECTS if dialect.name in REFUSED]


def send(client: Client, dialect: Dialect, body: bytes, token: str = "") -> Reply:
    kind = TYPES.get(dialect.name, "application/json")
    # Only beside a live session a large body is read at all.
    session = dialect.carry(token) if token else {}
    return client.request("POST", dialect.path, {**WHO, "Content-Type": kind, **session}, body)


@each("body", BODIES)
@each("dialect", known(), ids=str)
@EMBEDDED
def test_bad_bodies_are_refused_at_once(dialect: Dialect, body: str, shared: Server) -> None:
    token = dialect.token(shared, USER)
    with shared.connected() as client:
        times = []
        for _ in range(TRIES):
            before = shared.spent()
            reply = send(client, dialect, BODIES[body], token)
            times.append(shared.spent() - before)
            assert REFUSED[dialect.name](reply), reply
            assert b"root:" not in reply.body
            assert len(reply.body) < 2_000
            if min(times) < AT_ONCE:
                break
        assert min(times) < AT_ONCE
        # The connection goes on.
        assert client.request("GET", vim("defaultLocale")).status == 200


TWICE: dict[str, tuple[str, str]] = {
    "zerto": ("/v1/session/add", '{"AuthenticationMethod":1,"AuthenticationMethod":0}'),
    "vi-json": (
        vim("Login"),
        f'{{"userName":"nobody","password":"x","userName":"{USER[0]}","password":"{USER[1]}"}}',
    ),
    "json-rpc": (
        "/api",
        '{"jsonrpc":"2.0","id":"1","method":"invoke","params":{"serviceId":"com.vmware.cis.session",'
        '"operationId":"create","ctx":{"appCtx":{},"securityCtx":{"schemeId":'
        '"com.vmware.vapi.std.security.user_pass","userName":"nobody","password":"x",'
        f'"userName":"{USER[0]}","password":"{USER[1]}"}}}},"input":{{}}}}}}',
    ),
}


@pytest.mark.parametrize("name", TWICE)
@EMBEDDED
def test_a_credential_given_twice_is_refused(name: str, shared: Server) -> None:
    """The body says two things, and whoever looked at it before us may have read the other one."""
    path, body = TWICE[name]
    headers = {**WHO, "Content-Type": "application/json"} if name == "zerto" else {}
    refused = shared.request("POST", path, headers, body)
    assert REFUSED[name](refused), refused
    once = json.dumps(json.loads(body))  # which keeps the last, as we did
    taken = shared.request("POST", path, headers, once)
    assert taken.status == 200, taken
    assert not REFUSED[name](taken) if name != "json-rpc" else "SECRET" in taken.body.decode()


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@EMBEDDED
def test_white_space_that_is_not_https_makes_it_another_token(
    dialect: Dialect, shared: Server
) -> None:
    ((name, value),) = dialect.carry(dialect.token(shared, USER)).items()
    for more, alive in ((" \t", True), ("\xa0", False), ("\x85", False)):
        assert dialect.worked(dialect.check(shared, {name: value + more})) is alive


def resident(server: Server) -> int:
    """Bytes of the server in memory."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


@pytest.mark.slow
def test_bad_bodies_leave_nothing_behind(server: Server) -> None:
    """The first of them find room; hundreds more of a megabyte each need none."""

    def send_all() -> None:
        with server.connected() as client:
            for dialect in known():
                if REFUSED[dialect.name] is not opened:
                    for body in BODIES.values():
                        send(client, dialect, body)

    for _ in range(2):
        send_all()
    before = resident(server)
    for _ in range(5):
        send_all()
    assert resident(server) - before < 16 * 1024 * 1024


CHUNKED: dict[str, bytes] = {
    "empty": b"",
    "one": b"1\r\n{\r\n",
    "single bytes": b"".join(b"1\r\n[\r\n" for _ in range(9_000)),
}


@each("how", CHUNKED)
@each("dialect", known(), ids=str)
@EMBEDDED
def test_bodies_in_chunks_are_refused_too(dialect: Dialect, how: str, shared: Server) -> None:
    kind = TYPES.get(dialect.name, "application/json")
    head = (
        f"POST {dialect.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Transfer-Encoding: chunked\r\nContent-Type: {kind}\r\n"
        f"Authorization: {WHO['Authorization']}\r\n\r\n"
    )
    answer = shared.raw(head.encode() + CHUNKED[how] + b"0\r\n\r\n")
    status, _, rest = answer.partition(b"\r\n")
    body = rest.partition(b"\r\n\r\n")[2]
    reply = Reply(int(status.split()[1]), (), body)
    if how == "empty" and dialect.name == "zerto":
        assert reply.status == 200  # no body means Windows credentials
    else:
        assert REFUSED[dialect.name](reply), answer


@pytest.mark.parametrize("dialect", known(), ids=str)
@EMBEDDED
def test_a_query_of_any_kind_changes_nothing(dialect: Dialect, shared: Server) -> None:
    token = dialect.token(shared, USER)
    for query in ("?", "?a=%ff%00", "?" + "&" * 2_000, "?~action=", "?%", "?a;b=c"):
        reply = dialect.check(shared, dialect.carry(token), query)
        assert dialect.worked(reply), json.dumps(query)
