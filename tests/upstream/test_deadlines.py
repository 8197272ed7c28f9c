"""One timer for all replies: none is broken off early, and none late."""

import asyncio

from sessiongate.upstream.deadlines import LATE, TICK, Deadlines


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock moves only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 100.0

    def time(self) -> float:
        return getattr(self, "at", 0.0)

    def tick(self, by: float) -> None:
        self.at += by
        self.call_soon(self.stop)
        self.run_forever()


class Reply:
    def __init__(self) -> None:
        self.why: list[str] = []

    def break_off(self, why: str) -> None:
        self.why.append(why)


def test_a_reply_is_broken_off_when_its_time_is_up_and_not_before() -> None:
    loop, deadlines, reply = Loop(), Deadlines(), Reply()
    deadlines.put(reply, 30.0, loop)
    for _ in range(int(29.9 / TICK)):
        loop.tick(TICK)
    assert reply.why == []
    loop.tick(30.0 - int(29.9 / TICK) * TICK)
    assert reply.why == [LATE]
    deadlines.drop(reply)
    loop.close()


def test_a_short_time_waits_for_no_look_at_a_longer_one() -> None:
    loop, deadlines, patient, reply = Loop(), Deadlines(), Reply(), Reply()
    deadlines.put(patient, 30.0, loop)
    deadlines.put(reply, 0.08, loop)
    loop.tick(0.0799)
    assert reply.why == []
    loop.tick(0.0001)
    loop.tick(0.1)
    assert (reply.why, patient.why) == ([LATE], [])
    loop.close()


def test_what_has_come_is_not_broken_off_and_nothing_ticks_for_nobody() -> None:
    loop, deadlines, reply = Loop(), Deadlines(), Reply()
    deadlines.put(reply, 1.0, loop)
    deadlines.drop(reply)
    loop.tick(2.0)
    assert reply.why == []
    assert deadlines.timer is None
    loop.close()


def test_one_that_cannot_be_broken_off_leaves_the_other_late_ones_to_be() -> None:
    class Stuck(Reply):
        def break_off(self, why: str) -> None:
            raise RuntimeError(why)

    loop, deadlines, late, patient = Loop(), Deadlines(), Reply(), Reply()
    told: list[object] = []
    loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
    deadlines.put(Stuck(), 1.0, loop)
    deadlines.put(late, 1.0, loop)
    loop.tick(1.0)
    loop.tick(0.0)
    assert (late.why, told) == ([LATE], [LATE])
    assert deadlines.timer is None
    deadlines.put(Stuck(), 1.0, loop)
    deadlines.put(patient, 2.0, loop)
    for _ in range(2):
        loop.tick(1.0)
        loop.tick(0.0)
    assert (patient.why, told) == ([LATE], [LATE, LATE])
    loop.close()
