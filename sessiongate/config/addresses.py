"""How an address to listen at, a name of the server or a proxy is written. Pure.

As in `values`: each reader returns the value, or raises ValueError with the rule and the way out,
and never repeats what it was given.
"""

# ruff: noqa: TRY004 -- pydantic collects ValueError and lets TypeError through

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_HEADER = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_LISTEN_RULE = 'must be "IP:PORT", "[IPV6]:PORT" or "unix:PATH"'

# sun_path holds 108 bytes on Linux, the last one a zero.
LONGEST_SOCKET_PATH = 107


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: `host` and `port`, or a Unix socket's `path` (then host is "", port 0)."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen(value: object) -> Address:
    """Read `IP:PORT`, `localhost:PORT`, `[IPV6]:PORT` or `unix:PATH`. Port 0 is any free one."""
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{_LISTEN_RULE}; write it in quotes")
    text = value.strip()
    if text.startswith("unix:"):
        return _socket(text.removeprefix("unix:"))
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise ValueError(f'{_LISTEN_RULE}; "0.0.0.0:PORT" is every IPv4 address')
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise ValueError(f"{_LISTEN_RULE}; the port is a number from 0 (any free one) to 65535")
    return Address(host=_host(host), port=int(port))


def listen_or_off(value: object) -> Address | None:
    """Read where to listen, or `off` for nowhere."""
    if isinstance(value, str) and value.strip().lower() == "off":
        return None
    try:
        return listen(value)
    except ValueError as problem:
        raise ValueError(f'{problem}; "off" does without') from None


def public_name(value: object) -> str:
    """Read a DNS name (one leading `*.` allowed) or an IP address for the certificate."""
    text = value.strip().lower() if isinstance(value, str) else ""
    try:
        return str(ip_address(text))
    except ValueError:
        if _HOST.fullmatch(text.removeprefix("*.")):
            return text
    raise ValueError('must be a DNS name (in its "xn--" form if need be) or an IP address')


def host_header(value: object) -> str:
    """Read a name or address with or without a port, as a Host header has it, in small letters."""
    text = value.strip().lower() if isinstance(value, str) else ""
    found = _HOST_HEADER.fullmatch(text)
    if found is not None and (found[2] is None or 0 < int(found[2]) <= 65535):
        host = found[1]
        if _HOST.fullmatch(host) or _address(host):
            name = f"[{ip_address(host[1:-1])}]" if host.startswith("[") else host
            return f"{name}:{int(found[2])}" if found[2] else name
    raise ValueError(
        'must be what clients put into Host: a name or an address ("vc1.example", "[2001:db8::1]"),'
        ' or one with its port ("vc1.example:9669")'
    )


def without_port(host: str) -> str:
    """The name or address in such a Host, without brackets."""
    found = _HOST_HEADER.fullmatch(host)
    return found[1].strip("[]") if found is not None else host


Proxy = IPv4Network | IPv6Network | Literal["unix"]


def proxy(value: object) -> Proxy:
    """Read an address, a network of addresses that is not everybody's, or "unix"."""
    if isinstance(value, str) and value.strip() == "unix":
        return "unix"
    try:
        found = ip_network(value.strip() if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise ValueError(
            'must be an address, a network or unix: "10.0.0.5", "10.0.0.0/24", "unix"'
        ) from None
    if found.prefixlen == 0:
        raise ValueError("must not hold every address: anybody could then claim to be anybody")
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    return host == "localhost" or ip_address(host).is_loopback


def repeated(addresses: Iterable[Address]) -> list[int]:
    """Say which entries (counted from 1) repeat an earlier one. Port 0 never collides."""
    seen: set[Address] = set()
    again: list[int] = []
    for position, address in enumerate(addresses, 1):
        if address in seen and (address.path or address.port):
            again.append(position)
        seen.add(address)
    return again


def _address(text: str) -> bool:
    bracketed = text.startswith("[") and text.endswith("]")
    try:
        return (ip_address(text[1:-1] if bracketed else text).version == 6) == bracketed
    except ValueError:
        return False


def _socket(path: str) -> Address:
    if not path or "\0" in path:
        raise ValueError(f"{_LISTEN_RULE}; a socket needs a path")
    if len(path.encode("utf-8", "surrogatepass")) > LONGEST_SOCKET_PATH:
        raise ValueError(
            f"is a socket path longer than {LONGEST_SOCKET_PATH} bytes; choose a shorter one"
        )
    return Address(path=path)


def _host(text: str) -> str:
    bracketed = text.startswith("[") and text.endswith("]")
    bare = text[1:-1] if bracketed else text
    try:
        address = ip_address(bare)
    except ValueError:
        # What another name stands for is another thing tomorrow, and may be several addresses.
        if not bracketed and bare.lower() == "localhost":
            return "localhost"
        raise ValueError(f"{_LISTEN_RULE}; the host is an IP address or localhost") from None
    if bracketed != (address.version == 6):
        raise ValueError(f"{_LISTEN_RULE}; an IPv6 address, and nothing else, goes in [brackets]")
    return str(address)
