"""Who leaves sessions open: from the audit, and from the sessions that live now.

Where the store keeps no audit that can be read, from what this process has opened and ended itself,
as much as it keeps of that.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from sessiongate.audit.session_counts import Covered, add_up
from sessiongate.clock import Clock
from sessiongate.rules.agents import LONGEST
from sessiongate.rules.leaks import (
    NOT_COUNTED,
    ClientName,
    ClientRow,
    LeakTally,
    client_of,
    client_of_session,
)
from sessiongate.session import Ended, Session
from sessiongate.store.port import AuditReader

MOST_KEPT = 20_000
"""Openings and ends that a process remembers where there is no audit: some 5 MB."""

_STEP = 100
"""Of those until others get their turn: a millisecond, where each client is another."""

_NO_AUDIT = (
    "store.url names a store that keeps no audit beyond the process: known is what has happened"
    " since its start"
)

OpenAudit = Callable[[], AbstractContextManager[AuditReader]]


class LeakReport(msgspec.Struct, kw_only=True):
    """What was found."""

    since: datetime
    """What is counted has happened since then."""
    until: datetime
    missing: str = ""
    """Why something that was asked for is not in it; "" where all is."""
    events: int
    """Events of the audit that were looked at."""
    clients: list[ClientRow]
    """Who left most sessions comes first."""


class _SessionChange(msgspec.Struct, frozen=True):
    """One opening (`reason` is None) or end."""

    at: datetime
    reason: Ended | None
    facts: tuple[str, str, str, str]


class _LiveSessions(Protocol):
    """What is asked of `Sessions`."""

    def list(self) -> AsyncIterator[Session]:
        """All live sessions."""
        ...


class RecentSessions:
    """Openings and ends of this process, the last ones: for a store that keeps no audit."""

    def __init__(self, clock: Clock, most: int = MOST_KEPT) -> None:
        self._clock = clock
        self._began = clock.now()
        self._events: deque[_SessionChange] = deque(maxlen=most)

    def opened(self, session: Session) -> None:
        """A session was opened."""
        self._note(session, None)

    def ended(self, session: Session, reason: Ended) -> None:
        """A session has ended."""
        self._note(session, reason)

    async def add_up(self, since: datetime, tally: LeakTally) -> Covered:
        """Add what has happened since then; others get their turn in between."""
        counted = [one for one in self._events if one.at >= since]
        is_full = len(self._events) == self._events.maxlen
        from_when = self._events[0].at if is_full else self._began
        for number, one in enumerate(counted, 1):
            if number % _STEP == 0:
                await asyncio.sleep(0)
            client = client_of(*one.facts)
            if one.reason is None:
                tally.opened(client)
            else:
                tally.ended(client, one.reason)
        if from_when <= since:
            return Covered(len(counted), None)
        why = _NO_AUDIT
        if is_full:
            why += f", and of that the last {len(self._events):,} openings and ends"
        return Covered(len(counted), from_when, why)

    def _note(self, session: Session, reason: Ended | None) -> None:
        if session.dialect in NOT_COUNTED:
            return
        agent = session.user_agent[:LONGEST]
        facts = (session.provider, session.principal, agent, session.ip_address)
        self._events.append(_SessionChange(self._clock.now(), reason, facts))


class LeakFinder:
    """Makes reports, one at a time."""

    def __init__(
        self,
        sessions: _LiveSessions,
        clock: Clock,
        record: OpenAudit | RecentSessions,
        saved: Callable[[], Mapping[ClientName, int]] = dict,
    ) -> None:
        """`saved` says how many logins at upstreams the gateway has saved each client."""
        self._sessions = sessions
        self._clock = clock
        self._record = record
        self._saved = saved
        self._turn = asyncio.Lock()
        self._last: dict[tuple[timedelta, bool], tuple[LeakReport, datetime]] = {}
        """Reports, and when each was done."""

    async def report(
        self, span: timedelta, at_most_old: timedelta = timedelta(0), *, live: bool = True
    ) -> LeakReport:
        """What has happened within this span until now. Raises StoreUnavailable.

        One that was done less than `at_most_old` ago is told again: a day of a busy server takes
        seconds, and all who have waited for them get the same. Pages ask so, for a few spans.
        Without `live` nobody is asked what is open now.
        """
        async with self._turn:
            now = self._clock.now()
            last = self._last.get((span, live))
            if last is not None and timedelta(0) <= now - last[1] < at_most_old:
                return last[0]
            made = await self._report_of(span, now, live=live)
            if at_most_old:
                self._last[span, live] = made, self._clock.now()
            return made

    async def _report_of(self, span: timedelta, now: datetime, *, live: bool) -> LeakReport:
        tally = LeakTally()
        since = now - span
        if isinstance(self._record, RecentSessions):
            covered = await self._record.add_up(since, tally)
        else:
            covered = await asyncio.to_thread(_read, self._record, since, tally)
        tally.live_known = live
        if live:
            await self._add_live(tally)
        tally.saved(self._saved())
        # To put ten thousand clients in order takes longer than others should wait.
        return await asyncio.to_thread(report_in, covered, since, now, tally)

    async def _add_live(self, tally: LeakTally) -> None:
        async for session in self._sessions.list():
            if session.dialect not in NOT_COUNTED:
                tally.lives(client_of_session(session), session.login_at.astimezone(UTC))


def _read(audit: OpenAudit, since: datetime, tally: LeakTally) -> Covered:
    with audit() as reader:
        return add_up(reader, since, tally)


def report_in(covered: Covered, since: datetime, until: datetime, tally: LeakTally) -> LeakReport:
    """The report of what was added up."""
    return LeakReport(
        since=covered.since or since,
        until=until,
        missing=covered.why,
        events=covered.events,
        clients=tally.ranked(),
    )
