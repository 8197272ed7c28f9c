"""Slots for transfers that come by a ticket alone: who hardly moves makes room for who waits.

The ticket is the upstream's to judge, so whoever can reach us may begin one. A few hosts that send
a byte now and then would have all slots for as long as they like.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from sessiongate.errors import Overloaded
from sessiongate.gateway.calls.poll_slots import PollSlots
from sessiongate.networks import network_of
from sessiongate.session import Person
from sessiongate.upstream.exchange import OutgoingBody

WINDOW = 10.0
"""Seconds over which is seen how much has moved."""

LEAST = 160 * 1024
"""Bytes in that time, either way, of a transfer that keeps its slot where others wait. A disk that
is read or written over a line of a megabit a second moves seven times as much."""


class MovingTransfer(Protocol):
    """A transfer under way."""

    moved: int
    """Bytes of bodies, both ways."""

    def end(self) -> None:
        """Break it off; its slot is given back with that."""
        ...


class _Progress:
    """What has moved in the last window that is over: None before there is one."""

    __slots__ = ("before", "in_window", "is_ended", "since")

    def __init__(self, now: float, moved: int) -> None:
        self.since = now
        self.before = moved
        self.in_window: int | None = None
        self.is_ended = False

    def look(self, now: float, moved: int) -> None:
        if now - self.since >= WINDOW:
            self.in_window = moved - self.before
            self.since, self.before = now, moved


class StrangerSlots:
    """So many for all together. One network (an address of IPv4) has half of them at most."""

    def __init__(self, most: int, patience: float) -> None:
        """`patience`: seconds for which a transfer waits for its slot."""
        self._slots = PollSlots(most, patience)
        self._under_way: dict[MovingTransfer, _Progress | None] = {}

    @property
    def taken(self) -> int:
        """How many have theirs."""
        return self._slots.taken

    async def take(self, transfer: MovingTransfer, address: str) -> None:
        """Have a slot, to be given back. Raises Overloaded where there is none in time."""
        try:
            await self._slots.take(Person("", network_of(address)))
        except Overloaded:
            raise Overloaded("too many transfers without a session") from None
        self._under_way[transfer] = None

    def give_back(self, transfer: MovingTransfer, address: str) -> None:
        """The transfer is over."""
        del self._under_way[transfer]
        self._slots.give_back(Person("", network_of(address)))

    def tidy(self, now: float) -> None:
        """End the slowest where others wait for their slots. To be called once a second."""
        slow: list[tuple[int, MovingTransfer, _Progress]] = []
        leaving = 0
        for transfer, seen in self._under_way.items():
            progress = seen or _Progress(now, transfer.moved)
            self._under_way[transfer] = progress
            progress.look(now, transfer.moved)
            leaving += progress.is_ended
            moved = progress.in_window
            if moved is not None and moved < LEAST and not progress.is_ended:
                slow.append((moved, transfer, progress))
        slow.sort(key=lambda one: one[0])
        for _, transfer, progress in slow[: max(0, self._slots.waiting - leaving)]:
            progress.is_ended = True
            transfer.end()


class CountedBody:
    """A body on its way, of which is counted what has gone."""

    def __init__(self, body: OutgoingBody, transfer: MovingTransfer) -> None:
        self._body, self._transfer = body, transfer

    @property
    def length(self) -> int | None:
        """As the body's."""
        return self._body.length

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body's; each counts once it is sent."""
        async with aclosing(self._body.pieces()) as pieces:
            async for piece in pieces:
                yield piece
                self._transfer.moved += len(piece)
