"""The ports of what servers share of the gateway: who uses a lease, and what clients have in it.

A lease is one of `LeaseStore`. An instance is one process, for as long as it runs; one that was
killed is known by its silence. All raise StoreUnavailable, and bear to be asked the same twice.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from enum import Enum
from typing import NamedTuple, Protocol

import msgspec

from sessiongate.rules.relay import State


class Thing(NamedTuple):
    """An object that a client has opened at an upstream."""

    kind: str
    """Its type, as the upstream names it."""
    state: State
    within: str
    """The id of the object that it ends with, a filter's collector; "" for none."""


class Changes(msgspec.Struct, frozen=True):
    """What a call has changed of what its client has."""

    ended: tuple[str, ...] = ()
    """Ids of objects that are over, and tokens of pages that nobody goes on with."""
    opened: tuple[tuple[str, Thing], ...] = ()
    collector: str = ""
    """The client's own in the place of the one that all share. The first that is noted stays."""
    page: tuple[str, float] | None = None
    """The token by which a read goes on, and until when it does, in seconds."""


class Book:
    """What one client has, kept like an account: calls are entered, and it tells what is left.

    Ids are those of the upstream.
    """

    __slots__ = ("collector", "objects", "pages")

    def __init__(self) -> None:
        self.objects: dict[str, Thing] = {}
        self.pages: dict[str, float] = {}
        """Tokens of reads that go on, the oldest first, and until when they do."""
        self.collector = ""
        """The collector of its own that stands for the one that all share; "" for none yet."""

    @property
    def size(self) -> int:
        """How much it has."""
        return len(self.objects) + len(self.pages) + bool(self.collector)

    def has(self, name: str) -> bool:
        """Whether the object of this id is the client's."""
        return name in self.objects or (name != "" and name == self.collector)

    def names(self) -> set[str]:
        """The ids of all its objects."""
        return {*self.objects, self.collector} - {""}

    def ending(self, name: str) -> tuple[str, ...]:
        """Itself, if it is the client's, and those that end with it."""
        inner = (one for one, thing in self.objects.items() if thing.within == name)
        return (*((name,) if self.has(name) else ()), *inner)

    def apply(self, changes: Changes) -> None:
        """Take over what has changed. To do it twice changes nothing more."""
        for name in changes.ended:
            self.objects.pop(name, None)
            self.pages.pop(name, None)
            if name == self.collector:
                self.collector = ""
        self.objects.update(changes.opened)
        self.collector = self.collector or changes.collector
        if changes.page is not None:
            token, until = changes.page
            self.pages[token] = until


class LeaseState(Enum):
    """How far a lease is from its end."""

    OPEN = "o"
    RETIRED = "r"
    """It takes no client that has nothing in it."""
    ENDING = "e"
    """One instance logs it out: nobody else uses it."""
    LOST = "l"
    """The upstream has ended it."""


class LeaseUse(msgspec.Struct, frozen=True):
    """Who uses a lease."""

    lease: str
    state: LeaseState
    instances: frozenset[str]
    """Those that live."""
    left: bool
    """Whether one has been killed that used it."""
    homes: int = 0
    """How many clients have their home in it."""


class LeaseUsers(Protocol):
    """Knows which instances use which lease, from its reservation until it is removed.

    Who reserves a lease uses it. So the last to let go of one knows that it is the last.
    """

    async def beat(self, instance: str, lasting: timedelta) -> None:
        """Say that an instance runs. It counts as killed if that is not said again in so long."""
        ...

    async def look(self) -> list[LeaseUse]:
        """All leases, in no particular order."""
        ...

    async def attach(
        self, lease_id: str, instance: str, *, only_open: bool = False
    ) -> LeaseState | None:
        """Use a lease. None where it is over: ending, lost or gone.

        `only_open`: and where it takes nobody new. Those that were killed use it no longer.
        """
        ...

    async def retire(self, lease_id: str) -> None:
        """Let no client have something in it that has nothing there. Never taken back."""
        ...

    async def detach(
        self, lease_id: str, instance: str, *, despite_homes: bool = False, ends: bool = True
    ) -> bool | None:
        """Let go of a lease. True where nobody that lives uses it and no client has a home in it.

        Then it is ending, and this instance, alone of all, has to log it out and remove it. False
        also for one that was removed in the last minutes. None where there is no such lease: the
        store has lost it.
        `despite_homes`: also where clients have something in it, which is lost then. Not `ends`:
        it is left to whoever uses it next.
        """
        ...

    async def clients(self, lease_id: str) -> list[str]:
        """The clients that have their home in it, by the keys of their sessions."""
        ...


