"""The tokens by which a lease goes to the Automation API.

Where SOAP and the Automation API have one table of sessions (8.0 U3 and later), it is the lease's
own token. Else a session of its own is opened beside it, when it is first needed, by the service
account; it is in the lease's row before its first use, and is logged out with the lease. Which of
the two it is, the upstream is asked once for each lease.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

import msgspec

from sessiongate.errors import (
    Malformed,
    NotSupported,
    OutcomeUnknown,
    StoreUnavailable,
    UpstreamUnavailable,
)
from sessiongate.gateway.credentials.rest_logins import RestLogins
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.loop_clock import LoopClock
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.gateway.leases.vcenter_sessions import VCenterSessions
from sessiongate.secret import Secret
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.automation import client as rest
from sessiongate.wire.automation.client import FACES, RestSession

_LARGEST = 64 * 1024

APART = (
    "this vCenter keeps sessions of the Automation API apart from those of SOAP, as all before"
    ' 8.0 U3 do, and no password of its users is kept to open one: account = "service" has one'
)


class RestTokens:
    """Of one upstream. Without `logins` none but a lease's own is to be had."""

    def __init__(
        self,
        upstream: str,
        exchange: Exchange,
        timeout: timedelta,
        rows: StoredLeases,
        sessions: VCenterSessions,
        meters: UpstreamMeters,
        logins: RestLogins | None,
    ) -> None:
        self._upstream = upstream
        self._exchange = exchange
        self._timeout = timeout
        self._rows = rows
        self._sessions = sessions
        self._meters = meters
        self._logins = logins
        self.in_use = rows.tokens
        self._opening: dict[Lease, asyncio.Task[Secret]] = {}
        self._now = LoopClock()

    def known(self, lease: Lease) -> Secret | None:
        """The same as `of`, where it is known: else None."""
        token = lease.rest_token
        if token is not None:
            lease.rest_used_at = self._now()
        return token

    async def of(self, lease: Lease) -> Secret:
        """The token that this lease's calls carry.

        Raises NotSupported where there is none to be had, UpstreamUnavailable, StoreUnavailable.
        """
        lease.rest_used_at = self._now()
        if lease.rest_token is not None:
            return lease.rest_token
        task = self._opening.get(lease)
        if task is None:
            task = self._opening[lease] = asyncio.create_task(self._find(lease), name="rest token")
            task.add_done_callback(lambda done: self._on_found(lease, done))
        return await asyncio.shield(task)  # others may wait for it too

    async def makes_suspect(self, lease: Lease, token: Secret) -> bool:
        """Whether a lease whose session lives is good for nothing at the Automation API.

        Not where that knows the session and the call alone was refused, nor where a session beside
        it is over: that one is forgotten, and the next call gets another. Raises
        UpstreamUnavailable.
        """
        if lease.rest_token is not token or await self._lives(lease.rest_face, token):
            return False
        if lease.session.rest is None:
            return True
        if lease.rest_token is token:
            await self._drop(lease, lease.session.rest)
        return False

    async def _drop(self, lease: Lease, beside: RestSession) -> None:
        """Have no session beside a lease any more. One that is over is logged out all the same.

        Something in front of the upstream may have said that it is over.
        """
        if self._logins is not None and lease.rest_opened_at is not None:
            self._logins.is_over(lease.rest_opened_at)
        lease.have_beside(None)
        await self._give_up(beside)

    def due(self, leases: Iterable[Lease], unused: float) -> list[Lease]:
        """Those with a session beside them that nobody has used for so many seconds."""
        before = asyncio.get_running_loop().time() - unused
        return [one for one in leases if one.session.rest and one.rest_used_at <= before]

    async def keep_alive(self, lease: Lease) -> None:
        """Use the session beside a lease, and forget it if it is over.

        A call that changes something and finds it over is refused, and need not find it so.
        """
        lease.rest_used_at = asyncio.get_running_loop().time()
        if lease.rest_token is not None:
            with suppress(UpstreamUnavailable):  # nobody knows, and a call will find out
                await self.makes_suspect(lease, lease.rest_token)

    async def settled(self, lease: Lease) -> None:
        """Wait for what is being opened beside a lease that is about to end."""
        task = self._opening.get(lease)
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def _on_found(self, lease: Lease, task: asyncio.Task[Secret]) -> None:
        del self._opening[lease]
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any more

    async def _find(self, lease: Lease) -> Secret:
        beside = lease.session.rest
        if beside is None:
            changed = await self._rows.changed(lease.id)
            beside = changed.rest if changed is not None else None
        if beside is not None:  # from another process
            lease.rest_face = beside.path
            lease.have_beside(beside)
            return beside.token
        if not lease.rest_face and await self._is_taken(lease):
            lease.rest_token = lease.session.token
            return lease.session.token
        if self._logins is None:
            raise NotSupported(APART)
        opened = await self._logins.login(lease.rest_face)
        self._meters.login("ok")
        kept = await self._store_session(lease, opened)
        if kept is opened:
            lease.rest_opened_at = self._logins.now()
        return kept.token

    async def _store_session(self, lease: Lease, opened: RestSession) -> RestSession:
        """The session beside a lease: this one, or that of a process that was faster."""
        session = msgspec.structs.replace(lease.session, rest=opened)
        try:
            await self._rows.refill(lease.id, session)
        except StoreUnavailable:  # or another process has changed the row
            await self._give_up(opened)
            changed = await self._rows.changed(lease.id)
            if changed is None or changed.rest is None:
                raise
            opened = changed.rest
        except BaseException:  # a stop: the session is there all the same
            await self._give_up(opened)
            raise
        lease.have_beside(opened)
        return opened

    async def _give_up(self, opened: RestSession) -> None:
        with suppress(UpstreamUnavailable):  # then it ends by the upstream's clock
            await self._sessions.end_rest(opened)

    async def _is_taken(self, lease: Lease) -> bool:
        """Whether the lease's own token is one of the Automation API too, and where that is."""
        for path in FACES:
            lives = await self._lives(path, lease.session.token)
            if lives is not None:
                lease.rest_face = path
                return lives
        raise NotSupported("this vCenter has no Automation API")

    async def _lives(self, path: str, token: Secret) -> bool | None:
        ask = rest.write_probe(path, token)
        try:
            answer = await self._exchange.exchange(ask, within=self._timeout, largest=_LARGEST)
            return rest.read_probe(answer)
        except Malformed as broken:
            raise UpstreamUnavailable(f"{self._upstream}: its sessions: {broken}") from None
        except OutcomeUnknown as error:
            # The question has no effect, and what waits for its answer has not been sent.
            raise UpstreamUnavailable(f"{self._upstream}: {error}") from None
