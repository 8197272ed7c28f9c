"""Whom we believe when we call over TLS: a CA, or one certificate by its fingerprint."""

import hmac
import ssl
from hashlib import sha1, sha256
from pathlib import Path

import msgspec

from sessiongate.files import name_for_loading


def client_context(ca: Path | None = None) -> ssl.SSLContext:
    """A context that verifies chain and name, TLS 1.2 or later, by this CA or the system's.

    The lowest version is set here because Python leaves it to the system's OpenSSL otherwise.
    Raises OSError (ssl.SSLError is one) where the CA file cannot be read or holds no certificate.
    """
    if ca is None:
        context = ssl.create_default_context()
    else:
        with name_for_loading(ca) as name:
            context = ssl.create_default_context(cafile=name)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Trust(msgspec.Struct, frozen=True):
    """Which certificate is believed. `fingerprint` is a SHA-1 or SHA-256 in lower-case hex."""

    ca: Path | None = None
    fingerprint: str | None = None
    verify: bool = True

    @property
    def is_blind(self) -> bool:
        """Whether any certificate would do, so that anybody could be at the other end."""
        return not self.verify and self.fingerprint is None

    def context(self) -> ssl.SSLContext:
        """The TLS context that believes just that. Raises OSError where the CA file is none."""
        context = client_context(self.ca)
        if self.fingerprint is not None:
            context.sslobject_class = _pinned(bytes.fromhex(self.fingerprint))
        if self.fingerprint is not None or not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _pinned(pin: bytes) -> type[ssl.SSLObject]:
    # SHA-1 names a certificate here, as vSphere's tools show it. To fool it takes another
    # certificate with the digest of the given one, which nobody can make, unlike mere collisions.
    digest = sha256 if len(pin) == sha256().digest_size else sha1

    class Pinned(ssl.SSLObject):
        """TLS to whoever has this certificate, and its key: checked before anything is sent."""

        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True) or b""
            if not hmac.compare_digest(digest(certificate).digest(), pin):
                raise ssl.SSLCertVerificationError("the fingerprint is another one")

    return Pinned
