"""Which addresses the Automation API has: its two faces of REST, and vAPI JSON-RPC."""

from collections.abc import Mapping

from sessiongate.dialects.automation import resources
from sessiongate.dialects.automation import rest_endpoint as rest
from sessiongate.dialects.automation.relayed_endpoint import RelayedRestEndpoint
from sessiongate.dialects.automation.rpc_endpoint import RPC_DIALECT, RpcEndpoint
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.errors import SessionGateError
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.router import Route
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.wire.automation import hello, vapi_rpc
from sessiongate.wire.automation import rest as wire
from sessiongate.wire.automation.resources import Appliance


def routes(
    sessions: Sessions,
    logins: Logins,
    bearers: Bearers,
    *,
    provider: str,
    appliance: Appliance,
    gates: Gates | None = None,
) -> list[Route]:
    """The routes of all three forms. `provider` is for names whose domain no provider claims."""

    def others(face: resources.Face) -> Handler:
        return relayed(resources.ResourcesEndpoint(sessions, bearers, appliance, face), face)

    def relayed(own: Handler, face: resources.Face) -> Handler:
        if gates is None:
            return own
        return RelayedRestEndpoint(own, gates, sessions, bearers, face)

    api: Mapping[str, Handler] = {
        wire.API_SESSION: rest.ApiSessionEndpoint(sessions, logins, bearers, provider=provider),
        hello.PATH: relayed(rest.HelloEndpoint(gates), resources.API),
        "/api/": others(resources.API),
    }
    old: Mapping[str, Handler] = {
        wire.REST_SESSION: rest.RestSessionEndpoint(sessions, logins, bearers, provider=provider),
        "/rest/": others(resources.REST),
    }
    rpc = RpcEndpoint(
        sessions, logins, bearers, provider=provider, appliance=appliance, gates=gates
    )
    return [
        *(Route(path, one, _api_refuse, dialect=rest.DIALECT) for path, one in api.items()),
        *(Route(path, one, _rest_refuse, dialect=rest.DIALECT) for path, one in old.items()),
        Route(vapi_rpc.PATH, rpc, rpc.refuse, dialect=RPC_DIALECT),
    ]


def _api_refuse(request: Request, error: SessionGateError | None) -> Reply:
    return rest.api_refusal(error)


def _rest_refuse(request: Request, error: SessionGateError | None) -> Reply:
    return rest.rest_refusal(error)
