"""What follows from the settings before a server runs: roles, files, certificate, users."""

import hashlib
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import RSAKey

from sessiongate.config import Config, show
from sessiongate.config.addresses import without_port
from sessiongate.errors import ConfigError
from sessiongate.files import made_once
from sessiongate.identity.local.settings import users_path
from sessiongate.identity.local.users_file import list_users
from sessiongate.rules.access import Roles, doubts_about, problems_with
from sessiongate.rules.token import GUID_BYTES, guid
from sessiongate.tls import certificates
from sessiongate.tls.certificates import Certificates

PREPARED = ("instance", "users.toml", "tls", "sessiongate.db")
"""What is in each data directory that a server or `init` has made: one of these at least."""


def roles_of(config: Config) -> Roles:
    """The roles of these settings. Raises ConfigError."""
    custom = {name: role.privileges for name, role in config.roles.items()}
    if problems := problems_with(custom):
        raise ConfigError(problems)
    return Roles(custom)


def roles_as_they_are(config: Config) -> Roles:
    """The roles of these settings, right or wrong, where what is wrong is told elsewhere."""
    return Roles({name: role.privileges for name, role in config.roles.items()})


def roles_doubts(config: Config) -> list[str]:
    """What in the roles of these settings is allowed, and probably a slip."""
    return doubts_about({name: role.privileges for name, role in config.roles.items()})


def users_file(config: Config, provider: str | None = None) -> Path:
    """The users file of this provider, or of the only one of type `file`. Raises ConfigError."""
    files = {name: table for name, table in config.identity.items() if table.get("type") == "file"}
    if provider is None and len(files) == 1:
        provider = next(iter(files))
    if provider is None or provider not in files:
        names = ", ".join(files) or "none in the settings"
        raise ConfigError([f"--provider: must be a provider of type file; there are: {names}"])
    return users_path(provider, files[provider], config.server.data_dir)


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


def has_users(config: Config) -> bool:
    """Whether anybody could log in. Providers other than files are taken to know somebody."""
    tables = config.identity.items()
    return any(
        table.get("type") != "file" or bool(list_users(users_file(config, name)))
        for name, table in tables
    )


def digest_of(config: Config) -> str:
    """The settings in force, without their secrets, as a digest: a change shows in the audit."""
    shown = json.dumps(show(config), sort_keys=True, default=str)
    return f"settings {hashlib.sha256(shown.encode()).hexdigest()[:16]}"


def signing_key_of(config: Config) -> RSAKey:
    """The private key of access tokens: made once, readable for the server's account.

    Raises ConfigError for a file that holds none.
    """
    path = config.server.data_dir / "openid.key"
    found = made_once(
        path, lambda: RSAKey.generate_key(2048, private=True).as_pem(private=True), 0o600
    )
    try:
        # Whether its factors are prime takes a tenth of a second to find out, at every start. The
        # file is our own; one that was damaged signs what it does not verify.
        key = load_pem_private_key(found, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, RSAPrivateKey):
            raise UnsupportedAlgorithm("no RSA key")
        signed = key.sign(found[:1], PKCS1v15(), SHA256())
        key.public_key().verify(signed, found[:1], PKCS1v15(), SHA256())
    except (UnsupportedAlgorithm, InvalidSignature, ValueError):
        raise ConfigError(
            [
                f"{path}: is no private key in PEM; move it away, and the next start makes another."
                " Clients then have to ask for new access tokens"
            ]
        ) from None
    return RSAKey(key, key)


def instance_of(config: Config) -> str:
    """The server's own UUID: made once, and the same after every restart."""
    path = config.server.data_dir / "instance"
    found = made_once(path, lambda: f"{guid(os.urandom(GUID_BYTES))}\n".encode("ascii"), 0o644)
    return found.decode("ascii").strip()
