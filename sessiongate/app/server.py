"""The life of a server: start everything in order, run, stop everything in the reverse."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from sessiongate import __version__
from sessiongate.app import build as parts
from sessiongate.app.assembly import Assembly
from sessiongate.app.gateway.pools import PoolCommands
from sessiongate.app.handlers import clients_handler, known_callers
from sessiongate.app.listeners import InheritedSockets, Listeners
from sessiongate.app.operators.console import console_of
from sessiongate.app.operators.local_users import UsersOfFiles
from sessiongate.app.operators.report import facts_of, running_of, started_of
from sessiongate.app.preflight.doubts import Watch
from sessiongate.app.reload import certified, merged
from sessiongate.app.run_all import Step, each_of
from sessiongate.app.services import Services
from sessiongate.app.setup.prepare import certificate_names, certificates_of, digest_of
from sessiongate.app.started import Started
from sessiongate.app.supplied import SERVERS_OWN, Supplied
from sessiongate.app.upkeep import Upkeep
from sessiongate.clock import machine_time
from sessiongate.config import Config
from sessiongate.http.connection.arrivals import Arrivals
from sessiongate.http.message import Handler
from sessiongate.identity.guard.guard import Guard
from sessiongate.operations.control import Control
from sessiongate.operations.health import Operations
from sessiongate.service.housekeeping import Janitor, every_second, sweep
from sessiongate.session import Ended, Session
from sessiongate.store.port import Store
from sessiongate.telemetry.prometheus import Published
from sessiongate.tls.certificates import Certificates


class Server:
    """A server of these settings: `start`, and `stop` once. `watched`, it warns of doubts."""

    def __init__(
        self, config: Config, supplied: Supplied = SERVERS_OWN, *, watched: bool = True
    ) -> None:
        self.config = config
        self._watched, self._supplied = watched, supplied
        self._sockets = supplied.sockets or InheritedSockets()
        self._faults = supplied.faults
        made = self._assembly = Assembly(config, supplied, watched=watched)
        self._upkeep = Upkeep(made, lambda: self.config, self._sockets)
        self._operations = Operations(
            Published(made.meters, __version__),
            self._values,
            made.store.count,
            made.without_tickets,
        )
        self.control: Control | None = None
        """What commands ask, once it has started."""
        self._listeners: Listeners | None = None
        self._services: Services | None = None
        self._steps: list[Step] = []
        self._rounds: list[asyncio.Task[None]] = []
        self._running = False
        self._served: Certificates | None = None
        self._watch: Watch | None = None

    @property
    def store(self) -> Store:
        """Where the sessions are."""
        return self._assembly.store

    @property
    def guards(self) -> Mapping[str, Guard]:
        """Who counts wrong passwords, by provider."""
        return self._assembly.guards

    async def start(self) -> Started:
        """Open the store, read the users, listen. Raises ConfigError or StoreUnavailable."""
        try:
            return await self._start()
        except BaseException:  # also where the start is cancelled: what is open is shut
            await self._end(timedelta(0))  # what goes wrong there is in the log
            raise

    async def _start(self) -> Started:
        config, made = self.config, self._assembly
        served = self._served = certificates_of(config)
        tls, arrivals = parts.tls_of(config, served), self._arrivals()
        listeners = self._listeners = Listeners(config, self._sockets, tls, arrivals)
        seen = await made.store.start()
        if seen is not None:
            made.clock.not_before(seen)
        for guard in made.guards.values():
            await guard.start()
        for verifier in made.verifiers:
            await verifier.start()
        services = self._services = made.services()
        handler, streams = clients_handler(made, services, self._supplied, served, self.tend)
        await self._upkeep.begin(seen)
        await made.journal.happened("server started", detail=digest_of(config))
        self._running = True
        callers = known_callers(made, services)
        await listeners.open(handler, made.meters.refusals, callers, streams)
        await self._open_to_operators(listeners)
        set_up = await self._open_console(listeners, services)
        self._steps += [
            partial(sweep, made.store, made.clock, made.journal, made.sessions.ended),
            services.center.objects.sweep,
            services.access_checks.tidy,
            self._upkeep.refresh,
            self._upkeep.prune,
            *(gate.tidy for gate in made.gates.values()),
        ]
        self._go_round(self._steps)
        if self._sockets.is_first and self._watched:
            # By itself: it asks Redis for what nobody waits for, and a silent one takes its time.
            watch = Watch(lambda: self.config, lambda: self._served, made.clock, machine_time)
            self._watch = watch
            self._go_round([watch.look])
        return started_of(config, listeners, self._served, set_up)

    def on_open(self, tell: Callable[[Session], None]) -> None:
        """Call `tell` with each session that is opened."""
        self._assembly.sessions.on_open(tell)

    async def tend(self) -> int:
        """Do now what is done once a second. How many sessions have ended by their limits."""
        ended = self._assembly.meters.ends
        before = ended.copy()
        await Janitor(self._steps).step()
        ends = ended - before
        return ends[Ended.IDLE.value] + ends[Ended.AGED.value]

    def _arrivals(self) -> Arrivals | None:
        if self._faults is None:
            return None
        names = certificate_names(self.config)
        return self._faults.arrivals(self.config.server.data_dir, names)

    async def _open_to_operators(self, listeners: Listeners) -> None:
        """Let the command line in, and those who watch the server."""
        self.control = self._control_of(listeners)
        control: Handler = self.control
        operations: Handler = self._operations
        if self._faults is not None:
            control, operations = map(self._faults.steering, (control, operations))
        await listeners.open_control(control)
        await listeners.open_operations(operations)

    def _control_of(self, listeners: Listeners) -> Control:
        made = self._assembly
        return Control(
            made.sessions,
            made.clock,
            self._upkeep.refresh_after_command,
            made.locks.unlock,
            made.locks.locked,
            self.config.sessions.limits,
            lambda: running_of(self.config, self._sockets, listeners, self._served),
            self._pools(),
            made.tokens,
            made.records.leaks,
            made.records.recorder.counted,
        )

    async def _open_console(self, listeners: Listeners, services: Services) -> str:
        """Let people in. The set-up link, "" where there is none."""
        config, made = self.config, self._assembly
        if config.console.listen is None or not self._sockets.is_first:
            return ""
        told = made.records.insights(config, self._values, made.gauges, self._operations)
        others = (
            UsersOfFiles(config, made.locks, made.journal, self._upkeep.refresh_after_command),
            lambda: facts_of(self.config, listeners, self._served, made.gauges.answering()),
            self._pools(),
            made.store.manager_tokens,
        )
        console = console_of(config, services, made.journal, made.meters, told, others)
        self._steps += [console.visitors.tidy, made.records.recorder.step]
        return await console.open(listeners)

    def _pools(self) -> PoolCommands:
        made = self._assembly
        return PoolCommands(self.config, made.gates, made.sessions, made.journal)

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
        await self._assembly.journal.happened("settings reloaded", detail=digest_of(config))
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
        made = self._assembly
        self._operations.stopping = not replaced
        steps: list[Step] = [self._stop_rounds, self._let_waits_end]
        if self._listeners is not None:
            steps.append(partial(self._listeners.stop, linger, replaced=replaced))
            steps.append(self._listeners.stop_operations)
        if self._running:
            steps.append(self._upkeep.look_once_more)
        steps += [
            self._upkeep.finish,
            *(gate.close for gate in made.gates.values()),
            *(guard.close for guard in made.guards.values()),
            *(verifier.close for verifier in made.verifiers),
            self._close_hasher,
        ]
        if made.manager is not None:
            steps.append(made.manager.close)
        if self._running:
            self._running = False
            stopped = partial(made.journal.happened, "server stopped")
            steps += [self._flush, stopped, self._upkeep.prune]
        steps += [made.store.close, partial(asyncio.to_thread, made.shipping.close)]
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
        if self._services is not None:
            self._services.center.objects.close()
        for gate in self._assembly.gates.values():
            gate.relay.stop()

    async def _close_hasher(self) -> None:
        self._assembly.hasher.close()

    async def _flush(self) -> None:
        if self._services is not None:
            self._services.access_checks.flush()
        self._assembly.journal.flush()

    async def _values(self) -> dict[str, float]:
        counts = self._listeners.counts() if self._listeners is not None else {}
        counts |= self._watch.counts() if self._watch is not None else {}
        return await self._assembly.gauges.read(counts, self._served)
