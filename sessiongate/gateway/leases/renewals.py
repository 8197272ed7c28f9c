"""Tokens of leases at an appliance, each followed by the next one before it ends.

A call gets a token that is good for as long as a call takes. One renewal is under way for a lease,
whoever asks; what it brings is in the store before it is used, and the one before is dropped then.
Where several processes use a lease, one of them renews it and the others wait for what it writes
down: an appliance that gives each refresh token once would end the session of a second try.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from sessiongate.errors import StoreUnavailable, Unavailable, UpstreamUnavailable
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.upstream.zvm import Zvm
from sessiongate.wire.zerto_client import Renewal, ZvmSession

_MARGIN, _PART = 10.0, 0.2
"""A token is renewed when less is left than so many seconds, and than this part of its life."""

_CLAIM = 15.0
"""Seconds for which others wait for a process that renews."""

_POLL = 0.1
"""Seconds after which they look again."""


class LeaseOver(Exception):
    """The appliance has ended a lease's session: nothing was sent by it."""


class Renewals:
    """Of one ZVM. With a `credential` its account asks anew where there is no refresh token."""

    def __init__(
        self, zvm: Zvm, rows: StoredLeases, credential: Credential | None, *, shared: bool
    ) -> None:
        """`shared`: other processes use the same leases."""
        self.zvm = zvm
        self._rows = rows
        self._credential = credential
        self._shared = shared
        self._flights: dict[Lease, asyncio.Task[bool]] = {}
        self._unwritten: dict[Lease, ZvmSession] = {}
        """What was renewed, and the store has not taken: no refresh token is used twice for it."""
        self._over: set[Lease] = set()

    async def usable(self, lease: Lease) -> ZvmSession:
        """The lease's session, with a token that is good for a call.

        Raises LeaseOver, UpstreamUnavailable where there is none to be had, StoreUnavailable.
        """
        session = session_of(lease)
        renewal = session.renewal
        if renewal is None:
            return session
        left = self._left(session, renewal)
        if left > min(_MARGIN, _PART * renewal.life):
            return session
        try:
            lives = await self._renew(lease)
        except UpstreamUnavailable as error:
            if left > 0:  # the call may come out well all the same
                return session
            soon, says = error.retry_after, error.says
            raise UpstreamUnavailable(str(error), retry_after=soon, says=says) from None
        if not lives:
            raise LeaseOver
        return session_of(lease)

    async def lives(self, lease: Lease) -> bool:
        """Whether a session lives by which a call was refused. It goes by a new token then.

        Raises UpstreamUnavailable or StoreUnavailable.
        """
        if lease in self._over:
            self._over.discard(lease)
            return False
        session = session_of(lease)
        if session.renewal is None:
            return await self.zvm.lives(session)
        lives = await self._renew(lease)
        self._over.discard(lease)
        return lives

    def due(self, leases: Iterable[Lease], unused: float) -> list[Lease]:
        """Those whose refresh token has half of its life left, and nobody has asked for a token.

        One that is over is asked for no more: its next call or probe finds that out.
        """
        busy = self._flights.keys() | self._over
        return [one for one in leases if one not in busy and self._is_old(one)]

    async def keep_alive(self, lease: Lease) -> None:
        """Renew it. Raises nothing: a call will find out."""
        with suppress(Unavailable):
            await self._renew(lease)

    async def settled(self, lease: Lease) -> None:
        """Wait for a renewal of a lease that is about to end: it is ended by what that brings."""
        task = self._flights.get(lease)
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
        self._over.discard(lease)
        unwritten = self._unwritten.pop(lease, None)
        if unwritten is not None:
            lease.renewed(unwritten)

    def _is_old(self, lease: Lease) -> bool:
        session = session_of(lease)
        renewal = session.renewal
        if renewal is None or not renewal.refresh_life or not renewal.refresh.reveal():
            return False
        return renewal.life - self._left(session, renewal) > renewal.refresh_life / 2

    def _left(self, session: ZvmSession, renewal: Renewal) -> float:
        """Seconds for which the token is good: by our own clock where it was given to us."""
        if session.good_until is not None:
            return session.good_until - asyncio.get_running_loop().time()
        return min(renewal.life, renewal.until - self._rows.seconds())

    async def _renew(self, lease: Lease) -> bool:
        task = self._flights.get(lease)
        if task is None:
            task = self._flights[lease] = asyncio.create_task(self._renew_once(lease), name="renew")
            task.add_done_callback(lambda done: self._forget_flight(lease, done))
        return await asyncio.shield(task)  # others wait for it, too

    def _forget_flight(self, lease: Lease, task: asyncio.Task[bool]) -> None:
        del self._flights[lease]
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any more

    async def _renew_once(self, lease: Lease) -> bool:
        before = session_of(lease)
        found = self._unwritten.get(lease)
        if found is None:
            if self._shared and not await self._claim_renewal(lease, before):
                return True
            found = await self._request_tokens(before)
            if found is None:
                return await self._is_anothers(lease, before)
            self._unwritten[lease] = found
        try:
            await self._rows.refill(lease.id, found)
        except StoreUnavailable:
            if not await self._is_anothers(lease, before):
                self._over.discard(lease)
                raise
        else:
            lease.renewed(found)
        self._unwritten.pop(lease, None)
        return True

    async def _request_tokens(self, session: ZvmSession) -> ZvmSession | None:
        renewal = session.renewal
        if renewal is not None and renewal.refresh.reveal():
            return await self.zvm.renewed(session)
        if self._credential is None:
            return None
        opened = await self._credential.login()
        return opened if isinstance(opened, ZvmSession) else None

    async def _is_anothers(self, lease: Lease, before: ZvmSession) -> bool:
        """Whether another process has renewed it meanwhile; what it was given is used then."""
        changed = await self._rows.changed(lease.id)
        if isinstance(changed, ZvmSession) and not changed.token.same_as(before.token):
            lease.renewed(changed)
            return True
        self._over.add(lease)
        return False

    async def _claim_renewal(self, lease: Lease, before: ZvmSession) -> bool:
        """Whether it is for this process to renew it. False: another one has done so."""
        loop = asyncio.get_running_loop()
        until = loop.time() + 2 * _CLAIM
        known = before
        while loop.time() < until:
            changed = await self._rows.changed(lease.id)
            if isinstance(changed, ZvmSession):
                known = changed
                if not changed.token.same_as(before.token):
                    lease.renewed(changed)
                    return False
            renewal = known.renewal
            now = self._rows.seconds()
            if renewal is not None and renewal.claimed_until <= now:
                claim = msgspec.structs.replace(renewal, claimed_until=now + _CLAIM)
                with suppress(StoreUnavailable):  # another one was faster
                    claimed = msgspec.structs.replace(known, renewal=claim)
                    await self._rows.refill(lease.id, claimed)
                    return True
            await asyncio.sleep(_POLL)
        raise UpstreamUnavailable("the token of its session could not be renewed in time")


def session_of(lease: Lease) -> ZvmSession:
    """The session of a lease at a ZVM."""
    session = lease.session
    if not isinstance(session, ZvmSession):
        raise UpstreamUnavailable("the lease is none of a ZVM")
    return session
