"""HTTP to one upstream: bounded in time and size, and no cleverer than that.

No redirects, cookies, retries or decompression, and no proxy but one that the settings name. All
that can go wrong comes out as UpstreamUnavailable, whose sentence holds nothing of the request or
of the answer: either may hold a secret.

Which certificate is believed, `sessiongate.tls.trust` says.
"""

import asyncio
import ssl
from datetime import timedelta

import aiohttp

from sessiongate.errors import UpstreamUnavailable
from sessiongate.tls.trust import Trust
from sessiongate.upstream.shown_certificate import why_untrusted
from sessiongate.wire.http import Answer, Ask

TIMEOUT = timedelta(seconds=10)
"""From the first look-up of the name to the last byte of the answer."""

LARGEST_BODY = 256 * 1024
"""A UserSession has less than a kilobyte; faults of real servers, a few."""

# Servers close unused connections after 60 seconds and more. Well below that, a call never meets a
# connection that is just being closed; and one login's two calls share a handshake.
_KEEP_ALIVE = 5.0

# One call each: more than the most checks at once that a provider lets through.
_CONNECTIONS = 100

_CHUNK = 16 * 1024

_UNVERIFIED = ssl.SSLCertVerificationError("certificate verify failed")


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
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Get ready to call. Calls nobody yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._context, limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": "sessiongate", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, ask: Ask) -> Answer:
        """Send it, once, and read the whole answer. Raises UpstreamUnavailable."""
        return await self._call("POST", ask)

    async def get(self, path: str) -> Answer:
        """Ask for what is at this path, and read it whole. Raises UpstreamUnavailable.

        To ask again does no harm: where the connection breaks, aiohttp does so once.
        """
        return await self._call("GET", Ask(path, (("accept", "application/json"),), b""))

    async def _call(self, verb: str, ask: Ask) -> Answer:
        session = self._session
        if session is None or session.closed:
            raise UpstreamUnavailable("closed")
        # `from None` throughout: the causes hold the request, with its password or token.
        try:
            async with session.request(
                verb,
                f"{self._url}{ask.path}",
                data=ask.body if verb == "POST" else None,
                headers=ask.headers,
                allow_redirects=False,
                proxy=self._proxy,
            ) as response:
                body = await self._body(response)
                headers = tuple((name.lower(), value) for name, value in response.headers.items())
                return Answer(response.status, headers, body)
        except TimeoutError:
            raise UpstreamUnavailable(f"no whole answer within {self._timeout:g} seconds") from None
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as error:
            raise UpstreamUnavailable(await self._untrusted(error)) from None
        except (aiohttp.ClientSSLError, ssl.SSLError):
            raise UpstreamUnavailable("no TLS with it") from None
        except aiohttp.ClientConnectorError:
            raise UpstreamUnavailable("no connection to it") from None
        except (aiohttp.ClientError, asyncio.IncompleteReadError, OSError, ValueError):
            raise UpstreamUnavailable("the connection or its answer broke") from None

    async def _untrusted(
        self, error: aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError
    ) -> str:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            cause = error.certificate_error
            error = cause if isinstance(cause, ssl.SSLCertVerificationError) else _UNVERIFIED
        return await why_untrusted(
            error, self._trust, self._url, self._proxy, self._table, self._timeout
        )

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > self._largest:
                response.close()
                raise UpstreamUnavailable(f"an answer of more than {self._largest} bytes")
            chunks.append(chunk)
        return b"".join(chunks)
