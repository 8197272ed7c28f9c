"""The three ways in which proxies ask, and what they are told of who it is. Pure.

nginx (auth_request) says in X-Original-Method and X-Original-URL what the client wants, Traefik,
Caddy and HAProxy in X-Forwarded-Method, -Host and -Uri, Envoy's ext_authz by the request itself.
A proxy hands on, beside its own, whatever its client wrote into the headers of the other two. So
each is read by an endpoint of its own, which looks at no other's headers.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from sessiongate.errors import Malformed, NoSession
from sessiongate.rules.forward_auth import ProxiedRequest, parse_request
from sessiongate.wire.carriers import (
    BEARER,
    REST_COOKIE,
    SOAP_COOKIE,
    VMWARE_HEADER,
    ZERTO_HEADER,
    carriers_in,
)

FORWARD_AUTH = "/auth/forward-auth"
AUTH_REQUEST = "/auth/auth-request"
EXT_AUTHZ = "/auth/ext-authz"
"""Also with the client's own path behind it."""

CARRIERS = frozenset(
    {
        VMWARE_HEADER,
        ZERTO_HEADER,
        f"cookie:{SOAP_COOKIE}",
        f"cookie:{REST_COOKIE}",
        BEARER,
    }
)
"""Where a session's token may be: exactly one of these."""

CHALLENGE = ("www-authenticate", 'Bearer realm="sessiongate"')
"""Of a 401. Not Basic: a browser would ask for a password that nobody here looks at."""

IDENTITY: Mapping[str, tuple[str, str, str]] = {
    "remote": ("remote-user", "remote-groups", "remote-name"),
    "x-auth-request": ("x-auth-request-user", "x-auth-request-groups", "x-auth-request-name"),
    "x-forwarded": ("x-forwarded-user", "x-forwarded-groups", "x-forwarded-name"),
}
"""Names of the headers with user, groups and full name, by the value of forward_auth.headers."""

_URL = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://([^/?#]*)(.*)", re.DOTALL)

_SIGNS = re.compile(r"[^a-z0-9]")

# Visible ASCII and space stay, but for what a list or an escape is made of.
_AS_THEY_ARE = frozenset(range(0x20, 0x7F)) - frozenset(b"%,")

_OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
_LENGTHS = frozenset(map(len, _OVERRIDES))
_MOST_METHODS = 8

Headers = Iterable[tuple[str, str]]


def of_forward_auth(headers: Headers) -> ProxiedRequest:
    """What X-Forwarded-Method, -Host and -Uri say, each given once. Raises Malformed."""
    found = _each_once(headers, ("x-forwarded-method", "x-forwarded-host", "x-forwarded-uri"))
    return parse_request(*found)


def of_auth_request(headers: Headers) -> ProxiedRequest:
    """What X-Original-Method and X-Original-URL say, each given once. Raises Malformed."""
    method, url = _each_once(headers, ("x-original-method", "x-original-url"))
    parts = _URL.fullmatch(url)
    if parts is None:
        raise Malformed("X-Original-URL is no address")
    target = parts[2]
    return parse_request(method, parts[1], target if target.startswith("/") else f"/{target}")


def of_ext_authz(method: str, host: str, path: str) -> ProxiedRequest:
    """What the request itself says, with the path behind that of the endpoint. Raises Malformed."""
    return parse_request(method, host, path.removeprefix(EXT_AUTHZ) or "/")


def readings(wanted: ProxiedRequest, headers: Headers) -> list[ProxiedRequest]:
    """The same as it came, and with each method that an application may take in its place.

    Some take one out of a header such as X-HTTP-Method-Override, of which servers read any sign in
    the name as they read "-". Raises Malformed for more than anybody means.
    """
    named = [
        value
        for name, value in headers
        # Each sign is one letter for another.
        if len(name) in _LENGTHS and _SIGNS.sub("-", name) in _OVERRIDES
    ]
    if not named:
        return [wanted]
    methods = {one.strip().upper() for value in named for one in value.split(",")}
    others = sorted(methods - {"", wanted.method})
    if len(others) > _MOST_METHODS:
        raise Malformed("the method is given in too many ways")
    return [wanted, *(ProxiedRequest(method, wanted.host, wanted.path) for method in others)]


def _each_once(headers: Headers, names: tuple[str, ...]) -> list[str]:
    found: dict[str, str] = {}
    for name, value in headers:
        if name in names:
            if name in found:
                raise Malformed(f"{name} is given twice")
            found[name] = value
    if missing := [name for name in names if not found.get(name)]:
        raise Malformed(f"{missing[0]} is missing")
    return [found[name] for name in names]


def require_one_carrier(headers: Headers) -> None:
    """Raise NoSession where these carry no token of a session, or more than one.

    Even where they are the same, or one of them is empty: whoever takes our token out of a request
    on its way to the application need look for one only.
    """
    number = sum(bool(text) or carrier != BEARER for carrier, text in carriers_in(headers))
    if number != 1:
        raise NoSession("the request carries no session" if not number else "there are two tokens")


def identity(
    names: tuple[str, str, str], user: str, groups: Iterable[str], full_name: str
) -> tuple[tuple[str, str], ...]:
    """The headers that say who it is. All of them, also where there is nothing to say."""
    said = [_kept(one) if len(one) <= _LONGEST_KEPT else safe(one) for one in groups]
    of_user = _kept(user) if len(user) <= _LONGEST_KEPT else safe(user)
    of_name = _kept(full_name) if len(full_name) <= _LONGEST_KEPT else safe(full_name)
    return (names[0], of_user), (names[1], ",".join(said)), (names[2], of_name)


def safe(text: str) -> str:
    """The text as any proxy and application reads it alike: UTF-8, with escapes as in addresses.

    Letters, digits, spaces and signs of ASCII stay, but `%` and `,`; every other byte is `%XX`.
    Spaces at the ends, which HTTP takes off, are escaped too.
    """
    # What is left of a name that is no text (a lone surrogate) is `?`.
    inner = text.strip(" ")
    if inner == text and text.isascii() and text.isprintable() and not {"%", ","} & set(text):
        return text
    begin = text.index(inner) if inner else len(text)
    middle = "".join(
        chr(byte) if byte in _AS_THEY_ARE else f"%{byte:02X}"
        for byte in inner.encode("utf-8", "replace")
    )
    return "%20" * begin + middle + "%20" * (len(text) - begin - len(inner))


_LONGEST_KEPT = 128
_kept = lru_cache(maxsize=1024)(safe)  # the same people and groups all day
