"""How many transfers there are, whose they are, and what ends them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from sessiongate.gateway.calls.stranger_slots import WINDOW
from sessiongate.session import Ended
from tests.gateway.files import RULES, TICKET, Stand, reply, stand
from tests.until import PATIENCE, until

FILE = "/folder/a"
NFC = f"/nfc/{TICKET}/b"


@pytest.fixture
async def stood(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        made.server.files[FILE] = b"abc"
        yield made


async def test_sec_63_a_read_whose_lease_is_over_goes_by_another(stood: Stand) -> None:
    ada = await stood.login()
    assert (await stood.ask("GET", FILE, ada)).body == b"abc"
    stood.server.alive.clear()
    assert (await stood.ask("GET", FILE, ada)).body == b"abc"
    assert stood.lost == ["lease-1"]
    assert stood.opened == 2


async def test_sec_62_an_upload_whose_lease_is_over_is_never_sent_again(stood: Stand) -> None:
    ada = await stood.login()
    for early in (False, True):
        assert (await stood.ask("GET", FILE, ada)).status == 200
        stood.server.alive.clear()
        stood.server.refuses_early = early
        said = await stood.ask("PUT", FILE, ada, body=b"x")
        assert said.status == 401
    assert [got.method for got in stood.server.got] == ["GET", "PUT"] * 2
    assert stood.server.files[FILE] == b"abc"
    assert stood.lost == ["lease-1", "lease-2"]


async def test_a_lease_that_lives_and_is_refused_is_kept(stood: Stand) -> None:
    ada = await stood.login()
    stood.server.says[FILE] = reply(401)
    assert (await stood.ask("GET", FILE, ada)).status == 403
    assert stood.lost == []
    assert len(stood.pool.leases) == 1


async def test_a_read_that_came_to_nothing_is_sent_once_more(stood: Stand) -> None:
    ada = await stood.login()
    stood.server.says[FILE] = b"\r\n\r\n"
    assert (await stood.ask("GET", FILE, ada)).status == 500
    assert len(stood.server.got) == 2
    assert stood.meters.forwarded["transfer", "unknown"] == 1


async def test_who_may_only_read_changes_nothing(tmp_path: Path) -> None:
    rules = msgspec.structs.replace(
        RULES, roles=frozenset({"administrator"}), read_roles=frozenset({"user"})
    )
    async with stand(tmp_path, rules=rules) as stood:
        stood.server.files[FILE] = b"abc"
        bob, eve = await stood.login("bob"), await stood.login("eve")
        assert (await stood.ask("GET", FILE, bob)).status == 200
        for method, body in (("PUT", b"x"), ("POST", b"x"), ("DELETE", None)):
            said = await stood.ask(method, FILE, bob, body=body)
            assert said.status == 403
            assert b"may not" in said.body
        assert (await stood.ask("GET", FILE, eve)).status == 403
        assert len(stood.server.got) == 1
        denied = ("eve", "GET of folder at vc1", "denied", "Sessions.UseUpstream")
        assert stood.audit.told[-1] == denied
        assert stood.meters.forwarded["transfer", "refused"] == 4


async def test_read_only_holds_for_tickets_too(tmp_path: Path) -> None:
    async with stand(tmp_path, rules=msgspec.structs.replace(RULES, read_only=True)) as stood:
        ada = await stood.login()
        stood.server.files[FILE] = b"abc"
        assert (await stood.ask("GET", FILE, ada)).status == 200
        for headers in ((), (ada,)):
            assert (await stood.ask("PUT", NFC, *headers, body=b"x")).status == 403
            assert (await stood.ask("GET", NFC, *headers)).status == 404
        assert (await stood.ask("DELETE", FILE, ada)).status == 403


async def test_what_the_settings_deny_is_not_forwarded(tmp_path: Path) -> None:
    rules = msgspec.structs.replace(RULES, denied=frozenset({"/nfc", "/folder/secret"}))
    async with stand(tmp_path, rules=rules) as stood:
        ada = await stood.login()
        stood.server.files[FILE] = b"abc"
        for path in (NFC, "/folder/secret", "/folder/Secret/a", "/folder/secret/a?dsName=b"):
            said = await stood.ask("GET", path, ada)
            assert (said.status, said.body) == (404, b"This address is not forwarded.\n")
        assert (await stood.ask("GET", FILE, ada)).status == 200
        assert len(stood.server.got) == 1


async def test_where_the_upstream_is_paused_no_ticket_goes_through(stood: Stand) -> None:
    stood.paused = True
    said = await stood.ask("GET", NFC)
    assert (said.status, said.headers["retry-after"]) == (503, "15")
    assert b"paused" in said.body
    assert not stood.server.got


def asked(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: vc1.gate", *headers, "", "")).encode()


async def test_strangers_have_a_part_of_the_places_and_one_address_half_of_it(
    stood: Stand,
) -> None:
    stood.server.answers.clear()
    await stood.peer(asked(NFC))
    await until(lambda: len(stood.server.got) == 1)
    assert (await stood.ask("GET", NFC)).status == 503
    ada = await stood.login()
    await stood.peer(asked(FILE, ada))
    await until(lambda: len(stood.server.got) == 2)
    stood.server.answers.set()


async def test_uploads_of_strangers_that_stand_still_make_room_for_who_waits(stood: Stand) -> None:
    begun = asked(NFC, "Transfer-Encoding: chunked").replace(b"GET", b"PUT") + b"5\r\nhello\r\n"
    still = [(await stood.peer(begun, f"127.0.0.{one}"))[0] for one in (2, 3)]
    await until(lambda: len(stood.server.got) == 2)
    stood.server.files[NFC] = b"abc"
    reader, _ = await stood.peer(asked(NFC))
    await until(lambda: stood.transfers._strangers._slots.waiting == 1)
    for seconds in (0.0, WINDOW):
        assert len(stood.server.got) == 2
        stood.transfers.tidy(seconds)
    async with asyncio.timeout(PATIENCE):
        assert b" 200 " in await reader.readuntil(b"\r\n")
    assert stood.transfers.under_way < 3
    ended, others = await asyncio.wait(
        [asyncio.create_task(one.read()) for one in still],
        timeout=PATIENCE,
        return_when=asyncio.FIRST_COMPLETED,
    )
    assert len(ended) == 1
    for one in others:
        one.cancel()


async def test_downloads_of_strangers_that_do_not_read_make_room_for_who_waits(
    stood: Stand,
) -> None:
    stood.server.files[NFC] = b"x" * (48 << 20)
    for one in (2, 3):
        _, writer = await stood.peer(asked(NFC), f"127.0.0.{one}")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: stood.transfers._strangers.taken == 2)
    reader, _ = await stood.peer(asked(NFC))
    head = asyncio.create_task(reader.readuntil(b"\r\n"))
    windows = count()

    def served() -> bool:
        """A window later each time it is asked: what stands still moves nothing in one."""
        stood.transfers.tidy(next(windows) * WINDOW)
        return head.done()

    await until(served)
    assert b" 200 " in await head


async def test_one_user_has_half_of_the_places(stood: Stand) -> None:
    ada, bob = await stood.login(), await stood.login("bob")
    stood.server.answers.clear()
    for _ in range(4):
        await stood.peer(asked(FILE, ada))
    await until(lambda: len(stood.server.got) == 4)
    assert (await stood.ask("GET", FILE, ada)).status == 503
    await stood.peer(asked(FILE, bob))
    await until(lambda: len(stood.server.got) == 5)
    assert stood.opened == 1  # no place of a call is taken
    stood.server.answers.set()


async def test_a_session_that_ends_takes_its_transfers_with_it(stood: Stand) -> None:
    ada, bob = await stood.login(), await stood.login("bob")
    stood.server.files[FILE] = bytes(16 << 20)
    begun, _ = await stood.peer(asked(FILE, ada))
    other, _ = await stood.peer(asked(FILE, bob))
    for reader in (begun, other):
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"\r\n\r\n")
    stood.server.answers.clear()
    waiting, _ = await stood.peer(asked(FILE, ada))
    await until(lambda: len(stood.server.got) == 3)
    for key in [one.key async for one in stood.gate.sessions.list() if one.principal == "ada"]:
        session = await stood.gate.sessions.find(key)
        assert session is not None
        await stood.gate.sessions.end(key, Ended.LOGOUT)
        stood.transfers.session_ended(session.key)
    for reader in (begun, waiting):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(PATIENCE):
                await reader.readexactly(16 << 20)
    async with asyncio.timeout(PATIENCE):
        assert len(await other.readexactly(16 << 20)) == 16 << 20
    stood.server.answers.set()


async def test_a_stop_ends_them(stood: Stand) -> None:
    ada = await stood.login()
    stood.server.answers.clear()
    reader, _ = await stood.peer(asked(FILE, ada))
    await until(lambda: len(stood.server.got) == 1)
    stood.transfers.close()
    async with asyncio.timeout(PATIENCE):
        assert not await reader.read()
    await until(lambda: stood.at_rest)


async def test_a_transfer_is_use_of_its_session(stood: Stand) -> None:
    ada = await stood.login()
    stood.server.answers.clear()
    await stood.peer(asked(FILE, ada))
    await stood.peer(asked(NFC))
    await until(lambda: len(stood.server.got) == 2)
    for now in (100.0, 130.0, 161.0):
        stood.transfers.tidy(now)
    await until(lambda: len(stood.touched) == 2)
    assert len(set(stood.touched)) == 1
    stood.server.answers.set()


async def test_an_upstream_that_is_slow_to_take_it_is_late(tmp_path: Path) -> None:
    rules = msgspec.structs.replace(RULES, timeout=timedelta(milliseconds=500))
    async with stand(tmp_path, rules=rules) as stood:
        ada = await stood.login()
        stood.server.reads.clear()
        said = await stood.ask("PUT", FILE, ada, body=bytes(64 << 20))
        assert said.status == 500
        assert stood.audit.told == [("ada", "PUT of folder", "unknown", "lease-1")]


async def test_in_mode_session_each_has_a_lease_for_as_long_as_it_takes(tmp_path: Path) -> None:
    async with stand(tmp_path, exclusive=True) as stood:
        stood.server.files[FILE] = b"abc"
        ada, bob = await stood.login(), await stood.login("bob")
        stood.server.answers.clear()
        for who in (ada, bob):
            await stood.peer(asked(FILE, who))
        await until(lambda: len(stood.server.got) == 2)
        cookies = {got.all("cookie")[0] for got in stood.server.got}
        assert len(cookies) == stood.opened == 2
        stood.server.answers.set()
        await until(lambda: stood.at_rest)
        assert all(lease.is_free for lease in stood.pool.leases)


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_sec_44_a_redirect_to_another_server_does_not_reach_the_client(
    stood: Stand, method: str
) -> None:
    ada = await stood.login()
    stood.server.says[FILE] = reply(307, b"", "Location: https://evil.example/folder/a?canary=1")
    with capture_logs() as logs:
        for _ in range(2):
            said = await stood.ask(method, FILE, ada, body=b"x" if method == "PUT" else None)
            assert said.status == 404
            assert b"evil" not in said.raw
            assert b"points to another server" in said.body
    (line,) = (one for one in logs if one["log_level"] == "warning")
    assert line["host"] == "evil.example"
    assert "upstream.vc1.forward.service_tickets" in line["way_out"]
    assert "canary" not in repr(logs)


async def test_a_redirect_to_the_upstream_itself_leads_here(stood: Stand) -> None:
    ada = await stood.login()
    stood.server.says[FILE] = reply(307, b"", f"Location: {stood.server.url}/nfc/x/b?c")
    said = await stood.ask("GET", FILE, ada)
    assert (said.status, said.headers["location"]) == (307, "/nfc/x/b?c")
    stood.server.says[FILE] = reply(201, b"", "Location: https://evil.example/folder/a")
    said = await stood.ask("GET", FILE, ada)
    assert (said.status, "location" in said.headers) == (201, False)


async def until_reset(stood: Stand, target: str, *headers: str) -> bytes:
    """All that comes of a reply that breaks off."""
    head = "\r\n".join((f"GET {target} HTTP/1.1", "Host: vc1.gate", *headers, "", ""))
    reader, _ = await stood.peer(head.encode())
    raw = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                raw += await reader.readexactly(1)
    except ConnectionResetError:
        return raw


async def test_sec_92_a_file_or_head_that_shows_a_session_of_ours_breaks_off(stood: Stand) -> None:
    ada = await stood.login()
    canary = b"canary-token-1"
    assert (await stood.ask("GET", FILE, ada)).status == 200
    for size in (0, 1, 300_000):
        before, after = b"x" * size, b"y" * 300_000
        stood.server.files[FILE] = before + canary + after
        body = (await until_reset(stood, FILE, ada)).partition(b"\r\n\r\n")[2]
        assert before.startswith(body)
    assert stood.meters.forwarded["transfer", "refused"] == 3
    stood.server.files[FILE] = canary[:-1] + b"x"
    assert (await stood.ask("GET", FILE, ada)).body == canary[:-1] + b"x"
    # Nor by a ticket, whoever asks.
    stood.server.says[NFC] = reply(200, b"a" + canary)
    assert (await until_reset(stood, NFC)).endswith(b"\r\n\r\n")
    for head in ("ETag: canary-token-1", "Location: /x?canary-token-1"):
        stood.server.says[FILE] = reply(200, b"abc", head)
        said = await stood.ask("GET", FILE, ada)
        assert (said.status, b"canary-token" in said.raw) == (404, False)
        said = await stood.ask("PUT", FILE, ada, body=b"abc")
        assert (said.status, b"canary-token" in said.raw) == (500, False)


async def test_sec_92_a_session_of_ours_is_not_had_in_two_halves(stood: Stand) -> None:
    """Each range is looked at with what stands around it."""
    ada = await stood.login()
    canary = b"canary-token-1"
    assert (await stood.ask("GET", FILE, ada)).status == 200
    stood.server.files[FILE] = b"x" * 100 + canary + b"y" * 100
    for first in range(101, 100 + len(canary)):
        for wanted in (f"0-{first - 1}", f"{first}-", f"-{214 - first}", f"{first}-{first}"):
            raw = await until_reset(stood, FILE, ada, f"Range: bytes={wanted}")
            body = raw.partition(b"\r\n\r\n")[2]
            assert not {*canary.decode()} & {*body.decode()} - {"x", "y"}, wanted
    said = await stood.ask("GET", FILE, ada, "Range: bytes=0-20")
    assert (said.status, said.body) == (206, b"x" * 21)
    assert said.headers["content-range"] == "bytes 0-20/214"
    said = await stood.ask("GET", FILE, ada, "Range: bytes=190-")
    assert (said.status, said.body) == (206, b"y" * 24)
    assert stood.at_rest


@pytest.mark.parametrize(
    ("wanted", "status", "body", "told"),
    [
        ("bytes=0-2", 206, b"abc", "bytes 0-2/60"),
        ("bytes=23-26", 206, b"defg", "bytes 23-26/60"),
        ("bytes=55-99", 206, b"fghij", "bytes 55-59/60"),
        ("bytes=-3", 206, b"hij", "bytes 57-59/60"),
        ("bytes=60-", 416, b"", "bytes */60"),
        ("bytes=600-", 416, b"", "bytes */60"),
        ("bytes=0-1,5-6", 200, b"abcdefghij" * 6, ""),
    ],
)
async def test_a_range_is_what_the_upstream_would_have_sent(
    stood: Stand, wanted: str, status: int, body: bytes, told: str
) -> None:
    ada = await stood.login()
    assert (await stood.ask("GET", FILE, ada)).status == 200
    stood.server.files[FILE] = b"abcdefghij" * 6
    said = await stood.ask("GET", FILE, ada, f"Range: {wanted}", 'If-Range: "x"')
    assert (said.status, said.body) == (status, body)
    assert said.headers.get("content-range", "") == told
    assert said.headers["content-length"] == str(len(body))


@pytest.mark.parametrize("said", ["bytes 3-4/9", "bytes 0-1/*", "lines 0-1/9", ""])
async def test_a_part_that_is_another_one_is_not_handed_on(stood: Stand, said: str) -> None:
    ada = await stood.login()
    head = (f"Content-Range: {said}",) if said else ()
    stood.server.says[FILE] = reply(206, b"ab", *head)
    assert (await stood.ask("GET", FILE, ada, "Range: bytes=0-1")).status == 500
    assert (await stood.ask("GET", FILE, ada)).status == 500  # nobody has asked for a part
    assert stood.at_rest
