"""What every store promises about the record of a session."""

import asyncio
from datetime import timedelta

from sessiongate.testing.clock import T0
from sessiongate.testing.sessions import LIMITS, NO_CAPS, a_session, digest_of, everyone
from sessiongate.testing.stores.contract import Contract


class RecordContract(Contract):
    """A session is found, touched, changed and listed."""

    async def test_a_session_is_found_by_digest_and_by_key(self) -> None:
        async with self.opened() as store:
            session = a_session("secret")
            await store.add(session, NO_CAPS)
            found = await store.find(session.key, T0)
            assert found == session
            used = await store.use(digest_of("secret"), T0)
            assert used is not None
            assert used.key == session.key
            assert used.roles == ("operator", "auditor")
            assert await store.use(digest_of("another"), T0) is None
            assert await store.find("no such key", T0) is None

    async def test_a_key_is_no_credential(self) -> None:
        async with self.opened() as store:
            session = a_session()
            await store.add(session, NO_CAPS)
            assert await store.use(digest_of(session.key), T0) is None

    async def test_use_touches_and_find_does_not(self) -> None:
        async with self.opened() as store:
            session = a_session("secret")
            await store.add(session, NO_CAPS)
            later = T0 + timedelta(minutes=5)
            await store.use(session.digest, later)
            await store.use(session.digest, later - timedelta(minutes=1))
            found = await store.find(session.key, later)
            assert found is not None
            assert (found.active_at, found.call_count, found.login_at) == (later, 2, T0)

    async def test_sec_07_75_a_session_is_looked_at_without_touching_it(self) -> None:
        async with self.opened() as store:
            session = a_session("secret")
            await store.add(session, NO_CAPS)
            later = T0 + timedelta(minutes=5)
            seen = await store.peek(session.digest, later)
            assert seen is not None
            assert (seen.key, seen.principal) == (session.key, session.principal)
            assert await store.peek(digest_of("another"), later) is None
            assert await store.peek(digest_of(session.key), later) is None
            found = await store.find(session.key, later)
            assert found is not None
            assert (found.active_at, found.call_count) == (T0, 0)
            other = a_session("other")
            await store.add(other, NO_CAPS)
            await store.end(other.key)
            assert await store.peek(other.digest, later) is None
            assert await store.peek(session.digest, T0 + LIMITS.idle) is None

    async def test_what_is_handed_out_may_be_changed_at_will(self) -> None:
        async with self.opened() as store:
            session = a_session()
            await store.add(session, NO_CAPS)
            used = await store.use(session.digest, T0)
            assert used is not None
            kept = used.locale
            used.locale = session.locale = "de_DE"
            assert await store.change(used)
            found = await store.find(session.key, T0)
            assert found is not None
            assert kept == "en_US"
            assert found.locale == "de_DE"

    async def test_strings_come_back_as_they_went_in(self) -> None:
        odd = "Ünï\u4e2d\x00\"\ud800'); DROP TABLE session; --"
        async with self.opened() as store:
            session = a_session()
            session.user_agent = session.full_name = session.upstream = odd
            session.roles = (odd, "")
            await store.add(session, NO_CAPS)
            assert await store.find(session.key, T0) == session
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert await second.find(session.key, T0) == session

    async def test_the_upstream_that_a_session_is_for_stays_with_it(self) -> None:
        async with self.opened() as store:
            none, one, other = a_session(), a_session(), a_session()
            one.upstream, other.upstream = "vc1", "vc@2"
            for session in (none, one, other):
                await store.add(session, NO_CAPS)
            other.locale = "de"
            assert await store.change(other)
            for session in (none, one, other):
                assert await store.find(session.key, T0) == session
            async with self.reopened(store) as (second, _):
                for session in (none, one, other):
                    if second is not None:
                        assert await second.find(session.key, T0) == session

    async def test_list_bears_with_change(self) -> None:
        async with self.opened() as store:
            sessions = [a_session() for _ in range(300)]
            await asyncio.gather(*(store.add(one, NO_CAPS) for one in sessions))
            listed: set[str] = set()
            async for session in store.list(T0):
                listed.add(session.key)
                if len(listed) == 1:
                    rest = [one for one in sessions if one.key != session.key]
                    await asyncio.gather(
                        *(store.end(one.key) for one in rest[:100]),
                        *(store.add(a_session(), NO_CAPS) for _ in range(100)),
                    )
            assert {one.key for one in rest[100:]} <= listed
            assert len(await everyone(store, T0)) == 300
