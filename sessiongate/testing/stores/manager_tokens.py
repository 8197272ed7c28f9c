"""What every store must keep of the session manager's tokens: a suite to inherit from."""

import asyncio
from datetime import timedelta

from sessiongate.secret import Secret
from sessiongate.store.manager_port import StoredToken
from sessiongate.testing.clock import T0
from sessiongate.testing.stores.contract import Contract


def a_token(
    text: str = "one", name: str = "csi-prod", scopes: tuple[str, ...] = ("vc1",)
) -> StoredToken:
    """A token of this text."""
    return StoredToken(Secret(f"sgm_{text}").digest(), name, scopes, T0)


class ManagerTokenContract(Contract):
    """What every store promises about tokens of the session manager."""

    async def test_a_token_is_found_by_its_digest_until_it_is_removed(self) -> None:
        async with self.opened() as store:
            tokens = store.manager_tokens
            token = a_token()
            assert await tokens.find(token.digest) is None
            await tokens.add(token)
            assert await tokens.find(token.digest) == token
            assert await tokens.find(a_token("another").digest) is None
            assert await tokens.all() == [token]
            await tokens.remove(token.digest)
            assert await tokens.find(token.digest) is None
            assert await tokens.all() == []
            await tokens.remove(token.digest)

    async def test_a_name_may_have_several_tokens(self) -> None:
        async with self.opened() as store:
            tokens = store.manager_tokens
            old, new = a_token("old"), a_token("new")
            await tokens.add(old)
            await tokens.add(new)
            assert {one.digest for one in await tokens.all()} == {old.digest, new.digest}
            await tokens.remove(old.digest)
            assert await tokens.find(new.digest) == new

    async def test_a_digest_is_of_one_token(self) -> None:
        async with self.opened() as store:
            tokens = store.manager_tokens
            token = a_token()
            await tokens.add(token)
            await tokens.add(token)
            try:
                await tokens.add(a_token(name="another"))
            except ValueError:
                pass
            else:
                raise AssertionError("the digest of another was taken")
            assert await tokens.all() == [token]

    async def test_the_last_use_is_the_latest_that_was_told(self) -> None:
        async with self.opened() as store:
            tokens = store.manager_tokens
            token, elsewhere = a_token(), a_token("of a file")
            await tokens.add(token)
            assert await tokens.uses() == {}
            later = T0 + timedelta(minutes=5, microseconds=1)
            for at in (T0, later, T0):
                await tokens.used(token.digest, at)
            await tokens.used(elsewhere.digest, T0)
            assert await tokens.uses() == {token.digest: later, elsewhere.digest: T0}
            await tokens.remove(token.digest)
            assert await tokens.uses() == {elsewhere.digest: T0}

    async def test_tokens_come_back_as_they_went_in(self) -> None:
        odd = "Ünï\u4e2d\"\ud800'); DROP TABLE manager_token; --"
        async with self.opened() as store:
            tokens = store.manager_tokens
            token = a_token(name=odd, scopes=("vc1", odd))
            await tokens.add(token)
            assert await tokens.find(token.digest) == token
            assert await tokens.all() == [token]

    async def test_many_tokens_are_all_there(self) -> None:
        async with self.opened() as store:
            tokens = store.manager_tokens
            many = [a_token(str(number)) for number in range(300)]
            await asyncio.gather(*map(tokens.add, many))
            assert {one.digest: one for one in await tokens.all()} == {
                one.digest: one for one in many
            }

    async def test_tokens_are_there_after_a_restart_and_removed_ones_are_not(self) -> None:
        async with self.opened() as store:
            kept, gone = a_token("kept"), a_token("gone")
            for token in (kept, gone):
                await store.manager_tokens.add(token)
                await store.manager_tokens.used(token.digest, T0)
            await store.manager_tokens.remove(gone.digest)
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert await second.manager_tokens.all() == [kept]
                    assert await second.manager_tokens.find(gone.digest) is None
                    assert await second.manager_tokens.uses() == {kept.digest: T0}
