"""Requests that are answered in the step in which they come: without a task, as all others are."""

from structlog.testing import capture_logs

from sessiongate.http.bounds.idle_sockets import PATIENCE
from sessiongate.http.bounds.loop_turns import SLICE
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.reply_writer import PIECE
from sessiongate.http.connection.request_reader import STEPS_A_TURN
from sessiongate.http.limits import HttpLimits
from sessiongate.http.message import FixedHeaders, Reply, Request
from tests.each import each
from tests.http.wires import GET, Time, Wire, done, turn

LARGE = b"x" * (PIECE + 1)
LIMITS = HttpLimits()
HEADERS = FixedHeaders((("x-kind", "now"),))


class Prompt:
    """Answers `/now...` at once, and waits for all else."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.cost = 0.0
        self.waited: list[str] = []

    def answer_nowait(self, request: Request) -> Reply | None:
        self.time.at += self.cost
        if request.path == "/fails":
            raise RuntimeError("a fault of ours")
        if request.path == "/now-large":
            return Reply(200, body=LARGE)
        if request.path == "/now-known":
            request.vouched = True
        return Reply(200, HEADERS, b"now") if request.path.startswith("/now") else None

    async def __call__(self, request: Request) -> Reply:
        self.waited.append(request.path)
        await turn()
        return Reply(200, HEADERS, b"later")


class Here:
    """An edge with such a handler."""

    def __init__(self, limits: HttpLimits = LIMITS) -> None:
        self.time = Time()
        self.handler = Prompt(self.time)
        self.edge = Edge(self.handler, limits, self.time)

    def wire(self, data: bytes) -> Wire:
        wire = Wire(self.edge)
        wire.connection.data_received(data)
        return wire


async def test_it_is_answered_before_anything_else_happens() -> None:
    here = Here()
    for _ in range(2):  # what is written of the headers is kept from the first
        wire = here.wire(GET % b"now")
        head, _, body = wire.out.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nx-kind: now" in head
        assert b"\r\nContent-Length: 3" in head
        assert (body, wire.connection.task, wire.closed) == (b"now", None, False)
    assert not here.handler.waited


async def test_all_else_is_waited_for_and_replies_keep_their_order() -> None:
    here = Here()
    wire = here.wire(GET % b"now" + GET % b"later" + GET % b"now")
    await done(wire)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in wire.out.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [b"now", b"later", b"now"]
    assert here.handler.waited == ["/later"]


async def test_a_body_and_a_large_reply_and_a_head_alone() -> None:
    here = Here()
    wire = here.wire(b"POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
    assert wire.out.endswith(b"\r\n\r\nnow")
    assert here.edge.admission.held == 0
    assert here.wire(GET % b"now-large").out.endswith(b"\r\n\r\n" + LARGE)
    head = here.wire(b"HEAD /now HTTP/1.1\r\nHost: x\r\n\r\n").out
    assert b"Content-Length: 3" in head
    assert head.endswith(b"\r\n\r\n")


async def test_who_wants_no_more_is_let_go() -> None:
    wire = Here().wire(b"GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"\r\nConnection: close\r\n\r\nnow" in wire.out
    assert wire.closed


async def test_whoever_has_a_session_is_no_stranger_from_then_on() -> None:
    here = Here()
    assert here.wire(GET % b"now-known").connection._vouched
    assert not here.wire(GET % b"now").connection._vouched


@each("path", [b"now", b"now-known"])
async def test_a_stranger_keeps_no_place_by_asking_and_whoever_is_known_does(path: bytes) -> None:
    here = Here(HttpLimits(connections=1))
    first = here.wire(GET % path)
    here.time.at += PATIENCE
    second = Wire(here.edge)
    assert first.closed is (path == b"now")
    assert second.closed is not first.closed


async def test_a_stranger_that_asks_again_is_the_youngest_of_its_address() -> None:
    here = Here(HttpLimits(connections=2))
    first, second = here.wire(GET % b"now"), here.wire(GET % b"now")
    here.time.at += PATIENCE
    first.connection.data_received(GET % b"now")
    Wire(here.edge)
    assert (first.closed, second.closed) == (False, True)


async def test_a_peer_that_does_not_read_gets_no_further_reply() -> None:
    here = Here()
    wire = here.wire(GET % b"now")
    before = wire.out
    wire.connection.pause_writing()
    wire.connection.data_received(GET % b"now")
    assert wire.out == before
    wire.connection.resume_writing()
    assert wire.out == before * 2


async def test_while_the_server_stops_each_reply_is_the_last_of_its_connection() -> None:
    here = Here()
    here.edge.stopping = True
    wire = here.wire(GET % b"now")
    assert b"\r\nConnection: close\r\n\r\nnow" in wire.out
    assert wire.closed


async def test_its_time_to_ask_again_begins_with_its_reply() -> None:
    here = Here()
    wire = here.wire(GET % b"now")
    assert wire.connection.due == here.time.at + here.edge.keep_alive


async def test_what_nobody_foresaw_is_answered_and_ends_the_connection() -> None:
    with capture_logs() as lines:
        wire = Here().wire(GET % b"fails")
    assert wire.out.startswith(b"HTTP/1.1 500 ")
    assert wire.closed
    assert [line["event"] for line in lines] == ["handler failed"]


async def test_where_the_time_of_a_turn_is_spent_it_waits_like_all_others() -> None:
    here = Here()
    here.handler.cost = SLICE
    first, second = here.wire(GET % b"now"), here.wire(GET % b"now")
    assert first.out.endswith(b"now")
    assert second.out == b""
    await done(second)
    assert second.out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert here.handler.waited == ["/now"]


async def test_one_peer_has_no_more_replies_of_a_turn_than_others_can_wait_for() -> None:
    here = Here()
    many = 3 * STEPS_A_TURN
    wire = here.wire(GET % b"now" * many)
    assert wire.out.count(b"HTTP/1.1 200 OK") == STEPS_A_TURN
    await done(wire)
    assert wire.out.count(b"HTTP/1.1 200 OK") == many
