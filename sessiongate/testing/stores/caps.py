"""What every store promises about how many sessions there may be."""

import asyncio
from datetime import timedelta

from sessiongate.errors import CapReached
from sessiongate.session import Caps, Session
from sessiongate.store.port import Store
from sessiongate.testing.clock import T0
from sessiongate.testing.sessions import LIMITS, a_session, everyone
from sessiongate.testing.stores.contract import Contract


class CapContract(Contract):
    """Caps hold in total and for each principal."""

    async def test_sec_15_two_hundred_logins_at_once_leave_as_many_as_the_cap(self) -> None:
        for caps, scope in ((Caps(total=50), "total"), (Caps(per_principal=50), "principal")):
            async with self.opened() as store:
                results = await asyncio.gather(
                    *(store.add(a_session(), caps) for _ in range(200)), return_exceptions=True
                )
                refused = [one for one in results if one is not None]
                assert len(refused) == 150
                for one in refused:
                    assert isinstance(one, CapReached)
                    assert (one.scope, one.limit, one.principal) == (scope, 50, "ada")
                assert len(await everyone(store, T0)) == 50

    async def test_sec_15_a_cap_per_principal_leaves_room_for_others(self) -> None:
        caps = Caps(per_principal=1)
        async with self.opened() as store:
            first = a_session(principal="ada")
            await store.add(first, caps)
            await store.add(a_session(principal="bob"), caps)
            assert await refusing_cap(store, a_session(principal="ada"), caps) == "principal"
            await store.end(first.key)
            await store.add(a_session(principal="ada"), caps)

    async def test_sec_88_a_cap_counts_by_provider_and_name(self) -> None:
        """An issuer that names somebody `ada` uses up nothing of the local ada's."""
        caps = Caps(per_principal=1)
        theirs = a_session(principal="ada")
        theirs.provider = "issuer"
        async with self.opened() as store:
            await store.add(theirs, caps)
            ours = a_session(principal="ada")
            await store.add(ours, caps)
            assert await refusing_cap(store, a_session(principal="ada"), caps) == "principal"
            # Who becomes somebody at another provider is counted there.
            moved = a_session(principal="ada")
            moved.digest, moved.key, moved.provider = ours.digest, ours.key, "corp"
            assert await store.change(moved)
            assert await refusing_cap(store, a_session(principal="ada"), caps) == ""
            await store.end(theirs.key)
            again = a_session(principal="ada")
            again.provider = "issuer"
            assert await refusing_cap(store, again, caps) == ""
            async with self.reopened(store) as (second, _):
                if second is not None:
                    for provider in ("issuer", "corp", "local"):
                        one = a_session(principal="ada")
                        one.provider = provider
                        assert await refusing_cap(second, one, caps) == "principal", provider

    async def test_sec_15_expired_sessions_make_room(self) -> None:
        caps = Caps(total=1)
        async with self.opened() as store:
            await store.add(a_session(), caps)
            later = T0 + LIMITS.idle + timedelta(seconds=2)
            assert len(await store.expire(later, 10)) == 1
            await store.add(a_session(at=later), caps)
            assert await refusing_cap(store, a_session(at=later), caps) == "total"

    async def test_change_moves_facts_and_nothing_else(self) -> None:
        caps = Caps(per_principal=1)
        async with self.opened() as store:
            session = a_session(principal="ada")
            await store.add(session, caps)
            used = await store.use(session.digest, T0 + timedelta(minutes=1))
            assert used is not None
            stale = a_session(principal="bob")
            stale.digest, stale.key, stale.roles = session.digest, session.key, ("user",)
            assert await store.change(stale)
            found = await store.find(session.key, T0)
            assert found is not None
            assert (found.principal, found.roles) == ("bob", ("user",))
            assert (found.active_at, found.call_count) == (used.active_at, 1)
            # The caps count who it is now.
            assert await refusing_cap(store, a_session(principal="bob"), caps) == "principal"
            assert await refusing_cap(store, a_session(principal="ada"), caps) == ""
            await store.end(session.key)
            assert not await store.change(stale)
            assert await store.find(session.key, T0) is None


async def refusing_cap(store: Store, session: Session, caps: Caps) -> str:
    """Which cap refuses this session, "" for none."""
    try:
        await store.add(session, caps)
    except CapReached as full:
        return full.scope
    return ""
