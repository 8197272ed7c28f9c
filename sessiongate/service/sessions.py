"""The life of sessions: login, check, clone, impersonation, end. What every dialect comes to.

Who somebody is, the providers decide; where sessions live and when their time is up, the store;
what a reply looks like, the dialects. A refused login leaves no session behind.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from time import perf_counter

import msgspec

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import (
    BadCredentials,
    BadTicket,
    NoPermission,
    NoSession,
    SessionGateError,
    StoreUnavailable,
)
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.routing import ProviderRouter
from sessiongate.rules import access
from sessiongate.rules.accounts import parse_account
from sessiongate.rules.locale import choose, message_locale
from sessiongate.rules.token import GUID_BYTES, TOKEN_BYTES, clone_ticket, guid, hex_token
from sessiongate.secret import Secret
from sessiongate.service.housekeeping import sweep
from sessiongate.service.undelivered import Undelivered
from sessiongate.session import Caps, Client, Ended, Principal, Session, Ticket
from sessiongate.store.port import Store

TICKET_LIFE = timedelta(seconds=60)
"""How long a clone or service ticket waits to be used."""

# Names and agents come from clients. vSphere's own columns are shorter; nobody reads further.
_LONGEST_AGENT = 512

# Sessions that are ended at once: they share their commits to the disk.
_TOGETHER = 100


class Opened(msgspec.Struct):
    """A new session, the one copy of its token, and what ends it if the reply reached nobody."""

    session: Session
    token: Secret
    undelivered: Callable[[], None]


class _Login:
    """A login under way, and the accounts (provider, name) that have changed since it began."""

    def __init__(self) -> None:
        self.changed: set[tuple[str, str]] = set()


class Sessions:
    """Opens, checks, lists and ends sessions."""

    def __init__(
        self,
        store: Store,
        router: ProviderRouter[Guard],
        roles: access.Roles,
        clock: Clock,
        journal: Journal,
        *,
        caps: Caps,
        default_locale: str,
        host: str,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.clock = clock
        self.journal = journal
        self.default_locale = default_locale
        self.host = host
        self._store = store
        self._router = router
        self._roles = roles
        self._caps = caps
        self._random = random
        self.undelivered = Undelivered(self.end)
        self._logins: set[_Login] = set()
        self._recent: deque[tuple[datetime, str]] = deque()
        """When and with which key this process has opened sessions since the last `looked`."""

    async def login(
        self,
        name: str,
        password: Secret,
        client: Client,
        *,
        locale: str | None = None,
        provider: str | None = None,
        default: str,
    ) -> Opened:
        """Open a session for who this is.

        `provider` names the provider where the dialect chose one; else the name's domain does,
        else `default`. Raises InvalidLocale, BadCredentials, LockedOut, NoPermission (a known
        user without any privilege), CapReached, or an Unavailable.
        """
        began = perf_counter()
        principal = None
        try:
            chosen = choose(locale, self.default_locale)
            account = parse_account(name)
            guard = self._router.route(account, default, provider or "")
            under_way = _Login()
            self._logins.add(under_way)
            try:
                principal = await guard.authenticate(account, password, client.origin)
                opened = await self._open("login", principal, name, client, chosen)
                if (principal.provider, principal.name) in under_way.changed:
                    await self.end(opened.session.key, Ended.USER_CHANGED)
                    raise BadCredentials("the account changed during the login")
            finally:
                self._logins.discard(under_way)
        except SessionGateError as error:
            await self.journal.refused("login", name, client, error, shown=principal)
            raise
        finally:
            meters = self.journal.meters
            meters.timing(meters.login_times, client.dialect).add(perf_counter() - began)
        return opened

    async def vouch(
        self, name: str, password: Secret, client: Client, *, provider: str
    ) -> Principal:
        """Who this is, without opening a session. Raises as `login` does, and writes refusals."""
        try:
            account = parse_account(name)
            guard = self._router.route(account, provider, provider)
            return await guard.authenticate(account, password, client.origin)
        except SessionGateError as error:
            await self.journal.refused("vouch", name, client, error)
            raise

    async def login_as(
        self,
        principal: Principal,
        client: Client,
        locale: str | None,
        *,
        typed: str,
        how: str,
        extension: bool = False,
    ) -> Opened:
        """Open a session for a principal whom somebody else has vouched for."""
        chosen = choose(locale, self.default_locale)
        return await self._open(how, principal, typed, client, chosen, extension=extension)

    async def _open(
        self,
        how: str,
        principal: Principal,
        typed: str,
        client: Client,
        locale: str,
        *,
        extension: bool = False,
    ) -> Opened:
        if not self.allows(principal):
            raise NoPermission(access.SYSTEM_VIEW)
        token = self._new_token(client.dialect)
        now = self.clock.now()
        session = Session(
            digest=token.digest(),
            key=guid(self._random(GUID_BYTES)),
            principal=principal.name,
            user_name=principal.user_name,
            login_name=typed,
            full_name=principal.full_name,
            roles=principal.roles,
            provider=principal.provider,
            dialect=client.dialect,
            locale=locale,
            message_locale=message_locale(locale),
            extension=extension,
            ip_address=client.ip_address,
            user_agent=client.user_agent[:_LONGEST_AGENT],
            login_at=now,
            active_at=now,
        )
        self.journal.opening(how, session)
        try:
            await self._store.add(session, self._caps)
        except BaseException as error:  # cancelled too: the opening is in the journal already
            self.journal.not_opened(session, error)
            raise
        self._recent.append((now, session.key))
        self.journal.opened(how, session)
        return Opened(session, token, self.undelivered.of(session.key))

    def _new_token(self, dialect: str) -> Secret:
        if dialect == "zerto":
            return Secret(guid(self._random(GUID_BYTES)))
        return Secret(hex_token(self._random(TOKEN_BYTES)))

    def check(self, token: Secret) -> Awaitable[Session | None]:
        """The live session of this token, with this call counted; None if there is none."""
        return self._store.use(token.digest(), self.clock.now())

    async def check_digest(self, digest: bytes) -> Session | None:
        """The same for a caller whose token was verified in another way and names the digest."""
        return await self._store.use(digest, self.clock.now())

    async def lives(self, digest: bytes) -> bool:
        """Whether the session of this token digest is alive. No call is counted."""
        return await self._store.lives(digest, self.clock.now())

    async def find(self, key: str) -> Session | None:
        """The live session of this public key, untouched."""
        return await self._store.find(key, self.clock.now())

    def list(self) -> AsyncIterator[Session]:
        """All live sessions."""
        return self._store.list(self.clock.now())

    async def end(self, key: str, reason: Ended, by: str = "") -> bool:
        """End the session of this key. False if it had ended before."""
        session = await self._end(key, reason, by)
        if session is not None:
            await self.journal.ended(session, reason, by)
        return session is not None

    async def _end(self, key: str, reason: Ended, by: str = "") -> Session | None:
        """End it and leave writing that down to the caller, but where the store fails."""
        try:
            return await self._store.end(key)
        except StoreUnavailable as error:
            self.journal.end_failed(key, reason, by, error)
            raise

    async def end_all_of(
        self,
        principal: str,
        reason: Ended,
        by: str = "",
        provider: str = "",
        looked_at: datetime | None = None,
    ) -> int:
        """End every session of this canonical name, at one provider or, with none given, at all.

        Where a provider is given, logins of that name still under way there are undone as well.
        `looked_at` is when the account was last seen unchanged. Servers that share a store find
        out one after the other, and none may end what was opened at another by the new record: so
        what others have opened since then is left to them.
        """
        if provider:
            for login in self._logins:
                login.changed.add((provider, principal))
        ours = {key for _, key in self._recent}
        keys = [
            session.key
            async for session in self.list()
            if session.principal == principal
            and provider in ("", session.provider)
            and (looked_at is None or session.login_at < looked_at or session.key in ours)
        ]
        return await self.end_each(keys, reason, by)

    async def end_each(self, keys: Sequence[str], reason: Ended, by: str = "") -> int:
        """End the sessions of these keys, many at once. How many had not ended before."""
        count = 0
        for first in range(0, len(keys), _TOGETHER):
            some = keys[first : first + _TOGETHER]
            count += sum(await asyncio.gather(*(self.end(key, reason, by) for key in some)))
        return count

    def looked(self, at: datetime) -> None:
        """All accounts were looked at after this time, and changes told by `end_all_of`."""
        while self._recent and self._recent[0][0] < at:
            self._recent.popleft()

    async def set_locale(self, session: Session, locale: str) -> None:
        """Change the locale of a session. Raises InvalidLocale."""
        chosen = choose(locale, self.default_locale)
        changed = msgspec.structs.replace(
            session, locale=chosen, message_locale=message_locale(chosen)
        )
        await self._store.change(changed)

    async def clone_ticket(self, session: Session) -> Secret:
        """A ticket that opens one session of the same user, once, within TICKET_LIFE."""
        ticket = Secret(clone_ticket(self._random(TOKEN_BYTES), self.host))
        await self._put(ticket, "clone", session.key)
        return ticket

    async def service_ticket(self, session: Session) -> Secret:
        """A single-use ticket for one request of this session's user to another service."""
        ticket = Secret(guid(self._random(GUID_BYTES)))
        await self._put(ticket, "service", session.key)
        return ticket

    async def _put(self, ticket: Secret, kind: str, subject: str) -> None:
        expires_at = self.clock.now() + TICKET_LIFE
        await self._store.put(ticket.digest(), Ticket(kind, subject, expires_at))

    async def clone(self, ticket: Secret, client: Client) -> Opened:
        """Open a session with a clone ticket. Raises BadTicket, which also uses the ticket up."""
        parent = None
        try:
            now = self.clock.now()
            taken = await self._store.take(ticket.digest(), "clone", now)
            parent = await self._store.find(taken.subject, now) if taken is not None else None
            if parent is None:
                raise BadTicket("the clone ticket is unknown, used, expired, or its session ended")
            return await self._open(
                "clone", Principal.of(parent), parent.login_name, client, parent.locale
            )
        except SessionGateError as error:
            shown = Principal.of(parent) if parent is not None else None
            name = shown.name if shown is not None else ""
            await self.journal.refused("clone", name, client, error, shown=shown)
            raise

    async def impersonate(
        self, actor: Session, name: str, client: Client, locale: str | None
    ) -> Opened:
        """Turn the caller's session into one of a user who has a live session.

        Raises BadCredentials when that user has none, NoPermission when that user may do anything
        that the caller may not, and NoSession when the caller's session ended meanwhile. It ends
        here, since it has become the new one: of several calls at once one gets it.
        """
        try:
            return await self._impersonate(actor, name, client, locale)
        except SessionGateError as error:
            self.journal.failed(actor, "user not impersonated", name, error)
            raise

    async def _impersonate(
        self, actor: Session, name: str, client: Client, locale: str | None
    ) -> Opened:
        chosen = choose(locale, self.default_locale)
        subject = await self._session_of(*await self._person(name, actor.provider))
        if subject is None:
            raise BadCredentials("no live session of that user")
        if not access.may_become(self.privileges(actor), self.privileges(subject)):
            raise NoPermission(access.IMPERSONATE_USER)
        opened = await self._open(
            "impersonation", Principal.of(subject), subject.login_name, client, chosen
        )
        was = None
        try:
            was = await self._end(actor.key, Ended.LOGOUT)
        finally:
            if was is None:
                # Nobody gets its token: left alone it would fill a cap until its idle limit.
                await self.end(opened.session.key, Ended.UNCLAIMED)
        if was is None:
            raise NoSession("the session ended before it could become another user's")
        self.journal.acted(actor, "user impersonated", subject.principal)
        await self.journal.ended(actor, Ended.LOGOUT)
        return opened

    async def _session_of(self, principal: str, provider: str) -> Session | None:
        async for session in self.list():
            if session.principal == principal and provider in ("", session.provider):
                return session
        return None

    async def canonical(self, name: str, default: str) -> str:
        """The one canonical name behind any spelling, known or not."""
        return (await self._person(name, default))[0]

    async def _person(self, name: str, default: str) -> tuple[str, str]:
        """Canonical name and provider of whoever is called so; no provider where none knows."""
        account = parse_account(name)
        guard = self._router.owner(account, default)
        if guard is None:
            return account.canonical, ""
        found = await guard.find(account)
        return (found.name if found is not None else guard.name_of(account)), guard.name

    async def principal(self, name: str, default: str) -> Principal | None:
        """The account of this name, without a password check."""
        account = parse_account(name)
        return await self._router.route(account, default).find(account)

    def privileges(self, session: Session) -> frozenset[str]:
        """What this session's roles allow."""
        return self._roles.privileges_of(session.roles)

    def allows(self, principal: Principal) -> bool:
        """Whether this principal has any privilege at all."""
        return bool(self._roles.privileges_of(principal.roles))

    async def sweep(self) -> int:
        """End sessions whose time is up, and write down each end."""
        return await sweep(self._store, self.clock, self.journal)
