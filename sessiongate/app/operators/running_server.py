"""What a command knows of a running server: where it listens, and what it goes by."""

from typing import Any

import msgspec


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
    console: tuple[tuple[str, str], ...] = ()
    without_console: str = ""
    """Why there is no console though the settings did not say off."""

    def by_flag(self, setting: str) -> bool:
        """Whether it has this setting from its command line: started so again, it has it again."""
        return self.settings.get(setting, {}).get("origin") == "flag"

    def url_at(self, address: str) -> str | None:
        """Where it listens, of what the settings call by this address; None where it does not."""
        for asked, url in (*self.listening, *self.operations, *self.console):
            if address in (asked, url.rpartition("://")[2].removesuffix("/console/")):
                return url
        return None
