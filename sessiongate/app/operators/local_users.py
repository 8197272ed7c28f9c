"""The users files of these settings, and the locks, as the console asks for changes of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path

from sessiongate.app.operators.locks import Locks
from sessiongate.app.setup.new_users import new_password, new_user, refused_to_people
from sessiongate.app.setup.roles_and_users import is_last_administrator, roles_of, users_file
from sessiongate.audit.event import EventDetails
from sessiongate.audit.journal import Journal
from sessiongate.config import Config
from sessiongate.errors import BadCredentials, InvalidArgument, NotFound
from sessiongate.identity.local import users_file as store
from sessiongate.identity.local.users_file import User
from sessiongate.operations.console.port import LocalUser, UserRules
from sessiongate.rules.passwords import rule_of
from sessiongate.secret import Secret
from sessiongate.session import Person


class UsersOfFiles:
    """`LocalUsers` over the files of the settings. `refresh` has the server look at them anew."""

    def __init__(
        self,
        config: Config,
        locks: Locks,
        journal: Journal,
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self._config = config
        self._locks = locks
        self._journal = journal
        self._refresh = refresh
        self._roles = roles_of(config)
        self._changing = asyncio.Lock()

    @property
    def rules(self) -> UserRules:
        """What they may be given."""
        tables = self._config.identity.items()
        files = [name for name, table in tables if table.get("type") == "file"]
        return UserRules(self._roles.names(), files, rule_of(self._config.hashing.min_length))

    async def all(self) -> list[LocalUser]:
        """Everybody in any of the files."""
        return await asyncio.to_thread(self._all)

    async def locked(self) -> Mapping[str, Mapping[str, datetime]]:
        """Who is locked, and until when."""
        return await self._locks.locked()

    async def unlock(self, name: str, by: str, said: EventDetails) -> bool:
        """Let this name try again. Raises InvalidArgument for what is no name."""
        try:
            return await self._locks.unlock(name, by, said.get("how", ""), said.get("detail", ""))
        except BadCredentials as refused:
            raise InvalidArgument("name", str(refused)) from None

    async def set_disabled(self, who: Person, disabled: bool, by: str, said: EventDetails) -> None:
        """Disable a user, or enable one again."""

        def change(path: Path) -> User:
            if disabled:
                self._refuse_the_last(path, who.name)
            return store.set_disabled(path, who.name, disabled)

        await self._change("user disabled" if disabled else "user enabled", who, change, by, said)

    async def set_role(self, who: Person, role: str, by: str, said: EventDetails) -> None:
        """Set a user's role."""

        def change(path: Path) -> User:
            self._refuse_the_last(path, who.name)
            return store.set_role(path, who.name, role, roles=self._roles.names())

        await self._change("role set", who, change, by, _and_why(f"to {role}", said))

    async def add(
        self, who: Person, full_name: str, role: str, password: Secret, by: str, said: EventDetails
    ) -> str:
        """Add a user."""

        def change(path: Path) -> User:
            return new_user(self._config, path, who.name, password, role, full_name)

        told = _and_why(f"role {role}", said)
        return (await self._change("user added", who, change, by, told)).canonical

    async def set_password(
        self, who: Person, password: Secret, by: str, said: EventDetails
    ) -> None:
        """Set a user's password."""

        def change(path: Path) -> User:
            return new_password(self._config, path, who.name, password)

        await self._change("password set", who, change, by, said)

    async def _change(
        self, what: str, who: Person, change: Callable[[Path], User], by: str, said: EventDetails
    ) -> User:
        if self._config.identity.get(who.provider, {}).get("type") != "file":
            raise NotFound(f"there is no users file of a provider {who.provider!r}")
        path = users_file(self._config, who.provider)
        async with self._changing:
            with refused_to_people():
                user = await asyncio.to_thread(change, path)
            how, detail = said.get("how", ""), said.get("detail", "")
            await self._journal.happened(
                what, user=by, subject=user.canonical, provider=who.provider, how=how, detail=detail
            )
        await self._refresh()
        return user

    def _all(self) -> list[LocalUser]:
        return [
            LocalUser(name, one.canonical, one.full_name, one.role, one.disabled, one.created)
            for name, table in self._config.identity.items()
            if table.get("type") == "file"
            for one in store.list_users(users_file(self._config, name))
        ]

    def _refuse_the_last(self, path: Path, name: str) -> None:
        user, users = store.find_user(path, name), store.list_users(path)
        if is_last_administrator(user, users, self._roles):
            raise InvalidArgument(
                "name", f"{user.name} is the last administrator; make another one first"
            )


def _and_why(words: str, said: EventDetails) -> EventDetails:
    detail = said.get("detail", "")
    return EventDetails(how=said.get("how", ""), detail=f"{words}: {detail}" if detail else words)
