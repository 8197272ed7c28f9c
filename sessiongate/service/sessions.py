"""The life of sessions: open, check, list, end. What every dialect comes to.

Who somebody is, the providers decide (`logins`); where sessions live and when their time is up, the
store; what a reply looks like, the dialects. A refused login leaves no session behind.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec
import structlog

from sessiongate.audit.event import COMMAND, NO_DETAILS, EventDetails
from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import (
    BadCredentials,
    EndNotWritten,
    NoPermission,
    SessionGateError,
    StoreUnavailable,
)
from sessiongate.rules import access
from sessiongate.rules.accounts import is_reserved
from sessiongate.rules.locale import message_locale
from sessiongate.rules.token import GUID_BYTES, HEX, TokenForm, guid
from sessiongate.secret import Secret
from sessiongate.service.endings import EVERYBODY, MOST_PASSES, EndingsUnderWay
from sessiongate.service.undelivered import Undelivered
from sessiongate.session import CONSOLE, Caps, Client, Ended, Person, Principal, Session
from sessiongate.store.ending_marks import ending_marks_of
from sessiongate.store.port import SessionStore, use_nowait_of
from sessiongate.store.search import FoundSessions, SessionSearch, revision_of, searched

# Names and agents come from clients. vSphere's own columns are shorter; nobody reads further.
_LONGEST_AGENT = 512

_log = structlog.get_logger("sessiongate.service")

# Sessions that are ended at once: they share their commits to the disk.
_TOGETHER = 100


RESERVED = 3
"""Places at the console beyond the caps, for those who may end sessions: who else makes room?"""


class Opened(msgspec.Struct):
    """A new session, the one copy of its token, and what ends it if the reply reached nobody."""

    session: Session
    token: Secret
    undelivered: Callable[[], None]


class TakenBack(msgspec.Struct, frozen=True):
    """Why a session that the store has already must not be: what it rests upon is no longer so."""

    reason: Ended
    """What the audit has as its end."""
    error: SessionGateError
    """What the client is told."""


BY_COMMAND = EventDetails(by_provider=COMMAND)
"""What the audit has besides the name of whoever gave a command."""


def acting(session: Session) -> EventDetails:
    """What the audit has besides the name of whoever acts upon somebody else's session."""
    return EventDetails(by_provider=session.provider, by_key=session.key)


def check_name(principal: Principal) -> None:
    """Raise BadCredentials for a name by which the audit means a command or a script."""
    if is_reserved(principal.name):
        raise BadCredentials("the name is reserved: the audit means a command or a script by it")


Objection = Callable[[Session], Awaitable[TakenBack | None]]
"""Asked once the store has a new session: what speaks against it by now, None for nothing."""


