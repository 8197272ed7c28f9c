"""What the connections of one listener share: handler, limits, the `Admission`, and the sweep.

There is no timer per request: each connection carries the moment at which it is `due`, and the
sweep, once a second, ends those that are late.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

from sessiongate.http.bounds.admission import AcceptedSocket, Admission
from sessiongate.http.connection.arrivals import Arrivals
from sessiongate.http.connection.callers import Callers, allowed_unasked
from sessiongate.http.connection.causes import CAUSES
from sessiongate.http.limits import HttpLimits
from sessiongate.http.message import Handler, Streams, nowait_of


class Connected(Protocol):
    """A connection, as its listener sees it."""

    due: float
    """When it is late, by `Edge.now`."""
    refusing: bool
    accepted: AcceptedSocket
    task: asyncio.Task[None] | None

    def expire(self) -> None:
        """Late: end it."""
        ...

    def retire(self) -> None:
        """The listener stops: end it as soon as nothing is under way."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Edge:
    """What all connections of one listener share: the edge is where clients' bytes come in."""

    def __init__(
        self,
        handler: Handler,
        limits: HttpLimits,
        now: Callable[[], float],
        unix_path: str | None = None,
        refusals: Counter[str] | None = None,
        *,
        admission: Admission | None = None,
        callers: Callers | None = None,
        streams: Streams = None,
    ) -> None:
        self.handler = handler
        self.nowait = nowait_of(handler)
        self.streams = streams
        self.now = now
        self.unix_path = unix_path
        self.refusals: Counter[str] = Counter() if refusals is None else refusals
        """What never became a request, by cause."""
        self.admission = (
            Admission(limits, refusals=self.refusals) if admission is None else admission
        )
        """May be shared with other listeners."""
        self.arrivals: Arrivals | None = None
        """Who decides of connections before they say anything; only in tests of clients."""
        self.callers = callers
        """None: every caller may send bodies of any size within the limits."""
        for cause in CAUSES:
            # Seen at 0 before it grows: Prometheus takes no notice of the first one otherwise.
            self.refusals[cause] += 0
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connected] = set()
        """Also those whose peer has left while their request is still handled."""
        self.stopping = False
        """Every reply closes its connection."""
        self.shut = False
        """Nobody comes in any more, not even those who were on their way."""
        self.emptied = asyncio.Event()
        self.date = formatdate(time.time(), usegmt=True)
        self.refusing = 0
        """How many above the cap are being told so."""
        self.limit(limits)

    def limit(self, limits: HttpLimits) -> None:
        """Have these limits from now on, for those inside too."""
        self.limits = limits
        self.unasked = allowed_unasked(limits, self.callers)
        """How large a body may be while nobody has been asked whose it is."""
        self.header_timeout = limits.header_timeout.total_seconds()
        self.body_timeout = limits.body_timeout.total_seconds()
        self.keep_alive = limits.keep_alive.total_seconds()

    def sweep(self) -> None:
        """End the connections that are late. To be called about once a second."""
        self.date = formatdate(time.time(), usegmt=True)
        now = self.now()
        for connection in [one for one in self.connections if one.due <= now]:
            connection.expire()

    def forget(self, connection: Connected) -> None:
        """Nothing is left to do for this connection."""
        if connection in self.connections and connection.refusing:
            self.refusing -= 1
        self.connections.discard(connection)
        self.admission.leave(connection.accepted)
        if not self.connections:
            self.emptied.set()
