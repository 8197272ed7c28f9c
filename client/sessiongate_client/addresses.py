"""Addresses of servers: which are taken, and when two are of the same server. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80}


def base_of(url: str) -> str:
    """The address of the server, without a path. Raises ValueError for one that is none of ours.

    `http:` is for this machine alone: elsewhere anybody on the way could read the password.
    """
    where = urlsplit(url)
    host = where.hostname or ""
    if where.scheme not in _PORTS or not host:
        raise ValueError("url: must begin with https:// and name a host")
    if where.username is not None or where.query or where.fragment:
        raise ValueError("url: must have no user, query or fragment")
    if where.scheme == "http" and not _is_here(host):
        raise ValueError("url: must be https:// but for a server on this machine")
    if where.path.rstrip("/") not in ("", "/sdk"):
        raise ValueError("url: must be the server's address, without a path")
    _ = where.port  # raises ValueError for one that is no port
    return f"{where.scheme}://{where.netloc}"


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def same_server(url: str, base: str) -> bool:
    """Whether both are of the same scheme, host and port."""
    return _origin(url) == _origin(base)


def _origin(url: str) -> tuple[str, str, int]:
    where = urlsplit(url)
    try:
        port = where.port or _PORTS.get(where.scheme, 0)
    except ValueError:
        port = 0
    return where.scheme.lower(), (where.hostname or "").lower(), port
