"""Openings and ends added up from the audit, read backwards in portions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from sessiongate.audit import session_counts
from sessiongate.audit.event import Event, write
from sessiongate.audit.session_counts import PORTION, add_up
from sessiongate.rules.audit_chain import START, Link
from sessiongate.rules.leaks import SEVERAL, ClientRow, LeakTally
from sessiongate.testing import T0
from tests.each import each

HOUR = timedelta(hours=1)


class Record:
    """An audit in a list, that counts what was read of it. Its first event has this number."""

    def __init__(self, payloads: Sequence[bytes], first: int = 1) -> None:
        self._links = [Link(first + at, payload, START) for at, payload in enumerate(payloads)]
        self.read = 0

    def before(self, number: int | None, count: int, *_: object) -> list[Link]:
        kept = [one for one in self._links if number is None or one.number < number][-count:]
        self.read += len(kept)
        return kept


def event(what: str, at: datetime = T0, **facts: object) -> bytes:
    whole = {"user": "ada", "ip": "192.0.2.1", "agent": "tool/1", "provider": "local", **facts}
    return write(msgspec.convert({"at": at, "event": what, "result": "ok", **whole}, Event))


def counted(record: Record, since: datetime = T0 - HOUR) -> list[ClientRow]:
    tally = LeakTally()
    add_up(record, since, tally)  # type: ignore[arg-type]
    return tally.ranked()


def test_openings_and_ends_are_counted_and_all_else_is_not() -> None:
    rows = counted(
        Record(
            [
                event("session opened"),
                event("session opened"),
                event("session opened"),
                event("session not opened"),
                event("login refused", user="eve"),
                event("session ended", reason="logout"),
                event("session end not written", reason="logout"),
                b"no event at all",
                b'{"event":"session opened"',
            ]
        )
    )
    assert [(one.user, one.opened, one.logged_out) for one in rows] == [("ada", 2, 1)]


def test_a_session_that_somebody_else_ends_is_its_owners() -> None:
    (row,) = counted(
        Record([event("session ended", user="admin", subject="ada", reason="terminated")])
    )
    assert (row.user, row.terminated) == ("ada", 1)


def test_an_end_that_is_not_known_to_be_one_is_not_counted() -> None:
    """The store did not answer: no session is named, and whoever tries again is written down."""
    unknown = event("session ended", result="unavailable", provider="", user="", reason="logout")
    known = event("session ended", result="unavailable", reason="logout")
    assert [row.logged_out for row in counted(Record([unknown, known]))] == [1]


def test_merged_events_count_for_all_that_are_in_them() -> None:
    same = event("session opened", merged=41)
    mixed = event("session ended", reason="idle", merged=9, agent="", ip="")
    by_agent = {row.agent: row for row in counted(Record([same, mixed]))}
    assert by_agent["tool"].opened == 42
    assert (by_agent[SEVERAL].idled_out, by_agent[SEVERAL].address) == (10, SEVERAL)


def test_people_at_the_console_are_no_scripts() -> None:
    assert counted(Record([event("session ended", reason="idle", dialect="console")])) == []


def test_what_is_older_is_neither_counted_nor_read() -> None:
    old = [event("session opened", T0 - 2 * HOUR)] * (3 * PORTION)
    record = Record([*old, event("session opened")])
    tally = LeakTally()
    covered = add_up(record, T0 - HOUR, tally)  # type: ignore[arg-type]
    assert [row.opened for row in tally.ranked()] == [1]
    assert (covered.since, covered.why) == (None, "")
    assert record.read == PORTION


@each(
    ("first", "since", "why"),
    [
        (1, None, ""),  # never was there any before
        (700, T0, "the audit keeps no older events (audit.max_events, max_age)"),
    ],
)
def test_it_says_where_older_events_are_gone(first: int, since: datetime | None, why: str) -> None:
    covered = add_up(Record([event("session opened")], first), T0 - HOUR, LeakTally())  # type: ignore[arg-type]
    assert (covered.since, covered.why) == (since, why)


def test_an_empty_audit_is_all_there_is() -> None:
    covered = add_up(Record([]), T0, LeakTally())  # type: ignore[arg-type]
    assert (covered.events, covered.since) == (0, None)


def test_no_more_than_the_bound_is_looked_at() -> None:
    record = Record([event("session opened", T0 + timedelta(seconds=n)) for n in range(1_200)])
    tally = LeakTally()
    covered = add_up(record, T0 - HOUR, tally, most=1_000)  # type: ignore[arg-type]
    assert (record.read, covered.events, tally.ranked()[0].opened) == (1_000, 1_000, 1_000)
    assert covered.since == T0 + timedelta(seconds=200)
    assert "1,000 events" in covered.why


def test_a_million_events_are_within_the_bound() -> None:
    """What an audit keeps by default is read whole."""
    assert session_counts.MOST_EVENTS >= 1_000_000
