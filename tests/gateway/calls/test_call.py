"""What is taken down of a call when it is over."""

import asyncio

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import (
    NoPermission,
    NotSupported,
    OutcomeUnknown,
    Overloaded,
    UnknownObject,
    UpstreamUnavailable,
    WaitCancelled,
)
from sessiongate.gateway.calls.call import CallRecord, ForwardedCall, UnreadCall
from sessiongate.rules.relay import judge
from sessiongate.session import Person, Session
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import envelope
from sessiongate.wire.vim.relayed import read_relayed
from sessiongate.wire.vim.types import MoRef
from tests.each import each
from tests.gateway.test_accounts import session_of

ADA = session_of(Person("local", "ada"))


def call_of(method: str, kind: str = "Folder", lease: str = "") -> ForwardedCall:
    request = read_relayed(envelope(method, kind, "group-d1"))
    call = ForwardedCall(request, ())
    call.lease, call.sent = lease, bool(lease)
    return call


async def test_an_answer_is_ok_or_a_fault() -> None:
    meters = UpstreamMeters()
    record = CallRecord(meters)
    record.answered(ADA, call_of("CreateFolder", lease="l1"), Answer(200, (), b""))
    record.answered(ADA, call_of("Fetch", lease="l1"), Answer(500, (), b""))
    assert meters.forwarded == {("opens", "ok"): 1, ("stateless", "fault"): 1}
    assert sum(meters.forward_times.buckets) == 2


@each(
    ("error", "result"),
    [
        (NoPermission("Sessions.UseUpstream"), "refused"),
        (Overloaded("no session was free"), "refused"),
        (UpstreamUnavailable("no connection"), "refused"),
        (OutcomeUnknown("no answer"), "unknown"),
        (ZeroDivisionError(), "unknown"),
        (WaitCancelled("the client has left"), "gone"),
        (asyncio.CancelledError(), "gone"),
    ],
    lambda one: one if isinstance(one, str) else type(one).__name__,
)
async def test_what_is_no_answer_is_told_apart(error: BaseException, result: str) -> None:
    meters = UpstreamMeters()
    CallRecord(meters).failed(ADA, call_of("Fetch"), error)
    assert meters.forwarded == {("stateless", result): 1}
    assert sum(meters.forward_times.buckets) == 0  # it went by no session


async def test_waits_have_no_time_of_a_call() -> None:
    meters = UpstreamMeters()
    call = call_of("WaitForUpdatesEx", "PropertyCollector", lease="l1")
    CallRecord(meters).answered(ADA, call, Answer(200, (), b""))
    assert meters.forwarded == {("waits", "ok"): 1}
    assert sum(meters.forward_times.buckets) == 0


async def test_a_client_that_goes_by_another_s_session_has_saved_a_login() -> None:
    meters = UpstreamMeters()
    record = CallRecord(meters)
    meters.login("ok")
    for name in ("ada", "bob", "eve"):
        session = session_of(Person("local", name), key=name)
        meters.client_opened(session.key)
        record.failed(session, call_of("ExecuteSoap"), NoPermission("x"))  # goes by none
        for _ in range(2):
            record.answered(session, call_of("Fetch", lease="l1"), Answer(200, (), b""))
    assert meters.saved == 2


@pytest.mark.parametrize("result", ["refused", "unavailable"])
async def test_a_login_in_vain_takes_none_of_them_away(result: str) -> None:
    meters = UpstreamMeters()
    meters.login(result)
    meters.client_opened("ada")
    meters.served("ada")
    assert (meters.saved, meters.logins[result]) == (1, 1)


