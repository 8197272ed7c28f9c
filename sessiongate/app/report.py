"""What a running server says of itself to commands: where it listens, and what it goes by."""

from typing import Any

import msgspec

from sessiongate.app.listeners import InheritedSockets, Listeners
from sessiongate.app.started import url_of
from sessiongate.config import Config, show
from sessiongate.tls.certificates import CertificateFacts, Certificates


class Running(msgspec.Struct, frozen=True):
    """A running server. One of an earlier release says nothing: then all is empty.

    An address is a pair: as the settings have it, and where that is, as a URL.
    """

    listening: tuple[tuple[str, str], ...] = ()
    operations: tuple[tuple[str, str], ...] = ()
    without_operations: tuple[str, ...] = ()
    """Why there is no operations listener though the settings did not say off, for each process."""
    settings: dict[str, dict[str, Any]] = {}
    """Value and origin of each setting in force, as `config show` has them: without secrets."""

    certificate: str = ""
    """SHA-256 fingerprint of the certificate that it serves with; "" for plain HTTP."""

    def by_flag(self, setting: str) -> bool:
        """Whether it has this setting from its command line: started so again, it has it again."""
        return self.settings.get(setting, {}).get("origin") == "flag"

    def url_at(self, address: str) -> str | None:
        """Where it listens, of what the settings call by this address; None where it does not."""
        for asked, url in (*self.listening, *self.operations):
            if address in (asked, url.rpartition("://")[2]):
                return url
        return None


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
    )
