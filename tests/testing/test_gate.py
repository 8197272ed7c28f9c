"""A server in the test's own process: what it gives, how its time travels, and what is left."""

import asyncio
import os
import resource
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog

from sessiongate.errors import ConfigError
from sessiongate.testing import Gate, LeakedSessions
from tests.until import PATIENCE, wait_until


@pytest.fixture(scope="module")
def one() -> Iterator[Gate]:
    with Gate.start() as gate:
        yield gate


@pytest.fixture
def gate(one: Gate) -> Gate:
    one.reset()
    return one


def login(
    gate: Gate, user: str = "ci", password: str | None = None, **more: Any
) -> requests.Response:
    known = gate.users[user].password if password is None else password
    url = f"{gate.url}/api/session"
    return requests.post(url, auth=(user, known), verify=str(gate.ca), timeout=PATIENCE, **more)


def is_live(gate: Gate, token: str) -> bool:
    headers = {"vmware-api-session-id": token}
    url = f"{gate.url}/api/session"
    return (
        requests.get(url, headers=headers, verify=str(gate.ca), timeout=PATIENCE).status_code == 200
    )


def test_users_have_the_roles_that_were_asked_for(gate: Gate) -> None:
    assert [login(gate, name).status_code for name in ("ci", "reader", "nobody")] == [201, 201, 403]
    assert login(gate, "ci", "wrong").status_code == 401
    assert [(one.user, one.roles) for one in gate.sessions()] == [
        ("ci", ["administrator"]),
        ("reader", ["user"]),
    ]
    assert [one.user for one in gate.sessions("reader")] == ["reader"]


def test_thirty_one_minutes_end_a_session_and_twenty_nine_do_not(gate: Gate) -> None:
    token = login(gate).json()
    began = time.process_time()
    assert gate.clock.advance(minutes=29).ended == 0
    assert time.process_time() - began < 0.05, "seconds, of processor time"
    assert is_live(gate, token)
    assert gate.clock.advance(timedelta(minutes=31)).ended == 1
    assert not is_live(gate, token)
    assert gate.events("session ended")[0].reason == "idle"


def test_the_limit_itself_ends_a_session(gate: Gate) -> None:
    gate.clock.freeze()
    login(gate)
    active_at = gate.sessions()[0].active_at
    assert gate.clock.to(active_at + timedelta(minutes=30) - timedelta(microseconds=1)).ended == 0
    assert gate.clock.advance(timedelta(microseconds=1)).ended == 1


def test_the_clock_goes_ahead_only_and_stands_where_it_is_held(gate: Gate) -> None:
    with pytest.raises(ValueError, match="forward only"):
        gate.clock.advance(minutes=-1)
    gate.clock.freeze()
    now = gate.clock.now()
    assert gate.clock.now() == now
    assert gate.clock.to(now + timedelta(hours=1)).now == now + timedelta(hours=1)
    gate.reset()
    assert gate.clock.now() < now + timedelta(minutes=30)


def test_nothing_of_before_is_left_after_a_reset(gate: Gate) -> None:
    token = login(gate).json()
    gate.lock("reader")
    assert login(gate, "reader").status_code == 401
    gate.reset()
    assert not is_live(gate, token)
    assert (list(gate.sessions()), gate.events("session opened").count) == ([], 0)
    assert login(gate, "reader").status_code == 201


def test_names_are_locked_and_unlocked(gate: Gate) -> None:
    gate.lock("ci")
    assert login(gate).status_code == 401
    assert gate.unlock("ci")
    assert not gate.unlock("ci")
    assert login(gate).status_code == 201


def test_sessions_are_ended_as_by_an_administrator(gate: Gate) -> None:
    tokens = [login(gate, name).json() for name in ("ci", "ci", "reader")]
    key = gate.sessions("reader")[0].key
    assert gate.end("ci") == 2
    assert [is_live(gate, one) for one in tokens] == [False, False, True]
    assert gate.end(key=key) == 1
    with pytest.raises(ValueError, match="no live session has this key"):
        gate.end(key=key)
    with pytest.raises(ValueError, match="not both"):
        gate.end()


def test_requests_are_told_with_whose_session_they_carry(gate: Gate) -> None:
    token = login(gate, headers={"user-agent": "nightly/1"}).json()
    assert is_live(gate, token)
    seen = [(s.dialect, s.verb, s.path, s.status, s.user) for s in gate.requests()]
    assert seen == [
        ("rest", "POST", "/api/session", 201, ""),
        ("rest", "GET", "/api/session", 200, "ci"),
    ]
    assert gate.requests()[0].agent == "nightly/1"
    assert token not in repr(gate.requests())


