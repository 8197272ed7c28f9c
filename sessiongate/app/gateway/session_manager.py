"""The session manager's parts from the settings, where an upstream has clone tickets at all."""

import asyncio
from collections.abc import Mapping

from sessiongate.app.gateway.manager_tokens import TokenFiles
from sessiongate.app.token_verifiers import key_source
from sessiongate.audit.clone_tickets import TicketJournal
from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.config import Config
from sessiongate.config.session_manager import ManagerCluster, ManagerTable
from sessiongate.dialects.session_manager.endpoint import SessionManagerEndpoint
from sessiongate.errors import ConfigError
from sessiongate.gateway.upstream_gateway import UpstreamGateway
from sessiongate.identity.tokens.keys import IssuerKeys
from sessiongate.identity.tokens.service_accounts import Cluster, ServiceAccounts
from sessiongate.service.manager_clients import ManagerClients
from sessiongate.store.manager_port import ManagerTokens
from sessiongate.store.port import Store


class ManagerParts:
    """What answers, tokens in files, and keys that are read. `start` once, `close` once."""

    def __init__(
        self,
        config: Config,
        store: Store,
        clock: Clock,
        journal: Journal,
        gates: Mapping[str, UpstreamGateway],
    ) -> None:
        """Raises ConfigError."""
        manager = config.session_manager
        self._gates = gates
        of_clients = [name for one in manager.clients.values() for name in one.upstreams]
        of_clusters = [name for one in manager.clusters.values() for name in one.upstreams]
        self._named = frozenset([*of_clients, *of_clusters])
        self.files = TokenFiles(manager.clients, _now)
        self._tokens: ManagerTokens = store.manager_tokens
        self.accounts = accounts_of(manager)
        clients = ManagerClients(
            self._tokens,
            self.files,
            self.accounts,
            {name: frozenset(one.upstreams) for name, one in manager.clusters.items()},
            clock,
            _now,
            manager.rate,
            config.lockout.wrong_tokens,
        )
        self.endpoint = SessionManagerEndpoint(
            clients,
            {name: gate.accounts for name, gate in gates.items()},
            TicketJournal(journal, clock),
            int(config.lockout.duration.total_seconds()),
        )

    async def start(self) -> None:
        """Get ready, and have sessions opened where tokens are for. Raises StoreUnavailable."""
        self.files()  # what holds no token is in the log now, and not with the first request
        await self.accounts.start()
        of_store = {name for token in await self._tokens.all() for name in token.scopes}
        for name in self._named | of_store:
            gate = self._gates.get(name)
            if gate is not None and gate.accounts.parent is not None:
                gate.accounts.parent.wanted = True

    async def close(self) -> None:
        """Close connections."""
        await self.accounts.close()


def manager_of(
    config: Config,
    store: Store,
    clock: Clock,
    journal: Journal,
    gates: Mapping[str, UpstreamGateway],
) -> ManagerParts | None:
    """The parts, None where no upstream has clone tickets. Raises ConfigError."""
    if not any(gate.accounts.parent is not None for gate in gates.values()):
        return None
    return ManagerParts(config, store, clock, journal, gates)


def accounts_of(manager: ManagerTable) -> ServiceAccounts:
    """The verifier of the clusters' tokens. Raises ConfigError with every problem."""
    made: list[Cluster] = []
    problems: list[str] = []
    for name, one in manager.clusters.items():
        try:
            made.append(_cluster(name, one))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return ServiceAccounts(made)


def _cluster(name: str, settings: ManagerCluster) -> Cluster:
    setting = f"session_manager.clusters.{name}"
    source = key_source(setting, settings.jwks_file, settings.jwks_url or "", settings.ca)
    return Cluster(
        name,
        IssuerKeys(setting, source),
        frozenset(settings.audience),
        frozenset(settings.subjects),
        settings.max_age.total_seconds(),
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
