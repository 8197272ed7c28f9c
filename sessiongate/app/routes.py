"""All dialects over one table of sessions. A new one is a folder in each of wire and dialects."""

from sessiongate.config import Config
from sessiongate.dialects.api_page import routes as api_page
from sessiongate.dialects.automation import routes as automation
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.openid import routes as openid
from sessiongate.dialects.vim import routes as vim
from sessiongate.dialects.zerto import routes as zerto
from sessiongate.http.router import NOWHERE, Routes
from sessiongate.identity.appliance_clients import PROVIDER as CLIENTS
from sessiongate.service.sessions import Sessions
from sessiongate.telemetry.counters import Meters


def dialects(
    config: Config, sessions: Sessions, center: vim.VirtualCenter, bearers: Bearers, meters: Meters
) -> Routes:
    """The handler of requests of clients."""
    own, both = config.dialects, (sessions, bearers)
    users = own.appliance.provider or own.zerto.windows
    table = [
        *vim.routes(*both, center),
        *automation.routes(*both, provider=own.vsphere.default),
        *zerto.routes(*both, windows=own.zerto.windows, hypervisor=own.zerto.hypervisor),
        *openid.routes(*both, users, CLIENTS, own.appliance.clients),
        *api_page.routes(),
    ]
    return Routes(table, NOWHERE, meters.requests, meters.refusals, respell=vim.respell)
