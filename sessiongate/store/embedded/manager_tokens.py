"""Tokens of the session manager's clients, for the stores of one process.

Memory answers. Where there is a file, a token is on the disk before `add` returns, and gone from it
after `remove`; when it was last used follows without being waited for.
"""

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime

from sessiongate.store.embedded import schema
from sessiongate.store.embedded.writer import Writer
from sessiongate.store.encoding import micros, moment
from sessiongate.store.manager_port import StoredToken

ADD = "INSERT OR REPLACE INTO manager_token VALUES (?, ?, ?, ?)"
REMOVE = "DELETE FROM manager_token WHERE digest = ?"
USED = (
    "INSERT INTO manager_token_use VALUES (?, ?)"
    " ON CONFLICT (digest) DO UPDATE SET used_at = max(used_at, excluded.used_at)"
)
FORGET = "DELETE FROM manager_token_use WHERE digest = ?"


class MemoryManagerTokens:
    """Tokens for as long as the process lives."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, StoredToken] = {}
        self._uses: dict[bytes, datetime] = {}

    async def add(self, token: StoredToken) -> None:
        """Keep a token."""
        if self._tokens.setdefault(token.digest, token) != token:
            raise ValueError("a token with this digest is already kept")

    async def find(self, digest: bytes) -> StoredToken | None:
        """The token of this digest."""
        return self._tokens.get(digest)

    async def remove(self, digest: bytes) -> None:
        """Forget a token."""
        self._tokens.pop(digest, None)
        self._uses.pop(digest, None)

    async def all(self) -> list[StoredToken]:
        """All tokens."""
        return list(self._tokens.values())

    async def used(self, digest: bytes, at: datetime) -> None:
        """Note a use."""
        self._uses[digest] = max(at, self._uses.get(digest, at))

    async def uses(self) -> dict[bytes, datetime]:
        """When each was used last."""
        return dict(self._uses)


class SqliteManagerTokens(MemoryManagerTokens):
    """Tokens in the session file. `writer` gives the one that writes it, or raises."""

    def __init__(self, writer: Callable[[], Writer]) -> None:
        super().__init__()
        self._writer = writer

    def load(self, connection: sqlite3.Connection) -> None:
        """Read what the file has."""
        self._tokens.clear()
        rows = connection.execute("SELECT digest, name, upstreams, created_at FROM manager_token")
        for digest, name, upstreams, created in rows:
            named = json.loads(name), tuple(map(str, json.loads(upstreams)))
            self._tokens[digest] = StoredToken(digest, *named, moment(created))
        uses = connection.execute("SELECT digest, used_at FROM manager_token_use")
        self._uses = {digest: moment(used) for digest, used in uses}

    async def add(self, token: StoredToken) -> None:
        """Keep a token: it is good once it is on the disk."""
        writer = self._writer()
        if token.digest in self._tokens:
            await super().add(token)
            return
        await writer.write(ADD, _row(token))
        await super().add(token)

    async def find(self, digest: bytes) -> StoredToken | None:
        """The token of this digest; the disk is not asked."""
        self._writer()
        return await super().find(digest)

    async def remove(self, digest: bytes) -> None:
        """Forget a token at once. Where the disk refuses, the file follows."""
        writer = self._writer()
        await super().remove(digest)
        writer.retry_until_written(FORGET, (digest,))
        await writer.write_retried(REMOVE, (digest,))

    async def all(self) -> list[StoredToken]:
        """All tokens; the disk is not asked."""
        self._writer()
        return await super().all()

    async def used(self, digest: bytes, at: datetime) -> None:
        """Note a use; the file follows."""
        writer = self._writer()
        await super().used(digest, at)
        writer.retry_until_written(USED, (digest, micros(at)))


def _row(token: StoredToken) -> tuple[schema.Value, ...]:
    # In JSON, which has a form for texts that are no Unicode.
    named = json.dumps(token.name), json.dumps(token.scopes)
    return (token.digest, *named, micros(token.created_at))
