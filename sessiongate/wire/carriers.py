"""Where a request may carry a session's token, and which of these each dialect looks at.

One session table stands behind every dialect, so a request could carry two different tokens. That
is refused rather than resolved: "first wins" is how one site's cookie shadows another's session.
"""

from collections.abc import Iterable

from sessiongate.errors import NoSession
from sessiongate.secret import Secret

VMWARE_HEADER = "vmware-api-session-id"
ZERTO_HEADER = "x-zerto-session"
SOAP_COOKIE = "vmware_soap_session"
REST_COOKIE = "vmware-api-session-id"
_HEADERS = frozenset({VMWARE_HEADER, ZERTO_HEADER})
VC_COOKIE = "vcSessionCookie"
"""A SOAP header with the value of SOAP_COOKIE, for services that never see the cookie itself."""

WHITE_SPACE = " \t"
"""What HTTP lets stand around the value of a header (RFC 9110, 5.6.3). Latin-1 has more, such as
U+00A0, and a token with one of those is another text."""

# Our longest token has 40 characters. A longer text cannot be one; it is not even hashed.
_LONGEST_TOKEN = 256


def token_in(
    headers: Iterable[tuple[str, str]],
    accepted: frozenset[str],
    inside: Iterable[tuple[str, str]] = (),
) -> Secret | None:
    """The token that these headers carry, or None.

    `accepted` names the carriers that the dialect takes: header names, `cookie:NAME` for cookies,
    and the names in `inside`, carriers that the codec found in the body, each with its text. The
    others are read too, but only to find a contradiction. Raises NoSession when two carriers
    disagree, or one is too long for a token.
    """
    seen = ""
    taken: str | None = None
    found = _carriers(headers)
    found += inside
    for carrier, text in found:
        if not text:
            continue
        if seen and text != seen:
            raise NoSession("the request carries two different sessions")
        seen = text
        if carrier in accepted:
            taken = text
    if taken is None:
        return None
    if len(taken) > _LONGEST_TOKEN:
        raise NoSession("the session token is too long to be one")
    return Secret(taken)


def _carriers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in headers:
        if name in _HEADERS:
            found.append((name, value.strip(WHITE_SPACE)))
        elif name == "cookie":
            found += _session_cookies(value)
    return found


def _session_cookies(header: str) -> Iterable[tuple[str, str]]:
    """Session cookies of a Cookie header; pyVmomi sends the attributes back as if cookies too."""
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        name = name.strip(WHITE_SPACE)
        if equals and name in (SOAP_COOKIE, REST_COOKIE):
            yield f"cookie:{name}", value.strip(WHITE_SPACE).strip('"')
