"""Who logged in last, and was refused last."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from sessiongate.audit.event import Event, write
from sessiongate.rules.audit_chain import Link
from sessiongate.service.user_history import UserHistory, history_of
from sessiongate.session import Person
from sessiongate.testing import T0

ADA = Person("local", "ada")


def history(*oldest_first: Event | bytes) -> UserHistory:
    lines: Sequence[bytes] = [one if isinstance(one, bytes) else write(one) for one in oldest_first]
    return history_of([Link(number, line, b"") for number, line in enumerate(lines)][::-1])


def event(what: str, minutes: int, **facts: str) -> Event:
    at = T0 + timedelta(minutes=minutes)
    result = "refused" if what == "login refused" else "ok"
    whole = {"result": result, "user": "ada", "provider": "local", "how": "login", **facts}
    return msgspec.convert({"at": at, "event": what, **whole}, Event)


def test_the_last_login_and_the_last_refusal_are_found() -> None:
    found = history(
        event("session opened", 1, key="a"),
        event("session opened", 2, key="b"),
        event("login refused", 3, provider="", user="ADA"),
        event("login refused", 4, provider="", user="CORP\\Bob"),
        event("login refused", 5, user="carl", result="unavailable"),
    )
    assert found.logins == {ADA: T0 + timedelta(minutes=2)}
    assert found.refusals == {
        "ada": T0 + timedelta(minutes=3),
        "bob@corp": T0 + timedelta(minutes=4),
    }


def test_what_is_no_login_is_none() -> None:
    found = history(
        event("session opened", 1, key="a"),
        event("session opened", 2, key="b"),
        event("session not opened", 3, key="b"),
        event("session opened", 4, key="c", how="clone"),
        event("session opened", 5, key="d", how="impersonation"),
        event("session ended", 6, key="a"),
        b'{"event":"session opened"',
    )
    assert found.logins == {ADA: T0 + timedelta(minutes=1)}
    assert found.refusals == {}


def test_a_name_that_is_none_is_nobodys() -> None:
    assert history(event("login refused", 1, user="")).refusals.keys() <= {""}
