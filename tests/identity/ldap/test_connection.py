"""One connection: what counts as no answer, and who is believed to be the directory."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sessiongate.identity.ldap.connection import LdapAddress, LdapConnection, NoAnswer
from sessiongate.identity.ldap.filter import Has
from sessiongate.identity.ldap.messages import LARGEST, Result
from sessiongate.secret import Secret
from sessiongate.tls import certificates
from sessiongate.tls.trust import Trust
from tests.identity.ldap.test_messages import tlv
from tests.peers.slapd import PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX, Slapd
from tests.until import PATIENCE, until

PLAIN = None
PASSWORD = Secret(SERVICE_PASSWORD)
EVERYBODY = Has("objectClass")

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def context_of(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def connect(
    address: LdapAddress, tls: ssl.SSLContext | None, limit: float = 5.0
) -> LdapConnection:
    return await LdapConnection.open(address, tls, connect_limit=limit, limit=limit)


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[LdapAddress]:
    """A server on a free port that talks like this to each client."""
    ended: list[asyncio.Task[None]] = []

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        ended.append(task)
        try:
            await talk(reader, writer)
            writer.close()
        except (asyncio.CancelledError, ConnectionError):
            writer.transport.abort()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield LdapAddress("127.0.0.1", server.sockets[0].getsockname()[1], tls=False)
    finally:
        server.close()
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        await asyncio.wait_for(server.wait_closed(), PATIENCE)


def answering(data: bytes, *, stay: bool = True) -> Talk:
    """A server that sends these bytes when it has been asked something."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        await writer.drain()
        if stay:
            await reader.read()

    return talk


BOUND = bytes.fromhex("300c0201016107 0a0100 0400 0400")


async def test_an_answer_is_told() -> None:
    async with serving(answering(BOUND)) as address:
        connection = await connect(address, PLAIN)
        assert await connection.bind("cn=x", PASSWORD) == Result(0, "")
        assert not connection.closed
        connection.close()
        connection.close()
        assert connection.closed
        with pytest.raises(NoAnswer):
            await connection.bind("cn=x", PASSWORD)


@pytest.mark.parametrize(
    ("data", "stay", "why"),
    [
        (b"", False, "hung up"),
        (BOUND[:-1], False, "hung up"),
        (b"", True, "no answer within"),
        (BOUND[:-1], True, "no answer within"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", True, "unreadable"),
        (b"\x30\x84\x7f\xff\xff\xff", True, "unreadable"),
        # A notice of disconnection has number 0; any other number is an answer to nobody.
        (BOUND.replace(b"\2\1\1", b"\2\1\0"), True, "ends the connection"),
        (BOUND.replace(b"\2\1\1", b"\2\1\7"), True, "ends the connection"),
        (bytes.fromhex("3005020101 6100"), True, "unreadable"),
    ],
)
async def test_whatever_is_no_answer_is_told_as_none(data: bytes, stay: bool, why: str) -> None:
    async with serving(answering(data, stay=stay)) as address:
        connection = await connect(address, PLAIN, limit=0.2 if "within" in why else 5.0)
        with pytest.raises(NoAnswer, match=why):
            await connection.bind("cn=x", PASSWORD)
        assert connection.closed


async def test_an_entry_that_cannot_be_read_is_no_answer() -> None:
    entry = bytes.fromhex("3005020101 6400")
    found = BOUND.replace(b"\x61\x07", b"\x65\x07")
    async with serving(answering(entry + found)) as address:
        connection = await connect(address, PLAIN)
        with pytest.raises(NoAnswer, match="unreadable"):
            await connection.search("dc=x", EVERYBODY, ["cn"])
        assert connection.closed


async def test_an_endless_answer_is_given_up() -> None:
    entry = bytes.fromhex("30820411 020101 6482040a 0400 30820404") + bytes.fromhex(
        "30820400 0400 318203fa 048203f6"
    )
    entry += b"x" * 0x3F6

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        while not writer.is_closing():
            writer.write(entry * 64)
            try:
                await writer.drain()
            except ConnectionError:
                return

    async with serving(talk) as address:
        connection = await connect(address, PLAIN, limit=30)
        with pytest.raises(NoAnswer, match="too large"):
            await connection.search("dc=x", EVERYBODY, ["cn"])


async def test_references_to_elsewhere_are_not_followed() -> None:
    reference = bytes.fromhex("300c020101 7307 0405") + b"ldap:"
    found = BOUND.replace(b"\x61\x07", b"\x65\x07")
    async with serving(answering(reference + found)) as address:
        connection = await connect(address, PLAIN)
        assert await connection.search("dc=x", EVERYBODY, ["cn"]) == ([], Result(0, ""))
        connection.close()


def who(code: int, *parts: bytes) -> bytes:
    """The answer to "Who am I?"."""
    return tlv(
        0x30, tlv(2, b"\1"), tlv(0x78, tlv(10, bytes([code])), tlv(4), tlv(4, b"text"), *parts)
    )


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (who(0, tlv(0x8B, "dn:cn=é".encode())), "dn:cn=é"),
        (who(0, tlv(0x8A, b"1.2"), tlv(0x8B, b"u:CORP\\ada")), "u:CORP\\ada"),
        (who(0, tlv(0x8B)), ""),
        (who(0), ""),
        (who(2), None),
        (who(53, tlv(0x8B, b"dn:cn=x")), None),
    ],
)
async def test_sec_89_who_is_logged_in_is_told_or_is_not(answer: bytes, told: str | None) -> None:
    async with serving(answering(answer)) as address:
        connection = await connect(address, PLAIN)
        assert await connection.who_am_i() == told
        connection.close()


