"""From where each name has come in lately: addresses that a lock for everybody leaves alone.

And from where anybody has, whatever the name: addresses that do not wait behind strangers. Only
successes are noted, so nobody fills these tables without a password, and of the first one who has
one fills his own row alone. For how long a success counts there, and how many places one name has:
`rules.lockout.LATELY` and `PLACES`.
"""

from collections import OrderedDict
from datetime import datetime

from sessiongate.identity.guard.fair_queue import QueuePosition
from sessiongate.networks import network_of, wider_network_of
from sessiongate.rules.lockout import PLACES, is_lately

# About 15 MB when full; more accounts than log in to any vCenter.
NAMES = 10_000

# Addresses of a large site, 1 MB.
ADDRESSES = 10_000


class KnownPlaces:
    """Names and places (`networks.network_of`), the longest unused of either leave first."""

    def __init__(self, names: int = NAMES, places: int = PLACES) -> None:
        self._most_names = names
        self._most_places = places
        self._names: OrderedDict[str, OrderedDict[str, datetime]] = OrderedDict()

    def note(self, name: str, place: str, now: datetime) -> None:
        """Remember that a name has come in from there."""
        places = self._names.setdefault(name, OrderedDict())
        self._names.move_to_end(name)
        places[place] = now
        places.move_to_end(place)
        if len(places) > self._most_places:
            places.popitem(last=False)
        if len(self._names) > self._most_names:
            self._names.popitem(last=False)

    def knows(self, name: str, place: str, now: datetime) -> bool:
        """Whether this name has come in from there lately."""
        places = self._names.get(name)
        return places is not None and is_lately(places.get(place), now)

    def __len__(self) -> int:
        return sum(map(len, self._names.values()))


class KnownAddresses:
    """Places from which somebody has come in, the longest ago leave first."""

    def __init__(self, most: int = ADDRESSES) -> None:
        self._most = most
        self._places: OrderedDict[str, None] = OrderedDict()

    def welcome(self, address: str) -> None:
        """Remember that somebody has come in from here. Whoever asks from here is no stranger."""
        place = network_of(address)
        self._places[place] = None
        self._places.move_to_end(place)
        if len(self._places) > self._most:
            self._places.popitem(last=False)

    def __contains__(self, place: object) -> bool:
        return place in self._places

    def position_of(self, address: str) -> QueuePosition:
        """Where somebody waits. By the address alone: the name would tell by the time who exists.

        What no client asked for has no address, and is no stranger's.
        """
        place = network_of(address)
        known = not place or place in self._places
        return QueuePosition(place, place if known else wider_network_of(address), known)
