"""The gateway's parts from the settings: one gate for each upstream."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from sessiongate.app.fault_points import FaultPoints
from sessiongate.app.preflight.zvm_checks import zvm_of
from sessiongate.app.setup.prepare import certificate_names, instance_of
from sessiongate.app.setup.secret_files import SecretFile
from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.config import Config
from sessiongate.config.upstreams import Upstream
from sessiongate.dialects.relayed_hosts import Gates, Hosts
from sessiongate.errors import ConfigError
from sessiongate.gateway.accounts import Accounts
from sessiongate.gateway.calls.call import CallRecord
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.passwords import LoginAttempts
from sessiongate.gateway.credentials.sealing import LeaseKey, lease_key
from sessiongate.gateway.credentials.shared_refusals import SharedRefusals, notes_of_account
from sessiongate.gateway.leases.lease import LeaseTimes, PoolLimits
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.gateway.leases.tokens_in_use import TokensInUse
from sessiongate.gateway.leases.upstream_kinds import of_zvm
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.gateway.upstream_gateway import UpstreamGateway, VCenterGateway
from sessiongate.gateway.zvm_gateway import ZvmGateway
from sessiongate.networks import canonical_host
from sessiongate.rules.token import GUID_BYTES, guid
from sessiongate.secret import Secret
from sessiongate.service.sessions import Sessions
from sessiongate.session import Person, Session
from sessiongate.store.port import Store
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.http import HttpUpstream
from sessiongate.upstream.port import SessionUpstream
from sessiongate.upstream.reply_room import ReplyRoom
from sessiongate.upstream.zvm import Zvm, ZvmLogins
from sessiongate.wire.vim.client import UpstreamSession
from sessiongate.wire.zerto_client import Grant

G = TypeVar("G")

_AttemptsOfAccounts = defaultdict[tuple[str, str], LoginAttempts]
"""By address and name: of an account that several tables have."""


class CallersUpstream:
    """An upstream as the provider of its users sees it."""

    def __init__(
        self, name: str, settings: Upstream, gate: UpstreamGateway, faults: FaultPoints | None
    ) -> None:
        self.kind = settings.type
        zvm = gate.zvm if isinstance(gate, ZvmGateway) else None
        self.each_login = zvm is not None and not settings.shared
        self.sessions: SessionUpstream | None = ZvmLogins(name, zvm) if zvm is not None else None
        self.url = settings.url
        self.trust: Trust = settings.trust()
        self.timeout: timedelta = settings.timeout
        self.locale = settings.locale
        self.proxy = settings.proxy
        self._accounts = gate.accounts
        self._faults = faults

    def calls(self, http: HttpUpstream) -> HttpUpstream:
        """What a provider sends its logins by, with faults before it where there may be any."""
        return http if self._faults is None else self._faults.logins(http)

    async def adopt(self, person: Person, opened: UpstreamSession) -> None:
        """Have the session that a login has opened."""
        await self._accounts.adopt(person, opened)


def gates_of(
    config: Config,
    store: Store,
    clock: Clock,
    sessions: Sessions,
    journal: Journal,
    faults: FaultPoints | None = None,
) -> dict[str, UpstreamGateway]:
    """The gates by the names of their tables. Raises ConfigError."""
    if not config.upstream:
        return {}
    key = lease_key(config.gateway.key_file, config.server.data_dir)
    tokens = tokens_of_servers(config.upstream)
    instance = f"{instance_of(config)}-{_new_id()[:8]}"  # this process, for as long as it runs

    def rows(name: str) -> StoredLeases:
        return StoredLeases(
            name,
            store.leases,
            store.lease_users,
            key,
            instance,
            clock.now,
            _new_id,
            _opened_as(config.upstream[name]),
            _server(config.upstream[name].url),
            tokens[name],
        )

    journal.meters.upstreams = {name: UpstreamMeters() for name in config.upstream}
    attempts: _AttemptsOfAccounts = defaultdict(lambda: LoginAttempts(_now))
    room = ReplyRoom()
    return {
        name: _gate(config, name, sessions, rows(name), store, key, journal, attempts, faults, room)
        for name in config.upstream
    }


def tokens_of_servers(tables: Mapping[str, Upstream]) -> dict[str, TokensInUse]:
    """What no client may be shown, by table: one for all tables of one server.

    That is of one address, or of one certificate by its fingerprint. What a server names as its
    token is looked for in its own replies alone: it could be a text that stands in another's.
    """
    servers: list[tuple[set[str], list[str]]] = []
    for name, table in tables.items():
        marks, names = {_server(table.url), *table.fingerprint}, [name]
        others = []
        for known, before in servers:
            if marks & known:
                marks, names = marks | known, names + before
            else:
                others.append((known, before))
        servers = [*others, (marks, names)]
    found: dict[str, TokensInUse] = {}
    for _, names in servers:
        found |= dict.fromkeys(names, TokensInUse())
    return found


def _new_id() -> str:
    return guid(secrets.token_bytes(GUID_BYTES))


def _server(url: str) -> str:
    """Scheme, host and port of a URL, in one spelling."""
    parts = urlsplit(url)
    host, port = canonical_host(parts.netloc.rpartition("@")[2])
    return f"{parts.scheme}://{host}:{port or (443 if parts.scheme == 'https' else 80)}"


def _opened_as(settings: Upstream) -> str:
    """Tells sessions of other addresses and accounts apart, and names neither."""
    told = "\n".join((settings.url, settings.account, settings.username or "", settings.locale))
    return sha256(told.encode()).hexdigest()[:16]


def callers_upstreams(
    config: Config, gates: Mapping[str, UpstreamGateway], faults: FaultPoints | None = None
) -> dict[str, CallersUpstream]:
    """What providers may name as their `upstream`."""
    return {
        name: CallersUpstream(name, config.upstream[name], gate, faults)
        for name, gate in gates.items()
        if config.upstream[name].account == "caller"
    }


def by_host(config: Config, gates: Mapping[str, UpstreamGateway]) -> Gates | None:
    """Which Host means which; None where there is no upstream."""
    if not gates:
        return None
    vcenters = {name: gate for name, gate in gates.items() if isinstance(gate, VCenterGateway)}
    zvms = {name: gate for name, gate in gates.items() if isinstance(gate, ZvmGateway)}
    return Gates(*_hosts(config, vcenters), Hosts(*_hosts(config, zvms)))


def _hosts(config: Config, gates: Mapping[str, G]) -> tuple[dict[str, G], G | None]:
    """The gates by their Hosts, and the one of every other Host."""
    named = {host: gate for name, gate in gates.items() for host in config.upstream[name].hosts}
    rest = [gate for name, gate in gates.items() if not config.upstream[name].hosts]
    return named, rest[0] if rest else None


def _gate(
    config: Config,
    name: str,
    sessions: Sessions,
    rows: StoredLeases,
    store: Store,
    key: LeaseKey,
    journal: Journal,
    attempts: _AttemptsOfAccounts,
    faults: FaultPoints | None,
    room: ReplyRoom,
) -> UpstreamGateway:
    settings, meters = config.upstream[name], journal.meters.upstreams[name]
    exchange = _exchange(name, settings, room)
    if faults is not None:
        exchange = faults.exchange(exchange)
    service = settings.account == "service"
    books, notes = store.books(name), store.notes(name)
    zvm = zvm_of(name, settings, exchange) if settings.type == "zvm" else None
    credential = _credential(config, name, exchange, attempts, journal, zvm)
    if credential is not None:
        whose = store.notes(notes_of_account(key, *_account(settings)))
        credential.refusals = SharedRefusals(whose, key, rows.seconds)
    accounts = Accounts(
        name,
        _limits(settings),
        _times(settings),
        exchange,
        settings.timeout,
        rows=rows,
        credential=credential if service else None,
        observer=None if service else credential,
        providers=frozenset(
            one for one, table in config.identity.items() if table.get("upstream") == name
        ),
        meters=meters,
        tell=journal.of_lease,
        shared=books.shared,
        kinds=None if zvm is None else of_zvm(zvm, shared=books.shared),
    )
    slow = config.gateway.slow.total_seconds()
    record = CallRecord(meters, name, journal, slow)
    touch, lives = _use_of(sessions)
    made = VCenterGateway if zvm is None else ZvmGateway
    return made(
        name,
        _rules(config, name),
        exchange,
        accounts,
        sessions.end,
        record,
        touch,
        rows,
        books,
        notes,
        sessions.list,
        lives,
        keep=config.gateway.on_stop == "keep",
    )


def _exchange(name: str, settings: Upstream, room: ReplyRoom) -> Exchange:
    try:
        return Exchange(settings.url, settings.trust(), name=name, proxy=settings.proxy, room=room)
    except OSError as error:
        raise ConfigError([f"upstream.{name}.ca: cannot be read: {error.strerror}"]) from None


def _use_of(
    sessions: Sessions,
) -> tuple[Callable[[Session], Awaitable[None]], Callable[[str], Awaitable[bool]]]:
    """What counts a use of a session, and what says whether one lives, by its key."""

    async def touch(session: Session) -> None:
        await sessions.check_digest(session.digest)

    async def lives(key: str) -> bool:
        return await sessions.find(key) is not None

    return touch, lives


def _times(settings: Upstream) -> LeaseTimes:
    pool = settings.pool
    return LeaseTimes(
        idle_close=pool.idle_close.total_seconds(),
        max_age=pool.max_age.total_seconds(),
        keep_alive=pool.keep_alive.total_seconds(),
    )


def _limits(settings: Upstream) -> PoolLimits:
    pool = settings.pool
    return PoolLimits(
        size=settings.size,
        calls=pool.calls,
        queue=pool.queue,
        queue_time=pool.queue_time.total_seconds(),
        exclusive=not settings.shared,
    )


def _rules(config: Config, name: str) -> RelayRules:
    settings = config.upstream[name]
    pool, forward = settings.pool, settings.forward
    return RelayRules(
        upstream=name,
        shared=settings.shared,
        timeout=settings.timeout,
        queue_time=pool.queue_time.total_seconds(),
        waits=pool.waits,
        objects=pool.objects,
        waits_each=pool.waits_each,
        calls_each=pool.calls_each,
        transfers=pool.transfers,
        denied=frozenset(forward.deny),
        allowed=frozenset(forward.allow),
        service_tickets=forward.service_tickets,
        own_names=frozenset(certificate_names(config)),
        hosts=frozenset(host for one in config.upstream.values() for host in one.hosts),
        upstream_tickets=forward.tickets == "upstream",
        read_only=settings.read_only,
        roles=frozenset(settings.roles) if settings.account == "service" else None,
        read_roles=frozenset(settings.read_roles),
    )


def _credential(
    config: Config,
    name: str,
    exchange: Exchange,
    attempts: _AttemptsOfAccounts,
    journal: Journal,
    zvm: Zvm | None,
) -> Credential | None:
    """Of the service account or the observer."""
    settings = config.upstream[name]
    if settings.username is None:
        return None
    passwords, holders = [], []
    for place in ("password", "next_password"):
        password: Secret | None = getattr(settings, place)
        if password is not None:
            file = config.secret_files.get(f"upstream.{name}.{place}")
            passwords.append(_read_from(file, password, _now))
            holders.append(f"upstream.{name}.{place}{'' if file is None else '_file'}")
    return Credential(
        name,
        settings.username,
        passwords,
        exchange,
        settings.timeout,
        _now,
        journal.meters.upstreams[name],
        locale=settings.locale,
        attempts=attempts[_account(settings)],
        settings=holders,
        tell=partial(journal.password_refused, name),
        login_there=None if zvm is None else partial(zvm.login, grant=Grant(settings.grant)),
    )


def _account(settings: Upstream) -> tuple[str, str]:
    """Whose lockout counts what is refused: the server, and the name, of which case is no part."""
    return _server(settings.url), (settings.username or "").casefold()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _read_from(
    file: Path | None, password: Secret, now: Callable[[], float]
) -> Callable[[], Secret]:
    return (lambda: password) if file is None else SecretFile(file, password, now)