@pytest.mark.parametrize(
    "answer", [who(0, tlv(0x8B, b"\xff")), who(0, tlv(0x8B, b"dn:a"), tlv(0x8B, b"dn:b"))]
)
async def test_sec_89_an_answer_that_cannot_be_read_is_nobody_s_name(answer: bytes) -> None:
    async with serving(answering(answer)) as address:
        connection = await connect(address, PLAIN)
        with pytest.raises(NoAnswer, match="unreadable"):
            await connection.who_am_i()
        assert connection.closed


@pytest.mark.parametrize(("limit", "asked"), [(5.0, 4), (1.5, 1), (0.3, 1), (60.0, 59)])
async def test_a_server_is_told_to_give_up_before_we_do(limit: float, asked: int) -> None:
    """So that a search that takes too long is told from a server that says nothing."""
    sent: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.set_result(await reader.read(1000))
        writer.write(BOUND.replace(b"\x61\x07", b"\x65\x07"))
        await reader.read()

    async with serving(talk) as address:
        connection = await connect(address, PLAIN, limit=limit)
        await connection.search("dc=x", EVERYBODY, ["cn"])
        connection.close()
    # Size limit, time limit, typesOnly: RFC 4511, section 4.5.1.
    assert tlv(2, b"\0") + tlv(2, bytes([asked])) + tlv(1, b"\0") in await sent


@pytest.mark.peer
async def test_sec_89_a_real_server_says_who_is_bound(slapd: Slapd) -> None:
    address = LdapAddress("127.0.0.1", slapd.plain_port, tls=False)
    connection = await connect(address, PLAIN)
    assert await connection.who_am_i() == ""
    name = f"uid=ada,{PEOPLE}"
    assert (await connection.bind(name, Secret("ada's pass:word/1"))).code == 0
    assert await connection.who_am_i() == f"dn:{name}"
    connection.close()


async def test_sec_31_an_anonymous_bind_is_never_sent() -> None:
    sent: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        sent.set_result(await reader.read())

    async with serving(talk) as address:
        connection = await connect(address, PLAIN)
        for name, password in (("", "x"), ("cn=x", ""), ("", "")):
            with pytest.raises(ValueError, match="anonymous"):
                await connection.bind(name, Secret(password))
        connection.close()
        # Nothing but the good-bye.
        assert await asyncio.wait_for(sent, PATIENCE) == bytes.fromhex("30050201014200")


async def test_a_server_that_will_not_start_tls_learns_no_password() -> None:
    said = bytearray()
    refused = bytes.fromhex("300c0201017807 0a0102 0400 0400")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.extend(await reader.read(100))
        writer.write(refused)
        said.extend(await reader.read())

    async with serving(talk) as address:
        with pytest.raises(NoAnswer, match="StartTLS is refused"):
            await connect(address, unverified())
    assert SERVICE_PASSWORD.encode() not in said


async def test_what_comes_before_tls_is_not_taken_for_what_comes_inside() -> None:
    started = bytes.fromhex("300c0201017807 0a0100 0400 0400")
    async with serving(answering(started + BOUND)) as address:
        with pytest.raises(NoAnswer, match="between"):
            await connect(address, unverified())


