"""Looking into the audit: what fits, the newest first, no further than a bound; and what ended."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from sessiongate.audit.event import Event, write
from sessiongate.errors import InvalidArgument
from sessiongate.rules.audit_chain import START, Link
from sessiongate.service.audit_search import (
    WantedEvents,
    ended_sessions,
    read_event_filter,
    search,
)
from sessiongate.testing import T0
from tests.each import each


class Record:
    """An audit in a list. Its first event has this number."""

    def __init__(self, *payloads: bytes, first: int = 1) -> None:
        self._links = [Link(first + at, one, START) for at, one in enumerate(payloads)]
        self.read = 0

    def before(self, number: int | None, count: int, *_: object) -> list[Link]:
        kept = [one for one in self._links if number is None or one.number < number][-count:]
        self.read += len(kept)
        return kept


def event(what: str, at: datetime = T0, **facts: object) -> bytes:
    whole = {"at": at, "event": what, "result": "ok", "user": "ada", "ip": "192.0.2.1", **facts}
    return write(msgspec.convert(whole, Event))


def wanted(**fields: str) -> WantedEvents:
    return read_event_filter(lambda name: fields.get(name, ""))


def numbers(
    record: Record, looked_for: WantedEvents, before: int | None = None, **more: Any
) -> list[int]:
    found = search(record, looked_for, before, more.pop("count", 50), **more)  # type: ignore[arg-type]
    return [row.number for row in found.rows]


RECORD = (
    event("session opened", key="k7"),
    event("login refused", result="refused", user="Eve@corp", ip="2001:db8::7"),
    event("session ended", user="admin", subject="bob", reason="terminated", dialect="zerto"),
    b"no event",
    event("server stopped", user="", ip=""),
)


@each(
    ("fields", "found"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"event": "Session"}, [3, 1]),
        ({"result": "refused"}, [2]),
        ({"user": "bob"}, [3]),
        ({"user": "AD*"}, [3, 1]),
        ({"user": "eve@*"}, [2]),
        ({"address": "192.0.2.0/24"}, [3, 1]),
        ({"address": "2001:db8::/32"}, [2]),
        ({"dialect": "zerto"}, [3]),
        ({"reason": "TERM"}, [3]),
        ({"user": "nobody"}, []),
        ({"key": "K7"}, [1]),
        ({"key": "k"}, []),
    ],
)
def test_what_fits_is_found_the_newest_first(fields: dict[str, str], found: list[int]) -> None:
    assert numbers(Record(*RECORD), wanted(**fields)) == found


def test_what_is_no_event_is_there_and_says_so() -> None:
    found = search(Record(*RECORD), wanted(), 5, 1)  # type: ignore[arg-type]
    assert [row.event for row in found.rows] == ["(unreadable)"]


def test_pages_follow_each_other_to_the_first_event() -> None:
    record, before, seen = Record(*RECORD), None, []
    while True:
        found = search(record, wanted(), before, 2)  # type: ignore[arg-type]
        seen += [row.number for row in found.rows]
        if found.before is None:
            break
        before = found.before
    assert seen == [5, 4, 3, 2, 1]


def test_no_more_than_the_bound_is_looked_at_and_the_search_goes_on_from_there() -> None:
    record = Record(event("login refused"), *[event("session opened")] * 30)
    found = search(record, wanted(event="refused"), None, 9, most=10)  # type: ignore[arg-type]
    assert (found.rows, found.searched, found.before) == ([], 10, 22)
    assert numbers(record, wanted(event="refused"), 22, most=100) == [1]


def test_an_address_that_is_none_is_refused_with_the_rule() -> None:
    with pytest.raises(InvalidArgument, match="network"):
        wanted(address="here")


def test_letters_that_mean_something_to_a_pattern_are_letters_here() -> None:
    record = Record(event("session opened", user="a[b]?"))
    assert numbers(record, wanted(user="A[B]?")) == [1]
    assert numbers(record, wanted(user="ab?")) == []


def test_who_ended_whose_session_and_how_long_it_lived() -> None:
    hour = timedelta(hours=1)
    record = Record(
        event("session opened", T0 - hour, key="k1"),
        event("session opened", T0 - hour, key="k2"),
        event("session ended", T0, key="k1", reason="logout", agent="govc/0.40", dialect="soap"),
        event("session ended", T0, key="k2", user="admin", subject="ada", reason="terminated"),
        event("session ended", T0, key="k0", reason="idle", merged=3),
        event("session ended", T0, user="ada", subject="ada", reason="logout"),
    )
    rows = ended_sessions(record, wanted())  # type: ignore[arg-type]
    told = [(one.user, one.by, one.reason, one.lived_seconds, one.merged) for one in rows]
    assert told == [
        ("ada", "", "logout", None, 0),
        ("ada", "", "idle", None, 3),
        ("ada", "admin", "terminated", 3600, 0),
        ("ada", "", "logout", 3600, 0),
    ]
    assert (rows[-1].client, rows[-1].address, rows[-1].dialect) == ("govc", "192.0.2.1", "soap")
    only = ended_sessions(record, wanted(reason="terminated"))  # type: ignore[arg-type]
    assert [one.key for one in only] == ["k2"]


def test_a_search_in_a_long_audit_reads_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(*[event("session opened")] * 3_000)
    search(record, wanted(), None, 50)  # type: ignore[arg-type]
    assert record.read <= 501
