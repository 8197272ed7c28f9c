"""The logins and logouts of late, for EventManager.

Those that this process saw, since it started; the audit has all of them, and for longer.
"""

from collections import deque
from collections.abc import Iterator

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
        self._events: deque[Data] = deque(maxlen=MOST)
        self._key = 0
        sessions.on_open(self._opened)
        sessions.on_end(self._ended)

    def __iter__(self) -> Iterator[Data]:
        """The events, oldest first."""
        return iter(self._events)

    def __reversed__(self) -> Iterator[Data]:
        """The events, newest first."""
        return reversed(self._events)

    @property
    def latest(self) -> int:
        """The key of the newest event; 0 before the first."""
        return self._key

    def _opened(self, session: Session) -> None:
        self._key += 1
        self._events.append(login_event(self._key, session))

    def _ended(self, session: Session, reason: Ended) -> None:
        self._key += 1
        self._events.append(logout_event(self._key, session, self._clock.now()))
