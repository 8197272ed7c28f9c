"""The Redis store keeps the promises of every store: on one server, on a Cluster, on Valkey."""

from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Connection

from sessiongate.app.in_process import running
from sessiongate.app.supplied import Supplied
from sessiongate.config import load
from sessiongate.http.message import Handler, Request
from sessiongate.http.router import Routes
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user
from sessiongate.rules.store_url import parse_redis
from sessiongate.secret import Secret
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
from sessiongate.testing.users import CHEAP
from tests.basic import basic
from tests.http.wires import turn
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


# Trips

PASSWORD = "correct horse battery staple"

# Turns of the loop in which whatever waits for no answer is asked, too.
_AT_REST = 20

# Some of them meet a line that is opened, or the sweep, which ask besides.
_LOGINS = 6


class Trips:
    """Holds back what is sent until the loop is at rest; counts what was sent after an answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        unanswered: set[Connection] = set()
        send, read = Connection.send_packed_command, Connection.read_response

        async def held(line: Connection, *command: Any, **how: Any) -> None:
            self.count += not unanswered
            unanswered.add(line)
            for _ in range(_AT_REST):
                await turn()
            await send(line, *command, **how)

        async def answered(line: Connection, *how: Any, **more: Any) -> Any:
            try:
                return await read(line, *how, **more)
            finally:
                unanswered.discard(line)

        monkeypatch.setattr(Connection, "send_packed_command", held)
        monkeypatch.setattr(Connection, "read_response", answered)


async def test_a_login_waits_for_two_trips(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the name is locked; then place, session and audit event together."""
    handlers: list[Handler] = []

    def around(handler: Handler, _: Routes) -> Handler:
        handlers.append(handler)
        return handler

    own = {"server.data_dir": tmp_path, "server.listen": ["127.0.0.1:0"], "server.plain_http": True}
    shared = {"store.url": url, "store.prefix": "trips", "admin.listen": "off"}
    config = load(None, {}, {**own, **shared, "console.listen": "off"})
    hasher = PasswordHasher(1, **CHEAP)
    add_user(
        tmp_path / "users.toml",
        "ada",
        Secret(PASSWORD),
        "administrator",
        hasher=hasher,
        roles=("administrator",),
    )
    headers = [("host", "x"), ("authorization", basic("ada", PASSWORD))]
    async with running(config, supplied=Supplied(hasher=hasher, around=around)):

        async def log_in() -> int:
            asked = Request("POST", "/api/session", "", headers, b"", "127.0.0.1", secure=True)
            return (await handlers[0](asked)).status

        assert await log_in() == 201  # the password is verified, and the scripts become known
        trips = Trips(monkeypatch)
        counts = []
        for _ in range(_LOGINS):
            trips.count = 0
            assert await log_in() == 201
            counts.append(trips.count)
        monkeypatch.undo()
    assert min(counts) == 2
