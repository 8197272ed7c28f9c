"""The life of sessions over the memory store, on a clock that obeys."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.audit.event import read
from sessiongate.errors import (
    BadCredentials,
    CapReached,
    InvalidLocale,
)
from sessiongate.rules.access import KNOWN
from sessiongate.rules.token import GUID, HEX
from sessiongate.secret import Secret
from sessiongate.service.sessions import BY_COMMAND, RESERVED
from sessiongate.session import CONSOLE, Caps, Client, Ended, Principal
from sessiongate.testing import T0, TICK
from tests.each import each
from tests.gate import CLIENT, LIMITS, Gate


async def test_a_login_opens_a_whole_session(gate: Gate) -> None:
    opened = await gate.login("ada", locale="de_AT")
    session = opened.session
    assert (session.principal, session.user_name, session.login_name) == ("ada", "ada", "ada")
    assert (session.full_name, session.roles) == ("Ada of local", ("administrator",))
    assert (session.provider, session.dialect) == ("local", "vi-json")
    assert (session.locale, session.message_locale) == ("de_AT", "de")
    assert (session.ip_address, session.user_agent) == ("192.0.2.7", "curl/8")
    assert (session.login_at, session.active_at, session.call_count) == (T0, T0, 0)
    assert session.extension is False
    assert session.digest == opened.token.digest()


async def test_sec_01_tokens_are_never_the_same_nor_the_key(gate: Gate) -> None:
    opened = [await gate.login("ada", form=form) for form in (HEX, GUID) * 50]
    tokens = {one.token.reveal() for one in opened}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {40, 36}
    assert not tokens & {one.session.key for one in opened}
    assert await gate.sessions.check(Secret(opened[0].session.key)) is None


async def test_a_check_counts_and_touches(gate: Gate) -> None:
    opened = await gate.login("ada")
    gate.clock.tick(timedelta(minutes=29))
    found = await gate.sessions.check(opened.token)
    assert found is not None
    assert (found.call_count, found.active_at) == (1, gate.clock.now())
    gate.clock.tick(timedelta(minutes=29))
    assert await gate.sessions.check(opened.token) is not None
    assert await gate.sessions.check(Secret("another")) is None


async def test_find_neither_counts_nor_touches(gate: Gate) -> None:
    opened = await gate.login("ada")
    gate.clock.tick(timedelta(minutes=5))
    found = await gate.sessions.find(opened.session.key)
    assert found is not None
    assert (found.call_count, found.active_at) == (0, T0)


async def test_a_session_ends_on_the_idle_limit_itself(gate: Gate) -> None:
    early, late = await gate.login("ada"), await gate.login("ada")
    gate.clock.tick(LIMITS.idle - TICK)
    assert await gate.sessions.check(early.token) is not None
    gate.clock.tick(TICK)
    assert await gate.sessions.check(late.token) is None
    assert await gate.sessions.check(early.token) is not None


async def test_an_ended_session_is_gone_once(gate: Gate) -> None:
    opened = await gate.login("ada")
    assert await gate.sessions.end(opened.session.key, Ended.LOGOUT)
    assert not await gate.sessions.end(opened.session.key, Ended.LOGOUT)
    assert await gate.sessions.check(opened.token) is None
    assert await gate.sessions.find(opened.session.key) is None


async def test_all_sessions_of_a_name_end_and_no_others(gate: Gate) -> None:
    for name in ("ada", "bob", "bob"):
        await gate.login(name)
    assert await gate.sessions.end_all_of("bob", Ended.TERMINATED) == 2
    assert await gate.sessions.end_all_of("bob", Ended.TERMINATED) == 0
    assert await gate.live() == ["ada"]


async def test_caps_hold(tmp_path: Path) -> None:
    gate = Gate(tmp_path, caps=Caps(per_principal=2, total=3))
    results = await asyncio.gather(*(gate.login("ada") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, CapReached) for one in results) == 3
    await gate.login("bob")
    with pytest.raises(CapReached) as refusal:
        await gate.login("eve")
    assert refusal.value.scope == "total"


@each(
    ("caps", "scope"),
    [(Caps(per_principal=1), "principal"), (Caps(total=1), "total"), (Caps(1, 1), "total")],
)
async def test_sec_15_who_makes_room_comes_in_at_the_console_past_the_caps_three_times(
    tmp_path: Path, caps: Caps, scope: str
) -> None:
    gate = Gate(tmp_path, caps=caps)
    console = Client("192.0.2.7", "Mozilla", CONSOLE)
    await gate.login("ada")
    await asyncio.gather(*(gate.login("ada", console) for _ in range(RESERVED)))
    for client in (console, CLIENT):
        with pytest.raises(CapReached) as refusal:
            await gate.login("ada", client)
        assert refusal.value.scope == scope


async def test_sec_15_who_only_looks_has_no_place_beyond_the_caps(tmp_path: Path) -> None:
    gate = Gate(tmp_path, caps=Caps(total=1))
    console = Client("192.0.2.7", "Mozilla", CONSOLE)
    await gate.login("bob")
    for name in ("eve", "bob"):
        with pytest.raises(CapReached):
            await gate.login(name, console)


async def test_a_long_agent_is_cut(gate: Gate) -> None:
    opened = await gate.login("ada", Client("192.0.2.7", "x" * 10_000, "vi-json"))
    assert len(opened.session.user_agent) == 512


async def test_a_locale_is_changed_for_the_session(gate: Gate) -> None:
    opened = await gate.login("ada")
    await gate.sessions.set_locale(opened.session, "zh_HK")
    found = await gate.sessions.find(opened.session.key)
    assert found is not None
    assert (found.locale, found.message_locale) == ("zh_HK", "zh_TW")
    with pytest.raises(InvalidLocale):
        await gate.call(found, "SetLocale", locale="english")


async def test_privileges_are_those_of_the_roles(gate: Gate) -> None:
    opened = await gate.login("ada")
    assert gate.sessions.privileges(opened.session) >= KNOWN
    nil = await gate.logins.principal("nil", "local", CLIENT)
    assert nil is not None
    assert not gate.sessions.allows(nil)


NOBODYS = ("os:root", "OS:root", "token:nightly", "os\uff1aroot", "os:root@corp", "command line")


@each("name", NOBODYS)
async def test_sec_69_nobody_comes_in_by_a_name_that_the_audit_has_for_commands(
    gate: Gate, name: str
) -> None:
    """Whoever vouches for it."""
    principal = Principal(name, name, name, ("administrator",), "tokens")
    with pytest.raises(BadCredentials, match="reserved"):
        await gate.logins.login_as(principal, CLIENT, None, changed=(), typed=name, how="token")
    assert await gate.live() == []


async def test_sec_69_nor_is_anybody_of_such_a_name_vouched_for(gate: Gate) -> None:
    gate.identity.add("os:root", "secret", "administrator")
    for ask in (
        gate.logins.login("os:root", Secret("secret"), CLIENT, default="local"),
        gate.logins.verify_credentials("os:root", Secret("secret"), CLIENT, provider="local"),
    ):
        with pytest.raises(BadCredentials, match="reserved"):
            await ask
        last = read(gate.store.audit.payloads[-1])
        assert (last.event, last.user) == ("login refused", "os:root")
        assert "reserved" in last.detail


@each("name", ["osiris", "token", "host:os", "command liner", "os", "bob smith"])
async def test_other_names_are_anybodys(gate: Gate, name: str) -> None:
    principal = Principal(name, name, name, ("user",), "tokens")
    opened = await gate.logins.login_as(
        principal, CLIENT, None, changed=(), typed=name, how="token"
    )
    assert opened.session.principal == name


async def test_sec_69_an_end_says_of_which_provider_somebody_is(gate: Gate) -> None:
    """A token's alice is not the local one."""
    alice = Principal("ada", "ada", "ada", ("administrator",), "tokens")
    one = (
        await gate.logins.login_as(alice, CLIENT, None, changed=(), typed="ada", how="token")
    ).session
    other = (await gate.login("ada")).session
    for caller in (one, other):
        victim = await gate.login("bob")
        await gate.call(caller, "TerminateSession", session_id=[victim.session.key])
        last = read(gate.store.audit.payloads[-1])
        assert (last.event, last.user, last.subject) == ("session ended", "ada", "bob")
        assert (last.provider, last.key) == ("local", victim.session.key)
        assert (last.by_provider, last.by_key) == (caller.provider, caller.key)
    await gate.login("bob")
    await gate.sessions.end_all_of("bob", Ended.TERMINATED, "os:root", BY_COMMAND)
    last = read(gate.store.audit.payloads[-1])
    assert (last.user, last.by_provider, last.by_key) == ("os:root", "command", "")
