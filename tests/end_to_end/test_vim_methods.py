"""Every method and property that sessions need, as every role: who may, and who gets which fault.

The expectations are the vendor's pages, written down once more by hand; a row that the table of
methods has and this file lacks fails, and so does a story that is missing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessiongate.wire.vim.methods import OBJECTS
from sessiongate.wire.vim.methods import SESSION_METHODS as METHODS
from sessiongate.wire.vim.methods import SESSION_PROPERTIES as PROPERTIES
from tests.each import each
from tests.end_to_end.serving import ADMIN, OPERATOR, USER, Reply, Server
from tests.end_to_end.test_vim_login import MOMENT, fault

Address = tuple[str, str]

ANON = "System.Anonymous"
VIEW = "System.View"
EVERYBODY = ("anonymous", "user", "operator", "administrator")
WITH_SESSION = EVERYBODY[1:]
OPERATORS = EVERYBODY[2:]
ADMINISTRATORS = EVERYBODY[3:]

UNKNOWN_KEY = "52a67ed8-0f0b-1714-4534-86a177fc5158"
SPEC = {
    "_typeName": "SessionManagerHttpServiceRequestSpec",
    "method": "httpGet",
    "url": "https://host/folder/x",
}
COLLECT = {
    "specSet": [
        {
            "propSet": [{"type": "SessionManager", "pathSet": ["defaultLocale"]}],
            "objectSet": [{"obj": {"type": "SessionManager", "value": "SessionManager"}}],
        }
    ]
}

# Address: privilege, a body that can be read, and who is let through to the work itself.
CALLS: dict[Address, tuple[str, Any, tuple[str, ...]]] = {
    ("SessionManager", "Login"): (ANON, {"userName": "x", "password": "y"}, EVERYBODY),
    ("SessionManager", "LoginByToken"): (ANON, None, EVERYBODY),
    ("SessionManager", "LoginBySSPI"): (ANON, {"base64Token": "eA=="}, EVERYBODY),
    ("SessionManager", "LoginExtension"): (
        ANON,
        {"extensionKey": "k", "base64SignedCredentials": "eA=="},
        EVERYBODY,
    ),
    ("SessionManager", "LoginExtensionByCertificate"): (ANON, {"extensionKey": "k"}, EVERYBODY),
    ("SessionManager", "LoginExtensionBySubjectName"): (ANON, {"extensionKey": "k"}, EVERYBODY),
    ("SessionManager", "ImpersonateUser"): (
        "Sessions.ImpersonateUser",
        {"userName": "nobody-knows"},
        ADMINISTRATORS,
    ),
    ("SessionManager", "Logout"): (VIEW, None, WITH_SESSION),
    ("SessionManager", "SessionIsActive"): (
        "Sessions.ValidateSession",
        {"sessionID": UNKNOWN_KEY, "userName": "x"},
        OPERATORS,
    ),
    ("SessionManager", "TerminateSession"): (
        "Sessions.TerminateSession",
        {"sessionId": []},
        ADMINISTRATORS,
    ),
    ("SessionManager", "SetLocale"): (VIEW, {"locale": "en"}, WITH_SESSION),
    ("SessionManager", "UpdateServiceMessage"): (
        "Sessions.GlobalMessage",
        {"message": "x"},
        ADMINISTRATORS,
    ),
    ("SessionManager", "AcquireCloneTicket"): (VIEW, None, WITH_SESSION),
    ("SessionManager", "CloneSession"): (ANON, {"cloneTicket": "cst-x"}, EVERYBODY),
    ("SessionManager", "AcquireLocalTicket"): (ANON, {"userName": "nobody-knows"}, EVERYBODY),
    # Declared anonymous, and no use to anybody without a session.
    ("SessionManager", "AcquireGenericServiceTicket"): (ANON, {"spec": SPEC}, WITH_SESSION),
    ("ServiceInstance", "RetrieveServiceContent"): (ANON, None, EVERYBODY),
    ("ServiceInstance", "CurrentTime"): (VIEW, None, WITH_SESSION),
    ("PropertyCollector", "RetrievePropertiesEx"): (ANON, COLLECT, EVERYBODY),
    ("PropertyCollector", "RetrieveProperties"): (ANON, COLLECT, EVERYBODY),
}

READS: dict[Address, tuple[str, tuple[str, ...]]] = {
    ("SessionManager", "currentSession"): (ANON, EVERYBODY),
    # vSphere's own privilege, or ours that only lists.
    ("SessionManager", "sessionList"): ("Sessions.TerminateSession", OPERATORS),
    ("SessionManager", "message"): (VIEW, WITH_SESSION),
    ("SessionManager", "messageLocaleList"): (ANON, EVERYBODY),
    ("SessionManager", "supportedLocaleList"): (ANON, EVERYBODY),
    ("SessionManager", "defaultLocale"): (ANON, EVERYBODY),
    ("ServiceInstance", "content"): (ANON, EVERYBODY),
    ("ServiceInstance", "serverClock"): (VIEW, WITH_SESSION),
}

PERSON = {"user": USER, "operator": OPERATOR, "administrator": ADMIN}


def test_no_method_or_property_is_without_its_test() -> None:
    assert CALLS.keys() == METHODS.keys()
    assert READS.keys() == PROPERTIES.keys()


def test_session_manager_is_whole() -> None:
    """The sixteen methods and six properties of the vendor's page."""
    assert len([name for kind, name in METHODS if kind == "SessionManager"]) == 16
    assert len([name for kind, name in PROPERTIES if kind == "SessionManager"]) == 6


