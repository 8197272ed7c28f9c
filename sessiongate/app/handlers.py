"""The handlers that stand before the dialects: of faults, other Hosts and trusted proxies."""

from collections.abc import Awaitable, Callable

from sessiongate.app.assembly import Assembly
from sessiongate.app.gateway.gates import by_host
from sessiongate.app.routes import dialects
from sessiongate.app.services import Services
from sessiongate.app.supplied import Supplied
from sessiongate.dialects.known_callers import KnownCallers
from sessiongate.dialects.relayed_hosts import AtUpstreams
from sessiongate.dialects.stray_hosts import StrayHosts
from sessiongate.http.message import Handler, Streams
from sessiongate.http.proxies import TrustedProxies
from sessiongate.tls.certificates import Certificates

Tend = Callable[[], Awaitable[int]]
"""Do now what is done once a second. How many sessions have ended by their limits."""


def clients_handler(
    made: Assembly,
    services: Services,
    supplied: Supplied,
    served: Certificates | None,
    tend: Tend,
) -> tuple[Handler, Streams]:
    """What answers clients, and which of its replies are streams."""
    config, faults = made.config, made.faults
    gates = by_host(config, made.gates)
    manager = made.manager.endpoint if made.manager is not None else None
    routed = dialects(config, services, made.meters, gates, manager)
    handler: Handler = routed
    if gates is not None:
        handler = AtUpstreams(routed, gates, StrayHosts(made.gates))
    if faults is not None:
        faults.serve(
            made.sessions,
            made.journal,
            made.meters.faults,
            made.store,
            tend,
            services.bearers.digest_of,
            served.ca if served is not None else None,
        )
        handler = faults.handler(handler, routed)
    if supplied.around is not None:
        handler = supplied.around(handler, routed)
    if config.server.trusted_proxies:
        header = config.server.client_certificate_header
        handler = TrustedProxies(handler, config.server.trusted_proxies, header)
    return handler, routed.streams


def known_callers(made: Assembly, services: Services) -> KnownCallers:
    """Who is known by the first bytes of a request, and so served before strangers."""
    assertions = any(issuer.type == "saml" for issuer in made.config.tokens.values())
    return KnownCallers(made.sessions, services.bearers, takes_assertions=assertions)
