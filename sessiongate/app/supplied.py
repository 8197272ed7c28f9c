"""What a server may be given in place of what it has of its own."""

from collections.abc import Callable

import msgspec

from sessiongate.app.fault_points import FaultPoints
from sessiongate.app.listeners import InheritedSockets
from sessiongate.clock import ServerClock
from sessiongate.http.message import Handler
from sessiongate.http.router import Routes
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.store.port import Store


class Supplied(msgspec.Struct, frozen=True):
    """What a server may be given; what is None it has of its own."""

    clock: ServerClock | None = None
    sockets: InheritedSockets | None = None
    store: Store | None = None
    """In place of the one that the settings name."""
    hasher: PasswordHasher | None = None
    """Closed with the server."""
    around: Callable[[Handler, Routes], Handler] | None = None
    """Puts something between the listeners and the dialects, of which it is given the routes."""
    faults: FaultPoints | None = None
    """Faults on purpose, for tests of clients."""


SERVERS_OWN = Supplied()
