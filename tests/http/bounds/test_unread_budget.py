"""What is held for peers that do not read: in pieces, and for strangers within one budget."""

from typing import Any

import pytest

from sessiongate.http.bounds.admission import UNREAD, AcceptedSocket, Admission
from sessiongate.http.bounds.idle_sockets import PATIENCE
from sessiongate.http.bounds.unread_budget import READ_A_SECOND, UnreadBudget
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.reply_writer import PIECE
from sessiongate.http.limits import HttpLimits
from sessiongate.http.message import Reply, Request
from tests.http.wires import GET, Time, Wire, done

KIB = 1024
FILE = bytes(range(256)) * 4 * KIB
REQUEST = GET % b""


class Slow(Wire):
    """Holds what is written until the peer reads, and tells so as the event loop's transports do.

    Its peer's kernel and ours take nothing.
    """

    def __init__(self, edge: Edge) -> None:
        self.paused = False
        self.aborted = False
        super().__init__(edge)

    def write(self, data: Any) -> None:
        super().write(data)
        self.unread_before += len(data)
        assert self.high is not None
        if self.unread_before > self.high and not self.paused:
            self.paused = True
            self.connection.pause_writing()

    def read(self, count: int) -> None:
        """The peer reads so much at most."""
        assert self.high is not None
        self.unread_before = max(0, self.unread_before - count)
        if self.paused and self.unread_before <= self.high // 4:
            self.paused = False
            self.connection.resume_writing()

    def abort(self) -> None:
        super().abort()
        self.aborted = True


class House:
    """Serves one large file, held once or made for each."""

    def __init__(self, *, shared: bool = True, vouched: bool = False, **limits: Any) -> None:
        self.admission = Admission(HttpLimits(**limits))
        self.time = Time()
        self.edge = Edge(self.handle, self.admission.limits, self.time, admission=self.admission)
        self.admission.refusals = self.edge.refusals
        self.shared = shared
        self.vouched = vouched
        self.asked = 0

    async def handle(self, request: Request) -> Reply:
        self.asked += 1
        request.vouched = self.vouched
        return Reply(200, (), FILE, shared=self.shared)

    async def asks(self, times: int = 1) -> Slow:
        wire = Slow(self.edge)
        wire.connection.data_received(REQUEST * times)
        await done(wire)
        return wire


def accepted(to_read: list[int]) -> AcceptedSocket:
    """One that has the last of these bytes to read."""
    one = AcceptedSocket("192.0.2.1", 0.0, lambda: None)
    one.count_unread = lambda: to_read[-1]
    return one


def test_what_is_read_counts_no_more_and_only_once() -> None:
    budget: UnreadBudget[AcceptedSocket] = UnreadBudget()
    one, other = accepted([70]), accepted([30])
    budget.add(one, 70, 0.0)
    budget.add(other, 30, 0.0)
    assert budget.held == 100
    budget.remove(one)
    budget.remove(one)
    assert (budget.held, one.unread, other.unread) == (30, 0, 30)


def test_who_has_not_read_for_longest_is_found_only_after_a_while() -> None:
    budget: UnreadBudget[AcceptedSocket] = UnreadBudget()
    to_read = [4 * READ_A_SECOND]
    one, other = accepted(to_read), accepted([1])
    budget.add(one, 1, 0.0)
    budget.add(other, 1, 0.1)
    assert budget.longest(PATIENCE - 0.1) is None
    assert budget.longest(PATIENCE) is one
    to_read.append(2 * READ_A_SECOND)  # it has read: from now on it is the younger one
    assert budget.longest(PATIENCE) is None
    assert budget.longest(PATIENCE + 0.1) is other


