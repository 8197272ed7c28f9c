"""The contract of stores finds one that breaks it."""

import pytest

from sessiongate.session import Limits, Session
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.port import Store
from sessiongate.testing import T0, StoreContract


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
