"""Where a request may carry a session's token, and which of these each dialect looks at.

One session table stands behind every dialect, so a request could carry two different tokens. That
is refused rather than resolved: "first wins" is how one site's cookie shadows another's session.
"""

import re
from collections.abc import Iterable

import msgspec

from sessiongate.errors import NoSession
from sessiongate.secret import Secret

VMWARE_HEADER = "vmware-api-session-id"
ZERTO_HEADER = "x-zerto-session"
SOAP_COOKIE = "vmware_soap_session"
REST_COOKIE = "vmware-api-session-id"
_HEADERS = frozenset({VMWARE_HEADER, ZERTO_HEADER})
_LOOKED_AT = _HEADERS | {"authorization", "cookie"}
VC_COOKIE = "vcSessionCookie"
"""A SOAP header with the value of SOAP_COOKIE, for services that never see the cookie itself."""
BEARER = "bearer"
"""The `Authorization` header, where its scheme is Bearer."""
ALL_CARRIERS = _HEADERS | {f"cookie:{SOAP_COOKIE}", f"cookie:{REST_COOKIE}", BEARER}
"""Of a request's head, whatever dialect takes them."""

WHITE_SPACE = " \t"
"""What HTTP lets stand around the value of a header (RFC 9110, 5.6.3). Latin-1 has more, such as
U+00A0, and a token with one of those is another text."""

_SEPARATOR = re.compile(f"[{WHITE_SPACE}]+")

# Our longest token has 40 characters. A longer text cannot be one; it is not even hashed.
_LONGEST_TOKEN = 256


class Carried(msgspec.Struct, frozen=True, gc=False):
    """What a request carries. All its plain tokens are one text; so are its signed ones."""

    token: Secret | None = None
    """A session's own token, in a carrier that the dialect takes."""
    plain: str = ""
    """The text of any plain token, in whatever carrier."""
    signed: str = ""
    """A bearer that somebody has signed, not judged here. A session's own token has no dots."""
    credential: bool = False
    """Whether there is an Authorization header that is no bearer."""


_NOTHING = Carried()


def carried(
    headers: Iterable[tuple[str, str]],
    accepted: frozenset[str],
    inside: Iterable[tuple[str, str]] = (),
) -> Carried:
    """The session's tokens in these headers, in all carriers of all dialects.

    `accepted` names the carriers that the dialect takes: header names, BEARER, `cookie:NAME` for
    cookies, and the names in `inside`, carriers that the codec found in the body, each with its
    text. The others are read too, but only to find a contradiction. Raises NoSession when two
    plain tokens differ, or two signed ones, of which each costs a verification. What is too long
    for a token is none.
    """
    plain = ""
    taken: str | None = None
    signed = ""
    credential = False
    found = carriers_in(headers)
    found += inside
    if not found:
        return _NOTHING
    for carrier, text in found:
        if not text:
            credential = credential or carrier == BEARER
            continue
        if carrier == BEARER and "." in text:
            if signed and text != signed:
                raise NoSession(DISAGREE)
            signed = text
            continue
        if plain and text != plain:
            raise NoSession(DISAGREE)
        plain = text
        if carrier in accepted:
            taken = text
    token = Secret(taken) if taken is not None and len(taken) <= _LONGEST_TOKEN else None
    return Carried(token, plain, signed, credential)


DISAGREE = "the request carries two different sessions"
"""What is said of carriers that disagree, to the log alone."""


def scheme_of(authorization: str) -> tuple[str, str]:
    """Scheme in lower case, and what follows, of an Authorization header.

    A tab between them is white space, too: whoever stands in front may read it so.
    """
    parts = _SEPARATOR.split(authorization.strip(WHITE_SPACE), maxsplit=1)
    return parts[0].lower(), parts[1] if len(parts) > 1 else ""


def bearer_of(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer` header, or None."""
    scheme, token = scheme_of(authorization or "")
    return token or None if scheme == "bearer" else None


def carriers_in(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each carrier in these headers, with its text. Authorization of another scheme has none."""
    found: list[tuple[str, str]] = []
    for name, value in headers:
        if name not in _LOOKED_AT:
            continue
        if name in _HEADERS:
            found.append((name, value.strip(WHITE_SPACE)))
        elif name == "cookie":
            found += _session_cookies(value)
        else:
            found.append((BEARER, bearer_of(value) or ""))
    return found


def _session_cookies(header: str) -> Iterable[tuple[str, str]]:
    """Session cookies of a Cookie header; pyVmomi sends the attributes back as if cookies too."""
    for part in header.split(";"):
        if SOAP_COOKIE not in part and REST_COOKIE not in part:
            continue  # others' may be thousands
        name, equals, value = part.partition("=")
        name = name.strip(WHITE_SPACE)
        if equals and name in (SOAP_COOKIE, REST_COOKIE):
            yield f"cookie:{name}", value.strip(WHITE_SPACE).strip('"')
