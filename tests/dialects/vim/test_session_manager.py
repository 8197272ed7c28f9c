"""SessionManager and its neighbours, called as the codecs call them."""

from pathlib import Path
from typing import Any

import pytest

from sessiongate.errors import (
    AlreadyLoggedIn,
    BadCredentials,
    BadTicket,
    InvalidArgument,
    Malformed,
    NoPermission,
    NoSession,
    NotFound,
    NotSupported,
    SessionGateError,
)
from sessiongate.secret import Secret
from sessiongate.session import Session
from sessiongate.wire.vim.types import Data
from sessiongate.wire.vim.user_session import user_session
from tests.gate import HERE, Gate, password_of


async def session_of(gate: Gate, name: str) -> Session:
    return (await gate.login(name)).session


def login_as(name: str) -> dict[str, Any]:
    return {"user_name": name, "password": password_of(name)}


# Ways in


async def test_login_gives_a_user_session_and_a_token(gate: Gate) -> None:
    outcome = await gate.call(None, "Login", **login_as("ada"))
    assert isinstance(outcome.value, Data)
    assert outcome.value.type == "UserSession"
    assert outcome.token is not None
    session = await gate.sessions.check(outcome.token)
    assert session is not None
    assert session.key == outcome.value.members["key"]


async def test_who_is_logged_in_cannot_log_in(gate: Gate) -> None:
    caller = await session_of(gate, "ada")
    for name, arguments in (
        ("Login", login_as("bob")),
        ("CloneSession", {"clone_ticket": Secret("x")}),
    ):
        with pytest.raises(AlreadyLoggedIn):
            await gate.call(caller, name, **arguments)
    assert await gate.live() == ["ada"]


async def test_a_local_ticket_is_a_password(gate: Gate) -> None:
    outcome = await gate.call(None, "AcquireLocalTicket", HERE, user_name="bob")
    assert isinstance(outcome.value, Data)
    assert outcome.value.members["userName"] == "bob"
    path = Path(str(outcome.value.members["passwordFilePath"]))
    password = Secret(path.read_text(encoding="ascii"))
    opened = await gate.call(None, "Login", HERE, user_name="bob", password=password)
    assert opened.token is not None
    with pytest.raises(Malformed):
        await gate.call(None, "AcquireLocalTicket", user_name="bob")


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("LoginByToken", {}, BadCredentials),
        ("LoginBySSPI", {"base64_token": Secret("x")}, NotSupported),
        (
            "LoginExtension",
            {"extension_key": "x", "base64_signed_credentials": Secret("x")},
            NotSupported,
        ),
    ],
)
async def test_ways_in_that_are_not_set_up(
    gate: Gate, name: str, arguments: dict[str, Any], error: type[SessionGateError]
) -> None:
    with pytest.raises(error):
        await gate.call(None, name, **arguments)


async def test_a_clone_ticket_goes_from_caller_to_client(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    ticket = (await gate.call(caller, "AcquireCloneTicket")).value
    assert isinstance(ticket, str)
    assert (await gate.call(None, "CloneSession", clone_ticket=Secret(ticket))).token is not None
    with pytest.raises(BadTicket):
        await gate.call(None, "CloneSession", clone_ticket=Secret(ticket))


async def test_impersonation_is_for_those_who_may(gate: Gate) -> None:
    ada, bob = await session_of(gate, "ada"), await session_of(gate, "bob")
    with pytest.raises(NoPermission):
        await gate.call(bob, "ImpersonateUser", user_name="ada")
    outcome = await gate.call(ada, "ImpersonateUser", user_name="bob")
    assert outcome.token is not None
    assert await gate.live() == ["bob", "bob"]


# Who may call what


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Logout", {}),
        ("SetLocale", {"locale": "de"}),
        ("SessionIsActive", {"session_id": "x", "user_name": "x"}),
        ("TerminateSession", {"session_id": ["x"]}),
        ("UpdateServiceMessage", {"message": "x"}),
        ("AcquireCloneTicket", {}),
        ("ImpersonateUser", {"user_name": "x"}),
        ("AcquireGenericServiceTicket", {"spec": Data("SessionManagerServiceRequestSpec", {})}),
        ("CurrentTime", {}),
    ],
)
async def test_these_need_a_session(gate: Gate, name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(NoSession):
        await gate.call(None, name, **arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "privilege"),
    [
        ("SessionIsActive", {"session_id": "x", "user_name": "x"}, "Sessions.ValidateSession"),
        ("TerminateSession", {"session_id": ["x"]}, "Sessions.TerminateSession"),
        ("UpdateServiceMessage", {"message": "x"}, "Sessions.GlobalMessage"),
    ],
)
async def test_these_need_a_privilege(
    gate: Gate, name: str, arguments: dict[str, Any], privilege: str
) -> None:
    caller = await session_of(gate, "bob")
    with pytest.raises(NoPermission) as refusal:
        await gate.call(caller, name, **arguments)
    assert refusal.value.privilege == privilege


