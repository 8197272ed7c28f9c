"""A list of one user's sessions asks Redis for nobody else's."""

from collections.abc import AsyncIterator

import pytest

from sessiongate.store.redis import scripts
from sessiongate.store.redis.store import RedisStore
from sessiongate.store.search import SessionSearch, revision_of, searched
from sessiongate.testing import LIMITS, T0, a_session
from sessiongate.testing.sessions import NO_CAPS
from tests.peers.redis import Redis
from tests.store.redis.test_store import settings

pytestmark = pytest.mark.peer


@pytest.fixture
async def store(redis: Redis) -> AsyncIterator[RedisStore]:
    """With thirty sessions, of three users in turn."""
    made = RedisStore(settings(redis.url), LIMITS)
    await made.start()
    for number in range(30):
        await made.add(a_session(principal=f"user{number % 3}"), NO_CAPS)
    yield made
    await made.close()


async def test_those_of_one_name_are_found_and_no_others_are_asked_for(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    run = store._calls.run

    def counted(script: object, *given: object) -> object:
        asked.append(script)
        return run(script, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(store._calls, "run", counted)
    found = await searched(store, SessionSearch(name="user1"), T0)
    assert {one.principal for one in found.sessions} == {"user1"}
    assert (len(found.sessions), found.total) == (10, 10)
    assert asked.count(scripts.FIND) == 10
    assert (await searched(store, SessionSearch(name="nobody"), T0)).sessions == []
    assert len((await searched(store, SessionSearch(), T0)).sessions) == 30


async def test_nobody_knows_whether_a_list_is_as_it_was(store: RedisStore) -> None:
    assert revision_of(store) is None
