"""Which addresses are one caller, wherever callers are counted; and which Hosts are one."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*?)\.*(?::([0-9]{0,5}))?")
_HIGHEST_PORT = 65535
_LONGEST_HOST = 300
"""Characters. A name has up to 253 (RFC 1035, section 2.3.4)."""


def canonical_host(host: str) -> tuple[str, int]:
    """Name and port of a Host as all its spellings have them, 0 for no port.

    Without dots at the end of the name, in small letters, and an IPv6 address in brackets in its
    short form. What is none stays as it is, so that it equals no Host.
    """
    return host_and_port(host) or (host.strip().lower(), 0)


def host_and_port(host: str) -> tuple[str, int] | None:
    """Name and port as `canonical_host` has them; None for what is no Host.

    That is for judges of a Host: what is none equals no name, and so fits no rule for one.
    """
    return _parted(host) if len(host) <= _LONGEST_HOST else None


@lru_cache(maxsize=256)  # each request has one, and nearly all the same
def _parted(host: str) -> tuple[str, int] | None:
    found = _HOST.fullmatch(host.strip().lower())
    port = int(found[2] or 0) if found is not None else 0
    if found is None or port > _HIGHEST_PORT:
        return None
    name = found[1]
    if name.startswith("["):
        try:
            name = f"[{IPv6Address(name[1:-1])}]"
        except ValueError:
            return None
    return name, port


_WITH_PORT = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::([0-9]{1,5}))?")

# The longest form of an IPv6 address with its zone's name, and brackets and a port around it.
_LONGEST_ADDRESS = 72


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address in this text in the form that all its spellings share; None where it is none.

    A port may follow: `192.0.2.7:80`, `[2001:db8::1]:80`. IPv4 written as IPv6 is IPv4, and the
    zone of an address is no part of it.
    """
    return _address_in(text) if len(text) <= _LONGEST_ADDRESS else None


@lru_cache(maxsize=1024)  # the same proxies and clients all day, and reading one takes 4 µs
def _address_in(text: str) -> IPv4Address | IPv6Address | None:
    found = _WITH_PORT.fullmatch(text)
    bracketed = found is not None and found[1] is not None
    if found is not None:
        if int(found[3] or 0) > _HIGHEST_PORT:
            return None
        text = found[1] if bracketed else found[2]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return None if bracketed else address
    return address.ipv4_mapped or IPv6Address(int(address))


# How much of an IPv6 address names the host that guesses. A host owns the 2**64 addresses of its
# network (RFC 4291, section 2.5.1) and would have guesses with each of them.
_IPV6_HOST_BITS = 64


@lru_cache(maxsize=1024)  # the same few addresses log in all day, and reading one takes 4 µs
def network_of(address: str) -> str:
    """What stands for an address when its tries are counted: an IPv6 host is its /64 network.

    A text that is no IP address (the name of a Unix socket) stands for itself.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), _IPV6_HOST_BITS), strict=False))


# What strangers of one neighbourhood share while they wait: a subscriber, a hosting firm or an
# office rarely has more than this to itself (RFC 6177 for IPv6).
_WIDER_IPV4_BITS, _WIDER_IPV6_BITS = 24, 48


@lru_cache(maxsize=1024)
def wider_network_of(address: str) -> str:
    """The network around an address: /24 of IPv4, /48 of IPv6; a text that is none is its own."""
    try:
        parsed = ip_network(network_of(address)).network_address
    except ValueError:
        return address
    bits = _WIDER_IPV6_BITS if isinstance(parsed, IPv6Address) else _WIDER_IPV4_BITS
    return str(ip_network(f"{parsed}/{bits}", strict=False))
