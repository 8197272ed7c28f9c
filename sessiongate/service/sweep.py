"""The end of sessions that nobody ends: their time is up, and somebody has to say so.

Expiry is judged at each use, so nothing is alive that should not be; the sweep frees the room and
writes each end down, in steps so small that no check waits for them.
"""

import asyncio

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.store.port import SessionStore

# Sessions looked at in one step of the sweep. Where all have ended, each costs a log line and an
# entry in the audit: with 500 a check waited 46 ms (one in a thousand), with 50 less than 8 ms.
_SWEEP = 50

# Steps in one sweep. Live sessions are looked at too, each about once in an idle limit: a million
# of them are 560 a second. While all that is found has ended, more follow at once.
_STEPS, _MOST_STEPS = 100, 1_000


async def sweep(store: SessionStore, clock: Clock, journal: Journal) -> int:
    """End sessions past their limits, a bounded number of them, and write down each end."""
    count = 0
    for step in range(1, _MOST_STEPS + 1):
        ended = await store.expire(clock.now(), _SWEEP)
        for session, reason in ended:
            journal.expired(session, reason)
        count += len(ended)
        if step >= _STEPS and len(ended) < _SWEEP:
            break
        await asyncio.sleep(0)
    return count
