"""The console's parts from the settings, where there is a console at all."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from sessiongate.app.listeners import Listeners
from sessiongate.app.services import Services
from sessiongate.app.setup.new_users import new_user, refused_to_people
from sessiongate.app.setup.prepare import certificate_names
from sessiongate.app.setup.roles_and_users import has_users, users_file
from sessiongate.audit.journal import Journal
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.proxies import TrustedProxies
from sessiongate.http.router import Route, Routes
from sessiongate.operations.console.callers import ConsoleCallers
from sessiongate.operations.console.endpoint import Console
from sessiongate.operations.console.first_start import Add, FirstStart
from sessiongate.operations.console.origin_checks import OwnHosts
from sessiongate.operations.console.pages import all_pages
from sessiongate.operations.console.parts import ConsoleParts, Insights
from sessiongate.operations.console.port import LocalUsers, PoolsInUse, ServerFacts
from sessiongate.operations.console.routes import routes
from sessiongate.operations.console.visitors import Visitors
from sessiongate.rules.access import ADMINISTRATOR
from sessiongate.rules.passwords import rule_of
from sessiongate.secret import Secret
from sessiongate.service.console_tokens import ConsoleTokens
from sessiongate.service.wrong_tokens import WrongTokens
from sessiongate.store.manager_port import ManagerTokens
from sessiongate.telemetry.counters import Meters

_HERE = ("localhost", "127.0.0.1", "::1")
_EVERY = ("0.0.0.0", "::")  # noqa: S104 -- compared with, not bound

_KEY_BYTES = 32


Others = tuple[LocalUsers, Callable[[], Awaitable[ServerFacts]], PoolsInUse, ManagerTokens]
"""Whom pages ask besides the services, and the tokens by which scripts come."""


class BuiltConsole(msgspec.Struct, frozen=True):
    """What answers, and what looks after those who are signed in."""

    handler: Handler
    visitors: Visitors
    set_up: str
    """The path of the set-up link; "" where somebody can log in already."""

    async def open(self, listeners: Listeners) -> str:
        """Let people in. The set-up link, "" where there is none. Raises ConfigError."""
        await listeners.open_console(self.handler)
        return f"{listeners.console}{self.set_up}" if listeners.console and self.set_up else ""


def console_of(
    config: Config,
    services: Services,
    journal: Journal,
    meters: Meters,
    insights: Insights,
    others: Others,
) -> BuiltConsole:
    """The console of these settings over these services."""
    parts = ConsoleParts(
        services.sessions,
        services.logins,
        journal,
        services.clock,
        config.sessions.limits,
        config.console.limits,
        insights,
        config.dialects.vsphere.default,
        *others[:3],
        faults=services.faults,
    )
    visitors = Visitors(services.sessions, services.clock, config.console.limits)
    services.sessions.on_open(visitors.opened)
    services.sessions.on_end(visitors.ended)
    token = None if has_users(config) or config.server.workers > 1 else secrets.token_urlsafe()
    first = FirstStart(
        services.clock,
        Secret(token) if token else None,
        lambda: has_users(config),
        _adding(config, journal),
        rule_of(config.hashing.min_length),
    )
    wrong = WrongTokens(config.lockout.wrong_tokens, services.clock)
    scripts = ConsoleTokens(others[3], wrong, services.clock, journal)
    locked_for = int(config.lockout.duration.total_seconds())
    console = Console(
        parts,
        ConsoleCallers(visitors, scripts, locked_for),
        _hosts(config),
        all_pages(parts),
        first,
        secrets.token_bytes(_KEY_BYTES),
    )
    handler = _routed(config, console, meters)
    return BuiltConsole(handler, visitors, f"setup/{token}" if token else "")


def _routed(config: Config, console: Console, meters: Meters) -> Handler:
    async def nowhere(request: Request) -> Reply:
        return console.nothing(request)

    elsewhere = Route("", nowhere, console.refuse, dialect="console")
    handler: Handler = Routes(routes(console), elsewhere, meters.requests, meters.refusals)
    if config.server.trusted_proxies:
        handler = TrustedProxies(handler, config.server.trusted_proxies, None)
    return handler


def _hosts(config: Config) -> OwnHosts:
    address = config.console.listen
    host = address.host if address is not None else ""
    names = (*_HERE, host, *certificate_names(config))
    return OwnHosts([name.lower() for name in names if name], any_address=host in _EVERY)


def _adding(config: Config, journal: Journal) -> Add:
    async def add(name: str, password: Secret) -> None:
        with refused_to_people():
            await asyncio.to_thread(_add, config, name, password)
        told = "by the set-up link of the console"
        await journal.happened("user added", subject=name, how="console", detail=told)

    return add


def _add(config: Config, name: str, password: Secret) -> None:
    try:
        path = users_file(config)
    except ConfigError:  # of several files, the one that names without a domain belong to
        path = users_file(config, config.dialects.vsphere.default)
    new_user(config, path, name, password, ADMINISTRATOR)
