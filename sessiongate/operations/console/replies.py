"""Replies of the console: each with the headers that keep a browser to our own files."""

from collections.abc import Sequence

from sessiongate.http.message import Reply, Request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Nothing goes to other origins either way; with `no-referrer` browsers send `Origin: null` along
# with our own forms, as a stranger's page would.
_REFERRER = ("referrer-policy", "same-origin")
_SECURITY = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    _REFERRER,
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)
_STRICT_TLS = ("strict-transport-security", "max-age=31536000")
_NO_STORE = ("cache-control", "no-store")

Headers = Sequence[tuple[str, str]]


def html(status: int, text: str, *more: tuple[str, str]) -> Reply:
    """A page, or a part of one."""
    return Reply(status, (("content-type", "text/html; charset=utf-8"), *more), text.encode())


def json(status: int, content: bytes, *more: tuple[str, str]) -> Reply:
    """What a script is told."""
    return Reply(status, (("content-type", "application/json"), *more), content)


def gone_to(address: str, *more: tuple[str, str]) -> Reply:
    """Go on there, by GET."""
    return Reply(303, (("location", address), *more))


def guarded(request: Request, reply: Reply) -> Reply:
    """The reply with all headers of security. Only files with hashed names may be kept."""
    kept = any(name == "cache-control" for name, _ in reply.headers)
    more = [*_SECURITY, *(() if kept else (_NO_STORE,))]
    if request.secure:
        more.append(_STRICT_TLS)
    reply.headers = (*reply.headers, *more)
    return reply
