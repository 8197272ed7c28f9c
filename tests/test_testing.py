"""The fake clock obeys, and the contracts find a store that breaks them."""

import time
from datetime import timedelta

import pytest

from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Limits, Principal, Session
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.port import Store
from sessiongate.testing import (
    LONGEST_STALL,
    T0,
    FakeClock,
    FakeIdentity,
    ProviderContract,
    StoreContract,
)


def test_the_clock_moves_only_when_told() -> None:
    clock = FakeClock()
    assert clock.now() == clock.now() == T0
    clock.tick(timedelta(minutes=1))
    clock.not_before(T0)
    assert clock.now() == T0 + timedelta(minutes=1)
    clock.not_before(T0 + timedelta(hours=1))
    assert clock.now() == T0 + timedelta(hours=1)


class Undying(MemoryStore):
    async def end(self, key: str) -> Session | None:
        return await self.find(key, T0)


async def test_a_store_that_ends_nothing_fails_the_contract() -> None:
    class Broken(StoreContract):
        async def make(self, limits: Limits) -> Store:
            return Undying(limits)

    with pytest.raises(AssertionError):
        await Broken().test_of_fifty_who_end_a_session_one_gets_it()


async def test_a_contract_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError):
        await StoreContract().test_close_is_idempotent()


class _Blocking(FakeIdentity):
    async def authenticate(self, account: Account, password: Secret) -> Principal:
        until = time.perf_counter() + LONGEST_STALL * 1.2
        while time.perf_counter() < until:
            pass  # what no provider may do: the contract must see it
        return await super().authenticate(account, password)


class _OfBlocking(ProviderContract):
    known = ("ada", "her password")

    async def make(self) -> IdentityProvider:
        made = _Blocking()
        made.add(*self.known, "user")
        return made


@pytest.mark.slow
async def test_a_provider_that_blocks_the_loop_breaks_its_contract() -> None:
    with pytest.raises(AssertionError, match="held up"):
        await _OfBlocking().test_the_event_loop_is_never_held_up()
