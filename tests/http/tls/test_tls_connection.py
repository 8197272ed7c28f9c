"""TLS of one connection: what a turn of the loop does for it, and how it begins and ends.

Bytes without sockets, as much of them as one read may bring; the end-to-end floods are in
`tests/end_to_end/test_floods.py`, and handshakes in `test_tls_acceptor.py`.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from sessiongate.http.bounds.loop_turns import SLICE
from sessiongate.http.connection.causes import HANDSHAKE_FAILED, USELESS_RECORDS
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.held_request import SMALL
from sessiongate.http.connection.transport_connection import DROPPED, GOODBYE
from sessiongate.http.limits import HttpLimits
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.tls.client_hello import RETRY
from sessiongate.http.tls.tls_acceptor import TlsAcceptor
from sessiongate.http.tls.tls_connection import PORTION, USELESS, Tls
from sessiongate.tls.server import tls_context
from tests.http.listening.test_listener import Pair, client
from tests.http.records import Peer
from tests.http.wires import GET, Kept, settled, turn
from tests.until import PATIENCE


async def handler(request: Request) -> Reply:
    return Reply(200, (), request.body)


class Socket(Kept):
    """The transport of a socket."""

    def __init__(self, protocol: Tls) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.ended = False
        self._protocol = protocol
        protocol.connection_made(self)

    def come(self, data: bytes) -> bytes:
        """As much of this as one turn reads; the rest is returned."""
        assert self.reading
        buffer = self._protocol.get_buffer(-1)
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        self._protocol.buffer_updated(size)
        return data[size:]

    def taken(self) -> bytes:
        """What was written since."""
        out, self.out = self.out, b""
        return out

    def write_eof(self) -> None:
        self.ended = True


class House:
    """One connection whose peer has shaken hands."""

    def __init__(
        self, folder: Path, handler: Handler = handler, beside: "House | None" = None
    ) -> None:
        """`beside`: another connection of the same listener."""
        self.pair: Pair = Pair(folder) if beside is None else beside.pair
        pair = self.pair
        if beside is None:
            edge = Edge(handler, HttpLimits(), time.thread_time)
            self.acceptor = TlsAcceptor(edge, tls_context(pair.certificate, pair.key))
        else:
            self.acceptor = beside.acceptor
        self.edge = self.acceptor.edge
        before = len(self.edge.connections)
        # In the time of one turn, however long it takes.
        self.edge.now = lambda: 0.0
        self.tls = Tls(self.acceptor)
        self.socket = Socket(self.tls)
        self.peer = Peer(client(pair, ssl.TLSVersion.TLSv1_3), folder)
        said = self.peer.shake(b"")
        while said:
            self.socket.come(said)
            said = b"" if self.peer.handshake_done else self.peer.shake(self.socket.taken())
        assert len(self.edge.connections) == before + 1
        # Then of the processor: a busy machine counts for nothing.
        self.edge.now = time.thread_time
        # Its ticket goes with the first reply.
        assert self.socket.taken() == b""

    async def longest_turn(self, flood: bytes) -> float:
        """Seconds of processor time of the dearest turn, until all of this is read."""
        longest = 0.0
        async with asyncio.timeout(60):
            while flood and not self.socket.closed:
                began = time.thread_time()
                if self.socket.reading:
                    flood = self.socket.come(flood)
                await turn()
                longest = max(longest, time.thread_time() - began)
            while (self.tls._rest or not self.socket.reading) and not self.socket.closed:
                began = time.thread_time()
                await turn()
                longest = max(longest, time.thread_time() - began)
        return longest


@pytest.fixture
async def house(tmp_path: Path) -> House:
    return House(tmp_path)


FLOODS: dict[str, Callable[[Peer], Iterator[bytes]]] = {
    # Empty lines before a request are allowed, so that none of it is useless.
    "key updates between data": lambda peer: (
        peer.key_updates(500) + peer.data(b"\r\n") for _ in range(24)
    ),
    "one byte a record": lambda peer: (peer.data(b"\r\n"[at % 2 :][:1]) for at in range(20_000)),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_sec_73_records_of_next_to_nothing_take_many_turns(
    house: House, flood: Callable[[Peer], Iterator[bytes]]
) -> None:
    """All of them at once took 0.2 to 0.5 seconds of processor time."""
    sent = b"".join(flood(house.peer))
    assert await house.longest_turn(sent) < 0.05
    assert not house.socket.closed
    house.socket.come(house.peer.data(GET % b""))
    async with asyncio.timeout(PATIENCE):
        while not house.socket.out:
            await turn()


async def test_sec_73_who_sends_records_without_data_is_closed(house: House) -> None:
    flood = house.peer.key_updates(2 * USELESS // 27)
    assert await house.longest_turn(flood) < 0.05
    assert house.socket.closed
    assert house.edge.refusals[USELESS_RECORDS] == 1


async def test_some_key_updates_are_in_order(house: House) -> None:
    # Nothing is put off to a later turn, however long this one takes.
    house.edge.now = lambda: 0.0
    for _ in range(3):
        house.socket.come(house.peer.key_updates(20))
        house.socket.come(house.peer.data(GET % b""))
        async with asyncio.timeout(PATIENCE):
            while not house.socket.taken():
                await turn()
    assert not house.socket.closed
    assert house.edge.refusals[USELESS_RECORDS] == 0


async def test_sec_73_nothing_more_is_read_once_the_time_of_the_turn_is_spent(house: House) -> None:
    """However cheap it is: the event loop would read on for as long as there is something."""
    now = house.edge.now()
    house.edge.now = lambda: now
    begun = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    sent = house.peer.data(begun) + b"".join(house.peer.data(bytes(16000)) for _ in range(10))
    sent = house.socket.come(sent)
    assert house.socket.reading
    now += 2 * SLICE
    sent = house.socket.come(sent)
    assert not house.socket.reading
    while not house.socket.reading:
        await turn()
    assert not house.tls._rest


MANY = 40


async def test_sec_73_records_of_many_connections_share_the_time_of_a_turn(tmp_path: Path) -> None:
    """Each had a turn of 5 ms: 200 of them held everybody up for 1.1 seconds."""
    first = House(tmp_path)
    houses = [first, *(House(tmp_path, beside=first) for _ in range(MANY - 1))]
    sent = [one.peer.key_updates(140) + one.peer.data(b"\r\n") for one in houses]
    longest = 0.0
    async with asyncio.timeout(60):
        while any(sent) or any(one.tls._rest for one in houses):
            began = time.thread_time()
            for at, one in enumerate(houses):
                if sent[at] and one.socket.reading:
                    sent[at] = one.socket.come(sent[at])
            await turn()
            longest = max(longest, time.thread_time() - began)
    assert longest < 0.1
    assert not any(one.socket.closed for one in houses)


async def test_sec_75_next_to_nothing_is_held_of_records_that_are_not_read_yet(
    house: House,
) -> None:
    """It was 64 KiB of each connection that does not read its replies, and in no budget."""
    house.tls.pause_writing()
    sent = house.peer.data(bytes(16000)) * 8
    while house.socket.reading:
        sent = house.socket.come(sent)
    assert 0 < len(house.tls._rest) <= SMALL


async def test_sec_73_who_leaves_unread_what_is_sent_is_not_worked_for(house: House) -> None:
    """OpenSSL answers key updates where it is asked to; the answers would pile up."""
    house.tls.pause_writing()
    house.socket.come(house.peer.data(GET % b""))
    assert not house.socket.reading
    assert house.tls._rest
    await turn()
    assert house.tls._rest
    house.tls.resume_writing()
    async with asyncio.timeout(PATIENCE):
        while not house.socket.out:
            await turn()
    assert house.socket.reading


async def test_a_goodbye_is_said_after_the_reply_and_the_peers_is_waited_for(house: House) -> None:
    house.socket.come(house.peer.data(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    async with asyncio.timeout(PATIENCE):
        while not house.socket.ended:
            await turn()
        assert house.tls.is_closing()
        assert not house.socket.closed
        house.tls.write(b"nothing is written after a goodbye")
        house.socket.come(house.peer.data(b"and nothing is read"))
    house.edge.sweep()
    assert not house.socket.closed
    later = house.edge.now() + GOODBYE
    house.edge.now = lambda: later
    house.edge.sweep()
    assert house.socket.closed


async def test_sec_73_after_a_goodbye_a_bounded_number_of_bytes_is_read(house: House) -> None:
    """They are not even decrypted; but a gigabyte took a second of the processor's time."""
    house.socket.come(house.peer.data(b"GET / HTTP/1.1\r\n\r\n"))
    assert house.socket.ended
    read = 0
    while house.socket.reading and read < 2 * DROPPED:
        house.socket.come(bytes(PORTION))
        read += PORTION
    assert DROPPED < read <= DROPPED + PORTION
    assert not house.socket.closed


