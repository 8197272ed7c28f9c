"""Which clients leave sessions open: their openings and ends, added up and ranked.

A session that its client has not logged out ends by a time limit, or because somebody terminates
it. Those are counted as not logged out. What ended because the account changed, the upstream let go
of it or the reply of the login reached nobody is not: the client could not do anything about it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from sessiongate.rules.agents import LONGEST, agent_family
from sessiongate.session import Ended, Person, Session

NOT_LOGGED_OUT = frozenset({Ended.IDLE, Ended.AGED, Ended.TERMINATED})
"""How sessions end that nobody logged out."""

NOT_COUNTED = frozenset({"console"})
"""Dialects of people at a browser, who close it and leave: scripts are what is looked for."""

MOST_CLIENTS = 10_000
"""Clients that are added up apart, some 500 bytes each. The others are one row."""

SEVERAL = "(several)"
"""The agent, or the address, of events that the audit merged though they differ in it."""


class ClientName(NamedTuple):
    """What is one client here: an account, the program that it uses, and from where."""

    provider: str
    user: str
    agent: str
    """Its family (`rules.agents`)."""
    address: str


OTHERS = ClientName("", "(others)", SEVERAL, SEVERAL)
"""Stands for all clients beyond `MOST_CLIENTS`."""


class ClientRow(msgspec.Struct, kw_only=True):
    """What one client has opened and left, in the time that is looked at."""

    user: str
    provider: str
    agent: str
    address: str
    opened: int = 0
    logged_out: int = 0
    idled_out: int = 0
    """Ended because they were not used for so long."""
    aged_out: int = 0
    """Ended because they had been open for so long."""
    terminated: int = 0
    ended_otherwise: int = 0
    not_logged_out: int = 0
    """Idled out, aged out and terminated."""
    share: float | None = None
    """Of those that were logged out or not, how many were not: 0 to 1. None where none has ended
    in either way."""
    live: int | None = 0
    """None where nobody was asked."""
    oldest: datetime | None = None
    """When the oldest live one was opened."""
    saved: int = 0
    """Logins at upstreams that the gateway saved it, since the server started."""


def client_of(provider: str, user: str, user_agent: str, address: str) -> ClientName:
    """The client that these facts mean."""
    return ClientName(provider, user, agent_family(user_agent[:LONGEST]), address)


def client_of_session(session: Session) -> ClientName:
    """Whose session this is."""
    return client_of(session.provider, session.principal, session.user_agent, session.ip_address)


class LeakTally:
    """Adds up. Bounded: see `MOST_CLIENTS`."""

    def __init__(self, most: int = MOST_CLIENTS) -> None:
        self._rows: dict[ClientName, ClientRow] = {}
        self._most = most
        self.live_known = True
        """Whether live sessions were added. Else their numbers are None."""

    def opened(self, client: ClientName, count: int = 1) -> None:
        """So many sessions were opened; a negative count takes back what found no place."""
        self._row(client).opened += count

    def ended(self, client: ClientName, reason: Ended | None, count: int = 1) -> None:
        """So many have ended; None for a reason that is not known."""
        row = self._row(client)
        match reason:
            case Ended.LOGOUT:
                row.logged_out += count
            case Ended.IDLE:
                row.idled_out += count
            case Ended.AGED:
                row.aged_out += count
            case Ended.TERMINATED:
                row.terminated += count
            case _:
                row.ended_otherwise += count
        if reason in NOT_LOGGED_OUT:
            row.not_logged_out += count

    def lives(self, client: ClientName, since: datetime) -> None:
        """One session is open, since then."""
        row = self._row(client)
        row.live = (row.live or 0) + 1
        row.oldest = since if row.oldest is None else min(row.oldest, since)

    def saved(self, counts: Mapping[ClientName, int]) -> None:
        """The gateway has saved so many logins of these."""
        for client, count in counts.items():
            if client in self._rows:
                self._rows[client].saved += count

    def ranked(self) -> list[ClientRow]:
        """Who left most sessions comes first; of equals, who has most open, and who opened most."""
        return sorted(map(self._finished, self._rows.values()), key=_rank)

    def _row(self, client: ClientName) -> ClientRow:
        row = self._rows.get(client)
        if row is not None:
            return row
        if len(self._rows) >= self._most:
            client = OTHERS
        provider, user, agent, address = client
        made = ClientRow(user=user, provider=provider, agent=agent, address=address)
        return self._rows.setdefault(client, made)

    def _finished(self, row: ClientRow) -> ClientRow:
        decided = row.logged_out + row.not_logged_out
        row.share = row.not_logged_out / decided if decided else None
        row.opened = max(0, row.opened)
        if not self.live_known:
            row.live = None
        return row


def _rank(row: ClientRow) -> tuple[int, int, int, str, str, str]:
    return (-row.not_logged_out, -(row.live or 0), -row.opened, row.user, row.agent, row.address)


def totals(rows: Iterable[ClientRow]) -> tuple[int, int]:
    """How many sessions were not logged out, and how many clients did that."""
    left = [row.not_logged_out for row in rows if row.not_logged_out]
    return sum(left), len(left)


def shares_by_person(rows: Iterable[ClientRow]) -> dict[Person, float]:
    """Of each person's sessions that were logged out or not, how many were not: 0 to 1."""
    left, decided = Counter[Person](), Counter[Person]()
    for row in rows:
        person = Person(row.provider, row.user)
        left[person] += row.not_logged_out
        decided[person] += row.logged_out + row.not_logged_out
    return {person: left[person] / count for person, count in decided.items() if count}
