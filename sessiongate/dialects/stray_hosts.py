"""Hosts that clients call a vCenter by and that no upstream has: told to the log, once each.

What answers there is our own empty inventory, which a client takes for a vCenter with nothing in
it. Nobody would look for the cause in the settings without being told.
"""

import time
from collections.abc import Callable, Collection

import structlog

from sessiongate.http.message import Request
from sessiongate.networks import canonical_host

_OF_A_VCENTER = frozenset({"sdk", "api", "rest", "folder"})
"""How addresses begin by which clients look at what a vCenter has."""

MOST = 16
"""Hosts that are told in one span: strangers choose how many there are."""

SPAN = 3600.0
"""Seconds, after which all may be told again."""

_LONGEST = 255
"""Letters of a name, as DNS has it."""

_log = structlog.get_logger(__name__)


class StrayHosts:
    """Of one process. `now` is in seconds."""

    def __init__(
        self, upstreams: Collection[str], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._upstreams = ", ".join(sorted(upstreams))
        self._now = now
        self._logged: set[str] = set()
        self._until = 0.0

    def note(self, request: Request) -> None:
        """A request has come whose Host is of no upstream."""
        if request.path[1:].partition("/")[0] not in _OF_A_VCENTER:
            return
        host = canonical_host(request.header("host") or "")[0][:_LONGEST]
        now = self._now()
        if now >= self._until:
            self._logged.clear()
            self._until = now + SPAN
        if host in self._logged or len(self._logged) >= MOST:
            return
        self._logged.add(host)
        _log.warning(
            "a client calls a Host of no upstream, and sees an empty inventory",
            host=host,
            upstreams=self._upstreams,
            way_out="add it to upstream.NAME.hosts of the upstream that is meant, or have the"
            " client call a name of it",
        )
