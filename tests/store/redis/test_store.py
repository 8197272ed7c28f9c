"""The Redis store keeps the promises of every store: on one server, on a Cluster, on Valkey."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from sessiongate.rules.store_url import parse_redis
from sessiongate.session import Limits
from sessiongate.store.port import Store
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import (
    LIMITS,
    ClientBookContract,
    GenerationContract,
    LeaseContract,
    LeaseUserContract,
    ManagerTokenContract,
    NoteContract,
    NoticeContract,
    StoreContract,
    TicketContract,
)
from tests.peers.redis import Cluster, Redis

pytestmark = pytest.mark.peer

_prefixes = count(1)


def settings(url: str, prefix: str = "", **more: Any) -> RedisSettings:
    """Settings of a store of its own on servers that others use too."""
    prefix = prefix or f"sg{next(_prefixes)}"
    patience = timedelta(seconds=10)
    return RedisSettings(parse_redis(url), prefix=prefix, **{"timeout": patience, **more})


class OnOne:
    """On one server."""

    cache = False
    url = ""

    @pytest.fixture(autouse=True)
    def server(self, redis: Redis) -> None:
        self.url = redis.url
        self.made: dict[int, RedisSettings] = {}

    async def make(self, limits: Limits) -> Store:
        own = settings(self.url, cache=self.cache)
        store = RedisStore(own, limits)
        self.made[id(store)] = own
        return store

    async def again(self, store: Store) -> Store | None:
        return RedisStore(self.made[id(store)], LIMITS)


class OnOneCached(OnOne):
    cache = True


class OnThree(OnOne):
    """On a Cluster."""

    @pytest.fixture(autouse=True)
    def server(self, cluster: Cluster) -> None:
        self.url = cluster.url
        self.made = {}


class OnThreeCached(OnThree):
    cache = True


class OnValkey(OnOne):
    """On one Valkey."""

    @pytest.fixture(autouse=True)
    def server(self, valkey: Redis) -> None:
        self.url = valkey.url
        self.made = {}


class OnValkeyCached(OnValkey):
    cache = True


class TestSessions(OnOne, StoreContract):
    pass


class TestTickets(OnOne, TicketContract):
    pass


class TestGenerations(OnOne, GenerationContract):
    pass


class TestNotice(OnOne, NoticeContract):
    pass


class TestLeases(OnOne, LeaseContract):
    pass


class TestLeaseUsers(OnOne, LeaseUserContract):
    pass


class TestManagerTokens(OnOne, ManagerTokenContract):
    pass


class TestClientBooks(OnOne, ClientBookContract):
    pass


class TestNotes(OnOne, NoteContract):
    pass


class TestCachedSessions(OnOneCached, StoreContract):
    pass


class TestCachedTickets(OnOneCached, TicketContract):
    pass


class TestClusterSessions(OnThree, StoreContract):
    pass


class TestClusterTickets(OnThree, TicketContract):
    pass


class TestClusterGenerations(OnThree, GenerationContract):
    pass


class TestClusterNotice(OnThree, NoticeContract):
    pass


class TestClusterLeases(OnThree, LeaseContract):
    pass


class TestClusterLeaseUsers(OnThree, LeaseUserContract):
    pass


class TestClusterManagerTokens(OnThree, ManagerTokenContract):
    pass


class TestClusterClientBooks(OnThree, ClientBookContract):
    pass


class TestClusterNotes(OnThree, NoteContract):
    pass


class TestCachedClusterSessions(OnThreeCached, StoreContract):
    pass


class TestValkeySessions(OnValkey, StoreContract):
    pass


class TestValkeyTickets(OnValkey, TicketContract):
    pass


class TestValkeyGenerations(OnValkey, GenerationContract):
    pass


class TestValkeyNotice(OnValkey, NoticeContract):
    pass


class TestCachedValkeySessions(OnValkeyCached, StoreContract):
    pass


class TestValkeyLeases(OnValkey, LeaseContract):
    pass


class TestValkeyLeaseUsers(OnValkey, LeaseUserContract):
    pass


class TestValkeyManagerTokens(OnValkey, ManagerTokenContract):
    pass


class TestValkeyClientBooks(OnValkey, ClientBookContract):
    pass
