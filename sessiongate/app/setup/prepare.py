"""What follows from the settings before a server runs: its certificate, its own UUID, a digest."""

import hashlib
import json
import os
import socket
from datetime import UTC, datetime

from sessiongate.config import Config, show
from sessiongate.config.addresses import without_port
from sessiongate.files import read_or_make
from sessiongate.rules.token import GUID_BYTES, guid
from sessiongate.tls import certificates
from sessiongate.tls.certificates import Certificates


def certificate_names(config: Config) -> tuple[str, ...]:
    """The names that the server's own certificate is made for."""
    hosts = [address.host for address in config.server.listen if address.host]
    hosts += [without_port(host) for one in config.upstream.values() for host in one.hosts]
    return certificates.names_for(hosts, config.server.public_names, socket.gethostname())


def certificates_of(config: Config) -> Certificates | None:
    """The certificate to serve with, made if need be; None for plain HTTP. Raises ConfigError."""
    tls = config.server.tls
    if config.server.plain_http:
        return None
    if tls.certificate is not None and tls.key is not None:
        return certificates.own(tls.certificate, tls.key, tls.key_password)
    return certificates.ensure(config.server.data_dir, certificate_names(config), datetime.now(UTC))


def digest_of(config: Config) -> str:
    """The settings in force, without their secrets, as a digest: a change shows in the audit."""
    shown = json.dumps(show(config), sort_keys=True, default=str)
    return f"settings {hashlib.sha256(shown.encode()).hexdigest()[:16]}"


def instance_of(config: Config) -> str:
    """The server's own UUID: made once, and the same after every restart."""
    path = config.server.data_dir / "instance"
    found = read_or_make(path, lambda: f"{guid(os.urandom(GUID_BYTES))}\n".encode("ascii"), 0o644)
    return found.decode("ascii").strip()
