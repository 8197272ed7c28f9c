"""Which addresses vim has: VI/JSON and SOAP over the same objects, the description of SOAP, and the
storage policies beside it.
"""

from collections.abc import Mapping

from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.vim import json_endpoint, pbm_endpoint, soap_endpoint, wsdl_endpoint
from sessiongate.dialects.vim.center import VirtualCenter
from sessiongate.dialects.vim.relayed_endpoint import RelayedSoapEndpoint
from sessiongate.dialects.vim.relayed_json_endpoint import RelayedJsonEndpoint
from sessiongate.dialects.vim.relayed_services import RelayedServiceEndpoint
from sessiongate.http.message import Handler
from sessiongate.http.own_names import OwnNames
from sessiongate.http.router import Route, nowhere
from sessiongate.rules import relay_services
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.wire import pbm
from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim import service_versions
from sessiongate.wire.vim.sdk_path import passed_over as respell

__all__ = ["VirtualCenter", "respell", "routes"]


def routes(
    sessions: Sessions,
    logins: Logins,
    bearers: Bearers,
    center: VirtualCenter,
    own: OwnNames,
    instance: str,
    gates: Gates | None = None,
) -> list[Route]:
    """The routes of all of them. Paths are those that `respell` makes of what clients write.

    `own` are the names by which a client may have asked for us, `instance` is our own UUID. With
    `gates` calls that are not about sessions are forwarded.
    """
    json = json_endpoint.VimJsonEndpoint(sessions, logins, bearers, center)
    soap = soap_endpoint.VimSoapEndpoint(sessions, logins, bearers, center)
    in_json: Handler = json
    at_sdk: Handler = soap
    versions: Handler = soap_endpoint.service_versions_reply
    if gates is not None:
        relayed = RelayedSoapEndpoint(soap, gates, sessions, bearers)
        at_sdk, versions = relayed, relayed.versions
        in_json = RelayedJsonEndpoint(json, gates, sessions, bearers)
    described = wsdl_endpoint.WsdlEndpoint(at_sdk, own, gates, soap.refuse)
    by_path: Mapping[str, Handler] = {
        "/sdk": at_sdk,
        "/sdk/": at_sdk,
        service_versions.PATH: versions,
        **dict.fromkeys(wsdl_endpoint.PATHS, described),
    }
    policies = pbm_endpoint.PbmEndpoint(sessions, logins, bearers, center, instance=instance)
    services: dict[str, Handler] = dict.fromkeys(pbm.PATHS, policies)
    if gates is not None:
        for path in relay_services.PATHS:
            own_service = services.get(path, nowhere)
            services[path] = RelayedServiceEndpoint(own_service, policies, gates, sessions, bearers)
        vsan = RelayedServiceEndpoint(nowhere, policies, gates, sessions, bearers)
        services[service_versions.VSAN_PATH] = vsan.vsan_versions
    return [
        Route(vim_json.PREFIX, in_json, json.refuse, dialect=json_endpoint.DIALECT),
        *(
            Route(path, handler, soap.refuse, dialect=soap_endpoint.DIALECT)
            for path, handler in by_path.items()
        ),
        *(
            Route(path, handler, policies.refuse, dialect=soap_endpoint.DIALECT)
            for path, handler in services.items()
        ),
    ]
