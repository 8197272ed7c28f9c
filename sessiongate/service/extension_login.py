"""vCenter extensions: who may log in by a client certificate, and the check of it.

Extensions are registered in the settings under their keys, each with its certificate's
fingerprint. Whoever ends TLS, our own listener or a trusted proxy, has made sure that the client
holds the certificate's private key.
"""

import hashlib
from collections.abc import Mapping

import msgspec
from cryptography import x509

from sessiongate.audit.journal import Journal
from sessiongate.errors import (
    BadCredentials,
    NoClientCertificate,
    NoSubjectName,
    NotFound,
    NotSupported,
    SessionGateError,
)
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Opened
from sessiongate.session import Client, Principal

PROVIDER = "extensions"
"""What sessions of extensions show as their provider."""


class Extension(msgspec.Struct, frozen=True):
    """A registered extension. `fingerprint` is SHA-256 or SHA-1, in lower-case hex digits."""

    key: str
    fingerprint: str
    role: str


class Extensions:
    """Logs extensions in."""

    def __init__(
        self, logins: Logins, registered: Mapping[str, Extension], journal: Journal
    ) -> None:
        self._logins = logins
        self._journal = journal
        self._registered = registered

    async def login(
        self, key: str, client: Client, locale: str | None, *, by_subject_name: bool = False
    ) -> Opened:
        """Open a session for the extension of this key.

        Raises NoClientCertificate, BadCredentials for a certificate that is not the registered
        one, and InvalidLocale; by subject name also NotFound and NoSubjectName. At the Host of an
        upstream, where extensions are the upstream's, NotSupported.
        """
        try:
            if client.upstream:
                raise NotSupported("extensions do not log in where an upstream is meant")
            principal = self._identify(key, client, by_subject_name)
            with self._logins.meanwhile() as changed:
                return await self._logins.login_as(
                    principal,
                    client,
                    locale,
                    changed=changed,
                    typed=key,
                    how="extension",
                    extension=True,
                )
        except SessionGateError as error:
            known = error.of_somebody(PROVIDER, key) if key in self._registered else error
            await self._journal.refused("extension", key, client, known)
            raise

    def _identify(self, key: str, client: Client, by_subject_name: bool) -> Principal:
        if client.certificate is None:
            raise NoClientCertificate("the connection has no client certificate")
        extension = self._registered.get(key)
        if extension is None:
            refusal = NotFound if by_subject_name else BadCredentials
            raise refusal("no extension of this key is registered")
        if by_subject_name and not _has_subject(client.certificate):
            raise NoSubjectName("the client certificate names no subject")
        if not _matches(extension.fingerprint, client.certificate):
            raise BadCredentials("the client certificate is not the registered one")
        return Principal(key, key, key, (extension.role,), PROVIDER)


def _matches(fingerprint: str, certificate: bytes) -> bool:
    digest = hashlib.sha256(certificate).hexdigest()
    if len(fingerprint) == len(digest):
        return fingerprint == digest
    # vSphere's own thumbprints are SHA-1. It names a certificate here; the handshake proves it.
    return fingerprint == hashlib.sha1(certificate, usedforsecurity=False).hexdigest()


def _has_subject(certificate: bytes) -> bool:
    try:
        return bool(list(x509.load_der_x509_certificate(certificate).subject))
    except ValueError:
        return False