@pytest.mark.peer
@pytest.mark.parametrize("tls", [True, False])
class TestSec67TheDirectoryProvesItself:
    """Over ldaps:// and over StartTLS alike."""

    @staticmethod
    def address(slapd: Slapd, tls: bool) -> LdapAddress:
        return LdapAddress("127.0.0.1", slapd.tls_port if tls else slapd.plain_port, tls)

    async def works(self, slapd: Slapd, tls: bool, believed: ssl.SSLContext) -> None:
        connection = await connect(self.address(slapd, tls), believed)
        assert (await connection.bind(SERVICE, PASSWORD)).code == 0
        entries, end = await connection.search(PEOPLE, EVERYBODY, ["uid"], most=3)
        assert (len(entries), end.code) == (3, 4)
        entries, end = await connection.search(SUFFIX, EVERYBODY, ["dc"], subtree=False)
        assert entries[0].attributes == {"dc": (b"corp",)}
        connection.close()

    async def fails(self, slapd: Slapd, tls: bool, believed: ssl.SSLContext, why: str) -> None:
        with pytest.raises(NoAnswer, match=why):
            await connect(self.address(slapd, tls), believed)

    async def test_sec_67_by_its_ca(self, slapd: Slapd, tls: bool) -> None:
        await self.works(slapd, tls, context_of(slapd.ca))

    async def test_sec_67_an_unknown_ca_is_refused(self, slapd: Slapd, tls: bool) -> None:
        await self.fails(slapd, tls, ssl.create_default_context(), "TLS failed")

    async def test_sec_67_another_name_is_refused(
        self, slapd: Slapd, tls: bool, tmp_path: Path
    ) -> None:
        with Slapd(tmp_path, names=("dc1.corp.example",)) as other:
            await self.fails(other, tls, context_of(other.ca), "127.0.0.1")
            # The CA is right: by name it works.
            await self.works(other, tls, unverified())

    @pytest.mark.parametrize("digest", ["sha256", "sha1"])
    async def test_sec_67_by_its_fingerprint(self, slapd: Slapd, tls: bool, digest: str) -> None:
        der = certificates.read_der(slapd.tls.certificate)
        right = hashlib.new(digest, der).hexdigest()
        await self.works(slapd, tls, Trust(None, ("0" * 64, right)).context())
        wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
        await self.fails(slapd, tls, Trust(None, (wrong,)).context(), "another fingerprint")
        await self.fails(slapd, tls, Trust(slapd.ca, (wrong,)).context(), "another fingerprint")
        await self.works(slapd, tls, Trust(slapd.ca, (wrong, right)).context())


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (LdapAddress("dc1", 636, tls=True), "ldaps://dc1:636"),
        (LdapAddress("::1", 389, tls=False), "ldap://[::1]:389"),
    ],
)
def test_an_address_is_written_as_in_the_settings(address: LdapAddress, text: str) -> None:
    assert str(address) == text


REFERENCE = bytes.fromhex("3007 020101 7302 0400")
DONE = bytes.fromhex("300c0201016507 0a0100 0400 0400")


async def test_sec_73_many_small_answers_hold_up_nobody() -> None:
    """Ten thousand of them in one read: others have their turn in between."""
    async with serving(answering(b"")) as address:
        connection = await connect(address, PLAIN)
        search = asyncio.create_task(connection.search("o=x", EVERYBODY, ()))
        await asyncio.sleep(0)
        connection.data_received(REFERENCE * 10_000 + DONE)
        turns = 0
        while not search.done():
            await asyncio.sleep(0)
            turns += 1
        assert await search == ([], Result(0, ""))
        assert turns >= 100
        connection.close()


@pytest.mark.parametrize("asked", [False, True], ids=["unasked", "asked"])
async def test_sec_75_a_directory_that_sends_without_end_is_hung_up_on(asked: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The beginning of a message that never ends, and more than any may have.
        writer.write(bytes.fromhex("3084 007f0000"))
        while True:
            writer.write(bytes(1 << 20))
            await writer.drain()

    async with serving(talk) as address:
        connection = await connect(address, PLAIN)
        async with asyncio.timeout(PATIENCE):
            if asked:
                with pytest.raises(NoAnswer):
                    await connection.bind("cn=x", PASSWORD)
            await until(lambda: connection.closed)
        assert len(connection._data) <= 2 * LARGEST
