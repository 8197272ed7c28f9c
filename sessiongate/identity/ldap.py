r"""The provider of type `ldap`: people of Active Directory, OpenLDAP and their like.

A login finds the entry of a name as the service account, binds as that entry with the password,
and looks up the groups; or, with `user_dn`, binds straight away. A name that is not there costs
the same steps: the bind then goes to an entry that does not exist.

Directories do not tell us of changes: whoever is disabled there is refused at the next login, and
the sessions that are open stay until they end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import structlog

from sessiongate.errors import BadCredentials, IdentityUnavailable, Overloaded
from sessiongate.identity import ldap_settings
from sessiongate.identity.ldap_connection import NoAnswer
from sessiongate.identity.ldap_messages import Entry, Result
from sessiongate.identity.ldap_servers import Server, Servers, told
from sessiongate.identity.ldap_settings import Settings
from sessiongate.identity.plugin import Made, Surroundings
from sessiongate.rules import directory
from sessiongate.rules.accounts import Account, directory_form, parse_account
from sessiongate.rules.directory import OF_THE_SERVER, SIZE_LIMIT, SUCCESS, Why
from sessiongate.rules.ldap_filter import Any, Compare, Filter, Has, Rule, fill
from sessiongate.secret import Secret
from sessiongate.session import Principal

T = TypeVar("T")

# LDAP_MATCHING_RULE_IN_CHAIN: Active Directory follows groups in groups by itself.
IN_CHAIN = "1.2.840.113556.1.4.1941"

# Attributes by which entries say that they may not log in (`rules.directory.disabled`).
_STATE = ("userAccountControl", "accountExpires", "nsAccountLock", "pwdAccountLockedTime")

# Groups asked about in one search; some servers refuse filters of more than a few hundred parts.
_TOGETHER = 50

# Logins that may wait for each connection. More would wait longer than `timeout` anyway.
_WAITING = 16

_log = structlog.get_logger(__name__)


class _Search(Protocol):
    """`Server.search` or `Connection.search`: as the service account, or as the user."""

    async def __call__(
        self,
        base: str,
        found: Filter,
        attributes: list[str],
        *,
        subtree: bool = True,
        most: int = 0,
    ) -> tuple[list[Entry], Result]: ...


class LdapIdentity:
    """Vouches for the people of one directory."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        servers: Servers | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self._now = now
        self._servers = servers or Servers(name, settings.addresses, settings.means)
        self._slots = asyncio.Semaphore(settings.connections)
        self._asking = 0
        self._nobody = f"cn=sessiongate-nobody,{settings.base_dn}"
        groups = (settings.groups_attribute,) if settings.groups else ()
        names = (settings.name_attribute, *settings.full_name_attributes)
        self._attributes = list(dict.fromkeys((*names, *groups, *_STATE)))

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """Who this is. Raises BadCredentials, whose text says why, or IdentityUnavailable."""
        if not password.reveal():
            # A bind without a password is nobody's, and succeeds.
            raise BadCredentials(Why.EMPTY.value)
        try:
            password.reveal().encode()
        except UnicodeEncodeError:
            raise BadCredentials(Why.UNREADABLE.value) from None
        login = self._bind_directly if self._settings.user_dn else self._find_then_bind
        return await self._ask(lambda server: login(server, account, password))

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
        """Say loudly what is not safe. Asks nobody: a directory may come up after us."""
        for warning in self._settings.warnings:
            _log.warning("directory_insecure", provider=self.name, what=warning)

    async def close(self) -> None:
        """Hang up."""
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

    async def _ask(self, question: Callable[[Server], Awaitable[T]]) -> T:
        settings = self._settings
        if self._asking >= settings.connections * _WAITING:
            raise Overloaded("too many logins wait for the directory")
        self._asking += 1
        try:
            async with asyncio.timeout(settings.timeout), self._slots:
                return await self._servers.ask(question)
        except TimeoutError:
            text = f"{self.name}: no answer within {settings.timeout:g} s"
            raise IdentityUnavailable(text) from None
        finally:
            self._asking -= 1

    async def _find_then_bind(
        self, server: Server, account: Account, password: Secret
    ) -> Principal:
        entry = await self._entry(server.search, account)
        connection = await server.open()
        try:
            name = entry.dn if isinstance(entry, Entry) else self._nobody
            result = await connection.bind(name, password)
        finally:
            connection.close()
        if isinstance(entry, Why):
            raise BadCredentials(entry.value)
        _judge(result)
        return await self._principal(server.search, entry)

    async def _bind_directly(self, server: Server, account: Account, password: Secret) -> Principal:
        settings = self._settings
        ours = self._is_ours(account)
        name = directory.fill_dn(settings.user_dn, self._facts(account)) if ours else self._nobody
        connection = await server.open()
        try:
            result = await connection.bind(name, password)
            if not ours:
                raise BadCredentials(Why.UNKNOWN.value)
            _judge(result)
            if "=" in settings.user_dn:
                entries, end = await connection.search(
                    name, Has("objectClass"), self._attributes, subtree=False
                )
                entry = _the_one(entries, end)
            else:
                entry = await self._entry(connection.search, account)
            if entry is Why.UNKNOWN:
                raise _puzzled("users may not read their own entry")
            if isinstance(entry, Why):
                raise BadCredentials(entry.value)
            return await self._principal(connection.search, entry)
        finally:
            connection.close()

    async def _look_up(self, server: Server, account: Account) -> Principal | None:
        entry = await self._entry(server.search, account)
        if isinstance(entry, Why) or directory.disabled(entry.attributes, self._now()):
            return None
        return await self._principal(server.search, entry)

    # Reading

    async def _entry(self, search: _Search, account: Account) -> Entry | Why:
        settings = self._settings
        found = fill(settings.user_filter, self._facts(account))
        # Two are enough to know that there is more than one.
        entries, end = await search(settings.base_dn, found, self._attributes, most=2)
        entry = _the_one(entries, end)
        if entry is Why.AMBIGUOUS:
            _log.warning("directory_ambiguous", provider=self.name, account=account.canonical)
        return entry if self._is_ours(account) else Why.UNKNOWN

    async def _principal(self, search: _Search, entry: Entry) -> Principal:
        settings, facts = self._settings, entry.attributes
        if why := directory.disabled(facts, self._now()):
            raise BadCredentials(why.value)
        spelled = directory.text_of(facts, settings.name_attribute)
        try:
            own = parse_account(spelled)
        except BadCredentials:
            text = f"an entry whose {settings.name_attribute} is no account name"
            raise _puzzled(text) from None
        groups = await self._groups(search, entry) if settings.groups else set()
        shown = f"{spelled}@{settings.shown_domain}" if settings.shown_domain else spelled
        return Principal(
            name=own.canonical if own.domain else self.name_of(own),
            user_name=directory_form(spelled if own.domain else shown),
            full_name=directory.text_of(facts, *settings.full_name_attributes) or spelled,
            roles=directory.roles_of(groups, settings.groups, settings.default_role),
            provider=self.name,
        )

    async def _groups(self, search: _Search, entry: Entry) -> set[str]:
        """The groups that hold this entry, directly or through groups."""
        settings = self._settings
        listed = entry.attributes.get(settings.groups_attribute.lower(), ())
        groups = {value.decode("utf-8", "replace") for value in listed}
        if settings.style == "ad":
            return groups | await self._holders(search, Rule("member", IN_CHAIN, entry.dn.encode()))
        user = directory.text_of(entry.attributes, settings.name_attribute)
        own = (Compare("memberUid", user.encode()),)
        groups |= await self._holders(search, _holding((entry.dn,), own))
        # Each round asks about those found in the last one only, so a loop of groups ends.
        fresh = groups
        for _ in range(settings.group_depth):
            above = set[str]()
            for some in directory.chunks(fresh, _TOGETHER):
                above |= await self._holders(search, _holding(some))
            fresh = above - groups
            if not fresh:
                break
            groups |= fresh
        return groups

    async def _holders(self, search: _Search, found: Filter) -> set[str]:
        entries, end = await search(self._settings.group_base_dn, found, ["1.1"])
        if end.code != SUCCESS:
            raise NoAnswer(f"the search for groups ended with code {end.code}: {told(end)}")
        return {entry.dn for entry in entries}

    def _is_ours(self, account: Account) -> bool:
        return not account.domain or account.domain in self._settings.domains

    def _facts(self, account: Account) -> Mapping[str, str]:
        settings = self._settings
        domain = settings.domains.get(account.domain, settings.domain)
        return {"user": account.user, "domain": domain}


