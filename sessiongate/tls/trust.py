"""Whom we believe when we call over TLS: the one meaning of `ca`, `fingerprint` and `verify`.

`Trust` has the table. LDAP, vCenters, the key sets of token issuers and other upstreams go by it.
"""

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


def ca_problem(ca: Path) -> str | None:
    """Why this file cannot be the `ca`, with the way out; None where it can."""
    way_out = "name a PEM file with the CA's certificate"
    try:
        client_context(ca)
    except ssl.SSLError:
        return f"{ca} holds no certificate; {way_out}"
    except OSError as problem:
        return f"{ca} cannot be read: {problem.strerror or 'no access'}; {way_out}"
    return None


class Trust(msgspec.Struct, frozen=True):
    """Which certificates are believed. Raises ValueError for a `ca` that is not to be verified.

    `fingerprints` are SHA-1 or SHA-256 in lower-case hex; one of them has to be the certificate's.

    | `ca` | `fingerprint` | `verify` | What the certificate must be |
    |---|---|---|---|
    | no | no | true | signed by one of the system's CAs, for the name that is called |
    | yes | no | true | signed by this CA, for the name that is called |
    | no | yes | either | one with these fingerprints, whoever signed it and for which name |
    | yes | yes | true | both: signed by this CA, for the name, and one with these fingerprints |
    | no | no | false | any, so that anybody on the way may be at the other end (`is_blind`) |
    | yes | any | false | refused: it says both that the CA counts and that it does not |

    So a further setting never makes a server be believed that was not believed without it, but for
    `fingerprint` in the place of the system's CAs and for `verify = false` alone.
    """

    ca: Path | None = None
    fingerprints: tuple[str, ...] = ()
    verify: bool = True

    def __post_init__(self) -> None:
        """Refuse what contradicts itself. The rule is about the setting `verify`."""
        if self.ca is not None and not self.verify:
            raise ValueError("must be true where ca is given; remove one of the two")

    @property
    def is_blind(self) -> bool:
        """Whether any certificate would do, so that anybody could be at the other end."""
        return not self.verify and not self.fingerprints

    def context(self) -> ssl.SSLContext:
        """The TLS context that believes just that. Raises OSError where the CA file is none."""
        context = client_context(self.ca)
        if self.fingerprints:
            context.sslobject_class = _pinned(frozenset(map(bytes.fromhex, self.fingerprints)))
        if not self.verify or (self.fingerprints and self.ca is None):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class AnotherFingerprint(ssl.SSLCertVerificationError):
    """The certificate has none of the fingerprints. Its own is told: it is no secret."""

    def __init__(self, certificate: bytes) -> None:
        self.shown = sha256(certificate).hexdigest()
        """SHA-256, in lower-case hex."""
        self.verify_message = f"its certificate has another fingerprint: SHA-256 {self.shown}"
        super().__init__(self.verify_message)


def _pinned(pins: frozenset[bytes]) -> type[ssl.SSLObject]:
    class Pinned(ssl.SSLObject):
        """TLS to whoever has such a certificate, and its key: checked before anything is sent."""

        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True) or b""
            # SHA-1 names a certificate here, as vSphere's tools show it. To fool it takes another
            # certificate with the digest of the given one, which nobody can make, unlike mere
            # collisions.
            shown = (sha256(certificate).digest(), sha1(certificate).digest())  # noqa: S324 -- see above
            if not any(hmac.compare_digest(pin, one) for pin in pins for one in shown):
                raise AnotherFingerprint(certificate)

    return Pinned
