"""All dialects over one table of sessions. A new one is a folder in each of wire and dialects."""

from sessiongate.app.services import Services
from sessiongate.config import Config
from sessiongate.dialects.api_page import routes as api_page
from sessiongate.dialects.automation import routes as automation
from sessiongate.dialects.forward_auth import routes as forward_auth
from sessiongate.dialects.openid import routes as openid
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.relayed_transfers import routes as transfers
from sessiongate.dialects.session_manager import routes as session_manager
from sessiongate.dialects.session_manager.endpoint import SessionManagerEndpoint
from sessiongate.dialects.vim import routes as vim
from sessiongate.dialects.zerto import routes as zerto
from sessiongate.http.router import NOWHERE, Routes
from sessiongate.identity.appliance_clients import PROVIDER as CLIENTS
from sessiongate.telemetry.counters import Meters


def dialects(
    config: Config,
    services: Services,
    meters: Meters,
    gates: Gates | None,
    manager: SessionManagerEndpoint | None = None,
) -> Routes:
    """The handler of requests of clients."""
    own, both = config.dialects, (services.sessions, services.bearers)
    all_have = services.sessions, services.logins, services.bearers
    said = services.presented
    zvm = own.zerto.windows, own.zerto.hypervisor
    table = [
        *vim.routes(*all_have, services.center, said.names, said.site.identifier, gates),
        *automation.routes(
            *all_have, provider=own.vsphere.default, appliance=said.appliance, gates=gates
        ),
        *zerto.routes(*all_have, services.clock, said.site, said.names, zvm, gates),
        *openid.routes(*all_have, own.openid_users, CLIENTS, own.appliance.clients),
        *forward_auth.routes(
            *both, config.access_policy, services.access_checks, meters.access_checks
        ),
        *session_manager.routes(manager),
        *transfers(*both, gates),
        *api_page.routes(),
    ]
    known = table, NOWHERE
    return Routes(*known, meters.requests, meters.refusals, respell=vim.respell)
