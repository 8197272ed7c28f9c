"""Which dialect answers at which address."""

from collections import Counter

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
from sessiongate.wire import hello, openid, sdk_path, service_versions, vapi_rpc, vim_json


def dialects(
    config: Config,
    sessions: Sessions,
    center: VirtualCenter,
    tokens: AccessTokens,
    requests: Counter[tuple[str, int]],
) -> Routes:
    """All dialects over one session table. `requests` counts answers by dialect and status."""
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
        Route(vim_json.PREFIX, json, json.unforeseen, dialect="vi-json"),
        Route("/sdk", soap, soap.unforeseen, dialect="soap"),
        Route(service_versions.PATH, service_versions_reply, soap.unforeseen, dialect="soap"),
        Route("/sdk/", soap, soap.unforeseen, dialect="soap"),
        Route("/v1/", zerto, _zerto_unforeseen, any_case=True, dialect="zerto"),
        Route(openid.REALM, appliance, appliance.unforeseen, dialect="zerto-appliance"),
        Route(f"{openid.REALM}/", appliance, appliance.unforeseen, dialect="zerto-appliance"),
        Route(automation_wire.API_SESSION, api, _api_unforeseen, dialect="rest"),
        Route(vapi_rpc.PATH, rpc, rpc.unforeseen, dialect="vapi-rpc"),
        Route(hello.PATH, automation.HelloEndpoint(), _api_unforeseen, dialect="rest"),
        Route("/api/", automation.api_nowhere, _api_unforeseen, dialect="rest"),
        Route(automation_wire.REST_SESSION, rest, _rest_unforeseen, dialect="rest"),
        Route("/rest/", automation.rest_nowhere, _rest_unforeseen, dialect="rest"),
        *(Route(path, page, routes.unforeseen, dialect="page") for path in pages.PATHS),
    ]
    nowhere = Route("", routes.nowhere, routes.unforeseen)
    return Routes(table, nowhere, requests, respell=sdk_path.passed_over)


def _zerto_unforeseen(request: Request) -> Reply:
    return zerto_refusal(request, None)


def _api_unforeseen(request: Request) -> Reply:
    return automation.api_refusal(None)


def _rest_unforeseen(request: Request) -> Reply:
    return automation.rest_refusal(None)
