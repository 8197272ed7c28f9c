"""What the audit keeps: one event for every decision, complete enough to tell the story alone.

Names and public keys, and of a token the first eight digits of its digest: enough to find the
events of one session, useless for anything else.
"""

from datetime import UTC, datetime
from typing import TypedDict, Unpack

import msgspec

from sessiongate.session import Client, Session

COMMAND = "command"
"""What stands in the place of the provider of an account of the operating system."""

# What a client says of itself is kept, cut to a length that nobody can fill a disk with.
_LONGEST = 256

# What else msgspec raises for bytes that are no UTF-8, for a number beyond all bounds, and for
# brackets within brackets.
_OTHERWISE_UNREADABLE = (ValueError, OverflowError, RecursionError)


class Event(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One decision."""

    at: datetime
    event: str
    """What was decided: `session opened`, `login refused`, `session ended`, ..."""
    result: str
    """`ok`, `refused` or `unavailable`."""
    user: str = ""
    """Canonical name of whoever acted, or the name as typed where nobody was found out."""
    subject: str = ""
    """Canonical name of whoever it was done to, where that is somebody else."""
    ip: str = ""
    agent: str = ""
    dialect: str = ""
    provider: str = ""
    key: str = ""
    by_provider: str = ""
    """Where the provider is that of the session which ended: that of `user`, who ended it. COMMAND
    for a command."""
    by_key: str = ""
    """The session of whoever ended it, where there is one."""
    token: str = ""
    """The first eight hex digits of the token's digest."""
    how: str = ""
    reason: str = ""
    detail: str = ""
    merged: int = 0
    """How many more like this there were, from `since` on: they have no event of their own."""
    since: datetime | None = None
    """Of a merged event: when the first of them was. `at` is when the last was."""


class EventDetails(TypedDict, total=False):
    """What may be said of an event besides what a session tells."""

    subject: str
    how: str
    reason: str
    detail: str
    by_provider: str
    by_key: str


NO_DETAILS = EventDetails()
"""Nothing besides."""


class Facts(EventDetails, total=False):
    """What may be said of an event that no session tells of."""

    user: str
    provider: str


def of_session(session: Session, at: datetime, event: str, **facts: Unpack[EventDetails]) -> Event:
    """An event about a session that exists."""
    return Event(
        at=at.astimezone(UTC),
        event=event,
        result="ok",
        user=session.principal,
        ip=session.ip_address,
        agent=session.user_agent[:_LONGEST],
        dialect=session.dialect,
        provider=session.provider,
        key=session.key,
        token=session.digest[:4].hex(),
        **facts,
    )


def of_client(
    client: Client, at: datetime, event: str, result: str, **facts: Unpack[Facts]
) -> Event:
    """An event about a client that has no session."""
    told = Event(
        at=at.astimezone(UTC),
        event=event,
        result=result,
        ip=client.ip_address,
        agent=client.user_agent[:_LONGEST],
        dialect=client.dialect,
        **facts,
    )
    told.user, told.subject = told.user[:_LONGEST], told.subject[:_LONGEST]
    told.detail = told.detail[:_LONGEST]
    return told


def say_besides(event: Event, said: EventDetails) -> None:
    """Say how and why a session was ended, of which provider whoever did it is, and by what."""
    event.how, event.detail = said.get("how", ""), said.get("detail", "")[:_LONGEST]
    event.by_provider, event.by_key = said.get("by_provider", ""), said.get("by_key", "")


def write(event: Event) -> bytes:
    """An event as the one line of JSON that is kept, chained and shipped."""
    return msgspec.json.encode(event)


def read(line: bytes) -> Event:
    """An event from its line. Raises msgspec.DecodeError for one that is not."""
    try:
        return msgspec.json.decode(line, type=Event)
    except _OTHERWISE_UNREADABLE as problem:
        raise msgspec.DecodeError(str(problem)) from None


def facts_of(line: bytes) -> dict[str, object] | None:
    """What a line says, also one of a later release or of nobody knows whom. None for no event."""
    try:
        event = msgspec.json.decode(line, type=dict[str, object])
        msgspec.json.encode(event)  # a number can be read that cannot be written again
    except (msgspec.DecodeError, *_OTHERWISE_UNREADABLE):
        return None
    return event


def merged_in(line: bytes) -> int:
    """How many events a line stands for that have none of their own: 0 for nearly all."""
    if b'"merged":' not in line:  # a million lines are verified in seconds, not all of them decoded
        return 0
    try:
        return read(line).merged
    except msgspec.DecodeError:
        return 0