class Taken:
    """What the audit was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def forwarded(
        self,
        session: Session,
        upstream: str,
        what: str,
        outcome: str,
        *,
        lease: str,
        operation: str,
    ) -> None:
        self.told.append((session.principal, upstream, what, outcome, lease, operation))

    def denied(self, session: Session, what: str, privilege: str, why: str = "") -> None:
        self.told.append((session.principal, what, privilege, why))

    def failed(self, session: Session, what: str, subject: str, error: Exception) -> None:
        self.told.append((session.principal, what, subject, type(error).__name__))


async def test_changes_are_audited_when_they_were_sent_and_reads_are_not() -> None:
    taken = Taken()
    record = CallRecord(UpstreamMeters(), "vc1", taken)
    record.answered(ADA, call_of("CreateFolder", lease="l1"), Answer(200, (), b""))
    record.failed(ADA, call_of("CreateFolder", lease="l1"), OutcomeUnknown("no answer"))
    record.failed(ADA, call_of("CreateFolder"), Overloaded("no session was free"))
    record.answered(ADA, call_of("Fetch", lease="l1"), Answer(200, (), b""))
    assert taken.told == [
        ("ada", "vc1", "CreateFolder of Folder group-d1", "ok", "l1", ""),
        ("ada", "vc1", "CreateFolder of Folder group-d1", "unknown", "l1", ""),
    ]


async def test_a_change_is_audited_with_the_ids_of_its_objects_and_no_texts() -> None:
    spec = (
        "<name>a-1</name><folder type='Folder'>group-v3</folder>"
        "<spec><host type='HostSystem'>host-9</host><host type='HostSystem'>host-9</host>"
        "<pool type='ResourcePool'>a secret text</pool><annotation>vm-13</annotation></spec>"
    )
    request = read_relayed(envelope("CloneVM_Task", "VirtualMachine", "vm-42", spec))
    call = ForwardedCall(request, ())
    assert call.description == "CloneVM_Task of VirtualMachine vm-42 with group-v3 host-9"
    many = "".join(f"<vm type='VirtualMachine'>vm-{number}</vm>" for number in range(100, 999))
    request = read_relayed(
        envelope("PowerOnMultiVM_Task", "Datacenter", "datacenter-2", many), known=True
    )
    call = ForwardedCall(request, ())
    assert len(call.description) < 200
    odd = read_relayed(envelope("PowerOnVM_Task", "VirtualMachine", "session[5]x"))
    call = ForwardedCall(odd, ())
    assert call.description == "PowerOnVM_Task of VirtualMachine"
    machine = MoRef("VirtualMachine", "vm-42")
    unread = UnreadCall(machine, "Rename_Task", judge(machine.kind, "Rename_Task"))
    assert unread.description == "Rename_Task of VirtualMachine vm-42"


async def test_what_is_refused_here_is_audited() -> None:
    taken = Taken()
    record = CallRecord(UpstreamMeters(), "vc1", taken)
    record.failed(ADA, call_of("CreateFolder"), NoPermission("Sessions.UseUpstream", "why"))
    record.failed(ADA, call_of("ExecuteSoap"), NotSupported("it is not forwarded"))
    record.failed(ADA, call_of("DestroyView"), UnknownObject("View", "session[x]y"))
    record.failed(ADA, call_of("Fetch"), Overloaded("no session was free"))
    assert taken.told == [
        ("ada", "CreateFolder of Folder group-d1 at vc1", "Sessions.UseUpstream", "why"),
        ("ada", "call not forwarded", "ExecuteSoap of Folder group-d1", "NotSupported"),
        ("ada", "call not forwarded", "DestroyView of Folder group-d1", "UnknownObject"),
    ]


async def test_a_slow_call_is_logged_without_what_it_says() -> None:
    record = CallRecord(UpstreamMeters(), "vc1", slow=5.0)
    body = envelope("CreateFolder", "Folder", "group-d1", "<name>a secret</name>")
    request = read_relayed(body)
    quick, slow = (ForwardedCall(request, ()) for _ in range(2))
    wait = call_of("WaitForUpdatesEx", "PropertyCollector", lease="l1")
    for call in (quick, slow, wait):
        call.lease = "l1"
    slow.began -= 6.0
    wait.began -= 600.0
    slow.waited = 2.0
    with capture_logs() as logs:
        for call in (quick, slow, wait):
            record.answered(ADA, call, Answer(200, (), b"12345"))
    (line,) = logs
    assert line.pop("seconds") >= 6.0
    assert line == {
        "event": "a forwarded call took long",
        "log_level": "info",
        "upstream": "vc1",
        "method": "CreateFolder",
        "type": "Folder",
        "result": "ok",
        "waited": 2.0,
        "sent": len(body),
        "received": 5,
        "operation": None,
        "lease": "l1",
    }


async def test_a_name_that_is_none_is_not_repeated() -> None:
    for method in ("x" * 81, "Übertrage", "a-b"):
        assert call_of(method).method == "?"
    assert call_of("CloneVM_Task").method == "CloneVM_Task"
