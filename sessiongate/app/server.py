"""The life of a server: start everything in order, run, stop everything in the reverse."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sessiongate import __version__
from sessiongate.app import build as parts
from sessiongate.app.console import console_of
from sessiongate.app.gates import by_host, callers_upstreams, gates_of
from sessiongate.app.gauges import Gauges
from sessiongate.app.listeners import InheritedSockets, Listeners
from sessiongate.app.local_users import UsersOfFiles
from sessiongate.app.locks import Locks
from sessiongate.app.pools import PoolCommands
from sessiongate.app.preflight.doubts import Watch
from sessiongate.app.prepare import certificate_names, certificates_of, digest_of
from sessiongate.app.records import records_of
from sessiongate.app.reload import certified, merged
from sessiongate.app.report import facts_of, running_of, started_of
from sessiongate.app.roles_and_users import roles_of
from sessiongate.app.routes import dialects
from sessiongate.app.run_all import Step, each_of
from sessiongate.app.services import Core, Services, services_of
from sessiongate.app.session_manager import manager_of
from sessiongate.app.started import Started
from sessiongate.app.supplied import SERVERS_OWN, Supplied
from sessiongate.app.token_verifiers import verifiers_of
from sessiongate.audit.access_checks import AccessChecks
from sessiongate.audit.forwarding import Shipping
from sessiongate.audit.intake import OfflineIntake
from sessiongate.audit.journal import Journal
from sessiongate.audit.told_calls import ToldCalls
from sessiongate.clock import SystemClock
from sessiongate.config import Config
from sessiongate.dialects.known_callers import KnownCallers
from sessiongate.dialects.relayed_hosts import AtUpstreams
from sessiongate.dialects.stray_hosts import StrayHosts
from sessiongate.dialects.vim.session_objects import SessionObjects
from sessiongate.errors import Unavailable
from sessiongate.http.arrivals import Arrivals
from sessiongate.http.message import Handler, Streams
from sessiongate.http.proxies import TrustedProxies
from sessiongate.identity.domains import claims_of, upstream_users
from sessiongate.identity.routing import ProviderRouter
from sessiongate.operations.control import Control
from sessiongate.operations.health import Operations
from sessiongate.rules.audit_chain import Chain
from sessiongate.service.account_changes import AccountChanges, end_if_unnamed
from sessiongate.service.housekeeping import Janitor, every_second, sweep
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Person, Session
from sessiongate.store.measured import MeasuredStore
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.prometheus import Published
from sessiongate.tls.certificates import Certificates


class Server:
    """A server of these settings: `start`, and `stop` once. `watched`, it warns of doubts."""

    def __init__(
        self, config: Config, supplied: Supplied = SERVERS_OWN, *, watched: bool = True
    ) -> None:
        self.config = config
        self._watched = watched
        self._sockets = supplied.sockets or InheritedSockets()
        self._around, self._faults = supplied.around, supplied.faults
        self._clock, self._meters = supplied.clock or SystemClock(), Meters()
        store, roles = supplied.store or parts.store_of(config), roles_of(config)
        if self._faults is not None:
            store, roles = self._faults.store(store), self._faults.roles(roles)
        self.store = MeasuredStore(store, self._meters)
        self._hasher = supplied.hasher or parts.hasher_of(config)
        self._verifiers = verifiers_of(config)
        self._shipping = Shipping(config.audit.file, config.audit.syslog)
        self._journal = Journal(
            self._clock,
            self.store.audit,
            self._shipping if watched else ToldCalls(self._shipping),
            self._meters,
            parts.merging_of(config),
        )
        self._sessions = Sessions(
            self.store, roles, self._clock, self._journal, caps=config.sessions.caps
        )
        core = (self.store, self._clock, self._sessions, self._journal)
        self._gates = gates_of(config, *core, self._faults)
        upstreams = callers_upstreams(config, self._gates, self._faults)
        providers = parts.providers_of(config, self._hasher, upstreams=upstreams)
        self._made = parts.with_clients(config, providers)
        self.guards = parts.guards_of(config, self._made, self._hasher, self._clock, store)
        self._locks = Locks(self.guards, self._journal)
        self._manager = manager_of(config, self.store, self._clock, self._journal, self._gates)
        for gate in self._gates.values():
            gate.accounts.on_last_lost(self._ask_anew)
            self._sessions.on_open(gate.opened)
            self._sessions.on_end(gate.ended)
        self._changes = AccountChanges(self._sessions, self._clock, self._journal)
        self._records = records_of(
            config, self.store, self._sessions, self._clock, self._meters, supplied.store
        )
        self._intake = OfflineIntake(config.server.data_dir, self._journal)
        self._gauges = Gauges(
            self.store, self.guards.values(), self._hasher, self._shipping, self._meters
        )
        self._operations = Operations(
            Published(self._meters, __version__),
            self._values,
            self.store.count,
            lambda: [name for name, gate in self._gates.items() if gate.accounts.has_no_tickets],
        )
        self.control: Control | None = None
        """What commands ask, once it has started."""
        self._listeners: Listeners | None = None
        self._objects: SessionObjects | None = None
        self._checks: AccessChecks | None = None
        self._steps: list[Step] = []
        self._rounds: list[asyncio.Task[None]] = []
        self._running = False
        self._served: Certificates | None = None

    async def start(self) -> Started:
        """Open the store, read the users, listen. Raises ConfigError or StoreUnavailable."""
        try:
            return await self._start()
        except BaseException:  # also where the start is cancelled: what is open is shut
            await self._end(timedelta(0))  # what goes wrong there is in the log
            raise

    async def _start(self) -> Started:
        config = self.config
        served = self._served = certificates_of(config)
        tls, arrivals = parts.tls_of(config, served), self._arrivals()
        listeners = self._listeners = Listeners(config, self._sockets, tls, arrivals)
        seen = await self.store.start()
        if seen is not None:
            self._clock.not_before(seen)
        for guard in self.guards.values():
            await guard.start()
        for verifier in self._verifiers:
            await verifier.start()
        services = self._services()
        handler, streams = self._handler(services)
        for name, made in self._made.items():
            self._changes.watch(name, made.provider)
        await parts.welcome_back(self._hasher, self._sessions)
        await self._start_gates()
        await self._catch_up(seen)
        await self._journal.happened("server started", detail=digest_of(config))
        self._running = True
        callers = KnownCallers(
            self._sessions,
            services.bearers,
            takes_assertions=any(issuer.type == "saml" for issuer in config.tokens.values()),
        )
        await listeners.open(handler, self._meters.refusals, callers, streams)
        await self._open_to_operators(listeners)
        set_up = ""
        if config.console.listen is not None and self._sockets.is_first:
            told = self._records.insights(config, self._values)
            others = (
                UsersOfFiles(config, self._locks, self._journal, self._refresh_after_command),
                lambda: facts_of(self.config, listeners, self._served),
                PoolCommands(config, self._gates, self._sessions, self._journal),
            )
            console = console_of(config, services, self._journal, self._meters, told, others)
            set_up = await console.open(listeners)
            self._steps += [console.visitors.tidy, self._records.recorder.step]
        self._steps += [
            partial(sweep, self.store, self._clock, self._journal, self._sessions.ended),
            services.center.objects.sweep,
            services.access_checks.tidy,
            self._refresh,
            self._let_go,
            *(gate.tidy for gate in self._gates.values()),
        ]
        self._go_round(self._steps)
        if self._sockets.is_first and self._watched:
            # By itself: it asks Redis for what nobody waits for, and a silent one takes its time.
            self._go_round([Watch(lambda: self.config, lambda: self._served, self._clock).look])
        return started_of(config, listeners, self._served, set_up)

    def _control_of(self, listeners: Listeners) -> Control:
        return Control(
            self._sessions,
            self._clock,
            self._refresh_after_command,
            self._locks.unlock,
            self._locks.locked,
            self.config.sessions.limits,
            lambda: running_of(self.config, self._sockets, listeners, self._served),
            PoolCommands(self.config, self._gates, self._sessions, self._journal),
            self._manager.commands if self._manager is not None else None,
            self._records.leaks,
        )

    def on_open(self, tell: Callable[[Session], None]) -> None:
        """Call `tell` with each session that is opened."""
        self._sessions.on_open(tell)

    async def tend(self) -> int:
        """Do now what is done once a second. How many sessions have ended by their limits."""
        before = self._meters.ends.copy()
        await Janitor(self._steps).step()
        ends = self._meters.ends - before
        return ends[Ended.IDLE.value] + ends[Ended.AGED.value]

    async def _open_to_operators(self, listeners: Listeners) -> None:
        """Let the command line in, and those who watch the server."""
        self.control = self._control_of(listeners)
        control: Handler = self.control
        operations: Handler = self._operations
        if self._faults is not None:
            control, operations = map(self._faults.steering, (control, operations))
        await listeners.open_control(control)
        await listeners.open_operations(operations)

    def _arrivals(self) -> Arrivals | None:
        if self._faults is None:
            return None
        names = certificate_names(self.config)
        return self._faults.arrivals(self.config.server.data_dir, names)

    async def _start_gates(self) -> None:
        for gate in self._gates.values():
            await gate.recover()
        if self._manager is not None:
            await self._manager.start()

    async def reload(self, wanted: Config) -> str:
        """Take over what of these settings can change meanwhile, and the certificate.

        Returns the SHA-256 fingerprint of a certificate that is another than before, else "".
        Raises ConfigError; then nothing has changed.
        """
        config = merged(self.config, wanted)
        served, tls = await asyncio.to_thread(certified, config)
        if self._listeners is not None:
            self._listeners.change(config, tls)
        before, now = (
            one.facts.sha256 if one is not None else "" for one in (self._served, served)
        )
        self.config, self._served = config, served
        await self._journal.happened("settings reloaded", detail=digest_of(config))
        return now if now != before else ""

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
        `replaced` by a process that has the same sockets, it is silent about its own readiness.
        """
        if error := await self._end(linger, replaced=replaced):
            raise error

    async def _end(self, linger: timedelta, *, replaced: bool = False) -> BaseException | None:
        self._operations.stopping = not replaced
        steps: list[Step] = [self._stop_rounds, self._let_waits_end]
        if self._listeners is not None:
            steps.append(partial(self._listeners.stop, linger, replaced=replaced))
            steps.append(self._listeners.stop_operations)
        if self._running:
            steps.append(self._look_once_more)
        steps += [
            self._stop_endings,
            *(gate.close for gate in self._gates.values()),
            *(guard.close for guard in self.guards.values()),
            *(verifier.close for verifier in self._verifiers),
            self._close_hasher,
        ]
        if self._manager is not None:
            steps.append(self._manager.close)
        if self._running:
            self._running = False
            steps += [self._flush, partial(self._journal.happened, "server stopped"), self._let_go]
        steps += [self.store.close, partial(asyncio.to_thread, self._shipping.close)]
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

    async def _let_waits_end(self) -> None:
        """Clients that wait for something to happen are not waited for."""
        if self._objects is not None:
            self._objects.close()
        for gate in self._gates.values():
            gate.relay.stop()

    async def _look_once_more(self) -> None:
        """The last look at what this process has opened: nobody else knows that it has."""
        with contextlib.suppress(Unavailable):
            await self._refresh()

    async def _stop_endings(self) -> None:
        await self._changes.settled()
        await self._sessions.undelivered.finish()

    async def _close_hasher(self) -> None:
        self._hasher.close()

    def _services(self) -> Services:
        core = Core(self.store, self._clock, self._journal, self._sessions, self._changes)
        made = self._made
        guards, verifiers = self.guards, self._verifiers
        if self._faults is not None:
            guards, verifiers = self._faults.guards(guards), self._faults.verifiers(verifiers)
        router = ProviderRouter(guards, claims_of(made), upstream_users(made))
        services = services_of(self.config, core, router, verifiers, self._gates, self._faults)
        self._objects, self._checks = services.center.objects, services.access_checks
        return services

    def _handler(self, services: Services) -> tuple[Handler, Streams]:
        server, gates = self.config.server, by_host(self.config, self._gates)
        manager = self._manager.endpoint if self._manager is not None else None
        routed = dialects(self.config, services, self._meters, gates, manager)
        handler: Handler = routed
        if gates is not None:
            handler = AtUpstreams(routed, gates, StrayHosts(self._gates))
        if self._faults is not None:
            self._faults.serve(
                self._sessions,
                self._journal,
                self._meters.faults,
                self.store,
                self.tend,
                services.bearers.digest_of,
                self._served.ca if self._served is not None else None,
            )
            handler = self._faults.handler(handler, routed)
        if self._around is not None:
            handler = self._around(handler, routed)
        if server.trusted_proxies:
            header = server.client_certificate_header
            handler = TrustedProxies(handler, server.trusted_proxies, header)
        return handler, routed.streams

    def _ask_anew(self, person: Person) -> None:
        """Only the upstream itself can let this person in: nothing of theirs is left to go by."""
        self.guards[person.provider].forget(person.name)

    async def _catch_up(self, seen: datetime | None) -> None:
        """End the sessions of accounts that have changed since the store was last in use."""
        if self._sockets.is_first:
            told = await self._intake.take_all()
            if seen is not None:
                await self._changes.catch_up(seen, told)
        path = self.config.server.data_dir / f"named.{self._sockets.number}"
        await end_if_unnamed(self._sessions, parts.named_by(self.config), path, seen)

    async def _take_in(self) -> None:
        """Take what the command line has changed into the audit."""
        if self._sockets.is_first:
            await self._intake.take()

    async def _refresh(self) -> None:
        await self._take_in()
        await self._changes.refresh()

    async def _refresh_after_command(self) -> None:
        await self._take_in()
        await self._changes.refresh_after_command()

    async def _let_go(self) -> None:
        """Keep the audit within its bounds."""
        audit = self.config.audit
        most = {
            Chain.DECISIONS: audit.max_events,
            Chain.ANONYMOUS: audit.max_anonymous_events,
        }
        self._journal.prune(most, audit.max_age)

    async def _flush(self) -> None:
        if self._checks is not None:
            self._checks.flush()
        self._journal.flush()

    async def _values(self) -> dict[str, float]:
        counts = self._listeners.counts() if self._listeners is not None else {}
        return await self._gauges.read(counts, self._served)
