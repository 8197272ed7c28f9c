"""SessionManager and its neighbours, called as the codecs call them."""

from datetime import timedelta
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
    UnknownObject,
    UnknownProperty,
)
from sessiongate.secret import Secret
from sessiongate.session import Session
from sessiongate.wire.vim.methods import (
    OBJECTS,
    PROPERTIES,
    PROPERTY_COLLECTOR,
    ROOT_FOLDER,
    SERVICE_INSTANCE,
    SESSION_MANAGER,
)
from sessiongate.wire.vim.types import Boxed, Data, MoRef
from sessiongate.wire.vim.user_session import user_session
from tests.gate import HERE, INSTANCE, Gate, password_of


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


async def test_content_and_time(gate: Gate) -> None:
    content = (await gate.call(None, "RetrieveServiceContent")).value
    assert isinstance(content, Data)
    assert content == await gate.read(None, "content")
    assert content.members["sessionManager"] == SESSION_MANAGER
    assert content.members["propertyCollector"] == PROPERTY_COLLECTOR
    assert content.members["rootFolder"] == ROOT_FOLDER
    caller = await session_of(gate, "bob")
    gate.clock.tick(timedelta(seconds=5))
    assert (await gate.call(caller, "CurrentTime")).value == gate.clock.now()
    assert await gate.read(caller, "serverClock") == gate.clock.now()
    assert await gate.read(caller, "name") == "Datacenters"


# PropertyCollector


def spec(target: MoRef, *paths: str, **more: Any) -> Data:
    """A PropertyFilterSpec for one object."""
    wanted: dict[str, Any] = {"type": more.pop("type", target.kind)}
    if paths:
        wanted["pathSet"] = list(paths)
    if "all" in more:
        wanted["all"] = more.pop("all")
    return Data(
        "PropertyFilterSpec",
        {
            "propSet": [Data("PropertySpec", wanted)],
            "objectSet": [Data("ObjectSpec", {"obj": target, **more})],
        },
    )


async def retrieve(gate: Gate, caller: Session | None, *specs: Data) -> list[Data]:
    found = (await gate.call(caller, "RetrieveProperties", spec_set=specs)).value
    result = (await gate.call(caller, "RetrievePropertiesEx", spec_set=specs)).value
    assert isinstance(found, list)
    if result is None:
        assert found == []
    else:
        assert isinstance(result, Data)
        assert result.members == {"objects": found}
    return found


def shown(content: Data) -> dict[str, Boxed]:
    found: Any = content.members.get("propSet", [])
    return {one.members["name"]: one.members["val"] for one in found}


def missing(content: Data) -> dict[str, str]:
    found: Any = content.members.get("missingSet", [])
    return {one.members["path"]: one.members["fault"].members["fault"].type for one in found}


async def test_properties_come_boxed_with_their_type(gate: Gate) -> None:
    caller = await session_of(gate, "ada")
    [content] = await retrieve(
        gate,
        caller,
        spec(SESSION_MANAGER, "defaultLocale", "currentSession", "sessionList", "message"),
    )
    assert content.members["obj"] == SESSION_MANAGER
    found = shown(content)
    assert found["defaultLocale"] == Boxed("string", "en")
    assert found["currentSession"] == Boxed("UserSession", user_session(caller))
    assert found["sessionList"] == Boxed("UserSession", [user_session(caller)], array=True)
    assert "message" not in found  # unset is neither shown nor missing
    assert missing(content) == {}


async def test_what_may_not_be_read_is_missing_and_said_why(gate: Gate) -> None:
    paths = ("defaultLocale", "sessionList", "message")
    [content] = await retrieve(gate, await session_of(gate, "bob"), spec(SESSION_MANAGER, *paths))
    assert list(shown(content)) == ["defaultLocale"]
    assert missing(content) == {"sessionList": "NoPermission"}
    [content] = await retrieve(gate, None, spec(SESSION_MANAGER, *paths))
    assert missing(content) == {"sessionList": "NotAuthenticated", "message": "NotAuthenticated"}


