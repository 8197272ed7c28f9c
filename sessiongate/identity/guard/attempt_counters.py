"""The counters of failed tries of one provider, in bounded tables.

Each try counts three times: for the name from that address, for the name from anywhere, and for
the address whatever the name. The first locks early, so that a guesser locks out himself and not
his victim. The second locks much later, and holds against guessing from many addresses; a try from
an address where the name has come in lately is outside it, or twenty addresses could lock anybody
out everywhere. Such a try counts as widely for the name from there, or the owner's logins would
forgive a guesser beside him without end. When a counter locks is decided in `rules.lockout`; all
methods here are one step on the event loop, so no two tries see the same count.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from sessiongate.identity.guard.known_names import KnownPlaces
from sessiongate.identity.guard.sketch import Sketch
from sessiongate.networks import network_of
from sessiongate.rules.lockout import (
    NO_ATTEMPTS,
    AttemptCount,
    Policy,
    began,
    counted,
    failed,
    is_idle,
    is_locked,
    may_try,
    recalled,
    succeeded,
    unknown,
)

# NIST SP 800-63B (3.2.2) allows no more than 100 failures of one account: 20 times the five that
# one address has. Fewer, and a handful of addresses could lock anybody out.
TOTAL_TIMES = 20

# Entries of each table, about 20 MB when full of failures. What no longer fits is not forgotten
# (`identity.sketch`): it only loses its place in the list of locked names.
SIZE = 50_000

Key = tuple[str, str]


class Lockout(msgspec.Struct, frozen=True):
    """When names lock. The defaults are vSphere's (5 failures in 180 s, 300 s locked).

    `total_attempts` is for one name from all addresses together; None is 20 times `attempts`.
    `address_attempts` is for one address whatever the name, against one password tried on many
    names; 0, the default, is off, since whole offices and proxies share an address.
    """

    attempts: int = 5
    window: timedelta = timedelta(minutes=3)
    duration: timedelta = timedelta(minutes=5)
    total_attempts: int | None = None
    address_attempts: int = 0

    def policy(self, attempts: int) -> Policy:
        """The policy of one of the counters. No attempts for a name turns them all off."""
        return Policy(attempts if self.attempts else 0, self.window, self.duration)

    @property
    def policies(self) -> tuple[Policy, Policy, Policy]:
        """Of a name from one address, of a name from anywhere, of an address whatever the name."""
        total = self.total_attempts
        return (
            self.policy(self.attempts),
            self.policy(self.attempts * TOTAL_TIMES if total is None else total),
            self.policy(self.address_attempts),
        )


class AttemptCounters:
    """What is known of failed tries. `name` is canonical, `address` the client's, "" if unknown."""

    def __init__(self, lockout: Lockout, *, size: int = SIZE) -> None:
        pair, whole, address = lockout.policies
        self._pairs, self._names, self._places = (
            _Table(policy, size) for policy in (pair, whole, address)
        )
        self._returning = _Table(whole, size)
        self._known = KnownPlaces()

    def is_locked(self, name: str, address: str, now: datetime) -> bool:
        """Whether this name is locked for this address."""
        place = network_of(address)
        whole, key = self._whole(name, place, self._known.knows(name, place, now))
        return (
            is_locked(self._pairs.get((name, place), now), now)
            or is_locked(whole.get(key, now), now)
            or is_locked(self._places.get(("", place), now), now)
        )

    def begin(
        self, name: str, address: str, now: datetime, *, further: bool = False
    ) -> "Counted | None":
        """Take a place for one try, if there is one. It ends by one of the next three.

        `further`: under one more name, of a try that counts for its address already.
        """
        place = network_of(address)
        counters = [(self._pairs, (name, place))]
        if not further:
            counters.append((self._places, ("", place)))
        is_known = self._known.knows(name, place, now)
        counters.append(self._whole(name, place, is_known))
        if not all(may_try(table.get(key, now), table.policy, now) for table, key in counters):
            return None
        for table, key in counters:
            table.put(key, began(table.get(key, now)), now)
        return Counted(name, place, counters, is_known)

    def failed(self, counted: "Counted", now: datetime) -> None:
        """The try was wrong."""
        for table, key in counted.counters:
            table.put(key, failed(table.get(key, now), table.policy, now), now)

    def succeeded(self, counted: "Counted", now: datetime) -> None:
        """The try was right, which forgives what came from this address.

        The wider counters keep theirs: else each login of the owner, or of anybody behind the
        same address, would give a guesser all his tries back.
        """
        for table, key in counted.counters:
            forgive = succeeded if table is self._pairs else unknown
            table.put(key, forgive(table.get(key, now)), now)
        self._known.note(counted.name, counted.place, now)

    def welcome(self, name: str, address: str, now: datetime) -> None:
        """Remember that a name has come in from here without a try of its own."""
        self._known.note(name, network_of(address), now)

    def unknown(self, counted: "Counted", now: datetime) -> None:
        """The try had no outcome."""
        for table, key in counted.counters:
            table.put(key, unknown(table.get(key, now)), now)

    def unlock(self, name: str, now: datetime) -> bool:
        """Forget the failures of this name, from anywhere. False if there were none."""
        tables = self._pairs, self._names, self._returning
        found = [table.forget(name, now) for table in tables]
        return any(found)

    def locked(self, now: datetime) -> dict[str, datetime]:
        """The names locked for somebody, and until when at the latest."""
        latest: dict[str, datetime] = {}
        for table in (self._pairs, self._names, self._returning):
            for name, until in table.locks(now):
                latest[name] = max(until, latest.get(name, until))
        return latest

    def __len__(self) -> int:
        return sum(map(len, (self._pairs, self._names, self._returning, self._places)))

    def _whole(self, name: str, place: str, is_known: bool) -> tuple["_Table", Key]:
        """The wider counter of a name: of all places, or of one from which it has come in."""
        return (self._returning, (name, place)) if is_known else (self._names, (name, ""))


