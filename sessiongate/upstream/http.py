"""HTTP to one upstream: bounded in time and size, and no cleverer than that.

No redirects, cookies, retries or decompression, and no proxy but one that the settings name. All
that can go wrong comes out as UpstreamUnavailable, whose sentence holds nothing of the request or
of the answer: either may hold a secret.

Which certificate is believed, `sessiongate.tls.trust` says.
"""

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from sessiongate.errors import UpstreamUnavailable
from sessiongate.tls.trust import Trust
from sessiongate.wire.http import Answer, Ask

if TYPE_CHECKING:
    from sessiongate.upstream.http_client import HttpClient

TIMEOUT = timedelta(seconds=10)
"""From the first look-up of the name to the last byte of the answer."""

LARGEST_BODY = 256 * 1024
"""A UserSession has less than a kilobyte; faults of real servers, a few."""


class HttpUpstream:
    """Calls one server. `url` is `https://host[:port]`, without a path."""

    def __init__(
        self,
        url: str,
        trust: Trust,
        *,
        timeout: timedelta = TIMEOUT,
        largest_body: int = LARGEST_BODY,
        proxy: str | None = None,
        table: str = "",
    ) -> None:
        """`table` is that of the settings which says whom to believe; "" for a caller who says."""
        self._table = table
        self._trust = trust
        self._url = url.rstrip("/")
        self._context = trust.context()
        self._timeout = timeout.total_seconds()
        self._largest = largest_body
        self._proxy = proxy
        self._client: HttpClient | None = None

    async def start(self) -> None:
        """Prepare to call. Connects to nothing yet."""
        # Importing it takes a tenth of a server's start, and most call nobody.
        http_client = import_module("sessiongate.upstream.http_client")
        self._client = http_client.HttpClient(
            self._url,
            self._trust,
            self._context,
            timeout=self._timeout,
            largest_body=self._largest,
            proxy=self._proxy,
            table=self._table,
        )

    async def close(self) -> None:
        """Close connections. Idempotent."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def post(self, ask: Ask) -> Answer:
        """Send it, once, and read the whole answer. Raises UpstreamUnavailable."""
        return await self._call("POST", ask)

    async def get(self, path: str) -> Answer:
        """Ask for what is at this path, and read it whole. Raises UpstreamUnavailable.

        To ask again does no harm: where the connection breaks, aiohttp does so once.
        """
        return await self._call("GET", Ask(path, (("accept", "application/json"),), b""))

    async def _call(self, verb: str, ask: Ask) -> Answer:
        if self._client is None:
            raise UpstreamUnavailable("closed")
        return await self._client.call(verb, ask)