# The caller's own session


async def test_logout_ends_the_session(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    assert (await gate.call(caller, "Logout")).value is None
    assert await gate.live() == []


async def test_the_locale_is_the_sessions_own(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    await gate.call(caller, "SetLocale", locale="ko")
    found = await gate.sessions.find(caller.key)
    assert found is not None
    assert found.locale == "ko"


async def test_a_service_ticket_names_this_host(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    spec = Data("SessionManagerHttpServiceRequestSpec", {"url": "https://x"})
    ticket = (await gate.call(caller, "AcquireGenericServiceTicket", spec=spec)).value
    assert isinstance(ticket, Data)
    assert ticket.members["hostName"] == "gate.example"
    assert await gate.sessions.check(Secret(str(ticket.members["id"]))) is None


# All sessions


@pytest.mark.parametrize(
    ("user", "active"),
    [("bob", True), ("BOB", True), ("ada", False), ("a\\b\\c", False), ("", False)],
)
async def test_a_session_is_active_for_its_user_in_any_spelling(
    gate: Gate, user: str, active: bool
) -> None:
    caller, other = await session_of(gate, "eve"), await session_of(gate, "bob")
    outcome = await gate.call(caller, "SessionIsActive", session_id=other.key, user_name=user)
    assert outcome.value is active


async def test_no_session_is_not_active(gate: Gate) -> None:
    caller = await session_of(gate, "eve")
    outcome = await gate.call(caller, "SessionIsActive", session_id="none", user_name="bob")
    assert outcome.value is False


async def test_termination_stops_at_the_first_that_is_none(gate: Gate) -> None:
    caller = await session_of(gate, "ada")
    first, second = await session_of(gate, "bob"), await session_of(gate, "eve")
    with pytest.raises(NotFound):
        await gate.call(caller, "TerminateSession", session_id=[first.key, "none", second.key])
    assert await gate.live() == ["ada", "eve"]
    await gate.call(caller, "TerminateSession", session_id=[second.key])
    await gate.call(caller, "TerminateSession", session_id=[])
    assert await gate.live() == ["ada"]


async def test_nobody_terminates_the_own_session(gate: Gate) -> None:
    caller = await session_of(gate, "ada")
    with pytest.raises(InvalidArgument) as refusal:
        await gate.call(caller, "TerminateSession", session_id=[caller.key])
    assert refusal.value.name == "sessionId"
    assert await gate.live() == ["ada"]


async def test_the_message_is_for_all(gate: Gate) -> None:
    caller, other = await session_of(gate, "ada"), await session_of(gate, "bob")
    assert await gate.read(other, "message") is None
    await gate.call(caller, "UpdateServiceMessage", message="Maintenance at noon")
    assert await gate.read(other, "message") == "Maintenance at noon"
    with pytest.raises(InvalidArgument):
        await gate.call(caller, "UpdateServiceMessage", message="x" * 4097)
    assert await gate.read(other, "message") == "Maintenance at noon"


# Properties


async def test_the_current_session_is_the_callers(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    assert await gate.read(caller, "currentSession") == user_session(caller)
    assert await gate.read(None, "currentSession") is None


@pytest.mark.parametrize("name", ["ada", "eve"])
async def test_who_may_terminate_or_list_sees_all_sessions(gate: Gate, name: str) -> None:
    caller, other = await session_of(gate, name), await session_of(gate, "bob")
    listed = await gate.read(caller, "sessionList")
    assert isinstance(listed, list)
    assert sorted(one.members["key"] for one in listed) == sorted([caller.key, other.key])
    assert other.digest.hex() not in repr(listed)


async def test_others_see_none(gate: Gate) -> None:
    with pytest.raises(NoPermission):
        await gate.read(await session_of(gate, "bob"), "sessionList")
    with pytest.raises(NoSession):
        await gate.read(None, "sessionList")


async def test_locales_are_told_to_anybody(gate: Gate) -> None:
    assert await gate.read(None, "defaultLocale") == "en"
    shipped = await gate.read(None, "messageLocaleList")
    assert isinstance(shipped, list)
    assert shipped == ["en", "de", "fr", "ja", "ko", "zh_CN", "zh_TW"]
    supported = await gate.read(None, "supportedLocaleList")
    assert isinstance(supported, list)
    assert set(shipped) <= set(supported)
