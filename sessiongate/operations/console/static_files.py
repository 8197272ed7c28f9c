"""The console's own files and those of others, each under a name that changes with its content."""

from hashlib import sha256
from importlib.resources import files

import msgspec

from sessiongate.http.message import Reply

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HTMX = "vendor/htmx-2.0.11.min.js"
NAMES = ("console.css", "console.js", "favicon.svg", HTMX)
"""The files that pages load. A closed list: no path of a request reaches the file system."""

_FOREVER = ("cache-control", "public, max-age=31536000, immutable")
FOLDER = "/console/static/"


class StaticFiles(msgspec.Struct, frozen=True):
    """Each file's address by its name, and what is sent for each address."""

    addresses: dict[str, str]
    replies: dict[str, Reply]

    def reply(self, path: str) -> Reply | None:
        """The reply for this address, None where there is no such file."""
        found = self.replies.get(path)
        return msgspec.structs.replace(found) if found is not None else None


def read_static_files() -> StaticFiles:
    """All of them, from the package."""
    addresses, replies = {}, {}
    folder = files("sessiongate.operations.console") / "static"
    for name in NAMES:
        content = folder.joinpath(name).read_bytes()
        stem, _, kind = name.rpartition("/")[2].rpartition(".")
        address = f"{FOLDER}{stem}-{sha256(content).hexdigest()[:16]}.{kind}"
        addresses[name] = address
        replies[address] = Reply(
            200, (("content-type", _TYPES[kind]), _FOREVER), content, shared=True
        )
    return StaticFiles(addresses, replies)
