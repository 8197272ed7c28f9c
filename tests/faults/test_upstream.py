"""Faults of an upstream, at whole gateways: what clients hear, and what is done at the upstream."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, cast

import pytest

from sessiongate.errors import OutcomeUnknown, UpstreamUnavailable
from sessiongate.faults.book import Hit
from sessiongate.faults.inside import meeting
from sessiongate.faults.upstream import UpstreamFaults
from sessiongate.testing import Gate
from sessiongate.upstream.exchange import AWAY, Exchange
from sessiongate.wire.http import Answer, Ask
from tests.basic import basic
from tests.each import each
from tests.end_to_end.vim_soap import FOLDERS, envelope
from tests.faults.gateways import VERA, House, callers_house, shared_house, zvm_house
from tests.faults.speakers import SPEAKERS, Said, ask, gist, soap
from tests.until import wait_until

_READ = envelope(
    "RetrieveProperties",
    "PropertyCollector",
    "propertyCollector",
    f"<specSet>{FOLDERS}<objectSet><obj type='Folder'>group-d1</obj></objectSet></specSet>",
)
_ONCE = Ask("/sdk", (), b"")


@pytest.fixture(scope="module")
def _shared() -> Iterator[House]:
    with shared_house() as house:
        yield house


@pytest.fixture(scope="module")
def _callers() -> Iterator[House]:
    with callers_house() as house:
        yield house


@pytest.fixture(scope="module")
def _zvm() -> Iterator[House]:
    with zvm_house() as house:
        yield house


@pytest.fixture
def shared(_shared: House) -> House:
    _shared.empty()
    return _shared


@pytest.fixture
def callers(_callers: House) -> House:
    _callers.empty()
    return _callers


@pytest.fixture
def zvm(_zvm: House) -> House:
    _zvm.empty()
    return _zvm


def read(gate: Gate, token: str) -> str:
    """A call that is sent on: what comes of it."""
    return gist(answer_to_read(gate, token))


def answer_to_read(gate: Gate, token: str) -> Said:
    headers = {"Cookie": f'vmware_soap_session="{token}"', "SOAPAction": "urn:vim25/8.0.3.0"}
    return ask(gate, "POST", "/sdk", _READ, headers)


def test_a_call_meets_what_an_upstream_may_do(shared: House) -> None:
    gate, token = shared.gate, SPEAKERS["soap"].logged_in(shared.gate)
    assert read(gate, token) == "200"
    before = shared.sessions
    for fault, outcome in {
        "upstream.down": "503 SystemError",
        "upstream.cap": "200",  # it goes by the session that is there
        "upstream.wrong-type": "500 SystemError",
    }.items():
        with gate.fault(fault) as placed:
            said = answer_to_read(gate, token)
        assert (fault, gist(said)) == (fault, outcome)
        # As of one that is away in earnest.
        assert (AWAY in said.body) == (fault == "upstream.down")
        assert placed.hits == 1
        assert (read(gate, token), shared.sessions) == ("200", before)


def test_a_session_that_has_ended_there_is_replaced_unseen(shared: House) -> None:
    gate, token = shared.gate, SPEAKERS["soap"].logged_in(shared.gate)
    assert read(gate, token) == "200"
    (old,) = shared.sessions
    with gate.fault("upstream.rotten"):
        assert read(gate, token) == "200"
    assert len(shared.sessions - {old}) == 1
    assert any("upstream session lost" in line for line in gate.log())


def test_whoever_deletes_something_logs_nobody_out(shared: House) -> None:
    """That goes by the session that is rotten, as all else does; the logout alone is let through.

    Nor is it sent again, as a read would be.
    """
    gate, speaker = shared.gate, SPEAKERS["rest"]
    token = speaker.logged_in(gate)
    assert gist(speaker.call(gate, token)) == "200"
    (old,) = shared.sessions
    with gate.fault("upstream.rotten"):
        said = ask(gate, "DELETE", "/api/vcenter/vm/vm-1", None, {"vmware-api-session-id": token})
    assert said.status == 401
    assert gist(speaker.call(gate, token)) == "200"
    assert len(shared.sessions - {old}) == 1


def test_a_session_that_refuses_and_lives_is_the_upstreams_word(shared: House) -> None:
    gate, token = shared.gate, SPEAKERS["soap"].logged_in(shared.gate)
    assert read(gate, token) == "200"
    before = shared.sessions
    with gate.fault("upstream.rotten", half=True):
        assert read(gate, token) == "500 NotAuthenticated"
    assert (read(gate, token), shared.sessions) == ("200", before)


@each("fault", ["upstream.down", "upstream.cap", "upstream.wrong-type"])
def test_no_session_is_opened_there(shared: House, fault: str) -> None:
    shared.empty()
    gate, token = shared.gate, SPEAKERS["soap"].logged_in(shared.gate)
    with gate.fault(fault):
        assert read(gate, token) == "503 SystemError"
    assert not shared.sessions


def test_a_session_is_opened_there_once_there_is_room_again(shared: House) -> None:
    gate, token = shared.gate, SPEAKERS["soap"].logged_in(shared.gate)
    with gate.fault("upstream.cap"):
        assert read(gate, token) == "503 SystemError"
    wait_until(lambda: read(gate, token) == "200")  # it pauses after a login that has failed
    assert len(shared.sessions) == 1


_JSON_READ = {
    "specSet": [
        {
            "_typeName": "PropertyFilterSpec",
            "propSet": [{"_typeName": "PropertySpec", "type": "Folder", "pathSet": ["name"]}],
            "objectSet": [
                {
                    "_typeName": "ObjectSpec",
                    "obj": {
                        "_typeName": "ManagedObjectReference",
                        "type": "Folder",
                        "value": "group-d1",
                    },
                }
            ],
        }
    ],
    "options": {"_typeName": "RetrieveOptions"},
}


def call(gate: Gate, dialect: str, token: str) -> str:
    """A call that is sent on, in this dialect: its gist, or that it is another server's page."""
    if dialect == "soap":
        return read(gate, token)
    if dialect == "vi-json":
        path = "/sdk/vim25/8.0.3.0/PropertyCollector/propertyCollector/RetrievePropertiesEx"
        headers = {"vmware-api-session-id": token}
        said = ask(gate, "POST", path, json.dumps(_JSON_READ), headers)
    else:
        said = SPEAKERS[dialect].call(gate, token)
    return "a page" if "<html>" in said.body else gist(said)


