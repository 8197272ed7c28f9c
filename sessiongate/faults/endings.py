"""Ends sessions as time, an administrator or a restart does."""

from sessiongate.faults.book import Hit
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Session
from sessiongate.store.port import SessionStore

_REASONS = {"session.expire": Ended.IDLE, "session.terminate": Ended.TERMINATED}
BY = "administrator"
"""Who ends sessions by `session.terminate`, as the audit has it."""


async def end_sessions(
    sessions: Sessions, store: SessionStore, hit: Hit, session: Session | None
) -> int:
    """End the session of a request, all of its user, or all. How many those were.

    What is forgotten leaves no event, as after a restart with an empty store.
    """
    which = hit.args["which"]
    if session is None:
        return 0
    keys = [session.key]
    if which != "one":
        keys = [
            one.key
            async for one in sessions.list()
            if which == "all" or one.principal == session.principal
        ]
    reason = _REASONS.get(hit.fault)
    if reason is not None:
        return await sessions.end_each(keys, reason, BY if reason is Ended.TERMINATED else "")
    return sum([await store.end(key) is not None for key in keys])
