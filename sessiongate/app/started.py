"""What people are told of a server that has just started."""

from collections.abc import Callable

import msgspec

from sessiongate.config import Config
from sessiongate.tls.certificates import Certificates


class Started(msgspec.Struct, frozen=True):
    """What people want to know of a server that has just started."""

    addresses: tuple[str, ...]
    certificates: Certificates | None
    has_users: bool
    operations: str = ""
    """The address of the operations listener, as a URL; "" where there is none to name."""
    without_operations: tuple[str, ...] = ()
    """Why there is none, where nobody has asked for none; a sentence for each process."""
    console: str = ""
    """Where the console is, as a URL; "" where there is none to name."""
    without_console: str = ""
    """Why there is none, where nobody has asked for none."""
    set_up: str = ""
    """The link by which the first administrator is added; "" where there is no need of one."""


def url_of(config: Config, address: str) -> str:
    """An address where the dialects are, as clients write it."""
    if address.startswith("unix:"):
        return address
    return f"{'http' if config.server.plain_http else 'https'}://{address}"


Announce = Callable[[Started], None]
