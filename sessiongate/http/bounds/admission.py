"""Who is inside, and what is held for them: counted over all listeners of one kind.

A socket counts from `accept` on. Those of which nothing is under way are known by age: in the
middle of a handshake, before a whole request, or between the requests of callers that nobody knows.
Where there is no room for one more, the address that has most of them loses its oldest; where none
has more than others, the oldest goes, if it has waited for longer than anybody needs. So sockets
that say nothing, or next to nothing, keep nobody out who comes to ask.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from sessiongate.http.bounds.body_budget import BodyBudget, Share
from sessiongate.http.bounds.idle_sockets import IdleSockets
from sessiongate.http.bounds.loop_turns import Clock, LoopTurns, Waiter
from sessiongate.http.bounds.unread_budget import UnreadBudget
from sessiongate.http.limits import HttpLimits
from sessiongate.http.refusal_log import note
from sessiongate.networks import network_of, wider_network_of

Headers = Iterable[tuple[str, str]]

TOO_MANY = "too_many_connections"
TOO_MANY_HANDSHAKES = "too_many_handshakes"
TOO_MANY_OF_ADDRESS = "too_many_of_address"
UNREAD = "replies_unread"
"""Closed since too much is held that peers do not read, and it has not read for longest."""
MADE_ROOM = "made_room"
"""Closed in favour of somebody new, since nothing of it was under way."""


class AcceptedSocket:
    """One accepted socket. `end` closes it at once."""

    __slots__ = (
        "address",
        "count_unread",
        "counts_as",
        "end",
        "gone",
        "held",
        "held_in",
        "in_handshake",
        "leaving",
        "place",
        "share",
        "shed",
        "since",
        "stuck",
        "unread",
        "unread_before",
        "unread_in",
    )

    def __init__(
        self, address: str, since: float, end: Callable[[], None], *, in_handshake: bool = False
    ) -> None:
        self.address = address
        self.place = network_of(address) if address else ""
        """What stands for the address where it is counted: an IPv6 host's /64 network."""
        self.counts_as: str | int = self.place or id(self)
        """What stands for it among those of which nothing is under way."""
        self.since = since
        """Since when nothing of it is under way, on the edge's clock."""
        self.end = end
        self.in_handshake = in_handshake
        self.gone = True
        """Whether it has left, or was never let in."""
        self.held = 0
        """Bytes of requests that are held for it."""
        self.held_in: BodyBudget | None = None
        """Where these are counted."""
        self.share: Share | None = None
        """What its address holds, while something is held for it."""
        self.leaving = False
        """Whether what is held for it is being let go."""
        self.shed: Callable[[], None] = end
        """Lets go of what is held for it, at once or when its caller turns out not to be known."""
        self.unread = 0
        """Bytes of replies that are held for it, as long as it does not read."""
        self.unread_in: UnreadBudget[AcceptedSocket] | None = None
        """Where these are counted."""
        self.stuck = since
        """Since when it has not read: when that was last looked at."""
        self.unread_before = 0
        """Bytes that it had to read then."""
        self.count_unread: Callable[[], int] = lambda: 0
        """Says how many bytes it has to read."""