@each("role", EVERYBODY)
@each("address", CALLS, ids="/".join)
def test_who_may_call(address: Address, role: str, shared: Server) -> None:
    privilege, body, may = CALLS[address]
    token = shared.vim_token(PERSON[role]) if role in PERSON else None
    reply = shared.call(_path(address), token, body)
    _judge(reply, address, role in may, privilege, token)


@each("role", EVERYBODY)
@each("address", READS, ids="/".join)
def test_who_may_read(address: Address, role: str, shared: Server) -> None:
    privilege, may = READS[address]
    token = shared.vim_token(PERSON[role]) if role in PERSON else None
    reply = shared.get(_path(address), token)
    _judge(reply, address, role in may, privilege, token)
    if role in may:
        assert reply.status == 200


def _path(address: Address) -> str:
    kind, name = address
    return f"{kind}/{OBJECTS[kind].name}/{name}"


def _judge(reply: Reply, address: Address, may: bool, privilege: str, token: str | None) -> None:
    kind = address[0]
    if may:
        if reply.status not in (200, 204):
            named = fault(reply, reply.json()["_typeName"])["_typeName"]
            assert named in METHODS[address].faults or named == "InvalidLogin", named
            assert named not in ("NotAuthenticated", "NoPermission")
        return
    body = fault(reply, "NoPermission" if token else "NotAuthenticated")
    assert body["object"]["type"] == kind
    assert body["object"]["value"] == OBJECTS[kind].name
    assert body["privilegeId"] == privilege


@each("address", CALLS, ids="/".join)
def test_a_dead_token_is_as_none(address: Address, shared: Server) -> None:
    _, body, _ = CALLS[address]
    none = shared.call(_path(address), None, body)
    dead = shared.call(_path(address), "0" * 40, body)
    assert dead.status == none.status
    if none.status == 500:
        assert dead.without_date() == none.without_date()


@each("address", CALLS, ids="/".join)
def test_a_required_member_that_is_missing(address: Address, shared: Server) -> None:
    method = METHODS[address]
    for param in method.params:
        if param.optional:
            continue
        _, body, _ = CALLS[address]
        left = {name: value for name, value in body.items() if name != param.name}
        fault(shared.call(_path(address), None, left), "InvalidRequest")
        wrong = {**body, param.name: {"a": 1} if param.type == "string" else "x"}
        fault(shared.call(_path(address), None, wrong), "InvalidRequest")
    assert shared.call(_path(address), None, "not JSON").status == 500


