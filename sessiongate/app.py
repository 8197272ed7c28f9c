"""The only file that knows concrete classes: a Config in, a running server out."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog

from sessiongate import __version__, certificates, plugins
from sessiongate.admin.control import Control, socket_path
from sessiongate.certificates import Certificates
from sessiongate.clock import SystemClock
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.identity.choice import Choice
from sessiongate.identity.guard import Guard
from sessiongate.identity.hashing import PasswordHasher
from sessiongate.identity.plugin import Made, Plugin, Surroundings, users_path
from sessiongate.identity.tally import Lockout
from sessiongate.identity.users_file import add_user, list_users
from sessiongate.identity.verified import VerifiedCredentials
from sessiongate.rules.access import ADMINISTRATOR, Roles, problems_with
from sessiongate.rules.accounts import canonical_domain
from sessiongate.rules.locale import server_default
from sessiongate.rules.token import GUID_BYTES, guid
from sessiongate.secret import Secret
from sessiongate.service.about import about_info
from sessiongate.service.extensions import Extension, Extensions
from sessiongate.service.janitor import Janitor, every_second
from sessiongate.service.local_login import LocalLogin
from sessiongate.service.sessions import Sessions
from sessiongate.service.virtual_center import VirtualCenter
from sessiongate.session import Ended
from sessiongate.store.memory import MemoryStore
from sessiongate.store.port import Store
from sessiongate.store.sqlite import SqliteStore
from sessiongate.web import automation, pages, routes
from sessiongate.web.http import Handler, Reply, Request
from sessiongate.web.http1 import HttpLimits
from sessiongate.web.listener import Listener, listen, tls_context
from sessiongate.web.proxies import TrustedProxies
from sessiongate.web.routes import Route, Routes
from sessiongate.web.vim_json import VimJsonEndpoint
from sessiongate.web.vim_soap import VimSoapEndpoint, service_versions_reply
from sessiongate.web.zerto import ZertoEndpoint
from sessiongate.web.zerto import refusal as zerto_refusal
from sessiongate.wire import automation as automation_wire
from sessiongate.wire import hello, service_versions, vapi_rpc, vim_json

_log = structlog.get_logger("sessiongate")


class Started(msgspec.Struct, frozen=True):
    """What people want to know of a server that has just started."""

    addresses: tuple[str, ...]
    certificates: Certificates | None
    has_users: bool


Announce = Callable[[Started], None]


def roles_of(config: Config) -> Roles:
    """The roles of these settings. Raises ConfigError."""
    custom = {name: role.privileges for name, role in config.roles.items()}
    if problems := problems_with(custom):
        raise ConfigError(problems)
    return Roles(custom)


def users_file(config: Config, provider: str | None = None) -> Path:
    """The users file of this provider, or of the only one of type `file`. Raises ConfigError."""
    files = {name: table for name, table in config.identity.items() if table.get("type") == "file"}
    if provider is None and len(files) == 1:
        provider = next(iter(files))
    if provider is None or provider not in files:
        names = ", ".join(files) or "none in the settings"
        raise ConfigError([f"--provider: must be a provider of type file; there are: {names}"])
    return users_path(files[provider], config.server.data_dir)


def certificate_names(config: Config) -> tuple[str, ...]:
    """The names that the server's own certificate is made for."""
    hosts = [address.host for address in config.server.listen if address.host]
    return certificates.names_for(hosts, config.server.public_names, socket.gethostname())


def certificates_of(config: Config) -> Certificates | None:
    """The certificate to serve with, made if need be; None for plain HTTP. Raises ConfigError."""
    tls = config.server.tls
    if config.server.plain_http:
        return None
    if tls.certificate is not None and tls.key is not None:
        return certificates.own(tls.certificate, tls.key, tls.key_password)
    return certificates.ensure(config.server.data_dir, certificate_names(config), datetime.now(UTC))


def bootstrap(config: Config, environ: Mapping[str, str]) -> bool:
    """Add the first administrator from the environment, if there is no user yet.

    Says whether it did. Raises ConfigError where only half of it is set.
    """
    prefix = "SESSIONGATE_BOOTSTRAP_ADMIN_"
    name = environ.get(f"{prefix}USERNAME", "")
    password = environ.get(f"{prefix}PASSWORD", "")
    file = environ.get(f"{prefix}PASSWORD_FILE", "")
    if not (name or password or file):
        return False
    if not name or bool(password) == bool(file):
        raise ConfigError(
            [
                f"{prefix}USERNAME goes together with one of {prefix}PASSWORD and"
                f" {prefix}PASSWORD_FILE; set both of a pair, or none"
            ]
        )
    if file:
        try:
            password = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                [f"{prefix}PASSWORD_FILE: cannot be read: {type(error).__name__}"]
            ) from None
    path = users_file(config)
    if list_users(path):
        return False
    add_user(
        path,
        name,
        Secret(password),
        ADMINISTRATOR,
        hasher=PasswordHasher(1),
        roles=(ADMINISTRATOR,),
        created=datetime.now(UTC).replace(microsecond=0),
    )
    return True


