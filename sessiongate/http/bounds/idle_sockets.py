"""Sockets of which nothing is under way, by age and by address: who goes in favour of whom.

The address that has most of them loses its oldest at once to one that has fewer, so that one
address takes all places only while nobody else wants one. Among equals the oldest goes, if it has
waited for longer than anybody needs.
"""

from typing import Generic, Protocol, TypeVar

# Time enough to begin a request or to shake hands, over any network that people work with.
PATIENCE = 1.0


class IdleSocket(Protocol):
    """A socket, as these see it."""

    counts_as: str | int
    """What stands for its address, or for itself where it is counted alone."""
    since: float


One = TypeVar("One", bound=IdleSocket)


class IdleSockets(Generic[One]):
    """All of them, each under what it counts as."""

    def __init__(self) -> None:
        self._all: dict[One, None] = {}
        """The oldest first, as in each address."""
        self._addresses: dict[str | int, dict[One, None]] = {}
        self._sizes: dict[int, dict[str | int, None]] = {}
        """Which addresses have so many."""
        self._most = 0

    def add(self, one: One) -> None:
        """It is the youngest from now on, also if it is among them already."""
        if one in self._all:
            self._renew(one)
            return
        self._all[one] = None
        address = self._addresses.setdefault(one.counts_as, {})
        address[one] = None
        self._resize(one.counts_as, len(address) - 1, len(address))

    def _renew(self, one: One) -> None:
        """As removing and adding it, in a third of the time: strangers ask again and again."""
        name = one.counts_as
        address = self._addresses[name]
        alike = self._sizes[len(address)]
        del self._all[one], address[one], alike[name]
        self._all[one] = address[one] = alike[name] = None

    def remove(self, one: One) -> None:
        """It is not among them, or not any more."""
        if one not in self._all:
            return
        del self._all[one]
        address = self._addresses[one.counts_as]
        del address[one]
        if not address:
            del self._addresses[one.counts_as]
        self._resize(one.counts_as, len(address) + 1, len(address))

    def oldest_of_busiest(self, newcomer: One) -> One | None:
        """The oldest of the address that has most: more than the newcomer's will have."""
        if self._most <= len(self._addresses.get(newcomer.counts_as, ())) + 1:
            return None
        address = next(iter(self._sizes[self._most]))
        return next(iter(self._addresses[address]))

    def oldest_overdue(self, newcomer: One) -> One | None:
        """The oldest that has waited for too long: its own one where its address has most."""
        own = self._addresses.get(newcomer.counts_as, {})
        oldest = next(iter(own if len(own) == self._most else self._all), None)
        if oldest is None or newcomer.since - oldest.since < PATIENCE:
            return None
        return oldest

    def _resize(self, address: str | int, before: int, after: int) -> None:
        if before:
            del self._sizes[before][address]
            if not self._sizes[before]:
                del self._sizes[before]
        if after:
            self._sizes.setdefault(after, {})[address] = None
        if after > self._most or (before == self._most and before not in self._sizes):
            self._most = after
