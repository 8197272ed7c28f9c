"""AcquireLocalTicket: a one-time password in a file that only the server's own account can read.

Whoever can read that file could read the session store as well, so it proves as much as any
password. Only callers on the server's own host may ask, and they learn which names there are: vim
has its faults for that. So it is off unless the settings offer it. A file goes away with its use,
or as the oldest of too many.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import (
    BadCredentials,
    Malformed,
    NoPermission,
    NotSupported,
    Overloaded,
    SessionGateError,
    StoreUnavailable,
)
from sessiongate.files import open_own, own_directory, remove_own
from sessiongate.rules.access import SYSTEM_VIEW
from sessiongate.rules.token import TOKEN_BYTES, hex_token
from sessiongate.secret import Secret
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Opened, Sessions
from sessiongate.service.tickets import TICKET_LIFE
from sessiongate.session import Client, Person, Principal, Ticket
from sessiongate.store.port import TicketStore

# Marks a password as a ticket, so that ordinary logins need no look-up in the ticket table.
_MARK = "local-ticket-"

# What the audit calls the two halves.
_ISSUE, _REDEEM = "local ticket asked for", "local ticket"

# Local callers are anonymous here, so what they can leave on the disk is bounded.
_MOST_FILES = 100

# Who may wait for the disk at once. A file takes it some 0.1 ms; while it hangs, nobody beyond
# these is kept waiting for nothing.
_MOST_WAITING = 64

T = TypeVar("T")


class TicketOffer(msgspec.Struct, frozen=True):
    """Where local tickets are written, and the provider of names without a domain of their own."""

    folder: Path
    provider: str


class LocalLogin:
    """Issues local tickets and redeems them at login. Without an offer there are none."""

    def __init__(
        self,
        sessions: Sessions,
        logins: Logins,
        tickets: TicketStore,
        clock: Clock,
        journal: Journal,
        offer: TicketOffer | None,
    ) -> None:
        self._sessions = sessions
        self._logins = logins
        self._clock = clock
        self._journal = journal
        self._tickets = tickets
        self._offer = offer
        self._waiting = 0
        self._turn = asyncio.Lock()

    async def issue(self, user_name: str, client: Client) -> str:
        """Path of a file with a one-time password for this user.

        Raises NotSupported where the settings do not offer it, Malformed for a caller who is not
        proved to be on this host, BadCredentials for an unknown user, and NoPermission for one
        without any privilege.
        """
        if self._offer is None:
            raise NotSupported("dialects.vsphere.local_tickets is off")
        try:
            return await self._issue(self._offer, user_name, client)
        except SessionGateError as error:
            await self._journal.refused(_ISSUE, user_name, client, error)
            raise

    async def _issue(self, offer: TicketOffer, user_name: str, client: Client) -> str:
        if not _may_read(client):
            raise Malformed("a local ticket is only for a caller on the server's own host")
        principal = await self._logins.principal(user_name, offer.provider, client)
        if principal is None:
            raise BadCredentials("no such user")
        try:
            return await self._issue_to(principal, client, offer.folder)
        except SessionGateError as error:
            raise error.of_somebody(*principal.person) from error.__cause__

    async def _issue_to(self, principal: Principal, client: Client, folder: Path) -> str:
        if not self._sessions.allows(principal):
            raise NoPermission(SYSTEM_VIEW)
        ticket = Secret(_MARK + hex_token(secrets.token_bytes(TOKEN_BYTES)))
        expires_at = self._clock.now() + TICKET_LIFE
        await self._tickets.put(ticket.digest(), Ticket("local", principal.name, expires_at))
        try:
            path = str(await self._on_a_thread(lambda: _write(folder, ticket)))
        except OSError as error:
            raise StoreUnavailable(f"a local ticket cannot be written: {error.strerror}") from None
        await self._journal.ticket_issued(principal, client)
        return path

    async def _on_a_thread(self, work: Callable[[], T]) -> T:
        """Run this on another thread: a disk that hangs must not stop the event loop.

        One at a time, so that no more than one thread hangs with it. Raises Overloaded.
        """
        if self._waiting >= _MOST_WAITING:
            raise Overloaded("too many local tickets wait for the disk", says="")
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1

    async def redeem(
        self, user_name: str, password: Secret, client: Client, locale: str | None
    ) -> Opened | None:
        """A session for a local ticket used as a password; None if the password is not one."""
        offer = self._offer
        if offer is None or not (password.reveal().startswith(_MARK) and _may_read(client)):
            return None
        try:
            with self._logins.meanwhile() as changed:
                return await self._redeem(offer, user_name, password, client, locale, changed)
        except SessionGateError as error:
            await self._journal.refused(_REDEEM, user_name, client, error)
            raise

    async def _redeem(
        self,
        offer: TicketOffer,
        user_name: str,
        password: Secret,
        client: Client,
        locale: str | None,
        changed: Collection[Person],
    ) -> Opened:
        # What may fail without the ticket comes before it is used up.
        self._logins.locale_of(locale)
        principal = await self._logins.principal(user_name, offer.provider, client)
        digest = password.digest()
        taken = await self._tickets.take(digest, "local", self._clock.now())
        path = offer.folder / digest.hex()
        with suppress(OSError, Overloaded):  # used up, it opens nothing; later ones push it out
            await self._on_a_thread(lambda: remove_own(path))
        if taken is None or principal is None or principal.name != taken.subject:
            refused = BadCredentials("the local ticket is unknown, used, expired or another user's")
            raise refused.of_somebody(*principal.person) if principal is not None else refused
        return await self._logins.login_as(
            principal, client, locale, changed=changed, typed=user_name, how=_REDEEM
        )


def _write(folder: Path, ticket: Secret) -> Path:
    own_directory(folder)
    oldest = sorted(folder.iterdir(), key=_written)
    for stale in oldest[: max(0, len(oldest) - _MOST_FILES + 1)]:
        stale.unlink(missing_ok=True)
    path = folder / ticket.digest().hex()
    number = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(ticket.reveal())
    return path


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # used meanwhile, at another worker
        return 0.0


def _may_read(client: Client) -> bool:
    """Whether this is a caller on our host who may be able to read the file.

    By TCP nobody knows which user it is. By a Unix socket only the server's own account and root
    could, and a proxy that passes on others' calls is neither.
    """
    return client.local and client.user in (None, os.geteuid(), 0)
