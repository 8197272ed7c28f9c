"""Whether a change was asked for by a page of ours, for the session that the cookie names.

Two things must hold: the browser says that the page is of this very origin, and the form carries
what only pages of this session were given. A request that says nothing of its page is refused too.
"""

import hmac
from collections.abc import Collection
from hashlib import sha256
from ipaddress import ip_address

from sessiongate.http.message import Request
from sessiongate.http.origins import is_foreign
from sessiongate.networks import host_and_port

FIELD, HEADER = "csrf", "x-sessiongate-csrf"
"""Where the value stands: in a form's hidden field, or in this header."""


def is_same_origin(request: Request) -> bool:
    """Whether a browser vouches for it that a page of this very origin asks."""
    sites, origins = request.all("sec-fetch-site"), request.all("origin")
    if not sites and not origins:
        return False
    if sites and {one.strip().lower() for one in sites} != {"same-origin"}:
        return False
    host = request.header("host") or ""
    return not is_foreign(sites, origins, secure=request.secure, host=host)


_FOREIGN = frozenset({"cross-site", "same-site"})


def is_loaded_elsewhere(request: Request) -> bool:
    """Whether a page of another origin has this loaded into itself, as an image, a frame or data.

    It could read nothing of it, and yet have a session used that its person has left, or have files
    made. A neighbour's page is foreign too: cookies with SameSite=Strict go along from there.
    Whoever follows a link comes by a navigation of the whole window.
    """
    said = {one.strip().lower() for one in ",".join(request.all("sec-fetch-site")).split(",")}
    mode, place = request.header("sec-fetch-mode"), request.header("sec-fetch-dest")
    return bool(said & _FOREIGN) and (mode, place) != ("navigate", "document")


class FormKeys:
    """Makes and knows the values that forms carry. They are good until the server restarts."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, digest: bytes) -> str:
        """The value for the session of this token digest."""
        return hmac.new(self._key, digest, sha256).hexdigest()

    def is_right(self, given: str, digest: bytes) -> bool:
        """Whether this value was made for this session."""
        return hmac.compare_digest(given.encode(), self.of(digest).encode())


class OwnHosts:
    """The Hosts that the console answers to: by any other name a stranger's page could reach it."""

    def __init__(self, names: Collection[str], *, any_address: bool) -> None:
        """`names` in lower case, `*.` for one label; `any_address` where it listens on all."""
        self._names = frozenset(name for name in names if not name.startswith("*."))
        self._suffixes = frozenset(name[1:] for name in names if name.startswith("*."))
        self._any_address = any_address

    def has(self, host: str | None) -> bool:
        """Whether a request's Host is one of them, at whatever port."""
        found = host_and_port(host or "")
        if found is None or not found[0]:
            return False
        name = found[0].strip("[]")
        if name in self._names:
            return True
        if self._any_address and _is_address(name):
            return True
        label, dot, rest = name.partition(".")
        return bool(label) and f"{dot}{rest}" in self._suffixes


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