AT_A_VCENTER: Mapping[str, tuple[str, ...]] = {
    "upstream.down": (
        *("503 SystemError", "503 SystemError", "503 SERVICE_UNAVAILABLE"),
        *("503 SERVICE_UNAVAILABLE", "200 service_unavailable"),
    ),
    "upstream.cap": ("200",) * 5,
    "upstream.rotten": ("200",) * 5,
    "upstream.wrong-type": ("500 SystemError", "500 SystemError", "a page", "a page", "a page"),
}
"""In a session that has one at the upstream, in each dialect that goes on to a vCenter."""


@each("fault", list(AT_A_VCENTER))
def test_a_call_in_each_dialect(shared: House, fault: str) -> None:
    dialects = ("soap", "vi-json", "rest", "rest-old", "vapi-rpc")
    found = []
    for dialect in dialects:
        shared.empty()
        token = SPEAKERS[dialect].logged_in(shared.gate)
        assert call(shared.gate, dialect, token) == "200"
        with shared.gate.fault(fault) as placed:
            found.append(call(shared.gate, dialect, token))
        assert (dialect, placed.hits) == (dialect, 1)
        assert call(shared.gate, dialect, token) == "200"
    assert tuple(found) == AT_A_VCENTER[fault]


def test_an_upstream_may_be_slow_for_one_user_alone(shared: House) -> None:
    gate, token = shared.gate, SPEAKERS["soap"].logged_in(shared.gate)
    assert read(gate, token) == "200"
    with gate.fault("upstream.slow", seconds=0.3, user="ci") as slow:
        begun = time.monotonic()
        assert (read(gate, token), slow.hits) == ("200", 1)
        assert time.monotonic() - begun >= 0.3
    with gate.fault("upstream.down", user="somebody") as others:
        assert (read(gate, token), others.hits) == ("200", 0)


def caller_logs_in(house: House) -> Said:
    password = house.there.users["vera"].password
    return soap(house.gate, "Login", userName=VERA, password=password)


@each("fault", ["upstream.down", "upstream.cap", "upstream.wrong-type"])
def test_a_callers_login_is_not_refused_but_cannot_be_judged(callers: House, fault: str) -> None:
    callers.empty()
    with callers.gate.fault(fault):
        assert gist(caller_logs_in(callers)) == "503 SystemError"
    assert not callers.sessions
    (refused,) = callers.gate.events("login refused")
    assert refused.reason == "IdentityUnavailable"
    assert gist(caller_logs_in(callers)) == "200"


