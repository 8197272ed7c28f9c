"""The session at an upstream that clone tickets come from: one, beside the pool, lent to nobody.

A ticket is acquired when somebody asks and handed out at once; it is kept nowhere. The session is
used so that the upstream keeps it, and replaced before it is too old: the new one first, the old
one logged out a minute after its last ticket, since a ticket may end with its session. One that
the upstream has ended is found by its fault, or by a probe, and is replaced by one login for all
who wait.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from sessiongate.errors import (
    CapReached,
    OutcomeUnknown,
    Unavailable,
    UpstreamUnavailable,
)
from sessiongate.gateway.background import BackgroundTasks
from sessiongate.gateway.leases.lease import Closer, Lease, LeaseTimes
from sessiongate.gateway.leases.opening_backoff import OpeningBackoff
from sessiongate.gateway.leases.own_calls import OwnCalls, SessionOver
from sessiongate.gateway.leases.shared_session_opener import SharedSessionOpener
from sessiongate.gateway.leases.shared_slots import SharedSlots
from sessiongate.gateway.leases.standing import Standing, stopping
from sessiongate.gateway.leases.stored_leases import PARENT, StoredLeases
from sessiongate.secret import Secret
from sessiongate.store.gateway_port import LeaseState, LeaseUse

WITHIN = 4.0
"""Seconds in which a ticket has come or is refused. Its clients wait for five, and never longer."""

LINGER = 60.0
"""Seconds for which a session stays after its last ticket: as long as one may take to be used."""

LEAST_SIZE = 2
"""How many sessions the account has to have at the least: this one, and one for the pool."""

_AT_ONCE = 16
"""Tickets that are asked for at the same time; by one client, half as many."""

_LOOK_AGAIN = 0.2
"""Seconds after which it is asked again whether another process has opened a session."""

_LOOKS = 25
"""How often, at most."""


class Parent:
    """The parent of an upstream's clones: the session that tickets are acquired by.

    `tidy` every second, `close` once.
    """

    def __init__(
        self,
        upstream: str,
        opener: SharedSessionOpener,
        rows: StoredLeases,
        own: OwnCalls,
        times: LeaseTimes,
        held_back: Callable[[], bool],
        close: Closer,
        lost: Closer,
        has_room: Callable[[int], bool],
    ) -> None:
        """`held_back` says whether no login is tried at this moment.

        `close` logs out, `lost` forgets one that the upstream has ended; `has_room` says whether
        so many sessions have place beside those of the pool.
        """
        self._upstream = upstream
        self._opener = opener
        self._rows = rows
        self._own = own
        self._times = times
        self._held_back = held_back
        self._close = close
        self._forget = lost
        self._has_room = has_room
        self._lease: Lease | None = None
        self._old: list[Lease] = []
        self._opening: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._background = BackgroundTasks()
        self._slots = SharedSlots(_AT_ONCE)
        self._backoff = OpeningBackoff(self._now)
        self._turn = False
        """Whether an operator wants another one."""
        self._closed = False
        self.wanted = False
        """Whether there is to be one, also while nobody asks."""
        self._standing = Standing.OPEN

    @property
    def leases(self) -> list[Lease]:
        """The one in use, and those that are about to be logged out."""
        return [*([] if self._lease is None else [self._lease]), *self._old]

    @property
    def opening(self) -> bool:
        """Whether one is being opened."""
        return self._opening is not None

    @property
    def idle(self) -> bool:
        """Whether nothing goes on but what somebody waits for."""
        return self._probing is None or self._probing.done()

    @property
    def withholds(self) -> int:
        """Places in the upstream's size that the pool does not have."""
        if not self.wanted:
            return 0
        return max(1, len(self.leases) + self._replaces)

    @property
    def is_held_back(self) -> bool:
        """Whether it is wanted, and could not be opened."""
        waits = self._held_back() or self._backoff.left > 0
        return self.wanted and self._lease is None and waits

    def try_again(self) -> None:
        """What could not be opened can perhaps be now."""
        self._backoff.reset()

    async def ticket(self, client: str) -> Secret:
        """A clone ticket for this client, acquired now.

        Raises UpstreamUnavailable, and Overloaded while an operator has it paused or drained.
        """
        self.wanted = True
        try:
            async with asyncio.timeout(WITHIN):
                return await self._ticket(client)
        except TimeoutError:
            why = f"{self._upstream}: no clone ticket came within {WITHIN:g} seconds"
            raise UpstreamUnavailable(why, says="the upstream did not answer in time") from None

    def set_standing(self, standing: Standing) -> None:
        """Pause, drain, or go on, and try a password again that was refused."""
        self._standing = standing
        if standing is Standing.OPEN:
            self.try_again()
        elif standing is Standing.DRAINING and self._lease is not None:
            self._retire(self._lease)

    def rotate(self) -> int:
        """Replace it by a new one. How many there are to replace."""
        self._turn = self._lease is not None
        return int(self._turn)

    def sync(self, known: Sequence[Lease], uses: Mapping[str, LeaseUse]) -> None:
        """Have of those that were `known` what the store says: other processes use the same."""
        for lease in known:
            use = uses.get(lease.id)
            if use is None and lease in self.leases:
                self._drop(lease)
                self._background.begin(self._close(lease), "log out what the store has lost")
            elif use is None or use.state in (LeaseState.ENDING, LeaseState.LOST):
                self._drop(lease)
            elif use.state is LeaseState.RETIRED and lease is self._lease:
                self._retire(lease)

    def tidy(self) -> None:
        """Open, use, replace and log out what is due."""
        now = self._now()
        for old in list(self._old):
            if not old.calls and old.freed_at <= now - LINGER:
                self._old.remove(old)
                self._background.begin(self._close(old), "log out a former parent")
        lease = self._lease
        if self._standing is not Standing.OPEN or self._closed:
            return
        if self._opening is None and self._is_due(now) and not self._backoff.left:
            self._begin()
        unused = lease is not None and lease.freed_at <= now - self._times.keep_alive
        if lease is not None and unused and (self._probing is None or self._probing.done()):
            self._probing = self._background.begin(self._probe(lease), "keep a parent alive")

    async def close(self) -> None:
        """Log all of them out. Tickets that nobody has used yet may end with them."""
        self._closed = True
        opening = self._opening
        if opening is not None:
            try:
                await asyncio.wait({opening})  # else nobody could log its session out
            finally:
                opening.cancel()
                await asyncio.gather(opening, return_exceptions=True)
        leases, self._lease, self._old = self.leases, None, []
        await asyncio.gather(*map(self._close, leases), return_exceptions=True)
        await self._background.all_done()

    @property
    def _replaces(self) -> bool:
        """Whether the one in use is to be replaced."""
        lease = self._lease
        if lease is None:
            return False
        age = self._now() - lease.opened_at
        return self._turn or age >= self._times.max_age * lease.patience

    def _is_due(self, now: float) -> bool:
        """Whether one is to be opened now."""
        if not self.wanted or self._held_back():
            return False
        lease = self._lease
        if lease is None or not self._replaces:
            return lease is None
        late = now - lease.opened_at >= self._times.max_age
        return late or self._has_room(len(self.leases) + 1)

    async def _ticket(self, client: str) -> Secret:
        for _ in range(2):
            lease = await self._have()
            try:
                return await self._acquire(lease, client)
            except SessionOver:
                await self._lost(lease)
            except OutcomeUnknown:  # another ticket does no harm: the first one ends unused
                continue
        raise UpstreamUnavailable(f"{self._upstream}: no session there gave a clone ticket")

    async def _have(self) -> Lease:
        """The one in use, or the one that a login brings for all who wait."""
        self._require_open()
        if self._lease is None:
            if self._opening is None and self._backoff.left:
                raise self._backoff.refusal()
            await asyncio.shield(self._begin())
            self._require_open()
        if self._lease is None:
            raise UpstreamUnavailable(f"{self._upstream}: its session has just ended")
        return self._lease

    def _require_open(self) -> None:
        if self._standing is not Standing.OPEN:
            raise self._standing.refusal()
        if self._closed:
            raise stopping()

    async def _acquire(self, lease: Lease, client: str) -> Secret:
        lease.calls += 1
        try:
            async with self._slots.taken(client):
                ticket = await self._own.clone_ticket(lease, timedelta(seconds=WITHIN))
        finally:
            lease.calls -= 1
        lease.freed_at = self._now()
        self._rows.tokens.hand_out(ticket)
        return ticket

    def _begin(self) -> asyncio.Task[None]:
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="open a parent")
            self._opening.add_done_callback(self._on_opened)
        return self._opening

    async def _open(self) -> None:
        """Have another one, in the place of the one in use if there is one."""
        lease = await self._another()
        before, self._lease, self._turn = self._lease, lease, False
        if self._standing is Standing.DRAINING:
            self._retire(lease)
        if before is not None:
            self._old.append(before)
            with suppress(Unavailable):  # others go on with it until it is too old for them
                await self._rows.retire(before.id)

    async def _another(self) -> Lease:
        for _ in range(_LOOKS):
            going = {old.id for old in self._old}
            if self._lease is not None:
                going.add(self._lease.id)
            most = 1 + await self._rows.retired(PARENT, going)
            try:
                return await self._opener.open(PARENT, most, self.leases)
            except UpstreamUnavailable as error:
                if not isinstance(error.__cause__, CapReached):
                    raise
                await asyncio.sleep(_LOOK_AGAIN)  # another process opens it right now
        raise UpstreamUnavailable("another process was to open it, and has not")

    def _on_opened(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._backoff.reset()
            return
        self._backoff.failed(error)

    def _retire(self, lease: Lease) -> None:
        self._lease = None
        self._old.append(lease)

    def _drop(self, lease: Lease) -> None:
        if self._lease is lease:
            self._lease = None
        elif lease in self._old:
            self._old.remove(lease)

    async def _lost(self, lease: Lease) -> None:
        """The upstream has ended it. Of many who find that out, the first has it forgotten."""
        if lease in self.leases:
            self._drop(lease)
            await self._forget(lease)

    async def _probe(self, lease: Lease) -> None:
        try:
            lives = await self._own.lives(lease)
        except UpstreamUnavailable:
            return  # in a second again
        if lives:
            lease.freed_at = max(lease.freed_at, self._now())
        else:
            await self._lost(lease)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