@each("address", CALLS, ids="/".join)
def test_a_method_takes_post_alone(address: Address, shared: Server) -> None:
    reply = shared.get(_path(address))
    assert reply.status == 405
    assert reply.header("allow") == "POST"
    assert reply.json()["_typeName"] == "InvalidRequest"


@pytest.mark.parametrize("address", READS, ids="/".join)
def test_a_property_takes_get_alone(address: Address, shared: Server) -> None:
    reply = shared.call(_path(address), None, {})
    assert reply.status == 405
    assert reply.header("allow") == "GET"


# The stories: what each does when it does its work


def _impersonate(server: Server) -> None:
    target = server.vim_token(OPERATOR)
    admin = server.vim_login(*ADMIN)
    token = admin.header("vmware-api-session-id")
    reply = server.call("ImpersonateUser", token, {"userName": "OLGA", "locale": "fr"})
    assert reply.status == 200
    user = reply.json()
    assert (user["userName"], user["locale"], user["callCount"]) == ("olga", "fr", 0)
    fresh = reply.header("vmware-api-session-id")
    assert fresh not in (None, token, target)
    assert user["key"] != admin.json()["key"]
    # The caller's session has become the new one; the target's own goes on.
    assert not server.is_alive(token or "")
    assert server.is_alive(target)
    fault(server.call("TerminateSession", fresh, {"sessionId": []}), "NoPermission")


def _is_active(server: Server) -> None:
    login = server.vim_login(*USER).json()
    operator = server.vim_token(OPERATOR)

    def ask(key: str, name: str) -> Any:
        reply = server.call("SessionIsActive", operator, {"sessionID": key, "userName": name})
        assert reply.status == 200
        return reply.json()

    for spelling in (
        "ursula",
        "URSULA",
        "CORP\\ursula",
        "ursula@corp.example",
        "\\ursula",
        " ursula ",
    ):
        assert ask(login["key"], spelling) is True, spelling
    for name in ("olga", "OTHER\\ursula", "ursula@other", "", "a@b@c"):
        assert ask(login["key"], name) is False, name
    assert ask(UNKNOWN_KEY, "ursula") is False
    assert ask("", "ursula") is False


def _terminate(server: Server) -> None:
    keys = []
    tokens = []
    for _ in range(4):
        reply = server.vim_login(*USER)
        keys.append(reply.json()["key"])
        tokens.append(reply.header("vmware-api-session-id") or "")
    admin = server.vim_login(*ADMIN)
    token = admin.header("vmware-api-session-id")

    def alive() -> list[bool]:
        return [server.is_alive(one) for one in tokens]

    def terminate(*given: str) -> Reply:
        return server.call("TerminateSession", token, {"sessionId": list(given)})

    done = terminate(keys[0])
    assert (done.status, done.body) == (204, b"")
    assert alive() == [False, True, True, True]
    # In order, and no taking back: what came before the failing key stays ended.
    fault(terminate(keys[1], UNKNOWN_KEY, keys[2]), "NotFound")
    assert alive() == [False, False, True, True]
    own = fault(terminate(keys[2], admin.json()["key"], keys[3]), "InvalidArgument")
    assert own["invalidProperty"] == "sessionId"
    assert alive() == [False, False, False, True]
    fault(terminate(keys[0]), "NotFound")
    assert server.is_alive(token or "")
    # A key is a name. The token would be one too, if we kept it.
    fault(terminate(tokens[3]), "NotFound")
    assert alive()[3]


