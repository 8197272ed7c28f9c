"""Real SOAP clients, unmodified, over verified TLS; and the simulator told the same story."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clients import Govc, present, run
from tests.end_to_end.conftest import EMBEDDED, MakeServer, first_over_two
from tests.end_to_end.serving import ADMIN, NOBODY, USER, Server
from tests.peers.setup import PYVMOMI, interpreter, program

pytestmark = pytest.mark.peer

STORY = Path(__file__).resolve().parents[1] / "peers" / "pyvmomi_story.py"

PROPERTIES = [
    "currentSession",
    "defaultLocale",
    "message",
    "messageLocaleList",
    "sessionList",
    "supportedLocaleList",
]


def told(version: str, port: int, ca: str) -> dict[str, Any]:
    python = present(interpreter(version))
    # Old releases of pyVmomi use what newer Pythons warn of.
    done = run(python, "-W", "ignore", STORY, "127.0.0.1", port, ca, *ADMIN)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert isinstance(facts, dict)
    return facts


EXPECTED: dict[str, Any] = {
    "apiType": "VirtualCenter",
    "userName": "admin",
    "locale": "en",
    "messageLocale": "en",
    "extensionSession": False,
    "ipAddress": "127.0.0.1",
    "key is cookie": False,
    "cookie attributes": " Path=/; HttpOnly; Secure; ",
    "login is now": True,
    "clock is now": True,
    "server clock is now": True,
    "default locale": "en",
    "message locales": True,
    "active": True,
    "active, other name": False,
    "active, unknown key": False,
    "set message": None,
    "message": "down at <5> & \u4e94",
    "set locale": None,
    "locale then": "de",
    "set unknown locale": "InvalidLocale",
    "second login": "InvalidLogin",
    "RetrieveProperties": PROPERTIES,
    "RetrievePropertiesEx": PROPERTIES,
    "unknown object": "ManagedObjectNotFound",
    "clone has its own key": True,
    "clone has the user": True,
    "clone is listed": True,
    "ticket used twice": "InvalidLogin",
    "ticket as a session": None,
    "key as a session": None,
    "terminate own": "InvalidArgument",
    "terminate unknown": "NotFound",
    "terminate another": None,
    "terminated: session": None,
    "terminated: call": "NotAuthenticated",
    "terminated: login": "vim.UserSession",
    "terminated: logout": None,
    "wrong password": "InvalidLogin",
    "by session id": True,
    "service ticket": "vim.SessionManager.GenericServiceTicket",
    "local ticket": "vim.SessionManager.LocalTicket",
    "token login": "InvalidLogin",
    "extension login": "NoClientCertificate",
    "impersonate who is not there": "InvalidLogin",
    "logout": None,
    "after logout: session": None,
    "after logout: list": "NotAuthenticated",
    "after logout: call": "NotAuthenticated",
    "after logout: logout": "NotAuthenticated",
    "after logout: login": "vim.UserSession",
}
# 9.1.1.0 is newer than what is announced, and takes the newest that both know.
SPOKEN = {
    "9.1.1.0": "vim.version.v9_1_0_0",
    "8.0.3.0.1": "vim.version.v8_0_3_0",
    "7.0.3": "vim.version.v7_0_3_0",
    "6.7.3": "vim.version.version15",
}


@first_over_two("version", PYVMOMI, lambda version: f"pyvmomi-{version}")
def test_pyvmomi_tells_a_sessions_whole_life(over_store: Server, version: str) -> None:
    facts = told(version, over_store.port, str(over_store.ca))
    assert facts.pop("version") == SPOKEN[version]
    assert facts == EXPECTED


PATHS = STORY.with_name("pyvmomi_path.py")


@pytest.mark.parametrize(
    "version",
    [pytest.param(one, marks=pytest.mark.interop(f"pyvmomi-{one}")) for one in PYVMOMI],
)
@EMBEDDED
def test_pyvmomi_may_be_given_a_path_with_a_slash_too_many(version: str, shared: Server) -> None:
    """It joins the path and `/vimServiceVersions.xml`, and posts to the path itself."""
    python = present(interpreter(version))
    where = ("127.0.0.1", shared.port, str(shared.ca))
    paths = ("/sdk", "/sdk/", "//sdk", "//sdk/")
    done = run(python, "-W", "ignore", PATHS, *where, *USER, *paths)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {path: [SPOKEN[version], USER[0]] for path in paths}


# What the simulator says where we, as a vCenter does, say something else.
LISTED = ["currentSession", "messageLocaleList", "sessionList", "supportedLocaleList"]
INTENDED: dict[str, Any] = {
    # Secrets are secret: its tokens are the keys that it lists, and its tickets are tokens.
    "key is cookie": True,
    "key as a session": "vim.UserSession",
    "ticket as a session": "vim.UserSession",
    # Browsers and proxies are told how far the cookie goes.
    "cookie attributes": " HttpOnly",
    # Locales and the message are ours to keep. Where it has nothing, pyVmomi stumbles.
    "locale": "en_US",
    "messageLocale": "en_US",
    "default locale": "TypeError",
    "message locales": False,
    "set locale": "MethodNotFound",
    "set unknown locale": "MethodNotFound",
    "locale then": "en_US",
    "set message": "MethodNotFound",
    "message": "TypeError",
    "RetrieveProperties": LISTED,
    "RetrievePropertiesEx": LISTED,
    "server clock is now": False,
    "local ticket": "MethodNotFound",
    # Without a session there is none: no reason for a fault.
    "terminated: session": "NotAuthenticated",
    "after logout: session": "NotAuthenticated",
}


@pytest.mark.interop("vcsim")
def test_the_simulator_is_told_the_same_story(simulator: int) -> None:
    facts = told(PYVMOMI[0], simulator, "-")
    del facts["version"]
    assert {name: fact for name, fact in facts.items() if fact != EXPECTED[name]} == INTENDED


GOVMOMI: dict[str, Any] = {
    "is a vCenter": True,
    "stranger": "nobody",
    "stranger's time": "NotAuthenticated",
    "wrong password": "InvalidLogin",
    "login": "ok",
    "user": "admin",
    "time": "now",
    "second login": "InvalidLogin",
    "active": True,
    "active, fault": "ok",
    "set locale": "ok",
    "set unknown locale": "InvalidLocale",
    "set message": "ok",
    "retrieve": "ok",
    "message": "down at <5>",
    "default locale": "en",
    "locale": "de",
    "ticket": "ok",
    "clone": "ok",
    "clone's user": "admin",
    "ticket used twice": "InvalidLogin",
    "terminate own": "InvalidArgument",
    "terminate unknown": "NotFound",
    "terminate": "ok",
    "terminated": "nobody",
    "terminated's time": "NotAuthenticated",
    "service ticket": "ok",
    "local ticket": "ok",
    "local ticket's user": "admin",
    "token login": "InvalidLogin",
    "impersonate who is not there": "InvalidLogin",
    "logout": "ok",
    "after logout": "nobody",
    "after logout, time": "NotAuthenticated",
    "logout twice": "NotAuthenticated",
    "login again": "ok",
    "logout again": "ok",
}


@pytest.mark.parametrize(
    "form",
    [pytest.param(one, marks=pytest.mark.interop(f"govmomi-{one}")) for one in ("soap", "json")],
)
@EMBEDDED
def test_govmomi_tells_the_same_in_both_wire_forms(over_store: Server, form: str) -> None:
    story = present(program("story"))
    done = run(story, f"{over_store.url}/sdk", *ADMIN, over_store.ca, form)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == GOVMOMI


BOTH = pytest.mark.parametrize(
    "json",
    [
        pytest.param(False, marks=pytest.mark.interop("govc-soap"), id="soap"),
        pytest.param(True, marks=pytest.mark.interop("govc-json"), id="json"),
    ],
)


@BOTH
@EMBEDDED
def test_govc_finds_a_virtual_center(shared: Server, tmp_path: Path, json: bool) -> None:
    about = Govc(shared, tmp_path, USER, json=json).said("about")
    assert "API type:     VirtualCenter" in about
    assert "Vendor:       sessiongate" in about


@BOTH
@EMBEDDED
def test_govc_lists_and_ends_sessions(shared: Server, tmp_path: Path, json: bool) -> None:
    admin = Govc(shared, tmp_path, ADMIN, json=json)
    victim = shared.vim_token(USER)
    key = shared.get("currentSession", victim).json()["key"]
    assert key in {one["key"] for one in admin.listing()["sessionList"]}
    admin.said("session.rm", key)
    assert not shared.is_alive(victim)
    again = admin("session.rm", key)
    assert again.returncode == 1
    assert "could not be found" in again.stderr


@BOTH
@EMBEDDED
def test_govc_shows_an_ordinary_user_only_the_own_session(
    shared: Server, tmp_path: Path, json: bool
) -> None:
    user = Govc(shared, tmp_path, USER, json=json)
    assert user.current()["userName"] == USER[0]
    listing = user("session.ls")
    assert listing.returncode == 1
    assert "NoPermission" in listing.stderr


@BOTH
@EMBEDDED
def test_govc_says_why_nobody_gets_in(shared: Server, tmp_path: Path, json: bool) -> None:
    wrong = Govc(shared, tmp_path, (USER[0], "wrong"), json=json)("about", "-l")
    assert "incorrect user name or password" in wrong.stderr
    denied = Govc(shared, tmp_path, NOBODY, json=json)("session.ls", "-S")
    assert "Permission to perform this operation was denied." in denied.stderr


@pytest.mark.interop("govc-soap")
@EMBEDDED
def test_govc_keeps_its_session_between_commands(shared: Server, tmp_path: Path) -> None:
    govc = Govc(shared, tmp_path, USER, json=False)
    govc.said("session.login")
    first = govc.current()
    assert govc.current()["key"] == first["key"]
    govc.said("session.logout")
    assert govc.current()["key"] != first["key"]


@pytest.mark.interop("govc-soap")
def test_govc_keeps_its_session_over_plain_http(make_server: MakeServer, tmp_path: Path) -> None:
    # A cookie marked Secure would not come back.
    govc = Govc(make_server(flags=("--plain-http",)), tmp_path, USER, json=False)
    assert govc.current()["key"] == govc.current()["key"]


@pytest.mark.interop("govc-soap")
@EMBEDDED
def test_govc_takes_a_cookie_and_a_clone_ticket(shared: Server, tmp_path: Path) -> None:
    govc = Govc(shared, tmp_path, USER, json=False)
    first = govc.current()
    cookie = govc.said("session.login", "-l").strip()
    assert cookie != first["key"]
    assert shared.get("currentSession", cookie).json()["key"] == first["key"]
    ticket = govc.said("session.login", "-clone").strip()
    (tmp_path / "other").mkdir()
    other = Govc(shared, tmp_path / "other", (USER[0], ""), json=False)
    other.said("session.login", "-ticket", ticket)
    assert other.current()["key"] != first["key"]
    assert other.current()["userName"] == USER[0]
    (tmp_path / "third").mkdir()
    third = Govc(shared, tmp_path / "third", (USER[0], ""), json=False)
    assert third("session.login", "-ticket", ticket).returncode == 1
    third.said("session.login", "-cookie", cookie)
    assert third.current()["key"] == first["key"]
