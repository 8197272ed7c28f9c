"""The port of tokens that last until they are revoked, and of when each was last used.

They are of the session manager's clients, and of scripts at the console.

A token is known by its digest; the token itself comes to no store. All raise StoreUnavailable, and
bear to be asked the same twice.
"""

from datetime import datetime
from typing import Protocol

import msgspec


class StoredToken(msgspec.Struct, frozen=True):
    """A token of a client of the session manager, or of a script at the console."""

    digest: bytes
    """SHA-256 of it."""
    name: str
    """What the client is called: logs and audit name it so. Several tokens may be of one."""
    scopes: tuple[str, ...]
    """What it is good for: names of upstreams that it gets clone tickets of, or the console
    (`rules.scopes`)."""
    created_at: datetime


class ManagerTokens(Protocol):
    """Keeps tokens for all servers that share the store, until they are removed."""

    async def add(self, token: StoredToken) -> None:
        """Keep a token. It is durable when this returns. ValueError for a digest of another."""
        ...

    async def find(self, digest: bytes) -> StoredToken | None:
        """The token of this digest; None as soon as it was removed by any server."""
        ...

    async def remove(self, digest: bytes) -> None:
        """Forget a token, and its last use. No error where there is none."""
        ...

    async def all(self) -> list[StoredToken]:
        """All tokens, in no particular order."""
        ...

    async def used(self, digest: bytes, at: datetime) -> None:
        """Note that a token was used, also one that is kept elsewhere, such as in a file.

        An earlier time than the one that is noted changes nothing. May be lost by a crash.
        """
        ...

    async def uses(self) -> dict[bytes, datetime]:
        """When each was used last, by digest."""
        ...
