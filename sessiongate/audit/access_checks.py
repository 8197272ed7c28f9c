"""What is written down of checks for proxies (forward-auth).

Each refusal is an event, merged like all refusals. A check that lets somebody through happens with
every request of every page: the first of a session at a host is an event, and an hour later another
one says how many more there were. Whoever has a session may ask for any Host, so that only
some of an account's hosts stand apart, and the further ones are one event of that account. Metrics
count them all.
"""

from collections import Counter
from datetime import datetime, timedelta

from msgspec.structs import replace

from sessiongate.audit import event as audit
from sessiongate.audit.event import Event
from sessiongate.audit.journal import Journal
from sessiongate.audit.merging import NOBODY, About
from sessiongate.audit.results import outcome
from sessiongate.clock import Clock
from sessiongate.session import Client, Person, Session

HOUR = timedelta(hours=1)
"""How long checks are counted before the number is written."""

# Sessions times hosts that are counted by themselves, some 500 bytes each. Beyond them checks are
# counted together.
MOST = 10_000

# Of these, one account's. Without that, one at many hosts (or in many sessions) would leave no
# place for the others, and nobody's steps had a name.
_MOST_OF_ONE = 100

_REST = ("", "")

_ALLOWED = "access allowed"


class AccessChecks:
    """Writes down what came of checks. `requests` name method, host and path, without the query."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._hour_began: datetime | None = None
        self._allowed: dict[tuple[str, str] | Person, Event] = {}
        self._shares: Counter[Person] = Counter()

    def is_known(self, session: Session, host: str) -> bool:
        """Count that a session was let through to this host, where it was before: else False, and
        `allowed` has to be told more of it.
        """
        found = self._allowed.get((session.key, host))
        if found is None:
            return False
        self._count(found, self._clock.now())
        return True

    def allowed(self, session: Session, client: Client, how: str, host: str, request: str) -> None:
        """A session was let through to this host."""
        now = self._clock.now()
        if self._hour_began is None:
            self._hour_began = now
        person = _person(session)
        place: tuple[str, str] | Person = (session.key, host)
        found = self._allowed.get(place)
        is_further = found is None and self._shares[person] >= _MOST_OF_ONE
        if is_further:
            place = person
            found = self._allowed.get(place)
        if found is None and len(self._allowed) < MOST:
            first = _event(client, now, _ALLOWED, "ok", how, request, session)
            if is_further:
                first.detail, first.key, first.token = f"further, first {request}", "", ""
            self._allowed[place] = replace(first)
            self._shares[person] += 1
            self._journal.note(first, person)
            return
        if found is None:
            rest = Event(at=now, event=_ALLOWED, result="ok", dialect=client.dialect)
            found = self._allowed.setdefault(_REST, rest)
        self._count(found, now)

    @staticmethod
    def _count(found: Event, now: datetime) -> None:
        found.merged += 1
        found.at = now
        if found.since is None:
            found.since = now

    def refused(
        self,
        client: Client,
        how: str,
        request: str,
        reason: str,
        *,
        session: Session | None = None,
        error: Exception | None = None,
    ) -> None:
        """A request was not let through: `reason`, and the session where it is known whose."""
        now = self._clock.now()
        result = outcome(error) if error is not None else "refused"
        event = _event(client, now, "access refused", result, how, request, session)
        event.reason = reason
        about = About.of_caller(session) if session is not None else NOBODY
        self._journal.note_refusal(event, about)

    def flush(self) -> None:
        """Write how many more were let through: each hour, and for a stop."""
        counted, self._allowed, self._hour_began = self._allowed, {}, None
        self._shares.clear()
        for event in counted.values():
            if event.merged:
                event.merged -= 1  # it stands for one itself
                event.since = event.since if event.merged else None
                self._journal.note(event, Person(event.provider, event.user))

    async def tidy(self) -> None:
        """Write them where the hour is over. Call it now and then."""
        if self._hour_began is not None and self._clock.now() - self._hour_began >= HOUR:
            self.flush()


def _person(session: Session) -> Person:
    return Person(session.provider, session.principal)


def _event(
    client: Client,
    at: datetime,
    what: str,
    result: str,
    how: str,
    request: str,
    session: Session | None,
) -> Event:
    event = audit.of_client(client, at, what, result, how=how, detail=request)
    if session is not None:
        event.user, event.provider = session.principal, session.provider
        event.key, event.token = session.key, session.digest[:4].hex()
    return event
