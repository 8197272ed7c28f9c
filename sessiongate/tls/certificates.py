"""The server's own certificate: a small local CA, and a leaf for the names clients use.

Made on first start and never overwritten by one; renewed when the leaf nears its end or lacks a
name, always by our own CA. Files that are there and cannot be used are a ConfigError, not a reason
to replace them. A certificate that the operator brought is only described. Trusting the CA, and
printing fingerprints, is left to people and to the command line.

A machine's clock may be wrong, and a start must not make that worse. One that is behind finds a
good CA "not yet valid": so a start keeps such a CA, and only `renew`, which somebody has asked for,
makes another in its place.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sessiongate.errors import ConfigError
from sessiongate.files import (
    is_there,
    make_directory,
    open_own,
    own_directory,
    read_named,
    read_own,
    remove_own,
)
from sessiongate.remedies import because
from sessiongate.secret import Secret
from sessiongate.tls.local_ca import CA_NAME, Pair, may_sign, new_ca, new_leaf

RENEW_BEFORE = timedelta(days=30)

_DIRECTORY = "tls"
_PUT_BACK = "put the right file back, or move both files away to have new ones made"
_NAME_ONE = "name a file of that kind which the server may read"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What people ask about a certificate."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    sha1: str
    """As `AA:BB:…`: what vSphere's tools call the thumbprint."""
    sha256: str
    issuer_not_before: datetime | None = None
    """Of the CA behind it in the file; None where there is none."""
    issuer_not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files to serve with. `ca` is what clients may trust, None for an operator's own."""

    certificate: Path
    key: Path
    ca: Path | None
    facts: CertificateFacts
    made: bool
    """Whether the certificate was made just now."""
    why: str = ""
    """Why it was made in place of another, "it ..."; "" where it is the first, or was asked for."""
    old_ca: str = ""
    """Why a new CA was made in place of the one that clients trust, "it ..."; "" where none was."""


def names_for(hosts: Iterable[str], public_names: Iterable[str], hostname: str) -> tuple[str, ...]:
    """The names the certificate should hold: local ones, the machine's, and those of settings.

    `hosts` are those we listen on; the addresses that mean "every address" are no names.
    """
    named = [*public_names, hostname, *hosts, "localhost", "127.0.0.1", "::1"]
    wanted = (_name(text) for text in named)
    return tuple(dict.fromkeys(text for text in wanted if text not in {"", "0.0.0.0", "::"}))  # noqa: S104 -- left out, not bound


def ensure(data_dir: Path, names: Sequence[str], now: datetime) -> Certificates:
    """The certificate in `data_dir/tls`, made or renewed if need be.

    Renewed is only a leaf of a sessiongate CA: one that ends within 30 days, is not yet valid
    though its CA is, or lacks one of `names`. A CA that is not yet valid stays. Raises ConfigError
    for files that are there and cannot be used.
    """
    directory = _directory(data_dir)
    leaf = _pair(directory, "server")
    if leaf is not None:
        facts = _facts_in(directory / "server.pem", _PUT_BACK)
        why = outdated(facts, names, now)
        if not why:
            return _certificates(directory, facts, made=False)
        return replace(_renew(directory, names, now, _has_ended), why=why)
    return _renew(directory, names, now, _has_ended)


def outdated(facts: CertificateFacts, names: Sequence[str], now: datetime) -> str:
    """Why `ensure` makes another in place of this one, "it ..."; "" where it keeps it."""
    if CA_NAME not in facts.issuer:
        return ""
    wanted = dict.fromkeys(map(_name, names))
    if lacking := [name for name in wanted if name not in facts.names]:
        return f"it was not for {', '.join(lacking)}"
    if facts.not_after - now <= RENEW_BEFORE:
        return f"it ends at {facts.not_after:%Y-%m-%d %H:%M} UTC"
    if facts.not_before > now >= (facts.issuer_not_before or facts.not_before):
        return f"it was not valid before {facts.not_before:%Y-%m-%d %H:%M} UTC"
    return ""


def renew(data_dir: Path, names: Sequence[str], now: datetime) -> Certificates:
    """Make a new leaf and key from the same CA, or from a new CA where that would be of no use.

    That is one at its end, and one that is not yet valid: clients refuse whatever it has signed.
    Raises ConfigError when the CA's files are there and cannot be used.
    """
    return _renew(_directory(data_dir), names, now, _is_of_no_use)


def reissue(data_dir: Path, names: Sequence[str], now: datetime) -> Certificates:
    """Make a new leaf and key as of `now`, from the CA that is there though it be not yet valid.

    For leaves of another time, which tests of clients want. Raises ConfigError as `renew`.
    """
    return _renew(_directory(data_dir), names, now, _has_ended)


