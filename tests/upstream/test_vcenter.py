"""Logging in and out at a vCenter: which wire form is spoken, and what each answer comes to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import BadCredentials, UpstreamUnavailable
from sessiongate.secret import Secret
from sessiongate.tls.trust import Trust
from sessiongate.upstream import vcenter as vcenter_module
from sessiongate.upstream.http import HttpUpstream
from sessiongate.upstream.vcenter import VCenter
from sessiongate.wire.vim.client import ReceivedFault, UpstreamSession, UserSession, WireForm
from tests.each import each
from tests.upstream.fakes import (
    JSON_SESSION,
    JSON_TOKEN,
    LOGGED_IN,
    LOGGED_OUT,
    SOAP_LOGGED_IN,
    SOAP_LOGGED_OUT,
    SOAP_SESSION,
    SOAP_TOKEN,
    Asked,
    FakeServer,
    Script,
    envelope,
    http,
    json_fault,
    kind_vcenter,
    old_vcenter,
    saying,
    soap_fault,
)

RIGHT, WRONG = Secret("right"), Secret("wrong")
ADA = UserSession(
    "52a67ed8-0f0b-1714-4534-86a177fc5158", r"VSPHERE.LOCAL\Ada", "Ada Lovelace", "en"
)
LOGIN = "/sdk/vim25/8.0.1.0/SessionManager/SessionManager/Login"
LOGOUT = "/sdk/vim25/8.0.1.0/SessionManager/SessionManager/Logout"


@asynccontextmanager
async def calling(
    script: Script, *, form: WireForm | None = None, seconds: float = 5, **facts: Any
) -> AsyncIterator[tuple[VCenter, FakeServer]]:
    timeout = timedelta(seconds=seconds)
    async with FakeServer(script, **facts) as server:
        http_upstream = HttpUpstream(server.url, Trust(verify=False), timeout=timeout)
        upstream = VCenter("vc", http_upstream, timeout=timeout, form=form)
        await upstream.start()
        try:
            yield upstream, server
        finally:
            await upstream.close()


async def test_json_first() -> None:
    async with calling(kind_vcenter) as (vcenter, server):
        opened = await vcenter.login("ada", RIGHT)
        assert isinstance(opened, UpstreamSession)
        assert (opened.form, opened.user) == (WireForm.JSON, ADA)
        await vcenter.logout(opened)
    login, logout = server.asked
    assert (login.path, logout.path) == (LOGIN, LOGOUT)
    assert json.loads(login.body) == {"userName": "ada", "password": "right"}
    assert logout.headers["vmware-api-session-id"] == JSON_TOKEN


async def test_soap_where_json_is_not_spoken_and_then_at_once() -> None:
    async with calling(old_vcenter) as (vcenter, server):
        opened = await vcenter.login("ada", RIGHT)
        assert isinstance(opened, UpstreamSession)
        assert opened.form is WireForm.SOAP
        assert opened.user.user_name == r"VSPHERE.LOCAL\Ada"
        await vcenter.logout(opened)
        assert await vcenter.login("ada", WRONG) == ReceivedFault("InvalidLogin")
    assert server.paths() == [LOGIN, "/sdk", "/sdk", "/sdk"]
    assert b"<Logout " in server.asked[2].body
    assert server.asked[2].headers["cookie"] == f"vmware_soap_session={SOAP_TOKEN}"


async def test_a_refusal_too_settles_the_form() -> None:
    async with calling(old_vcenter) as (vcenter, server):
        assert await vcenter.login("ada", WRONG) == ReceivedFault("InvalidLogin")
        assert await vcenter.login("ada", WRONG) == ReceivedFault("InvalidLogin")
    assert server.paths() == [LOGIN, "/sdk", "/sdk"]


async def test_a_server_that_speaks_neither_settles_nothing() -> None:
    async with calling(saying(http(404), http(404), LOGGED_IN)) as (vcenter, server):
        with pytest.raises(UpstreamUnavailable, match="vc: SOAP: status 404"):
            await vcenter.login("ada", RIGHT)
        assert isinstance(await vcenter.login("ada", RIGHT), UpstreamSession)
    assert server.paths() == [LOGIN, "/sdk", LOGIN]


@pytest.mark.parametrize("form", [WireForm.JSON, WireForm.SOAP])
async def test_a_fixed_form_is_the_only_one(form: WireForm) -> None:
    async with calling(saying(http(404)), form=form) as (vcenter, server):
        with pytest.raises(UpstreamUnavailable, match="status 404"):
            await vcenter.login("ada", RIGHT)
    assert len(server.asked) == 1
    assert (server.paths() == ["/sdk"]) == (form is WireForm.SOAP)


async def test_one_try_here_is_one_try_there() -> None:
    async with calling(saying(json_fault("InvalidLogin"))) as (vcenter, server):
        assert await vcenter.login("ada", WRONG) == ReceivedFault("InvalidLogin")
        assert len(server.asked) == 1
        await server.stop()
        with pytest.raises(UpstreamUnavailable):
            await vcenter.login("ada", WRONG)
    assert len(server.asked) == 1


async def test_what_the_form_cannot_carry_is_not_sent() -> None:
    async with calling(kind_vcenter, form=WireForm.SOAP) as (vcenter, server):
        with pytest.raises(BadCredentials, match="XML cannot carry"):
            await vcenter.login("ada", Secret("bell\x07"))
    assert server.asked == []


UNREADABLE = {
    "status 503": http(503, "busy"),
    "status 200 without a token": http(200, JSON_SESSION, kind="application/json"),
    "status 302": http(302, "", "Location: http://127.0.0.1:1/"),
    "status 401": http(401, json.dumps({"_typeName": "InvalidLogin"}), kind="application/json"),
    "status 500 of no kind": http(500),
    "a list": http(200, "[]", f"vmware-api-session-id: {JSON_TOKEN}"),
    "half JSON": http(200, JSON_SESSION[:-20], f"vmware-api-session-id: {JSON_TOKEN}"),
    "a number for a name": http(
        200, '{"key":"a","userName":7}', f"vmware-api-session-id: {JSON_TOKEN}"
    ),
    "deep JSON": http(200, '{"a":' * 50_000, f"vmware-api-session-id: {JSON_TOKEN}"),
    "XML": http(200, SOAP_SESSION, f"vmware-api-session-id: {JSON_TOKEN}"),
}


@each("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_sec_66_answers_that_make_no_sense_are_outages(answer: bytes) -> None:
    async with calling(saying(answer)) as (vcenter, server):
        with pytest.raises(UpstreamUnavailable) as raised:
            await vcenter.login("ada", RIGHT)
        assert str(raised.value).startswith("vc: ")
        assert JSON_TOKEN not in str(raised.value)
    login, *others = server.paths()
    assert login == LOGIN
    assert set(others) <= {LOGOUT}


COOKIE = f"Set-Cookie: vmware_soap_session={SOAP_TOKEN}"
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + envelope("&b;")
UNREADABLE_XML = {
    "half XML": http(200, SOAP_SESSION[:-40], COOKIE),
    "no cookie": http(200, SOAP_SESSION),
    "two cookies": http(200, SOAP_SESSION, COOKIE, COOKIE),
    "a document type": http(200, BOMB, COOKIE),
    "no user": http(200, SOAP_SESSION.replace("userName", "other"), COOKIE),
    "two users": http(
        200, SOAP_SESSION.replace("<loginTime>", "<userName>b</userName><loginTime>"), COOKIE
    ),
    "JSON": http(200, JSON_SESSION, COOKIE),
    "a fault that is none": http(500, envelope("<nothing/>"), kind="text/xml"),
    "another method": http(200, envelope('<LogoutResponse xmlns="urn:vim25"/>'), COOKIE),
}


@pytest.mark.parametrize("answer", UNREADABLE_XML.values(), ids=UNREADABLE_XML)
async def test_sec_66_xml_that_makes_no_sense_is_an_outage(answer: bytes) -> None:
    async with calling(saying(answer), form=WireForm.SOAP) as (vcenter, _):
        with pytest.raises(UpstreamUnavailable, match="vc: SOAP: "):
            await vcenter.login("ada", RIGHT)


@pytest.mark.slow
@given(
    st.sampled_from([LOGGED_IN, SOAP_LOGGED_IN, json_fault("InvalidLogin"), soap_fault("X")]),
    st.sampled_from([WireForm.JSON, WireForm.SOAP]),
    st.lists(st.tuples(st.integers(0, 2_000), st.binary(max_size=3)), max_size=4),
    st.integers(0, 2_000),
)
def test_sec_66_a_mangled_answer_is_an_answer_or_an_outage(
    answer: bytes, form: WireForm, changes: list[tuple[int, bytes]], end: int
) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    for place, put in changes:
        body = body[:place] + put + body[place + len(put) :]
    length = b"Content-Length: %d" % len(body[:end])
    lines = [length if b"Content-Length" in line else line for line in head.split(b"\r\n")]
    mangled = b"\r\n".join([*lines, b"", body[:end]])

    async def story() -> UpstreamSession | ReceivedFault | str:
        async with calling(saying(mangled), form=form) as (vcenter, _):
            try:
                return await vcenter.login("ada", RIGHT)
            except UpstreamUnavailable as error:
                return str(error)

    outcome = asyncio.run(story())
    if isinstance(outcome, str):
        assert outcome.startswith(f"vc: {form.value}: ")
    elif isinstance(outcome, UpstreamSession):
        assert outcome.user.user_name


async def test_sec_66_a_server_that_drips_is_over_in_time() -> None:
    async with calling(saying(LOGGED_IN), seconds=0.3, drip=True) as (vcenter, _):
        with pytest.raises(UpstreamUnavailable, match=r"vc: no .*answer within 0.3 seconds"):
            await vcenter.login("ada", RIGHT)


@pytest.mark.parametrize(
    "answer", [LOGGED_OUT, json_fault("NotAuthenticated")], ids=["done", "it had ended"]
)
async def test_logging_out(answer: bytes) -> None:
    async with calling(saying(LOGGED_IN, answer)) as (vcenter, server):
        opened = await vcenter.login("ada", RIGHT)
        assert isinstance(opened, UpstreamSession)
        await vcenter.logout(opened)
    assert server.paths() == [LOGIN, LOGOUT]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http(503), "status 503"),
        (json_fault("SystemError"), "status 500"),
        (http(500, "oops"), "not a fault in JSON"),
        (b"", "the connection or its answer broke"),
    ],
)
async def test_a_logout_that_fails_says_so(answer: bytes, why: str) -> None:
    async with calling(saying(LOGGED_IN, answer)) as (vcenter, _):
        opened = await vcenter.login("ada", RIGHT)
        assert isinstance(opened, UpstreamSession)
        with pytest.raises(UpstreamUnavailable, match=f"vc: logout: .*{why}") as raised:
            await vcenter.logout(opened)
        assert JSON_TOKEN not in str(raised.value)


async def test_a_logout_is_not_waited_for_as_long_as_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vcenter_module, "LOGOUT_TIMEOUT", timedelta(milliseconds=50))
    async with calling(kind_vcenter, seconds=30) as (vcenter, server):
        opened = await vcenter.login("ada", RIGHT)
        assert isinstance(opened, UpstreamSession)
        server.gate.clear()
        with pytest.raises(UpstreamUnavailable, match="vc: logout: no answer in time"):
            await vcenter.logout(opened)


@each("form", [WireForm.JSON, WireForm.SOAP])
async def test_sec_66_the_session_of_a_login_that_cannot_be_read_is_logged_out(
    form: WireForm,
) -> None:
    """Each try would leave one more there."""

    def script(asked: Asked) -> bytes:
        if b"Logout" in asked.body or asked.path == LOGOUT:
            return SOAP_LOGGED_OUT if form is WireForm.SOAP else LOGGED_OUT
        return (
            SOAP_LOGGED_IN.replace(b"<key>", b"<kex>")
            if form is WireForm.SOAP
            else http(200, "{}", f"vmware-api-session-id: {JSON_TOKEN}", kind="application/json")
        )

    async with calling(script, form=form) as (vcenter, server):
        with pytest.raises(UpstreamUnavailable):
            await vcenter.login("ada", RIGHT)
        _, logout = server.asked
        token = {WireForm.JSON: JSON_TOKEN, WireForm.SOAP: SOAP_TOKEN}[form]
        assert token in str(logout.headers)
