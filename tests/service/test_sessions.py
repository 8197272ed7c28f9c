"""The life of sessions over the memory store, on a clock that obeys."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.errors import (
    BadCredentials,
    BadTicket,
    CapReached,
    IdentityUnavailable,
    InvalidLocale,
    LockedOut,
    NoPermission,
    NoSession,
    SessionGateError,
    StoreUnavailable,
)
from sessiongate.rules.access import KNOWN
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.service.sessions import TICKET_LIFE
from sessiongate.session import Caps, Client, Ended, Principal, Session
from sessiongate.testing import T0, TICK
from tests.gate import CLIENT, LIMITS, Gate, password_of

ZERTO = Client("192.0.2.8", "PowerShell", "zerto")


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
    opened = [await gate.login("ada", client) for client in (CLIENT, ZERTO) * 50]
    tokens = {one.token.reveal() for one in opened}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {40, 36}
    assert not tokens & {one.session.key for one in opened}
    assert await gate.sessions.check(Secret(opened[0].session.key)) is None


@pytest.mark.parametrize(
    ("name", "password", "locale", "error"),
    [
        ("ada", "wrong", None, BadCredentials),
        ("nobody", "ada", None, BadCredentials),
        ("a\\b\\c", "ada", None, BadCredentials),
        ("", "ada", None, BadCredentials),
        ("nil", "nilnil", None, NoPermission),
        ("ada", "adaada", "tlh_QO", InvalidLocale),
        ("ada", "adaada", "", InvalidLocale),
    ],
)
async def test_a_refused_login_leaves_nothing(
    gate: Gate, name: str, password: str, locale: str | None, error: type[SessionGateError]
) -> None:
    with pytest.raises(error):
        await gate.sessions.login(name, Secret(password), CLIENT, locale=locale, default="local")
    assert await gate.live() == []


async def test_a_wrong_locale_costs_no_password_check(gate: Gate) -> None:
    with pytest.raises(InvalidLocale):
        await gate.login("ada", locale="xx_XX")
    assert gate.identity.checks == 0


async def test_an_outage_is_no_refusal_and_no_guess(gate: Gate) -> None:
    gate.identity.outage = True
    for _ in range(10):
        with pytest.raises(IdentityUnavailable):
            await gate.login("ada")
    gate.identity.outage = False
    assert (await gate.login("ada")).session.principal == "ada"


async def test_a_name_locks_and_the_session_that_is_there_stays(gate: Gate) -> None:
    opened = await gate.login("ada")
    for _ in range(3):
        with pytest.raises(BadCredentials):
            await gate.sessions.login("ADA", Secret("wrong"), CLIENT, default="local")
    with pytest.raises(LockedOut):
        await gate.login("ada")
    assert await gate.sessions.check(opened.token) is not None


async def test_the_provider_is_the_dialects_then_the_domains_then_the_default(gate: Gate) -> None:
    by_domain = await gate.sessions.login("CORP\\bob", Secret("bobbob"), CLIENT, default="local")
    assert (by_domain.session.provider, by_domain.session.principal) == ("other", "bob@corp")
    named = await gate.sessions.login(
        "bob", password_of("bob"), CLIENT, default="other", provider="local"
    )
    assert named.session.provider == "local"
    with pytest.raises(BadCredentials):
        await gate.sessions.login(
            "CORP\\bob", Secret("bobbob"), CLIENT, default="local", provider="local"
        )
    with pytest.raises(IdentityUnavailable):
        await gate.login("ada", default="absent")


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


async def test_sessions_of_the_same_name_at_another_provider_stay(gate: Gate) -> None:
    await gate.login("bob")
    gate.other.add("bob", "bobbob", "user")
    await gate.login("bob", provider="other")
    assert await gate.sessions.end_all_of("bob", Ended.USER_CHANGED, provider="other") == 1
    assert await gate.live() == ["bob"]


async def test_a_late_look_at_an_account_leaves_what_others_opened_since(
    gate: Gate, tmp_path: Path
) -> None:
    """Two servers on one store: the second finds out after somebody has logged in anew."""
    other = Gate(tmp_path, store=gate.store)
    before = [await one.login("bob") for one in (gate, other)]
    for one in (gate, other):
        one.clock.tick(TICK)
    looked_at = gate.clock.now()
    gate.sessions.looked(looked_at)
    for one in (gate, other):
        one.clock.tick(TICK)
    ours, theirs = await gate.login("bob"), await other.login("bob")
    ended = await gate.sessions.end_all_of(
        "bob", Ended.USER_CHANGED, provider="local", looked_at=looked_at
    )
    assert ended == 3
    assert await gate.live() == ["bob"]
    assert await gate.sessions.check(theirs.token) is not None
    for opened in (*before, ours):
        assert await gate.sessions.check(opened.token) is None
    # Theirs is theirs to end; and nothing is left by who knows no earlier look.
    assert await other.sessions.end_all_of("bob", Ended.USER_CHANGED, looked_at=looked_at) == 1
    await other.login("bob")
    assert await gate.sessions.end_all_of("bob", Ended.USER_CHANGED, provider="local") == 1


async def test_a_change_in_the_middle_of_a_login_undoes_it(gate: Gate) -> None:
    changed: list[int] = []

    async def meanwhile(account: Account, password: Secret) -> Principal:
        changed.append(await gate.sessions.end_all_of("bob", Ended.USER_CHANGED, provider="local"))
        return await authenticate(account, password)

    authenticate = gate.identity.authenticate
    gate.identity.authenticate = meanwhile  # type: ignore[method-assign]
    with pytest.raises(BadCredentials):
        await gate.login("bob")
    assert changed == [0]
    assert await gate.live() == []
    gate.identity.authenticate = authenticate  # type: ignore[method-assign]
    await gate.login("bob")
    assert await gate.live() == ["bob"]


async def test_a_login_after_a_change_is_not_undone_by_others_that_overlap(gate: Gate) -> None:
    """Somebody always logs in on a busy server, or a stranger sees to it by wrong passwords."""
    held, let_go = asyncio.Event(), asyncio.Event()

    async def slowly(account: Account, password: Secret) -> Principal:
        if account.user == "eve":
            held.set()
            await let_go.wait()
        return await authenticate(account, password)

    authenticate = gate.identity.authenticate
    gate.identity.authenticate = slowly  # type: ignore[method-assign]
    other = asyncio.create_task(gate.login("eve"))
    await held.wait()
    await gate.sessions.end_all_of("bob", Ended.USER_CHANGED, provider="local")
    opened = await gate.login("bob")
    assert await gate.sessions.check(opened.token) is not None
    let_go.set()
    await other
    assert await gate.live() == ["bob", "eve"]


async def test_caps_hold(tmp_path: Path) -> None:
    gate = Gate(tmp_path, caps=Caps(per_principal=2, total=3))
    results = await asyncio.gather(*(gate.login("ada") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, CapReached) for one in results) == 3
    await gate.login("bob")
    with pytest.raises(CapReached) as refusal:
        await gate.login("eve")
    assert refusal.value.scope == "total"


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
        await gate.sessions.set_locale(opened.session, "english")


async def test_a_clone_is_a_session_of_its_own(gate: Gate) -> None:
    parent = await gate.login("bob", locale="fr_CA")
    ticket = await gate.sessions.clone_ticket(parent.session)
    assert ticket.reveal().startswith("cst-gate.example-")
    clone = await gate.sessions.clone(ticket, ZERTO)
    assert clone.token.digest() != parent.token.digest()
    assert clone.session.key != parent.session.key
    assert (clone.session.principal, clone.session.locale) == ("bob", "fr_CA")
    assert (clone.session.dialect, clone.session.ip_address) == ("zerto", "192.0.2.8")
    await gate.sessions.end(parent.session.key, Ended.LOGOUT)
    assert await gate.sessions.check(clone.token) is not None


async def test_a_ticket_opens_one_session(gate: Gate) -> None:
    parent = await gate.login("bob")
    ticket = await gate.sessions.clone_ticket(parent.session)
    results = await asyncio.gather(
        *(gate.sessions.clone(ticket, CLIENT) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(one, BadTicket) for one in results) == 9
    assert await gate.live() == ["bob", "bob"]


async def test_a_ticket_is_over_with_its_minute_and_with_its_session(gate: Gate) -> None:
    parent = await gate.login("bob")
    late, orphan = [await gate.sessions.clone_ticket(parent.session) for _ in range(2)]
    gate.clock.tick(TICKET_LIFE)
    with pytest.raises(BadTicket):
        await gate.sessions.clone(late, CLIENT)
    orphan = await gate.sessions.clone_ticket(parent.session)
    await gate.sessions.end(parent.session.key, Ended.LOGOUT)
    with pytest.raises(BadTicket):
        await gate.sessions.clone(orphan, CLIENT)


async def test_a_ticket_is_neither_a_session_nor_a_ticket_of_another_kind(gate: Gate) -> None:
    opened = await gate.login("bob")
    clone = await gate.sessions.clone_ticket(opened.session)
    service = await gate.sessions.service_ticket(opened.session)
    assert await gate.sessions.check(clone) is None
    assert await gate.sessions.check(service) is None
    with pytest.raises(BadTicket):
        await gate.sessions.clone(service, CLIENT)
    assert await gate.sessions.clone(clone, CLIENT)


async def test_impersonation_turns_one_session_into_another(gate: Gate) -> None:
    actor, subject = await gate.login("ada"), await gate.login("bob")
    became = await gate.sessions.impersonate(actor.session, "BOB", CLIENT, "ja")
    assert (became.session.principal, became.session.locale) == ("bob", "ja")
    assert await gate.sessions.check(actor.token) is None
    assert await gate.sessions.check(subject.token) is not None
    assert await gate.live() == ["bob", "bob"]


async def test_impersonation_needs_a_live_session_of_the_other(gate: Gate) -> None:
    actor = await gate.login("ada")
    with pytest.raises(BadCredentials):
        await gate.sessions.impersonate(actor.session, "bob", CLIENT, None)
    with pytest.raises(InvalidLocale):
        await gate.sessions.impersonate(actor.session, "bob", CLIENT, "x")
    assert await gate.sessions.check(actor.token) is not None


async def test_sec_17_of_many_impersonations_at_once_one_gets_the_session(gate: Gate) -> None:
    await gate.login("bob")
    actor = await gate.login("ada")
    results = await asyncio.gather(
        *(gate.sessions.impersonate(actor.session, "bob", CLIENT, None) for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, NoSession) for one in results) == 7
    assert await gate.live() == ["bob", "bob"]


async def test_sec_17_who_has_been_thrown_out_becomes_nobody(gate: Gate) -> None:
    """The caller is terminated after the request was let in and before it is done."""
    await gate.login("bob")
    actor = await gate.login("ada")
    await gate.sessions.end(actor.session.key, Ended.TERMINATED)
    with pytest.raises(NoSession):
        await gate.sessions.impersonate(actor.session, "bob", CLIENT, None)
    assert await gate.live() == ["bob"]


async def test_impersonation_gives_no_new_privilege(gate: Gate) -> None:
    actor, _ = await gate.login("bob"), await gate.login("ada")
    with pytest.raises(NoPermission):
        await gate.sessions.impersonate(actor.session, "ada", CLIENT, None)
    assert await gate.live() == ["ada", "bob"]


async def test_canonical_names_and_principals(gate: Gate) -> None:
    assert await gate.sessions.canonical(" ADA ", "local") == "ada"
    assert await gate.sessions.canonical("CORP\\Nobody", "local") == "nobody@corp"
    found = await gate.sessions.principal("ada", "local")
    assert found is not None
    assert gate.sessions.allows(found)
    assert await gate.sessions.principal("nobody", "local") is None


async def test_privileges_are_those_of_the_roles(gate: Gate) -> None:
    opened = await gate.login("ada")
    assert gate.sessions.privileges(opened.session) >= KNOWN
    nil = await gate.sessions.principal("nil", "local")
    assert nil is not None
    assert not gate.sessions.allows(nil)


async def test_a_sweep_ends_what_is_over(gate: Gate) -> None:
    await gate.login("ada")
    gate.clock.tick(LIMITS.idle + timedelta(seconds=2))
    late = await gate.login("bob")
    assert await gate.sessions.sweep() == 1
    assert await gate.sessions.sweep() == 0
    assert await gate.sessions.check(late.token) is not None


async def test_a_principal_somebody_else_vouched_for_gets_in(gate: Gate) -> None:
    principal = Principal("key", "key", "key", ("user",), "extensions")
    opened = await gate.sessions.login_as(
        principal, CLIENT, "de", typed="key", how="extension", extension=True
    )
    assert (opened.session.extension, opened.session.locale) == (True, "de")
    with pytest.raises(InvalidLocale):
        await gate.sessions.login_as(principal, CLIENT, "x", typed="key", how="extension")


async def test_sec_17_a_namesake_of_another_provider_is_not_impersonated(gate: Gate) -> None:
    """Two providers may each know a bob: who is meant is said by the name, not by chance."""
    gate.other.add("bob", "bobbob", "user")
    await gate.sessions.login("bob", password_of("bob"), CLIENT, provider="other", default="other")
    ada = await gate.login("ada")
    with pytest.raises(BadCredentials):
        await gate.call(ada.session, "ImpersonateUser", user_name="bob")


async def test_an_impersonation_that_breaks_off_leaves_no_session_behind(gate: Gate) -> None:
    await gate.login("bob")
    ada = await gate.login("ada")
    end = gate.store.end
    ends: list[str] = []

    async def first_fails(key: str) -> Session | None:
        ends.append(key)
        if len(ends) == 1:
            raise StoreUnavailable("no answer")
        return await end(key)

    gate.store.end = first_fails  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await gate.call(ada.session, "ImpersonateUser", user_name="bob")
    assert await gate.live() == ["ada", "bob"]
