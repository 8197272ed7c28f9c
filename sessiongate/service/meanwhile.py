"""Accounts that changed while no server was running: their sessions end at the next start.

A running server ends them as soon as an account changes. A store that outlives the process would
otherwise bring back the sessions of somebody who has been shut out since. What is compared is what
a session shows, name and role; another password shows only where a command has set it. Accounts
that the settings name themselves change only so, and so do the providers that there are.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from sessiongate.audit.event import Event
from sessiongate.errors import BadCredentials
from sessiongate.rules.accounts import Account, parse_account
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Principal, Session


class Finds(Protocol):
    """A provider that knows its accounts without their passwords."""

    async def find(self, account: Account) -> Principal | None:
        """The account, None where unknown or disabled."""
        ...


async def end_outdated(
    sessions: Sessions, providers: Mapping[str, Finds], told: Sequence[Event]
) -> int:
    """End what these providers no longer vouch for, and what is older than a change in `told`."""
    changed = {event.subject: event.at for event in sorted(told, key=lambda one: one.at)}
    outdated: list[str] = []
    async for session in sessions.list():
        provider = providers.get(session.provider)
        if provider is None:
            continue
        at = changed.get(session.principal)
        if (at is not None and session.login_at <= at) or await _has_changed(session, provider):
            outdated.append(session.key)
    return await sessions.end_each(outdated, Ended.USER_CHANGED)


class Named(msgspec.Struct, frozen=True):
    """Whom the settings name."""

    providers: frozenset[str]
    """Who vouches for accounts, but for those in `accounts`."""
    accounts: Mapping[str, Mapping[str, tuple[str, ...]]]
    """By providers that are tables of the settings: their accounts, each with its roles."""


async def end_unnamed(sessions: Sessions, named: Named, before: Named | None) -> int:
    """End what settings in force no longer stand behind: another role, no account, no provider.

    A provider is gone where the settings `before` had it. One that was never heard of here is left
    alone: it is another server's, or a store was given other settings for a while.
    """
    gone = before.providers - named.providers if before is not None else frozenset()
    outdated = [one.key async for one in sessions.list() if _is_outdated(one, named, gone)]
    return await sessions.end_each(outdated, Ended.USER_CHANGED)


def _is_outdated(session: Session, named: Named, gone: frozenset[str]) -> bool:
    accounts = named.accounts.get(session.provider)
    if accounts is None:
        return session.provider in gone
    return accounts.get(session.principal) != session.roles


async def _has_changed(session: Session, provider: Finds) -> bool:
    try:
        found = await provider.find(parse_account(session.principal))
    except BadCredentials:  # not a name, so nobody's
        return True
    return found is None or (found.name, found.roles) != (session.principal, session.roles)
