"""The pages of users: everybody who is known or signed in, and one of them with what may be done.

Known are the users of this server's own files; of a directory's, those who have sessions, are
locked, or have logged in lately, as the audit says. What is changed here is written in the files,
as the commands `users` do it.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Set
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlencode

import msgspec

from sessiongate.errors import InvalidArgument, NotFound, Unavailable
from sessiongate.operations.console.page import (
    REASON,
    Action,
    ActionDone,
    ActionRefused,
    Input,
    Page,
    Visit,
)
from sessiongate.operations.console.parts import ConsoleParts, Insights
from sessiongate.operations.console.port import LocalUser
from sessiongate.operations.console.step_up import objection_to_password
from sessiongate.rules.access import ADMINISTER
from sessiongate.rules.leaks import shares_by_person
from sessiongate.rules.name_pattern import pattern_of
from sessiongate.secret import Secret
from sessiongate.service.user_history import UserHistory
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
    last_login: datetime | None
    """Of the newest events of the audit, which alone are looked at; None where none is there."""
    last_refusal: datetime | None
    """The same of a refused login by this name."""
    left_share: float | None
    """Of the sessions that ended within a day, how many nobody logged out: 0 to 1."""
    query: str
    """What names this one in an address."""


class AddUserPage(msgspec.Struct, frozen=True):
    """What a new user may be given."""

    roles: list[str]
    files: list[str]
    rule: str
    """Which passwords may be set."""


class UsersPage(msgspec.Struct, frozen=True):
    """Everybody whose name fits."""

    rows: list[UserLine]
    total: int
    user: str
    """What is looked for in names."""
    may_add: bool
    """Whether there is a file of users to add one to."""


class UserPage(msgspec.Struct, frozen=True):
    """One user, and the roles that there are."""

    user: UserLine
    roles: list[str]
    sessions_query: str
    """Finds this one's sessions."""
    rule: str
    """Which passwords may be set."""


def pages(parts: ConsoleParts) -> list[Page | Action]:
    """The pages of this module."""
    return [
        Page(
            "users",
            "Users",
            partial(_users, parts),
            "users.html",
            menu="Users",
            letter="u",
            asks=(Input("user", "A part of the name."),),
        ),
        Page("users/add", "Add a user", partial(_rules, parts), "user_add.html", ADMINISTER),
        Action(
            "users/add",
            partial(_add, parts),
            ADMINISTER,
            asks=(
                Input("name", "As the user will type it.", required=True),
                Input("full_name", "Name for people."),
                Input("role", "One of the roles that there are.", required=True),
                Input("provider", "Whose file, where there are several."),
                *_NEW_PASSWORD,
                REASON,
            ),
            title="Add a local user",
            by_person=True,
        ),
        Page("user", "User", partial(_user, parts), "user.html", asks=_WHO),
        *(
            Action(
                f"user/{name}",
                partial(act, parts),
                ADMINISTER,
                "user",
                asks=(*_WHO, *asks, REASON),
                title=title,
                by_person=bool(asks) or name == "enable",
            )
            for name, act, title, asks in (
                ("unlock", _unlock, "Let a locked user try again, with every provider", ()),
                ("disable", _disable, "Keep a local user out, and end the sessions", ()),
                ("enable", _enable, "Let a local user in again", ()),
                ("role", _role, "Give a local user another role, and end the sessions", _NEW_ROLE),
                ("password", _password, "Set a local user's password", _NEW_PASSWORD),
            )
        ),
    ]


_WHO = (
    Input("provider", "Who has this user: a provider's name.", required=True),
    Input("name", "The user's canonical name.", required=True),
)
"""Of an action too, in its form or its address."""

_OWN_PASSWORD = Input("password", "The administrator's own.", required=True)
_NEW_ROLE = (Input("role", "The new one.", required=True), _OWN_PASSWORD)
_NEW_PASSWORD = (
    Input("new", "The new password.", required=True),
    Input("again", "The same again.", required=True),
    _OWN_PASSWORD,
)

_DAY = timedelta(days=1)

# What the audit says of users is read again after this long, however many look. A day of a busy
# server takes seconds.
_FRESH = timedelta(seconds=5)
_FRESH_SHARES = timedelta(minutes=10)


class _Past(msgspec.Struct, frozen=True):
    """What is known of what users did."""

    history: UserHistory
    shares: Mapping[Person, float]


async def _past(insights: Insights) -> _Past:
    """As much as can be found out: an outage of the audit keeps nobody from the users."""
    history, shares = UserHistory(), dict[Person, float]()
    with suppress(Unavailable):
        history = await insights.audit.users(_FRESH)
        report = await insights.leaks.report(_DAY, _FRESH_SHARES, live=False)
        shares = shares_by_person(report.clients)
    return _Past(history, shares)


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
    past = await _past(parts.insights)
    # A line for each of a hundred thousand people takes longer than others should wait.
    files = frozenset(parts.users.rules.files)
    seen = [one for one in past.history.logins if one.provider not in files]
    return await asyncio.to_thread(
        _lines, {*counts, *locks, *local, *seen}, counts, locks, local, past
    )