def _set_locale(server: Server) -> None:
    token = server.vim_token(USER)
    assert server.call("SetLocale", token, {"locale": "fr_CA"}).status == 204
    user = server.get("currentSession", token).json()
    assert (user["locale"], user["messageLocale"]) == ("fr_CA", "fr")
    assert "refusée" in fault(server.get("sessionList", token), "NoPermission")["faultstring"]
    fault(server.call("SetLocale", token, {"locale": "xx"}), "InvalidLocale")
    assert server.get("currentSession", token).json()["locale"] == "fr_CA"


def _message(server: Server) -> None:
    token = server.vim_token(ADMIN)
    text = "down at 5 – „später“ <b>&\n"
    assert server.call("UpdateServiceMessage", token, {"message": text}).status == 204
    assert server.get("message", server.vim_token(USER)).json() == text
    body = fault(
        server.call("UpdateServiceMessage", token, {"message": "x" * 5000}), "InvalidArgument"
    )
    assert body["invalidProperty"] == "message"
    assert server.get("message", token).json() == text
    assert server.call("UpdateServiceMessage", token, {"message": ""}).status == 204
    assert server.get("message", token).json() is None


def _clone(server: Server) -> None:
    parent = server.vim_login(*USER, locale="de")
    token = parent.header("vmware-api-session-id") or ""
    ticket = server.call("AcquireCloneTicket", token).json()
    assert ticket.startswith("cst-")
    reply = server.call("CloneSession", None, {"cloneTicket": ticket})
    assert reply.status == 200
    clone = reply.header("vmware-api-session-id") or ""
    assert clone not in ("", token)
    facts = reply.json()
    assert (facts["userName"], facts["locale"], facts["callCount"]) == ("ursula", "de", 0)
    assert facts["key"] != parent.json()["key"]
    assert server.is_alive(clone)
    # Once it is there, the clone lives its own life.
    assert server.call("Logout", token).status == 204
    assert server.is_alive(clone)
    fault(server.call("CloneSession", None, {"cloneTicket": ticket}), "InvalidLogin")


def _clone_on_a_live_session(server: Server) -> None:
    token = server.vim_token(USER)
    ticket = server.call("AcquireCloneTicket", token).json()
    fault(server.call("CloneSession", token, {"cloneTicket": ticket}), "InvalidLogin")


def _local_ticket(server: Server) -> None:
    reply = server.call("AcquireLocalTicket", None, {"userName": "Ursula"})
    assert reply.status == 200
    ticket = reply.json()
    assert ticket["_typeName"] == "SessionManagerLocalTicket"
    assert ticket["userName"] == "Ursula"
    path = server.data_dir / "local-tickets" / ticket["passwordFilePath"].rpartition("/")[2]
    assert str(path) == ticket["passwordFilePath"]
    assert path.stat().st_mode & 0o777 == 0o600
    password = path.read_text()
    assert password not in reply.body.decode()
    assert server.vim_login("Ursula", password).json()["userName"] == "ursula"
    assert not path.exists()
    fault(server.vim_login("Ursula", password), "InvalidLogin")
    other = server.call("AcquireLocalTicket", None, {"userName": "ursula"}).json()
    stolen = Path(other["passwordFilePath"]).read_text()
    # Another user's name does not go with it, and uses it up.
    fault(server.vim_login("admin", stolen), "InvalidLogin")
    fault(server.vim_login("ursula", stolen), "InvalidLogin")
    fault(server.call("AcquireLocalTicket", None, {"userName": "nobody-knows"}), "InvalidLogin")
    fault(server.call("AcquireLocalTicket", None, {"userName": "norbert"}), "NoPermission")


def _service_ticket(server: Server) -> None:
    token = server.vim_token(USER)
    for spec in (SPEC, {"_typeName": "SessionManagerVmomiServiceRequestSpec", "method": "x"}):
        reply = server.call("AcquireGenericServiceTicket", token, {"spec": spec})
        assert reply.status == 200
        ticket = reply.json()
        assert ticket["_typeName"] == "SessionManagerGenericServiceTicket"
        assert ticket["hostName"]
        # It is a ticket, and neither a session nor a way to make one.
        assert not server.is_alive(ticket["id"])
        fault(server.call("CloneSession", None, {"cloneTicket": ticket["id"]}), "InvalidLogin")
    wrong = {"spec": {"_typeName": "UserSession"}}
    fault(server.call("AcquireGenericServiceTicket", token, wrong), "InvalidRequest")


