"""The values that dialects and transport share: what is asked, what is answered, what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

LARGEST_BODY = 1 << 20
"""Bytes of an answer that are read at most: answers of sessions have a few hundred."""


class Ask(NamedTuple):
    """A request that the library makes itself. Its text form hides what may be a secret."""

    verb: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes = b""

    def __repr__(self) -> str:
        """Without headers and body."""
        return f"Ask({self.verb} {self.path})"


class Answer(NamedTuple):
    """What came back. Header names are lower case."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The first header of this name; "" where there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def __repr__(self) -> str:
        """Without headers and body: both may hold a token."""
        return f"Answer({self.status})"


class Opened(NamedTuple):
    """A session that is open at the server."""

    token: str
    key: str = ""
    """Its public name, where the dialect tells one."""
    expires_at: Optional[float] = None
    """Seconds since the epoch, where the dialect tells them: an access token's end."""
    refresh: str = ""
    """What gets a new access token, of an appliance."""
    generation: int = 0
    """Counts the logins of one session object, so that all who meet a dead token know which."""
    dialect: int = 0
    """Which of the dialects of the session object answered."""
    pid: int = 0
    """The process that opened it, and so the one that ends it."""

    def __repr__(self) -> str:
        """Without token and refresh token."""
        return f"Opened(key={self.key!r}, generation={self.generation})"
