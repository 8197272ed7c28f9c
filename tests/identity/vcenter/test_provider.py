"""A vCenter vouches for names: what its answers come to, and that no session stays there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import BadCredentials, IdentityUnavailable, LockedOut, StoreUnavailable
from sessiongate.identity.guard.attempt import Attempt
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.identity.guard.breaker import COOL_DOWN, Breaker
from sessiongate.identity.guard.guard import Guard, KnowsNames
from sessiongate.identity.vcenter.provider import AccountNames, VCenterIdentity
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.testing import FakeClock
from sessiongate.tls.trust import Trust
from sessiongate.upstream.http import HttpUpstream
from sessiongate.upstream.vcenter import VCenter
from sessiongate.wire.vim.client import UpstreamSession, WireForm
from tests.identity.fakes import NOON, let_run
from tests.upstream.fakes import (
    JSON_SESSION,
    JSON_TOKEN,
    LOGGED_IN,
    SOAP_LOGGED_IN,
    SOAP_TOKEN,
    FakeServer,
    Script,
    http,
    json_fault,
    kind_vcenter,
    old_vcenter,
    saying,
    soap_fault,
)

ADA = parse_account("ada@vsphere.local")
RIGHT, WRONG = Secret("right"), Secret("wrong")
PRINCIPAL = Principal("ada@vsphere.local", r"VSPHERE.LOCAL\Ada", "Ada Lovelace", ("user",), "vc")


@asynccontextmanager
async def vouching(
    script: Script = kind_vcenter,
    names: AccountNames | None = None,
    *,
    form: WireForm | None = None,
    seconds: float = 10,
    drip: bool = False,
    **more: Any,
) -> AsyncIterator[tuple[VCenterIdentity, FakeServer]]:
    timeout = timedelta(seconds=seconds)
    async with FakeServer(script, drip=drip) as server:
        calls = HttpUpstream(server.url, Trust(verify=False), timeout=timeout)
        upstream = VCenter("vc", calls, timeout=timeout, form=form)
        provider = VCenterIdentity("vc", upstream, names or AccountNames("user"), **more)
        await provider.start()
        try:
            yield provider, server
        finally:
            server.gate.set()
            await provider.close()


def logins(server: FakeServer) -> int:
    return sum(b"password" in one.body for one in server.asked)


def logouts(server: FakeServer) -> int:
    return sum(one.path.endswith("/Logout") or b"<Logout " in one.body for one in server.asked)


@pytest.mark.parametrize("script", [kind_vcenter, old_vcenter], ids=["VI/JSON", "SOAP"])
async def test_who_it_is_the_vcenter_says_and_the_session_is_closed(script: Script) -> None:
    async with vouching(script) as (provider, server):
        assert await provider.authenticate(ADA, RIGHT) == PRINCIPAL
        assert logouts(server) == 1
        with pytest.raises(BadCredentials, match="InvalidLogin"):
            await provider.authenticate(ADA, WRONG)
        assert logouts(server) == 1


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (r" VSPHERE.local\ADA ", r"VSPHERE.local\\ADA"),
        ("weiß@vsphere.local", "weiß@vsphere.local"),
        ("mu\u0308ller", "mu\u0308ller"),
        ("ａｄａ", "ａｄａ"),
    ],
)
async def test_the_name_is_sent_as_it_was_typed(typed: str, sent: str) -> None:
    async with vouching() as (provider, server):
        await provider.authenticate(parse_account(typed), RIGHT)
    assert f'"userName":"{sent}"'.encode() in server.asked[0].body


async def test_sec_77_marks_on_letters_give_no_further_tries_at_a_vcenter() -> None:
    tries, clock = LocalAttempts(Lockout(attempts=5)), FakeClock(NOON)
    outcomes = []
    async with vouching() as (provider, server):
        guard = Guard("vc", provider, clock, dummy=nothing, tries=tries)
        for typed in ("müller", "muller", "MÜLLER", "mu\u0308ller", "mûller", "mülłer", "muller"):
            try:
                await guard.authenticate(parse_account(f"{typed}@corp"), WRONG, "192.0.2.1")
            except (BadCredentials, LockedOut) as refused:
                outcomes.append(type(refused))
        assert outcomes == [BadCredentials] * 5 + [LockedOut] * 2
        assert logins(server) == 5
        assert await guard.unlock("müller@corp")
        assert await guard.locked() == {}


async def nothing(_: Secret) -> None:
    """A refusal without a check."""


async def test_sec_31_an_empty_password_is_not_sent() -> None:
    async with vouching(saying(LOGGED_IN)) as (provider, server):
        with pytest.raises(BadCredentials):
            await provider.authenticate(ADA, Secret(""))
    assert server.asked == []


@pytest.mark.parametrize("form", [WireForm.JSON, WireForm.SOAP])
@pytest.mark.parametrize(
    ("name", "password"),
    [("ada@corp", Secret("")), ("ada@corp", Secret("\ud800")), ("a\u0327da@corp", RIGHT)],
    ids=["empty", "unreadable", "locked"],
)
async def test_what_a_vcenter_is_not_asked_does_not_say_that_it_is_back(
    form: WireForm, name: str, password: Secret
) -> None:
    clock, tries = FakeClock(NOON), LocalAttempts(Lockout(attempts=1))
    assert await tries.begin("ada@corp", "", clock.now())
    async with vouching(saying(http(503, b"")), form=form) as (provider, server):
        breaker = Breaker("vc", provider, clock, outages=1)
        with pytest.raises(IdentityUnavailable):
            await breaker.authenticate(ADA, RIGHT)
        asked = len(server.asked)
        clock.tick(COOL_DOWN)
        account = parse_account(name)
        attempt = Attempt(tries if password is RIGHT else LocalAttempts(Lockout()), "", clock)
        with capture_logs() as logs, pytest.raises((BadCredentials, LockedOut)):
            await breaker.attempt(account, password, attempt)
        assert len(server.asked) == asked
        assert logs == []


REFUSALS = [(WireForm.JSON, json_fault), (WireForm.SOAP, soap_fault)]


@pytest.mark.parametrize(("form", "fault"), REFUSALS)
@pytest.mark.parametrize(
    ("name", "told", "guess"),
    [
        ("InvalidLogin", "InvalidLogin", True),
        ("PasswordExpired", "password has expired", False),
        ("InvalidClientCertificate", "InvalidClientCertificate", True),
    ],
)
async def test_refusals_are_one_to_clients_and_apart_in_the_log(
    form: WireForm, fault: Any, name: str, told: str, guess: bool
) -> None:
    async with vouching(saying(fault(name)), form=form) as (provider, server):
        with pytest.raises(BadCredentials, match=told) as refused:
            await provider.authenticate(ADA, WRONG)
    assert refused.value.guess is guess
    assert logins(server) == 1


@pytest.mark.parametrize(("form", "fault"), REFUSALS)
async def test_who_may_do_nothing_there_may_do_nothing_here(form: WireForm, fault: Any) -> None:
    names = AccountNames("administrator", {"ada@vsphere.local": "administrator"})
    async with vouching(saying(fault("NoPermission")), names, form=form) as (provider, _):
        principal = await provider.authenticate(ADA, RIGHT)
    assert principal.roles == ()
    assert principal.name == "ada@vsphere.local"


@pytest.mark.parametrize(("form", "fault"), REFUSALS)
@pytest.mark.parametrize("name", ["SystemError", "NotAuthenticated", "InvalidLocale", "Odd"])
async def test_any_other_fault_is_an_outage_of_this_account(
    form: WireForm, fault: Any, name: str
) -> None:
    async with vouching(saying(fault(name)), form=form) as (provider, _):
        with pytest.raises(IdentityUnavailable) as raised:
            await provider.authenticate(ADA, RIGHT)
    assert raised.value.answered
    assert "Odd" not in str(raised.value)


@pytest.mark.parametrize(
    "answer",
    [
        http(503, "busy"),
        http(302, "", "Location: /elsewhere"),
        http(200, "{", f"vmware-api-session-id: {JSON_TOKEN}"),
        http(200, b"x" * 1_000_000),
        b"",
    ],
    ids=["503", "redirect", "half", "huge", "nothing"],
)
async def test_sec_66_an_outage_is_never_a_refusal(answer: bytes) -> None:
    async with vouching(saying(answer)) as (provider, _):
        with pytest.raises(IdentityUnavailable) as raised:
            await provider.authenticate(ADA, RIGHT)
    assert not raised.value.answered
    assert JSON_TOKEN not in str(raised.value)


@pytest.mark.parametrize("status", [400, 403, 404, 429])
async def test_who_does_not_like_the_request_is_not_down(status: int) -> None:
    async with vouching(saying(http(status, "no"))) as (provider, _):
        with pytest.raises(IdentityUnavailable) as raised:
            await provider.authenticate(ADA, RIGHT)
    assert raised.value.answered


async def test_sec_66_a_dripping_vcenter_is_given_up_in_time() -> None:
    async with vouching(seconds=0.3, drip=True) as (provider, _):
        with pytest.raises(IdentityUnavailable, match=r"0\.3 seconds"):
            await provider.authenticate(ADA, RIGHT)


async def test_a_vcenter_that_goes_away_during_the_login_is_an_outage() -> None:
    async with vouching() as (provider, server):
        server.gate.clear()
        login = asyncio.create_task(provider.authenticate(ADA, RIGHT))
        await server.has_read(1)
        await server.stop()
        with pytest.raises(IdentityUnavailable):
            await login


@pytest.mark.parametrize("name", ["a\\\\b\\\\c", "\\u0007", "@"])
async def test_sec_66_a_session_of_no_readable_name_is_an_outage_and_closed(name: str) -> None:
    session = JSON_SESSION.replace(r"VSPHERE.LOCAL\\Ada", name)
    opened = http(200, session, f"vmware-api-session-id: {JSON_TOKEN}")
    async with vouching(saying(opened, http(204))) as (provider, server):
        with pytest.raises(IdentityUnavailable, match="no readable name"):
            await provider.authenticate(ADA, RIGHT)
        assert logouts(server) == 1


# The session there


async def test_the_session_is_closed_though_nobody_waits_any_more() -> None:
    async with vouching() as (provider, server):
        server.gate.clear()
        login = asyncio.create_task(provider.authenticate(ADA, RIGHT))
        await server.has_read(1)
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login
        server.gate.set()
        await server.has_read(2)
        assert logouts(server) == 1


async def test_closing_waits_for_the_logout() -> None:
    async with vouching() as (provider, server):
        server.gate.clear()
        login = asyncio.create_task(provider.authenticate(ADA, RIGHT))
        await server.has_read(1)
        login.cancel()
        closing = asyncio.create_task(provider.close())
        await let_run()
        assert not closing.done()
        server.gate.set()
        await closing
        assert logouts(server) == 1


@pytest.mark.parametrize(
    ("form", "answer", "token"),
    [(WireForm.JSON, LOGGED_IN, JSON_TOKEN), (WireForm.SOAP, SOAP_LOGGED_IN, SOAP_TOKEN)],
)
async def test_a_logout_that_fails_is_told_and_spoils_no_login(
    form: WireForm, answer: bytes, token: str
) -> None:
    with capture_logs() as logs:
        async with vouching(saying(answer, http(503)), form=form) as (provider, _):
            assert await provider.authenticate(ADA, RIGHT) == PRINCIPAL
    assert [one["event"] for one in logs] == ["upstream session left open"]
    assert "status 503" in str(logs)
    for secret in (token, token.strip('"'), "right"):
        assert secret not in str(logs)


async def test_the_session_is_handed_on_where_somebody_keeps_it() -> None:
    kept: list[tuple[Principal, UpstreamSession]] = []

    async def keep(principal: Principal, opened: UpstreamSession) -> None:
        kept.append((principal, opened))

    async with vouching(keep=keep) as (provider, server):
        assert await provider.authenticate(ADA, RIGHT) == PRINCIPAL
        with pytest.raises(BadCredentials):
            await provider.authenticate(ADA, WRONG)
        assert logouts(server) == 0
    [(principal, opened)] = kept
    assert principal == PRINCIPAL
    assert opened.token.reveal() == JSON_TOKEN


async def test_what_nobody_can_keep_lets_nobody_in() -> None:
    async def keep(_: Principal, __: UpstreamSession) -> None:
        raise StoreUnavailable("the disk is full")

    async with vouching(keep=keep) as (provider, _):
        with pytest.raises(IdentityUnavailable):
            await provider.authenticate(ADA, RIGHT)


# Names and roles


def test_one_name_per_person() -> None:
    names = AccountNames(
        "user",
        {r"CORP\Bob": "operator", "ROOT": "administrator"},
        default_domain="VSPHERE.local",
        aliases={"CORP": "corp.example", "vsphere": "vsphere.local"},
    )
    spellings = {
        "bob@corp.example": [r"CORP\bob", "Bob@corp", "BOB@Corp.Example.", r"corp.example\bob"],
        "root@vsphere.local": ["root", r".\root", "Root@vsphere.local", r"VSPHERE\root"],
        "ada@else": [r"else\ada", "ada@ELSE"],
    }
    for canonical, typed in spellings.items():
        assert {names.canonical(parse_account(one)) for one in typed} == {canonical}
    assert names.role("bob@corp.example") == "operator"
    assert names.role("root@vsphere.local") == "administrator"
    assert names.role("root@corp.example") == "user"


def test_without_settings_names_stay_as_they_are() -> None:
    names = AccountNames("user")
    assert names.canonical(parse_account("Ada")) == "ada"
    assert names.canonical(parse_account(r"CORP\Ada")) == "ada@corp"


async def test_the_role_goes_by_the_name_that_the_vcenter_says() -> None:
    names = AccountNames("user", {r"VSPHERE.LOCAL\Ada": "administrator"})
    async with vouching(names=names) as (provider, _):
        principal = await provider.authenticate(parse_account("other-name"), RIGHT)
    assert (principal.name, principal.roles) == ("ada@vsphere.local", ("administrator",))
    names = AccountNames("user", {"other-name": "administrator"})
    async with vouching(names=names) as (provider, _):
        principal = await provider.authenticate(parse_account("other-name"), RIGHT)
    assert principal.roles == ("user",)


async def test_a_nameless_user_is_called_by_the_user_name() -> None:
    session = JSON_SESSION.replace("Ada Lovelace", "")
    opened = http(200, session, f"vmware-api-session-id: {JSON_TOKEN}")
    async with vouching(saying(opened, http(204))) as (provider, _):
        assert (await provider.authenticate(ADA, RIGHT)).full_name == r"VSPHERE.LOCAL\Ada"


async def test_nobody_is_known_without_a_password() -> None:
    async with vouching(names=AccountNames("user", default_domain="vsphere.local")) as (
        provider,
        server,
    ):
        assert await provider.find(ADA) is None
        assert not provider.looks_up
        told: list[str] = []
        provider.on_change(told.append)
        assert isinstance(provider, KnowsNames)
        assert provider.name_of(parse_account("ADA")) == "ada@vsphere.local"
        assert await provider.version_of(ADA) == ""
        assert (server.asked, told) == ([], [])
