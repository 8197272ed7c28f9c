"""Sessions that faults end: which, and what the audit has of it."""

from sessiongate.testing import Gate
from tests.each import each
from tests.faults.speakers import SPEAKERS, gist

ZERTO, REST = SPEAKERS["zerto"], SPEAKERS["rest"]


@each(
    ("fault", "reason", "by"),
    [("session.expire", "idle", ""), ("session.terminate", "terminated", "administrator")],
)
def test_an_end_is_in_the_audit_with_its_reason(
    gate: Gate, fault: str, reason: str, by: str
) -> None:
    gate.reset()
    token = ZERTO.logged_in(gate)
    with gate.fault(fault):
        ZERTO.call(gate, token)
    (ended,) = gate.events("session ended")
    assert (ended.reason, by in (ended.user, ended.detail, ended.how) or not by) == (reason, True)
    assert gate.sessions() == []


def test_a_session_that_is_forgotten_leaves_no_event(gate: Gate) -> None:
    token = ZERTO.logged_in(gate)
    with gate.fault("session.forget"):
        assert ZERTO.call(gate, token).status == 401
    assert gate.events("session ended").count == 0
    assert gate.sessions() == []


@each(
    ("which", "left"),
    [("one", ["ci", "reader"]), ("user", ["reader"]), ("all", [])],
)
def test_it_is_one_session_or_all_of_the_user_or_all(
    gate: Gate, which: str, left: list[str]
) -> None:
    gate.reset()
    token = ZERTO.logged_in(gate)
    REST.logged_in(gate)
    REST.logged_in(gate, "reader")
    with gate.fault("session.expire", which=which):
        assert ZERTO.call(gate, token).status == 401
    assert [one.user for one in gate.sessions()] == left


def test_only_the_session_that_asks_and_only_once(gate: Gate) -> None:
    first, second = ZERTO.logged_in(gate), ZERTO.logged_in(gate)
    with gate.fault("session.expire"):
        assert gist(ZERTO.call(gate, first)).startswith("401")
        assert gist(ZERTO.call(gate, second)) == "200"
        assert gist(ZERTO.call(gate, ZERTO.logged_in(gate))) == "200"