def _renew(
    directory: Path, names: Sequence[str], now: datetime, spent: Callable[[Pair, datetime], str]
) -> Certificates:
    ca = _pair(directory, "ca")
    old_ca = spent(ca, now) if ca is not None else ""
    if ca is None or old_ca:
        ca = new_ca(now)
        _put_pair(directory, "ca", ca, [ca.certificate])
    elif not isinstance(ca.key, ec.EllipticCurvePrivateKey) or not may_sign(ca.certificate):
        raise ConfigError([f"{directory / 'ca.pem'}: is not a CA of ours; {_PUT_BACK}"])
    leaf = new_leaf(ca, [name for name in map(_name, names) if name], now)
    _put_pair(directory, "server", leaf, [leaf.certificate, ca.certificate])
    facts = _facts(leaf.certificate, ca.certificate)
    return replace(_certificates(directory, facts, made=True), old_ca=old_ca)


def _has_ended(ca: Pair, now: datetime) -> str:
    """Why a start makes another CA, "it ..."; "" where it does not."""
    until = ca.certificate.not_valid_after_utc
    return f"it ends at {until:%Y-%m-%d %H:%M} UTC" if until - now <= RENEW_BEFORE else ""


def _is_of_no_use(ca: Pair, now: datetime) -> str:
    """Why whoever asks for a certificate gets another CA as well, "it ..."; "" where not."""
    begins = ca.certificate.not_valid_before_utc
    if begins > now:
        return f"it is not valid before {begins:%Y-%m-%d %H:%M} UTC"
    return _has_ended(ca, now)


def own(certificate: Path, key: Path, key_password: Secret | None) -> Certificates:
    """The operator's own certificate: read, never changed. Raises ConfigError if it will not do."""
    password = None if key_password is None else key_password.reveal().encode()
    _read_pair(certificate, key, password, _NAME_ONE)
    facts = _facts_in(certificate, _NAME_ONE)
    return Certificates(certificate, key, None, facts, made=False)


def found(data_dir: Path) -> Certificates | None:
    """The certificate in `data_dir/tls` as `ensure` finds it, None where it would make the first.

    Nothing is changed. Raises ConfigError for files that are there and cannot be used.
    """
    directory = data_dir / _DIRECTORY
    certificate, key = _names(directory, "server")
    if not is_there(certificate) and not is_there(key):
        return None
    _read_pair(certificate, key, None, _PUT_BACK)
    kept = _certificates(directory, _facts_in(certificate, _PUT_BACK), made=False)
    return replace(kept, key=key)


def describe(path: Path) -> CertificateFacts:
    """The facts of the first certificate in a PEM file. Raises ConfigError if there is none."""
    return _facts_in(path, _NAME_ONE)


def describe_own(data_dir: Path) -> CertificateFacts:
    """The facts of the certificate in `data_dir/tls`. Raises ConfigError if there is none."""
    return _facts_in(data_dir / _DIRECTORY / "server.pem", _PUT_BACK)


def describe_der(content: bytes) -> CertificateFacts:
    """The facts of a certificate in DER. Raises ConfigError for what is none."""
    try:
        return _facts(x509.load_der_x509_certificate(content))
    except ValueError:
        raise ConfigError(["it is no certificate"]) from None


def read_der(path: Path) -> bytes:
    """The first certificate in a PEM file, in DER. Raises ConfigError if there is none."""
    return _read_certificate(path, _NAME_ONE).public_bytes(serialization.Encoding.DER)


def _certificates(directory: Path, facts: CertificateFacts, *, made: bool) -> Certificates:
    ca = directory / "ca.pem"
    return Certificates(
        certificate=directory / "server.pem",
        key=directory / "server.key",
        ca=ca if is_there(ca) and CA_NAME in facts.issuer else None,
        facts=facts,
        made=made,
    )


def _facts_in(path: Path, way: str) -> CertificateFacts:
    """The facts of the first certificate in a file, and of the one behind it if that signed it."""
    certificate, *behind = _read_certificates(path, way)
    return _facts(certificate, next(iter(behind), None))


