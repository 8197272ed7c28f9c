"""The first administrator, where nobody can log in yet: by a link that works once.

The link is shown where the server is started, so that whoever can read that, and nobody else, may
use it. It is over after half an hour, at the end of the process, and as soon as there is a user,
whoever added that one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sessiongate.clock import Clock
from sessiongate.errors import InvalidArgument
from sessiongate.operations.console.page import Values
from sessiongate.secret import Secret

LIFE = timedelta(minutes=30)

Add = Callable[[str, Secret], Awaitable[None]]
"""Adds an administrator of this name and password. Raises InvalidArgument for what does not do."""


class FirstStart:
    """Whether the link is open, and what it does. `token` None where there is no need of one."""

    def __init__(
        self,
        clock: Clock,
        token: Secret | None,
        has_users: Callable[[], bool],
        add: Add,
        rule: str,
    ) -> None:
        self.rule = rule
        """Which passwords may be set, for whoever is about to choose one."""
        self._clock = clock
        self._token = token
        self._until = clock.now() + LIFE
        self._has_users = has_users
        self._add = add
        self._adding = asyncio.Lock()

    async def is_open(self, token: str) -> bool:
        """Whether this is the link's token, and the link is still good."""
        held = self._token
        if held is None or not held.same_as(Secret(token)) or self._clock.now() >= self._until:
            return False
        if await asyncio.to_thread(self._has_users):
            self._token = None
            return False
        return True

    async def add(self, token: str, form: Values) -> str:
        """Add the administrator that a form names. Why that is not done, "" where it is.

        Of many at once one does it.
        """
        name, password, again = form.first("name"), form.exact("password"), form.exact("again")
        if not name or not password:
            return "A name and a password are needed."
        if password != again:
            return "The two passwords differ."
        async with self._adding:
            if not await self.is_open(token):
                return "The link is over: there is a user now, or half an hour has passed."
            try:
                await self._add(name, Secret(password))
            except InvalidArgument as error:
                return f"{error}."
            self._token = None
        return ""
