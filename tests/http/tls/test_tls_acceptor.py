"""The door with TLS: sockets count from accept on, and those beyond the caps are closed at once."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sessiongate.http.bounds.admission import (
    MADE_ROOM,
    TOO_MANY,
    TOO_MANY_HANDSHAKES,
    TOO_MANY_OF_ADDRESS,
)
from sessiongate.http.connection.causes import HANDSHAKE_FAILED
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import Listener, listen
from sessiongate.http.tls.tls_acceptor import HANDSHAKE
from sessiongate.tls.server import tls_context
from tests.http.listening.test_listener import GET, NOW, Pair, client, who
from tests.http.wires import Time
from tests.until import PATIENCE, until


class House:
    """A listener with TLS."""

    def __init__(self, folder: Path) -> None:
        self.pair = Pair(folder)
        self.time = Time()
        self.refusals: Counter[str] = Counter()
        self.listener: Listener
        self.writers: list[asyncio.StreamWriter] = []

    async def open(self, **limits: Any) -> None:
        self.listener = await listen(
            "127.0.0.1:0",
            who,
            HttpLimits(**limits),
            tls_context(self.pair.certificate, self.pair.key),
            now=self.time,
            refusals=self.refusals,
        )

    async def silent(self) -> asyncio.StreamReader:
        """A socket that connects and says nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        self.writers.append(writer)
        return reader

    async def ask(self) -> bytes:
        context = client(self.pair, ssl.TLSVersion.TLSv1_3)
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.listener.port, ssl=context
            )
            writer.write(GET)
            answer = await reader.read(-1)
        writer.close()
        return answer

    @property
    def inside(self) -> int:
        return self.listener.admission.inside


Open = Callable[..., Any]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    yield made
    for writer in made.writers:
        writer.close()
    await made.listener.stop(NOW)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the server has closed without a word."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionResetError):
            return await reader.read(-1) == b""
    return True


async def test_sec_74_a_socket_counts_before_its_handshake(house: House) -> None:
    await house.open()
    for _ in range(5):
        await house.silent()
    await until(lambda: house.inside == 5)
    assert house.listener.admission.handshakes == 5
    assert house.listener.connections == 0
    assert (await house.ask()).startswith(b"HTTP/1.1 200 ")
    await until(lambda: house.inside == 5)


async def test_sec_74_beyond_the_caps_a_socket_is_closed_at_once(house: House) -> None:
    await house.open(connections=6)
    for _ in range(3):
        await house.silent()
    await until(lambda: house.inside == 3)
    assert await closed(await house.silent())
    assert house.refusals[TOO_MANY_HANDSHAKES] == 1
    assert house.inside == 3


async def test_sec_74_one_address_may_not_take_all(house: House) -> None:
    await house.open(connections_per_address=2)
    for _ in range(2):
        await house.silent()
    await until(lambda: house.inside == 2)
    assert await closed(await house.silent())
    assert house.refusals[TOO_MANY_OF_ADDRESS] == 1


async def test_each_refusal_before_a_request_is_told_to_the_log(house: House) -> None:
    """The page of troubles promises a line for each, where they are asked for."""
    await house.open(connections=6)
    with capture_logs() as lines:
        for _ in range(3):
            await house.silent()
        await until(lambda: house.inside == 3)
        assert await closed(await house.silent())
        house.time.at += 2
        reader = await house.silent()  # makes room
        house.writers[-1].write(GET)  # and fails its handshake
        await closed(reader)
        await until(lambda: house.refusals[HANDSHAKE_FAILED] == 1)
    said = [line for line in lines if line["event"] == "request refused"]
    assert {line["log_level"] for line in said} == {"debug"}
    assert {line["peer"] for line in said} == {"127.0.0.1"}
    causes = Counter(line["cause"] for line in said)
    assert causes == {TOO_MANY_HANDSHAKES: 1, MADE_ROOM: 1, HANDSHAKE_FAILED: 1}
    assert causes == +house.refusals
    assert all(GET.decode()[:5] not in str(line) for line in said)


async def test_sec_74_who_says_nothing_makes_room_for_who_does(house: House) -> None:
    await house.open(connections=6)
    silent = [await house.silent() for _ in range(3)]
    await until(lambda: house.inside == 3)
    house.time.at += 2
    assert (await house.ask()).startswith(b"HTTP/1.1 200 ")
    assert await closed(silent[0])
    assert house.refusals[MADE_ROOM] == 1
    await until(lambda: house.inside == 2)
    assert house.refusals[HANDSHAKE_FAILED] == 0


async def test_sec_74_so_does_who_says_nothing_after_the_handshake(house: House) -> None:
    await house.open(connections=2)
    context = client(house.pair, ssl.TLSVersion.TLSv1_3)
    handshake_done = []
    for _ in range(2):
        handshake_done.append(
            await asyncio.open_connection("127.0.0.1", house.listener.port, ssl=context)
        )
        await until(lambda: house.listener.connections == len(handshake_done))
    assert await closed(await house.silent())
    assert house.refusals[TOO_MANY] == 1
    house.time.at += 2
    assert (await house.ask()).startswith(b"HTTP/1.1 200 ")
    with contextlib.suppress(ConnectionResetError):
        assert await handshake_done[0][0].read(-1) == b""
    for _, writer in handshake_done:
        writer.transport.abort()


async def test_sec_74_a_handshake_that_fails_gives_its_place_back(house: House) -> None:
    await house.open()
    for said in (GET, b"\x16\x03\x01\x02\x00\x01\x00", b""):
        reader = await house.silent()
        house.writers[-1].write(said)
        house.writers[-1].write_eof()
        assert not (await reader.read(-1)).startswith(b"HTTP")
    await until(lambda: house.inside == 0)
    assert house.refusals[HANDSHAKE_FAILED] == 3


async def test_sec_74_a_handshake_has_its_time(house: House) -> None:
    await house.open()
    silent = await house.silent()
    await until(lambda: house.inside == 1)
    # At most ten seconds, of which the next look may take one.
    house.time.at += HANDSHAKE - 1.1
    house.listener.sweep()
    assert house.inside == 1
    house.time.at += 0.2
    house.listener.sweep()
    assert await closed(silent)
    await until(lambda: house.inside == 0)
    assert house.refusals[HANDSHAKE_FAILED] == 1
    assert HANDSHAKE == 10.0


async def test_whoever_has_shaken_hands_is_not_late(house: House) -> None:
    await house.open()
    assert await house.ask()
    house.time.at += HANDSHAKE
    house.listener.sweep()
    assert house.refusals[HANDSHAKE_FAILED] == 0


async def test_sec_74_stopping_ends_handshakes(house: House) -> None:
    await house.open()
    reader = await house.silent()
    await until(lambda: house.inside == 1)
    await house.listener.stop(NOW)
    assert await closed(reader)
    assert house.inside == 0


async def test_sec_90_a_new_certificate_is_for_handshakes_to_come(
    house: House, tmp_path: Path
) -> None:
    await house.open()
    context = client(house.pair, ssl.TLSVersion.TLSv1_3)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port, ssl=context)
    (tmp_path / "new").mkdir()
    new = Pair(tmp_path / "new")
    house.listener.change(HttpLimits(), tls_context(new.certificate, new.key))
    with pytest.raises(ssl.SSLError):
        await house.ask()
    house.pair = new
    assert (await house.ask()).startswith(b"HTTP/1.1 200 ")
    writer.write(GET)
    assert (await reader.read(-1)).startswith(b"HTTP/1.1 200 ")
    writer.close()
