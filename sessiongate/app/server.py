"""The life of a server: start everything in order, run, stop everything in the reverse."""

import asyncio
import contextlib
import os
import socket
from datetime import datetime, timedelta
from functools import partial

from sessiongate import __version__
from sessiongate.app import build as parts
from sessiongate.app.doubts import Watch
from sessiongate.app.listeners import Doors, Listeners
from sessiongate.app.locks import Locks
from sessiongate.app.named import end_if_unnamed
from sessiongate.app.prepare import (
    certificates_of,
    digest_of,
    has_users,
    instance_of,
    roles_of,
    signing_key_of,
)
from sessiongate.app.reload import certified, merged
from sessiongate.app.routes import dialects
from sessiongate.app.run_all import Step, each_of
from sessiongate.app.running import running_of
from sessiongate.app.started import Started
from sessiongate.app.token_verifiers import verifiers_of
from sessiongate.audit import offline as inbox
from sessiongate.audit.event import Event
from sessiongate.audit.forwarding import Shipping
from sessiongate.audit.journal import Journal
from sessiongate.audit.merging import Merging
from sessiongate.clock import SystemClock
from sessiongate.config import Config
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.known_callers import KnownCallers
from sessiongate.dialects.openid.access_tokens import AccessTokens
from sessiongate.dialects.vim.about import about_info
from sessiongate.dialects.vim.session_manager import VirtualCenter
from sessiongate.errors import Unavailable
from sessiongate.http.message import Handler
from sessiongate.http.proxies import TrustedProxies
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.routing import ProviderRouter
from sessiongate.operations.control import Control
from sessiongate.operations.health import Operations
from sessiongate.rules.audit_chain import Chain
from sessiongate.rules.locale import server_default
from sessiongate.service.extension_login import Extensions
from sessiongate.service.housekeeping import Janitor, every_second
from sessiongate.service.local_ticket_login import LocalLogin
from sessiongate.service.meanwhile import end_outdated
from sessiongate.service.sessions import Sessions
from sessiongate.service.token_login import TokenLogin
from sessiongate.session import Ended
from sessiongate.store.measured import MeasuredStore
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.prometheus import Published
from sessiongate.tls.certificates import Certificates

# Within so long a running server has noticed a changed user, and the store has a later time.
_NOTICED = timedelta(seconds=5)


