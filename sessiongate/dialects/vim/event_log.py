"""The logins and logouts of late, for EventManager.

Those that this process saw, since it started; the audit has all of them, and for longer.
"""

from collections import deque
from collections.abc import Iterator
from datetime import datetime

import msgspec

from sessiongate.clock import Clock
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Session
from sessiongate.wire.vim.session_events import login_event, logout_event
from sessiongate.wire.vim.types import Data

MOST = 1000
"""Events that are kept. The oldest go first."""


class EventLog:
    """Keeps the last events."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[_Happened] = deque(maxlen=MOST)
        self._key = 0
        sessions.on_open(self._opened)
        sessions.on_end(self._ended)

    def __iter__(self) -> Iterator[Data]:
        """The events, oldest first."""
        return (one.event for one in self._events)

    def __reversed__(self) -> Iterator[Data]:
        """The events, newest first."""
        return (one.event for one in reversed(self._events))

    @property
    def latest(self) -> int:
        """The key of the newest event; 0 before the first."""
        return self._key

    def _opened(self, session: Session) -> None:
        self._key += 1
        self._events.append(_Happened(self._key, session))

    def _ended(self, session: Session, reason: Ended) -> None:
        self._key += 1
        self._events.append(_Happened(self._key, session, self._clock.now()))


class _Happened(msgspec.Struct):
    """A login, or a logout at some time. Its event is made when somebody asks: few ever do."""

    key: int
    session: Session
    over_at: datetime | None = None
    made: Data | None = None

    @property
    def event(self) -> Data:
        """It as an event, made once."""
        if self.made is None:
            key, session, at = self.key, self.session, self.over_at
            made = login_event(key, session) if at is None else logout_event(key, session, at)
            self.made = made
        return self.made
