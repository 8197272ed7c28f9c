"""What the server says of itself outside vim: by which names, as an appliance, as a ZVM's site."""

from ipaddress import ip_address

import msgspec

from sessiongate import __version__
from sessiongate.app.setup.prepare import certificate_names
from sessiongate.config import Config
from sessiongate.http.own_names import OwnNames
from sessiongate.tls import certificates
from sessiongate.wire.automation.resources import Appliance
from sessiongate.wire.vim.types import Data
from sessiongate.wire.zerto_resources import Site


class Presented(msgspec.Struct, frozen=True):
    """What the dialects tell of the server. None of it changes while it runs."""

    names: OwnNames
    appliance: Appliance
    site: Site


def presented(config: Config, about: Data) -> Presented:
    """What follows from the settings and from `AboutInfo`.

    The names are those of the certificate, whose first is the first of `server.public_names`, else
    the machine's.
    """
    names = certificate_names(config)
    server = config.server
    ports = {address.port for address in server.listen} - {0}
    own = OwnNames(names, certificates.names_for((), server.public_names, ""), ports)
    product, version, build, kind, instance = (
        str(about.members[name])
        for name in ("name", "version", "build", "fullName", "instanceUuid")
    )
    return Presented(
        own,
        Appliance(own.first, product, version, build, kind),
        Site(
            instance,
            own.first,
            next(filter(_is_address, names), ""),
            f"session endpoint (sessiongate {__version__})",
        ),
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
