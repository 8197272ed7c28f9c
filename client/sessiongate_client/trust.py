"""Whom a session believes: the system's CAs, a CA of the caller's, or one certificate by its
SHA-256 fingerprint. There is no way to believe anybody.

| `ca` | `fingerprint` | What the certificate must be |
|---|---|---|
| no | no | signed by one of the system's CAs, for the name that is called |
| yes | no | signed by this CA, for the name that is called |
| no | yes | the one with this fingerprint, whoever signed it and for which name |
| yes | yes | both |
"""

from __future__ import annotations

import hmac
import ssl
from hashlib import sha256
from typing import Any, Optional


def digest_of(fingerprint: str) -> bytes:
    """The 32 bytes of a SHA-256 fingerprint in hex, with or without colons. Raises ValueError.

    The whole line that `openssl x509 -fingerprint -sha256` prints will do, too.
    """
    try:
        digest = bytes.fromhex(fingerprint.rpartition("=")[2].strip().replace(":", ""))
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise ValueError(
            "fingerprint: must be the 64 hex digits of the certificate's SHA-256, or the line that"
            " `openssl x509 -noout -fingerprint -sha256` prints"
        )
    return digest


def context(ca: Optional[str] = None, fingerprint: Optional[str] = None) -> ssl.SSLContext:
    """A TLS context, 1.2 or later, that believes just that. Raises OSError for a `ca` that is none.

    It judges a fingerprint at the end of each handshake, before anything is sent, for whoever uses
    it: `http.client`, urllib3, httpx and pyVmomi.
    """
    made = ssl.create_default_context(cafile=ca)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if fingerprint is not None:
        pin = digest_of(fingerprint)
        made.sslsocket_class = _socket_of(pin)
        made.sslobject_class = _object_of(pin)
        if ca is None:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
    return made


def _judge(certificate: Optional[bytes], pin: bytes) -> None:
    shown = sha256(certificate or b"").digest()
    if not hmac.compare_digest(shown, pin):
        raise ssl.SSLCertVerificationError(
            f"its certificate has another fingerprint: SHA-256 {shown.hex(':').upper()}"
        )


def _socket_of(pin: bytes) -> type[ssl.SSLSocket]:
    class Pinned(ssl.SSLSocket):
        def do_handshake(self, *given: Any, **named: Any) -> None:
            super().do_handshake(*given, **named)
            _judge(self.getpeercert(binary_form=True), pin)

    return Pinned


def _object_of(pin: bytes) -> type[ssl.SSLObject]:
    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            _judge(self.getpeercert(binary_form=True), pin)

    return Pinned
