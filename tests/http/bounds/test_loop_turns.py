"""Many connections never take the event loop from others: what one turn does for all of them."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_network
from itertools import pairwise
from typing import Any

import pytest

from sessiongate.http.bounds.admission import Admission
from sessiongate.http.bounds.loop_turns import ABREAST, SLICE
from sessiongate.http.connection.edge import Edge
from sessiongate.http.limits import HttpLimits
from sessiongate.http.message import Reply, Request
from sessiongate.http.proxies import client_behind, is_trusted
from tests.http.wires import CHUNKED, GET, Time, Wire, done, turn
from tests.until import until

DEAR = 0.001
MANY = 400


class From(Wire):
    """A wire from this address; `vouched` as if a live session had asked by it."""

    def __init__(self, edge: Edge, address: str, *, vouched: bool = False) -> None:
        self.address = address
        super().__init__(edge)
        self.connection._vouched = vouched

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self.address, 1) if name == "peername" else super().get_extra_info(name, default)


class House:
    """Each request takes `cost` seconds in one step."""

    def __init__(self, cost: float = DEAR) -> None:
        self.time = Time()
        self.cost = cost
        self.begun: list[str] = []
        self.edge = Edge(self.handle, HttpLimits(), self.time)

    async def handle(self, request: Request) -> Reply:
        self.time.at += self.cost
        self.begun.append(request.peer)
        return Reply(200)

    def ask(self, address: str, *, vouched: bool = False) -> From:
        wire = From(self.edge, address, vouched=vouched)
        wire.connection.data_received(GET % b"")
        return wire

    async def turns(self, until: Callable[[], bool]) -> list[float]:
        """The seconds that each turn of the loop took until this was so."""
        loop = asyncio.get_running_loop()
        at = [self.time.at]
        done = loop.create_future()

        def next_turn() -> None:
            at.append(self.time.at)
            if until():
                done.set_result(None)
            else:
                loop.call_soon(next_turn)

        loop.call_soon(next_turn)
        async with asyncio.timeout(60):
            await done
        return [after - before for before, after in pairwise(at)]


async def test_sec_73_many_connections_have_one_slice_of_a_turn() -> None:
    """One hundred that each completed a dear document in one turn held everybody up for 7 s."""
    house = House()
    before = house.time.at
    wires = [house.ask("192.0.2.1") for _ in range(MANY)]
    first = house.time.at - before
    took = await house.turns(lambda: len(house.begun) == MANY)
    assert max(first, *took) <= 2 * SLICE + ABREAST * DEAR + 1e-9
    await turn()
    assert all(wire.out.startswith(b"HTTP/1.1 200") for wire in wires)


async def test_sec_73_dearer_ones_begin_one_by_one() -> None:
    house = House(cost=0.1)
    before = house.time.at
    for _ in range(50):
        house.ask("192.0.2.1")
    first = house.time.at - before
    took = await house.turns(lambda: len(house.begun) == 50)
    assert max(first, *took) <= 0.2 + 1e-9
    assert sorted(took)[len(took) // 2] <= 0.1 + 1e-9


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7", "192.0.3.1"])
async def test_sec_73_another_network_has_every_second_beginning(address: str) -> None:
    house = House()
    for _ in range(MANY):
        house.ask("192.0.2.1")
    await turn()
    place = len(house.begun)
    house.ask(address)
    await house.turns(lambda: address in house.begun)
    assert house.begun.index(address) <= place + ABREAST + 2


async def test_sec_73_many_addresses_of_one_network_count_as_one() -> None:
    house = House()
    for number in range(MANY):
        house.ask(f"192.0.2.{number % 250}")
    await turn()
    place = len(house.begun)
    house.ask("198.51.100.7")
    await house.turns(lambda: "198.51.100.7" in house.begun)
    assert house.begun.index("198.51.100.7") <= place + ABREAST + 2


async def test_sec_73_known_callers_go_before_strangers_and_do_not_shut_them_out() -> None:
    house = House()
    for number in range(MANY):
        house.ask(f"10.{number % 200}.0.1")
    known = [house.ask("192.0.2.1", vouched=True) for _ in range(20)]
    await turn()
    await house.turns(lambda: all(wire.out for wire in known))
    assert len(house.begun) < 2 * ABREAST + 20 * 2 + 4 * SLICE / DEAR
    assert len(set(house.begun)) > 2
    await house.turns(lambda: len(house.begun) == MANY + 20)


async def test_sec_73_who_leaves_or_is_killed_while_waiting_begins_nothing() -> None:
    house = House()
    wires = [house.ask("192.0.2.1") for _ in range(100)]
    await turn()
    waiting = [wire for wire in wires if wire.connection.task is not None]
    assert len(waiting) > 50
    for number, wire in enumerate(waiting):
        if number % 2:
            wire.connection.kill()
        wire.connection.connection_lost(None)
    await house.turns(lambda: not any(one.task for one in house.edge.connections))
    for wire in wires:
        if wire not in waiting:
            wire.connection.connection_lost(None)
    assert not house.edge.connections
    assert house.edge.admission.inside == house.edge.admission.held == 0
    assert len(house.begun) <= 100 - len(waiting) + ABREAST


@pytest.mark.parametrize(
    "dear", [CHUNKED + b"1\r\na\r\n" * 9000, GET[:-2] % b"" + b"a: b\r\n" * 10_000]
)
async def test_sec_73_reading_what_many_send_shares_the_time_of_a_turn(dear: bytes) -> None:
    """Bodies in 9,000 chunks, of 200 connections at once, held everybody up for 3.1 seconds."""

    async def handle(request: Request) -> Reply:
        return Reply(200)

    clock = time.thread_time
    edge = Edge(handle, HttpLimits(), clock)
    longest, began = 0.0, clock()
    wires = [From(edge, "192.0.2.1") for _ in range(60)]
    for wire in wires:
        wire.connection.data_received(dear)
    async with asyncio.timeout(60):
        while any(wire.connection._queued for wire in wires):
            await turn()
            longest, began = max(longest, clock() - began), clock()
    assert longest < 0.1


async def test_a_request_that_has_waited_to_be_read_does_not_wait_again() -> None:
    house = House(cost=SLICE)
    for _ in range(20):
        house.ask("192.0.2.1")
    await turn()
    place = len(house.begun)
    wire = From(house.edge, "198.51.100.7")
    wire.connection.data_received(GET % (b"a" * 2000))
    assert wire.connection._queued
    await house.turns(lambda: "198.51.100.7" in house.begun)
    assert house.begun.index("198.51.100.7") <= place + 2


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
DEAR_ONES = {
    "lines": (HEAD + b"".join(b"x-%d: %b\r\n" % (n, b"a=b;" * 150) for n in range(95)), b"\r\n"),
    "chunks": (CHUNKED, b"1\r\nx\r\n" * 9_990 + b"0\r\n\r\n"),
    "trailers": (CHUNKED + b"0\r\n", b"a:\r\n" * 16_000 + b"\r\n"),
}


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No turn is longer because Python collects garbage in it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("kind", DEAR_ONES)
async def test_sec_73_what_many_have_sent_is_read_in_many_turns(
    kind: str, uncollected: None
) -> None:
    """Ten thousand chunks of each of 200 that came at once held everybody up for two seconds."""
    house = House(cost=0)
    # A clock of the processor's time: a busy machine is not held against us.
    house.edge.now = time.thread_time
    begun, last = DEAR_ONES[kind]
    wires = [From(house.edge, "192.0.2.1") for _ in range(100)]
    for wire in wires:
        wire.connection.data_received(begun)
        await done(wire)
    for wire in wires:
        wire.connection.data_received(last)
    other = house.ask("198.51.100.7")
    at = [time.thread_time()]
    waiting = [other, *wires]
    while waiting := [wire for wire in waiting if not wire.out]:
        await turn()
        at.append(time.thread_time())
        if len(at) == 20:
            assert other.out.startswith(b"HTTP/1.1 200 ")
    took = sorted(after - before for before, after in pairwise(at))
    assert took[-1] <= 10 * SLICE, took[-5:]


async def test_where_there_is_time_nobody_waits_and_the_loop_is_let_idle() -> None:
    house = House(cost=0)
    for _ in range(MANY):
        house.ask("192.0.2.1")
    await turn()
    assert len(house.begun) == MANY
    turns = house.edge.admission.turns
    await turn()
    assert not turns._counts


async def test_the_queue_ends_and_times_are_ordinary_again() -> None:
    house = House()
    for _ in range(MANY):
        house.ask("192.0.2.1")
    await house.turns(lambda: len(house.begun) == MANY)
    await turn()
    await turn()
    turns = house.edge.admission.turns
    assert not turns._counts
    assert turns.are_free(house.time)


class Proxied:
    """An edge behind a trusted proxy, at which each request takes all the time of a turn."""

    def __init__(self) -> None:
        self.time = Time()
        self.handled: list[str] = []
        proxy = [ip_network("192.0.2.1")]
        admission = Admission(
            HttpLimits(), partial(is_trusted, proxy), clients=partial(client_behind, proxy)
        )
        self.edge = Edge(self._dear, HttpLimits(), self.time, admission=admission)

    async def _dear(self, request: Request) -> Reply:
        self.time.at += 0.02
        self.handled.append(request.path)
        return Reply(200)

    def ask(self, path: str, address: str = "192.0.2.1", client: str = "") -> None:
        said = f"X-Forwarded-For: 10.9.9.9, {client}\r\n" if client else ""
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{said}\r\n"
        Wire(self.edge, address=address).connection.data_received(request.encode())

    async def answered(self, count: int) -> list[str]:
        await until(lambda: len(self.handled) == count)
        return self.handled


async def test_sec_73_clients_behind_a_trusted_proxy_have_turns_of_their_own() -> None:
    """They had one in the rotation together, so that one of them had it all to himself."""
    house = Proxied()
    house.ask("/first")
    await turn()
    for _ in range(30):
        house.ask("/crowd", client="203.0.113.1")
    house.ask("/one", client="203.0.113.200")
    house.ask("/other", client="198.51.100.1")
    handled = await house.answered(33)
    assert {"/one", "/other"} <= set(handled[:6])


async def test_sec_73_connections_of_a_trusted_proxy_are_not_one_stranger() -> None:
    house = Proxied()
    house.ask("/first")
    await turn()
    for _ in range(30):
        house.ask("/crowd", "203.0.113.1")
    for _ in range(5):
        house.ask("/proxy")
    handled = await house.answered(36)
    assert handled[:9].count("/proxy") == 5
