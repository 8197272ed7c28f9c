"""From settings to a client of Redis: single, by Sentinel, or a Cluster; with TLS or without.

The client's own retries are off: how often a call is sent, and how long anybody waits, is decided
by `pipeline` alone.
"""

from datetime import timedelta
from pathlib import Path
from ssl import TLSVersion
from typing import Any

import msgspec
from redis.asyncio import Connection, Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sessiongate.errors import StoreUnavailable
from sessiongate.files import read_named
from sessiongate.rules.store_url import RedisServers
from sessiongate.secret import Secret

Client = Redis | RedisCluster


class RedisSettings(msgspec.Struct, frozen=True):
    """How to reach Redis, and how we use it."""

    servers: RedisServers
    password: Secret | None = None
    sentinel_password: Secret | None = None
    certificate_authority: Path | None = None
    prefix: str = "sg"
    timeout: timedelta = timedelta(seconds=2)
    cache: bool = False


class RedisClients:
    """Makes clients, and lines to listen on. Each `open` is followed by one `close`."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._sentinels: tuple[Redis, ...] = ()
        self._listeners: list[Redis] = []

    @property
    def name(self) -> str:
        """The servers, as a person would look for them."""
        return str(self._settings.servers)

    def open(self) -> Client:
        """A client. Nothing is connected before it is asked something.

        Raises StoreUnavailable where the file of the authority cannot be read.
        """
        servers = self._settings.servers
        if servers.kind == "cluster":
            self._client = RedisCluster(
                startup_nodes=[ClusterNode(host, port) for host, port in servers.hosts],
                **self._options(),
            )
        elif servers.kind == "sentinel":
            asked: dict[str, Any] = {"retry": _never(), **self._patience(), **self._tls()}
            if self._settings.sentinel_password is not None:
                asked["password"] = self._settings.sentinel_password.reveal()
            sentinel = Sentinel(servers.hosts, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
            # Its own list loses one and has another twice, where two ask for the primary at once.
            self._sentinels = tuple(sentinel.sentinels)
            self._client = sentinel.master_for(servers.service, db=servers.db, **self._options())
        else:
            where: dict[str, Any] = {"unix_socket_path": servers.path}
            if not servers.path:
                where = {"host": servers.hosts[0][0], "port": servers.hosts[0][1]}
            self._client = Redis(db=servers.db, **where, **self._options())
        return self._client

    def lines(self) -> list[Connection]:
        """New lines to listen on, not yet connected: one to each primary.

        A script publishes on the server it runs on. Whoever listens there has heard of every end
        that came before an answer of the same server.
        """
        if isinstance(self._client, RedisCluster):
            self._listeners = [
                Redis(host=node.host, port=int(node.port), **self._options())
                for node in self._client.get_primaries()
            ]
        elif self._client is not None:
            self._listeners = [self._client]
        pools: list[Any] = [one.connection_pool for one in self._listeners]
        return [pool.make_connection() for pool in pools]

    async def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        sentinels, self._sentinels = self._sentinels, ()
        if client is not None:
            await client.aclose()
        for one in sentinels:
            await one.aclose()

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {"protocol": 2, "retry": _never(), **self._patience()}
        if settings.servers.username:
            options["username"] = settings.servers.username
        if settings.password is not None:
            options["password"] = settings.password.reveal()
        return options | self._tls()

    def _patience(self) -> dict[str, Any]:
        # Answers have no time limit of their own: one timer for a batch costs less than one per
        # answer.
        return {
            "socket_timeout": None,
            "socket_connect_timeout": self._settings.timeout.total_seconds(),
        }

    def _tls(self) -> dict[str, Any]:
        if not self._settings.servers.tls:
            return {}
        options: dict[str, Any] = {"ssl": True, "ssl_min_version": TLSVersion.TLSv1_2}
        if self._settings.certificate_authority is not None:
            options["ssl_ca_data"] = _certificates_in(self._settings.certificate_authority)
        return options


def _certificates_in(path: Path) -> str:
    # Read here, since the client would open the file itself, at each connection.
    try:
        return read_named(path).decode("ascii", "ignore")  # what is not ASCII is a comment
    except OSError as problem:
        raise StoreUnavailable(
            f"store.certificate_authority: {path} cannot be read: {problem.strerror}; name a PEM"
            " file of the authority behind the Redis' certificate"
        ) from None


def _never() -> Retry:
    return Retry(NoBackoff(), 0)
