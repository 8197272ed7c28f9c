"""Calls, whichever codec has read them: who is told of them, and what a refusal is written with."""

import base64

import pytest

from sessiongate.dialects.vim.calls import Calls, FaultReply
from sessiongate.errors import NoSession, StoreUnavailable
from sessiongate.secret import Secret
from sessiongate.wire.carriers import VMWARE_HEADER
from sessiongate.wire.vim.methods import METHODS, SESSION_MANAGER, Call
from sessiongate.wire.vim.request import VimRequest
from tests.gate import Gate
from tests.http.requests import request

NEWEST = (99,)
DIALECT = "vi-json"


@pytest.fixture
def answered() -> list[str]:
    """Methods whose call was answered to a live session."""
    return []


@pytest.fixture
def calls(gate: Gate, answered: list[str]) -> Calls:
    return Calls(
        gate.sessions,
        gate.logins,
        gate.bearers,
        gate.center,
        DIALECT,
        frozenset({VMWARE_HEADER}),
        lambda read: answered.append(read.name),
    )


def asked(name: str, **arguments: object) -> VimRequest:
    call = Call(SESSION_MANAGER, METHODS["SessionManager", name])
    return VimRequest(SESSION_MANAGER, name, ours=call, arguments=arguments)


def login(name: str, **more: object) -> VimRequest:
    return asked("Login", user_name=name, password=Secret(name + name), **more)


def fault_in(answer: object) -> str:
    assert isinstance(answer, FaultReply)
    return answer.fault.data.type


async def test_calls_of_a_live_session_and_for_one_are_told_of_and_only_when_answered(
    gate: Gate, calls: Calls, answered: list[str]
) -> None:
    bob = await gate.login("bob")
    live = request("POST", "/", vmware_api_session_id=bob.token.reveal())
    await calls.run(request("POST", "/"), asked("Logout"), NEWEST)
    wrong = asked("Login", user_name="bob", password=Secret("ada"))
    await calls.run(request("POST", "/"), wrong, NEWEST)
    refused = await calls.run(live, asked("UpdateServiceMessage", message="hello"), NEWEST)
    assert fault_in(refused) == "NoPermission"
    assert answered == []
    await calls.run(request("POST", "/"), login("ada"), NEWEST)
    assert answered == ["Login"]
    await calls.run(live, asked("Logout"), NEWEST)
    assert answered == ["Login", "Logout"]
    await calls.run(live, asked("Logout"), NEWEST)
    assert answered == ["Login", "Logout"]


@pytest.mark.parametrize(("stated", "fault"), [("ada", None), ("bob", "InvalidLogin")])
async def test_a_login_states_one_person_only(
    stated: str, fault: str | None, gate: Gate, calls: Calls
) -> None:
    basic = base64.b64encode(f"{stated}:{stated}{stated}".encode()).decode()
    answer = await calls.run(
        request("POST", "/", authorization=f"Basic {basic}"), login("ada"), NEWEST
    )
    assert (fault_in(answer) if isinstance(answer, FaultReply) else None) == fault
    assert await gate.live() == ([] if fault else ["ada"])


def test_a_refusal_names_the_privilege_and_the_object_of_the_call(calls: Calls) -> None:
    refusal = calls.refuse(NoSession("none"), asked("UpdateServiceMessage"))
    assert refusal.fault.data.type == "NotAuthenticated"
    assert refusal.fault.data.members["object"] == SESSION_MANAGER
    assert refusal.fault.data.members["privilegeId"] == "Sessions.GlobalMessage"


def test_an_outage_says_when_to_come_back(calls: Calls) -> None:
    refusal = calls.refuse(StoreUnavailable("the disk is gone"), VimRequest())
    assert refusal.fault.status == 503
    assert "retry-after" in dict(refusal.headers)


@pytest.mark.parametrize(("locale", "same"), [("en", True), ("de", False), ("xx-none", True)])
async def test_a_login_is_refused_in_the_language_it_asks_for(
    locale: str, same: bool, calls: Calls
) -> None:
    """One that is none is refused in the server's."""
    refused = NoSession("none")
    english = calls.refuse(refused, login("ada")).fault.message
    assert (calls.refuse(refused, login("ada", locale=locale)).fault.message == english) is same
