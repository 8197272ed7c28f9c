"""Which files and consoles of an upstream are forwarded: addresses, methods, and headers.

What is judged here is what is sent on, letter by letter. So an address that two servers could read
in two ways is refused, and never put right.
"""

import re
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec

from sessiongate.errors import Malformed
from sessiongate.networks import canonical_host, host_and_port
from sessiongate.rules.relay_rest import is_below

READING = frozenset({"GET", "HEAD"})
UPLOADS = frozenset({"PUT", "POST"})
"""Methods whose body is handed on as it comes."""


class Family(msgspec.Struct, frozen=True):
    """Addresses that are forwarded alike."""

    name: str
    """For logs, metrics and audit: what stands behind it may be a secret."""
    paths: tuple[str, ...]
    """Whole ones, and prefixes that end in `/`."""
    methods: frozenset[str]
    by_ticket: bool = False
    """The address itself opens it, as the upstream has made it: no session is needed here."""
    needs: tuple[str, ...] = ()
    """Members of its query without which it is not one."""


FAMILIES = (
    Family("folder", ("/folder", "/folder/"), READING | UPLOADS | {"DELETE"}),
    Family("screen", ("/screen",), READING),
    Family("nfc", ("/nfc/",), READING | UPLOADS, by_ticket=True),
    Family("guestFile", ("/guestFile",), READING | UPLOADS, by_ticket=True, needs=("id", "token")),
    Family("cls", ("/cls/data/",), READING | UPLOADS, by_ticket=True),
)
"""The closed list."""

# What goes on of a request's head: what it asks of the file, and nothing that says who asks.
_ASKED = frozenset(
    {
        *("accept", "content-type", "content-encoding", "content-range", "range", "if-range"),
        *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"),
    }
)
# What comes back: what the file is.
_TOLD = frozenset(
    {
        *("content-type", "content-encoding", "content-disposition", "content-range"),
        *("accept-ranges", "etag", "last-modified"),
    }
)

# RFC 3986, 3.3, without `;`: what follows it some servers cut off, and some do not.
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-Fa-f]{2})+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
# Escapes that hide a separator or a control character; and letters that need none.
_HIDING = frozenset(map(ord, "/\\\x7f")) | frozenset(range(32))
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_STEPS = re.compile(r"\.{1,2}(?:;.*)?")

_URL = re.compile(
    r"((?i:https?))://((?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?)"
    r"(/[^?#\s]*)(?:\?([!-~]*))?"
)
_VISIBLE = re.compile(r"[!-~]+")
_PORTS = {"https": 443, "http": 80}


def family_of(path: str) -> Family | None:
    """The family of a path as it stands in the request line; None for what is not forwarded."""
    for family in FAMILIES:
        for one in family.paths:
            if path.startswith(one) if one.endswith("/") else path == one:
                return family
    return None


def require_plain(family: Family, path: str, query: str) -> None:
    """Raise Malformed for an address that not everybody reads in the same way."""
    if _PATH.fullmatch(path) is None:
        raise Malformed("a path with characters that are none of a path")
    codes = [int(code, 16) for code in _ESCAPE.findall(path)]
    if any(code in _HIDING or code in _PLAIN for code in codes):
        raise Malformed("a path with an escape in the place of a letter or a separator")
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), path)
    if _ESCAPE.search(plain) is not None:
        raise Malformed("a path that is escaped twice")
    segments = plain.split("/")[1:]
    if not all(segments[:-1]) or any(_STEPS.fullmatch(one) for one in segments):
        raise Malformed("a path with an empty segment or a dot segment")
    given = {member.partition("=")[0] for member in query.split("&") if not member.endswith("=")}
    if not given.issuperset(family.needs):
        raise Malformed("an address without its ticket")


def request_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers of a request that are sent on."""
    return tuple(header for header in headers if header[0] in _ASKED)


def reply_headers(
    headers: Iterable[tuple[str, str]],
    upstream: str,
    hosts: Collection[str] = (),
    *,
    leaves: bool = False,
) -> tuple[tuple[str, str], ...]:
    """The headers of a reply that the client gets. `upstream` is `https://host[:port]`.

    `hosts` are those by which clients call us, and at `leaves` the files of other hosts may be
    pointed to. A `location` that leads anywhere else is left out.
    """
    kept = [header for header in headers if header[0] in _TOLD]
    for name, value in headers:
        if name == "location" and (place := _place(value, upstream, hosts, leaves=leaves)):
            kept.append((name, place))
    return tuple(kept)


def leads_to(location: str) -> str:
    """The host that a reply points to, for logs; "?" for what is no address of the web."""
    found = _URL.fullmatch(location)
    return canonical_host(found[2])[0] if found is not None else "?"


def _place(location: str, upstream: str, hosts: Collection[str], *, leaves: bool) -> str:
    """Where a reply points, as seen from the client: at the upstream's own address, that is here.

    "" for where no client is to be led. That is so for each letter that no address has: browsers
    drop tabs and line ends before they read one, so that `/<tab>/host` leads to that host.
    """
    if _VISIBLE.fullmatch(location) is None:
        return ""
    if location.startswith("/"):
        return "" if location[1:2] in ("/", "\\") else location
    found = _URL.fullmatch(location)
    if found is None:
        return ""
    scheme, host = found[1].lower(), found[2]
    theirs, _, there = upstream.partition("://")
    if scheme == theirs and _host_of(host, scheme) == _host_of(there, scheme):
        return _place(location[found.end(2) :], upstream, hosts, leaves=leaves)
    name, port = _host_of(host, scheme)
    if scheme == "https" and not {name, f"{name}:{port}"}.isdisjoint(hosts):
        return location
    return location if leaves and is_of_files("GET", location, upstream, (), ()) else ""


def is_of_files(
    method: str, url: str, upstream: str, denied: Collection[str], own_names: Collection[str]
) -> bool:
    """Whether a request by HTTP is one for files, as they are forwarded: there, or at a host's
    `/folder`, and never at this machine.

    `upstream` is its URL without a path, `own_names` those of this machine.
    """
    found = _URL.fullmatch(url)
    if found is None or "#" in (found[4] or "") or host_and_port(found[2]) is None:
        return False
    scheme, path = found[1].lower(), found[3]
    family = family_of(path)
    if family is None or method not in family.methods or is_below(path, denied):
        return False
    try:
        require_plain(family, path, found[4] or "")
    except Malformed:
        return False
    theirs, _, there = upstream.partition("://")
    if scheme == theirs and _host_of(found[2], scheme) == _host_of(there, scheme):
        return True
    name, port = _host_of(found[2], scheme)
    is_host = scheme == "https" and port == _PORTS[scheme] and _is_elsewhere(name)
    return is_host and family.name == "folder" and name.strip("[]") not in own_names


def _host_of(host: str, scheme: str) -> tuple[str, int]:
    name, port = canonical_host(host)
    return name, port or _PORTS[scheme]


def _is_elsewhere(name: str) -> bool:
    """Whether a name or address may be another machine's."""
    last = name.rpartition(".")[2]
    if not name.startswith("[") and not last[:1].isdigit():
        return last not in ("", "localhost", "localdomain")
    try:  # what ends in a number is read as an address, in forms that are not looked for here
        address: IPv4Address | IPv6Address = ip_address(name.strip("[]"))
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or address.is_multicast
    )
