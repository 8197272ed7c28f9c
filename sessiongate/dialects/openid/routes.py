"""Which addresses the appliance dialect has."""

from collections.abc import Collection

from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.openid.endpoint import DIALECT, OpenIdEndpoint
from sessiongate.http.router import Route
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.wire import openid


def routes(
    sessions: Sessions,
    logins: Logins,
    bearers: Bearers,
    provider: str,
    client_provider: str,
    clients: Collection[str],
) -> list[Route]:
    """The routes of this dialect. `provider` checks users, `client_provider` the secrets of
    clients, of which `clients` are the ids.
    """
    endpoint = OpenIdEndpoint(
        sessions,
        logins,
        bearers,
        provider=provider,
        client_provider=client_provider,
        clients=clients,
    )
    return [
        Route(path, endpoint, endpoint.refuse, dialect=DIALECT)
        for path in (openid.REALM, f"{openid.REALM}/")
    ]