class StayOutcome(Enum):
    """What becomes of a call that begins."""

    IN = "in"
    OVER = "over"
    """The client's session has ended, or what it had is lost."""
    CLOSED = "closed"
    """The lease takes nobody new."""
    TAKEN = "taken"
    """The lease is another client's alone."""
    FOREIGN = "foreign"
    """The call names what is another client's."""


class Entered(msgspec.Struct, frozen=True):
    """The answer to a call that begins, or has changed something."""

    entry: StayOutcome
    home: str = ""
    """The lease that the client's things are in; "" for none."""
    version: int = 0
    """Of the book; each change makes it larger, and so does it that a home begins."""
    book: Book | None = None
    """What the client has; None where that is what the caller knows already."""
    foreign: str = ""
    """An id of an object that is another client's."""


class ClientBooks(Protocol):
    """Knows what the clients of one upstream have there, and in which lease: each one's home.

    A call that may touch state is a stay, of a name like "instance:7" that is never used twice.
    A home is kept until its client has nothing in it and no stay, those of killed instances not
    counted. What a client is called, the key of its session, is never used twice either.
    """

    @property
    def shared(self) -> bool:
        """Whether other processes have them too. Else no method suspends, and books are handed out
        themselves.
        """
        ...

    def is_untouched(self, client: str, names: Collection[str]) -> bool:
        """Whether it is known here at once that `enter` with no lease would say: in, with no home.

        So it is of most calls, which may go by any lease then. False says nothing.
        """
        ...

    async def enter(
        self,
        client: str,
        stay: str,
        lease_id: str,
        *,
        exclusive: bool = False,
        known: int = -1,
        names: Iterable[str] = (),
    ) -> Entered:
        """Begin a stay at home: there where the client has one, else in this lease from now on.

        `exclusive`: only in a lease in which no other client has its home. `known` is the version
        that the caller has, and `names` the objects that the call names. With no lease it is only
        told what there is. Of many at once with different leases, one decides for all.
        """
        ...

    async def note(self, client: str, lease_id: str, changes: Changes, known: int) -> Entered:
        """Keep what has changed, during a stay. OVER where the home is no longer this lease."""
        ...

    async def turn(self, client: str, stay: str, token: str, now: float) -> bool:
        """Use up the token of a page: True once, where it is the client's and not too late."""
        ...

    async def leave(self, client: str, stay: str, lease_id: str, now: float) -> bool:
        """End a stay, and forget pages that are late. Whether the client is at home no longer."""
        ...

    async def clear(self, client: str, stay: str, now: float) -> Entered | None:
        """Let nothing of this client begin any more, and say what it had: to one who asks.

        The home stays until that one leaves, who has ended there what there was. None for others,
        but for the case that the one was killed; no home where nothing is to be done.
        """
        ...

    async def lost(self, lease_id: str, instance: str) -> list[str]:
        """The lease is over with all in it. The clients that had something there."""
        ...


class UpstreamNotes(Protocol):
    """A few short texts about one upstream, for all processes. Each stays until it is replaced."""

    async def put(self, topic: str, text: str) -> None:
        """Keep this text in the place of the one before."""
        ...

    async def all(self) -> dict[str, str]:
        """What there is, by topic."""
        ...
