"""What is written down of checks: each refusal; of what is let through the first, and a number."""

import json
from pathlib import Path
from typing import Any

import pytest

from sessiongate.audit import access_checks
from sessiongate.audit.access_checks import HOUR, AccessChecks
from sessiongate.errors import StoreUnavailable
from sessiongate.session import Client, Session
from tests.gate import Gate

CLIENT = Client("203.0.113.5", "curl/8", "forward-auth")


class Written:
    """Checks over a gate, and the events of them."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[bytes] = []
        self.gate = Gate(folder, ship=self.lines.append)
        self.checks = AccessChecks(self.gate.journal, self.gate.clock)

    def allow(self, session: Session, host: str = "app.example", times: int = 1) -> None:
        for _ in range(times):
            self.checks.allowed(session, CLIENT, "ext-authz", host, f"GET {host}/ through 10.0.0.5")

    @property
    def events(self) -> list[dict[str, Any]]:
        return [one for one in map(json.loads, self.lines) if one["event"].startswith("access ")]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


async def session_of(written: Written, user: str) -> Session:
    return (await written.gate.login(user)).session


async def test_the_first_is_an_event_and_an_hour_later_the_others_are_a_number(
    written: Written,
) -> None:
    bob, began = await session_of(written, "bob"), written.gate.clock.now()
    written.allow(bob)
    [first] = written.events
    assert (first["user"], first["key"], first["ip"]) == ("bob", bob.key, CLIENT.ip_address)
    assert (first["how"], first["detail"]) == ("ext-authz", "GET app.example/ through 10.0.0.5")
    assert "merged" not in first
    written.allow(bob, times=4)
    written.allow(bob, "wiki.example")
    assert len(written.events) == 2
    await written.checks.tidy()
    assert len(written.events) == 2
    written.gate.clock.tick(HOUR)
    await written.checks.tidy()
    more = written.events[2:]
    # Four more, of which the event itself is one; the other host has none.
    assert [(one["detail"], one["merged"]) for one in more] == [(first["detail"], 3)]
    assert more[0]["since"] == began.isoformat().replace("+00:00", "Z")
    written.allow(bob)
    assert len(written.events) == 4


async def test_what_was_counted_is_written_at_a_stop(written: Written) -> None:
    bob = await session_of(written, "bob")
    written.allow(bob, times=2)
    written.checks.flush()
    [_, more] = written.events
    assert ("merged" in more, "since" in more) == (False, False)
    written.checks.flush()
    assert len(written.events) == 2


async def test_so_many_hosts_are_counted_by_themselves_and_the_rest_together(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_checks, "MOST", 2)
    bob = await session_of(written, "bob")
    for number in range(5):
        written.allow(bob, f"h{number}.example")
    assert len(written.events) == 2
    written.checks.flush()
    [rest] = written.events[2:]
    assert (rest.get("user"), rest["merged"], rest["dialect"]) == (None, 2, "forward-auth")


async def test_sec_69_an_account_at_many_hosts_hides_no_other_ones_steps(written: Written) -> None:
    """Whoever has sessions may ask for any Host: that fills its own share, and not the table."""
    bob, eve = await session_of(written, "bob"), await session_of(written, "eve")
    again = await session_of(written, "bob")
    for number in range(access_checks.MOST):
        written.allow(again if number % 2 else bob, f"h{number}.example")
    assert len(written.events) == 101
    further = written.events[-1]
    assert (further["user"], further.get("key"), further.get("token")) == ("bob", None, None)
    assert further["detail"] == "further, first GET h100.example/ through 10.0.0.5"
    written.allow(eve, "grafana.example", times=2)
    assert written.events[-1]["user"] == "eve"
    before = len(written.events)
    written.checks.flush()
    found = {one["user"]: one.get("merged", 0) for one in written.events[before:]}
    assert found == {"bob": access_checks.MOST - 101 - 1, "eve": 0}
    # In the next hour its hosts stand apart again.
    written.allow(bob, "h60.example")
    assert written.events[-1]["detail"].startswith("GET h60.example/")


async def test_sec_69_each_refusal_is_an_event_until_there_are_too_many(written: Written) -> None:
    bob = await session_of(written, "bob")
    written.checks.refused(CLIENT, "auth-request", "GET a/ through b", "no_session")
    written.checks.refused(CLIENT, "auth-request", "GET a/ through b", "no_role", session=bob)
    outage = StoreUnavailable("gone")
    written.checks.refused(CLIENT, "auth-request", "GET a/ through b", "unavailable", error=outage)
    assert [(one["reason"], one["result"], one.get("user")) for one in written.events] == [
        ("no_session", "refused", None),
        ("no_role", "refused", "bob"),
        ("unavailable", "unavailable", None),
    ]
    for _ in range(1000):
        written.checks.refused(CLIENT, "auth-request", "GET a/ through b", "no_session")
    assert len(written.events) < 200
    written.gate.journal.flush()
    assert written.events[-1]["merged"] > 800
