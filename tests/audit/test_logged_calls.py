"""Forwarded calls in the log of a trial."""

from structlog.testing import capture_logs

from sessiongate.audit.event import Event, write
from sessiongate.audit.logged_calls import LoggedCalls
from sessiongate.testing.clock import T0


def test_a_forwarded_call_is_told_and_every_event_is_handed_on() -> None:
    shipped: list[bytes] = []
    tell = LoggedCalls(shipped.append)
    call = Event(
        at=T0,
        event="call forwarded",
        result="refused",
        user="ada",
        how="vc1",
        reason="fault",
        detail="PowerOnVM_Task of VirtualMachine vm-42, lease x",
    )
    other = Event(at=T0, event="session opened", result="ok", detail='"event":"call forwarded"')
    lines = [write(call), write(other), b'{"event":"call forwarded"', b"\xff"]
    with capture_logs() as logs:
        for line in lines:
            tell(line)
    assert shipped == lines
    (told,) = logs
    assert (told["event"], told["user"], told["upstream"]) == ("call forwarded", "ada", "vc1")
    assert told["call"] == call.detail
    assert (told["result"], told["reason"]) == ("refused", "fault")
