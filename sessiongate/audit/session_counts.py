"""Openings and ends of sessions, added up from the audit: by client, back to some moment.

The audit is read backwards, in portions, so that what is not asked for is not read and no more than
a portion is in memory. Not for use inside an event loop.
"""

from datetime import datetime

import msgspec

from sessiongate.audit.event import Event, read
from sessiongate.rules.audit_chain import Link
from sessiongate.rules.leaks import NOT_COUNTED, SEVERAL, ClientName, LeakTally, client_of
from sessiongate.session import Ended
from sessiongate.store.port import AuditReader

PORTION = 500
"""Events that are read at once: a fraction of a millisecond, in which no other thread runs."""

MOST_EVENTS = 2_000_000
"""So many are looked at, and no more, which takes some ten seconds."""

# What such an event is, as its line has it. Of all others, that is all that is looked at.
_MARK = b'"event":"session '

_REASONS = {one.value: one for one in Ended}


class Covered(msgspec.Struct, frozen=True):
    """How far back an audit was read."""

    events: int
    """That were looked at, of any sort."""
    since: datetime | None
    """From when on nothing is missing; None where all that was asked for is there."""
    why: str = ""
    """Why not from when it was asked for."""


def add_up(
    reader: AuditReader, since: datetime, tally: LeakTally, most: int = MOST_EVENTS
) -> Covered:
    """Add what has happened since then to the tally. Raises StoreUnavailable."""
    looked_at, number, oldest = 0, None, since
    while looked_at < most:
        links = reader.before(number, min(PORTION, most - looked_at))
        if not links:
            return _until_the_first(reader, looked_at, number, oldest)
        looked_at += len(links)
        number = links[0].number
        for link in links:
            _count(link, since, tally)
        oldest = _moment_of(links) or oldest
        if oldest < since:
            return Covered(looked_at, None)
    return Covered(looked_at, oldest, f"no more than {most:,} events are looked at")


def _until_the_first(
    reader: AuditReader, looked_at: int, number: int | None, oldest: datetime
) -> Covered:
    """All that is kept was read, and it did not reach back so far."""
    if number is None or number <= 1:
        return Covered(looked_at, None)  # there never was more
    return Covered(looked_at, oldest, "the audit keeps no older events (audit.max_events, max_age)")


def _moment_of(links: list[Link]) -> datetime | None:
    """When the oldest of these was that can be read."""
    for link in links:
        try:
            return read(link.payload).at
        except msgspec.DecodeError:
            continue
    return None


def _count(link: Link, since: datetime, tally: LeakTally) -> None:
    if _MARK not in link.payload:
        return
    try:
        event = read(link.payload)
    except msgspec.DecodeError:
        return
    if event.at < since or event.dialect in NOT_COUNTED:
        return
    count = 1 + event.merged
    match event.event:
        case "session opened":
            tally.opened(_client_of(event, event.user), count)
        case "session not opened":
            tally.opened(_client_of(event, event.user), -count)
        case "session ended" if event.result == "ok" or event.provider:
            # Who ended it is the user, where that is somebody else than whose it was. One that is
            # not known to have ended names no provider.
            owner = event.subject or event.user
            tally.ended(_client_of(event, owner), _REASONS.get(event.reason), count)


def _client_of(event: Event, user: str) -> ClientName:
    name = client_of(event.provider, user, event.agent, event.ip)
    if not event.merged:
        return name
    agent = name.agent if event.agent else SEVERAL
    return name._replace(agent=agent, address=event.ip or SEVERAL)