class Counted(msgspec.Struct, frozen=True):
    """A try under way, and the counters that it was counted in when it began."""

    name: str
    place: str
    counters: Sequence[tuple["_Table", Key]]
    returning: bool
    """Whether the name had come in from there lately."""


class _Table:
    """Counters under one policy. The longest untouched leave first, locked ones apart from others.

    Apart, so that many names tried once do not push out a lock, nor many locks a count. What leaves
    while it still counts goes on counting in a sketch, so that nobody is freed by other names.
    """

    def __init__(self, policy: Policy, size: int) -> None:
        self.policy = policy
        self._size = size
        self._open: OrderedDict[Key, AttemptCount] = OrderedDict()
        self._locked: OrderedDict[Key, AttemptCount] = OrderedDict()
        self._rest: Sketch | None = None
        # How often an administrator has unlocked a name since there is a rest: its buckets are
        # shared with others and cannot be emptied, so the name gets others.
        self._unlocks: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._open) + len(self._locked)

    def get(self, key: Key, now: datetime) -> AttemptCount:
        found = self._open.get(key) or self._locked.get(key)
        if found is not None:
            return found
        return NO_ATTEMPTS if self._rest is None else self._remembered(self._rest, key, now)

    def put(self, key: Key, tries: AttemptCount, now: datetime) -> None:
        self._open.pop(key, None)
        self._locked.pop(key, None)
        if not self.policy.attempts or is_idle(tries, self.policy, now):
            return
        table = self._locked if is_locked(tries, now) else self._open
        table[key] = tries
        if len(table) > self._size:
            # One with a try under way stays if it can: its place would be given out twice.
            leaves = next((each for each in table if not table[each].under_way), key)
            self._remember(leaves, table.pop(leaves), now)

    def forget(self, name: str, now: datetime) -> bool:
        keys = [(table, key) for table in (self._open, self._locked) for key in table]
        found = [(table, key) for table, key in keys if key[0] == name]
        rest = (
            self._rest is not None and self._remembered(self._rest, (name, ""), now) != NO_ATTEMPTS
        )
        if self._rest is not None:
            self._unlocks[name] = self._unlocks.get(name, 0) + 1
        for table, key in found:
            # Tries under way go on counting: the one that unlocks did not see them end.
            if table[key].under_way:
                self._open[key] = AttemptCount(under_way=table.pop(key).under_way)
            else:
                del table[key]
        return bool(found) or rest

    def locks(self, now: datetime) -> Iterator[tuple[str, datetime]]:
        for (name, _), tries in self._locked.items():
            if tries.until is not None and now < tries.until:
                yield name, tries.until

    def _remember(self, key: Key, tries: AttemptCount, now: datetime) -> None:
        if is_idle(tries, self.policy, now):
            return
        if self._rest is None:
            self._rest = Sketch(max(self.policy.window, self.policy.duration))
        failures = counted(tries, self.policy, now)
        self._rest.keep(self._text(key), failures, now)

    def _remembered(self, rest: Sketch, key: Key, now: datetime) -> AttemptCount:
        failures, at = rest.count(self._text(key), now)
        return recalled(failures, self.policy, at)

    def _text(self, key: Key) -> str:
        name, place = key
        return f"{self._unlocks.get(name, 0)}\0{name}\0{place}"
