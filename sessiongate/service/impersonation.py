"""ImpersonateUser: the caller's session becomes one of another user."""

import asyncio

from sessiongate.audit.journal import IMPERSONATED, Journal
from sessiongate.errors import BadCredentials, NoPermission, NoSession, SessionGateError
from sessiongate.rules import access
from sessiongate.service.endings import RestsUpon
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Objection, Opened, Sessions, TakenBack
from sessiongate.session import Client, Ended, Person, Principal, Session


class Impersonation:
    """Turns sessions into other users'."""

    def __init__(self, sessions: Sessions, logins: Logins, journal: Journal) -> None:
        self._sessions = sessions
        self._logins = logins
        self._journal = journal

    async def impersonate(
        self, actor: Session, name: str, client: Client, locale: str | None
    ) -> Opened:
        """Turn the caller's session into one of a user who has a live session.

        Raises BadCredentials when that user has none, NoPermission when that user may do anything
        that the caller may not and where the session is for an upstream, and NoSession when the
        caller's session ended meanwhile. It ends here, since it has become the new one: of several
        calls at once one gets it.
        """
        try:
            return await self._impersonate(actor, name, client, locale)
        except SessionGateError as error:
            self._journal.failed(actor, "user not impersonated", name, error)
            raise

    async def _impersonate(
        self, actor: Session, name: str, client: Client, locale: str | None
    ) -> Opened:
        if actor.upstream:  # what a user may do there, our roles do not say
            raise NoPermission(access.IMPERSONATE_USER)
        chosen = self._logins.locale_of(locale)
        with self._sessions.endings.heeded() as upon:
            opened = await self._open(actor, name, client, chosen, upon)
        was = None
        try:
            was = await self._sessions.take_out(actor.key, Ended.LOGOUT)
        finally:
            if was is None:
                # Nobody gets its token: left alone it would fill a cap until its idle limit.
                await self._sessions.end(opened.session.key, Ended.UNCLAIMED)
        if was is None:
            raise NoSession("the session ended before it could become another user's")
        self._journal.acted(actor, IMPERSONATED, opened.session.principal)
        await self._journal.ended(actor, Ended.LOGOUT)
        return opened

    async def _open(
        self, actor: Session, name: str, client: Client, locale: str, upon: RestsUpon
    ) -> Opened:
        """The session that the caller's becomes."""
        subject = await self._session_of(await self._logins.person(name, actor.provider))
        if subject is None:
            raise BadCredentials("no live session of that user")
        if not access.may_become(
            self._sessions.privileges(actor), self._sessions.privileges(subject)
        ):
            raise NoPermission(access.IMPERSONATE_USER)
        return await self._sessions.open_session(
            "impersonation",
            Principal.of(subject),
            client,
            locale,
            typed=subject.login_name,
            objection=self._outlives(subject, Principal.of(actor).person, upon),
        )

    def _outlives(self, subject: Session, actor: Person, upon: RestsUpon) -> Objection:
        """Objects where the session that shows who it is has ended before, or sessions of either
        user are about to.
        """

        async def objection(session: Session) -> TakenBack | None:
            subjects, is_ending = await asyncio.gather(
                self._sessions.find(subject.key),
                upon.is_ending(Principal.of(session).person, actor),
            )
            if subjects is not None and not is_ending:
                return None
            error = BadCredentials("the sessions of that user have ended")
            return TakenBack(Ended.UNCLAIMED, error)

        return objection

    async def _session_of(self, person: Person) -> Session | None:
        async for session in self._sessions.list():
            if session.principal == person.name and person.provider in ("", session.provider):
                return session
        return None
