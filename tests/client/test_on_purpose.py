"""Each fault and scenario that a server can have on purpose, and what the library makes of it.

docs/client.md says the same in words ("What comes of what"). A login counts where the server was
asked for it, also where it was refused or nobody heard of it.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sessiongate.faults.catalogue import FAULTS
from sessiongate.faults.scenarios import SCENARIOS
from sessiongate.testing import Gate
from sessiongate_client import ApplianceSession, LoginRefused, SessionError, VsphereSession
from tests.each import each
from tests.faults.gateways import House, shared_house
from tests.until import PATIENCE

Told = Mapping[str, object]

ANSWERED = 2.0
"""Seconds in which an answer comes, or never. Faults that keep silent are waited for as long."""


@pytest.fixture(scope="module")
def one() -> Iterator[Gate]:
    with Gate.start(seed=5) as gate:
        yield gate


@pytest.fixture
def gate(one: Gate) -> Gate:
    one.reset()
    return one


def session_at(gate: Gate, dialect: str = "rest", answered: float = ANSWERED) -> VsphereSession:
    """A session that waits for nothing in earnest."""
    return VsphereSession(
        gate.url,
        "ci",
        gate.users["ci"].password,
        dialect=dialect,
        ca=gate.ca,
        read_timeout=answered,
        wait=lambda _seconds: None,
    )


def asked(session: VsphereSession, answered: float = ANSWERED) -> str:
    """What comes of a request: a status, or what is raised."""
    try:
        url = session.url("/api/vcenter/vm")
        with requests.get(url, auth=session.auth, verify=session.ca, timeout=answered) as reply:
            return str(reply.status_code)
    except SessionError as error:
        return type(error).__name__
    except requests.ConnectionError:  # and what is below it: a line that ends in a handshake
        return "ConnectionError"
    except requests.RequestException as error:
        return type(error).__name__


def logins(gate: Gate) -> int:
    return sum(one.verb == "POST" and one.path == "/api/session" for one in gate.requests())


AT_LOGIN: tuple[tuple[Told, str, int], ...] = (
    ({"fault": "login.refuse"}, "LoginRefused", 1),
    ({"fault": "login.refuse", "as": "LockedOut"}, "LoginRefused", 1),
    ({"fault": "login.refuse", "as": "PasswordExpired"}, "LoginRefused", 1),
    ({"fault": "login.refuse", "as": "NoPermission"}, "LoginRefused", 1),
    ({"fault": "login.refuse", "as": "InvalidLocale"}, "UnexpectedAnswer", 1),
    ({"fault": "cap.reached", "body": "own"}, "Busy", 4),
    ({"fault": "cap.reached", "body": "vendor"}, "Busy", 4),
    ({"fault": "provider.down"}, "Busy", 4),
    ({"fault": "store.down"}, "Busy", 4),
    ({"fault": "login.slow", "seconds": 0.1}, "200", 1),
    ({"fault": "login.slow", "seconds": 0, "dribble": 200}, "200", 1),
    ({"fault": "login.hang", "seconds": 0.1}, "Unreachable", 1),
    ({"fault": "http.status", "status": 500}, "UnexpectedAnswer", 1),
    ({"fault": "http.status", "status": 429, "retry_after": 1}, "UnexpectedAnswer", 1),
    ({"fault": "http.status", "status": 503, "retry_after": 1, "times": 3}, "200", 4),
    ({"fault": "http.status", "status": 503}, "Busy", 1),
    ({"fault": "http.status", "status": 502, "after": True}, "UnexpectedAnswer", 1),
    ({"fault": "conn.reset"}, "Unreachable", 1),
    ({"fault": "conn.close"}, "Unreachable", 1),
    ({"fault": "conn.truncate"}, "UnexpectedAnswer", 1),
    ({"fault": "conn.garbage"}, "UnexpectedAnswer", 1),
    ({"fault": "conn.refuse"}, "Unreachable", 0),
    ({"fault": "conn.reset", "at": "accept"}, "Unreachable", 0),
    ({"fault": "tls.expired"}, "NotTrusted", 0),
    ({"fault": "tls.wrong-name"}, "NotTrusted", 0),
    ({"fault": "tls.rotated"}, "200", 1),
    ({"fault": "tls.rotated", "issuer": "new"}, "NotTrusted", 0),
)

IN_A_SESSION: tuple[tuple[Told, str, int], ...] = (
    ({"fault": "session.expire"}, "200", 2),
    ({"fault": "session.terminate"}, "200", 2),
    ({"fault": "session.forget"}, "200", 2),
    ({"fault": "clock.advance", "by": "31m"}, "200", 2),
    ({"fault": "session.half-rotten"}, "401", 2),
    ({"fault": "privilege.remove", "privileges": "System.View"}, "200", 1),
    ({"fault": "store.down"}, "503", 1),
    ({"fault": "reply.slow", "seconds": 0.1, "dribble": 100}, "200", 1),
    ({"fault": "reply.slow", "seconds": 3}, "ReadTimeout", 1),
    ({"fault": "http.status", "status": 500}, "500", 1),
    ({"fault": "http.status", "status": 503, "retry_after": 1, "times": 2}, "200", 1),
    ({"fault": "conn.reset"}, "ConnectionError", 1),
    ({"fault": "conn.close"}, "ConnectionError", 1),
    ({"fault": "conn.truncate"}, "ChunkedEncodingError", 1),
    ({"fault": "conn.garbage"}, "ChunkedEncodingError", 1),
    ({"fault": "ticket.spent"}, "200", 1),
    ({"fault": "token.short"}, "200", 1),
    ({"fault": "version.is", "version": "9.0.0.0"}, "200", 1),
    ({"fault": "clock.skew", "by": "-1h"}, "200", 1),
)
"""The library asks for no clone ticket and for no time, and REST has no access tokens."""

AT_A_GATEWAY: tuple[tuple[Told, str, int], ...] = (
    ({"fault": "upstream.down"}, "503", 1),
    ({"fault": "upstream.slow", "seconds": 0.1}, "200", 1),
    ({"fault": "upstream.cap"}, "200", 1),
    ({"fault": "upstream.rotten"}, "200", 1),
    ({"fault": "upstream.rotten", "half": True}, "401", 2),
    ({"fault": "upstream.wrong-type"}, "200", 1),
)
"""In a session of a gateway, which has one of its own at the upstream."""

NAMED: Mapping[str, tuple[str, ...]] = {
    "idle-surprise": ("200", "200", "200"),
    "cap-550": ("200", "200", "200"),
    "restart": ("ConnectionError", "ConnectionError", "ConnectionError", "200"),
    "stale-password": ("200", "200", "200"),
    "half-rotten": ("401", "401", "401"),
    "slow-directory": ("200", "200", "200"),
    "rotate-certificate": ("200", "200", "200"),
}


def test_each_fault_and_scenario_has_its_outcome() -> None:
    rows = [*AT_LOGIN, *IN_A_SESSION, *AT_A_GATEWAY]
    assert {str(told["fault"]) for told, _, _ in rows} == set(FAULTS)
    assert {*NAMED, "flaky-network"} == set(SCENARIOS)


@each(("told", "outcome", "count"), AT_LOGIN, ids=str)
def test_a_login_that_meets_a_fault(gate: Gate, told: Told, outcome: str, count: int) -> None:
    gate.reset()
    with session_at(gate) as session:
        with gate.rule(told):
            assert (asked(session), logins(gate)) == (outcome, count)
            if outcome == "LoginRefused":  # and nobody asks once more
                assert (asked(session), logins(gate)) == (outcome, count)
        if outcome != "LoginRefused":
            assert asked(session) == "200"


@each(("told", "outcome", "count"), IN_A_SESSION, ids=str)
def test_a_session_that_meets_a_fault(gate: Gate, told: Told, outcome: str, count: int) -> None:
    gate.reset()
    with session_at(gate) as session:
        assert asked(session) == "200"
        with gate.rule(told):
            assert (asked(session), logins(gate)) == (outcome, count)
        assert asked(session) == "200"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with shared_house() as both:
        yield both


@each(("told", "outcome", "count"), AT_A_GATEWAY, ids=str)
def test_a_session_at_a_gateway_whose_upstream_meets_a_fault(
    house: House, told: Told, outcome: str, count: int
) -> None:
    house.empty()
    with session_at(house.gate) as session:
        assert asked(session) == "200"
        with house.gate.rule(told):
            assert (asked(session), logins(house.gate)) == (outcome, count)
        assert asked(session) == "200"


@each("name", list(NAMED))
def test_a_session_in_a_scenario(gate: Gate, name: str) -> None:
    gate.reset()
    with session_at(gate) as session:
        assert asked(session) == "200"
        with gate.scenario(name):
            assert tuple(asked(session) for _ in NAMED[name]) == NAMED[name]
        assert asked(session) == "200"


@each("dialect", ["soap", "vi-json"])
def test_a_locale_that_is_refused_is_a_refused_login_where_it_has_a_fault(
    gate: Gate, dialect: str
) -> None:
    """REST has none of its own: what it says to a wrong argument is neither yes nor no."""
    with (
        session_at(gate, dialect) as session,
        gate.fault("login.refuse", as_="InvalidLocale") as placed,
    ):
        for _ in range(2):
            with pytest.raises(LoginRefused) as refused:
                session.token  # noqa: B018  it logs in
            assert refused.value.fault == "InvalidLocale"
        assert placed.hits == 1


def test_tokens_that_end_early_are_refreshed_in_time(gate: Gate) -> None:
    with (
        gate.fault("token.short", seconds=5) as placed,
        ApplianceSession(gate.url, "ci", gate.users["ci"].password, ca=gate.ca) as session,
    ):
        for _ in range(3):
            headers, url = session.header, session.url("/v1/localsite")
            assert requests.get(url, headers=headers, verify=session.ca, timeout=PATIENCE).ok
        assert len(gate.sessions()) == 1
    assert placed.hits == 3
    assert gate.sessions() == []


# requests may leave a line that has broken off to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_flaky_network(gate: Gate) -> None:
    with session_at(gate) as session, gate.scenario("flaky-network"):
        found = {asked(session) for _ in range(20)}
    assert found >= {"200", "ConnectionError"}
    assert found <= {"200", "ConnectionError", "Unreachable"}


def test_a_hundred_threads_with_one_expired_session_log_in_once(gate: Gate) -> None:
    with session_at(gate, answered=PATIENCE) as session:
        assert asked(session, PATIENCE) == "200"
        before = logins(gate)
        with gate.fault("session.expire"), ThreadPoolExecutor(100) as threads:
            found = list(threads.map(lambda _: asked(session, PATIENCE), range(100)))
        assert set(found) == {"200"}
        assert logins(gate) - before == 1
        assert len(gate.sessions()) == 1


def test_a_refused_password_is_sent_once_by_a_hundred_threads(gate: Gate) -> None:
    with session_at(gate, answered=PATIENCE) as session, gate.fault("login.refuse") as placed:
        with ThreadPoolExecutor(100) as threads:
            found = list(threads.map(lambda _: asked(session, PATIENCE), range(100)))
        assert set(found) == {"LoginRefused"}
        assert (placed.hits, logins(gate)) == (1, 1)
        with pytest.raises(LoginRefused):
            session.renew()
        assert logins(gate) == 2
