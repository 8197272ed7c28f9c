"""The log of events is bounded, and its keys go on."""

import pytest

from sessiongate.dialects.vim import event_log
from sessiongate.dialects.vim.event_log import EventLog
from tests.gate import Gate


async def test_the_oldest_go_first(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "MOST", 3)
    log = EventLog(gate.sessions, gate.clock)
    assert (list(log), log.latest) == ([], 0)
    sessions = [(await gate.login("bob")).session for _ in range(3)]
    await gate.call(sessions[0], "Logout")
    assert [one.members["key"] for one in log] == [2, 3, 4]
    assert log.latest == 4


async def test_no_event_holds_more_of_a_token_than_its_key(gate: Gate) -> None:
    log = EventLog(gate.sessions, gate.clock)
    opened = await gate.login("bob")
    text = repr(list(log))
    assert opened.session.key in text
    assert opened.token.reveal() not in text
    assert opened.session.digest.hex() not in text
