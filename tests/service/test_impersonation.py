"""One session becomes another user's, and never two."""

import asyncio

import pytest

from sessiongate.errors import (
    BadCredentials,
    InvalidLocale,
    NoPermission,
    NoSession,
    StoreUnavailable,
)
from sessiongate.session import Ended
from tests.gate import CLIENT, Gate, password_of


async def test_impersonation_turns_one_session_into_another(gate: Gate) -> None:
    actor, subject = await gate.login("ada"), await gate.login("bob")
    became = await gate.impersonation.impersonate(actor.session, "BOB", CLIENT, "ja")
    assert (became.session.principal, became.session.locale) == ("bob", "ja")
    assert await gate.sessions.check(actor.token) is None
    assert await gate.sessions.check(subject.token) is not None
    assert await gate.live() == ["bob", "bob"]


async def test_impersonation_needs_a_live_session_of_the_other(gate: Gate) -> None:
    actor = await gate.login("ada")
    with pytest.raises(BadCredentials):
        await gate.impersonation.impersonate(actor.session, "bob", CLIENT, None)
    with pytest.raises(InvalidLocale):
        await gate.impersonation.impersonate(actor.session, "bob", CLIENT, "x")
    assert await gate.sessions.check(actor.token) is not None


async def test_sec_17_of_many_impersonations_at_once_one_gets_the_session(gate: Gate) -> None:
    await gate.login("bob")
    actor = await gate.login("ada")
    results = await asyncio.gather(
        *(gate.impersonation.impersonate(actor.session, "bob", CLIENT, None) for _ in range(8)),
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
        await gate.impersonation.impersonate(actor.session, "bob", CLIENT, None)
    assert await gate.live() == ["bob"]


async def test_impersonation_gives_no_new_privilege(gate: Gate) -> None:
    actor, _ = await gate.login("bob"), await gate.login("ada")
    with pytest.raises(NoPermission):
        await gate.impersonation.impersonate(actor.session, "ada", CLIENT, None)
    assert await gate.live() == ["ada", "bob"]


async def test_sec_17_a_namesake_of_another_provider_is_not_impersonated(gate: Gate) -> None:
    """Two providers may each know a bob: who is meant is said by the name, not by chance."""
    gate.other.add("bob", "bobbob", "user")
    await gate.logins.login("bob", password_of("bob"), CLIENT, provider="other", default="other")
    ada = await gate.login("ada")
    with pytest.raises(BadCredentials):
        await gate.call(ada.session, "ImpersonateUser", user_name="bob")


async def test_an_impersonation_that_breaks_off_leaves_no_session_behind(gate: Gate) -> None:
    await gate.login("bob")
    ada = await gate.login("ada")
    outages = [StoreUnavailable("no answer")]

    async def first_fails() -> None:
        if outages:
            raise outages.pop()

    gate.store.before["end"] = first_fails
    with pytest.raises(StoreUnavailable):
        await gate.call(ada.session, "ImpersonateUser", user_name="bob")
    assert await gate.live() == ["ada", "bob"]
