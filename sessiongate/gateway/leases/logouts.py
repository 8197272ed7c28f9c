"""Ends sessions at one upstream: now, or as soon as it answers. Until then each has its row.

One that does not end is given up: when the upstream has answered so often that it goes on, since
each question may be a use that keeps it there, or when it has ended unused by the upstream's clock.
"""

import asyncio
from dataclasses import dataclass

import structlog

from sessiongate.errors import UpstreamUnavailable
from sessiongate.gateway.leases.lease_events import LeaseEvents
from sessiongate.gateway.leases.session_kind import SessionKind
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.wire.vim.client import UpstreamSession

_AGAIN = 5.0
"""Seconds after which an upstream that did not answer is asked again to end a session."""

_AT_ONCE = 32
"""Sessions that are logged out at the same time, of thousands of callers perhaps."""

TRIES = 12
"""Answers by which a session goes on, after which it is left to the upstream: a minute's."""

IDLE_THERE = 2 * 3600.0
"""Seconds after which an upstream has ended a session that nobody uses. A vCenter does so after
half an hour, unless it is set otherwise there, and a ZVM sooner."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _PendingLogout:
    """A session that is to end and has not."""

    opened: UpstreamSession
    used_at: float
    """When it can have been used there last."""
    answers: int = 0
    """How often the upstream has said that it goes on."""
    why: str = "the upstream does not answer"


class Logouts:
    """Of one upstream. `tidy` every few seconds."""

    def __init__(
        self, kind: SessionKind, rows: StoredLeases, events: LeaseEvents, meters: UpstreamMeters
    ) -> None:
        self._kind = kind
        self._rows = rows
        self._events = events
        self._meters = meters
        self._left: dict[str, _PendingLogout] = {}
        """Sessions that are to end and have not, by the ids of their rows, if they have any."""
        self._few = asyncio.Semaphore(_AT_ONCE)
        self._trying: asyncio.Task[None] | None = None

    async def end(self, lease_id: str, opened: UpstreamSession) -> None:
        """Log a session out, and have its row removed; where that fails, later."""
        left = _PendingLogout(opened, self._now())
        try:
            await self._try(lease_id, left)
        except UpstreamUnavailable:
            self._left[lease_id] = left
        except BaseException:  # a stop in the middle: nobody knows whether it has ended
            self._left[lease_id] = left
            raise

    def later(self, lease_id: str, opened: UpstreamSession) -> None:
        """Log a session out at the next `tidy`."""
        self._left[lease_id] = _PendingLogout(opened, self._now())

    def tidy(self) -> None:
        """Try once more, apart: what does not answer keeps nobody waiting."""
        if (self._left or self._rows.has_unremoved) and (
            self._trying is None or self._trying.done()
        ):
            self._trying = asyncio.create_task(self._end_left(), name="end what is left")

    async def close(self) -> None:
        """Try what is left once more, all of it at once.

        What does not end now has its row in the store, for the next start.
        """
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)
        await self._rows.retry_removals()
        left, self._left = self._left, {}
        await asyncio.gather(*(self.end(lease_id, one.opened) for lease_id, one in left.items()))

    async def _end_left(self) -> None:
        await self._rows.retry_removals()
        for lease_id, left in list(self._left.items()):
            if left.answers >= TRIES or self._now() - left.used_at >= IDLE_THERE:
                await self._give_up(lease_id, left)
                continue
            try:
                await self._try(lease_id, left)
            except UpstreamUnavailable:
                break  # the others would only wait for it, too
        if self._left or self._rows.has_unremoved:
            await asyncio.sleep(_AGAIN)

    async def _try(self, lease_id: str, left: _PendingLogout) -> None:
        """End it once. Raises UpstreamUnavailable for no answer."""
        left.why = await self._end(lease_id, left.opened)
        if left.why:
            left.answers, left.used_at = left.answers + 1, self._now()
            self._left[lease_id] = left
            return
        self._left.pop(lease_id, None)
        self._events.ended(lease_id)
        await self._rows.remove(lease_id)

    async def _give_up(self, lease_id: str, left: _PendingLogout) -> None:
        """Leave it to the upstream's clock, and its place to another."""
        del self._left[lease_id]
        self._meters.given_up += 1
        _log.error("upstream session given up", lease=lease_id, reason=left.why)
        self._events.given_up(lease_id)
        await self._rows.give_up(lease_id)

    async def _end(self, lease_id: str, opened: UpstreamSession) -> str:
        """Log a session out, with what is beside it. Why it is not over; "" if all of it is.

        Raises UpstreamUnavailable for no answer.
        """
        try:
            async with self._few:
                why = await self._kind.end(opened)
        except UpstreamUnavailable as error:
            _log.warning("upstream session left open", lease=lease_id, reason=str(error))
            raise
        if why:
            _log.warning("upstream session left open", lease=lease_id, reason=why)
        return why

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