class Admission:
    """Counts and lists; closes only whom it lets go in favour of somebody else."""

    def __init__(
        self,
        limits: HttpLimits,
        exempt: Callable[[str], bool] = lambda _: False,
        refusals: Counter[str] | None = None,
        clients: Callable[[str, Headers], str] = lambda address, _: address,
    ) -> None:
        self.limits = limits
        """May be replaced at any time; those inside stay."""
        self.exempt = exempt
        """Addresses that `connections_per_address` is not for: many people stand behind each.

        It is asked with the address itself, not with the place that is counted.
        """
        self.clients = clients
        """Whom a request's headers name as its client, where they come from an exempt address."""
        self.refusals: Counter[str] = Counter() if refusals is None else refusals
        self.inside = 0
        """Sockets that are open, or whose request is still handled."""
        self.handshakes = 0
        """How many of them are shaking hands."""
        self.bodies = BodyBudget()
        self._known_bodies = BodyBudget()
        """Of callers with a session, whose large bodies are on their way."""
        self.replies: UnreadBudget[AcceptedSocket] = UnreadBudget()
        self._known_replies: dict[object, UnreadBudget[AcceptedSocket]] = {}
        """By address, of connections by which a live session has asked: one session had 364 MB held
        for 80 connections that did not read a list."""
        self.asking = 0
        """Requests of which it is being found out whether their caller is known."""
        self.turns = LoopTurns()
        """Whose request is begun when."""
        self._in_handshake: IdleSockets[AcceptedSocket] = IdleSockets()
        self._waiting: IdleSockets[AcceptedSocket] = IdleSockets()
        """Who may be let go after the handshake."""
        self._places: dict[str, int] = {}

    @property
    def held(self) -> int:
        """Bytes of requests of callers that are not known."""
        return self.bodies.held + self.bodies.small

    @property
    def known_held(self) -> int:
        """Bytes of large requests on their way, of callers with a session."""
        return self._known_bodies.held

    @property
    def unread(self) -> int:
        """Bytes of replies that callers who are not known do not read."""
        return self.replies.held

    def admit(self, accepted: AcceptedSocket) -> str | None:
        """Count one more in, or say why not. Each that is let in must `leave` in the end."""
        limits = self.limits
        most = limits.connections_per_address
        place = accepted.place
        if (
            place
            and most
            and self._places.get(place, 0) >= most
            and not self.exempt(accepted.address)
        ):
            return TOO_MANY_OF_ADDRESS
        if place and self.exempt(accepted.address):
            accepted.counts_as = id(accepted)
        # Nobody is let go in favour of somebody who is then refused all the same.
        made_room = False
        if accepted.in_handshake and self.handshakes >= self._most_handshakes():
            made_room = self._evict(accepted, self._in_handshake)
            if not made_room:
                return TOO_MANY_HANDSHAKES
        crowds = self._in_handshake, self._waiting
        if self.inside >= limits.connections and not (made_room or self._evict(accepted, *crowds)):
            return TOO_MANY
        if accepted.in_handshake:
            self.handshakes += 1
            self._in_handshake.add(accepted)
        else:
            self._waiting.add(accepted)
        accepted.gone = False
        self.inside += 1
        if place:
            self._places[place] = self._places.get(place, 0) + 1
        return None

    def handshake_done(self, accepted: AcceptedSocket, now: float) -> None:
        """Its handshake is done; now it is to ask something."""
        if not accepted.gone:
            self._handshake_over(accepted)
            self.mark_idle(accepted, now)

    def mark_idle(self, accepted: AcceptedSocket, now: float) -> None:
        """Nothing of it is under way, and nobody knows it: others may have its place."""
        if not accepted.gone:
            accepted.since = now
            self._waiting.add(accepted)

    def mark_busy(self, accepted: AcceptedSocket) -> None:
        """Its request is under way: it is not let go in favour of others meanwhile."""
        self._waiting.remove(accepted)

    def add_unread(self, accepted: AcceptedSocket, count: int, now: float, *, known: bool) -> None:
        """It does not read, and so much is held for it: `clear_unread` takes it back.

        Where too much is held, those go who have not read for longest, if for longer than anybody
        needs; else this one does. Of strangers that is a sum over all. `known` callers have one
        for each address, of which half is for those who have not read for long.
        """
        self.clear_unread(accepted)
        if accepted.gone:
            return
        budget, most = self.replies, self.limits.anonymous_total
        if known:
            budget = self._known_replies.setdefault(self._key(accepted), UnreadBudget())
        accepted.unread_in = budget
        budget.add(accepted, count, now)
        while budget.held > (most // 2 if known else most) and not accepted.gone:
            goes = budget.longest(now)
            if goes is None:
                if budget.held <= most:
                    return
                goes = accepted
            note(self.refusals, UNREAD, goes.address)
            self.leave(goes)
            goes.end()

    def clear_unread(self, accepted: AcceptedSocket) -> None:
        """It has read, or is gone."""
        if (budget := accepted.unread_in) is not None:
            accepted.unread_in = None
            budget.remove(accepted)
            key = self._key(accepted)
            if not budget.held and self._known_replies.get(key) is budget:
                del self._known_replies[key]

    def _key(self, accepted: AcceptedSocket) -> object:
        """What its address is counted by, where many people are not behind it."""
        alone = not accepted.place or self.exempt(accepted.address)
        return id(accepted) if alone else accepted.place

    def count_held(
        self, accepted: AcceptedSocket, held: int, now: float, *, unfinished: bool, known: bool
    ) -> None:
        """So many bytes of requests are held for it; `known` callers have a budget of their own.

        Behind an exempt address are many people, so that each connection counts by itself.
        """
        budget, before = self._known_bodies if known else self.bodies, accepted.held_in
        if before is not None and before is not budget:
            before.count(accepted, 0, now, unfinished=False, alone=False)
        accepted.held_in = budget if held else None
        alone = accepted.share is None and (not accepted.place or self.exempt(accepted.address))
        budget.count(accepted, held, now, unfinished=unfinished, alone=alone)

    def has_room(self, accepted: AcceptedSocket, now: float) -> bool:
        """Whether what it holds may stay: see `BodyBudget`."""
        budget = accepted.held_in
        return budget is None or budget.has_room(accepted, self.limits, now)

    def queue(
        self, accepted: AcceptedSocket, clock: Clock, *, known: bool, headers: Headers = ()
    ) -> Waiter:
        """Wait while the time of this turn of the loop is spent on others.

        Whoever is named by a proxy at an exempt address waits in the client's place; as long as it
        has named nobody, each of its connections by itself.
        """
        place = accepted.place
        if place and isinstance(accepted.counts_as, int):
            client = self.clients(accepted.address, headers)
            if client == accepted.address:
                itself = f"connection {accepted.counts_as}"
                return self.turns.queue(clock, itself, itself, known=known)
            place = network_of(client)
        network = place if known or not place else wider_network_of(place.partition("/")[0])
        return self.turns.queue(clock, network, place, known=known)

    def leave(self, accepted: AcceptedSocket) -> None:
        """It is gone. Said twice, it is heard once."""
        self.clear_unread(accepted)
        if accepted.gone:
            return
        accepted.gone = True
        self._handshake_over(accepted)
        self._waiting.remove(accepted)
        self.inside -= 1
        if accepted.place:
            left = self._places[accepted.place] - 1
            if left > 0:
                self._places[accepted.place] = left
            else:
                del self._places[accepted.place]

    def _handshake_over(self, accepted: AcceptedSocket) -> None:
        if accepted.in_handshake:
            accepted.in_handshake = False
            self.handshakes -= 1
            self._in_handshake.remove(accepted)

    def _most_handshakes(self) -> int:
        """Never all places: half of them are for those who have shaken hands."""
        return min(self.limits.handshakes, max(1, self.limits.connections // 2))

    def _evict(self, newcomer: AcceptedSocket, *groups: IdleSockets[AcceptedSocket]) -> bool:
        """Whether somebody was closed in favour of this one."""
        for group in groups:
            if (goes := group.oldest_of_busiest(newcomer)) is not None:
                break
        else:
            overdue = (group.oldest_overdue(newcomer) for group in groups)
            goes = next((one for one in overdue if one is not None), None)
        if goes is None:
            return False
        note(self.refusals, MADE_ROOM, goes.address)
        self.leave(goes)
        goes.end()
        return True
