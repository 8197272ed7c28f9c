"""HTTP by aiohttp, for `sessiongate.upstream.http`, which loads this when somebody is called.

All that can go wrong comes out as UpstreamUnavailable, whose sentence holds nothing of the request
or of the answer.
"""

import asyncio
import ssl

import aiohttp

from sessiongate.errors import UpstreamUnavailable
from sessiongate.tls.trust import Trust
from sessiongate.upstream.shown_certificate import why_untrusted
from sessiongate.wire.http import Answer, Ask

# Servers close unused connections after 60 seconds and more. Well below that, a call never meets a
# connection that is just being closed; and one login's two calls share a handshake.
_KEEP_ALIVE = 5.0

# One call each: more than the most checks at once that a provider lets through.
_CONNECTIONS = 100

_CHUNK = 16 * 1024

_UNVERIFIED = ssl.SSLCertVerificationError("certificate verify failed")


class HttpClient:
    """Calls one server, from the event loop that it is made on."""

    def __init__(
        self,
        url: str,
        trust: Trust,
        context: ssl.SSLContext,
        *,
        timeout: float,
        largest_body: int,
        proxy: str | None,
        table: str,
    ) -> None:
        """`timeout` is in seconds; all else is as `HttpUpstream` has it."""
        self._url, self._trust, self._table, self._proxy = url, trust, table, proxy
        self._timeout, self._largest = timeout, largest_body
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context, limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout),
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": "sessiongate", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close connections."""
        await self._session.close()

    async def call(self, verb: str, ask: Ask) -> Answer:
        """Send it, once, and read the whole answer. Raises UpstreamUnavailable."""
        session = self._session
        if session.closed:
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