def _lines(
    people: Set[Person],
    counts: Mapping[Person, int],
    locks: Mapping[Person, datetime],
    local: Mapping[Person, LocalUser],
    past: _Past,
) -> list[UserLine]:
    lines = []
    for person in people:
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
                past.history.logins.get(person),
                past.history.refusals.get(person.name),
                past.shares.get(person),
                urlencode({"provider": person.provider, "name": person.name}),
            )
        )
    return sorted(lines, key=_place)


def _place(one: UserLine) -> tuple[bool, bool, str, str]:
    """The locked first, then by name; behind all people what strangers have guessed as names."""
    is_somebody = one.local or one.sessions or one.last_login
    return not is_somebody, one.locked_until is None, one.name, one.provider


async def _users(parts: ConsoleParts, visit: Visit) -> UsersPage:
    wanted = visit.query.first("user").lower()
    fit = [one for one in await _everybody(parts) if wanted in one.name.lower()]
    return UsersPage(
        fit[:MOST_USERS], len(fit), visit.query.first("user"), bool(parts.users.rules.files)
    )


async def _rules(parts: ConsoleParts, _: Visit) -> AddUserPage:
    rules = parts.users.rules
    if not rules.files:
        raise NotFound("No file of this server has users: add them in the directory.")
    return AddUserPage(list(rules.roles), list(rules.files), rules.password)


async def _user(parts: ConsoleParts, visit: Visit) -> UserPage:
    one = await _found(parts, _named(visit))
    if one is None:
        raise NotFound("Nobody of this name is known, signed in or locked.")
    query = urlencode({"user": pattern_of(one.name), "provider": one.provider})
    rules = parts.users.rules
    return UserPage(one, list(rules.roles), query, rules.password)


async def _found(parts: ConsoleParts, who: Person) -> UserLine | None:
    lines = await _everybody(parts)
    return next((one for one in lines if who == Person(one.provider, one.name)), None)


def _named(visit: Visit) -> Person:
    """Whom a page's address names, or a script's form."""
    given = [visit.query.first(one) or visit.form.first(one) for one in ("provider", "name")]
    return Person(*given)


def _back(visit: Visit, did: str) -> ActionDone:
    provider, name = _named(visit)
    return ActionDone(f"user?{urlencode({'provider': provider, 'name': name})}", did)


async def _unlock(parts: ConsoleParts, visit: Visit) -> ActionDone | ActionRefused:
    who, by = _named(visit), visit.session.principal
    try:
        did = "unlocked" if await parts.users.unlock(who.name, by, visit.audit_details) else "free"
    except InvalidArgument as error:
        return ActionRefused(f"{error}.")
    if visit.is_script:  # it is led nowhere
        return _back(visit, did)
    with suppress(Unavailable):  # it is done, whatever can be shown of this one
        if await _found(parts, who) is None:  # the lock was all that was known
            return ActionDone("users", did)
    return _back(visit, did)


async def _disable(parts: ConsoleParts, visit: Visit) -> ActionDone | ActionRefused:
    return await _set_disabled(parts, visit, disabled=True)


async def _enable(parts: ConsoleParts, visit: Visit) -> ActionDone | ActionRefused:
    return await _set_disabled(parts, visit, disabled=False)


async def _set_disabled(
    parts: ConsoleParts, visit: Visit, *, disabled: bool
) -> ActionDone | ActionRefused:
    by = visit.session.principal
    try:
        await parts.users.set_disabled(_named(visit), disabled, by, visit.audit_details)
    except InvalidArgument as error:
        return ActionRefused(f"{error}.")
    return _back(visit, "disabled" if disabled else "enabled")


async def _role(parts: ConsoleParts, visit: Visit) -> ActionDone | ActionRefused:
    if why := await objection_to_password(parts, visit):
        return ActionRefused(why)
    by, role = visit.session.principal, visit.form.first("role")
    try:
        await parts.users.set_role(_named(visit), role, by, visit.audit_details)
    except InvalidArgument as error:
        return ActionRefused(f"{error}.")
    return _back(visit, "role")


async def _password(parts: ConsoleParts, visit: Visit) -> ActionDone | ActionRefused:
    if why := await _objection(parts, visit):
        return ActionRefused(why)
    new = Secret(visit.form.exact("new"))
    try:
        await parts.users.set_password(
            _named(visit), new, visit.session.principal, visit.audit_details
        )
    except InvalidArgument as error:
        return ActionRefused(f"{error}.")
    return _back(visit, "password")


async def _add(parts: ConsoleParts, visit: Visit) -> ActionDone | ActionRefused:
    form, files = visit.form, parts.users.rules.files
    provider = form.first("provider") or next(iter(files), "")
    if provider not in files:
        return ActionRefused(f"The provider must be one of: {', '.join(files)}.")
    if why := await _objection(parts, visit):
        return ActionRefused(why)
    who, new = Person(provider, form.first("name")), Secret(form.exact("new"))
    role, by = form.first("role"), visit.session.principal
    try:
        name = await parts.users.add(
            who, form.first("full_name"), role, new, by, visit.audit_details
        )
    except InvalidArgument as error:
        return ActionRefused(f"{error}.")
    return ActionDone(f"user?{urlencode({'provider': provider, 'name': name})}", "user-added")


async def _objection(parts: ConsoleParts, visit: Visit) -> str:
    """Why a form with a new password does not do; "" where it does."""
    if visit.form.exact("new") != visit.form.exact("again"):
        return "The two new passwords differ."
    return await objection_to_password(parts, visit)
