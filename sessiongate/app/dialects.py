"""Which dialect answers at which address."""

from sessiongate.config import Config
from sessiongate.identity.clients import PROVIDER as CLIENTS
from sessiongate.service.access_tokens import AccessTokens
from sessiongate.service.sessions import Sessions
from sessiongate.service.virtual_center import VirtualCenter
from sessiongate.web import automation, pages, routes
from sessiongate.web.http import Reply, Request
from sessiongate.web.openid import OpenIdEndpoint
from sessiongate.web.routes import Route, Routes
from sessiongate.web.vim_json import VimJsonEndpoint
from sessiongate.web.vim_soap import VimSoapEndpoint, service_versions_reply
from sessiongate.web.zerto import ZertoEndpoint
from sessiongate.web.zerto import refusal as zerto_refusal
from sessiongate.wire import automation as automation_wire
from sessiongate.wire import hello, openid, service_versions, vapi_rpc, vim_json


def dialects(
    config: Config, sessions: Sessions, center: VirtualCenter, tokens: AccessTokens
) -> Routes:
    """All dialects over one session table."""
    provider = config.dialects.vsphere.default
    appliance = OpenIdEndpoint(
        sessions,
        tokens,
        provider=config.dialects.appliance.provider or config.dialects.zerto.windows,
        client_provider=CLIENTS,
        clients=config.dialects.appliance.clients,
        refresh_life=config.sessions.idle_timeout,
    )
    zerto = ZertoEndpoint(
        sessions,
        windows=config.dialects.zerto.windows,
        hypervisor=config.dialects.zerto.hypervisor,
        by_bearer=appliance.caller,
    )
    json = VimJsonEndpoint(sessions, center)
    soap = VimSoapEndpoint(sessions, center)
    api = automation.ApiSessionEndpoint(sessions, provider=provider)
    rest = automation.RestSessionEndpoint(sessions, provider=provider)
    rpc = automation.RpcEndpoint(sessions, provider=provider)
    page = pages.ApiPage()
    table = [
        Route(vim_json.PREFIX, json, json.unforeseen),
        Route("/sdk", soap, soap.unforeseen),
        Route(service_versions.PATH, service_versions_reply, soap.unforeseen),
        Route("/sdk/", soap, soap.unforeseen),
        Route("/v1/", zerto, lambda request: zerto_refusal(request, None), any_case=True),
        Route(openid.REALM, appliance, appliance.unforeseen),
        Route(f"{openid.REALM}/", appliance, appliance.unforeseen),
        Route(automation_wire.API_SESSION, api, _api_unforeseen),
        Route(vapi_rpc.PATH, rpc, rpc.unforeseen),
        Route(hello.PATH, automation.HelloEndpoint(), _api_unforeseen),
        Route("/api/", automation.api_nowhere, _api_unforeseen),
        Route(automation_wire.REST_SESSION, rest, _rest_unforeseen),
        Route("/rest/", automation.rest_nowhere, _rest_unforeseen),
        *(Route(path, page, routes.unforeseen) for path in pages.PATHS),
    ]
    return Routes(table, Route("", routes.nowhere, routes.unforeseen))


def _api_unforeseen(request: Request) -> Reply:
    return automation.api_refusal(None)


def _rest_unforeseen(request: Request) -> Reply:
    return automation.rest_refusal(None)
