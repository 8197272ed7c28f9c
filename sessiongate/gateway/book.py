"""What a client has at an upstream: the objects, pages and collector that its own calls opened.

A client may use what stands in its book and nothing else that belongs to a session: what one client
opened by a shared session, no other can name. Only what an opening call returns is written down; a
reference that a client has read somewhere teaches nothing.
"""

from collections import OrderedDict
from typing import NamedTuple

from sessiongate.errors import UnknownProperty
from sessiongate.rules.relay import State

MOST_PAGES = 64
"""Reads in pages that one client may have open."""

MOST_TICKETS = 64
"""Tickets of which is known until when they may be used."""

PAGE_LIFE = 600.0
"""Seconds for which the next page may be asked for."""


class Thing(NamedTuple):
    """An object that a client has opened."""

    kind: str
    """Its type, as the upstream names it."""
    state: State
    within: str
    """The id of the object that it ends with, a filter's collector; "" for none."""


class Book:
    """What one client has. Ids are those of the upstream."""

    __slots__ = ("collector", "objects", "pages", "tickets")

    def __init__(self) -> None:
        self.objects: dict[str, Thing] = {}
        self.pages: OrderedDict[str, float] = OrderedDict()
        """Tokens of reads that go on, and until when they do."""
        self.tickets: list[float] = []
        """Until when tickets of the session may be used."""
        self.collector = ""
        """The collector of its own that stands for the one that all share; "" for none yet."""

    @property
    def size(self) -> int:
        """How much it has."""
        held = len(self.objects) + len(self.pages) + len(self.tickets)
        return held + bool(self.collector)

    def has(self, name: str) -> bool:
        """Whether the object of this id is the client's."""
        return name in self.objects or (name != "" and name == self.collector)

    def ended(self, name: str) -> None:
        """It is over, and what ends with it."""
        self.objects.pop(name, None)
        for inner in [one for one, thing in self.objects.items() if thing.within == name]:
            del self.objects[inner]
        if name == self.collector:
            self.collector = ""

    def turn_page(self, token: str, now: float) -> None:
        """Use up a token. Raises UnknownProperty where it is not the client's, or late."""
        if self.pages.pop(token, 0.0) <= now:
            raise UnknownProperty("token")

    def goes_on(self, token: str, now: float) -> None:
        """A reply has said that its read goes on with this token."""
        while len(self.pages) >= MOST_PAGES:
            self.pages.popitem(last=False)
        self.pages[token] = now + PAGE_LIFE

    def has_ticket(self, until: float) -> None:
        """The session has given it a ticket, which is of no use without the session."""
        self.tickets = [*self.tickets[1 - MOST_TICKETS :], until]

    def tidy(self, now: float) -> None:
        """Forget reads that nobody has gone on with, and tickets that are over."""
        self.tickets = [until for until in self.tickets if until > now]
        while self.pages and next(iter(self.pages.values())) <= now:
            self.pages.popitem(last=False)