async def test_sec_75_a_reply_is_written_in_pieces_as_the_peer_reads() -> None:
    house = House()
    wire = await house.asks()
    while wire.unread_before:
        assert wire.unread_before <= PIECE + KIB
        wire.read(PIECE // 2)
    assert wire.out.endswith(b"\r\n\r\n" + FILE)
    assert house.admission.unread == 0
    assert not wire.closed


async def test_sec_75_no_further_request_is_begun_before() -> None:
    house = House()
    wire = await house.asks(3)
    assert house.asked == 1
    while wire.unread_before:
        wire.read(PIECE)
        await done(wire)
    assert house.asked == 3
    assert wire.out.count(FILE) == 3
    assert house.admission.held == 0


@pytest.mark.parametrize("shared", [True, False])
async def test_sec_75_what_is_held_for_all_strangers_has_one_budget(shared: bool) -> None:
    """A file counts for what the transport holds of it, another reply for all of it."""
    each = PIECE + KIB if shared else len(FILE) + KIB
    house = House(shared=shared, anonymous_total=4 * each)
    wires = [await house.asks() for _ in range(4)]
    assert 3 * each < house.admission.unread <= 4 * each
    # Nobody has waited for longer than anybody needs, so the newcomer goes.
    newcomer = await house.asks()
    assert newcomer.aborted
    assert not any(wire.aborted for wire in wires)
    house.time.at += PATIENCE
    wires[0].read(PIECE)  # it reads, so it is no longer the one that has not for longest
    later = [await house.asks() for _ in range(2)]
    assert [wire.aborted for wire in (*wires, *later)] == [False, True, True] + [False] * 3
    assert house.edge.refusals[UNREAD] == 3
    assert house.admission.unread <= 4 * each
    for wire in (*wires, *later, newcomer):
        wire.connection.connection_lost(None)
    assert house.admission.unread == 0
    assert house.admission.inside == 0


@pytest.mark.parametrize(
    ("each_second", "stays"), [(READ_A_SECOND, True), (READ_A_SECOND - 100, False)]
)
async def test_sec_75_who_reads_steadily_is_not_among_those_who_do_not(
    each_second: int, stays: bool
) -> None:
    each = PIECE + KIB
    house = House(anonymous_total=4 * each)
    wires = [await house.asks() for _ in range(4)]
    later: list[Slow] = []
    for _ in range(3):
        for _ in range(4):
            house.time.at += PATIENCE / 4
            wires[0].read(each_second // 4)
        later.append(await house.asks())
    # One has gone for each that came.
    assert [wire.aborted for wire in (*wires, *later)].count(True) == 3
    assert wires[0].aborted is not stays
    assert house.admission.unread <= 4 * each


async def test_sec_75_what_is_held_for_known_callers_has_a_budget_for_each_address() -> None:
    """One session had 364 MB held, for 80 connections that did not read a list of sessions."""
    each = len(FILE) + KIB
    house = House(shared=False, vouched=True, anonymous_total=4 * each)
    wires = [await house.asks() for _ in range(4)]
    # Nobody has waited for longer than anybody needs: the whole may be used for so long.
    assert not any(wire.aborted for wire in wires)
    assert (await house.asks()).aborted
    house.time.at += PATIENCE
    wires[0].read(PIECE)
    later = await house.asks()
    assert [wire.aborted for wire in (*wires, later)] == [False, True, True, True, False]
    assert house.edge.refusals[UNREAD] == 4
    # It is not the strangers' budget, nor the other way round.
    assert house.admission.unread == 0
    house.vouched = False
    strangers = [await house.asks() for _ in range(4)]
    assert not any(wire.aborted for wire in strangers)
    for wire in (*wires, later, *strangers):
        wire.connection.connection_lost(None)
    assert house.admission.inside == 0


def test_sec_75_an_address_of_known_callers_costs_another_nothing() -> None:
    admission = Admission(HttpLimits(anonymous_total=100), lambda address: address == "192.0.2.9")
    gone: list[str] = []

    def leaves(address: str, count: int, now: float) -> AcceptedSocket:
        one = AcceptedSocket(address, now, lambda: gone.append(address))
        assert admission.admit(one) is None
        admission.add_unread(one, count, now, known=True)
        return one

    leaves("192.0.2.1", 100, 0.0)
    leaves("192.0.2.2", 100, 0.0)
    # Many people are behind a trusted proxy: each of its connections counts by itself.
    behind = [leaves("192.0.2.9", 100, 0.0) for _ in range(2)]
    assert gone == []
    leaves("192.0.2.1", 1, PATIENCE)
    assert gone == ["192.0.2.1"]
    for one in behind:
        admission.clear_unread(one)
        admission.leave(one)
    leaves("192.0.2.9", 101, PATIENCE)
    assert gone == ["192.0.2.1", "192.0.2.9"]


async def test_who_says_no_more_still_gets_the_rest() -> None:
    house = House()
    wire = await house.asks()
    assert wire.connection.eof_received()
    while wire.unread_before:
        wire.read(PIECE)
    assert wire.out.endswith(FILE)
    assert wire.closed


async def test_a_listener_that_stops_sends_the_rest() -> None:
    house = House()
    wire = await house.asks()
    wire.connection.retire()
    assert not wire.closed
    while wire.unread_before:
        wire.read(PIECE)
    assert wire.out.endswith(FILE)
    assert wire.closed


async def test_who_reads_slowly_is_kept_and_who_does_not_is_closed() -> None:
    house = House()
    wire = await house.asks()
    house.time.at += house.edge.keep_alive
    wire.read(1)
    house.edge.sweep()
    assert not wire.closed
    house.time.at += house.edge.keep_alive
    house.edge.sweep()
    assert wire.aborted


async def test_sec_75_what_strangers_send_meanwhile_is_dropped_beyond_the_budget() -> None:
    """The reply that is on its way is not cut by a refusal: it is the last."""
    house = House(anonymous_total=PIECE + 8 * KIB)
    wire = await house.asks()
    wire.connection.data_received(b"GET / HTTP/1.1\r\nHost: " + b"x" * (PIECE - 30))
    house.admission.bodies.held += PIECE  # others hold something too
    wire.connection.data_received(b"x" * KIB)
    house.admission.bodies.held -= PIECE
    assert house.admission.held == 0
    while wire.unread_before:
        wire.read(PIECE)
    assert wire.out.endswith(FILE)
    assert wire.closed
