"""What a server does by the second about accounts that change and an audit that grows."""

import contextlib
from collections.abc import Callable
from datetime import datetime

from sessiongate.app import build as parts
from sessiongate.app.assembly import Assembly
from sessiongate.app.listeners import InheritedSockets
from sessiongate.audit.age_clock import AgeClock
from sessiongate.audit.intake import OfflineIntake
from sessiongate.clock import machine_time
from sessiongate.config import Config
from sessiongate.errors import Unavailable
from sessiongate.rules.audit_chain import Chain
from sessiongate.service.account_changes import end_if_unnamed


class Upkeep:
    """Has sessions follow their accounts, and keeps the audit within its bounds.

    Of several workers the first takes in what the command line has changed.
    """

    def __init__(
        self, made: Assembly, settings: Callable[[], Config], sockets: InheritedSockets
    ) -> None:
        """`settings` are those in force, as a reload has left them."""
        self._assembly = made
        self._settings = settings
        self._sockets = sockets
        self._intake = OfflineIntake(made.config.server.data_dir, made.journal)
        self._changes = made.changes
        self._age_clock: AgeClock | None = None

    async def begin(self, seen: datetime | None) -> None:
        """Take over what the store has from before, and end what nobody should have any more.

        That is leases at upstreams, and sessions of accounts that have changed since the store was
        last in use. That was at `seen`; None where it never was.
        """
        made, number = self._assembly, self._sockets.number
        data_dir = made.config.server.data_dir
        self._age_clock = AgeClock(data_dir / f"ages.{number}", made.clock, machine_time, seen)
        for name, one in made.providers.items():
            self._changes.watch(name, one.provider)
        await parts.welcome_back(made.hasher, made.sessions)
        for gate in made.gates.values():
            await gate.recover()
        if made.manager is not None:
            await made.manager.start()
        if self._sockets.is_first:
            told = await self._intake.take_all()
            if seen is not None:
                await self._changes.catch_up(seen, told)
        named = parts.named_by(self._settings())
        await end_if_unnamed(made.sessions, named, data_dir / f"named.{number}", seen)

    async def refresh(self) -> None:
        """Look for accounts that have changed, and end their sessions."""
        await self._take_in()
        await self._changes.refresh()

    async def refresh_after_command(self) -> None:
        """The same at once, whatever was looked at just now."""
        await self._take_in()
        await self._changes.refresh_after_command()

    async def look_once_more(self) -> None:
        """The last look at what this process has opened: nobody else knows that it has."""
        with contextlib.suppress(Unavailable):
            await self.refresh()

    async def finish(self) -> None:
        """Wait for the ends that are under way."""
        await self._changes.settled()
        await self._assembly.sessions.undelivered.finish()

    async def prune(self) -> None:
        """Keep the audit within its bounds."""
        audit = self._settings().audit
        most = {
            Chain.DECISIONS: audit.max_events,
            Chain.ANONYMOUS: audit.max_anonymous_events,
        }
        if self._age_clock is not None:
            self._assembly.journal.prune(most, self._age_clock.time() - audit.max_age)

    async def _take_in(self) -> None:
        """Take what the command line has changed into the audit."""
        if self._sockets.is_first:
            await self._intake.take()
