"""The leases of one account at one upstream: how many there are, and whose call goes by which.

A client's state lives in one lease, its home, and every call that may touch the state goes there.
A call that touches none goes by any. In mode `session` a lease is one client's until it has nothing
in it; in mode `shared` many clients' calls go by one lease at a time.

Between finding a lease and counting the call nothing is awaited: no other call can find the same
last place.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from sessiongate.errors import NotSupported
from sessiongate.gateway.credentials.backoff import Backoff
from sessiongate.gateway.leases.lease import TAKEN, Closer, Lease, Opener, PoolLimits, choose, load
from sessiongate.gateway.leases.loop_clock import LoopClock
from sessiongate.gateway.leases.opening_backoff import OpeningBackoff
from sessiongate.gateway.leases.standing import Standing, stopping
from sessiongate.gateway.leases.waiters import Waiter, Waiters
from sessiongate.session import Person
from sessiongate.telemetry.upstream_counters import UpstreamMeters

_PAUSED = Standing.PAUSED


class Pool:
    """The leases of one account. `name` is for logs: the upstream and the account."""

    def __init__(
        self,
        name: str,
        limits: PoolLimits,
        open_lease: Opener,
        close_lease: Closer,
        meters: UpstreamMeters | None = None,
        *,
        clones: bool = False,
        backoff: Backoff | None = None,
        tell_retired: Callable[[Lease], None] = lambda _: None,
        withheld: Callable[[], int] = lambda: 0,
    ) -> None:
        """`clones`: it is a caller's alone, and a lease is opened by another one, so that the last
        is kept.

        `backoff`: after openings that have failed. `tell_retired` is called with each that is
        retired here. So many of the limit's places are `withheld` at the moment.
        """
        self.name = name
        self.limits = limits
        self._now = LoopClock()
        self._open = open_lease
        self._close = close_lease
        self._clones = clones
        self._tell_retired = tell_retired
        self._withheld = withheld
        self._leases: list[Lease] = []
        self._homes: dict[str, Lease] = {}
        self._waiters = Waiters(limits.queue, shared=not clones)
        self._opening: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False
        self._backoff = OpeningBackoff(self._now, backoff)
        self._old: set[Lease] = set()
        """Those that a rotation has still to replace."""
        self.standing = Standing.OPEN
        self.meters = meters or UpstreamMeters()

    @property
    def account(self) -> str:
        """Whose it is, as far as its name says."""
        return self.name.partition("/")[2]

    @property
    def leases(self) -> Sequence[Lease]:
        """Those that there are."""
        return tuple(self._leases)

    @property
    def count(self) -> int:
        """How many there are at the upstream. One that is being logged out is still there."""
        return len(self._leases) + len(self._closing)

    @property
    def waiting(self) -> int:
        """Calls that wait for a lease."""
        return len(self._waiters)

    @property
    def oldest_wait(self) -> float:
        """For how many seconds the first of them waits; 0 where none does."""
        since = self._waiters.since
        return 0.0 if since is None else self._now() - since

    @property
    def opening(self) -> bool:
        """Whether a lease is being opened."""
        return self._opening is not None

    @property
    def is_held_back(self) -> bool:
        """Whether no lease is opened at this moment, since that has failed."""
        return self._backoff.left > 0

    def states(self) -> Counter[str]:
        """How many leases there are, by `telemetry.upstream_counters.STATES`."""
        found = Counter(lease.state for lease in self._leases)
        found["login"] += self.opening
        found["broken"] += len(self._closing)
        return found

    def set_standing(self, standing: Standing) -> None:
        """Pause, drain, or let calls go on. What has begun to drain goes on to."""
        self.standing = standing
        if standing is Standing.DRAINING:
            for lease in list(self._leases):
                self.retire(lease)
        self.try_again()

    def try_again(self) -> None:
        """What could not be opened can perhaps be now."""
        self._backoff.reset()
        self._serve()

    def rotate(self) -> int:
        """Replace each lease by a new one, within the size: how many there are to replace.

        The new one comes first where there is room for it. Else an old one goes first: one that
        nobody has anything in or, where it is not the only one, the one with the least in it.
        Raises NotSupported where leases are clones and `size` is 1.
        """
        if self._clones and self.limits.size == 1:
            raise NotSupported(
                f"{self.name}: its only session cannot be replaced: another one would be its "
                "clone, and size is 1; raise size, or have its user log in again"
            )
        self._old = set(self._live())
        count = len(self._old)
        self._turn(opens=True)
        return count

    def home_of(self, client: str) -> Lease | None:
        """Where the state of this client is, None where it has none."""
        return self._homes.get(client)

    def take_now(self, client: str, *, home: bool, wait: bool = False) -> Lease | None:
        """The same as `take`, where there is one at this moment: else None, and nothing is done."""
        if self._closed or (self._waiters.count and client in self._waiters):
            return None  # whoever waits already goes first
        lease = self._pick(client, home=home, wait=wait)
        if lease is not None:
            self.meters.pool_waits.add(0.0)
        return lease

    async def take(
        self, client: str, *, home: bool, wait: bool = False, user: Person | None = None
    ) -> Lease:
        """A lease for one call, which has to be given back. `home`: the call may touch state.

        `wait` is a call that waits for news: it takes no other call's place. `user` is whose the
        client is, None for one of its own. Raises Overloaded where there is none in time or too
        many wait, of this user or of all, and what opening one raises.
        """
        if self._closed:
            raise stopping()
        lease = self.take_now(client, home=home, wait=wait)
        if lease is not None:
            return lease
        waiter = Waiter(client, user or Person("", client), home=home, wait=wait)
        if full := self._waiters.why_full(waiter.user):
            raise self.standing.refusal(full)
        self._waiters.add(waiter)
        self._grow()
        began = self._now()
        try:
            async with asyncio.timeout(self.limits.queue_time):
                lease = await waiter.lease
        except TimeoutError:
            self.meters.timeouts += 1
            raise self.standing.refusal() from None
        finally:
            self.meters.pool_waits.add(self._now() - began)
            self._waiters.remove(waiter)
            if lease is None and (handed := waiter.handed()) is not None:
                # It stopped waiting in the moment in which it was handed one.
                self.give_back(client, handed, wait=wait)
        return lease

    def give_back(self, client: str, lease: Lease, *, wait: bool = False) -> None:
        """The call has ended that took this lease."""
        if not wait:
            lease.calls -= 1
        if left := lease.used_by.pop(client) - 1:
            lease.used_by[client] = left
        lease.freed_at = self._now()
        if client in lease.homes or lease.retired or self._old or self._waiters.count:
            self._settle(client, lease)

    def hold(self, client: str, things: int) -> None:
        """So much of this client is in its home now. Called while a call of its has the lease."""
        lease = self._homes.get(client)
        if lease is not None:
            lease.homes[client] = things
            self._settle(client, lease)

    def settle(self, client: str, lease: Lease) -> None:
        """Where the state of this client is, as the store has it."""
        self._homes[client] = lease
        lease.homes.setdefault(client, 0)

    def taken_elsewhere(self, lease: Lease) -> None:
        """Another process has a client in it that has it alone."""
        lease.taken_until = self._now() + TAKEN
        asyncio.get_running_loop().call_later(TAKEN, self._serve)

    def retire(self, lease: Lease) -> None:
        """Let nobody begin anything in it, and log it out when nobody has anything in it."""
        if not lease.retired:
            lease.retired = True
            self._tell_retired(lease)
        self._dispose(lease)
        self._serve()

    def lose(self, lease: Lease) -> list[str]:
        """The upstream has ended it. Whose state has gone with it."""
        if lease not in self._leases:
            return []
        self._leases.remove(lease)
        lost = [client for client, things in lease.homes.items() if things]
        for client in list(lease.homes):
            self._homes.pop(client, None)
        lease.homes.clear()
        self._serve()
        return lost

    def add(self, lease: Lease) -> None:
        """Have one more, which was opened otherwise: by the login of the account itself."""
        self._leases.append(lease)
        if self.standing is Standing.DRAINING:
            self.retire(lease)
        self._serve()

    def tidy(self, *, unused: float, oldest: float, keep: int) -> None:
        """Log out what nobody has used for so many seconds, but for `keep`; replace what is older.

        To be called every few seconds. The last lease of a pool of clones is replaced where `size`
        has room for another.
        """
        now = self._now()
        live = self._live()
        spare = sorted((one for one in live if one.is_spare), key=lambda one: one.freed_at)
        for lease in spare[: max(0, len(live) - keep)]:
            if lease.freed_at <= now - unused:
                self._release(lease)
        if len(live) > max(1, self.limits.size - self._withheld()):
            self.retire(min(live, key=load))
        for lease in list(self._leases):
            self._dispose(lease)
        self._old.update(
            one for one in self._live() if one.opened_at <= now - oldest * one.patience
        )
        self._turn(opens=True)
        self._serve()  # what could not be opened for who waits is perhaps to be tried again

    async def close(self, keep: Closer | None = None) -> None:
        """Log all of them out, or `keep` those that nobody has anything in. Waiting calls fail.

        A login under way is waited for: without its answer nobody could log its session out.
        Cancelled, this breaks it off.
        """
        self._closed = True
        self._waiters.fail(stopping())
        opening = self._opening
        if opening is not None:
            try:
                await asyncio.wait({opening})
            finally:
                opening.cancel()
                await asyncio.gather(opening, return_exceptions=True)
        leases, self._leases = self._leases, []
        self._homes.clear()
        empty = keep or self._close
        work = ((empty if one.is_free and not one.retired else self._close)(one) for one in leases)
        await asyncio.gather(*work, *self._closing, return_exceptions=True)

    def _pick(self, client: str, *, home: bool, wait: bool) -> Lease | None:
        """A lease for this call, which is counted in it; None where it has to wait."""
        if self.standing is _PAUSED:
            return None
        lease = self._homes.get(client)
        if lease is not None:
            if not wait and lease.calls >= self.limits.calls:
                return None
        else:
            lease = choose(self._leases, self.limits, self._now, home=home)
        if lease is None:
            return None
        if home or self.limits.exclusive:
            self._homes[client] = lease
            lease.homes.setdefault(client, 0)
        lease.used_by[client] = lease.used_by.get(client, 0) + 1
        if not wait:
            lease.calls += 1
        return lease

    def _settle(self, client: str, lease: Lease) -> None:
        """Its home is no longer a client's that has nothing in it and nothing under way."""
        if client not in lease.used_by and not lease.homes.get(client, 1):
            del lease.homes[client]
            self._homes.pop(client, None)
        if lease.retired:
            self._dispose(lease)
        if self._old:
            self._turn(opens=False)
        if self._waiters.count:
            self._serve()

    def _turn(self, *, opens: bool) -> None:
        """Go on with a rotation. `opens`: it may open a lease now, which may fail."""
        self._old.intersection_update(self._live())
        if not self._old or self._opening is not None or self.standing is not Standing.OPEN:
            return
        if self._has_room():
            if opens and not self._closed and not self.is_held_back:
                self._begin_opening()
            return
        if any(one.retired for one in self._leases):
            return  # its place is waited for
        first = min(self._old, key=load)
        if len(self._leases) > 1 or (first.is_free and not self._clones):
            self.retire(first)

    def _has_room(self) -> bool:
        """Whether another may be opened."""
        return self.count < self.limits.size - self._withheld()

    def _live(self) -> list[Lease]:
        """Those that take clients."""
        return [lease for lease in self._leases if not lease.retired]

    def _dispose(self, lease: Lease) -> None:
        if lease.retired and lease.is_spare and lease in self._leases:
            self._release(lease)

    def _release(self, lease: Lease) -> None:
        self._leases.remove(lease)
        task = asyncio.create_task(self._close(lease), name="close lease")
        self._closing.add(task)
        task.add_done_callback(self._on_closed)

    def _serve(self) -> None:
        if self._waiters.count:
            self._waiters.serve(lambda one: self._pick(one.client, home=one.home, wait=one.wait))
            self._grow()

    def _grow(self) -> None:
        """Open another lease where somebody waits whom it would help. One at a time."""
        if self._opening is not None or self._closed or not self._has_room():
            return
        if self.standing is not Standing.OPEN:
            return
        if not any(client not in self._homes for client in self._waiters.clients()):
            return
        if not self.is_held_back:
            self._begin_opening()
        elif not self._leases:  # nothing is tried, and there is nothing else to wait for
            self._waiters.fail(self._backoff.refusal())

    def _begin_opening(self) -> None:
        self._opening = asyncio.create_task(self._open_one(), name="open lease")
        self._opening.add_done_callback(self._on_opened)

    async def _open_one(self) -> None:
        lease = await self._open(self.leases)
        self._leases.append(lease)
        if self.standing is Standing.DRAINING:
            self.retire(lease)
        elif old := self._old.intersection(self._live()):
            self.retire(min(old, key=load))

    def _on_opened(self, task: asyncio.Task[None]) -> None:
        """The opening has ended, well or not: nobody waits for it any more."""
        self._opening = None
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._backoff.reset()
            self._serve()
            return
        told = self._backoff.failed(error)
        if not self._leases:  # else those that there are become free
            self._waiters.fail(told)

    def _on_closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not self._closed:
            self._turn(opens=True)
            self._serve()
