"""What a browser finds at `/`: where to go from there. Other clients find nothing.

Where the API page is not installed, this page too says how to get it.
"""

import asyncio
from importlib.resources import files

from sessiongate.dialects.api_page import swagger_ui
from sessiongate.dialects.api_page.static_files import (
    FILE_METHODS,
    File,
    file_of,
    for_browsers,
    sent,
)
from sessiongate.http import router as routes
from sessiongate.http.message import Reply, Request
from sessiongate.wire.accept import wants_html

PATH = "/"


class FrontPage:
    """Answers `PATH`."""

    def __init__(self) -> None:
        self._file: File | None = None

    async def __call__(self, request: Request) -> Reply:
        """The page for whoever asks for HTML by name, else that there is nothing."""
        if request.method not in FILE_METHODS or not wants_html(request.header("accept")):
            return await routes.nowhere(request)
        if self._file is None:
            self._file = await asyncio.to_thread(_read)
        return for_browsers(request, sent(request, self._file))


def _read() -> File:
    name = "front.html" if swagger_ui.folder() else swagger_ui.NOT_INSTALLED
    content = (files("sessiongate.dialects.api_page") / name).read_bytes()
    return file_of("html", content, ("vary", "accept"))
