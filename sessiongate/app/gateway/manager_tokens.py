"""Tokens of the session manager's clients: those in files, and what the command line asks and does.

A file is read again every few seconds: who mounts secrets changes them under a running server.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.config import Config
from sessiongate.config.session_manager import NAME, NAME_RULE, ManagerClient, no_tickets_of
from sessiongate.errors import ConfigError, InvalidArgument, NotFound
from sessiongate.files import read_named
from sessiongate.rules.token import MANAGER_BYTES, is_manager_token, manager_token
from sessiongate.secret import Secret, secret_text
from sessiongate.service.manager_clients import ManagerCaller
from sessiongate.store.manager_port import ManagerTokens, StoredToken

_AGAIN = 5.0
"""Seconds after which files are looked at again."""

_LONGEST = 64 * 1024

_SHOWN = 8
"""Digits of a digest that tokens are called by."""

_FORM = "a token begins with sgm_ and has 32 letters or more after it"

_log = structlog.get_logger(__name__)


class TokenFiles:
    """The clients whose tokens stand in files at this moment. `now` is in seconds."""

    def __init__(self, clients: Mapping[str, ManagerClient], now: Callable[[], float]) -> None:
        """Raises ConfigError for a file that holds something else than a token, or another's."""
        self._clients = clients
        self._now = now
        self._due = 0.0
        self._found: dict[bytes, ManagerCaller] = {}
        self._told: dict[tuple[str, Path], str] = {}
        """What is wrong with a client's file, once it was said."""
        wrong = [
            f"session_manager.clients.{one.client}.token_files: {one.file} {one.why}"
            for one in file_problems(clients)
            if one.stops
        ]
        if wrong:
            raise ConfigError(wrong)

    def __call__(self) -> Mapping[bytes, ManagerCaller]:
        """By the digests of their tokens; a change of a file is some seconds old."""
        if not self._clients or self._now() < self._due:
            return self._found
        self._due = self._now() + _AGAIN
        good: list[_InFile] = []
        for name, file, token in _read(self._clients):
            if isinstance(token, str):
                self._say(file, name, token)
            elif not is_manager_token(token.reveal()):
                self._say(file, name, f"it holds no token: {_FORM}")
            else:
                good.append(_InFile(name, file, token.digest()))
        self._found = self._owned(good)
        return self._found

    def _owned(self, good: Sequence["_InFile"]) -> dict[bytes, ManagerCaller]:
        """Whose each token is.

        One that is in files of two clients stays that of the client that had it before: what is put
        into another's file by mistake takes nothing from its owner, and gives nobody more.
        """
        holders = {(one.digest, one.client) for one in good}
        found: dict[bytes, ManagerCaller] = {}
        for one in good:
            owner = found.get(one.digest) or self._found.get(one.digest)
            if (
                owner is not None
                and owner.name != one.client
                and (one.digest, owner.name) in holders
            ):
                self._say(one.file, one.client, f"its token is one {_of_another(owner.name)}")
                continue
            self._told.pop((one.client, one.file), None)
            upstreams = frozenset(self._clients[one.client].upstreams)
            found[one.digest] = ManagerCaller(one.client, one.digest, upstreams)
        return found

    def _say(self, file: Path, name: str, why: str) -> None:
        if self._told.get((name, file)) != why:
            self._told[name, file] = why
            _log.warning(
                "a file holds no token of its client", client=name, file=str(file), why=why
            )


class FileProblem(NamedTuple):
    """What is wrong with a file of a client. `stops` where a server does not start with it."""

    client: str
    file: Path
    why: str
    stops: bool


def file_problems(clients: Mapping[str, ManagerClient]) -> Iterator[FileProblem]:
    """Files that hold no token, and tokens that are in files of two clients."""
    owners: dict[bytes, str] = {}
    for name, file, token in _read(clients):
        if isinstance(token, str):
            yield FileProblem(name, file, f"holds no token yet: {token}; {_FORM}", False)
        elif not is_manager_token(token.reveal()):
            yield FileProblem(name, file, f"holds none: {_FORM}", True)
        elif (owner := owners.setdefault(token.digest(), name)) != name:
            yield FileProblem(name, file, f"holds a token {_of_another(owner)}", True)


class _InFile(NamedTuple):
    """A token that a file holds."""

    client: str
    file: Path
    digest: bytes


def _of_another(name: str) -> str:
    return f"of {name}, too: one token cannot be of two clients, make another for one of them"


