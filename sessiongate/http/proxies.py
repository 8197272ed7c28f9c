"""What a trusted proxy says of its client: address, host asked for, TLS or not, and certificate.

Believed only from the configured networks, by default from nobody. From anyone else these headers
are a stranger's claim and change nothing.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Literal
from urllib.parse import unquote_to_bytes

import msgspec
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sessiongate.http.framing import is_host
from sessiongate.http.message import Handler, Hop, Reply, Request, nowait_of
from sessiongate.networks import read_address

Trusted = Sequence[IPv4Network | IPv6Network | Literal["unix"]]
"""Networks, and "unix" for whoever comes by a Unix socket."""


def is_trusted(trusted: Trusted, address: str) -> bool:
    """Whether an IP address is in one of the networks."""
    if not trusted or (found := read_address(address)) is None:
        return False
    return any(found in one for one in trusted if one != "unix")


def client_behind(trusted: Trusted, peer: str, headers: Iterable[tuple[str, str]]) -> str:
    """The last hop that is no trusted proxy; what stands before it is hearsay.

    `peer` is a trusted proxy, and who is told where it names nobody.
    """
    return _find_client(trusted, peer, headers)[0]


def _find_client(
    trusted: Trusted, peer: str, headers: Iterable[tuple[str, str]]
) -> tuple[str, str | None]:
    """The client, and the entry in its place that is no address, if there is one."""
    said = [value for name, value in headers if name == "x-forwarded-for"]
    client = peer
    for hop in reversed([hop.strip() for line in said for hop in line.split(",")]):
        found = read_address(hop)
        if found is None:
            return client, hop
        client = str(found)
        if not is_trusted(trusted, client):
            break
    return client, None


# The longest form of an IPv6 address with its zone's name; no peer's is longer.
_LONGEST_ADDRESS = 64

# How many proxies the log has a line about, and how much it shows of what they sent.
_MOST_LOGGED = 100
_SHOWN = 64

_log = structlog.get_logger("sessiongate")


class TrustedProxies:
    """A handler around another, which sees clients as the trusted proxies in front saw them."""

    def __init__(self, inner: Handler, trusted: Trusted, certificate_header: str | None) -> None:
        self._inner = inner
        self._inner_nowait = nowait_of(inner)
        self._trusted = trusted
        self._unix = "unix" in trusted
        self._kept = lru_cache(maxsize=1024)(self._is_trusted)
        self._header = certificate_header.lower() if certificate_header is not None else None
        self._logged: set[str] = set()

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with what the proxy says taken over where it may be."""
        peer = request.peer
        if not self._by_proxy(peer):
            return await self._inner(request)
        said = dict(request.headers)
        passed_on = msgspec.structs.replace(
            request,
            # Whoever is there is the proxy, and not its client.
            user=None,
            proxied=True,
            hop=Hop(peer, request.header("host") or ""),
            headers=_as_asked(request) if "x-forwarded-host" in said else request.headers,
            peer=self._client(request) if "x-forwarded-for" in said else peer,
            secure=request.secure or ("x-forwarded-proto" in said and _came_by_tls(request)),
            certificate=self._certificate(request) if self._header in said else None,
        )
        reply = await self._inner(passed_on)
        request.vouched = passed_on.vouched
        return reply

    def answer_nowait(self, request: Request) -> Reply | None:
        """As `message.NoWait`, for those who come by no trusted proxy."""
        if self._inner_nowait is None or self._by_proxy(request.peer):
            return None
        return self._inner_nowait(request)

    def _is_trusted(self, address: str) -> bool:
        return is_trusted(self._trusted, address)

    def _client(self, request: Request) -> str:
        """Who is behind a trusted proxy; where it says no address, the log says so once for it."""
        proxy = request.peer
        client, unread = _find_client(self._trusted, proxy, request.headers)
        if unread is not None and proxy not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add(proxy)
            _log.warning(
                "a proxy names a client by no address, and all such count as one client",
                proxy=proxy,
                counts_as=client,
                sent=unread[:_SHOWN].encode("ascii", "backslashreplace").decode("ascii"),
                way_out="have it put the client's address last in X-Forwarded-For",
            )
        return client

    def _by_proxy(self, peer: str) -> bool:
        if peer[:1] == "/":
            return self._unix
        return (self._kept if len(peer) <= _LONGEST_ADDRESS else self._is_trusted)(peer)

    def _certificate(self, request: Request) -> bytes | None:
        """The certificate in the configured header; a header given twice is believed not at all."""
        values = request.all(self._header) if self._header is not None else []
        if len(values) != 1:
            return None
        try:
            pem = unquote_to_bytes(values[0])
            return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        except ValueError:
            return None


def _as_asked(request: Request) -> list[tuple[str, str]]:
    """The headers with Host as the client sent it, where the proxy has put another in its place.

    A list is several hops' word, and none's here.
    """
    said = request.all("x-forwarded-host")
    if len(said) != 1 or not said[0] or "," in said[0] or not is_host(said[0]):
        return request.headers
    kept = [header for header in request.headers if header[0] != "host"]
    return [("host", said[0]), *kept]


def _came_by_tls(request: Request) -> bool:
    """Whether the client spoke TLS to the proxy. A list is several hops' word, and none's here."""
    said = request.all("x-forwarded-proto")
    return len(said) == 1 and said[0].lower() == "https"
