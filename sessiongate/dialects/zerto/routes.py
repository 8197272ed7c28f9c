"""Which addresses Zerto's session API has."""

from sessiongate.clock import Clock
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.zerto.endpoint import DIALECT, ZertoEndpoint, refusal
from sessiongate.dialects.zerto.relayed_endpoint import RelayedZertoEndpoint
from sessiongate.http.message import Handler
from sessiongate.http.own_names import OwnNames
from sessiongate.http.router import Route
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.wire.zerto_resources import Site


def routes(
    sessions: Sessions,
    logins: Logins,
    bearers: Bearers,
    clock: Clock,
    site: Site,
    own: OwnNames,
    providers: tuple[str, str],
    gates: Gates | None = None,
) -> list[Route]:
    """The routes of this dialect. The providers are Windows' and the hypervisor manager's."""
    windows, hypervisor = providers
    endpoint = ZertoEndpoint(
        sessions, logins, bearers, clock, site, own, windows=windows, hypervisor=hypervisor
    )
    handler: Handler = endpoint
    if gates is not None:
        handler = RelayedZertoEndpoint(endpoint, gates, sessions, bearers)
    return [Route("/v1/", handler, refusal, any_case=True, dialect=DIALECT)]