async def test_a_request_reads_a_bounded_number_of_objects_and_paths(gate: Gate) -> None:
    """Each object named once more repeats all of its lists, also to a stranger."""
    one = spec(SESSION_MANAGER, all=True)
    holders: Any = one.members["objectSet"]
    many = Data("PropertyFilterSpec", {**one.members, "objectSet": holders * 9})
    paths = [f"sessionList.a{number}" for number in range(101)]
    for specs in ([many], [one] * 9, [spec(SESSION_MANAGER, *paths)]):
        with pytest.raises(InvalidArgument, match="more than"):
            await retrieve(gate, None, *specs)
    assert len(await retrieve(gate, None, *[one] * 8)) == 8
    assert len(missing((await retrieve(gate, None, spec(SESSION_MANAGER, *paths[:100])))[0])) == 100


async def test_all_means_all_and_each_once(gate: Gate) -> None:
    caller = await session_of(gate, "ada")
    await gate.call(caller, "UpdateServiceMessage", message="x")
    [content] = await retrieve(gate, caller, spec(SESSION_MANAGER, "message", "message", all=True))
    assert set(shown(content)) == {name for on, name in PROPERTIES if on == "SessionManager"}


async def test_dotted_paths_reach_into_data(gate: Gate) -> None:
    [content] = await retrieve(
        gate,
        None,
        spec(
            SERVICE_INSTANCE,
            "content.about.instanceUuid",
            "content.about",
            "content.about.patchLevel",
            "content.sessionManager",
        ),
    )
    found = shown(content)
    assert found["content.about.instanceUuid"] == Boxed("string", INSTANCE)
    assert found["content.about"].type == "AboutInfo"
    assert "content.about.patchLevel" not in found


async def test_a_path_into_nothing_gives_nothing(gate: Gate) -> None:
    [content] = await retrieve(gate, None, spec(SESSION_MANAGER, "currentSession.key"))
    assert shown(content) == {}
    assert missing(content) == {}
    caller = await session_of(gate, "bob")
    [content] = await retrieve(
        gate, caller, spec(SESSION_MANAGER, "currentSession.callCount", "currentSession.key")
    )
    assert shown(content) == {
        "currentSession.callCount": Boxed("long", 0),
        "currentSession.key": Boxed("string", caller.key),
    }


@pytest.mark.parametrize("path", ["colour", "", "defaultLocale.length", "content"])
async def test_a_path_that_does_not_exist_is_refused_whole(gate: Gate, path: str) -> None:
    with pytest.raises(UnknownProperty) as refusal:
        await retrieve(gate, None, spec(SESSION_MANAGER, path))
    assert refusal.value.name == path


@pytest.mark.parametrize("target", [MoRef("Folder", "group-d2"), MoRef("VirtualMachine", "vm-1")])
async def test_an_object_that_does_not_exist_is_refused_whole(gate: Gate, target: MoRef) -> None:
    with pytest.raises(UnknownObject):
        await retrieve(gate, None, spec(target, "name"))


async def test_what_nobody_asked_of_is_left_out(gate: Gate) -> None:
    assert await retrieve(gate, None, spec(SESSION_MANAGER, "message", type="Folder")) == []
    assert await retrieve(gate, None, spec(SESSION_MANAGER, "defaultLocale", skip=True)) == []
    assert await retrieve(gate, None, Data("PropertyFilterSpec", {})) == []
    assert await retrieve(gate, None) == []
    [content] = await retrieve(gate, None, spec(SESSION_MANAGER))
    assert content.members == {"obj": SESSION_MANAGER}


async def test_every_object_can_be_asked_for_everything(gate: Gate) -> None:
    caller = await session_of(gate, "ada")
    contents = await retrieve(gate, caller, *(spec(mo, all=True) for mo in OBJECTS.values()))
    assert [content.members["obj"] for content in contents] == list(OBJECTS.values())
    assert all(missing(content) == {} for content in contents)
