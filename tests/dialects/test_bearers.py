"""Signed tokens: which session they name, and when a refresh token is spent."""

import asyncio
from datetime import datetime, timedelta

import pytest

from sessiongate.audit.event import Event, read
from sessiongate.dialects.bearers import Spent
from sessiongate.dialects.openid.access_tokens import Claims
from sessiongate.errors import NoSession, StoreUnavailable
from sessiongate.rules.audit_chain import Chain
from sessiongate.session import Ended, Session
from sessiongate.store.embedded.memory import MemoryStore
from tests.fake_store import FakeStore
from tests.gate import CLIENT, LIMITS, Gate

ISSUER, CLIENT_ID = "https://zvm.example/auth/realms/zerto", "zerto-client"


def refresh_of(gate: Gate, session: Session, generation: int = 0) -> Claims:
    token = gate.bearers.tokens.refresh(session, ISSUER, CLIENT_ID, "", LIMITS.idle, generation)
    claims = gate.bearers.read(token)
    assert claims is not None
    return claims


def access_of(gate: Gate, session: Session, generation: int = 0) -> Claims:
    claims = gate.bearers.read(
        gate.bearers.tokens.access(session, ISSUER, CLIENT_ID, "", generation)
    )
    assert claims is not None
    return claims


async def refreshed(gate: Gate, session: Session, generation: int = 0) -> int:
    """Present the refresh token of this generation, and say which generation it brought."""
    same, brought = await gate.bearers.refresh(refresh_of(gate, session, generation), CLIENT)
    assert same.key == session.key
    return brought


def events(gate: Gate) -> list[Event]:
    return [read(payload) for payload in gate.store.audit.payloads]


async def test_sec_87_a_client_that_goes_on_goes_on(gate: Gate) -> None:
    session = (await gate.login("bob")).session
    for generation in range(20):
        assert await refreshed(gate, session, generation) == generation + 1
        assert await gate.bearers.check(access_of(gate, session, generation + 1)) is not None
    assert await gate.live() == ["bob"]


async def test_sec_87_after_a_lost_reply_the_same_is_answered_again(gate: Gate) -> None:
    session = (await gate.login("bob")).session
    assert [await refreshed(gate, session) for _ in range(5)] == [1] * 5
    # Access tokens of the same generation tell of no successor.
    assert await gate.bearers.check(access_of(gate, session)) is not None
    assert await refreshed(gate, session) == 1
    assert await gate.live() == ["bob"]


async def test_sec_87_refreshes_in_parallel_are_repetitions(gate: Gate) -> None:
    session = (await gate.login("bob")).session
    assert await asyncio.gather(*(refreshed(gate, session) for _ in range(20))) == [1] * 20
    assert await asyncio.gather(*(refreshed(gate, session, 1) for _ in range(20))) == [2] * 20
    assert await gate.live() == ["bob"]


@pytest.mark.parametrize("used", ["access", "refresh"])
async def test_sec_87_an_old_one_after_its_successor_was_used_ends_the_session(
    gate: Gate, used: str
) -> None:
    session = (await gate.login("bob")).session
    await gate.login("ada")
    assert await refreshed(gate, session) == 1
    if used == "access":
        assert await gate.bearers.check(access_of(gate, session, 1)) is not None
    else:
        assert await refreshed(gate, session, 1) == 2
    with pytest.raises(Spent):
        await refreshed(gate, session)
    assert gate.store.audit.payloads_of(Chain.ANONYMOUS) == []
    assert await gate.live() == ["ada"]
    for generation in range(3):
        assert await gate.bearers.check(access_of(gate, session, generation)) is None
        with pytest.raises(NoSession):
            await refreshed(gate, session, generation)
    refused, ended = [read(payload) for payload in gate.store.audit.payloads_of(Chain.DECISIONS)][
        -2:
    ]
    assert (refused.event, refused.how, refused.user, refused.ip, refused.reason) == (
        "login refused",
        "refresh",
        "bob",
        CLIENT.ip_address,
        "Spent",
    )
    assert (ended.event, ended.key, ended.reason) == (
        "session ended",
        session.key,
        Ended.TOKEN_REUSED.value,
    )


