"""Accounts that change, and the end of their sessions.

While a server runs, providers say which account has changed, and `AccountChanges` ends its sessions
at once. What changed while none was running is found at the start, since the store may bring back
sessions from before: `end_outdated` compares sessions with the accounts in files, `end_if_unnamed`
with those that the settings name.

Compared is what a session shows, name and role. Another password shows only where a command has set
it, which leaves an event.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from sessiongate.audit.event import Event
from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import BadCredentials, Unavailable
from sessiongate.files import open_own, read_own
from sessiongate.identity.guard.overlapping import OverlappingChanges
from sessiongate.identity.port import Dated, IdentityProvider, Refreshable
from sessiongate.rules.accounts import Account, parse_account
from sessiongate.service.endings import MOST_PASSES, EndingsUnderWay
from sessiongate.session import Ended, Person, Principal, Session

_log = structlog.get_logger("sessiongate.service")

# Within so long a running server has noticed a changed user, and the store has a later time.
_NOTICED = timedelta(seconds=5)


class FindsAccounts(Protocol):
    """A provider that knows its accounts without their passwords."""

    async def find(self, account: Account) -> Principal | None:
        """The account, None where unknown or disabled."""
        ...


class LiveSessions(Protocol):
    """What has to be known of sessions here."""

    @property
    def endings(self) -> EndingsUnderWay:
        """Whose sessions are being ended."""
        ...

    def on_open(self, tell: Callable[[Session], None]) -> None:
        """Call `tell` with each session that this process opens."""
        ...

    def list(self) -> AsyncIterator[Session]:
        """All live sessions."""
        ...

    async def end_each(self, keys: Sequence[str], reason: Ended, by: str = "") -> int:
        """End the sessions of these keys. How many had not ended before."""
        ...


class AccountChanges:
    """Ends the sessions of accounts as they change, and tells logins under way of it.

    An account stays pending until its sessions have ended, however often the store fails.

    Servers that share a store find the same change one after the other, and meanwhile somebody may
    log in at another server by the new record. So a server ends what was opened before its last
    look at the accounts, and of what was opened since then only its own:

        09:00:00  this server looks at the accounts: bob is as before
        09:00:01  bob's password is changed; another server notices, ends his sessions, lets him in
        09:00:02  this server notices: what the other opened at 09:00:01 stays
    """

    def __init__(self, sessions: LiveSessions, clock: Clock, journal: Journal) -> None:
        self._sessions = sessions
        self._clock = clock
        self._journal = journal
        self._providers: dict[str, IdentityProvider] = {}
        self._pending: set[Person] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looked_at: datetime | None = None
        self._opened: deque[tuple[datetime, str]] = deque()
        """When and with which key this process has opened sessions since the last look."""
        self._logins = OverlappingChanges[Person]()
        sessions.on_open(self._note)

    def watch(self, name: str, provider: IdentityProvider) -> None:
        """End the sessions of each account that this provider, called so, says has changed."""
        self._providers[name] = provider
        provider.on_change(partial(self._changed, name))

    def meanwhile(self) -> AbstractContextManager[Collection[Person]]:
        """The accounts that change while a login is under way, which is then to be undone."""
        return self._logins.meanwhile()

    async def refresh(self) -> None:
        """Have changed accounts looked for, and wait until the sessions of those have ended.

        Raises Unavailable where some cannot be ended. The next call tries again, and then ends all
        sessions of those accounts, also what other servers have opened since.
        """
        began = self._clock.now()
        for provider in self._providers.values():
            if isinstance(provider, Refreshable):
                await provider.refresh()
        await self.settled()
        for person in tuple(self._pending):
            await self._end_sessions_of(person, None)
        while self._opened and self._opened[0][0] < began:
            self._opened.popleft()
        self._looked_at = began

    async def refresh_after_command(self) -> None:
        """The same after a command has changed users.

        It asks the servers before it says that it is done, so nobody can have logged in by the new
        record yet: no session is spared.
        """
        self._looked_at = None
        await self.refresh()

    async def settled(self) -> None:
        """Wait until every end that has begun is done, or has failed and is pending."""
        await asyncio.gather(*self._tasks)

    async def catch_up(self, seen: datetime, told: Sequence[Event]) -> None:
        """End the sessions of users who changed since `seen`, when a server was last running.

        `told` are the changes that commands have made since. Raises StoreUnavailable.
        """
        dated = {name: one for name, one in self._providers.items() if isinstance(one, Dated)}
        if told or any(one.changed_since(seen - _NOTICED) for one in dated.values()):
            await end_outdated(self._sessions, dated, told)

    def _note(self, session: Session) -> None:
        self._opened.append((session.login_at, session.key))

    def _changed(self, provider: str, name: str) -> None:
        """An account has changed. `refresh` waits until its sessions have ended."""
        person = Person(provider, name)
        self._pending.add(person)
        self._logins.tell(person)
        task = asyncio.ensure_future(self._end_at_once(person))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_at_once(self, person: Person) -> None:
        with suppress(Unavailable):  # then `refresh` tries until it can be done
            await self._end_sessions_of(person, self._looked_at)

    async def _end_sessions_of(self, person: Person, looked_at: datetime | None) -> None:
        """End the sessions opened before `looked_at` or here; all, where that is None.

        What is opened here from now on is by the new record.
        """
        ours = {key for _, key in self._opened}
        async with self._sessions.endings.of(person):
            for _ in range(MOST_PASSES):
                since = {key for _, key in self._opened} - ours
                keys = [
                    one.key
                    async for one in self._sessions.list()
                    if (one.provider, one.principal) == person
                    and one.key not in since
                    and (looked_at is None or one.login_at < looked_at or one.key in ours)
                ]
                if not keys:
                    break
                await self._sessions.end_each(keys, Ended.USER_CHANGED)
            else:
                _log.warning("sessions that were to end come again and again", user=person.name)
        self._pending.discard(person)
        await self._journal.happened(
            "account changed", subject=person.name, provider=person.provider
        )


async def end_outdated(
    sessions: LiveSessions, providers: Mapping[str, FindsAccounts], told: Sequence[Event]
) -> int:
    """End sessions whose account is another or gone, and those older than a change in `told`.

    How many those were. Sessions of providers that are not given here stay.
    """
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


class ConfiguredNames(msgspec.Struct, frozen=True):
    """Whom the settings name.

    Clients of the appliance dialect, extensions, providers and issuers of tokens come and go with
    the settings, which are read at a start.
    """

    providers: frozenset[str]
    """Providers whose accounts are not in the settings."""
    accounts: Mapping[str, Mapping[str, tuple[str, ...]]]
    """By provider that is a table of the settings: its accounts, each with its roles."""


async def end_if_unnamed(
    sessions: LiveSessions, named: ConfiguredNames, path: Path, seen: datetime | None
) -> None:
    """End the sessions that these settings no longer stand behind; `seen` is None for none at all.

    To look through a million sessions takes seconds, so it is done only where the names are others
    than at the last start, which the file at `path` has. Each worker needs its own: where workers
    are replaced in turn, the last one opens sessions by the old settings until it goes.

    Raises StoreUnavailable; the next start then looks again.
    """
    before = _read(path)
    if before == named:
        return
    if seen is not None:
        await end_unnamed(sessions, named, before)
    # Not written, or not whole after a crash, it costs the next start one look more.
    with suppress(OSError):
        _write(path, msgspec.json.encode(named))


async def end_unnamed(
    sessions: LiveSessions, named: ConfiguredNames, before: ConfiguredNames | None
) -> int:
    """End sessions whose account, role or provider the settings no longer name. How many.

    A provider is gone where the settings `before` had it. One that they did not have either is left
    alone: it is another server's, or a store was given other settings for a while.
    """
    gone = before.providers - named.providers if before is not None else frozenset()
    outdated = [one.key async for one in sessions.list() if _is_outdated(one, named, gone)]
    return await sessions.end_each(outdated, Ended.USER_CHANGED)


def _is_outdated(session: Session, named: ConfiguredNames, gone: frozenset[str]) -> bool:
    accounts = named.accounts.get(session.provider)
    if accounts is None:
        return session.provider in gone
    return accounts.get(session.principal) != session.roles


async def _has_changed(session: Session, provider: FindsAccounts) -> bool:
    try:
        found = await provider.find(parse_account(session.principal))
    except BadCredentials:  # not a name, so nobody's
        return True
    return found is None or (found.name, found.roles) != (session.principal, session.roles)


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(content)


def _read(path: Path) -> ConfiguredNames | None:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(read_own(path), type=ConfiguredNames)
    return None
