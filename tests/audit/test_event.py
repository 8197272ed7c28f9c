"""Events are one line of JSON, and read back as they were written."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.audit.event import Event, facts_of, merged_in, of_client, of_session, read, write
from sessiongate.session import Client
from sessiongate.testing import T0, a_session
from tests.each import each

TEXT = st.text(st.characters(codec="utf-8"))


@given(TEXT, TEXT, TEXT)
def test_sec_42_whatever_a_client_called_itself_stays_on_one_line(
    user: str, agent: str, detail: str
) -> None:
    """An event is one line whatever is in it, and reads back as it was."""
    event = Event(at=T0, event="x", result="ok", user=user, agent=agent, detail=detail)
    line = write(event)
    assert b"\n" not in line
    assert b"\r" not in line
    assert read(line) == event


def test_what_is_empty_is_left_out() -> None:
    assert msgspec.json.decode(write(Event(at=T0, event="x", result="ok"))).keys() == {
        "at",
        "event",
        "result",
    }


def test_times_are_utc() -> None:
    local = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=2)))
    event = of_session(a_session(), local, "x")
    assert event.at == datetime(2026, 1, 1, 1, tzinfo=UTC)
    assert event.at.utcoffset() == timedelta(0)


def test_what_a_client_says_is_cut() -> None:
    client = Client("192.0.2.1", "a" * 5000, "soap")
    event = of_client(client, T0, "x", "refused", user="u" * 5000)
    assert (len(event.agent), len(event.user)) == (256, 256)


@pytest.mark.parametrize("line", [b"", b"{", b'{"at": 1}', b"[]"])
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(line)


def test_a_merged_event_says_how_many_more_there_were_and_since_when() -> None:
    event = Event(at=T0, event="login refused", result="refused", merged=7, since=T0)
    line = write(event)
    assert b'"merged":7,"since":"2026-01-01T00:00:00Z"' in line
    assert read(line) == event
    assert merged_in(line) == 7


def test_a_line_that_stands_for_itself_has_no_number() -> None:
    plain = Event(at=T0, event="login refused", result="refused", agent='"merged":9')
    assert b"since" not in write(plain)
    assert merged_in(write(plain)) == 0
    assert merged_in(b'no event, but "merged":9') == 0


NO_EVENTS = [
    *(b"", b"{", b"5", b"[1]", b"null", b'"text"', b"\xff", b'{"event":"\xff"}', b"{}x"),
    *(b'{"at":"\\ud800"}', b'{"merged":1e999}', b'{"merged":' + b"[" * 100_000),
]


@each("line", NO_EVENTS, ids=lambda line: repr(line[:20]))
def test_what_is_no_event_is_told_from_one(line: bytes) -> None:
    assert facts_of(line) is None
    assert merged_in(line + b'"merged":') == 0
    with pytest.raises(msgspec.DecodeError):
        read(line)


@given(st.binary() | st.recursive(st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_any_bytes_are_read_or_told_to_be_none(line: bytes) -> None:
    for wrapped in (line, b'{"merged":' + line + b"}"):
        facts = facts_of(wrapped)
        assert facts is None or msgspec.json.encode(facts)
        assert merged_in(wrapped) == 0
