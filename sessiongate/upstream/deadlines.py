"""Until when replies may come: one timer for all that are waited for.

A timer for each reply would be made and cancelled with nearly every call. Here those that are
waited for are looked through a few times a second, and when the first of them is due.
"""

import asyncio
import math
from typing import Protocol

TICK = 0.25
"""Seconds between two looks at most, while anything is waited for."""

LATE = "its reply has not come in time"
"""Why the outcome of a call is not known where the time for it is up."""


class Breakable(Protocol):
    """A reply on its way."""

    def break_off(self, why: str) -> None:
        """Have it break for whoever takes it."""
        ...


class Deadlines:
    """Those of one server's replies."""

    def __init__(self) -> None:
        self._due: dict[Breakable, float] = {}
        self.timer: asyncio.TimerHandle | None = None
        """The next look, while anything is waited for."""

    def put(self, reply: Breakable, within: float, loop: asyncio.AbstractEventLoop) -> None:
        """Break a reply off that is not dropped within so many seconds."""
        due = self._due[reply] = loop.time() + within
        timer = self.timer
        if timer is None:
            self.timer = loop.call_later(min(within, TICK), self._look, loop)
        elif within < TICK and due < timer.when():
            timer.cancel()
            self.timer = loop.call_at(due, self._look, loop)

    def drop(self, reply: Breakable) -> None:
        """It is waited for no longer."""
        self._due.pop(reply, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        late = [reply for reply, due in self._due.items() if due <= now]
        try:
            for reply in late:
                del self._due[reply]
                reply.break_off(LATE)
        finally:  # where one cannot be broken off, the next look has the others, at once
            first = min(self._due.values(), default=math.inf)
            again = first < math.inf
            self.timer = loop.call_at(min(first, now + TICK), self._look, loop) if again else None