async def test_sec_87_much_older_ones_end_it_too(gate: Gate) -> None:
    session = (await gate.login("bob")).session
    for generation in range(4):
        assert await refreshed(gate, session, generation) == generation + 1
    with pytest.raises(Spent):
        await refreshed(gate, session, 1)
    assert await gate.live() == []


async def test_sec_87_an_old_access_token_is_good_until_it_runs_out(gate: Gate) -> None:
    """A request that was under way during the refresh."""
    session = (await gate.login("bob")).session
    await refreshed(gate, session)
    await refreshed(gate, session, 1)
    assert await gate.bearers.check(access_of(gate, session, 0)) is not None
    assert await refreshed(gate, session, 1) == 2
    assert await gate.live() == ["bob"]


async def test_sec_87_a_copy_is_found_out_whoever_goes_on(gate: Gate) -> None:
    """Thief and owner hold the same; one goes on, and the other one's next step ends it."""
    session = (await gate.login("bob")).session
    assert await refreshed(gate, session) == await refreshed(gate, session) == 1
    assert await refreshed(gate, session, 1) == 2
    assert await gate.bearers.check(access_of(gate, session, 2)) is not None
    with pytest.raises(Spent):
        await refreshed(gate, session, 1)
    assert await gate.live() == []


async def test_sec_87_another_node_knows_what_was_used_here(gate: Gate) -> None:
    other = gate.bearers_over(gate.store)
    session = (await gate.login("bob")).session
    await refreshed(gate, session)
    assert await other.check(access_of(gate, session, 1)) is not None
    with pytest.raises(Spent):
        await refreshed(gate, session)


async def test_a_spent_refresh_token_is_told_apart_without_using_it(gate: Gate) -> None:
    session = (await gate.login("bob")).session
    old, new = refresh_of(gate, session), refresh_of(gate, session, 1)
    assert not await gate.bearers.is_spent(old)
    await refreshed(gate, session)
    assert not await gate.bearers.is_spent(new)
    assert not await gate.bearers.is_spent(old)
    await gate.bearers.used(access_of(gate, session, 1))
    assert await gate.bearers.is_spent(old)
    assert not await gate.bearers.is_spent(new)
    assert not await gate.bearers.is_spent(access_of(gate, session))
    assert await gate.live() == ["bob"]


async def test_only_a_live_access_token_is_a_caller(gate: Gate) -> None:
    session = (await gate.login("bob")).session
    bearers = gate.bearers
    assert await bearers.check(refresh_of(gate, session)) is None
    identity = bearers.read(bearers.tokens.identity(session, ISSUER, CLIENT_ID))
    assert identity is not None
    assert await bearers.check(identity) is None
    token = bearers.tokens.access(session, ISSUER, CLIENT_ID, "")
    gate.clock.tick(bearers.tokens.life)
    late = bearers.read(token)
    assert late is not None
    assert await bearers.check(late) is None


async def test_an_outage_ends_nothing_and_refuses_no_access_token(gate: Gate) -> None:
    forgetful = FakeStore()
    forgetful.away.add("advance")
    away = gate.bearers_over(forgetful)
    session = (await gate.login("bob")).session
    assert await away.check(access_of(gate, session, 1)) is not None
    with pytest.raises(StoreUnavailable):
        await away.refresh(refresh_of(gate, session), CLIENT)
    assert await gate.live() == ["bob"]
    # What could not be told then is told by the next use.
    assert await gate.bearers.check(access_of(gate, session, 1)) is not None
    with pytest.raises(Spent):
        await refreshed(gate, session)


async def test_each_generation_is_told_once(gate: Gate) -> None:
    told: list[int] = []

    class Counting(MemoryStore):
        async def advance(self, digest: bytes, generation: int, keep_until: datetime) -> int:
            told.append(generation)
            assert keep_until == gate.clock.now() + timedelta(minutes=30)
            return generation

    bearers = gate.bearers_over(Counting(LIMITS))
    session = (await gate.login("bob")).session
    for generation in (0, 0, 1, 1, 1, 0, 2, 1, 2):
        assert await bearers.check(access_of(gate, session, generation)) is not None
    assert told == [1, 2]
