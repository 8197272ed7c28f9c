r"""The provider of type `ldap`: people of Active Directory, OpenLDAP and their like.

A login finds the entry of a name as the service account, binds as that entry with the password,
and looks up the groups; or, with `user_dn`, binds straight away. A name that is not there costs
the same steps: the bind then goes to an entry that does not exist.

A directory may know one person by many names. So a try is counted for the person found, too, before
the password is looked at; and who was bound has to be the person whose entry is read.

Directories do not tell us of changes: whoever is disabled there is refused at the next login, and
the sessions that are open stay until they end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from sessiongate.errors import BadCredentials, IdentityUnavailable, LockedOut
from sessiongate.identity.guard.attempt import Attempt
from sessiongate.identity.ldap import settings as ldap_settings
from sessiongate.identity.ldap import verdicts as directory
from sessiongate.identity.ldap.connection import LdapConnection, NoAnswer, Unsure
from sessiongate.identity.ldap.filter import Has, fill
from sessiongate.identity.ldap.groups import Groups, Search, ended_badly
from sessiongate.identity.ldap.messages import Entry, Result
from sessiongate.identity.ldap.servers import LdapServer, LdapServers, diagnostic_of
from sessiongate.identity.ldap.settings import LdapSettings
from sessiongate.identity.ldap.verdicts import (
    OF_THE_SERVER,
    SIZE_LIMIT,
    SUCCESS,
    AccountRefusal,
    RefusalReason,
)
from sessiongate.identity.plugin import BuiltProvider, PluginContext
from sessiongate.rules import dn
from sessiongate.rules.accounts import Account, directory_form, parse_account, plain_letters
from sessiongate.secret import Secret
from sessiongate.session import Principal

T = TypeVar("T")

Count = Callable[[str], Awaitable[None]]
"""Counts the try for one more name, or raises LockedOut."""

# Attributes by which entries say that they may not log in (`rules.directory.disabled`).
_STATE = ("userAccountControl", "accountExpires", "nsAccountLock", "pwdAccountLockedTime")

# Attributes by which a bound identity is known again (`rules.directory.is_of`).
_IDENTITY = ("msDS-PrincipalName", "sAMAccountName", "userPrincipalName", "uid")

_log = structlog.get_logger(__name__)


class LdapIdentity:
    """Vouches for the people of one directory."""

    def __init__(
        self,
        name: str,
        settings: LdapSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        servers: LdapServers | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self._now = now
        self._servers = servers or LdapServers(name, settings.addresses, settings.means)
        self._slots = asyncio.Semaphore(settings.connections)
        self._absent_dn = f"cn=sessiongate-nobody,{settings.base_dn}"
        groups = (settings.groups_attribute,) if settings.groups else ()
        names = (settings.name_attribute, *settings.full_name_attributes)
        known_by = _IDENTITY if settings.user_dn else ()
        self._attributes = list(dict.fromkeys((*names, *groups, *_STATE, *known_by)))
        self._groups = Groups(
            name,
            settings.group_names,
            base=settings.group_base_dn,
            depth=settings.group_depth,
            chain=settings.style == "ad",
            attribute=settings.groups_attribute,
            name_attribute=settings.name_attribute,
        )

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """Who this is. Raises BadCredentials, whose text says why, or IdentityUnavailable."""
        return await self._login(account, password, _no_count)

    async def attempt(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        """The same, counted for the person found, too. Raises LockedOut where that one is."""
        return await self._login(account, password, attempt.count)

    async def _login(self, account: Account, password: Secret, count: Count) -> Principal:
        if not password.reveal():
            # A bind without a password is nobody's, and succeeds.
            raise BadCredentials(RefusalReason.EMPTY.value, answered=False)
        try:
            password.reveal().encode()
        except UnicodeEncodeError:
            raise BadCredentials(RefusalReason.UNREADABLE.value, answered=False) from None
        login = self._bind_directly if self._settings.user_dn else self._find_then_bind
        return await self._ask(lambda server: login(server, account, password, count))

    async def find(self, account: Account) -> Principal | None:
        """The account without a password check; None where unknown, disabled or not for us to say.

        Without a service account nobody is listed.
        """
        if self._settings.means.password is None:
            return None
        return await self._ask(lambda server: self._look_up(server, account))

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Never calls: directories do not tell of changes."""

    async def start(self) -> None:
        """Log what is not safe. Connects to nothing: the directory may come up later."""
        for warning in self._settings.warnings:
            _log.warning("directory connection is not safe", provider=self.name, what=warning)

    async def close(self) -> None:
        """Close all connections."""
        self._servers.close()

    def name_of(self, account: Account) -> str:
        """The one name under which tries of this account count: domains of ours are one domain."""
        settings = self._settings
        if account.domain and account.domain not in settings.domains:
            return account.canonical
        return f"{account.user}@{settings.domain}" if settings.domain else account.user

    async def version_of(self, account: Account) -> str:
        """Nothing: asking the directory at each login is what the verified credentials save."""
        return ""

    # Asking

    async def _ask(self, question: Callable[[LdapServer], Awaitable[T]]) -> T:
        settings = self._settings
        # How many wait, and who is next, is decided before us. Waiting here is no outage, so the
        # time runs from when the directory is asked.
        async with self._slots:
            try:
                async with asyncio.timeout(settings.timeout):
                    return await self._servers.ask(question)
            except TimeoutError:
                text = f"{self.name}: no answer within {settings.timeout:g} s"
                raise IdentityUnavailable(text) from None

    async def _find_then_bind(
        self, server: LdapServer, account: Account, password: Secret, count: Count
    ) -> Principal:
        entry = await self._entry(server.search, account)
        person, name = None, self._absent_dn
        if isinstance(entry, Entry):
            person, name = self._counted_name(entry), entry.dn
        connection, locked = await _opened(server, person, count)
        try:
            result = await connection.bind(name if locked is None else self._absent_dn, password)
        finally:
            connection.close()
        if locked is not None:
            raise LockedOut(str(locked), known=True)
        if isinstance(entry, RefusalReason):
            raise BadCredentials(entry.value, known=entry is RefusalReason.AMBIGUOUS)
        _judge(result, known=True)
        return await self._principal(server.search, entry)

    async def _bind_directly(
        self, server: LdapServer, account: Account, password: Secret, count: Count
    ) -> Principal:
        settings = self._settings
        ours = self._is_ours(account)
        name = dn.fill_dn(settings.user_dn, self._facts(account)) if ours else self._absent_dn
        person = await self._person_behind(server, account) if ours else None
        connection, locked = await _opened(server, person, count)
        try:
            result = await connection.bind(name if locked is None else self._absent_dn, password)
            if locked is not None:
                raise LockedOut(str(locked))
            if not ours:
                raise BadCredentials(RefusalReason.UNKNOWN.value)
            _judge(result)
            entry = await self._bound_entry(connection, name, account)
            return await self._principal(connection.search, entry)
        finally:
            connection.close()

    async def _person_behind(self, server: LdapServer, account: Account) -> str:
        """The name that counts for whoever this directory lets bind by that name."""
        settings = self._settings
        by_dn = "=" in settings.user_dn  # an entry has one DN, so a person has one name
        if not by_dn and settings.means.password is not None:
            entry = await self._entry(server.search, account)
            if isinstance(entry, Entry):
                return self._counted_name(entry)
        name = self.name_of(account)
        return name if by_dn and settings.style != "ad" else plain_letters(name)

    async def _bound_entry(self, connection: LdapConnection, name: str, account: Account) -> Entry:
        """The entry of who has just bound as `name`, read as that one."""
        settings = self._settings
        if "=" in settings.user_dn:
            entries, end = await connection.search(
                name, Has("objectClass"), self._attributes, subtree=False
            )
            # What people may not read is not there, they are told.
            entry = (
                RefusalReason.UNKNOWN
                if end.code == directory.NO_SUCH_OBJECT
                else _only_entry(entries, end)
            )
            identity: str | None = f"dn:{name}"
        else:
            identity = await connection.who_am_i()
            entry = await self._entry(connection.search, account)
        if entry is RefusalReason.UNKNOWN:
            raise _inconclusive("users may not read their own entry")
        if isinstance(entry, RefusalReason):
            raise _refused(AccountRefusal(entry, guess=False))
        if identity is None:
            # Not told who is bound. Before all others, a bind name is the userPrincipalName's.
            if directory.has(entry.attributes, "userPrincipalName", name):
                return entry
            raise _inconclusive("the directory does not say who is bound; give bind_dn")
        if not directory.is_of(identity, entry.dn, entry.attributes, settings.domains):
            _log.warning(
                "directory has several entries of one name",
                provider=self.name,
                account=account.canonical,
            )
            raise _refused(AccountRefusal(RefusalReason.ANOTHER, guess=False))
        return entry

    async def _look_up(self, server: LdapServer, account: Account) -> Principal | None:
        entry = await self._entry(server.search, account)
        if isinstance(entry, RefusalReason) or directory.disabled(entry.attributes, self._now()):
            return None
        return await self._principal(server.search, entry)

    # Reading

    async def _entry(self, search: Search, account: Account) -> Entry | RefusalReason:
        settings = self._settings
        found = fill(settings.user_filter, self._facts(account))
        # Two are enough to know that there is more than one.
        entries, end = await search(settings.base_dn, found, self._attributes, most=2)
        entry = _only_entry(entries, end)
        if entry is RefusalReason.AMBIGUOUS:
            _log.warning(
                "directory has several entries of one name",
                provider=self.name,
                account=account.canonical,
            )
        return entry if self._is_ours(account) else RefusalReason.UNKNOWN

    def _own_name(self, entry: Entry) -> Account | None:
        """The account name that the entry itself has, None where that is none."""
        try:
            return parse_account(directory.text_of(entry.attributes, self._settings.name_attribute))
        except BadCredentials:
            return None

    def _canonical(self, own: Account) -> str:
        return own.canonical if own.domain else self.name_of(own)

    def _counted_name(self, entry: Entry) -> str:
        """The one name that counts for this entry, by whichever of its names it was found."""
        own = self._own_name(entry)
        return self._canonical(own) if own is not None else entry.dn

    async def _principal(self, search: Search, entry: Entry) -> Principal:
        settings, facts = self._settings, entry.attributes
        if why := directory.disabled(facts, self._now()):
            raise _refused(AccountRefusal(why, guess=False))  # the password was right
        own = self._own_name(entry)
        if own is None:
            raise _inconclusive(f"an entry whose {settings.name_attribute} is no account name")
        groups = await self._groups.of(search, entry) if settings.groups else set()
        spelled = own.typed
        shown = f"{spelled}@{settings.shown_domain}" if settings.shown_domain else spelled
        return Principal(
            name=self._canonical(own),
            user_name=directory_form(spelled if own.domain else shown),
            full_name=directory.text_of(facts, *settings.full_name_attributes) or spelled,
            roles=directory.roles_of(groups, settings.groups, settings.default_role),
            provider=self.name,
        )

    def _is_ours(self, account: Account) -> bool:
        return not account.domain or account.domain in self._settings.domains

    def _facts(self, account: Account) -> Mapping[str, str]:
        # As typed and as written in the settings: folded, they may be others' names.
        settings = self._settings
        domain = settings.domains.get(account.domain or settings.domain, "")
        return {"user": account.asked, "domain": domain}


