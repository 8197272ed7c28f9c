"""SessionManager.Login over VI/JSON, as its page shows it: the UserSession, locales, faults."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.each import each
from tests.end_to_end.serving import ADMIN, NOBODY, USER, Reply, Server, add_people, session, vim

MakeServer = Callable[..., Server]

# Every member, in the order of the page, with its JSON type.
MEMBERS = {
    "_typeName": str,
    "key": str,
    "userName": str,
    "fullName": str,
    "loginTime": str,
    "lastActiveTime": str,
    "locale": str,
    "messageLocale": str,
    "extensionSession": bool,
    "ipAddress": str,
    "userAgent": str,
    "callCount": int,
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def fault(reply: Reply, name: str, text: str | None = None) -> Any:
    """The fault of this name in a reply, as its page and govmomi need it."""
    assert reply.status == 500, reply
    assert reply.header("content-type") == "application/json"
    assert reply.header("vmware-api-session-id") is None
    body = reply.json()
    assert body["_typeName"] == name, body
    assert body["faultstring"]
    # Both are left out where they would be empty.
    assert body.get("faultMessage", [None])
    assert body.get("faultCause", {"_typeName": ""})
    if text is not None:
        assert body["faultstring"] == text
    return body


def test_the_flow_of_the_page(shared: Server) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    reply = shared.request(
        "POST",
        vim("Login", "8.0.2.0"),
        {"Content-Type": "application/json", "User-Agent": "curl/8.5 (test)"},
        {"userName": USER[0], "password": USER[1], "locale": "en_US"},
    )
    assert reply.status == 200
    assert reply.header("content-type") == "application/json"
    (token,) = reply.all("vmware-api-session-id")
    assert re.fullmatch(r"[0-9a-f]{40}", token)

    user = reply.json()
    assert {name: type(value) for name, value in user.items()} == MEMBERS
    assert list(user) == list(MEMBERS)
    assert user["_typeName"] == "UserSession"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", user["key"])
    assert user["key"] != token
    assert (user["userName"], user["fullName"]) == ("ursula", "ursula")
    assert (user["locale"], user["messageLocale"]) == ("en_US", "en")
    assert user["extensionSession"] is False
    assert user["ipAddress"] == "127.0.0.1"
    assert user["userAgent"] == "curl/8.5 (test)"
    assert user["callCount"] == 0
    assert user["lastActiveTime"] == user["loginTime"]
    assert MOMENT.fullmatch(user["loginTime"])
    assert (
        before
        < datetime.fromisoformat(user["loginTime"])
        < datetime.now(UTC) + timedelta(seconds=1)
    )

    again = shared.request("GET", vim("currentSession", "8.0.2.0"), session(token)).json()
    assert again["callCount"] == 1
    assert again["lastActiveTime"] > user["lastActiveTime"]
    assert {**again, "callCount": 0, "lastActiveTime": user["lastActiveTime"]} == user

    ended = shared.request("POST", vim("Logout", "8.0.2.0"), session(token))
    assert (ended.status, ended.body) == (204, b"")
    assert shared.request("GET", vim("currentSession", "8.0.2.0"), session(token)).json() is None
    assert fault(shared.call("Logout", token), "NotAuthenticated")["privilegeId"] == "System.View"


@pytest.mark.slow
def test_a_full_name_and_a_domain_show_as_in_vsphere(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        added = server.run(
            "users", "add", "Administrator@vsphere.local", "--role", "administrator",
            "--full-name", "Administrator vsphere.local", "--password-stdin",
            stdin="s3cret pass 1\n",
        )  # fmt: skip
        assert added.code == 0, added
        user = server.vim_login("administrator@VSPHERE.LOCAL", "s3cret pass 1").json()
        assert user["userName"] == "VSPHERE.LOCAL\\Administrator"
        assert user["fullName"] == "Administrator vsphere.local"
        server.stop()


def test_a_client_without_a_user_agent(shared: Server) -> None:
    assert shared.vim_login(*USER).json()["userAgent"] == ""


def test_over_a_unix_socket_the_address_is_the_sockets_name(tmp_path: Path) -> None:
    add_people(tmp_path / "data" / "users.toml", {USER: "user"})
    path = str(tmp_path / "gate.sock")
    flags = ("--listen", "127.0.0.1:0", "--listen", f"unix:{path}")
    with Server(tmp_path / "data", flags=flags) as server:
        assert f"unix:{path}" in server.addresses
        with server.connected_locally(path) as client:
            body = {"userName": USER[0], "password": USER[1]}
            reply = client.request("POST", vim("Login"), {}, body)
            assert reply.status == 200
            assert reply.json()["ipAddress"] == path
            # One table: what came in by the socket may go on over TLS.
            token = reply.header("vmware-api-session-id")
            assert server.get("currentSession", token).json()["ipAddress"] == path
        server.stop()
    assert not Path(path).exists()


# Locales


@each(
    ("asked", "messages"),
    [
        ("en", "en"),
        ("en_US", "en"),
        ("en_GB", "en"),
        ("de", "de"),
        ("de_AT", "de"),
        ("fr_CA", "fr"),
        ("ja", "ja"),
        ("ko_KR", "ko"),
        ("zh", "zh_CN"),
        ("zh_CN", "zh_CN"),
        ("zh_SG", "zh_CN"),
        ("zh_TW", "zh_TW"),
        ("zh_HK", "zh_TW"),
        ("pt_BR", "en"),
        ("sv", "en"),
    ],
)
def test_messages_come_in_the_nearest_language(asked: str, messages: str, shared: Server) -> None:
    user = shared.vim_login(*USER, locale=asked).json()
    assert (user["locale"], user["messageLocale"]) == (asked, messages)


@each(
    "asked", ["", "EN", "en-US", "en_us", "eng", "english", "en_USA", "xx", "en_XX", "C", "en_US "]
)
def test_no_locale_or_none_that_we_know(asked: str, shared: Server) -> None:
    before = len(shared.get("sessionList", shared.vim_token(ADMIN)).json())
    body = fault(shared.vim_login(*USER, locale=asked), "InvalidLocale")
    assert body["faultstring"] == "The locale is invalid or unknown to the server."
    # It left no session behind: one more is there, the one that looks.
    assert len(shared.get("sessionList", shared.vim_token(ADMIN)).json()) == before + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "environ", "locale"),
    [
        ("", {"LANG": "de_DE.UTF-8"}, "de_DE"),
        ("", {"LANG": "C"}, "en"),
        ("", {"LANG": "xx_YY.UTF-8"}, "en"),
        ("", {}, "en"),
        ("", {"LC_ALL": "fr_FR@euro", "LANG": "de_DE"}, "fr_FR"),
        ('[sessions]\ndefault_locale = "ja_JP"\n', {"LANG": "de_DE.UTF-8"}, "ja_JP"),
    ],
)
def test_the_servers_default_locale(
    setting: str, environ: dict[str, str], locale: str, make_server: MakeServer
) -> None:
    server = make_server(settings=setting, environ=environ)
    reply = server.vim_login(*USER).json()
    assert (reply["locale"], reply["messageLocale"]) == (locale, locale[:2])
    assert server.get("defaultLocale").json() == locale


def test_faults_speak_the_language_of_the_session(shared: Server) -> None:
    german = shared.vim_token(USER, locale="de_CH")
    body = fault(shared.get("sessionList", german), "NoPermission")
    assert body["faultstring"] == (
        "Die Berechtigung zum Ausführen dieses Vorgangs wurde verweigert."
    )
    taiwanese = shared.vim_token(USER, locale="zh_HK")
    body = fault(shared.get("sessionList", taiwanese), "NoPermission")
    assert body["faultstring"] == "執行此作業的權限遭到拒絕。"
    english = shared.vim_token(USER, locale="pt_BR")
    body = fault(shared.get("sessionList", english), "NoPermission")
    assert body["faultstring"] == "Permission to perform this operation was denied."


def test_a_refused_login_speaks_the_language_it_asked_for(shared: Server) -> None:
    english = fault(shared.vim_login(USER[0], "wrong"), "InvalidLogin")["faultstring"]
    german = fault(shared.vim_login(USER[0], "wrong", locale="de"), "InvalidLogin")["faultstring"]
    assert english == "Cannot complete login due to an incorrect user name or password."
    assert german not in ("", english)


# Faults


@each(
    ("name", "password"),
    [
        ("ursula", "wrong"),
        ("ursula", "USER PASS 1"),
        ("ursula", "user pass 1 "),
        ("ursula", ""),
        ("nobody-knows", "user pass 1"),
        ("OTHER\\ursula", "user pass 1"),
        ("", "user pass 1"),
        ("a@b@c", "x"),
        ("ursula\x00", "user pass 1"),
        ("x" * 5000, "x"),
    ],
)
def test_invalid_login(name: str, password: str, shared: Server) -> None:
    body = fault(
        shared.vim_login(name, password),
        "InvalidLogin",
        "Cannot complete login due to an incorrect user name or password.",
    )
    assert set(body) == {"_typeName", "faultstring"}


def test_a_valid_user_without_any_privilege_gets_no_permission(shared: Server) -> None:
    body = fault(shared.vim_login(*NOBODY), "NoPermission")
    assert body["privilegeId"] == "System.View"
    assert body["object"]["type"] == "SessionManager"
    listed = shared.get("sessionList", shared.vim_token(ADMIN)).json()
    assert NOBODY[0] not in {user["userName"] for user in listed}
    # With a wrong password, nobody learns that such a user exists.
    fault(shared.vim_login(NOBODY[0], "wrong"), "InvalidLogin")


def test_a_second_login_on_a_live_session(shared: Server) -> None:
    token = shared.vim_token(USER)
    credentials = {"userName": USER[0], "password": USER[1]}
    fault(shared.call("Login", token, credentials), "InvalidLogin")
    assert shared.is_alive(token)
    # On one that has ended it is a first login, and the old token stays dead.
    assert shared.call("Logout", token).status == 204
    again = shared.call("Login", token, credentials)
    assert again.status == 200
    assert again.header("vmware-api-session-id") != token
    assert not shared.is_alive(token)


@each(
    "body",
    [
        None,
        "",
        "{}",
        "[]",
        "null",
        '"x"',
        "{",
        b"\xff",
        '{"userName": "ursula"}',
        '{"password": "x"}',
        '{"userName": 1, "password": "x"}',
        '{"userName": "ursula", "password": null}',
        '{"userName": "ursula", "password": ["x"]}',
        '{"userName": "ursula", "password": "x", "locale": 5}',
        "[" * 60_000,
    ],
)
def test_a_login_that_cannot_be_read(body: str | bytes | None, shared: Server) -> None:
    reply = shared.call("Login", None, body)
    message = fault(reply, "InvalidRequest")["faultMessage"][0]
    assert message["_typeName"] == "LocalizableMessage"
    assert message["message"]


@pytest.mark.parametrize(
    "more",
    [
        {"_typeName": "Login"},
        {"_typeName": "LoginRequestType"},
        {"locale": None},
        {"somethingNew": {"a": [1]}},
    ],
)
def test_what_a_login_may_hold_besides(more: dict[str, Any], shared: Server) -> None:
    assert shared.vim_login(*USER, **more).status == 200


def test_ways_in_that_are_not_configured(shared: Server) -> None:
    """Each answers with the fault that a real server has for it."""
    for method, body, name in (
        ("LoginByToken", None, "InvalidLogin"),
        ("LoginByToken", {"locale": "de"}, "InvalidLogin"),
        ("LoginBySSPI", {"base64Token": "YIIZ"}, "NotSupported"),
        (
            "LoginExtension",
            {"extensionKey": "com.x", "base64SignedCredentials": "eA=="},
            "NotSupported",
        ),
        ("LoginExtensionByCertificate", {"extensionKey": "com.x"}, "NoClientCertificate"),
        ("LoginExtensionBySubjectName", {"extensionKey": "com.x"}, "NoClientCertificate"),
    ):
        fault(shared.call(method, None, body), name)
