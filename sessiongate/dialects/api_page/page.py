"""The API page: Swagger UI over our own document, at `/docs` and where Zerto's page says it is.

A closed list of files, each read once, when the first of them is asked for: no path of a request
ever reaches the file system. Without Swagger UI, which is an extra, the page says how to get it,
and the document is served all the same. Nothing here needs a session, and nothing here is secret.
"""

import asyncio
from collections.abc import Mapping
from importlib.resources import files

import msgspec

from sessiongate.dialects.api_page import swagger_ui
from sessiongate.dialects.api_page.document import document
from sessiongate.dialects.api_page.static_files import (
    FILE_METHODS,
    File,
    file_of,
    for_browsers,
    sent,
)
from sessiongate.http.message import Reply, Request

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

_OURS = ("front.css", "initializer.js", "names.js", "page.css")


class ApiPage:
    """Answers `PATHS`."""

    def __init__(self) -> None:
        self._files: Mapping[str, File] = {}

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with the security headers on every reply."""
        if not self._files:
            # Two first requests at once both read: that costs a moment, and harms nothing.
            self._files = await asyncio.to_thread(_read_files)
        return for_browsers(request, self._answer(request))

    def _answer(self, request: Request) -> Reply:
        file, moved = self._files.get(request.path), _MOVED.get(request.path)
        if file is None and moved is None:
            return _error_reply(404, "There is nothing at this address.")
        if request.method not in FILE_METHODS:
            words = _error_reply(405, "This address takes GET and HEAD only.")
            return Reply(405, (*words.headers, ("allow", ", ".join(FILE_METHODS))), words.body)
        if file is None:
            return Reply(302, (("location", moved or ""),))
        return sent(request, file)


def _read_files() -> Mapping[str, File]:
    ours = files("sessiongate.dialects.api_page")
    contents = {name: (ours / name).read_bytes() for name in _OURS}
    theirs = swagger_ui.folder()
    if theirs is not None:
        contents |= {name: (theirs / name).read_bytes() for name in swagger_ui.FILES}
    name = "index.html" if theirs is not None else swagger_ui.NOT_INSTALLED
    page = file_of("html", (ours / name).read_bytes())
    return {
        **dict.fromkeys(_PAGES, page),
        _DOCUMENT: file_of("json", msgspec.json.encode(document())),
        **{
            f"/docs/{name}": file_of(name.rpartition(".")[2], content)
            for name, content in contents.items()
        },
    }


def _error_reply(status: int, text: str) -> Reply:
    body = msgspec.json.encode({"Message": text})
    return Reply(status, (("content-type", "application/json"),), body)
