"""The pages of users: everybody who is known or signed in, and one of them with what may be done.

Known are the users of this server's own files; of a directory's, those who have sessions or are
locked. What is changed here is written in the files, as the commands `users` do it.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from urllib.parse import urlencode

import msgspec

from sessiongate.errors import InvalidArgument, NotFound
from sessiongate.operations.console.page import Action, Again, Page, Visit, Went
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.console.port import LocalUser
from sessiongate.operations.console.step_up import objection_to_password
from sessiongate.rules.access import ADMINISTER
from sessiongate.rules.name_pattern import pattern_of
from sessiongate.session import Person

MOST_USERS = 500
"""Rows of the page: of more the filter finds some."""


class UserLine(msgspec.Struct, frozen=True):
    """Somebody."""

    provider: str
    name: str
    full_name: str
    role: str
    """"" for somebody whom a directory knows."""
    local: bool
    """Whether this server's own files have this one."""
    disabled: bool
    locked_until: datetime | None
    sessions: int
    query: str
    """What names this one in an address."""


class UsersPage(msgspec.Struct, frozen=True):
    """Everybody whose name fits."""

    rows: list[UserLine]
    total: int
    user: str
    """What is looked for in names."""


class UserPage(msgspec.Struct, frozen=True):
    """One user, and the roles that there are."""

    user: UserLine
    roles: list[str]
    sessions_query: str
    """Finds this one's sessions."""


def pages(parts: ConsoleParts) -> list[Page | Action]:
    """The pages of this module."""
    actions = {"unlock": _unlock, "disable": _disable, "enable": _enable, "role": _role}
    return [
        Page("users", "Users", partial(_users, parts), "users.html", menu="Users", letter="u"),
        Page("user", "User", partial(_user, parts), "user.html"),
        *(
            Action(f"user/{name}", partial(act, parts), ADMINISTER, form="user")
            for name, act in actions.items()
        ),
    ]


async def _everybody(parts: ConsoleParts) -> list[UserLine]:
    counts = Counter[Person]()
    async for one in parts.sessions.list():
        counts[Person(one.provider, one.principal)] += 1
    locks = {
        Person(provider, name): until
        for provider, names in (await parts.users.locked()).items()
        for name, until in names.items()
    }
    local = {Person(one.provider, one.name): one for one in await parts.users.all()}
    # A line for each of a hundred thousand people takes longer than others should wait.
    return await asyncio.to_thread(_lines, counts, locks, local)


def _lines(
    counts: Mapping[Person, int],
    locks: Mapping[Person, datetime],
    local: Mapping[Person, LocalUser],
) -> list[UserLine]:
    lines = []
    for person in {*counts, *locks, *local}:
        known = local.get(person)
        lines.append(
            UserLine(
                person.provider,
                person.name,
                known.full_name if known is not None else "",
                known.role if known is not None else "",
                known is not None,
                known is not None and known.disabled,
                locks.get(person),
                counts.get(person, 0),
                urlencode({"provider": person.provider, "name": person.name}),
            )
        )
    return sorted(lines, key=_place)


def _place(one: UserLine) -> tuple[bool, bool, str, str]:
    """The locked first, then by name; behind all people what strangers have guessed as names."""
    return not (one.local or one.sessions), one.locked_until is None, one.name, one.provider


async def _users(parts: ConsoleParts, visit: Visit) -> UsersPage:
    wanted = visit.query.one("user").lower()
    fit = [one for one in await _everybody(parts) if wanted in one.name.lower()]
    return UsersPage(fit[:MOST_USERS], len(fit), visit.query.one("user"))


async def _user(parts: ConsoleParts, visit: Visit) -> UserPage:
    one = await _found(parts, _named(visit))
    if one is None:
        raise NotFound("Nobody of this name is known, signed in or locked.")
    query = urlencode({"user": pattern_of(one.name), "provider": one.provider})
    return UserPage(one, list(parts.users.roles), query)


async def _found(parts: ConsoleParts, who: Person) -> UserLine | None:
    lines = await _everybody(parts)
    return next((one for one in lines if who == Person(one.provider, one.name)), None)


def _named(visit: Visit) -> Person:
    return Person(visit.query.one("provider"), visit.query.one("name"))


def _back(visit: Visit, did: str) -> Went:
    provider, name = _named(visit)
    return Went(f"user?{urlencode({'provider': provider, 'name': name})}", did)


async def _unlock(parts: ConsoleParts, visit: Visit) -> Went | Again:
    who, by = _named(visit), visit.session.principal
    did = "unlocked" if await parts.users.unlock(who.name, by, visit.said) else "free"
    if await _found(parts, who) is None:  # the lock was all that was known of this one
        return Went("users", did)
    return _back(visit, did)


async def _disable(parts: ConsoleParts, visit: Visit) -> Went | Again:
    return await _set_disabled(parts, visit, disabled=True)


async def _enable(parts: ConsoleParts, visit: Visit) -> Went | Again:
    return await _set_disabled(parts, visit, disabled=False)


async def _set_disabled(parts: ConsoleParts, visit: Visit, *, disabled: bool) -> Went | Again:
    by = visit.session.principal
    try:
        await parts.users.set_disabled(_named(visit), disabled, by, visit.said)
    except InvalidArgument as error:
        return Again(f"{error}.")
    return _back(visit, "disabled" if disabled else "enabled")


async def _role(parts: ConsoleParts, visit: Visit) -> Went | Again:
    if why := await objection_to_password(parts, visit):
        return Again(why)
    by, role = visit.session.principal, visit.form.one("role")
    try:
        await parts.users.set_role(_named(visit), role, by, visit.said)
    except InvalidArgument as error:
        return Again(f"{error}.")
    return _back(visit, "role")
