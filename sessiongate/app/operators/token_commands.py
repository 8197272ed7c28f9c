"""What the command line asks of tokens and does to them: of the session manager's clients, and of
scripts at the console.

A name is of one kind: revoking all tokens of a client takes no script's away.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from sessiongate.app.setup.roles_and_users import roles_of
from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.config import Config
from sessiongate.config.session_manager import NAME, NAME_RULE, no_tickets_of
from sessiongate.errors import InvalidArgument, NotFound
from sessiongate.operations.console.sign_in import ENOUGH
from sessiongate.rules.access import no_such_role
from sessiongate.rules.scopes import console_role, console_scope
from sessiongate.rules.token import MANAGER_BYTES, manager_token, script_token
from sessiongate.secret import Secret
from sessiongate.service.manager_clients import ManagerCaller
from sessiongate.store.manager_port import ManagerTokens, StoredToken

_SHOWN = 8
"""Digits of a digest that tokens are called by."""


class TokenRow(msgspec.Struct, kw_only=True):
    """A token as people see it."""

    name: str
    id: str
    """The first digits of its digest, which the audit has too."""
    upstreams: list[str]
    role: str
    """At the console; "" for one of the session manager."""
    source: str
    """ "store", or "file"."""
    created_at: datetime | None
    used_at: datetime | None
    """When it was shown last, and taken; None for never."""


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
        self._roles = roles_of(config)
        self._tokens = tokens
        self._in_files = in_files
        self._clock = clock
        self._journal = journal

    async def create(
        self, name: str, upstreams: Sequence[str], role: str | None, by: str
    ) -> dict[str, object]:
        """A new token, told here and never again. Raises InvalidArgument.

        It is for the console where a `role` is named, else for the clone tickets of `upstreams`.
        """
        if not NAME.fullmatch(name):
            raise InvalidArgument("name", NAME_RULE)
        if role is not None:
            scopes, make = self._for_console(upstreams, role), script_token
        else:
            scopes, make = self._for_tickets(upstreams), manager_token
        is_script = role is not None
        for one in await self._tokens.all():
            if one.name == name and bool(console_role(one.scopes)) != is_script:
                there = "clone tickets" if is_script else "the console"
                raise InvalidArgument("name", f"{name} has tokens for {there}; take another name")
        token = Secret(make(secrets.token_bytes(MANAGER_BYTES)))
        stored = StoredToken(token.digest(), name, scopes, self._clock.now())
        await self._tokens.add(stored)
        await self._record("token created", name, stored.digest, by, ", ".join(scopes))
        return {**msgspec.structs.asdict(_row(stored, None)), "token": token.reveal()}

    def _for_tickets(self, upstreams: Sequence[str]) -> tuple[str, ...]:
        if not upstreams:
            raise InvalidArgument("upstream", "say which upstreams the token is for")
        for upstream in upstreams:
            if wrong := no_tickets_of(upstream, self._config.upstream):
                raise InvalidArgument("upstream", wrong)
        return tuple(dict.fromkeys(upstreams))

    def _for_console(self, upstreams: Sequence[str], role: str) -> tuple[str, ...]:
        if upstreams:
            raise InvalidArgument("upstream", "a token is for clone tickets or for the console")
        if self._config.console.listen is None:
            raise InvalidArgument("console", "there is none: console.listen is off")
        if role not in self._roles.names():
            raise InvalidArgument("role", f"unknown; {no_such_role(role, self._roles.names())}")
        if not self._roles.privileges_of((role,)) & ENOUGH:
            needed = " or ".join(sorted(ENOUGH))
            raise InvalidArgument("role", f"{role} may not use the console: it needs {needed}")
        return (console_scope(role),)

    async def list(self) -> list[TokenRow]:
        """All tokens, of files too, by name and age."""
        uses = await self._tokens.uses()
        rows = [_row(one, uses.get(one.digest)) for one in await self._tokens.all()]
        rows += [
            TokenRow(
                name=one.name,
                id=_id(digest),
                upstreams=sorted(one.upstreams),
                role="",
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
            await self._record("token revoked", name, token.digest, by, "")
        return {"name": name, "revoked": len(tokens), "ids": [_id(one.digest) for one in tokens]}

    def _none(self, name: str) -> str:
        if name in self._config.session_manager.clients:
            return (
                f"the tokens of {name} stand in files: take one out of its file, or the file out of"
                f" session_manager.clients.{name}.token_files"
            )
        return f"there is no such token of {name!r}; `sessiongate tokens list` has all"

    async def _record(self, what: str, name: str, digest: bytes, by: str, where: str) -> None:
        said = f"token {_id(digest)}{f' for {where}' if where else ''}"
        await self._journal.happened(what, user=by, subject=name, how="command line", detail=said)


def _row(token: StoredToken, used_at: datetime | None) -> TokenRow:
    role = console_role(token.scopes)
    return TokenRow(
        name=token.name,
        id=_id(token.digest),
        upstreams=[] if role else list(token.scopes),
        role=role,
        source="store",
        created_at=_utc(token.created_at),
        used_at=_utc(used_at),
    )


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC).replace(microsecond=0) if at is not None else None


def _id(digest: bytes) -> str:
    return digest.hex()[:_SHOWN]