class Server:
    """A server of these settings: `start`, and `stop` once. `watched`, it warns of doubts."""

    def __init__(self, config: Config, doors: Doors | None = None, *, watched: bool = True) -> None:
        self.config = config
        self._watched = watched
        self._doors = doors or Doors()
        self._taking_in = asyncio.Lock()
        self._roles = roles_of(config)
        self._clock = SystemClock()
        self._meters = Meters()
        store = parts.store_of(config)
        self._store = MeasuredStore(store, self._meters)
        hashing = config.hashing
        self._hasher = PasswordHasher(hashing.threads or None, hashing.queue)
        self._made = parts.with_clients(config, parts.providers_of(config, self._hasher))
        self._guards = parts.guards_of(config, self._made, self._hasher, self._clock, store)
        self._verifiers = verifiers_of(config)
        self._shipping = Shipping(config.audit.file, config.audit.syslog)
        self._journal = Journal(
            self._clock,
            self._store.audit,
            self._shipping,
            self._meters,
            Merging(config.audit.refusals_per_minute, config.server.workers),
        )
        self._operations = Operations(
            Published(self._meters, __version__), self._values, self._store.count
        )
        self._listeners: Listeners | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._changes: set[tuple[str, str]] = set()
        """Accounts (provider, name) that have changed and whose sessions may not have ended yet."""
        self._looked_at: datetime | None = None
        self._live: Sessions | None = None
        self._rounds: list[asyncio.Task[None]] = []
        self._running = False
        self._served: Certificates | None = None

    async def start(self) -> Started:
        """Open the store, read the users, listen. Raises ConfigError or StoreUnavailable."""
        try:
            return await self._start()
        except BaseException:
            await self._end(timedelta(0))  # what goes wrong there is in the log
            raise

    async def _start(self) -> Started:
        config = self.config
        served = self._served = certificates_of(config)
        listeners = self._listeners = Listeners(config, self._doors, parts.tls_of(config, served))
        seen = await self._store.start()
        if seen is not None:
            self._clock.not_before(seen)
        for guard in self._guards.values():
            await guard.start()
        for verifier in self._verifiers:
            await verifier.start()
        sessions = self._live = self._sessions()
        bearers = self._bearers(sessions)
        handler = self._handler(sessions, bearers)
        await parts.welcome_back(self._hasher, sessions)
        await self._catch_up(sessions, await self._take_in(), seen)
        await end_if_unnamed(config, sessions, self._doors.number, seen)
        await self._journal.happened("server started", detail=digest_of(config))
        self._running = True
        callers = KnownCallers(sessions, bearers)
        await listeners.open(handler, self._meters.refusals, callers)
        locks = Locks(self._guards, self._journal)
        await listeners.open_control(
            Control(
                sessions,
                self._told,
                locks.unlock,
                locks.locked,
                config.sessions.limits,
                lambda: running_of(self.config, self._doors, listeners),
            )
        )
        await listeners.open_operations(self._operations)
        steps: list[Step] = [sessions.sweep, self._refresh, self._let_go]
        self._go_round(steps)
        if self._doors.is_first and self._watched:
            # By itself: it asks Redis for what nobody waits for, and a silent one takes its time.
            self._go_round([Watch(lambda: self.config, lambda: self._served, self._clock).look])
        return Started(
            addresses=tuple(listeners.addresses),
            certificates=served,
            has_users=has_users(config),
            operations=listeners.operations,
            without_operations=(listeners.without,) if listeners.without else (),
        )

    async def reload(self, wanted: Config) -> None:
        """Take over what of these settings can change meanwhile, and the certificate.

        Raises ConfigError; then nothing has changed.
        """
        config = merged(self.config, wanted)
        served, tls = await asyncio.to_thread(certified, config)
        if self._listeners is not None:
            self._listeners.change(config, tls)
        self.config, self._served = config, served
        await self._journal.happened("settings reloaded", detail=digest_of(config))

    async def drain(self, hurry: asyncio.Event) -> None:
        """Have `/readyz` say that the server goes, and serve on for as long as the settings say.

        So whoever spreads clients over several servers has time to send no more here.
        """
        self._operations.stopping = True
        delay = self.config.server.limits.shutdown_delay.total_seconds()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), delay)

    async def stop(self, linger: timedelta = timedelta(0), *, replaced: bool = False) -> None:
        """Accept no more, finish what runs, write what is pending. Idempotent.

        Every step is taken, whatever becomes of the others; the first error is raised in the end.
        `replaced` by a process that has the same doors, it is silent about its own readiness.
        """
        if error := await self._end(linger, replaced=replaced):
            raise error

    async def _end(self, linger: timedelta, *, replaced: bool = False) -> BaseException | None:
        self._operations.stopping = not replaced
        steps: list[Step] = [self._stop_rounds]
        if self._listeners is not None:
            steps.append(partial(self._listeners.stop, linger, replaced=replaced))
            steps.append(self._listeners.stop_operations)
        if self._running:
            steps.append(self._look_once_more)
        steps += [
            self._stop_endings,
            *(guard.close for guard in self._guards.values()),
            *(verifier.close for verifier in self._verifiers),
            self._close_hasher,
        ]
        if self._running:
            self._running = False
            steps += [self._flush, partial(self._journal.happened, "server stopped"), self._let_go]
        steps += [self._store.close, partial(asyncio.to_thread, self._shipping.close)]
        return await each_of(steps)

    def _go_round(self, steps: list[Step]) -> None:
        """Take these steps once a second, until the server stops."""
        self._rounds.append(asyncio.create_task(Janitor(steps).run(every_second)))

    async def _stop_rounds(self) -> None:
        for one in self._rounds:
            one.cancel()
        for one in self._rounds:
            with contextlib.suppress(asyncio.CancelledError):
                await one

    async def _look_once_more(self) -> None:
        """The last look at what this process has opened: nobody else knows that it has."""
        with contextlib.suppress(Unavailable):
            await self._refresh()

    async def _stop_endings(self) -> None:
        await asyncio.gather(*self._endings)
        if self._live is not None:
            await self._live.undelivered.finish()

    async def _close_hasher(self) -> None:
        self._hasher.close()

    def _sessions(self) -> Sessions:
        config = self.config
        sessions = Sessions(
            self._store,
            ProviderRouter(self._guards, parts.claims_of(self._made)),
            self._roles,
            self._clock,
            self._journal,
            caps=config.sessions.caps,
            default_locale=server_default(config.sessions.default_locale, os.environ),
            host=socket.gethostname(),
        )
        for name, made in self._made.items():
            made.provider.on_change(partial(self._changed, sessions, name))
        return sessions

    def _bearers(self, sessions: Sessions) -> Bearers:
        life = self.config.dialects.appliance.access_token
        tokens = AccessTokens(signing_key_of(self.config), self._clock, life)
        return Bearers(tokens, sessions, self._store, self.config.sessions.idle_timeout)

    def _handler(self, sessions: Sessions, bearers: Bearers) -> Handler:
        config = self.config
        provider = config.dialects.vsphere.default
        center = VirtualCenter(
            sessions,
            self._store,
            about_info(config.sessions.profile, instance_of(config), __version__),
            provider=provider,
            extensions=Extensions(sessions, parts.extensions_of(config)),
            tokens=TokenLogin(sessions, self._store, self._verifiers),
            local=LocalLogin(
                sessions,
                self._store,
                config.server.data_dir / "local-tickets",
                provider=provider,
                offered=config.dialects.vsphere.local_tickets,
            ),
        )
        routed = dialects(config, sessions, center, bearers, self._meters)
        if not config.server.trusted_proxies:
            return routed
        return TrustedProxies(
            routed, config.server.trusted_proxies, config.server.client_certificate_header
        )

    def _changed(self, sessions: Sessions, provider: str, principal: str) -> None:
        """An account was changed: its sessions end. `_refresh` waits until they have."""
        self._changes.add((provider, principal))
        ending = asyncio.ensure_future(self._end_at_once(sessions, provider, principal))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _end_at_once(self, sessions: Sessions, provider: str, principal: str) -> None:
        with contextlib.suppress(Unavailable):  # then `_refresh` tries until it can be done
            await self._end_all_of(sessions, provider, principal, self._looked_at)

    async def _end_all_of(
        self, sessions: Sessions, provider: str, principal: str, looked_at: datetime | None
    ) -> None:
        await sessions.end_all_of(
            principal, Ended.USER_CHANGED, provider=provider, looked_at=looked_at
        )
        self._changes.discard((provider, principal))
        await self._journal.happened("account changed", subject=principal, provider=provider)

    async def _told(self) -> None:
        """Users were changed by a command: nobody can have logged in by the new record before."""
        self._looked_at = None
        await self._refresh()

    async def _refresh(self) -> None:
        """Look for changed users, and wait until the sessions of those have ended."""
        await self._take_in()
        began = self._clock.now()
        for made in self._made.values():
            refresh = getattr(made.provider, "refresh", None)
            if refresh is not None:
                await refresh()
        await asyncio.gather(*self._endings)
        if self._live is not None:
            for provider, principal in tuple(self._changes):  # the store was away
                await self._end_all_of(self._live, provider, principal, None)
            self._live.looked(began)
        self._looked_at = began

    async def _catch_up(self, sessions: Sessions, told: list[Event], seen: datetime | None) -> None:
        """End the sessions of users who changed since `seen`, when a server was last running."""
        if not self._doors.is_first or seen is None:
            return
        files = {
            name: made.provider
            for name, made in self._made.items()
            if isinstance(made.provider, FileIdentity)
        }
        if told or any(file.changed_since(seen - _NOTICED) for file in files.values()):
            await end_outdated(sessions, files, told)

    async def _take_in(self) -> list[Event]:
        """Take what the command line has changed into the audit, and say what that was."""
        if not self._doors.is_first:
            return []
        # One at a time: of two, the second would write the same events again, and then remove as
        # many lines, whose events nobody has read.
        async with self._taking_in:
            left = inbox.waiting(self.config.server.data_dir)
            events = [event for event in left if event is not None]
            for event in events:
                await self._journal.told(event)
            if left:
                # It waits for a command that is just leaving something, however long that takes.
                await asyncio.to_thread(inbox.taken, self.config.server.data_dir, len(left))
        return events

    async def _let_go(self) -> None:
        """Keep the audit within its bounds."""
        audit = self.config.audit
        most = {
            Chain.DECISIONS: audit.max_events,
            Chain.ANONYMOUS: audit.max_anonymous_events,
        }
        self._journal.let_go(most, audit.max_age)

    async def _flush(self) -> None:
        self._journal.flush()

    async def _values(self) -> dict[str, float]:
        """What is true at this moment, for metrics."""
        guards = self._guards.values()
        values: dict[str, float] = {
            **(self._listeners.counts() if self._listeners else {}),
            "sessiongate_hashing_queue": self._hasher.pending,
            "sessiongate_hashes_total": self._hasher.done,
            "sessiongate_lockouts_total": sum(guard.lockouts for guard in guards),
            "sessiongate_verified_cache_hits_total": sum(guard.hits for guard in guards),
            "sessiongate_audit_events_lost_total": self._store.audit.lost,
            "sessiongate_audit_events_merged_total": self._meters.merged,
            "sessiongate_audit_copies_lost_total": self._shipping.lost,
            **self._store.counts(),
        }
        if self._served is not None:
            until = self._served.facts.not_after
            values["sessiongate_certificate_not_after_seconds"] = until.timestamp()
        with contextlib.suppress(Unavailable):  # then the errors are counted, and this is unknown
            values["sessiongate_names_locked"] = sum([len(await one.locked()) for one in guards])
            values["sessiongate_sessions_live"] = await self._store.count()
        return values