def plugin(name: str, table: Mapping[str, object], context: PluginContext) -> BuiltProvider:
    """The provider of type `ldap`. Its settings: `ldap_settings`."""
    settings = ldap_settings.read(name, table, context)
    named = (*settings.groups.values(), settings.default_role)
    return BuiltProvider(
        LdapIdentity(name, settings),
        tuple(settings.domains),
        roles=tuple(role for role in named if role),
    )


async def _no_count(_: str) -> None:
    """Count no attempt."""


async def _opened(
    server: LdapServer, person: str | None, count: Count
) -> tuple[LdapConnection, LockedOut | None]:
    """A new connection, and whether the person may be tried, found out in the same time.

    So that it does not show in the time whether a name has a person to it.
    """
    opening = asyncio.create_task(server.open())
    locked = None
    try:
        if person is not None:
            try:
                await count(person)
            except LockedOut as refused:
                locked = refused
        return await opening, locked
    except BaseException:  # a store that is down, or a client that has gone
        opening.cancel()
        opening.add_done_callback(_close)
        raise


def _close(opening: asyncio.Task[LdapConnection]) -> None:
    """Close the connection of a task that nobody waits for."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _judge(result: Result, *, known: bool = False) -> None:
    """Return for a success. Raises BadCredentials for a refusal, NoAnswer for a server in trouble.

    What is neither is IdentityUnavailable, and about this one account.
    """
    if refused := directory.refusal(result.code, result.diagnostic, result.policy):
        raise _refused(refused, known=known)
    if result.code != SUCCESS:
        text = f"the bind ended with code {result.code}: {diagnostic_of(result)}"
        if directory.could_not_ask(result.code, result.diagnostic):
            raise Unsure(text)
        raise NoAnswer(text) if result.code in OF_THE_SERVER else _inconclusive(text)


def _refused(why: AccountRefusal, *, known: bool = False) -> BadCredentials:
    # "Wrong" is also what a directory says of a name that it does not have; but not to whoever has
    # the right password.
    known = known or not why.guess or why.why not in (RefusalReason.UNKNOWN, RefusalReason.WRONG)
    return BadCredentials(str(why), known=known, guess=why.guess)


def _inconclusive(text: str) -> IdentityUnavailable:
    return IdentityUnavailable(text, answered=True)


def _only_entry(entries: list[Entry], end: Result) -> Entry | RefusalReason:
    if end.code not in (SUCCESS, SIZE_LIMIT):
        raise ended_badly("the search", end)
    if len(entries) > 1 or end.code == SIZE_LIMIT:
        return RefusalReason.AMBIGUOUS
    return entries[0] if entries else RefusalReason.UNKNOWN
