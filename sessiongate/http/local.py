"""Whether a caller is on the server's own host, and which user of it: only what can be proved.

An address of the loopback range proves nothing once somebody stands in between: behind a proxy on
the same host everybody has it. So whatever came through a trusted proxy, or says that it came
through any, is not local. On a Unix socket the kernel knows who has connected.
"""

import socket
import struct
from functools import lru_cache
from ipaddress import ip_address

from sessiongate.http.message import Request

# The kernel's `struct ucred`: process, user, group.
_CREDENTIALS = struct.Struct("3i")

# What proxies, balancers and CDNs say of whom they pass on. Who adds one by himself only loses.
# A name with a word for an address is one of them, whoever made it up: `Proxy-Client-IP`,
# `WL-Proxy-Client-IP`, `Fly-Client-IP`, `X-AppEngine-User-IP`, `CloudFront-Viewer-Address`.
_WORDS = frozenset(
    {
        "addr",
        "address",
        "clientip",
        "forwarded",
        "forwarder",
        "forwarding",
        "ip",
        "ipaddress",
        "ips",
        "proxied",
        "proxy",
        "realip",
        "remoteip",
        "userip",
        "via",
    }
)
# Others by which they are known, though no address is in them.
_OTHERS = frozenset({"cdn-loop", "x-arr-log-id", "x-amzn-trace-id", "x-coming-from", "x-scheme"})
_BEGINNINGS = (
    "akamai-",
    "cf-",
    "cloudfront-",
    "fastly-",
    "fly-",
    "incap-",
    "x-amz-cf-",
    "x-appengine-",
    "x-azure-",
    "x-envoy-",
    "x-forwarded",
    "x-haproxy-",
    "x-original-",
    "x-originating-",
    "x-proxy",
    "x-vercel-",
)


def is_local(request: Request) -> bool:
    """Whether the caller is proved to be on the server's own host."""
    if request.proxied or any(_has_proxy_headers(name) for name, _ in request.headers):
        return False
    return request.user is not None or _is_loopback(request.peer)


# Both are asked at each login, nearly always of what was asked a moment ago.
@lru_cache(maxsize=1024)
def _is_loopback(peer: str) -> bool:
    try:
        return ip_address(peer).is_loopback
    except ValueError:  # a Unix socket on a system that does not say who is there
        return False


@lru_cache(maxsize=128)
def _has_proxy_headers(name: str) -> bool:
    words = name.replace("_", "-").split("-")
    return name in _OTHERS or name.startswith(_BEGINNINGS) or not _WORDS.isdisjoint(words)


def user_of(opened: socket.socket) -> int | None:
    """The number of the user at the other end of a Unix socket, where the system says it.

    Of a client's socket that is the user who listens there.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    try:
        _, user, _ = _CREDENTIALS.unpack(
            opened.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
        )
    except OSError:  # it has gone already
        return None
    return int(user)
