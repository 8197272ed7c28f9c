"""Which dialect answers at which address."""

from sessiongate.config import Config
from sessiongate.dialects.api_page import front_page as front
from sessiongate.dialects.api_page import page as pages
from sessiongate.dialects.automation import rest_endpoint as automation
from sessiongate.dialects.automation.rpc_endpoint import RpcEndpoint
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.openid.endpoint import OpenIdEndpoint
from sessiongate.dialects.vim.json_endpoint import VimJsonEndpoint
from sessiongate.dialects.vim.session_manager import VirtualCenter
from sessiongate.dialects.vim.soap_endpoint import VimSoapEndpoint, service_versions_reply
from sessiongate.dialects.zerto.endpoint import ZertoEndpoint
from sessiongate.dialects.zerto.endpoint import refusal as zerto_refusal
from sessiongate.errors import SessionGateError
from sessiongate.http import router as routes
from sessiongate.http.message import Reply, Request
from sessiongate.http.router import Route, Routes
from sessiongate.identity.appliance_clients import PROVIDER as CLIENTS
from sessiongate.service.sessions import Sessions
from sessiongate.telemetry.counters import Meters
from sessiongate.wire import openid
from sessiongate.wire.automation import hello, vapi_rpc
from sessiongate.wire.automation import rest as automation_wire
from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim import sdk_path, service_versions


def dialects(
    config: Config,
    sessions: Sessions,
    center: VirtualCenter,
    bearers: Bearers,
    meters: Meters,
) -> Routes:
    """All dialects over one session table."""
    provider = config.dialects.vsphere.default
    appliance = OpenIdEndpoint(
        sessions,
        bearers,
        provider=config.dialects.appliance.provider or config.dialects.zerto.windows,
        client_provider=CLIENTS,
        clients=config.dialects.appliance.clients,
    )
    zerto = ZertoEndpoint(
        sessions,
        bearers,
        windows=config.dialects.zerto.windows,
        hypervisor=config.dialects.zerto.hypervisor,
    )
    json = VimJsonEndpoint(sessions, bearers, center)
    soap = VimSoapEndpoint(sessions, bearers, center)
    api = automation.ApiSessionEndpoint(sessions, bearers, provider=provider)
    rest = automation.RestSessionEndpoint(sessions, bearers, provider=provider)
    rpc = RpcEndpoint(sessions, bearers, provider=provider)
    page = pages.ApiPage()
    table = [
        Route(vim_json.PREFIX, json, json.refuse, dialect="vi-json"),
        Route("/sdk", soap, soap.refuse, dialect="soap"),
        Route(service_versions.PATH, service_versions_reply, soap.refuse, dialect="soap"),
        Route("/sdk/", soap, soap.refuse, dialect="soap"),
        Route("/v1/", zerto, zerto_refusal, any_case=True, dialect="zerto"),
        Route(openid.REALM, appliance, appliance.refuse, dialect="zerto-appliance"),
        Route(f"{openid.REALM}/", appliance, appliance.refuse, dialect="zerto-appliance"),
        Route(automation_wire.API_SESSION, api, _api_refuse, dialect="rest"),
        Route(vapi_rpc.PATH, rpc, rpc.refuse, dialect="vapi-rpc"),
        Route(hello.PATH, automation.HelloEndpoint(), _api_refuse, dialect="rest"),
        Route("/api/", automation.api_nowhere, _api_refuse, dialect="rest"),
        Route(automation_wire.REST_SESSION, rest, _rest_refuse, dialect="rest"),
        Route("/rest/", automation.rest_nowhere, _rest_refuse, dialect="rest"),
        Route(front.PATH, front.FrontPage(), routes.refuse, dialect="page"),
        *(Route(path, page, routes.refuse, dialect="page") for path in pages.PATHS),
    ]
    nowhere = Route("", routes.nowhere, routes.refuse)
    return Routes(table, nowhere, meters.requests, meters.refusals, respell=sdk_path.passed_over)


def _api_refuse(request: Request, error: SessionGateError | None) -> Reply:
    return automation.api_refusal(error)


def _rest_refuse(request: Request, error: SessionGateError | None) -> Reply:
    return automation.rest_refusal(error)