async def test_the_ticket_goes_with_the_first_reply_in_one_packet(house: House) -> None:
    house.socket.come(house.peer.data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    async with asyncio.timeout(PATIENCE):
        while not house.socket.out:
            await turn()
    before = len(house.socket.out)
    assert house.peer.reads(house.socket.taken()).startswith(b"HTTP/1.1 200 OK\r\n")
    house.socket.come(house.peer.data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    async with asyncio.timeout(PATIENCE):
        while not house.socket.out:
            await turn()
    assert before - len(house.socket.out) > 200  # of a ticket


async def test_who_is_gone_at_once_is_closed_at_once(house: House) -> None:
    house.tls.eof_received()
    assert house.socket.closed
    house.tls.connection_lost(None)
    assert not house.edge.connections
    assert house.edge.admission.inside == 0


async def test_a_record_that_was_forged_ends_the_connection(house: House) -> None:
    record = house.peer.data(GET % b"")
    house.socket.come(record[:-1] + bytes([record[-1] ^ 1]))
    assert house.socket.closed


async def test_a_long_record_may_come_in_many_pieces(house: House) -> None:
    body = bytes(range(250)) * 60
    request = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    record = house.peer.data(request + body)
    assert len(record) > 3 * PORTION
    for at in range(0, len(record), 100):
        while not house.socket.reading:  # a turn is spent sooner on a busy machine
            await turn()
        house.socket.come(record[at : at + 100])
    async with asyncio.timeout(PATIENCE):
        while len(house.socket.out) < len(body):
            await turn()


class Counted:
    """A BIO, and the most that it ever held, which is what it keeps room for."""

    def __init__(self, bio: ssl.MemoryBIO) -> None:
        self._bio = bio
        self.most = 0

    @property
    def pending(self) -> int:
        return self._bio.pending

    def read(self) -> bytes:
        self.most = max(self.most, self._bio.pending)
        return self._bio.read()


@pytest.mark.parametrize("size", [1, 8192, 8193, 60_000, 300_000])
async def test_sec_75_a_connection_keeps_no_room_for_its_largest_reply(
    tmp_path: Path, size: int
) -> None:
    """A memory BIO never shrinks. 63 KB stayed of each connection that had had a large reply."""
    body = bytes(range(250)) * (size // 250 + 1)

    async def large(request: Request) -> Reply:
        return Reply(200, (), body[:size])

    house = House(tmp_path, large)
    counted = Counted(house.tls._outgoing)
    house.tls._outgoing = cast("ssl.MemoryBIO", counted)
    house.socket.come(house.peer.data(GET % b""))
    async with asyncio.timeout(PATIENCE):
        while len(house.socket.out) < size:
            await turn()
    assert house.peer.reads(house.socket.out).endswith(b"\r\n\r\n" + body[:size])
    assert 0 < counted.most <= 8192 + 256


class Stranger:
    """A socket that has been accepted, and has not shaken hands."""

    def __init__(self, folder: Path) -> None:
        pair = Pair(folder)
        self.pair = pair
        self.edge = Edge(handler, HttpLimits(), lambda: 0.0)
        self.tls = Tls(TlsAcceptor(self.edge, tls_context(pair.certificate, pair.key)))
        self.socket = Socket(self.tls)

    async def sends(self, data: bytes) -> int:
        """How many bytes of it are taken before the connection is closed."""
        left = data
        async with asyncio.timeout(PATIENCE):
            while left and not self.socket.closed:
                if self.socket.reading:
                    left = self.socket.come(left[:4096]) + left[4096:]
                await turn()
        return len(data) - len(left)


def hello(declared: int, come: int, record: int = 16384) -> bytes:
    """So many bytes of a ClientHello that says it has `declared`, in records of this size."""
    message = (b"\x01" + declared.to_bytes(3, "big") + b"\x03\x03").ljust(come, b"A")[:come]
    pieces = [message[at : at + record] for at in range(0, come, record)]
    return b"".join(b"\x16\x03\x01" + len(one).to_bytes(2, "big") + one for one in pieces)


@pytest.mark.parametrize("record", [100, 16384])
async def test_sec_74_a_handshake_has_a_bound(tmp_path: Path, record: int) -> None:
    """900 unfinished ones of 120 KB had taken 146 MB."""
    stranger = Stranger(tmp_path)
    assert await stranger.sends(hello(131_000, 120_000, record)) <= USELESS + PORTION
    assert stranger.socket.closed
    stranger.tls.connection_lost(None)
    assert stranger.edge.refusals[HANDSHAKE_FAILED] == 1
    assert stranger.edge.admission.inside == 0


async def test_sec_74_nothing_is_made_for_a_hello_that_is_not_whole(tmp_path: Path) -> None:
    """OpenSSL makes room for all that is declared: 100 bytes had cost 154 KB."""
    stranger = Stranger(tmp_path)
    await stranger.sends(hello(131_000, 100))
    assert not hasattr(stranger.tls, "_object")
    assert not stranger.socket.closed


async def test_sec_74_neither_for_a_second_one(tmp_path: Path) -> None:
    stranger = Stranger(tmp_path)
    # The client offers a key of another group first, and is asked for one of this.
    stranger.tls._acceptor.context.set_ecdh_curve("secp384r1")
    context = client(stranger.pair, ssl.TLSVersion.TLSv1_3)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        peer.do_handshake()
    await stranger.sends(outgoing.read())
    assert RETRY in stranger.socket.taken()
    await stranger.sends(hello(131_000, 100))
    assert stranger.tls._incoming.pending == 0
    assert stranger.tls._hello is not None
    assert not stranger.socket.closed
    await stranger.sends(hello(131_000, 120_000))
    assert stranger.socket.closed


async def test_a_second_hello_is_taken(tmp_path: Path) -> None:
    stranger = Stranger(tmp_path)
    stranger.tls._acceptor.context.set_ecdh_curve("secp384r1")
    peer = Peer(client(stranger.pair, ssl.TLSVersion.TLSv1_3), tmp_path)
    said = peer.shake(b"")
    for _ in range(2):
        await stranger.sends(said)
        said = peer.shake(stranger.socket.taken())
    await stranger.sends(said)
    assert len(stranger.edge.connections) == 1


async def test_a_hello_may_come_in_any_pieces(tmp_path: Path) -> None:
    for size in (1, 5, 9, 100):
        stranger = Stranger(tmp_path)
        peer = Peer(client(stranger.pair, ssl.TLSVersion.TLSv1_3), tmp_path)
        said = peer.shake(b"")
        for at in range(0, len(said), size):
            stranger.socket.come(said[at : at + size])
        stranger.socket.come(peer.shake(stranger.socket.taken()))
        assert len(stranger.edge.connections) == 1


async def test_sec_73_handshakes_of_many_are_made_in_many_turns(tmp_path: Path) -> None:
    """Nine hundred whose ClientHello ended at once were worked for in one turn: half a second."""
    house = House(tmp_path)
    hello = Peer(client(Pair(tmp_path), ssl.TLSVersion.TLSv1_3), tmp_path).shake(b"")
    sockets = [Socket(Tls(house.acceptor)) for _ in range(100)]
    for socket in sockets:
        socket.come(hello[:-1])
        while not socket.reading:
            await turn()
    for socket in sockets:
        socket.come(hello[-1:])
    turns = []
    while not all(socket.out for socket in sockets):
        began = time.thread_time()
        await turn()
        turns.append(time.thread_time() - began)
    assert max(turns) < sum(turns) / 3, sorted(turns)[-5:]


@pytest.mark.parametrize("behind", [20_000, 100_000])
async def test_sec_91_a_peer_whose_request_waits_is_seen_to_leave(
    tmp_path: Path, behind: int
) -> None:
    told: list[str] = []
    go_on = asyncio.Event()

    async def waits(request: Request) -> Reply:
        request.when_gone(lambda: told.append(request.path))
        await go_on.wait()
        return Reply(204)

    house = House(tmp_path, waits)
    sent = house.peer.data(GET % b"a")
    sent += b"".join(house.peer.data(b"G" * 10_000) for _ in range(behind // 10_000))
    async with asyncio.timeout(PATIENCE):
        while sent and not told:
            if house.socket.reading:
                sent = house.socket.come(sent)
            await turn()
        while not (house.socket.reading or told):
            await turn()
    assert bool(told) == (behind > 65536)
    house.tls.eof_received()
    assert told == ["/a"]
    go_on.set()
    await settled()