class Sessions:
    """Opens, checks, lists and ends sessions."""

    def __init__(
        self,
        store: SessionStore,
        roles: access.Roles,
        clock: Clock,
        journal: Journal,
        *,
        caps: Caps,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._use_nowait = use_nowait_of(store)
        self.in_process = self._use_nowait is not None
        """Whether sessions are checked without waiting: whether `check_nowait` may be called."""
        self.roles = roles
        self._clock = clock
        self._journal = journal
        self._caps = caps
        self._random = random
        self.undelivered = Undelivered(self.end)
        self.endings = EndingsUnderWay(ending_marks_of(store), clock)
        self._tell_opened: list[Callable[[Session], None]] = []
        self._tell_ended: list[Callable[[Session, Ended], None]] = []

    def on_open(self, tell: Callable[[Session], None]) -> None:
        """Call `tell` with each session that this process opens, once the store has it."""
        self._tell_opened.append(tell)

    def on_end(self, tell: Callable[[Session, Ended], None]) -> None:
        """Call `tell` with each session that this process ends or finds to be over, and why."""
        self._tell_ended.append(tell)

    def ended(self, session: Session, reason: Ended) -> None:
        """Tell those who want to know that a session is over."""
        for tell in self._tell_ended:
            tell(session, reason)

    async def open_session(
        self,
        how: str,
        principal: Principal,
        client: Client,
        locale: str,
        *,
        typed: str,
        objection: Objection,
        form: TokenForm = HEX,
        extension: bool = False,
    ) -> Opened:
        """Open a session for somebody who has shown to be this principal.

        `how` is what the audit calls the way in, `typed` the name as it was given there, `form`
        how the dialect's tokens look. `objection` is what the way in has to say once the session
        can be found by whoever ends it: that it was opened for something that is no longer so.
        Then it is taken back, and the error of that is raised. Raises NoPermission (somebody
        without any privilege), CapReached or StoreUnavailable.
        """
        check_name(principal)
        if not self.allows(principal):
            raise NoPermission(access.SYSTEM_VIEW)
        token = Secret(form.write(self._random(form.size)))
        now = self._clock.now()
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
            upstream=client.upstream,
        )
        self._journal.opening(how, session)
        try:
            await self._store.add(session, self._caps_for(session))
        except BaseException as error:  # cancelled too: the opening is in the journal already
            self._journal.not_opened(session, error)
            raise
        for tell in self._tell_opened:
            tell(session)
        self._journal.opened(how, session)
        await self._take_back_where(objection, session)
        return Opened(session, token, self.undelivered.of(session.key))

    async def _take_back_where(self, objection: Objection, session: Session) -> None:
        """Nobody has the token of this session yet, and nobody gets it where this objects."""
        try:
            taken_back = await objection(session)
            if taken_back is not None:
                await self.end(session.key, taken_back.reason)
        except BaseException:
            self.undelivered.of(session.key)()
            raise
        if taken_back is not None:
            raise taken_back.error

    def check(self, token: Secret) -> Awaitable[Session | None]:
        """The live session of this token, with this call counted; None if there is none."""
        return self._store.use(token.digest(), self._clock.now())

    def check_nowait(self, token: Secret) -> Session | None:
        """As `check`, where sessions are `in_process`."""
        if self._use_nowait is None:
            raise RuntimeError("this store is to be waited for")
        return self._use_nowait(token.digest(), self._clock.now())

    async def check_digest(self, digest: bytes) -> Session | None:
        """The same for a caller whose token was verified in another way and names the digest."""
        return await self._store.use(digest, self._clock.now())

    async def lives(self, digest: bytes) -> bool:
        """Whether the session of this token digest is alive. No call is counted."""
        return await self.peek(digest) is not None

    async def peek(self, digest: bytes) -> Session | None:
        """The live session of this token digest. No call is counted."""
        return await self._store.peek(digest, self._clock.now())

    async def find(self, key: str) -> Session | None:
        """The live session of this public key, untouched."""
        return await self._store.find(key, self._clock.now())

    def list(self) -> AsyncIterator[Session]:
        """All live sessions."""
        return self._store.list(self._clock.now())

    async def search(self, search: SessionSearch) -> FoundSessions:
        """The live sessions that fit, all of them or the newest."""
        return await searched(self._store, search, self._clock.now())

    @property
    def revision(self) -> int | None:
        """Another number whenever a search may find something else, but for time. None: unknown."""
        return revision_of(self._store)

    async def end(
        self, key: str, reason: Ended, by: str = "", said: EventDetails = NO_DETAILS
    ) -> bool:
        """End the session of this key. False if it had ended before.

        `by` names who ended it where that was somebody else, `said` what they say of it.
        """
        session = await self.take_out(key, reason, by)
        if session is not None:
            await self._journal.ended(session, reason, by, said)
        return session is not None

    async def take_out(self, key: str, reason: Ended, by: str = "") -> Session | None:
        """End it as `end` does, and leave it to the caller to write that down.

        A store that fails is written down here. None if the session had ended before.
        """
        try:
            session = await self._store.end(key)
        except StoreUnavailable as error:
            self._journal.end_failed(key, reason, by, error)
            if isinstance(error, EndNotWritten) and isinstance(error.session, Session):
                self.ended(error.session, reason)
            raise
        if session is not None:
            self.ended(session, reason)
        return session

    async def end_all_of(
        self, principal: str, reason: Ended, by: str = "", said: EventDetails = NO_DETAILS
    ) -> int:
        """End every session of this canonical name, at all providers. How many those were."""
        return await self._end_where(
            Person("", principal), lambda one: one.principal == principal, reason, by, said
        )

    async def end_all(self, reason: Ended, by: str = "", said: EventDetails = NO_DETAILS) -> int:
        """End every session. How many those were."""
        return await self._end_where(EVERYBODY, lambda _: True, reason, by, said)

    async def _end_where(
        self,
        whose: Person,
        fits: Callable[[Session], bool],
        reason: Ended,
        by: str,
        said: EventDetails,
    ) -> int:
        """End those that fit until there are none that were opened before it began."""
        began, count = self._clock.now(), 0
        async with self.endings.of(whose):
            keys = [one.key async for one in self.list() if fits(one)]
            for _ in range(MOST_PASSES):
                if not keys:
                    return count
                count += await self.end_each(keys, reason, by, said)
                keys = [one.key async for one in self.list() if fits(one) and one.login_at <= began]
        if keys:
            _log.warning("sessions that were to end come again and again", user=whose.name)
        return count

    async def end_each(
        self, keys: Sequence[str], reason: Ended, by: str = "", said: EventDetails = NO_DETAILS
    ) -> int:
        """End the sessions of these keys, many at once. How many had not ended before."""
        count = 0
        for first in range(0, len(keys), _TOGETHER):
            some = keys[first : first + _TOGETHER]
            count += sum(await asyncio.gather(*(self.end(key, reason, by, said) for key in some)))
        return count

    async def set_locale(self, session: Session, locale: str) -> None:
        """Change the locale of a session to one that is known (`Logins.locale_of`)."""
        changed = msgspec.structs.replace(
            session, locale=locale, message_locale=message_locale(locale)
        )
        await self._store.change(changed)

    def privileges(self, session: Session) -> frozenset[str]:
        """What this session's roles allow."""
        return self.roles.privileges_of(session.roles)

    def _caps_for(self, session: Session) -> Caps:
        makes_room = session.dialect == CONSOLE and (
            access.TERMINATE_SESSION in self.privileges(session)
        )
        return self._caps.and_more(RESERVED) if makes_room else self._caps

    def allows(self, principal: Principal) -> bool:
        """Whether this principal has any privilege at all."""
        return bool(self.roles.privileges_of(principal.roles))
