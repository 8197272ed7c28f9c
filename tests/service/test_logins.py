"""Who gets in by which provider, and what a refusal leaves."""

import asyncio

import pytest

from sessiongate.errors import (
    BadCredentials,
    IdentityUnavailable,
    InvalidLocale,
    LockedOut,
    NoPermission,
    SessionGateError,
)
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal
from tests.gate import CLIENT, Gate, password_of


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
        await gate.logins.login(name, Secret(password), CLIENT, locale=locale, default="local")
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
            await gate.logins.login("ADA", Secret("wrong"), CLIENT, default="local")
    with pytest.raises(LockedOut):
        await gate.login("ada")
    assert await gate.sessions.check(opened.token) is not None


async def test_the_provider_is_the_dialects_then_the_domains_then_the_default(gate: Gate) -> None:
    by_domain = await gate.logins.login("CORP\\bob", Secret("bobbob"), CLIENT, default="local")
    assert (by_domain.session.provider, by_domain.session.principal) == ("other", "bob@corp")
    named = await gate.logins.login(
        "bob", password_of("bob"), CLIENT, default="other", provider="local"
    )
    assert named.session.provider == "local"
    with pytest.raises(BadCredentials):
        await gate.logins.login(
            "CORP\\bob", Secret("bobbob"), CLIENT, default="local", provider="local"
        )
    with pytest.raises(IdentityUnavailable):
        await gate.login("ada", default="absent")


async def test_a_change_in_the_middle_of_a_login_undoes_it(gate: Gate) -> None:
    """The password was right, and while the store takes the session the account changes."""

    async def late() -> None:
        gate.identity.add("bob", "another password", "user")

    gate.changes.watch("local", gate.identity)
    gate.store.before["add"] = late
    with pytest.raises(BadCredentials, match="changed during the login"):
        await gate.login("bob")
    assert await gate.live() == []
    gate.store.before.clear()
    await gate.logins.login("bob", Secret("another password"), CLIENT, default="local")
    await gate.changes.settled()
    assert await gate.live() == ["bob"]


async def test_a_login_after_a_change_is_not_undone_by_others_that_overlap(gate: Gate) -> None:
    """Somebody always logs in on a busy server, or a stranger sees to it by wrong passwords."""
    held, let_go = asyncio.Event(), asyncio.Event()

    async def slowly(account: Account) -> None:
        if account.user == "eve":
            held.set()
            await let_go.wait()

    gate.identity.before = slowly
    other = asyncio.create_task(gate.login("eve"))
    await held.wait()
    gate.changes.watch("local", gate.identity)
    gate.identity.add("bob", "bobbob", "user")
    await gate.changes.settled()
    opened = await gate.login("bob")
    assert await gate.sessions.check(opened.token) is not None
    let_go.set()
    await other
    assert await gate.live() == ["bob", "eve"]


async def test_canonical_names_and_principals(gate: Gate) -> None:
    assert await gate.logins.person(" ADA ", "local") == ("local", "ada")
    assert await gate.logins.person("CORP\\Nobody", "local") == ("other", "nobody@corp")
    assert await gate.logins.person("key", "extensions") == ("", "key")
    found = await gate.logins.principal("ada", "local", CLIENT)
    assert found is not None
    assert gate.sessions.allows(found)
    assert await gate.logins.principal("nobody", "local", CLIENT) is None


async def test_a_principal_somebody_else_vouched_for_gets_in(gate: Gate) -> None:
    principal = Principal("key", "key", "key", ("user",), "extensions")
    opened = await gate.logins.login_as(
        principal, CLIENT, "de", changed=(), typed="key", how="extension", extension=True
    )
    assert (opened.session.extension, opened.session.locale) == (True, "de")
    with pytest.raises(InvalidLocale):
        await gate.logins.login_as(principal, CLIENT, "x", changed=(), typed="key", how="extension")
