"""Which addresses forward-auth has: one for each convention of proxies."""

from collections import Counter
from collections.abc import Callable

from sessiongate.audit.access_checks import AccessChecks
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.forward_auth.endpoint import (
    DIALECT,
    ForwardAuthEndpoint,
    refuse,
)
from sessiongate.http.message import Hop, Request
from sessiongate.http.router import Route
from sessiongate.rules.forward_auth import AccessPolicy, ProxiedRequest
from sessiongate.service.sessions import Sessions
from sessiongate.wire.forward_auth import (
    AUTH_REQUEST,
    EXT_AUTHZ,
    FORWARD_AUTH,
    of_auth_request,
    of_ext_authz,
    of_forward_auth,
)


def routes(
    sessions: Sessions,
    bearers: Bearers,
    policy: AccessPolicy | None,
    checks: AccessChecks,
    counts: Counter[tuple[str, str]],
) -> list[Route]:
    """The routes of the three endpoints. Without a policy nobody is answered."""
    if policy is None:
        return []

    def endpoint(
        path: str, read: Callable[[Request, Hop], ProxiedRequest], *, redirects: bool
    ) -> ForwardAuthEndpoint:
        name = path.rpartition("/")[2]
        return ForwardAuthEndpoint(
            name, read, sessions, bearers, policy, checks, counts, redirects=redirects
        )

    # nginx makes a 500 of a redirect.
    asked_by = {
        FORWARD_AUTH: endpoint(
            FORWARD_AUTH, lambda request, _: of_forward_auth(request.headers), redirects=True
        ),
        AUTH_REQUEST: endpoint(
            AUTH_REQUEST, lambda request, _: of_auth_request(request.headers), redirects=False
        ),
        EXT_AUTHZ: endpoint(
            EXT_AUTHZ,
            lambda request, hop: of_ext_authz(request.method, hop.host, request.path),
            redirects=True,
        ),
    }
    asked_by[f"{EXT_AUTHZ}/"] = asked_by[EXT_AUTHZ]
    return [Route(path, one, refuse, dialect=DIALECT) for path, one in asked_by.items()]
