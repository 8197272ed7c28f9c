"""What we say to a vCenter and how its answers are read, without one."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import BadCredentials, Malformed
from sessiongate.secret import Secret
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.client import (
    ReceivedFault,
    UpstreamSession,
    UserSession,
    WireForm,
    lacks_json,
    read_fault,
    read_login,
    read_user_session,
    write_login,
    write_logout,
)
from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.types import MoRef
from tests.each import each

SESSION = {"key": "k", "userName": "LAB\\ada", "fullName": "Ada", "locale": "en"}
LOGIN = METHODS["SessionManager", "Login"]
MANAGER = MoRef("SessionManager", "SessionManager")


def header(*pairs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return pairs


def soap(content: str) -> bytes:
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<e:Header/><e:Body>{content}</e:Body></e:Envelope>"
    ).encode()


def response(members: str) -> bytes:
    inner = f"<returnval>{members}</returnval>"
    return soap(f'<LoginResponse xmlns="urn:vim25">{inner}</LoginResponse>')


def said(ask: Ask) -> tuple[str, str]:
    """Name and password, as our own server reads such a login."""
    if ask.path == "/sdk":
        call = vim_soap.read_envelope(ask.body).call
        assert vim_soap.read_call(call, vim_soap.read_target(call)).member == LOGIN
        arguments = vim_soap.read_arguments(LOGIN, call)
    else:
        target, name = vim_json.read_path(ask.path)
        assert vim_json.read_call("POST", target, name).member == LOGIN
        arguments = vim_json.read_arguments(LOGIN, ask.body)
    return arguments["user_name"], arguments["password"].reveal()


@each("form", [WireForm.JSON, WireForm.SOAP])
@each(
    "text",
    ["plain", " blanks ", "<&>\"'", "]]>", "</password>", "a\r\nb\tc", "\ufffd", "\U0001f511"],
)
def test_a_login_arrives_letter_by_letter(form: WireForm, text: str) -> None:
    assert said(write_login(form, f"ada{text}", Secret(text))) == (f"ada{text}", text)


@each("form", [WireForm.JSON, WireForm.SOAP])
def test_a_login_names_a_locale_where_there_is_one(form: WireForm) -> None:
    plain, spoken = (write_login(form, "ada", Secret("p"), one) for one in ("", "de_AT"))
    assert said(spoken) == said(plain) == ("ada", "p")
    assert b"locale" not in plain.body
    assert re.search(rb"locale\W+de_AT\W", spoken.body)


@pytest.mark.slow
@pytest.mark.parametrize("form", [WireForm.JSON, WireForm.SOAP])
@given(text=st.text(min_size=1))
def test_a_login_arrives_as_it_is_or_is_not_written(form: WireForm, text: str) -> None:
    try:
        ask = write_login(form, "ada", Secret(text))
    except BadCredentials:
        assert form is WireForm.SOAP
        assert not text.isprintable()
        return
    assert said(ask) == ("ada", text)


@pytest.mark.parametrize(
    ("form", "text"),
    [(WireForm.JSON, "\ud800"), (WireForm.SOAP, "\ud800"), (WireForm.SOAP, "a\0b")],
)
def test_what_a_form_cannot_carry_is_a_wrong_password(form: WireForm, text: str) -> None:
    with pytest.raises(BadCredentials, match="cannot carry") as raised:
        write_login(form, "ada", Secret(text))
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    with pytest.raises(BadCredentials, match="cannot carry"):
        write_login(form, text, Secret("x"))


def test_the_session_is_carried_as_it_came() -> None:
    ask = write_logout(WireForm.JSON, Secret("abc"))
    assert vim_json.read_path(ask.path) == (MANAGER, "Logout")
    assert ("vmware-api-session-id", "abc") in ask.headers
    ask = write_logout(WireForm.SOAP, Secret('"abc"'))
    assert ("cookie", 'vmware_soap_session="abc"') in ask.headers
    call = vim_soap.read_envelope(ask.body).call
    assert (vim_soap.read_target(call), call.name) == (MANAGER, "Logout")


def test_sec_18_nothing_here_shows_a_secret() -> None:
    for form in (WireForm.JSON, WireForm.SOAP):
        assert "canary" not in repr(write_login(form, "ada", Secret("canary")))
        assert "canary" not in repr(write_logout(form, Secret("canary")))
    answer = Answer(200, header(("vmware-api-session-id", "canary")), json.dumps(SESSION).encode())
    assert "canary" not in repr(answer)
    assert "canary" not in repr(read_login(WireForm.JSON, answer))


USER = UserSession("k", "LAB\\ada", "Ada", "en")


def test_a_session_in_json() -> None:
    body = json.dumps({"_typeName": "UserSession", **SESSION, "callCount": 0, "new": [1]}).encode()
    answer = Answer(200, header(("vmware-api-session-id", "abc")), body)
    opened = read_login(WireForm.JSON, answer)
    assert isinstance(opened, UpstreamSession)
    assert (opened.form, opened.user, opened.token.reveal()) == (WireForm.JSON, USER, "abc")


def test_a_session_in_soap() -> None:
    members = "".join(f"<{name}>{value}</{name}>" for name, value in SESSION.items())
    cookies = header(
        ("set-cookie", "other=1; Path=/"),
        ("set-cookie", 'vmware_soap_session="abc"; Path=/; HttpOnly; Secure; '),
    )
    opened = read_login(WireForm.SOAP, Answer(200, cookies, response(members)))
    assert isinstance(opened, UpstreamSession)
    assert (opened.form, opened.user, opened.token.reveal()) == (WireForm.SOAP, USER, '"abc"')


@pytest.mark.parametrize("form", [WireForm.JSON, WireForm.SOAP])
def test_what_is_not_said_is_empty(form: WireForm) -> None:
    bodies = {
        WireForm.JSON: b'{"key":"k","userName":"ada","fullName":null}',
        WireForm.SOAP: response("<key>k</key><userName>ada</userName>"),
    }
    assert read_user_session(form, bodies[form]) == UserSession("k", "ada", "", "")


def test_a_full_name_stays_on_its_line() -> None:
    name = "Ada\r\n\x1b[31m" + "x" * 5_000
    body = json.dumps({**SESSION, "fullName": name}).encode()
    full_name = read_user_session(WireForm.JSON, body).full_name
    assert full_name.isprintable()
    assert full_name.startswith("Ada")
    assert len(full_name) == 1024


@pytest.mark.parametrize(
    "session",
    [
        {**SESSION, "key": ""},
        {**SESSION, "userName": ""},
        {**SESSION, "userName": "a" * 1025},
        {**SESSION, "key": 1},
        {**SESSION, "locale": ["en"]},
        {"key": "k"},
        [],
        None,
    ],
)
def test_sec_66_a_session_that_is_none_in_json(session: object) -> None:
    with pytest.raises(Malformed):
        read_user_session(WireForm.JSON, json.dumps(session).encode())


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b'{"key":"\xff"}'])
def test_sec_66_no_json_at_all(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_user_session(WireForm.JSON, body)
    with pytest.raises(Malformed):
        read_fault(WireForm.JSON, body)


@each(
    "body",
    [
        b"",
        b"<a/>",
        soap(""),
        soap("<LoginResponse/>"),
        soap('<LoginResponse xmlns="urn:vim25"/>'),
        soap('<LoginResponse xmlns="urn:other"><returnval/></LoginResponse>'),
        response("<key>k</key>"),
        response("<userName>ada</userName>"),
        response("<key/><userName>ada</userName>"),
        response("<key>k</key><userName>ada</userName><userName>bob</userName>"),
        response("<key>k</key><userName>ada</userName>") + b"<more/>",
        soap("</e:Body><e:Body>"),
    ],
)
def test_sec_66_a_session_that_is_none_in_soap(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_user_session(WireForm.SOAP, body)


@each(
    ("form", "headers"),
    [
        (WireForm.JSON, ()),
        (WireForm.JSON, (("vmware-api-session-id", ""),)),
        (WireForm.JSON, (("vmware-api-session-id", "a"), ("vmware-api-session-id", "b"))),
        (WireForm.JSON, (("vmware-api-session-id", "a" * 4097),)),
        (WireForm.JSON, (("vmware-api-session-id", "a\tb"),)),
        (WireForm.JSON, (("vmware-api-session-id", "ä"),)),
        (WireForm.JSON, (("set-cookie", "vmware_soap_session=a"),)),
        (WireForm.SOAP, (("set-cookie", "other=a"),)),
        (WireForm.SOAP, (("set-cookie", "vmware_soap_session"),)),
        (WireForm.SOAP, (("set-cookie", 'vmware_soap_session=""; Path=/'),)),
        (WireForm.SOAP, (("vmware-api-session-id", "a"),)),
    ],
)
def test_sec_66_a_session_that_could_not_be_ended_is_none(
    form: WireForm, headers: tuple[tuple[str, str], ...]
) -> None:
    bodies = {
        WireForm.JSON: json.dumps(SESSION).encode(),
        WireForm.SOAP: response("<key>k</key><userName>ada</userName>"),
    }
    with pytest.raises(Malformed, match="token"):
        read_login(form, Answer(200, headers, bodies[form]))


def fault(detail: str) -> bytes:
    return soap(f"<e:Fault><faultcode>x</faultcode><faultstring>y</faultstring>{detail}</e:Fault>")


@pytest.mark.parametrize(
    ("form", "body", "name"),
    [
        (WireForm.JSON, b'{"_typeName":"InvalidLogin","faultstring":"No."}', "InvalidLogin"),
        (WireForm.JSON, b'{"_typeName":"PasswordExpired"}', "PasswordExpired"),
        (WireForm.SOAP, fault('<detail><a xsi:type="NoPermission"/></detail>'), "NoPermission"),
        (WireForm.SOAP, fault('<detail><a xsi:type="v:InvalidLogin "/></detail>'), "InvalidLogin"),
        (WireForm.SOAP, fault("<detail><NoPermissionFault/></detail>"), "NoPermission"),
        (WireForm.SOAP, fault("<detail/>"), ""),
        (WireForm.SOAP, fault(""), ""),
    ],
)
def test_faults(form: WireForm, body: bytes, name: str) -> None:
    assert read_fault(form, body) == ReceivedFault(name)
    assert read_login(form, Answer(500, (), body)) == ReceivedFault(name)


def test_sec_18_a_fault_cannot_say_a_password_back() -> None:
    assert read_fault(WireForm.JSON, b'{"_typeName":"my password"}') == ReceivedFault("")
    body = fault('<detail><a xsi:type="my password"/></detail>')
    assert read_fault(WireForm.SOAP, body) == ReceivedFault("")


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (WireForm.JSON, b"{}"),
        (WireForm.JSON, b'{"_typeName":1}'),
        (WireForm.SOAP, soap("<Fault/>")),
        (WireForm.SOAP, b"<html>"),
    ],
)
def test_sec_66_faults_that_are_none(form: WireForm, body: bytes) -> None:
    with pytest.raises(Malformed):
        read_fault(form, body)


@each("form", [WireForm.JSON, WireForm.SOAP])
@each("status", [201, 204, 301, 401, 404, 502, 503])
def test_other_statuses_are_no_answer(form: WireForm, status: int) -> None:
    with pytest.raises(Malformed, match=f"status {status}"):
        read_login(form, Answer(status, (), fault("")))


@each(
    ("status", "kind", "lacks"),
    [
        (404, "text/html", True),
        (404, "application/json", True),
        (405, "", True),
        (500, "text/xml; charset=utf-8", True),
        (400, "Application/SOAP+XML", True),
        (500, "application/json", False),
        (500, "", False),
        (400, "text/html", False),
        (503, "text/xml", False),
        (200, "text/xml", False),
    ],
)
def test_who_does_not_speak_json(status: int, kind: str, lacks: bool) -> None:
    headers = (("content-type", kind),) if kind else ()
    assert lacks_json(Answer(status, headers, b"")) is lacks
