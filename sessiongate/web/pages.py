"""The API page: Swagger UI over our own document, at `/docs` and where Zerto's page says it is.

A closed list of files, each read once, when the first of them is asked for: no path of a request
ever reaches the file system. Swagger UI comes out of the package `swagger-ui-py`, whose code is
not imported. Nothing here needs a session, and nothing here is secret.
"""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import msgspec

from sessiongate.openapi.document import document
from sessiongate.web.http import Reply, Request

_PAGES = ("/docs", "/docs/", "/swagger/index.html", "/management/api/swagger/index.html")
_DOCUMENT = "/openapi.json"

# Relative to the address that is redirected, so that they hold behind a proxy's prefix too, and
# so that no Host header finds its way into them.
_MOVED = {
    "/swagger": "swagger/index.html",
    "/swagger/": "index.html",
    "/management/api/swagger": "swagger/index.html",
    "/management/api/swagger/": "index.html",
}

PATHS = ("/docs", "/docs/", *_MOVED, _DOCUMENT)
"""Paths, and prefixes ending in `/`, that this endpoint answers."""

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
}
_OURS = ("initializer.js", "page.css")
_SWAGGER_UI = ("favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css")

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

_READS = ("GET", "HEAD")


class _File(msgspec.Struct, frozen=True):
    content: bytes
    headers: tuple[tuple[str, str], ...]
    tag: str


class ApiPage:
    """Answers `PATHS`."""

    def __init__(self) -> None:
        self._files: Mapping[str, _File] = {}

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with the security headers on every reply."""
        if not self._files:
            # Two first requests at once both read: that costs a moment, and harms nothing.
            self._files = await asyncio.to_thread(_read_files)
        reply = self._answer(request)
        tls = (_TLS_ONLY,) if request.secure else ()
        return Reply(reply.status, (*reply.headers, *_SECURITY, *tls), reply.body)

    def _answer(self, request: Request) -> Reply:
        file, moved = self._files.get(request.path), _MOVED.get(request.path)
        if file is None and moved is None:
            return _words(404, "There is nothing at this address.")
        if request.method not in _READS:
            words = _words(405, "This address takes GET and HEAD only.")
            return Reply(405, (*words.headers, ("allow", ", ".join(_READS))), words.body)
        if file is None:
            return Reply(302, (("location", moved or ""),))
        if _matches(request.all("if-none-match"), file.tag):
            return Reply(304, file.headers[1:])
        return Reply(200, file.headers, file.content)


def _matches(headers: list[str], tag: str) -> bool:
    """Whether the client holds this version already. Weak comparison, as RFC 9110 has it."""
    held = (one.strip().removeprefix("W/") for value in headers for one in value.split(","))
    return any(one in (tag, "*") for one in held)


def _read_files() -> Mapping[str, _File]:
    ours = files("sessiongate.web") / "api_page"
    page = _file("html", (ours / "index.html").read_bytes())
    theirs = _swagger_ui()
    contents = {name: (ours / name).read_bytes() for name in _OURS}
    contents |= {name: (theirs / name).read_bytes() for name in _SWAGGER_UI}
    return {
        **dict.fromkeys(_PAGES, page),
        _DOCUMENT: _file("json", msgspec.json.encode(document())),
        **{
            f"/docs/{name}": _file(name.rpartition(".")[2], content)
            for name, content in contents.items()
        },
    }


def _swagger_ui() -> Path:
    """The folder of Swagger UI's files. Found, not imported: that would start their framework."""
    spec = find_spec("swagger_ui")
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        raise FileNotFoundError("the package swagger-ui-py is not installed")
    return Path(folders[0]) / "static"


def _file(kind: str, content: bytes) -> _File:
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    # Kept, but asked for anew each time: an upgrade of the server shows at once.
    headers = (("content-type", _TYPES[kind]), ("etag", tag), ("cache-control", "no-cache"))
    return _File(content, headers, tag)


def _words(status: int, text: str) -> Reply:
    body = msgspec.json.encode({"Message": text})
    return Reply(status, (("content-type", "application/json"),), body)
