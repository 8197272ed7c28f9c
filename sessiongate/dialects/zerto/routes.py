"""Which addresses Zerto's session API has."""

from sessiongate.clock import Clock
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.zerto.endpoint import DIALECT, ZertoEndpoint, refusal
from sessiongate.http.router import Route
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions


def routes(
    sessions: Sessions,
    logins: Logins,
    bearers: Bearers,
    clock: Clock,
    *,
    windows: str,
    hypervisor: str,
) -> list[Route]:
    """The routes of this dialect. The providers are those of the two authentication methods."""
    endpoint = ZertoEndpoint(
        sessions, logins, bearers, clock, windows=windows, hypervisor=hypervisor
    )
    return [Route("/v1/", endpoint, refusal, any_case=True, dialect=DIALECT)]
