"""Files for browsers: kept in memory, with a tag, and with the headers that all our pages have."""

from hashlib import sha256

import msgspec

from sessiongate.http.message import Reply, Request

FILE_METHODS = ("GET", "HEAD")
"""The verbs that files are asked for by, in the order of `Allow`."""

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
}

# Swagger UI's style sheet holds its icons as data addresses.
_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none';"
    " base-uri 'none'; form-action 'self'"
)
_SECURITY = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
)
# A year, as the preload lists ask for; browsers heed it only over TLS that they trust.
_TLS_ONLY = ("strict-transport-security", "max-age=31536000")


class File(msgspec.Struct, frozen=True):
    """What is sent for one address."""

    content: bytes
    headers: tuple[tuple[str, str], ...]
    tag: str


# Tags that are looked at, of a header: a browser sends the one that it holds.
_MOST_TAGS = 64


def file_of(kind: str, content: bytes, *more: tuple[str, str]) -> File:
    """A file of this ending, with `more` headers."""
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    # Kept, but asked for anew each time: an upgrade of the server shows at once.
    headers = (("content-type", _TYPES[kind]), ("etag", tag), ("cache-control", "no-cache"), *more)
    return File(content, headers, tag)


def sent(request: Request, file: File) -> Reply:
    """The file, or that the client holds this version already."""
    if _matches(request.all("if-none-match"), file.tag):
        return Reply(304, file.headers[1:])
    return Reply(200, file.headers, file.content, shared=True)


def for_browsers(request: Request, reply: Reply) -> Reply:
    """The reply with the security headers."""
    tls = (_TLS_ONLY,) if request.secure else ()
    return msgspec.structs.replace(reply, headers=(*reply.headers, *_SECURITY, *tls))


def _matches(headers: list[str], tag: str) -> bool:
    """Whether the client holds this version already. Weak comparison, as RFC 9110 has it."""
    held = (one for value in headers for one in value.split(",", _MOST_TAGS)[:_MOST_TAGS])
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in held)
