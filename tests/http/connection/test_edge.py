"""What connections of one listener share: their limits, who is late, and when nobody is left."""

import asyncio
from datetime import timedelta

from sessiongate.http.bounds.admission import AcceptedSocket
from sessiongate.http.connection.causes import CAUSES
from sessiongate.http.connection.edge import Edge
from sessiongate.http.limits import HttpLimits
from sessiongate.http.message import Reply, Request
from tests.http.wires import Time


async def handler(request: Request) -> Reply:
    return Reply(200)


class Connected:
    """A connection that is late at this moment."""

    task: asyncio.Task[None] | None = None

    def __init__(self, edge: Edge, due: float, *, refusing: bool = False) -> None:
        self.edge = edge
        self.due = due
        self.refusing = refusing
        self.accepted = AcceptedSocket("192.0.2.1", 0.0, lambda: None)
        self.expired = 0
        assert edge.admission.admit(self.accepted) is None
        edge.connections.add(self)

    def expire(self) -> None:
        self.expired += 1
        self.edge.forget(self)

    def retire(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        raise NotImplementedError


async def test_a_sweep_ends_who_is_late_and_nobody_else() -> None:
    time = Time()
    edge = Edge(handler, HttpLimits(), time)
    late, just, early = (Connected(edge, time.at + seconds) for seconds in (-1, 0, 0.1))
    edge.sweep()
    assert [late.expired, just.expired, early.expired] == [1, 1, 0]
    assert edge.connections == {early}
    assert edge.admission.inside == 1
    assert not edge.emptied.is_set()


async def test_who_is_forgotten_twice_counts_once() -> None:
    edge = Edge(handler, HttpLimits(), Time())
    one = Connected(edge, 0.0, refusing=True)
    edge.refusing = 1
    edge.forget(one)
    edge.forget(one)
    assert (edge.refusing, edge.admission.inside) == (0, 0)
    assert edge.emptied.is_set()


async def test_limits_can_be_replaced() -> None:
    edge = Edge(handler, HttpLimits(keep_alive=timedelta(seconds=75)), Time())
    edge.limit(HttpLimits(keep_alive=timedelta(seconds=5)))
    assert edge.keep_alive == 5.0


async def test_every_cause_is_counted_from_nothing() -> None:
    edge = Edge(handler, HttpLimits(), Time())
    assert edge.refusals == dict.fromkeys(CAUSES, 0)
