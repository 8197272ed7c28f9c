"""The parts of a server, made from its settings: store, providers and their guards, TLS."""

import ssl
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256

import msgspec

from sessiongate import plugins
from sessiongate.app.setup.roles_and_users import roles_of
from sessiongate.audit.merging import Merging
from sessiongate.clock import Clock
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.http.limits import HttpLimits
from sessiongate.identity.appliance_clients import PROVIDER as CLIENTS
from sessiongate.identity.appliance_clients import ClientAccount, ClientIdentity
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.breaker import Breaker
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.guard.known_names import ADDRESSES
from sessiongate.identity.guard.verified import VerifiedCredentials
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.plugin import BuiltProvider, Plugin, PluginContext
from sessiongate.identity.port import IdentityProvider
from sessiongate.identity.tokens.port import provider_of
from sessiongate.rules.access import no_such_role
from sessiongate.service.account_changes import ConfiguredNames
from sessiongate.service.extension_login import PROVIDER as EXTENSIONS
from sessiongate.service.extension_login import Extension
from sessiongate.service.sessions import Sessions
from sessiongate.store.plugin import StoreKind, StoreSettings
from sessiongate.store.port import Store
from sessiongate.tls import certificates
from sessiongate.tls.certificates import Certificates
from sessiongate.tls.server import tls_context
from sessiongate.upstream.port import LoginUpstream


def store_of(config: Config) -> Store:
    """The store that the settings name. Raises ConfigError."""
    return store_kind_of(config).make(store_settings_of(config))


def store_kind_of(config: Config) -> StoreKind:
    """Its kind. Raises ConfigError where that is not installed."""
    kind = plugins.find(config.store.url.kind, plugins.STORES, plugins.STORE_GROUP, "store.url")
    if not isinstance(kind, StoreKind):
        raise ConfigError([f"store.url: {config.store.url.kind} is not a kind of store"])
    return kind


def store_settings_of(config: Config) -> StoreSettings:
    """What `[store]` says, and what a store has to know besides."""
    store = config.store
    return StoreSettings(
        store.url,
        config.server.data_dir,
        config.sessions.limits,
        password=store.password,
        sentinel_password=store.sentinel_password,
        certificate_authority=store.certificate_authority,
        prefix=store.prefix,
        timeout=store.timeout,
        cache=store.cache,
    )


def providers_of(
    config: Config,
    hasher: PasswordHasher,
    known: Collection[str] | None = None,
    upstreams: Mapping[str, LoginUpstream] | None = None,
) -> dict[str, BuiltProvider]:
    """The provider of each identity table. Raises ConfigError with what is wrong in any of them.

    `known` are the roles that there are, by default those of the settings, which have to be right;
    `upstreams` what a provider may name as its own.
    """
    context = PluginContext(config.server.data_dir, hasher, upstreams or {})
    if known is None:
        known = roles_of(config).names()
    made: dict[str, BuiltProvider] = {}
    problems: list[str] = []
    for name, table in config.identity.items():
        own = {key: value for key, value in table.items() if key != "type"}
        try:
            plugin = plugins.find(
                str(table.get("type")),
                plugins.IDENTITY,
                plugins.IDENTITY_GROUP,
                f"identity.{name}.type",
            )
            made[name] = _as_plugin(plugin)(name, own, context)
            problems += _roles_problems(name, made[name].roles, known)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return made


def _roles_problems(name: str, named: Iterable[str], known: Collection[str]) -> list[str]:
    return [
        f"identity.{name}: the role {role!r} does not exist; {no_such_role(role, sorted(known))}"
        for role in dict.fromkeys(named)
        if role not in known
    ]


def with_clients(config: Config, made: Mapping[str, BuiltProvider]) -> dict[str, BuiltProvider]:
    """The providers, and beside them that of the appliance dialect's clients."""
    clients = {
        name: ClientAccount(name, client.secret, client.role)
        for name, client in config.dialects.appliance.clients.items()
    }
    return {**made, CLIENTS: BuiltProvider(ClientIdentity(clients), in_process=True)}


def _as_plugin(found: object) -> Plugin:
    if not callable(found):
        raise ConfigError(["identity: a plugin is not a function from settings to a provider"])
    return found


