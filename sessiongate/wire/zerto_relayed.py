"""A call of Zerto's API that is sent on to a ZVM, and its reply as the client may see it.

Resources name each other by absolute addresses, in JSON and in XML. Those of the ZVM become ours on
the way to the client, and ours become the ZVM's on the way there: a client follows what it reads,
and sends it back.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from sessiongate.errors import Malformed
from sessiongate.wire.automation.relayed import own_location
from sessiongate.wire.http import Answer, Ask, Headers
from sessiongate.wire.json_body import OF_KNOWN, is_blank, read_json

_PORTS = {"https": 443, "http": 80}

_PART = 64 * 1024
"""Bytes of a body in which addresses are turned at once."""

_AROUND = 16
"""How much longer than a server's URL its address is at most, with what stands before and behind:
two slashes with backslashes, a port that needs not be said."""

_TOLD = frozenset(
    {
        *("content-type", "content-disposition", "content-language"),
        *("etag", "last-modified", "retry-after", "allow"),
    }
)
"""What of a reply's head goes on as it came: what the resource is, and nothing of any session."""

_LOST_SIGHT = frozenset({502, 503, 504})


class RelayedZerto(msgspec.Struct, frozen=True):
    """A request. The address is judged elsewhere, over the same texts."""

    verb: str
    path: str
    query: str
    body: bytes

    def __repr__(self) -> str:
        return f"RelayedZerto({self.name!r})"  # never body or query

    @property
    def name(self) -> str:
        """What is called, for logs: of the query it says nothing."""
        return f"{self.verb} {self.path}"

    def ask(self, headers: Headers) -> Ask:
        """The same, with these headers."""
        target = f"{self.path}?{self.query}" if self.query else self.path
        return Ask(target, headers, self.body, self.verb)


def read_zerto(verb: str, path: str, query: str, body: bytes, media: str | None) -> RelayedZerto:
    """A request to be sent on. Raises Malformed for JSON that two readers could take for two."""
    if not is_blank(body) and "xml" not in (media or "").lower():
        read_json(body, OF_KNOWN)
    return RelayedZerto(verb, path, query, body)


class Addresses:
    """Turns absolute addresses of one server into another's. Both are `scheme://host[:port]`."""

    def __init__(self, theirs: str, ours: str) -> None:
        self.theirs = theirs
        self.ours = ours
        self._pattern = _pattern_of(theirs)
        self._longest = len(theirs) + _AROUND

    def turned(self, body: bytes) -> bytes:
        """A body in JSON or XML with its addresses turned. What is no whole text stays."""
        return b"".join(self.turned_parts(body))

    def turned_parts(self, body: bytes) -> Iterator[bytes]:
        """The same bit by bit: each part takes milliseconds, however many addresses it has."""
        if not self.ours:
            yield body
            return
        at = 0
        while at < len(body):
            until = at + _PART
            part, at = self._turned_part(body, at, until)
            yield part

    def _turned_part(self, body: bytes, at: int, until: int) -> tuple[bytes, int]:
        """What begins from here until there, and where the next part begins."""
        ours = self.ours.encode("ascii")
        parts: list[bytes] = []
        for found in self._pattern.finditer(body, at, until + self._longest):
            if found.start() >= until:
                break
            escaped = b"\\/" in found[2]
            url = ours.replace(b"/", b"\\/") if escaped else ours
            parts += [body[at : found.start()], found[1], url]
            at = found.end()
        end = max(at, until)
        parts.append(body[at:end])
        return b"".join(parts), end

    def location(self, location: str) -> str | None:
        """A `Location` as a client here may have it; None for one that leads elsewhere."""
        return own_location(location, self.theirs, self.ours)


def _pattern_of(origin: str) -> re.Pattern[bytes]:
    """Finds the addresses of this server where a text begins, with JSON's slashes or without."""
    parts = urlsplit(origin)
    host = re.escape((parts.netloc.rpartition("@")[2]).rpartition(":")[0] or parts.netloc)
    if parts.port is None:
        host = re.escape(parts.netloc)
    port = parts.port or _PORTS[parts.scheme]
    with_port = rf"(?::{port})?" if port == _PORTS[parts.scheme] else f":{port}"
    text = rf"""(["'>])({parts.scheme}:(?:\\?/){{2}}{host}{with_port})(?=\\?/|["'<?#])"""
    return re.compile(text.encode("ascii"), re.IGNORECASE)


def is_text(answer: Answer) -> bool:
    """Whether it is JSON or XML, in which addresses stand."""
    kinds = answer.all("content-type")
    return bool(kinds) and any(one in kinds[0].lower() for one in ("json", "xml"))


def is_from_the_service(answer: Answer) -> bool:
    """Whether the ZVM has answered, and not something in front of it that lost sight of it."""
    if answer.status not in _LOST_SIGHT:
        return True
    begun = answer.body[:4096]
    return b'"Message"' in begun or b"<Message>" in begun


def reply_headers(answer: Answer, addresses: Addresses) -> Headers:
    """What of a reply's head the client gets."""
    kept = [one for one in answer.headers if one[0] in _TOLD]
    for location in answer.all("location")[:1]:
        own = addresses.location(location)
        kept += [("location", own)] if own is not None else []
    return tuple(kept)


def require_plain(answer: Answer) -> None:
    """Raise Malformed where its body cannot be looked through."""
    if any(one.lower() not in ("", "identity") for one in answer.all("content-encoding")):
        raise Malformed("a packed answer")
