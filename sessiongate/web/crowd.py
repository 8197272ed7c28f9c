"""Who is inside, and what is held for them: counted over all listeners of one kind.

A socket counts from `accept` on. Those who have said nothing yet, in the middle of a handshake or
before their first request, are known by age: where there is no room for one more, the oldest of
them goes, if it has been silent for longer than anybody needs. So sockets that say nothing keep
nobody out who comes to ask something.
"""

from collections import Counter
from collections.abc import Callable

from sessiongate.web.limits import HttpLimits

TOO_MANY = "too_many_connections"
TOO_MANY_HANDSHAKES = "too_many_handshakes"
TOO_MANY_OF_ADDRESS = "too_many_of_address"
MADE_ROOM = "made_room"
"""Closed in favour of somebody new, since nothing had come of it yet."""

# Time enough to begin a request or to shake hands, over any network that people work with.
PATIENCE = 1.0


class Guest:
    """One accepted socket. `end` closes it at once."""

    __slots__ = ("address", "end", "gone", "in_handshake", "since")

    def __init__(
        self, address: str, since: float, end: Callable[[], None], *, in_handshake: bool = False
    ) -> None:
        self.address = address
        self.since = since
        self.end = end
        self.in_handshake = in_handshake
        self.gone = True
        """Whether it has left, or was never let in."""


class Crowd:
    """Counts and lists; closes only whom it lets go in favour of somebody else."""

    def __init__(
        self,
        limits: HttpLimits,
        exempt: Callable[[str], bool] = lambda _: False,
        refusals: Counter[str] | None = None,
    ) -> None:
        self.limits = limits
        """May be replaced at any time; those inside stay."""
        self.exempt = exempt
        """Addresses that `connections_per_address` is not for: many people stand behind each."""
        self.refusals: Counter[str] = Counter() if refusals is None else refusals
        self.inside = 0
        """Sockets that are open, or whose request is still handled."""
        self.handshakes = 0
        """How many of them are shaking hands."""
        self.held = 0
        """Bytes of requests of callers that are not known."""
        self.asking = 0
        """Requests of which it is being found out whether their caller is known."""
        self._shaking: dict[Guest, None] = {}
        self._silent: dict[Guest, None] = {}
        self._addresses: Counter[str] = Counter()

    def admit(self, guest: Guest) -> str | None:
        """Count one more in, or say why not. Each that is let in must `leave` in the end."""
        limits = self.limits
        most = limits.connections_per_address
        address = guest.address
        if most and self._addresses[address] >= most and address and not self.exempt(address):
            return TOO_MANY_OF_ADDRESS
        if self.inside >= limits.connections and not self._make_room(guest.since):
            return TOO_MANY
        if guest.in_handshake:
            if self.handshakes >= self._most_handshakes() and not self._let_go(
                self._shaking, guest.since
            ):
                return TOO_MANY_HANDSHAKES
            self.handshakes += 1
            self._shaking[guest] = None
        else:
            self._silent[guest] = None
        guest.gone = False
        self.inside += 1
        if address:
            self._addresses[address] += 1
        return None

    def shaken(self, guest: Guest, now: float) -> None:
        """Its handshake is done; now it is to ask something."""
        if not guest.gone:
            self._no_longer_shaking(guest)
            guest.since = now
            self._silent[guest] = None

    def spoken(self, guest: Guest) -> None:
        """It has asked something: it is not let go in favour of others any more."""
        self._silent.pop(guest, None)

    def leave(self, guest: Guest) -> None:
        """It is gone. Said twice, it is heard once."""
        if guest.gone:
            return
        guest.gone = True
        self._no_longer_shaking(guest)
        self._silent.pop(guest, None)
        self.inside -= 1
        if guest.address:
            left = self._addresses[guest.address] - 1
            if left > 0:
                self._addresses[guest.address] = left
            else:
                del self._addresses[guest.address]

    def _no_longer_shaking(self, guest: Guest) -> None:
        if guest.in_handshake:
            guest.in_handshake = False
            self.handshakes -= 1
            del self._shaking[guest]

    def _most_handshakes(self) -> int:
        """Never all places: half of them are for those who have shaken hands."""
        return min(self.limits.handshakes, max(1, self.limits.connections // 2))

    def _make_room(self, now: float) -> bool:
        return self._let_go(self._shaking, now) or self._let_go(self._silent, now)

    def _let_go(self, among: dict[Guest, None], now: float) -> bool:
        """Whether the oldest of these had been silent for so long that it was closed.

        Only the oldest is asked: each came later than the one before it.
        """
        oldest = next(iter(among), None)
        if oldest is None or now - oldest.since < PATIENCE:
            return False
        self.refusals[MADE_ROOM] += 1
        self.leave(oldest)
        oldest.end()
        return True
