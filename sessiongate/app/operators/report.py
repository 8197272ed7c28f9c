"""What a running server says of itself to commands: where it listens, and what it goes by."""

import asyncio
from collections.abc import Mapping

from sessiongate.app.listeners import InheritedSockets, Listeners
from sessiongate.app.operators.running_server import Running
from sessiongate.app.setup.roles_and_users import has_users
from sessiongate.app.started import Started, url_of
from sessiongate.config import Config, show
from sessiongate.files import read_named
from sessiongate.operations.console.port import Provider, ServerFacts
from sessiongate.tls.certificates import CertificateFacts, Certificates


def another_is_served(facts: CertificateFacts, running: Running | None) -> str:
    """A sentence where a running server serves another certificate than this one, else ""."""
    if running is None or running.certificate in ("", facts.sha256):
        return ""
    return (
        f"the running server serves another certificate, SHA-256 {running.certificate}, than there"
        f" is in the file, SHA-256 {facts.sha256}: it takes the file's at SIGHUP"
    )


def running_of(
    config: Config, sockets: InheritedSockets, listeners: Listeners, served: Certificates | None
) -> Running:
    """What a server of these settings says, whose listeners are open."""
    asked = map(str, config.server.listen)
    urls = (url_of(config, address) for address in listeners.addresses)
    operations, without = sockets.operations, sockets.without  # of all workers, by their parent
    if sockets.taken is None:
        named = listeners.operations
        operations = ((str(config.admin.listen), named),) if named else ()
        without = (listeners.without,) if listeners.without else ()
    return Running(
        tuple(zip(asked, urls, strict=True)),
        operations,
        without,
        show(config),
        served.facts.sha256 if served is not None else "",
        ((str(config.console.listen), listeners.console),) if listeners.console else (),
        listeners.without_console,
    )


def started_of(
    config: Config, listeners: Listeners, served: Certificates | None, set_up: str
) -> Started:
    """What people are told of a server of these settings, whose listeners are open."""
    return Started(
        addresses=tuple(listeners.addresses),
        certificates=served,
        has_users=has_users(config),
        operations=listeners.operations,
        without_operations=(listeners.without,) if listeners.without else (),
        console=listeners.console,
        without_console=listeners.without_console,
        set_up=set_up,
    )


async def facts_of(
    config: Config,
    listeners: Listeners,
    served: Certificates | None,
    providers: Mapping[str, bool],
) -> ServerFacts:
    """What the console's pages say of the server. `providers` says which of them answer."""
    ca = served.ca if served is not None else None
    return ServerFacts(
        tuple(url_of(config, address) for address in listeners.addresses),
        served.facts.sha256 if served is not None else "",
        served.facts.not_after if served is not None else None,
        await asyncio.to_thread(read_named, ca) if ca is not None else b"",
        show(config),
        tuple(
            Provider(name, str(config.identity[name].get("type")), answers)
            for name, answers in providers.items()
        ),
        {
            name: url
            for name, url in (("Console", listeners.console), ("Operations", listeners.operations))
            if url
        },
    )
