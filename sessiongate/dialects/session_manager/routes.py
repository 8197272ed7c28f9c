"""Where the session manager answers."""

from sessiongate.dialects.session_manager.endpoint import (
    DIALECT,
    PREFIX,
    SessionManagerEndpoint,
    refuse,
)
from sessiongate.http.router import Route


def routes(endpoint: SessionManagerEndpoint | None) -> list[Route]:
    """Its addresses, where an upstream has clone tickets."""
    if endpoint is None:
        return []
    return [Route(PREFIX, endpoint, refuse, dialect=DIALECT)]