def _read(clients: Mapping[str, ManagerClient]) -> Iterator[tuple[str, Path, Secret | str]]:
    """Each client's files, and the text in it; a string says why there is none."""
    for name, client in clients.items():
        for file in client.token_files:
            try:
                text = secret_text(read_named(file, _LONGEST)).strip()
            except OSError as error:
                yield name, file, f"it cannot be read: {error.strerror}"
            except UnicodeDecodeError:
                yield name, file, "it is no text"
            else:
                yield name, file, Secret(text) if text else "it is empty"


class TokenRow(msgspec.Struct, kw_only=True):
    """A token as people see it."""

    name: str
    id: str
    """The first digits of its digest, which the audit has too."""
    upstreams: list[str]
    source: str
    """ "store", or "file"."""
    created_at: datetime | None
    used_at: datetime | None
    """When it was shown last; None for never."""


class TokenCommands:
    """Answers the commands about tokens."""

    def __init__(
        self,
        config: Config,
        tokens: ManagerTokens,
        in_files: Callable[[], Mapping[bytes, ManagerCaller]],
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._config = config
        self._tokens = tokens
        self._in_files = in_files
        self._clock = clock
        self._journal = journal

    async def create(self, name: str, upstreams: Sequence[str], by: str) -> dict[str, object]:
        """A new token, told here and never again. Raises InvalidArgument."""
        if not NAME.fullmatch(name):
            raise InvalidArgument("name", NAME_RULE)
        if not upstreams:
            raise InvalidArgument("upstream", "say which upstreams the token is for")
        for upstream in upstreams:
            if wrong := no_tickets_of(upstream, self._config.upstream):
                raise InvalidArgument("upstream", wrong)
        token = Secret(manager_token(secrets.token_bytes(MANAGER_BYTES)))
        unique = tuple(dict.fromkeys(upstreams))
        stored = StoredToken(token.digest(), name, unique, self._clock.now())
        await self._tokens.add(stored)
        await self._told("token created", name, stored.digest, by, ", ".join(unique))
        return {**msgspec.structs.asdict(_row(stored, None)), "token": token.reveal()}

    async def list(self) -> list[TokenRow]:
        """All tokens, of files too, by name and age."""
        uses = await self._tokens.uses()
        rows = [_row(one, uses.get(one.digest)) for one in await self._tokens.all()]
        rows += [
            TokenRow(
                name=one.name,
                id=_id(digest),
                upstreams=sorted(one.upstreams),
                source="file",
                created_at=None,
                used_at=_utc(uses.get(digest)),
            )
            for digest, one in self._in_files().items()
        ]
        oldest = datetime.min.replace(tzinfo=UTC)
        return sorted(rows, key=lambda row: (row.name, row.created_at or oldest, row.id))

    async def revoke(self, name: str, which: str, by: str) -> dict[str, object]:
        """End all tokens of this name, or the one whose id begins so.

        Raises NotFound, and InvalidArgument where several ids begin so.
        """
        tokens = [one for one in await self._tokens.all() if one.name == name]
        if which:
            tokens = [one for one in tokens if one.digest.hex().startswith(which.lower())]
            if len(tokens) > 1:
                ids = ", ".join(_id(one.digest) for one in tokens)
                raise InvalidArgument("id", f"{which} begins several: {ids}; give more digits")
        if not tokens:
            raise NotFound(self._none(name))
        for token in tokens:
            await self._tokens.remove(token.digest)
            await self._told("token revoked", name, token.digest, by, "")
        return {"name": name, "revoked": len(tokens), "ids": [_id(one.digest) for one in tokens]}

    def _none(self, name: str) -> str:
        if name in self._config.session_manager.clients:
            return (
                f"the tokens of {name} stand in files: take one out of its file, or the file out of"
                f" session_manager.clients.{name}.token_files"
            )
        return f"there is no such token of {name!r}; `sessiongate tokens list` has all"

    async def _told(self, what: str, name: str, digest: bytes, by: str, where: str) -> None:
        said = f"token {_id(digest)}{f' for {where}' if where else ''}"
        await self._journal.happened(what, user=by, subject=name, how="command line", detail=said)


def _row(token: StoredToken, used_at: datetime | None) -> TokenRow:
    return TokenRow(
        name=token.name,
        id=_id(token.digest),
        upstreams=list(token.upstreams),
        source="store",
        created_at=_utc(token.created_at),
        used_at=_utc(used_at),
    )


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC).replace(microsecond=0) if at is not None else None


def _id(digest: bytes) -> str:
    return digest.hex()[:_SHOWN]