class Server:
    """A server of these settings: `start`, and `stop` once."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._roles = roles_of(config)
        self._clock = SystemClock()
        self._store = _store(config)
        hashing = config.hashing
        self._hasher = PasswordHasher(hashing.threads or None, hashing.queue)
        self._made = _providers(config, self._hasher)
        self._guards = self._guarded()
        self._listeners: list[Listener] = []
        self._endings: set[asyncio.Task[int]] = set()
        self._janitor: asyncio.Task[None] | None = None

    async def start(self) -> Started:
        """Open the store, read the users, listen. Raises ConfigError or StoreUnavailable."""
        config = self.config
        served = certificates_of(config)
        tls = _tls(config, served)
        seen = await self._store.start()
        try:
            if seen is not None:
                self._clock.not_before(seen)
            for made in self._made.values():
                await made.provider.start()
            sessions, routed = self._wire()
            handler: Handler = routed
            if config.server.trusted_proxies:
                handler = TrustedProxies(
                    routed, config.server.trusted_proxies, config.server.client_certificate_header
                )
            await self._listen(handler, Control(sessions, self._refresh, self._unlock), tls)
        except BaseException:
            await self.stop()
            raise
        steps = (sessions.sweep, self._refresh)
        self._janitor = asyncio.create_task(Janitor(steps).run(every_second))
        return Started(
            addresses=tuple(listener.address for listener in self._listeners[:-1]),
            certificates=served,
            has_users=_has_users(config),
        )

    async def stop(self) -> None:
        """Accept no more, finish what runs, write what is pending. Idempotent."""
        if self._janitor is not None:
            self._janitor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._janitor
        grace = self.config.server.limits.shutdown_grace
        await asyncio.gather(*(listener.stop(grace) for listener in self._listeners))
        self._listeners.clear()
        await asyncio.gather(*self._endings)
        for made in self._made.values():
            await made.provider.close()
        self._hasher.close()
        await self._store.close()

    def _wire(self) -> tuple[Sessions, Routes]:
        config = self.config
        sessions = Sessions(
            self._store,
            Choice(self._guards, _claims(self._made)),
            self._roles,
            self._clock,
            caps=config.sessions.caps,
            default_locale=server_default(config.sessions.default_locale, os.environ),
            host=socket.gethostname(),
        )
        for name, made in self._made.items():
            made.provider.on_change(partial(self._end_all_of, sessions, name))
        provider = config.dialects.vsphere.default
        center = VirtualCenter(
            sessions,
            self._store,
            about_info(config.sessions.profile, _instance(config), __version__),
            provider=provider,
            extensions=Extensions(sessions, _extensions(config)),
            local=LocalLogin(
                sessions,
                self._store,
                config.server.data_dir / "local-tickets",
                provider=provider,
            ),
        )
        zerto = ZertoEndpoint(
            sessions,
            windows=config.dialects.zerto.windows,
            hypervisor=config.dialects.zerto.hypervisor,
        )
        json = VimJsonEndpoint(sessions, center)
        soap = VimSoapEndpoint(sessions, center)
        api = automation.ApiSessionEndpoint(sessions, provider=provider)
        rest = automation.RestSessionEndpoint(sessions, provider=provider)
        rpc = automation.RpcEndpoint(sessions, provider=provider)
        page = pages.ApiPage()
        table = [
            Route(vim_json.PREFIX, json, json.unforeseen),
            Route("/sdk", soap, soap.unforeseen),
            Route(service_versions.PATH, service_versions_reply, soap.unforeseen),
            Route("/sdk/", soap, soap.unforeseen),
            Route("/v1/", zerto, lambda request: zerto_refusal(request, None), any_case=True),
            Route(automation_wire.API_SESSION, api, _api_unforeseen),
            Route(vapi_rpc.PATH, rpc, rpc.unforeseen),
            Route(hello.PATH, automation.HelloEndpoint(), _api_unforeseen),
            Route("/api/", automation.api_nowhere, _api_unforeseen),
            Route(automation_wire.REST_SESSION, rest, _rest_unforeseen),
            Route("/rest/", automation.rest_nowhere, _rest_unforeseen),
            *(Route(path, page, routes.unforeseen) for path in pages.PATHS),
        ]
        return sessions, Routes(table, Route("", routes.nowhere, routes.unforeseen))

    def _guarded(self) -> dict[str, Guard]:
        config = self.config
        cache = VerifiedCredentials(self._clock, config.hashing.verified_cache)
        lockout = Lockout(config.lockout.attempts, config.lockout.window, config.lockout.duration)
        return {
            name: Guard(
                name,
                made.provider,
                self._clock,
                dummy=self._hasher.verify_nothing,
                lockout=lockout,
                verified=cache,
            )
            for name, made in self._made.items()
        }

    def _end_all_of(self, sessions: Sessions, provider: str, principal: str) -> None:
        ending = asyncio.ensure_future(
            sessions.end_all_of(principal, Ended.USER_CHANGED, provider=provider)
        )
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    def _unlock(self, name: str) -> bool:
        """Let this name try again with every provider. False if none held anything against it."""
        return sum(guard.unlock(name) for guard in self._guards.values()) > 0

    async def _refresh(self) -> None:
        """Look for changed users, and wait until the sessions of those have ended."""
        for made in self._made.values():
            refresh = getattr(made.provider, "refresh", None)
            if refresh is not None:
                await refresh()
        await asyncio.gather(*self._endings)

    async def _listen(self, handler: Handler, control: Control, tls: ssl.SSLContext | None) -> None:
        config = self.config
        limits = config.server.limits
        http = HttpLimits(
            body=limits.body,
            header_bytes=limits.header_bytes,
            header_count=limits.header_count,
            header_timeout=limits.header_time,
            body_timeout=limits.body_time,
            keep_alive=limits.keep_alive,
            connections=limits.connections,
        )
        for address in config.server.listen:
            # A Unix socket never leaves the machine, and its clients speak plain HTTP to it.
            secured = tls if address.host else None
            self._listeners.append(await listen(str(address), handler, http, secured))
        path = socket_path(config.server.data_dir)
        self._listeners.append(await listen(f"unix:{path}", control, http, None))


def _api_unforeseen(request: Request) -> Reply:
    return automation.api_refusal(None)


def _rest_unforeseen(request: Request) -> Reply:
    return automation.rest_refusal(None)


def _store(config: Config) -> Store:
    path = config.store_path
    if path is None:
        return MemoryStore(config.sessions.limits)
    return SqliteStore(path, config.sessions.limits)


def _providers(config: Config, hasher: PasswordHasher) -> dict[str, Made]:
    around = Surroundings(config.server.data_dir, hasher)
    made: dict[str, Made] = {}
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
            made[name] = _as_plugin(plugin)(name, own, around)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return made


def _claims(made: Mapping[str, Made]) -> dict[str, str]:
    """Which provider claims which domain. Raises ConfigError where two claim the same."""
    claims: dict[str, str] = {}
    pairs = [
        (canonical_domain(domain), name) for name, one in made.items() for domain in one.domains
    ]
    problems = [
        f"identity.{name}.domains: {domain} is claimed by identity.{claims[domain]} too;"
        " a domain has one provider"
        for domain, name in pairs
        if claims.setdefault(domain, name) != name
    ]
    if problems:
        raise ConfigError(problems)
    return claims


def _as_plugin(found: object) -> Plugin:
    if not callable(found):
        raise ConfigError(["identity: a plugin is not a function from settings to a provider"])
    return found


def _extensions(config: Config) -> dict[str, Extension]:
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


def _tls(config: Config, served: Certificates | None) -> ssl.SSLContext | None:
    if served is None:
        return None
    files = [table.certificate for table in config.extensions.values() if table.certificate]
    return tls_context(
        served.certificate,
        served.key,
        config.server.tls.key_password,
        clients=[certificates.read_der(file) for file in files],
    )


def _has_users(config: Config) -> bool:
    """Whether anybody could log in. Providers other than files are taken to know somebody."""
    tables = config.identity.items()
    return any(
        table.get("type") != "file" or bool(list_users(users_file(config, name)))
        for name, table in tables
    )


def _instance(config: Config) -> str:
    """The server's own UUID: made once, and the same after every restart."""
    path = config.server.data_dir / "instance"
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        made = guid(os.urandom(GUID_BYTES))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(f"{made}\n", encoding="ascii")
        return made


async def serve(config: Config, announce: Announce) -> None:
    """Serve until SIGTERM or SIGINT, then stop gracefully."""
    server = Server(config)
    announce(await server.start())
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    await done.wait()
    _log.info("stopping")
    await server.stop()