def test_whoever_leaves_a_session_open_is_named(gate: Gate) -> None:
    gate.assert_no_open_sessions()
    login(gate, headers={"user-agent": "nightly/1"})
    with pytest.raises(LeakedSessions, match=r"1 open sessions:\n +ci by nightly/1 from 127"):
        gate.assert_no_open_sessions()


def test_variables_are_those_of_each_client(gate: Gate) -> None:
    ci = gate.users["ci"]
    govc = gate.env("govc")
    assert (govc["GOVC_URL"], govc["GOVC_PASSWORD"]) == (f"{gate.url}/sdk", ci.password)
    assert Path(gate.env("curl")["CURL_CA_BUNDLE"]) == gate.ca
    assert gate.env("requests", "reader")["SESSIONGATE_USER"] == "reader"
    with pytest.raises(ValueError, match="there are curl, govc"):
        gate.env("gvoc")


def test_settings_are_those_of_the_server(tmp_path: Path) -> None:
    with Gate.start(users=["ann"], tls=False, settings={"lockout.attempts": 2}) as gate:
        assert gate.url.startswith("http://127.0.0.1:")
        with pytest.raises(ValueError, match="plain HTTP"):
            gate.ssl_context()
        gate.lock("ann")
        assert len(gate.events("login refused")) == 0, "nobody has asked by the network"
        url = f"{gate.url}/api/session"
        assert requests.post(url, auth=("ann", "x"), timeout=PATIENCE).status_code == 401
    with pytest.raises(ConfigError, match=r"sessions\.idle_timeout"):
        Gate.start(idle_timeout="soon")


def test_the_process_is_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    """Signals, environment, threads, descriptors and log: whatever is the caller's."""

    def state() -> tuple[object, ...]:
        handlers = tuple(signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM))
        limits = tuple(
            resource.getrlimit(one) for one in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)
        )
        loop = asyncio.new_event_loop()
        loop.close()
        log = structlog.get_config()["processors"]
        return (handlers, limits, type(loop), dict(os.environ), log)

    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    Gate.start().close()  # what is imported and cached once
    before, threads, files = state(), set(threading.enumerate()), open_files()
    with Gate.start() as gate:
        login(gate)
        structlog.get_logger("mine").info("a line of the caller's own")
        assert any("session opened" in line for line in gate.log())
    assert state() == before
    # Its hashing threads end by themselves, as do those of tests before this one.
    wait_until(lambda: threads.issuperset(threading.enumerate()) and open_files() <= files)
    told = "".join(capfd.readouterr())
    assert "session opened" not in told
    assert "a line of the caller's own" in told


def test_several_run_beside_each_other(gate: Gate) -> None:
    with Gate.start(users=["eve"]) as other:
        assert other.port != gate.port
        token = login(other, "eve").json()
        assert is_live(other, token)
        assert not is_live(gate, token)


def test_certificates_of_others_are_not_trusted(gate: Gate) -> None:
    with Gate.start() as other, socket.create_connection((gate.host, gate.port)) as plain:
        context = other.ssl_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname=gate.host)


async def test_it_serves_an_asynchronous_test_too() -> None:
    async with Gate.start() as gate:
        assert gate.sessions() == []


def test_a_slip_in_a_fault_has_a_short_report(gate: Gate) -> None:
    with pytest.raises(ConfigError, match=r"did you mean cap\.reached") as refused:
        gate.fault("cap.reachd")
    assert len(refused.traceback) <= 3


def test_where_an_address_is_taken_nothing_is_left_open(gate: Gate) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    taken = {"server.listen": ["127.0.0.1:0", f"127.0.0.1:{gate.port}"]}
    before = opened()
    # The error is kept, and with it all that its traceback refers to.
    with pytest.raises(ConfigError, match="free it") as refused:
        Gate.start(settings=taken)
    assert opened() <= before
    assert len(refused.value.problems) == 1


def test_it_may_have_no_operations_listener() -> None:
    with Gate.start(tls=False, settings={"admin.listen": "off"}) as quiet:
        assert quiet.operations == ""
        assert login(quiet).status_code == 201


GRACE, IMPATIENT = 60, 0.2
"""Seconds that requests under way have at the end, and that a client waits."""


def test_a_request_that_a_fault_holds_up_holds_up_no_reset() -> None:
    with Gate.start(tls=False, settings={"server.limits.shutdown_grace": f"{GRACE}s"}) as slow:
        slow.fault("login.slow", seconds=3600)
        url = f"{slow.url}/api/session"
        with pytest.raises(requests.ReadTimeout):
            requests.post(url, auth=("ci", "x"), timeout=IMPATIENT)
        begun = time.monotonic()
        slow.reset()
        assert time.monotonic() - begun < GRACE