def plugin(name: str, table: Mapping[str, object], around: Surroundings) -> Made:
    """The provider of type `ldap`. Its settings: `ldap_settings`."""
    settings = ldap_settings.read(name, table, around)
    named = (*settings.groups.values(), settings.default_role)
    return Made(
        LdapIdentity(name, settings),
        tuple(settings.domains),
        roles=tuple(role for role in named if role),
    )


def _judge(result: Result) -> None:
    """Return for a success. Raises BadCredentials for a refusal, NoAnswer for a server in trouble.

    What is neither is IdentityUnavailable, and about this one account.
    """
    if why := directory.refusal(result.code, result.diagnostic, result.policy):
        raise BadCredentials(why.value)
    if result.code != SUCCESS:
        text = f"the bind ended with code {result.code}: {told(result)}"
        raise NoAnswer(text) if result.code in OF_THE_SERVER else _puzzled(text)


def _puzzled(text: str) -> IdentityUnavailable:
    unavailable = IdentityUnavailable(text)
    unavailable.reached = True
    return unavailable


def _the_one(entries: list[Entry], end: Result) -> Entry | Why:
    if end.code not in (SUCCESS, SIZE_LIMIT):
        raise NoAnswer(f"the search ended with code {end.code}: {told(end)}")
    if len(entries) > 1 or end.code == SIZE_LIMIT:
        return Why.AMBIGUOUS
    return entries[0] if entries else Why.UNKNOWN


def _holding(names: tuple[str, ...], more: tuple[Filter, ...] = ()) -> Filter:
    attributes = ("member", "uniqueMember")
    return Any(
        (*more, *(Compare(attribute, name.encode()) for name in names for attribute in attributes))
    )