def extensions_of(config: Config) -> dict[str, Extension]:
    """The registered extensions. Raises ConfigError for one without anything to know it by."""
    registered = {}
    problems = []
    for key, table in config.extensions.items():
        fingerprint = table.fingerprint
        if fingerprint is None and table.certificate is not None:
            fingerprint = sha256(certificates.read_der(table.certificate)).hexdigest()
        if fingerprint is None:
            problems.append(f"extensions.{key}: needs fingerprint or certificate")
        else:
            registered[key] = Extension(key, fingerprint, table.role)
    if problems:
        raise ConfigError(problems)
    return registered


def named_by(config: Config) -> ConfiguredNames:
    """Whom these settings name."""
    clients = config.dialects.appliance.clients
    return ConfiguredNames(
        frozenset([*config.identity, *map(provider_of, config.tokens)]),
        {
            CLIENTS: {name.casefold(): (client.role,) for name, client in clients.items()},
            EXTENSIONS: {key: (table.role,) for key, table in config.extensions.items()},
        },
    )


def tls_of(config: Config, served: Certificates | None) -> ssl.SSLContext | None:
    if served is None:
        return None
    files = [table.certificate for table in config.extensions.values() if table.certificate]
    return tls_context(
        served.certificate,
        served.key,
        config.server.tls.key_password,
        clients=[certificates.read_der(file) for file in files],
    )


def merging_of(config: Config) -> Merging:
    """What decides which events of the audit stand alone."""
    audit = config.audit
    return Merging(audit.refusals_per_minute, config.server.workers, audit.sessions_per_minute)


def hasher_of(config: Config) -> PasswordHasher:
    """What hashes passwords, as slowly as the settings say."""
    return PasswordHasher(config.hashing.threads or None, config.hashing.queue)


def guards_of(
    config: Config,
    made: Mapping[str, BuiltProvider],
    hasher: PasswordHasher,
    clock: Clock,
    store: Store,
) -> dict[str, Guard]:
    """A guard around each provider, and a breaker between for those that may be far away.

    Servers that share a store share what is held against a name.
    """
    cache = VerifiedCredentials(clock, config.hashing.verified_cache)
    limits = config.lockout
    lockout = Lockout(
        limits.attempts,
        limits.window,
        limits.duration,
        total_attempts=limits.total_attempts or None,
        address_attempts=limits.address_attempts,
    )
    return {
        name: Guard(
            name,
            _with_breaker(name, one, clock),
            clock,
            dummy=hasher.verify_nothing,
            lockout=lockout,
            tries=store.attempts(name, lockout.policies),
            verified=None if one.each_login else cache,
            each_login=one.each_login,
        )
        for name, one in made.items()
    }


def _with_breaker(name: str, made: BuiltProvider, clock: Clock) -> IdentityProvider:
    """A provider that can be out of reach gets a breaker; one in this process needs none."""
    return made.provider if made.in_process else Breaker(name, made.provider, clock)


def own_limits(config: Config) -> HttpLimits:
    """The limits of the listeners that are not for clients."""
    return msgspec.structs.replace(
        http_limits(config, OWN_CONNECTIONS),
        handshakes=OWN_CONNECTIONS,
        connections_per_address=0,
        anonymous_total=2 * OWN_CONNECTIONS * config.server.limits.body,
    )


OWN_CONNECTIONS = 64
"""Of the control socket, and of the operations listener: their descriptors are kept back."""


def http_limits(config: Config, connections: int) -> HttpLimits:
    """What one client may send, and how slowly; so many may be there at once."""
    limits = config.server.limits
    return HttpLimits(
        body=limits.body,
        header_bytes=limits.header_bytes,
        header_count=limits.header_count,
        header_timeout=limits.header_time,
        body_timeout=limits.body_time,
        keep_alive=limits.keep_alive,
        connections=connections,
        handshakes=limits.handshakes,
        connections_per_address=limits.connections_per_address,
        anonymous_body=limits.anonymous_body,
        anonymous_total=limits.anonymous_total,
    )


async def welcome_back(hasher: PasswordHasher, sessions: Sessions) -> None:
    """Whoever has a session from before a restart is no stranger to the hasher."""
    left = ADDRESSES
    async for session in sessions.list():
        hasher.welcome(session.ip_address)
        left -= 1
        if not left:
            break
