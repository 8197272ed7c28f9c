"""The services of one server, each given what it needs of the others."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

import msgspec

from sessiongate import __version__
from sessiongate.app.build import extensions_of
from sessiongate.app.fault_points import FaultPoints
from sessiongate.app.presented import Presented, presented
from sessiongate.app.setup.prepare import instance_of
from sessiongate.app.setup.signing_key import signing_key_of
from sessiongate.audit.access_checks import AccessChecks
from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.config import Config
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.openid.access_tokens import AccessTokens
from sessiongate.dialects.vim.about import about_info
from sessiongate.dialects.vim.center import VirtualCenter, WaysIn
from sessiongate.dialects.vim.selection import Read
from sessiongate.gateway.upstream_gateway import UpstreamGateway, VCenterGateway
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.routing import ProviderRouter
from sessiongate.identity.tokens.port import TokenVerifier
from sessiongate.operations.console.port import FaultControl
from sessiongate.rules.locale import server_default
from sessiongate.service.account_changes import AccountChanges
from sessiongate.service.extension_login import Extensions
from sessiongate.service.impersonation import Impersonation
from sessiongate.service.local_ticket_login import LocalLogin, TicketOffer
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.service.tickets import Tickets
from sessiongate.service.token_login import TokenLogin
from sessiongate.store.port import Store
from sessiongate.wire.vim.types import Data


class Core(msgspec.Struct, frozen=True):
    """The sessions, and what they and the other services stand on."""

    store: Store
    clock: Clock
    journal: Journal
    sessions: Sessions
    changes: AccountChanges


class Services(msgspec.Struct, frozen=True):
    """What the dialects and the console call."""

    sessions: Sessions
    logins: Logins
    center: VirtualCenter
    bearers: Bearers
    clock: Clock
    presented: Presented
    access_checks: AccessChecks
    faults: FaultControl | None = None
    """What sets faults on purpose, where there may be any."""


def services_of(
    config: Config,
    core: Core,
    router: ProviderRouter[Guard],
    verifiers: Sequence[TokenVerifier],
    gates: Mapping[str, UpstreamGateway],
    faults: FaultPoints | None = None,
) -> Services:
    """The services over these sessions. Raises ConfigError."""
    locale = server_default(config.sessions.default_locale, os.environ)
    logins = Logins(core.sessions, router, core.changes, core.journal, default_locale=locale)
    about = about_info(config.sessions.profile, instance_of(config), __version__)
    center = VirtualCenter(
        core.sessions,
        _ways_in(config, core, logins, verifiers, gates),
        core.store,
        core.clock,
        core.journal,
        about=about,
        **_fault_hooks(faults, core.clock),
    )
    bearers = _bearers(config, core)
    if faults is not None:
        bearers.tokens.shown_life = faults.token_life
    return Services(
        core.sessions,
        logins,
        center,
        bearers,
        core.clock if faults is None else faults.clock(core.clock),
        presented(config, about),
        AccessChecks(core.journal, core.clock),
        faults.desk() if faults is not None else None,
    )


class _FaultHooks(TypedDict, total=False):
    shown: Callable[[Data], Data]
    shown_clock: Clock
    reader: Callable[[Read], Read]


def _fault_hooks(faults: FaultPoints | None, clock: Clock) -> _FaultHooks:
    if faults is None:
        return {}
    return {"shown": faults.about, "shown_clock": faults.clock(clock), "reader": faults.reader}


def _ways_in(
    config: Config,
    core: Core,
    logins: Logins,
    verifiers: Sequence[TokenVerifier],
    gates: Mapping[str, UpstreamGateway],
) -> WaysIn:
    sessions, store, clock, journal = core.sessions, core.store, core.clock, core.journal
    vsphere = config.dialects.vsphere
    tickets = TicketOffer(config.server.data_dir / "local-tickets", vsphere.default)
    offer = tickets if vsphere.local_tickets else None
    return WaysIn(
        provider=vsphere.default,
        logins=logins,
        local=LocalLogin(sessions, logins, store, clock, journal, offer),
        extensions=Extensions(logins, extensions_of(config), journal),
        tokens=TokenLogin(
            logins,
            store,
            clock,
            journal,
            verifiers,
            without=[name for name, one in config.upstream.items() if one.account == "caller"],
        ),
        tickets=Tickets(sessions, store, clock, journal, host=socket.gethostname()),
        impersonation=Impersonation(sessions, logins, journal),
        upstream_tickets={
            name: gate.tickets for name, gate in gates.items() if isinstance(gate, VCenterGateway)
        },
    )


def _bearers(config: Config, core: Core) -> Bearers:
    life = config.dialects.appliance.access_token
    return Bearers(
        AccessTokens(signing_key_of(config), core.clock, life),
        core.sessions,
        core.store,
        core.clock,
        core.journal,
        refresh_life=config.sessions.idle_timeout,
    )
