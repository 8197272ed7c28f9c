"""The TLS context of a listener: certificate, key, client certificates, protocol versions."""

import contextlib
import ssl
from collections.abc import Sequence
from pathlib import Path

from sessiongate.errors import ConfigError
from sessiongate.files import name_for_loading
from sessiongate.secret import Secret


def tls_context(
    certificate: Path,
    key: Path,
    key_password: Secret | None = None,
    *,
    clients: Sequence[bytes] = (),
) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with this chain and key (PEM). Raises ConfigError when they do not load.

    With `clients`, certificates in DER, a client may show one of these; one that shows any other
    fails the handshake, one that shows none is served as before.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Forward secrecy and AEAD only; the list is for TLS 1.2, as all of 1.3's are both.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    # OpenSSL would make two tickets of each handshake, at 25 microseconds each: 7 in 100 of its
    # time. A client resumes by one; its next connection then brings it another.
    context.num_tickets = 1
    if clients:
        context.load_verify_locations(cadata=b"".join(clients))
        # The certificates themselves are trusted: those of extensions are seldom from a CA.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_OPTIONAL
    problems: list[str] = []
    with contextlib.ExitStack() as held:
        names = []
        for setting, path in (("certificate", certificate), ("key", key)):
            try:
                names.append(held.enter_context(name_for_loading(path)))
            except OSError as error:
                why = error.strerror or type(error).__name__
                problems.append(f"tls.{setting}: {path} cannot be read: {why}")
        if problems:
            raise ConfigError(problems)
        _load(context, names, key_password, certificate, key)
    return context


def _load(
    context: ssl.SSLContext,
    names: Sequence[str],
    key_password: Secret | None,
    certificate: Path,
    key: Path,
) -> None:
    """Load certificate and key by these names. Problems tell the names that the settings have."""
    try:
        # A password is always given: without one OpenSSL would ask for it on the terminal.
        context.load_cert_chain(
            names[0], names[1], password=key_password.reveal if key_password else lambda: ""
        )
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise ConfigError(
            [
                f"tls.key: {key} does not open, or is not the key of {certificate} ({reason}); "
                "both must be PEM, and tls.key_password must be set for an encrypted key"
            ]
        ) from None
