"""One record for every decision: who, from where, in which dialect, and how it came out.

Each goes to the log, and as an event to the audit, which is on the disk before the client hears
of the decision. Where the audit cannot be written the decision stands: the log says so, and the
event follows. Names and keys only; tokens and passwords are Secrets and cannot get in here.

Refusals that come again and again are merged (`audit.merging`), in the audit, its copies and the
log; and those of nobody in particular have a chain of their own. Openings and ends of one person's
sessions, and what that person does to others, are merged far later, and not in the log.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Unpack

import structlog

from sessiongate.audit import event as audit
from sessiongate.audit.event import NO_DETAILS, Event, EventDetails, Facts
from sessiongate.audit.log_lines import log_refusal
from sessiongate.audit.merging import About, Fate, Merging
from sessiongate.audit.results import outcome, result_of
from sessiongate.clock import Clock
from sessiongate.errors import EndNotWritten, StoreUnavailable
from sessiongate.rules.audit_chain import Chain
from sessiongate.rules.leaks import NOT_LOGGED_OUT
from sessiongate.session import Client, Ended, Person, Principal, Session
from sessiongate.store.port import AuditStore
from sessiongate.telemetry.counters import Meters

_log = structlog.get_logger("sessiongate.sessions")

# A key's first block tells sessions apart in a log without spelling out the whole name.
_KEY_PREFIX = 8

# How much of a name that a client typed is repeated.
_LONGEST_NAME = 256
MESSAGE_CHANGED = "service message changed"
IMPERSONATED = "user impersonated"
CALL_FORWARDED = "call forwarded"

_LOGGED_EACH = frozenset(
    {
        *("session opened", "session not opened", "session ended", MESSAGE_CHANGED, IMPERSONATED),
        *("upstream session opened", "upstream session ended", "upstream session lost"),
        *("upstream session given up", CALL_FORWARDED, "clone ticket issued"),
    }
)

Ship = Callable[[bytes], None]
"""Takes a copy of each event elsewhere. Must not block and must not raise."""


def _ship_nothing(_: bytes) -> None: ...


class Journal:
    """Writes down decisions."""

    def __init__(
        self,
        clock: Clock,
        store: AuditStore,
        ship: Ship = _ship_nothing,
        meters: Meters | None = None,
        merging: Merging | None = None,
    ) -> None:
        self.meters = meters or Meters()
        self._merging = merging or Merging()
        self._clock = clock
        self._store = store
        self._ship = ship

    def opening(self, how: str, session: Session) -> None:
        """A session is about to be opened. Its event is on the disk before it, unless merged."""
        event = audit.of_session(session, self._clock.now(), "session opened", how=how)
        if self._stands_alone(event, session):
            self._note(event)

    def opened(self, how: str, session: Session) -> None:
        """A session was opened: by login, clone, impersonation, or for an extension."""
        self.meters.logins[session.dialect, "ok"] += 1
        _log.info(
            "session opened",
            how=how,
            user=session.principal,
            key=session.key[:_KEY_PREFIX],
            dialect=session.dialect,
            ip=session.ip_address,
        )

    def not_opened(self, session: Session, error: BaseException) -> None:
        """A session whose opening was written down found no place, so that it never was."""
        event = audit.of_session(
            session,
            self._clock.now(),
            "session not opened",
            reason=type(error).__name__,
            detail=str(error),
        )
        if self._stands_alone(event, session):
            self._note(event)

    async def refused(
        self,
        how: str,
        name: str,
        client: Client,
        error: Exception,
        *,
        shown: Principal | None = None,
    ) -> None:
        """A way in was refused, or could not be decided. The reason is not for the client.

        `shown` is who asked, where that was shown. That the name is of somebody who exists, the
        error says (`SessionGateError.known`).
        """
        self.meters.logins[client.dialect, result_of(error)] += 1
        event = audit.of_client(
            client,
            self._clock.now(),
            "login refused",
            outcome(error),
            how=how,
            user=name[:_LONGEST_NAME],
            reason=type(error).__name__,
            detail=str(error),
        )
        about = (
            About.of_error(error, event.user) if shown is None else About(shown.person, shown=True)
        )
        await self._refuse(event, about)

    async def ticket_issued(self, subject: Principal, client: Client) -> None:
        """A local ticket was made for this one. Whoever asked has shown no identity."""
        event = audit.of_client(
            client, self._clock.now(), "local ticket issued", "ok", subject=subject.name
        )
        fate = self._judge(event, About(subject.person))
        if fate is Fate.COUNTED:
            return
        _log.info(event.event, subject=subject.name, ip=client.ip_address)
        if fate is Fate.ALONE:
            await self._write(event)
        else:
            self._note(event)

    async def granted(self, event: Event, person: Person, budget: str) -> None:
        """Somebody got what is no session. Beyond the `budget`'s bound in a minute they merge."""
        self._record_merged(self._merging.due(event.at))
        _log.info(event.event, user=event.user, how=event.how, ip=event.ip)
        if self._merging.judge_session(event, person, budget) is Fate.ALONE:
            await self._write(event)

    async def denied_to(self, event: Event, person: Person | None) -> None:
        """The same was refused, to somebody who has shown who that is, or to nobody known."""
        await self._refuse(event, About(person, shown=person is not None))

    async def ended(
        self, session: Session, reason: Ended, by: str = "", said: EventDetails = NO_DETAILS
    ) -> None:
        """A session is over. `by` names who ended it where that was somebody else, `said` why."""
        event = self._ending(session, reason, by)
        audit.say_besides(event, said)
        if (by and by != session.principal) or self._stands_alone(event, session):
            await self._write(event)

    def end_failed(self, key: str, reason: Ended, by: str, error: StoreUnavailable) -> None:
        """A session was to end, and the store could not write it or did not answer.

        Where the store knows the session it is over, and will stay so once that is written. Else
        nobody knows; whoever tries again finds out.
        """
        if isinstance(error, EndNotWritten) and isinstance(error.session, Session):
            event = self._event_of(error.session, reason, by)
            what = "session end not written"
            self.meters.ended(error.session.dialect, reason.value, left=reason in NOT_LOGGED_OUT)
        else:
            what = "session end not confirmed"
            event = Event(
                at=self._clock.now(),
                event="session ended",
                result="ok",
                user=by,
                key=key,
                reason=reason.value,
            )
        event.result, event.detail = "unavailable", str(error)
        _log.warning(
            what,
            reason=reason.value,
            key=key[:_KEY_PREFIX],
            by=by or event.user or None,
            detail=event.detail,
        )
        # The client gets an outage for an answer, so that nobody need wait for the disk.
        self._note(event)

    def expired(self, session: Session, reason: Ended) -> None:
        """A session is over without anybody's doing, so nobody waits for the disk."""
        event = self._ending(session, reason)
        if self._stands_alone(event, session):
            self._note(event)

    def _ending(self, session: Session, reason: Ended, by: str = "") -> Event:
        self.meters.ended(session.dialect, reason.value, left=reason in NOT_LOGGED_OUT)
        _log.info(
            "session ended",
            reason=reason.value,
            user=session.principal,
            key=session.key[:_KEY_PREFIX],
            by=by or (session.principal if reason is Ended.LOGOUT else None),
        )
        return self._event_of(session, reason, by)

    def _event_of(self, session: Session, reason: Ended, by: str) -> Event:
        event = audit.of_session(session, self._clock.now(), "session ended", reason=reason.value)
        if by:
            event.user, event.subject = by, session.principal
        return event

    def denied(self, session: Session, what: str, privilege: str, why: str = "") -> None:
        """A caller asked for something that its privileges do not allow.

        `why` says which setting would allow it.
        """
        detail = f"{what}: {why}" if why else what
        event = audit.of_session(
            session, self._clock.now(), "permission denied", reason=privilege, detail=detail
        )
        event.result = "refused"
        if self._judge(event, About.of_caller(session)) is Fate.COUNTED:
            return
        _log.warning(
            "permission denied",
            user=session.principal,
            key=session.key[:_KEY_PREFIX],
            what=what,
            privilege=privilege,
            **({"why": why} if why else {}),
        )
        self._note(event)

    def acted(self, session: Session, what: str, subject: str = "") -> None:
        """A caller did something that others notice: IMPERSONATED or MESSAGE_CHANGED."""
        _log.info(
            what, user=session.principal, key=session.key[:_KEY_PREFIX], subject=subject or None
        )
        event = audit.of_session(session, self._clock.now(), what, subject=subject)
        if self._stands_alone(event, session):
            self._note(event)

    def failed(self, session: Session, what: str, subject: str, error: Exception) -> None:
        """A caller tried to do something to somebody, by the name as typed, in vain."""
        subject = subject[:_LONGEST_NAME]
        reason, detail = type(error).__name__, str(error)[:_LONGEST_NAME]
        event = audit.of_session(
            session, self._clock.now(), what, subject=subject, reason=reason, detail=detail
        )
        event.result = outcome(error)
        if self._judge(event, About.of_caller(session)) is Fate.COUNTED:
            return
        _log.warning(
            what,
            user=session.principal,
            key=session.key[:_KEY_PREFIX],
            subject=subject,
            reason=reason,
            detail=detail,
        )
        self._note(event)

    def forwarded(
        self,
        session: Session,
        upstream: str,
        what: str,
        outcome: str,
        *,
        lease: str,
        operation: str,
    ) -> None:
        """A call that changes something was sent on, by our lease of this id.

        `outcome` is "ok", or why it is not known to be. Nothing of it is in the log: an event for
        each is in the audit, and those beyond its bound as a number.
        """
        said = f"{what}, lease {lease}{f', operation {operation}' if operation else ''}"
        event = audit.of_session(
            session, self._clock.now(), CALL_FORWARDED, how=upstream, detail=said
        )
        if outcome != "ok":
            event.reason = outcome
            event.result = "refused" if outcome == "fault" else "unavailable"
        self._note_of_gateway(event, Person(session.provider, session.principal))

    def of_lease(
        self, what: str, upstream: str, person: Person, lease: str, reason: str = ""
    ) -> None:
        """A session of ours at an upstream was opened, has ended, or was ended by the upstream."""
        is_well = what in ("upstream session opened", "upstream session ended")
        say = _log.info if is_well else _log.warning
        say(what, upstream=upstream, account=person.name, lease=lease, reason=reason or None)
        now = self._clock.now()
        event = Event(
            at=now,
            event=what,
            result="ok",
            user=person.name,
            provider=person.provider,
            how=upstream,
            reason=reason,
            detail=f"lease {lease}",
        )
        self._note_of_gateway(event, person)

    def _note_of_gateway(self, event: Event, person: Person) -> None:
        self.note(event, person, "gateway")

    def note(self, event: Event, person: Person, budget: str = "") -> None:
        """Keep what somebody did, unless merged; the log has nothing of it. Nobody waits."""
        self._record_merged(self._merging.due(event.at))
        if self._merging.judge_session(event, person, budget) is Fate.ALONE:
            self._note(event)

    def note_refusal(self, event: Event, about: About) -> None:
        """Log and keep a refusal, unless merged. Nobody waits for the disk."""
        if self._judge(event, about) is Fate.COUNTED:
            return
        log_refusal(event)
        self._note(event, about.chain)

    async def happened(self, what: str, **facts: Unpack[Facts]) -> None:
        """Something that concerns no session: a start, a stop, changed users or settings."""
        _log.info(what, **facts)
        now = self._clock.now()
        await self._write(Event(at=now, event=what, result="ok", **facts))

    async def password_refused(self, upstream: str, account: str, why: str) -> None:
        """An upstream has refused the password of an account of ours. The log is told elsewhere."""
        event = Event(at=self._clock.now(), event="service password refused", result="refused")
        event.user, event.how, event.detail = account, upstream, why
        await self._write(event)

    async def write(self, event: Event) -> None:
        """Keep an event that somebody else has made, such as the command line."""
        await self._write(event)

    def prune(self, most: Mapping[Chain, int], before: datetime) -> None:
        """Delete the oldest events of each chain: beyond so many, and those of before this time.

        And write what was merged in the minute that is over. Call it about once a second.
        """
        now = self._clock.now()
        self._record_merged(self._merging.due(now))
        for chain, number in most.items():
            self._store.prune(number, before, now, chain)

    def flush(self) -> None:
        """Write what was merged so far. For a stop."""
        self._record_merged(self._merging.rest())

    async def _refuse(self, event: Event, about: About) -> None:
        fate = self._judge(event, about)
        if fate is Fate.COUNTED:
            return
        log_refusal(event)
        if fate is Fate.ALONE:
            await self._write(event, about.chain)
        else:
            self._note(event, about.chain)

    def _judge(self, event: Event, about: About) -> Fate:
        self._record_merged(self._merging.due(event.at))
        return self._merging.judge(event, about)

    def _stands_alone(self, event: Event, session: Session) -> bool:
        if merged := self._merging.due(event.at):
            self._record_merged(merged)
        person = Person(session.provider, session.principal)
        return self._merging.judge_session(event, person) is Fate.ALONE

    def _record_merged(self, merged: list[tuple[Chain, Event]]) -> None:
        for chain, event in merged:
            self.meters.merged += event.merged
            if event.event not in _LOGGED_EACH:  # of these the log has each
                log_refusal(event)
            self._note(event, chain)

    def _note(self, event: Event, chain: Chain = Chain.DECISIONS) -> None:
        line = audit.write(event)
        self._store.note(line, event.at, chain)
        self._ship(line)

    async def _write(self, event: Event, chain: Chain = Chain.DECISIONS) -> None:
        line = audit.write(event)
        self._ship(line)
        with suppress(StoreUnavailable):  # the writer has logged it, and will try again
            await self._store.write(line, event.at, chain)