def _facts(
    certificate: x509.Certificate, issuer: x509.Certificate | None = None
) -> CertificateFacts:
    if issuer is not None and issuer.subject != certificate.issuer:
        issuer = None
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = [*alternatives.value.get_values_for_type(x509.DNSName)]
        found += map(str, alternatives.value.get_values_for_type(x509.IPAddress))
    except (x509.ExtensionNotFound, ValueError):
        found = []
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=tuple(map(_name, found)),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        # SHA-1 names a certificate here and secures nothing: govc and PowerCLI ask for it.
        sha1=_colons(certificate.fingerprint(hashes.SHA1())),  # noqa: S303
        sha256=_colons(certificate.fingerprint(hashes.SHA256())),
        issuer_not_before=issuer.not_valid_before_utc if issuer is not None else None,
        issuer_not_after=issuer.not_valid_after_utc if issuer is not None else None,
    )


def _colons(digest: bytes) -> str:
    return digest.hex(":").upper()


def _name(text: str) -> str:
    """One spelling per name; "" for what cannot stand in a certificate."""
    text = text.strip().rstrip(".").lower()
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        fits = text.isascii() and len(text) <= 253 and text.isprintable() and " " not in text
        return text if fits else ""


def _directory(data_dir: Path) -> Path:
    directory = data_dir / _DIRECTORY
    try:
        make_directory(data_dir)
        own_directory(directory)
    except OSError as problem:
        raise ConfigError([_cannot_write(directory, problem)]) from None
    return directory


def _cannot_write(path: Path, problem: OSError) -> str:
    why = because(problem, "make server.data_dir a directory the server may use")
    return f"{path}: cannot be written: {why}"


def _pair(directory: Path, stem: str) -> Pair | None:
    """The certificate and key of this name, or None when neither is there."""
    certificate, found_key = _names(directory, stem)
    key = directory / f"{stem}.key"
    if found_key != key:
        _replace(found_key, key)
    if not is_there(certificate) and not is_there(key):
        return None
    return _read_pair(certificate, key, None, _PUT_BACK)


def _names(directory: Path, stem: str) -> tuple[Path, Path]:
    """The files of this name: the certificate, and where its key is.

    A stop between the two renames of `_put_pair` leaves the new certificate with its key still
    waiting: then that one is the key, and the second rename is to be made up for.
    """
    certificate, waiting = directory / f"{stem}.pem", directory / f"{stem}.key.new"
    if is_there(certificate) and is_there(waiting) and _match(certificate, waiting):
        return certificate, waiting
    return certificate, directory / f"{stem}.key"


def _match(certificate: Path, key: Path) -> bool:
    try:
        _read_pair(certificate, key, None, _PUT_BACK)
    except ConfigError:
        return False
    return True


def _read_pair(certificate_path: Path, key_path: Path, password: bytes | None, way: str) -> Pair:
    certificate = _read_certificate(certificate_path, way)
    try:
        key = serialization.load_pem_private_key(_bytes(key_path, way), password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(
            [
                f"{key_path}: must be a private key in PEM form"
                f" that server.tls.key_password opens, if it is locked; {way}"
            ]
        ) from None
    if _public_bytes(certificate.public_key()) != _public_bytes(key.public_key()):
        raise ConfigError(
            [f"{key_path}: must be the key of the certificate in {certificate_path}; {way}"]
        )
    return Pair(certificate, key)


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined,no-any-return]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _read_certificate(path: Path, way: str) -> x509.Certificate:
    return _read_certificates(path, way)[0]


def _read_certificates(path: Path, way: str) -> list[x509.Certificate]:
    """All certificates of a PEM file, of which there is one at least."""
    try:
        return x509.load_pem_x509_certificates(_bytes(path, way))
    except ValueError:
        raise ConfigError([f"{path}: must be a certificate in PEM form; {way}"]) from None


def _bytes(path: Path, way: str) -> bytes:
    try:
        # Of our own files none is a link; where the operator has a certificate is another matter.
        return read_own(path) if way is _PUT_BACK else read_named(path)
    except OSError as problem:
        why = problem.strerror or "no access"
        raise ConfigError([f"{path}: cannot be read: {why}; {way}"]) from None


def _put_pair(directory: Path, stem: str, pair: Pair, chain: Sequence[x509.Certificate]) -> None:
    """Write both files so that a stop at any point leaves the old pair or the new one."""
    key = pair.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    new_key, new_pem = directory / f"{stem}.key.new", directory / f"{stem}.pem.new"
    _write(new_key, key, 0o600)
    _write(new_pem, pem, 0o644)
    _replace(new_pem, directory / f"{stem}.pem")
    _replace(new_key, directory / f"{stem}.key")


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        remove_own(path)
        # Made with its mode, not given it afterwards: nobody gets to open a key in between.
        handle = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise ConfigError([_cannot_write(path, problem)]) from None


def _replace(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as problem:
        raise ConfigError([_cannot_write(target, problem)]) from None
