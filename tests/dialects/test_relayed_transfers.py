"""Files through the gateway: what goes on, what comes back, and what never does, over sockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.dialects.relayed_transfers import refuse
from sessiongate.errors import (
    BadCredentials,
    Malformed,
    NoSession,
    OutcomeUnknown,
    Overloaded,
    StoreUnavailable,
)
from tests.each import each
from tests.gateway.files import TICKET, Stand, reply, stand
from tests.http.requests import header, request
from tests.http.streaming import leave
from tests.rules.test_transfers import TWO_WAYS
from tests.until import PATIENCE, until

FILE = "/folder/vm/disk.vmdk"
QUERY = "dcPath=ha-datacenter&dsName=ds1"
WHERE = f"{FILE}?{QUERY}"
DATA = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
async def stood(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


async def test_a_file_goes_up_and_comes_down_and_goes(stood: Stand) -> None:
    ada = await stood.login()
    said = await stood.ask("PUT", WHERE, ada, "Content-Type: x/y", body=DATA)
    assert (said.status, said.body) == (201, b"made")
    assert stood.server.files[FILE] == DATA
    said = await stood.ask("GET", WHERE, ada)
    assert (said.status, said.body) == (200, DATA)
    expected = {"content-type": "a/b", "etag": "x", "accept-ranges": "bytes"}
    assert said.headers.items() >= expected.items()
    assert said.headers["content-length"] == str(len(DATA))
    said = await stood.ask("HEAD", WHERE, ada)
    assert (said.status, said.body, said.headers["content-length"]) == (200, b"", str(len(DATA)))
    said = await stood.ask("GET", WHERE, ada, "Range: bytes=5-9")
    assert (said.status, said.body) == (206, DATA[5:10])
    assert said.headers["content-range"] == f"bytes 5-9/{len(DATA)}"
    assert (await stood.ask("DELETE", WHERE, ada)).status == 204
    assert (await stood.ask("GET", WHERE, ada)).status == 404
    assert (await stood.ask("POST", WHERE, ada, body=b"")).status == 201
    assert [one.target for one in stood.server.got] == [WHERE] * 7
    assert stood.opened == 1
    assert stood.audit.told == [
        ("ada", "PUT of folder", "ok", "lease-1"),
        ("ada", "DELETE of folder", "ok", "lease-1"),
        ("ada", "POST of folder", "ok", "lease-1"),
    ]
    assert stood.meters.forwarded == {("transfer", "ok"): 6, ("transfer", "fault"): 1}


async def test_a_chunked_upload_arrives_wherever_it_is_cut(stood: Stand) -> None:
    ada = await stood.login()
    head = f"PUT {WHERE} HTTP/1.1\r\nHost: vc1.gate\r\n{ada}\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = head.encode() + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    reader, writer = await stood.peer()
    for at in range(len(head), len(data)):
        stood.server.files.clear()
        writer.write(data[:at])
        await until(lambda: stood.transfers.under_way == 1)
        writer.write(data[at:])
        async with asyncio.timeout(PATIENCE):
            answer = await reader.readuntil(b"made")
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert stood.server.files == {FILE: b"abcde"}, at
        await until(lambda: stood.exchange.connections == 0)


async def test_sec_35_what_a_client_names_in_connection_takes_nothing_away(stood: Stand) -> None:
    ada = await stood.login()
    named = "Connection: close, cookie, vmware-api-session-id, content-length, range"
    stood.server.files[FILE] = DATA
    assert (await stood.ask("GET", WHERE, ada, named, "Range: bytes=0-1")).status == 206
    (got,) = stood.server.got
    assert got.all("cookie") == ["vmware_soap_session=canary-token-1"]
    assert not got.all("connection")


async def test_sec_43_92_nothing_of_a_client_reaches_the_upstream_and_nothing_of_it_a_client(
    stood: Stand,
) -> None:
    ada = await stood.login()
    token = ada.partition("=")[2]
    canaries = (
        "X-Canary: canary-of-the-client",
        "Authorization: Negotiate canary-of-the-client",
        "X-Forwarded-For: canary-of-the-client",
        "Referer: canary-of-the-client",
        "User-Agent: canary-of-the-client",
        "vmware-cis-session: canary-of-the-client",
    )
    replies = [
        await stood.ask(method, WHERE, f"{ada}; other=canary-of-the-client", *canaries, body=body)
        for method, body in (("PUT", DATA), ("GET", None), ("HEAD", None), ("DELETE", None))
    ]
    stood.server.says[FILE] = reply(401, b"canary-of-the-upstream", "WWW-Authenticate: canary")
    replies.append(await stood.ask("GET", WHERE, ada))
    for got in stood.server.got:
        assert b"canary-of-the-client" not in got.raw + got.body
        assert token.encode() not in got.raw + got.body
        assert len(got.all("cookie")) == 1
    assert [one.status for one in replies] == [201, 200, 200, 204, 403]
    for one in replies:
        assert b"canary" not in one.raw
        assert "set-cookie" not in one.headers


async def test_sec_41_the_length_is_ours_to_say(stood: Stand) -> None:
    ada = await stood.login()
    await stood.ask("PUT", WHERE, ada, body=b"abc")
    await stood.ask("GET", WHERE, ada)
    first, second = stood.server.got
    assert (first.all("content-length"), first.all("transfer-encoding")) == (["3"], [])
    assert not second.all("content-length") + second.all("transfer-encoding")
    assert first.all("host") == [stood.server.url.removeprefix("http://")]


@each("path", [path for path in TWO_WAYS if path.isascii() and " " not in path])
async def test_sec_38_an_address_that_is_read_in_two_ways_goes_nowhere(
    path: str, stood: Stand
) -> None:
    said = await stood.ask("GET", path, await stood.login())
    assert said.status == 400
    assert not stood.server.got


async def test_sec_46_only_the_upstream_of_the_host_is_asked(stood: Stand) -> None:
    ada = await stood.login()
    assert (await stood.ask("GET", WHERE, ada, host="elsewhere")).status == 404
    assert (await stood.ask("GET", f"http://169.254.169.254{WHERE}", ada)).status == 404
    assert (await stood.ask("GET", f"{stood.server.url}{WHERE}", ada)).status == 404
    for path in ("/mob", "/ui/", "/folders/a", "/nfc", "/screenshot"):
        assert (await stood.ask("GET", path, ada)).status == 404
    assert (await stood.ask("GET", f"http://vc1.gate{WHERE}", ada)).status == 404
    (got,) = stood.server.got  # the last one alone, by its own name
    assert got.target == WHERE


async def test_who_has_no_session_gets_no_file(stood: Stand) -> None:
    for headers in ((), ("Cookie: vmware_soap_session=canary-token-1",), ("Cookie: ",)):
        for method, body in (("GET", None), ("PUT", b"a"), ("DELETE", None)):
            said = await stood.ask(method, WHERE, *headers, body=body)
            assert said.status == 401
            assert said.headers["content-type"] == "text/plain; charset=utf-8"
    assert not stood.server.got
    assert stood.opened == 0


async def test_a_session_of_another_upstream_is_none_here(stood: Stand) -> None:
    for upstream in ("", "vc2"):
        ada = await stood.login(upstream=upstream)
        assert (await stood.ask("GET", WHERE, ada)).status == 401
        assert (await stood.ask("GET", f"/nfc/{TICKET}/a", ada)).status == 401
    assert not stood.server.got


async def test_an_upload_by_nobody_is_refused_before_it_comes(stood: Stand) -> None:
    reader, _ = await stood.peer(
        f"PUT {WHERE} HTTP/1.1\r\nHost: vc1.gate\r\nExpect: 100-continue\r\n"
        "Content-Length: 99999999999\r\n\r\n".encode()
    )
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"100 Continue" not in answer


async def test_a_ticket_is_the_upstreams_to_judge(stood: Stand) -> None:
    nfc = f"/nfc/{TICKET}/disk-0.vmdk"
    with capture_logs() as logs:
        assert (await stood.ask("PUT", nfc, body=b"abc")).status == 201
        assert (await stood.ask("GET", nfc)).body == b"abc"
        guest = f"/guestFile?id=1&token={TICKET}"
        assert (await stood.ask("PUT", guest, body=b"abc")).status == 201
        assert (await stood.ask("GET", "/guestFile?id=1")).status == 400
        assert (await stood.ask("GET", "/nfc/other/disk-0.vmdk")).status == 401
    assert stood.opened == 0
    assert not any(got.all("cookie") for got in stood.server.got)
    assert stood.audit.told == []
    assert TICKET not in str(logs) + str(stood.meters.forwarded)


async def test_a_session_that_comes_with_a_ticket_has_to_live(stood: Stand) -> None:
    nfc = f"/nfc/{TICKET}/disk-0.vmdk"
    said = await stood.ask("PUT", nfc, "Cookie: vmware_soap_session=over", body=b"abc")
    assert said.status == 401
    assert not stood.server.got
    ada = await stood.login()
    assert (await stood.ask("PUT", nfc, ada, body=b"abc")).status == 201
    assert stood.server.got[0].all("cookie") == ["vmware_soap_session=canary-token-1"]
    assert stood.audit.told == [("ada", "PUT of nfc", "ok", "lease-1")]


@each("verb", ["OPTIONS", "MOVE", "PATCH", "TRACE"])
async def test_sec_45_other_methods_are_refused(verb: str, stood: Stand) -> None:
    said = await stood.ask(verb, WHERE, await stood.login())
    assert said.status in (400, 405)
    assert not stood.server.got


async def test_a_body_where_none_belongs_is_refused(stood: Stand) -> None:
    ada = await stood.login()
    for method in ("GET", "DELETE"):
        assert (await stood.ask(method, WHERE, ada, body=b"abc")).status == 400
    assert not stood.server.got


async def test_sec_62_an_upload_whose_outcome_nobody_knows_is_not_to_be_repeated(
    stood: Stand,
) -> None:
    ada = await stood.login()
    for answer in (reply(502), reply(503), reply(504), b"HTTP/1.1 2"):
        stood.server.says[FILE] = answer
        asking = asyncio.create_task(stood.ask("PUT", WHERE, ada, body=b"abc"))
        if answer.endswith(b"2"):
            await until(lambda: len(stood.server.got) == 4 and stood.server.got[-1].whole)
            stood.break_upstream()
        said = await asking
        assert said.status == 500
        assert "retry-after" not in said.headers
        assert b"not known" in said.body
    assert len(stood.server.got) == 4
    assert {outcome for _, _, outcome, _ in stood.audit.told} == {"unknown"}


async def test_a_reply_that_breaks_does_not_look_whole(stood: Stand) -> None:
    ada = await stood.login()
    for start in (
        b"Content-Length: 9000\r\n\r\nabc" + bytes(1000),  # the last of it waits for the next
        b"Transfer-Encoding: chunked\r\n\r\n3eb\r\nabc" + bytes(1000) + b"\r\n",
    ):
        stood.server.says[FILE] = b"HTTP/1.1 200 OK\r\n" + start
        head = f"GET {WHERE} HTTP/1.1\r\nHost: vc1.gate\r\n{ada}\r\n\r\n"
        reader, _ = await stood.peer(head.encode())
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"abc")
        stood.break_upstream()
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_sec_44_a_reply_points_to_us(stood: Stand) -> None:
    ada = await stood.login()
    stood.server.says[FILE] = reply(302, b"", f"Location: {stood.server.url}/folder/b?x=y")
    assert (await stood.ask("GET", WHERE, ada)).headers["location"] == "/folder/b?x=y"
    stood.server.says[FILE] = reply(302, b"", "Location: //evil.example/")
    assert "location" not in (await stood.ask("GET", WHERE, ada)).headers


async def test_a_page_among_the_files_acts_as_none_of_ours(stood: Stand) -> None:
    stood.server.files[FILE] = b"<script>"
    said = await stood.ask("GET", WHERE, await stood.login())
    assert said.headers["content-security-policy"] == "sandbox"
    assert said.headers["x-content-type-options"] == "nosniff"
    assert said.headers["cache-control"] == "no-store"


async def test_a_client_that_leaves_leaves_nothing_behind_at_any_stage(stood: Stand) -> None:
    ada = await stood.login()
    stood.server.files[FILE] = DATA * 32
    head = f"GET {WHERE} HTTP/1.1\r\nHost: vc1.gate\r\n{ada}\r\n\r\n".encode()
    put = f"PUT {WHERE} HTTP/1.1\r\nHost: vc1.gate\r\n{ada}\r\nContent-Length: 5\r\n\r\n".encode()
    # before the upstream has answered
    stood.server.answers.clear()
    _, writer = await stood.peer(head)
    await until(lambda: bool(stood.server.got))
    leave(writer)
    await until(lambda: stood.at_rest)
    stood.server.answers.set()
    # in the middle of the reply
    reader, writer = await stood.peer(head)
    async with asyncio.timeout(PATIENCE):
        await reader.readexactly(1 << 20)
    assert stood.transfers.under_way == 1
    leave(writer)
    await until(lambda: stood.at_rest)
    # in the middle of an upload
    _, writer = await stood.peer(put + b"ab")
    await until(lambda: stood.server.got[-1].body == b"ab")
    leave(writer)
    await until(lambda: stood.at_rest)
    assert not stood.server.got[-1].whole
    assert stood.audit.told == [("ada", "PUT of folder", "gone", "lease-1")]
    # before the upstream has answered an upload, which is seen to its end
    stood.server.answers.clear()
    _, writer = await stood.peer(put + b"abcde")
    await until(lambda: stood.server.got[-1].whole)
    leave(writer)
    stood.server.answers.set()
    await until(lambda: stood.at_rest)
    assert stood.server.files[FILE] == b"abcde"


async def test_slow_ones_at_once_keep_up_nobody(stood: Stand) -> None:
    ada = await stood.login()
    stood.server.files[FILE] = DATA * 32
    head = f"GET {WHERE} HTTP/1.1\r\nHost: vc1.gate\r\n{ada}\r\n\r\n".encode()
    put = f"PUT /folder/b HTTP/1.1\r\nHost: vc1.gate\r\n{ada}\r\nContent-Length: 6\r\n\r\n".encode()
    slow_readers = [await stood.peer(head) for _ in range(2)]
    slow_senders = [await stood.peer(put + b"abc") for _ in range(2)]
    await until(lambda: stood.transfers.under_way == 4)
    # Both places of calls by each lease are free all the while.
    leases = [await stood.pool.take("call", home=False) for _ in range(4)]
    for lease in leases:
        stood.pool.give_back("call", lease)
    for _, writer in slow_senders:
        writer.write(b"def")
    for reader, _ in slow_senders:
        async with asyncio.timeout(PATIENCE):
            assert (await reader.readuntil(b"made")).startswith(b"HTTP/1.1 201 ")
    assert stood.server.files["/folder/b"] == b"abcdef"
    for reader, _ in slow_readers:
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(DATA) * 32) == DATA * 32


def test_a_refusal_says_what_a_client_may_do_next() -> None:
    asked = request("PUT", WHERE)
    statuses = {
        BadCredentials(): 400,
        Malformed("it is cut"): 400,
        NoSession(): 401,
        OutcomeUnknown("gone"): 500,
        Overloaded("full"): 503,
        StoreUnavailable("down"): 503,
        None: 500,
    }
    for error, status in statuses.items():
        said = refuse(asked, error)
        assert said.status == status
        assert (header(said, "retry-after") is not None) == (status == 503)
