"""The contract of providers finds one that holds up everybody."""

import time

import pytest

from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.testing import (
    LONGEST_STALL,
    FakeIdentity,
    ProviderContract,
)


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
