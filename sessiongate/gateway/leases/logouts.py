"""Ends sessions at one upstream: now, or as soon as it answers. Until then each has its row."""

import asyncio

import structlog

from sessiongate.errors import UpstreamUnavailable
from sessiongate.gateway.leases.lease_events import LeaseEvents
from sessiongate.gateway.leases.session_kind import SessionKind
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.wire.vim.client import UpstreamSession

_AGAIN = 5.0
"""Seconds after which an upstream that did not answer is asked again to end a session."""

_AT_ONCE = 32
"""Sessions that are logged out at the same time, of thousands of callers perhaps."""

_log = structlog.get_logger(__name__)


class Logouts:
    """Of one upstream. `tidy` every few seconds."""

    def __init__(self, kind: SessionKind, rows: StoredLeases, events: LeaseEvents) -> None:
        self._kind = kind
        self._rows = rows
        self._events = events
        self._left: dict[str, UpstreamSession] = {}
        """Sessions that are to end and have not, by the ids of their rows, if they have any."""
        self._few = asyncio.Semaphore(_AT_ONCE)
        self._trying: asyncio.Task[None] | None = None

    async def end(self, lease_id: str, opened: UpstreamSession) -> None:
        """Log a session out, and have its row removed; where that fails, later."""
        try:
            over = await self._end(lease_id, opened)
        except UpstreamUnavailable:
            over = False
        except BaseException:  # a stop in the middle: nobody knows whether it has ended
            self._left[lease_id] = opened
            raise
        if over:
            await self._is_over(lease_id)
        else:
            self._left[lease_id] = opened

    def later(self, lease_id: str, opened: UpstreamSession) -> None:
        """Log a session out at the next `tidy`."""
        self._left[lease_id] = opened

    def tidy(self) -> None:
        """Try once more, apart: what does not answer keeps nobody waiting."""
        if (self._left or self._rows.owes) and (self._trying is None or self._trying.done()):
            self._trying = asyncio.create_task(self._end_left(), name="end what is left")

    async def close(self) -> None:
        """Try what is left once more, all of it at once.

        What does not end now has its row in the store, for the next start.
        """
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)
        await self._rows.remove_owed()
        left, self._left = self._left, {}
        await asyncio.gather(*(self.end(lease_id, opened) for lease_id, opened in left.items()))

    async def _end_left(self) -> None:
        await self._rows.remove_owed()
        for lease_id, opened in list(self._left.items()):
            try:
                over = await self._end(lease_id, opened)
            except UpstreamUnavailable:
                break  # the others would only wait for it, too
            if over:
                del self._left[lease_id]
                await self._is_over(lease_id)
        if self._left or self._rows.owes:
            await asyncio.sleep(_AGAIN)

    async def _is_over(self, lease_id: str) -> None:
        self._events.ended(lease_id)
        await self._rows.remove(lease_id)

    async def _end(self, lease_id: str, opened: UpstreamSession) -> bool:
        """Log a session out, with what is beside it. Whether all of it is over now.

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
        return not why