def test_a_callers_login_may_be_slow(callers: House) -> None:
    with callers.gate.fault("upstream.slow", seconds=0.3):
        begun = time.monotonic()
        assert gist(caller_logs_in(callers)) == "200"
        assert time.monotonic() - begun >= 0.3


def test_a_callers_session_ends_with_the_one_at_the_upstream(callers: House) -> None:
    token = SPEAKERS["soap"].token(caller_logs_in(callers))
    assert read(callers.gate, token) == "200"
    with callers.gate.fault("upstream.rotten"):
        assert read(callers.gate, token) == "500 NotAuthenticated"
    assert read(callers.gate, token) == "500 NotAuthenticated"


def zvm_login(house: House) -> Said:
    named = {"Authorization": basic("vera", house.there.users["vera"].password)}
    return ask(house.gate, "POST", "/v1/session/add", None, named)


def test_a_zvm_may_do_the_same(zvm: House) -> None:
    gate, speaker = zvm.gate, SPEAKERS["zerto"]
    busy = "503 The service is not available now. Try again later."
    for fault in ("upstream.down", "upstream.cap", "upstream.wrong-type"):
        with gate.fault(fault):
            assert (fault, gist(zvm_login(zvm))) == (fault, busy)
        assert not zvm.sessions
    token = speaker.token(zvm_login(zvm))
    with gate.fault("upstream.down"):
        assert gist(speaker.call(gate, token)) == f"{busy} ({AWAY})"
    with gate.fault("upstream.cap"):
        assert gist(speaker.call(gate, token)) == "200"
    with gate.fault("upstream.wrong-type"):
        said = speaker.call(gate, token)
        assert (said.status, "<html>" in said.body) == (200, True)
    assert gist(speaker.call(gate, token)) == "200"
    with gate.fault("upstream.rotten", half=True):
        assert speaker.call(gate, token).status == 401
    assert gist(speaker.call(gate, token)) == "200"
    with gate.fault("upstream.rotten"):
        assert speaker.call(gate, token).status == 401
    assert speaker.call(gate, token).status == 401


class Quick:
    """An exchange that answers at once, and hands out a file."""

    def __init__(self) -> None:
        self.asked = 0
        self.closed = 0

    async def exchange(self, *_: Any, **__: Any) -> Answer:
        self.asked += 1
        return Answer(200, (), b"")

    async def open(self, *_: Any, **__: Any) -> "Quick":
        self.asked += 1
        return self

    def close(self) -> None:
        self.closed += 1


class Watch:
    """Waits no time, and adds up."""

    def __init__(self) -> None:
        self.waited = 0.0

    async def __call__(self, seconds: float) -> None:
        self.waited += seconds


async def test_an_answer_that_comes_too_late_is_to_a_request_that_was_sent() -> None:
    inner, watch = Quick(), Watch()
    faulty = UpstreamFaults(watch).exchange(cast("Exchange", inner))
    span = timedelta(seconds=30)
    with meeting(Hit("r1", "upstream.slow", {"seconds": 40.0})):
        with pytest.raises(OutcomeUnknown):
            await faulty.exchange(_ONCE, within=span, largest=1)
        with pytest.raises(OutcomeUnknown):
            await faulty.open(_ONCE, within=span)
        assert (inner.asked, inner.closed, watch.waited) == (2, 1, 60.0)
        assert (await faulty.exchange(_ONCE, within=None, largest=1)).status == 200
    assert watch.waited == 100.0


async def test_files_are_not_to_be_had_of_one_that_is_down() -> None:
    inner = Quick()
    faulty = UpstreamFaults(Watch()).exchange(cast("Exchange", inner))
    body, span = cast("Any", None), timedelta(seconds=30)
    with meeting(Hit("r1", "upstream.down", {})):
        with pytest.raises(UpstreamUnavailable) as down:
            await faulty.open(_ONCE, within=span)
        assert down.value.says == AWAY
        with pytest.raises(UpstreamUnavailable):
            await faulty.send(_ONCE, body, within=span, gap=span)
    before = inner.asked
    await faulty.open(_ONCE, within=span)
    assert (before, inner.asked) == (0, 1)
