"""A server in a test is steered by HTTP, and by nobody's web page."""

import http.client
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from sessiongate.testing import Gate
from tests.each import each
from tests.faults.speakers import SPEAKERS
from tests.until import PATIENCE, wait_until

ZERTO = SPEAKERS["zerto"]


class Steerer:
    """Asks the operations listener of a server."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def ask(
        self,
        verb: str,
        path: str,
        value: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        raw: str | None = None,
    ) -> tuple[int, Any]:
        """Status and body, as JSON where it is that."""
        address = urlsplit(self.gate.operations)
        connection = http.client.HTTPConnection(
            str(address.hostname), address.port, timeout=PATIENCE
        )
        given = {"X-Sessiongate-Dev": self.gate.token if token is None else token}
        try:
            body = raw if value is None else json.dumps(value)
            connection.request(verb, path, body, {**given, **(headers or {})})
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        is_json = reply.getheader("content-type") == "application/json"
        return reply.status, json.loads(text) if is_json else text


@pytest.fixture
def steerer(gate: Gate) -> Iterator[Steerer]:
    yield Steerer(gate)
    gate.reset()


def test_a_rule_is_added_listed_shown_and_removed(steerer: Steerer) -> None:
    told = {"fault": "login.refuse", "when": {"user": "ci"}, "times": 1}
    status, added = steerer.ask("POST", "/dev/faults", told)
    assert (status, added) == (201, {**told, "id": "r1", "hits": 0, "over": False})
    assert ZERTO.login(steerer.gate).status == 401
    listed = [{**told, "id": "r1", "hits": 1, "over": True}]
    assert steerer.ask("GET", "/dev/faults") == (200, listed)
    assert steerer.ask("GET", "/dev/faults/r1") == (200, listed[0])
    assert steerer.ask("DELETE", "/dev/faults/r1") == (200, {"removed": 1})
    assert steerer.ask("GET", "/dev/faults/r1")[0] == 404
    for _ in range(2):
        steerer.ask("POST", "/dev/faults", {"fault": "store.down"})
    assert steerer.ask("DELETE", "/dev/faults") == (200, {"removed": 2})
    assert ZERTO.login(steerer.gate).status == 200


def test_what_is_no_rule_is_refused_with_the_way_out(steerer: Steerer) -> None:
    status, said = steerer.ask("POST", "/dev/faults", {"fault": "cap.reachd", "skip": -1})
    assert status == 400
    assert said["problems"] == ["fault: there is no 'cap.reachd'; did you mean cap.reached?"]
    assert steerer.ask("POST", "/dev/faults", ["x"])[0] == 400
    assert steerer.ask("GET", "/dev/faults") == (200, [])


def test_time_is_told_and_goes_ahead(steerer: Steerer) -> None:
    token = ZERTO.logged_in(steerer.gate)
    status, before = steerer.ask("GET", "/dev/clock")
    assert (status, list(before)) == (200, ["now"])
    status, after = steerer.ask("POST", "/dev/clock", {"advance": "31m"})
    assert (status, after["ended"]) == (200, 1)
    assert after["now"] > before["now"]
    assert ZERTO.call(steerer.gate, token).status == 401
    status, later = steerer.ask("POST", "/dev/clock", {"to": "2101-01-01T00:00:00Z"})
    assert (status, later["now"][:10]) == (200, "2101-01-01")
    assert steerer.ask("POST", "/dev/clock", {"freeze": True})[0] == 200
    assert steerer.ask("GET", "/dev/clock") == steerer.ask("GET", "/dev/clock")


@each(
    ("told", "why"),
    [
        ({"advance": "soon"}, "advance: must be a duration"),
        ({"to": "2001-01-01T00:00:00Z"}, "it goes forward only"),
        ({"to": "2101-01-01T00:00:00"}, "needs a zone"),
        ({"to": "9999-12-31T23:59:59Z"}, "no further than 3000-01-01"),
        ({"to": "9999-12-31T23:59:59-23:00"}, "no further than 3000-01-01"),
        ({"back": "1m"}, "must hold one of"),
        ({}, "must hold one of"),
    ],
)
def test_time_that_cannot_be_is_refused(steerer: Steerer, told: object, why: str) -> None:
    status, said = steerer.ask("POST", "/dev/clock", told)
    assert status == 400
    assert why in said["error"]


def test_steps_ahead_by_a_fault_end_where_the_clock_does(steerer: Steerer) -> None:
    told = {"fault": "clock.advance", "by": "36500d", "times": 20}
    assert steerer.ask("POST", "/dev/faults", told)[0] == 201
    for _ in range(12):
        assert ZERTO.login(steerer.gate).status == 200
    assert steerer.ask("GET", "/dev/clock")[1]["now"] < "3000"


@each("body", ['{"fault":' + "[" * 20_000, "[" * 20_000, '{"a":' * 20_000])
def test_sec_66_a_body_that_is_nested_deeply_is_no_rule(steerer: Steerer, body: str) -> None:
    status, said = steerer.ask("POST", "/dev/faults", raw=body)
    assert status == 400
    assert "no JSON object" in said["error"]


def test_a_reset_leaves_nothing_of_before(steerer: Steerer) -> None:
    gate = steerer.gate
    token = ZERTO.logged_in(gate)
    gate.lock("reader")
    gate.fault("http.status", status=503, dialect="soap")
    gate.clock.advance(hours=1000)
    status, said = steerer.ask("POST", "/dev/reset")
    assert status == 200
    assert abs(datetime.fromisoformat(said["now"]) - datetime.now(UTC)) < timedelta(minutes=10)
    assert gate.sessions() == []
    assert gate.events().count == 0
    assert steerer.ask("GET", "/dev/faults") == (200, [])
    assert ZERTO.call(gate, token).status == 401
    assert ZERTO.logged_in(gate, "reader")


def test_events_are_read_from_where_one_left_off(steerer: Steerer) -> None:
    first = steerer.ask("GET", "/dev/events")[1]
    ZERTO.logged_in(steerer.gate)
    status, second = steerer.ask("GET", f"/dev/events?since={first['next']}")
    assert status == 200
    assert [one["event"] for one in second["events"]] == ["session opened"]
    assert second["next"] == first["next"] + 1
    assert steerer.ask("GET", "/dev/events?since=x")[0] == 400


def test_sec_85_nobody_steers_without_the_token(steerer: Steerer) -> None:
    for token in ("", "wrong"):
        for verb, path in (("GET", "/dev/faults"), ("POST", "/dev/faults"), ("POST", "/dev/reset")):
            status, said = steerer.ask(verb, path, {"fault": "store.down"}, token=token)
            assert (status, "must hold the token" in said["error"]) == (401, True)
    assert steerer.ask("GET", "/dev/faults") == (200, [])


@each(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Content-Type": "application/x-www-form-urlencoded"},
        {"Origin": "null"},
    ],
)
def test_sec_85_a_page_of_another_site_steers_nothing_even_with_the_token(
    steerer: Steerer, headers: Mapping[str, str]
) -> None:
    status, _ = steerer.ask("POST", "/dev/faults", {"fault": "store.down"}, headers)
    assert status == 403
    assert steerer.ask("POST", "/dev/clock", {"advance": "1h"}, headers)[0] == 403
    assert steerer.ask("GET", "/dev/faults") == (200, [])


def test_the_certificate_is_for_everybody() -> None:
    with Gate.start() as gate:
        assert gate.ca is not None
        status, pem = Steerer(gate).ask("GET", "/dev/ca.pem", token="")
        assert (status, pem) == (200, gate.ca.read_bytes())


def test_addresses_and_verbs_that_are_none(steerer: Steerer) -> None:
    assert steerer.ask("GET", "/dev/ca.pem")[0] == 404
    assert steerer.ask("GET", "/dev/x")[0] == 404
    assert steerer.ask("PUT", "/dev/clock")[0] == 405
    assert steerer.ask("PUT", "/dev/faults/r1")[0] == 405
    assert steerer.ask("GET", "/healthz") == (200, {"status": "ok"})


def test_nothing_comes_of_a_request_that_was_held_up_before_a_reset(steerer: Steerer) -> None:
    gate = steerer.gate
    placed = gate.fault("login.slow", seconds=3600)
    with ThreadPoolExecutor() as threads:
        login = threads.submit(ZERTO.login, gate)
        wait_until(lambda: placed.hits == 1)
        assert steerer.ask("POST", "/dev/reset")[0] == 200
        with pytest.raises(ConnectionError):
            login.result()
    assert (gate.sessions(), list(gate.events())) == ([], [])
