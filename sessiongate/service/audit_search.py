"""Looking into the audit for people: events that fit a filter, and sessions that have ended.

It is read backwards, in portions, and no further than a bound: what is older is looked for when
somebody goes on from there. Not for use inside an event loop.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

from sessiongate.audit import event as audit
from sessiongate.audit.event import Event
from sessiongate.errors import InvalidArgument
from sessiongate.rules.agents import agent_family
from sessiongate.rules.audit_chain import Chain, Link
from sessiongate.rules.name_pattern import fits_name
from sessiongate.rules.session_filter import read_user
from sessiongate.store.port import AuditReader

MOST_SEARCHED = 10_000
"""Events that one search looks at: some 50 ms."""

MOST_ENDED = 1_000
"""Sessions that have ended and are listed."""

FIELDS = ("event", "result", "user", "address", "dialect", "reason", "key")
"""What a filter of events is given by, as queries have it."""

_PORTION = 500

_UNREADABLE = Event(at=datetime.fromtimestamp(0, UTC), event="(unreadable)", result="")


class AuditRow(msgspec.Struct, frozen=True):
    """One event."""

    number: int
    at: datetime
    event: str
    result: str
    user: str
    subject: str
    ip: str
    agent: str
    dialect: str
    provider: str
    key: str
    how: str
    reason: str
    detail: str
    merged: int
    by_provider: str = ""
    by_key: str = ""


class WantedEvents(msgspec.Struct, frozen=True):
    """What must hold of an event; what is "" or None holds of all."""

    event: str = ""
    """In lower case, anywhere in its name."""
    result: str = ""
    user: str = ""
    """Whoever acted, or it was done to; in lower case, `*` for any characters."""
    network: IPv4Network | IPv6Network | None = None
    dialect: str = ""
    reason: str = ""
    """In lower case, anywhere in the reason."""

    key: str = ""
    """Of the session, whole."""

    def fits(self, event: Event) -> bool:
        """Whether this event is wanted."""
        if self.event and self.event not in event.event.lower():
            return False
        if self.key and event.key != self.key:
            return False
        if self.result and event.result != self.result:
            return False
        if self.dialect and event.dialect != self.dialect:
            return False
        if self.reason and self.reason not in event.reason.lower():
            return False
        names = (event.user.lower(), event.subject.lower())
        if self.user and not any(fits_name(name, self.user) for name in names if name):
            return False
        return self.network is None or _is_in(event.ip, self.network)


class FoundEvents(msgspec.Struct, frozen=True):
    """The newest events that fit, the newest first."""

    rows: list[AuditRow]
    before: int | None
    """Where to go on from; None where nothing is older."""
    searched: int


class EndedRow(msgspec.Struct, frozen=True):
    """A session that is over."""

    at: datetime
    user: str
    by: str
    """Who ended it, where that was somebody else."""
    reason: str
    client: str
    address: str
    dialect: str
    key: str
    lived_seconds: int | None
    """None where its opening is not among what was looked at."""
    merged: int
    """How many more like it stand in this one as a number."""


def read_event_filter(value_of: Callable[[str], str]) -> WantedEvents:
    """The filter of what `value_of` says of each of `FIELDS`. Raises InvalidArgument."""
    address = value_of("address")
    try:
        network = ip_network(address, strict=False) if address else None
    except ValueError:
        raise InvalidArgument(
            "address", "an address such as 192.0.2.7, or a network such as 192.0.2.0/24"
        ) from None
    return WantedEvents(
        event=value_of("event").lower(),
        result=value_of("result"),
        user=read_user(value_of("user")),
        network=network,
        dialect=value_of("dialect"),
        reason=value_of("reason").lower(),
        key=value_of("key").lower(),
    )


def search(
    reader: AuditReader,
    wanted: WantedEvents,
    before: int | None,
    count: int,
    chain: Chain = Chain.DECISIONS,
    most: int = MOST_SEARCHED,
) -> FoundEvents:
    """The newest events that fit, at most `count`, of those before this number."""
    rows: list[AuditRow] = []
    searched, number = 0, before
    for link in _backwards(reader, before, chain, most):
        searched, number = searched + 1, link.number
        event = _event(link)
        if wanted.fits(event):
            rows.append(_row(link.number, event))
            if len(rows) == count:
                break
    is_more = number is not None and number > 1 and bool(reader.before(number, 1, chain))
    return FoundEvents(rows, number if is_more else None, searched)


def ended_sessions(
    reader: AuditReader, wanted: WantedEvents, most: int = MOST_SEARCHED
) -> list[EndedRow]:
    """The sessions that ended last, the last one first, with how long each had lived."""
    ends: list[Event] = []
    opened: dict[str, datetime] = {}
    for link in newest(reader, most):
        event = _event(link)
        if event.event == "session opened" and event.key:
            opened[event.key] = event.at
        elif event.event == "session ended" and len(ends) < MOST_ENDED and wanted.fits(event):
            ends.append(event)
    return [_ended(event, opened.get(event.key)) for event in ends]


def newest(reader: AuditReader, most: int) -> Iterator[Link]:
    """The newest events of the decisions, the newest first, at most so many."""
    return _backwards(reader, None, Chain.DECISIONS, most)


def _backwards(reader: AuditReader, before: int | None, chain: Chain, most: int) -> Iterator[Link]:
    number = before
    while most > 0:
        links = reader.before(number, min(_PORTION, most), chain)
        if not links:
            return
        most -= len(links)
        number = links[0].number
        yield from reversed(links)


def _event(link: Link) -> Event:
    try:
        return audit.read(link.payload)
    except msgspec.DecodeError:
        return _UNREADABLE


def _row(number: int, event: Event) -> AuditRow:
    facts = msgspec.structs.asdict(event)
    del facts["token"], facts["since"]
    return AuditRow(number=number, **facts)


def _ended(event: Event, opened_at: datetime | None) -> EndedRow:
    lived = None if opened_at is None else max(0, int((event.at - opened_at).total_seconds()))
    return EndedRow(
        at=event.at,
        user=event.subject or event.user,
        by=event.user if event.subject and event.subject != event.user else "",
        reason=event.reason,
        client=agent_family(event.agent),
        address=event.ip,
        dialect=event.dialect,
        key=event.key,
        lived_seconds=lived,
        merged=event.merged,
    )


def _is_in(address: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(address.partition("%")[0]) in network
    except ValueError:
        return False
