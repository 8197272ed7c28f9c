"""Requests that meet faults on their way: replaced, slowed, or gone through."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from time import perf_counter

import pytest

from sessiongate.errors import SessionGateError
from sessiongate.faults.facts import FactReader
from sessiongate.faults.handler import FaultyHandler
from sessiongate.faults.state import FaultState
from sessiongate.http.message import Reply, Request
from sessiongate.http.router import Route, Routes
from sessiongate.session import Session
from sessiongate.testing import Gate
from tests.each import each
from tests.faults.speakers import SPEAKERS, ask, gist
from tests.gate import Gate as Inside

ZERTO, SOAP = SPEAKERS["zerto"], SPEAKERS["soap"]


def test_without_a_rule_replies_are_the_same_to_the_byte(gate: Gate) -> None:
    token = ZERTO.logged_in(gate)
    gate.clock.freeze()
    path, headers = "/v1/serverDateTime", {"x-zerto-session": token}
    before = ask(gate, "GET", path, None, headers)
    with gate.fault("http.status", status=503):
        assert ask(gate, "GET", path, None, headers).status == 503
    after = ask(gate, "GET", path, None, headers)
    dated = {"date": ""}
    assert (after.status, after.body) == (before.status, before.body)
    assert {**after.headers, **dated} == {**before.headers, **dated}


@each("dialect", list(SPEAKERS))
def test_a_status_replaces_the_reply(gate: Gate, dialect: str) -> None:
    with gate.fault("http.status", status=429, retry_after=7, body="slowly") as placed:
        said = SPEAKERS[dialect].login(gate)
    assert (said.status, said.headers["retry-after"], said.body) == (429, "7", "slowly")
    assert said.fault == placed.id
    assert gate.sessions() == []


@each("dialect", list(SPEAKERS))
def test_a_status_after_the_work_hides_a_login_that_succeeded(gate: Gate, dialect: str) -> None:
    gate.reset()
    with gate.fault("http.status", status=500, after=True):
        said = SPEAKERS[dialect].login(gate)
    assert said.status == 500
    assert "set-cookie" not in said.headers
    assert [one.user for one in gate.sessions()] == ["ci"]
    assert gate.events("session opened").count == 1
    assert gate.events("session ended").count == 0


def test_rules_name_users_operations_agents_and_tests(gate: Gate) -> None:
    about = {"user": "reader", "operation": "Login", "agent": "speaker/*", "dialect": "zerto"}
    with gate.fault("http.status", status=503, when=about) as placed:
        assert ZERTO.login(gate).status == 200
        assert SOAP.login(gate, "reader").status == 200
        assert ZERTO.login(gate, "reader").status == 503
    assert placed.hits == 1
    with gate.fault("http.status", status=503, test="one"):
        said = ask(gate, "GET", "/v1/alerts", None, {"X-Sessiongate-Test": "two"})
        assert said.status == 401
        said = ask(gate, "GET", "/v1/alerts", None, {"X-Sessiongate-Test": "one"})
        assert said.status == 503


def test_a_rule_is_about_one_session(gate: Gate) -> None:
    first, second = SOAP.logged_in(gate), SOAP.logged_in(gate)
    keys = [one.key for one in gate.sessions()]
    with gate.fault("http.status", status=503, session=keys[0]):
        assert SOAP.call(gate, first).status == 503
        assert SOAP.call(gate, second).status == 200


def test_a_login_is_slow_by_so_many_seconds(gate: Gate) -> None:
    with gate.fault("login.slow", seconds=0.2) as placed:
        began = perf_counter()
        token = ZERTO.logged_in(gate)
        assert perf_counter() - began >= 0.2
        assert ZERTO.call(gate, token).fault == ""
    placed.must_hit()


def test_a_body_dribbles(gate: Gate) -> None:
    token = ZERTO.logged_in(gate)
    whole = ZERTO.call(gate, token)
    with gate.fault("reply.slow", seconds=0, dribble=10 * len(whole.body)):
        began = perf_counter()
        said = ZERTO.call(gate, token)
        assert perf_counter() - began >= 0.1
    assert said.body == whole.body


def test_a_hung_login_ends_after_its_seconds_and_opens_no_session(gate: Gate) -> None:
    with gate.fault("login.hang", seconds=0.1), pytest.raises(ConnectionError):
        ZERTO.login(gate)
    assert gate.sessions() == []


def test_time_goes_on_before_a_request(gate: Gate) -> None:
    token = ZERTO.logged_in(gate)
    with gate.fault("clock.advance", by="31m"):
        assert ZERTO.call(gate, token).status == 401
        assert ZERTO.logged_in(gate)
    (ended,) = gate.events("session ended")
    assert ended.reason == "idle"


def test_three_refusals_and_then_it_is_well(gate: Gate) -> None:
    rule = {
        "fault": "http.status",
        "status": 503,
        "times": 3,
        "then": [{"fault": "login.refuse", "times": 1}],
    }
    with gate.rule(rule) as placed:
        said = [gist(ZERTO.login(gate)).split()[0] for _ in range(5)]
    assert said == ["503", "503", "503", "401", "200"]
    assert placed.hits == 4


def test_the_same_seed_and_order_give_the_same_replies() -> None:
    def tried() -> list[int]:
        with Gate.start(tls=False, seed=11) as gate:
            gate.fault("http.status", status=503, probability=0.5)
            return [ask(gate, "GET", "/v1/alerts").status for _ in range(40)]

    first = tried()
    assert tried() == first
    assert set(first) == {401, 503}


def test_a_fault_that_nobody_met_says_so(gate: Gate) -> None:
    with gate.fault("login.refuse") as placed, pytest.raises(AssertionError, match="r1"):
        placed.must_hit()
    assert placed.hits == 0
    gate.reset()
    placed.remove()


@each("dialect", list(SPEAKERS))
def test_a_reply_that_is_cut_leaves_store_and_audit_as_after_a_login(
    gate: Gate, dialect: str
) -> None:
    """The server does not know that its client has no token: the session stays, and is audited."""
    gate.reset()
    for fault in ("conn.truncate", "conn.reset"):
        with gate.fault(fault), suppress(OSError, HTTPException):
            SPEAKERS[dialect].login(gate)
    assert [one.user for one in gate.sessions()] == ["ci", "ci"]
    assert gate.events("session opened").count == 2
    assert gate.events("session ended").count == 0


class Body:
    """Comes in pieces, from somewhere that is kept busy until it is closed."""

    length = 3
    closed = 0

    async def pieces(self) -> AsyncGenerator[bytes]:
        yield b"abc"

    def close(self) -> None:
        self.closed += 1


@each(
    "told",
    [
        {"fault": "http.status", "status": 503, "after": True},
        {"fault": "conn.truncate"},
        {"fault": "conn.close"},
    ],
)
async def test_of_a_reply_that_nobody_gets_the_body_is_closed(
    told: dict[str, object], tmp_path: Path
) -> None:
    body, inside = Body(), Inside(tmp_path)

    async def handler(_: Request) -> Reply:
        return Reply(200, download=body)

    def refuse(_: Request, __: SessionGateError | None) -> Reply:
        return Reply(500)

    async def nobody(_: bytes) -> Session | None:
        return None

    async def advance(_: timedelta) -> int:
        return 0

    state = FaultState(inside.clock, 7)
    state.serve(inside.journal, Counter(), inside.store, advance)
    state.add(told)
    routes = Routes([], Route("", handler, refuse, dialect="rest"))
    faulty = FaultyHandler(
        state, handler, routes, FactReader(nobody, lambda _: None), inside.sessions
    )
    reply = await faulty.handler()(Request("GET", "/folder/x", "", [], b"", "192.0.2.7", False))
    assert reply.download is None
    assert body.closed == 1
