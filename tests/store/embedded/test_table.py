"""The table's own bounds: what is shared, what a step may cost, what makes room."""

from datetime import timedelta

import pytest

from sessiongate.errors import CapReached
from sessiongate.session import Caps, Ended
from sessiongate.store.embedded.table import CLIENTS_SHARED, SessionTable, session_of
from sessiongate.testing import LIMITS, NO_CAPS, T0, a_session

DUE = T0 + LIMITS.idle + timedelta(seconds=1)


def test_sessions_of_one_client_share_its_facts() -> None:
    table = SessionTable(LIMITS)
    first, second = (table.add(a_session(), NO_CAPS) for _ in range(2))
    assert first.facts is second.facts
    changed = session_of(first)
    changed.locale = "de_DE"
    table.change(changed)
    assert session_of(second).locale == "en_US"


@pytest.mark.slow
def test_what_is_shared_is_bounded() -> None:
    table = SessionTable(LIMITS)
    for number in range(CLIENTS_SHARED + 5):
        session = a_session()
        session.user_agent = f"agent {number}"
        table.drop(table.add(session, NO_CAPS))
    assert table.total == 0
    session = a_session()
    assert table.shared(session) is table.shared(session)


def test_a_step_looks_at_no_more_than_it_may() -> None:
    table = SessionTable(LIMITS)
    for _ in range(10):
        table.add(a_session(), NO_CAPS)
    assert [table.step(DUE, 4) for _ in range(4)] == [4, 4, 2, 0]
    assert table.unreported == 10
    assert [len(table.report(6)) for _ in range(3)] == [6, 4, 0]


def test_sessions_whose_time_is_up_make_room_before_a_login_is_refused() -> None:
    table = SessionTable(LIMITS)
    table.add(a_session(), NO_CAPS)
    late = DUE + timedelta(seconds=1)
    table.add(a_session(at=late), Caps(total=1))
    with pytest.raises(CapReached):
        table.add(a_session(at=late), Caps(total=1))
    assert [why for _, why in table.report(9)] == [Ended.IDLE]


def test_a_token_whose_session_is_over_but_unnoticed_is_free() -> None:
    told: list[bytes] = []
    table = SessionTable(LIMITS, told.append)
    old, new = a_session("same"), a_session("same", at=DUE)
    table.add(old, NO_CAPS)
    with pytest.raises(ValueError, match="already kept"):
        table.add(a_session("same"), NO_CAPS)
    table.add(new, NO_CAPS)
    assert told == [old.digest]
    assert table.find(old.key, DUE) is None
    assert table.find(new.key, DUE) is not None


def test_ended_by_its_limit_is_not_ended_by_anybody() -> None:
    table = SessionTable(LIMITS)
    session = a_session()
    table.add(session, NO_CAPS)
    assert table.find(session.key, DUE) is None
    assert table.end(session.key) is None
    assert [why for _, why in table.report(1)] == [Ended.IDLE]
