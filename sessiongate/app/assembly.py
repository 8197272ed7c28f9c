"""What a server is made of: store, sessions, providers, gateway, each given what it stands on.

Nothing runs yet; the `Server` starts and stops it.
"""

from sessiongate.app import build as parts
from sessiongate.app.gateway.gates import callers_upstreams, gates_of
from sessiongate.app.gateway.session_manager import manager_of
from sessiongate.app.operators.gauges import Gauges
from sessiongate.app.operators.locks import Locks
from sessiongate.app.operators.records import records_of
from sessiongate.app.operators.token_commands import TokenCommands
from sessiongate.app.services import Core, Services, services_of
from sessiongate.app.setup.roles_and_users import roles_of
from sessiongate.app.supplied import Supplied
from sessiongate.app.token_verifiers import verifiers_of
from sessiongate.audit.forwarding import AuditForwarder
from sessiongate.audit.journal import Journal
from sessiongate.audit.logged_calls import LoggedCalls
from sessiongate.clock import SystemClock
from sessiongate.config import Config
from sessiongate.identity.domains import claims_of, upstream_users
from sessiongate.identity.routing import ProviderRouter
from sessiongate.service.account_changes import AccountChanges
from sessiongate.service.sessions import Sessions
from sessiongate.session import Person
from sessiongate.store.measured import MeasuredStore
from sessiongate.telemetry.counters import Meters


class Assembly:
    """The parts of one server. One that nobody watches in operation logs forwarded calls, too."""

    def __init__(self, config: Config, supplied: Supplied, *, watched: bool) -> None:
        self.config = config
        """Of the start; what is reloaded later concerns no part of this."""
        self.faults = supplied.faults
        self.clock, self.meters = supplied.clock or SystemClock(), Meters()
        store, roles = supplied.store or parts.store_of(config), roles_of(config)
        if self.faults is not None:
            store, roles = self.faults.store(store), self.faults.roles(roles)
        self.store = MeasuredStore(store, self.meters)
        self.hasher = supplied.hasher or parts.hasher_of(config)
        self.verifiers = verifiers_of(config)
        self.shipping = AuditForwarder(config.audit.file, config.audit.syslog)
        self.journal = Journal(
            self.clock,
            self.store.audit,
            self.shipping if watched else LoggedCalls(self.shipping),
            self.meters,
            parts.merging_of(config),
        )
        self.sessions = Sessions(
            self.store, roles, self.clock, self.journal, caps=config.sessions.caps
        )
        core = (self.store, self.clock, self.sessions, self.journal)
        self.gates = gates_of(config, *core, self.faults)
        upstreams = callers_upstreams(config, self.gates, self.faults)
        providers = parts.providers_of(config, self.hasher, upstreams=upstreams)
        self.providers = parts.with_clients(config, providers)
        self.guards = parts.guards_of(config, self.providers, self.hasher, self.clock, store)
        self.locks = Locks(self.guards, self.journal)
        self.manager = manager_of(config, self.store, self.clock, self.journal, self.gates)
        in_files = self.manager.files if self.manager is not None else dict
        self.tokens = TokenCommands(
            config, self.store.manager_tokens, in_files, self.clock, self.journal
        )
        for gate in self.gates.values():
            gate.accounts.on_last_lost(self._ask_anew)
            self.sessions.on_open(gate.opened)
            self.sessions.on_end(gate.ended)
        self.changes = AccountChanges(self.sessions, self.clock, self.journal)
        self.records = records_of(
            config, self.store, self.sessions, self.clock, self.meters, supplied.store
        )
        self.gauges = Gauges(
            self.store, self.guards.values(), self.hasher, self.shipping, self.meters
        )

    def services(self) -> Services:
        """What the dialects and the console call. Asked for once, after the store has started."""
        core = Core(self.store, self.clock, self.journal, self.sessions, self.changes)
        guards, verifiers = self.guards, self.verifiers
        if self.faults is not None:
            guards, verifiers = self.faults.guards(guards), self.faults.verifiers(verifiers)
        router = ProviderRouter(guards, claims_of(self.providers), upstream_users(self.providers))
        return services_of(self.config, core, router, verifiers, self.gates, self.faults)

    def without_tickets(self) -> list[str]:
        """Upstreams of which clone tickets are wanted and cannot be had."""
        return [name for name, gate in self.gates.items() if gate.accounts.has_no_tickets]

    def _ask_anew(self, person: Person) -> None:
        """Only the upstream itself can let this person in: nothing of theirs is left to go by."""
        self.guards[person.provider].forget(person.name)