def _content(server: Server) -> None:
    posted = server.call("ServiceInstance/ServiceInstance/RetrieveServiceContent").json()
    read = server.get("ServiceInstance/ServiceInstance/content").json()
    assert posted == read
    assert read["_typeName"] == "ServiceContent"
    assert read["sessionManager"] == {
        "_typeName": "ManagedObjectReference",
        "type": "SessionManager",
        "value": "SessionManager",
    }
    about = read["about"]
    assert about["_typeName"] == "AboutInfo"
    assert about["apiType"] == "VirtualCenter"
    for name in ("name", "fullName", "vendor", "version", "build", "osType", "productLineId"):
        assert about[name], name


def _current_time(server: Server) -> None:
    time = server.call("ServiceInstance/ServiceInstance/CurrentTime", server.vim_token(USER)).json()
    assert MOMENT.fullmatch(time)


def _logout(server: Server) -> None:
    token, other = server.vim_token(USER), server.vim_token(USER)
    assert server.call("Logout", token).status == 204
    assert not server.is_alive(token)
    assert server.is_alive(other)


def _session_list(server: Server) -> None:
    token = server.vim_token(USER)
    own = server.get("currentSession", token).json()
    listed = server.get("sessionList", server.vim_token(OPERATOR)).json()
    (found,) = (one for one in listed if one["key"] == own["key"])
    assert found == own
    assert token not in server.get("sessionList", server.vim_token(ADMIN)).body.decode()


def _locale_lists(server: Server) -> None:
    assert server.get("messageLocaleList").json() == [
        "en",
        "de",
        "fr",
        "ja",
        "ko",
        "zh_CN",
        "zh_TW",
    ]
    supported = server.get("supportedLocaleList").json()
    assert {"de", "fr_CA", "zh", "zh_CN", "zh_TW"} <= set(supported)
    for locale in ("de", "fr_CA", "zh"):
        assert server.vim_login(*USER, locale=locale).status == 200
    assert server.get("defaultLocale").json() == "en"


STORIES = (
    _impersonate,
    _is_active,
    _terminate,
    _set_locale,
    _message,
    _clone,
    _clone_on_a_live_session,
    _local_ticket,
    _service_ticket,
    _content,
    _current_time,
    _logout,
    _session_list,
    _locale_lists,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.strip("_"))
def test_what_it_does(story: Callable[[Server], None], shared: Server) -> None:
    story(shared)


@pytest.mark.slow
def test_the_global_message_survives_restarts(server: Server) -> None:
    admin = server.vim_token(ADMIN)
    assert server.call("UpdateServiceMessage", admin, {"message": "closed"}).status == 204
    server.restart()
    assert server.get("message", admin).json() == "closed"
    server.kill9()
    server.start()
    assert server.get("message", admin).json() == "closed"


@pytest.mark.slow
def test_impersonation_needs_a_live_session_of_the_target(server: Server) -> None:
    admin = server.vim_token(ADMIN)
    fault(server.call("ImpersonateUser", admin, {"userName": "ulf"}), "InvalidLogin")
    fault(server.call("ImpersonateUser", admin, {"userName": "nobody-knows"}), "InvalidLogin")
    server.vim_token(("ulf", "user pass 2"))
    wrong = {"userName": "ulf", "locale": "xx"}
    fault(server.call("ImpersonateUser", admin, wrong), "InvalidLocale")
    assert server.is_alive(admin)
    assert server.call("ImpersonateUser", admin, {"userName": "ulf"}).status == 200
