"""Which addresses vim has: VI/JSON and SOAP over the same objects."""

from collections.abc import Mapping

from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.vim import json_endpoint, soap_endpoint
from sessiongate.dialects.vim.session_manager import VirtualCenter
from sessiongate.http.message import Handler
from sessiongate.http.router import Route
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim import service_versions
from sessiongate.wire.vim.sdk_path import passed_over as respell

__all__ = ["VirtualCenter", "respell", "routes"]


def routes(
    sessions: Sessions, logins: Logins, bearers: Bearers, center: VirtualCenter
) -> list[Route]:
    """The routes of both forms. Paths are those that `respell` makes of what clients write."""
    json = json_endpoint.VimJsonEndpoint(sessions, logins, bearers, center)
    soap = soap_endpoint.VimSoapEndpoint(sessions, logins, bearers, center)
    by_path: Mapping[str, Handler] = {
        "/sdk": soap,
        "/sdk/": soap,
        service_versions.PATH: soap_endpoint.service_versions_reply,
    }
    return [
        Route(vim_json.PREFIX, json, json.refuse, dialect=json_endpoint.DIALECT),
        *(
            Route(path, handler, soap.refuse, dialect=soap_endpoint.DIALECT)
            for path, handler in by_path.items()
        ),
    ]
