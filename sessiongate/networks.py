"""Which addresses are one caller, wherever callers are counted."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

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
