"""The verifiers of tokens, made from the settings."""

from pathlib import Path

from cryptography import x509

from sessiongate.config import Config
from sessiongate.config.token_issuers import TokenIssuer
from sessiongate.errors import ConfigError
from sessiongate.files import read_named
from sessiongate.identity.tokens import oidc
from sessiongate.identity.tokens.keys import (
    DiscoveredSource,
    FileSource,
    IssuerKeys,
    KeySource,
    UrlSource,
    origin_of,
    path_of,
)
from sessiongate.identity.tokens.port import Grants, TokenVerifier
from sessiongate.plugins import part
from sessiongate.tls.trust import Trust, ca_problem
from sessiongate.upstream.http import HttpUpstream


def verifiers_of(config: Config) -> list[TokenVerifier]:
    """A verifier for each issuer. Raises ConfigError with every problem."""
    made: list[TokenVerifier] = []
    problems: list[str] = []
    for name, issuer in config.tokens.items():
        grants = Grants(
            name, domain=issuer.domain or "", role=issuer.role or "", roles=issuer.roles
        )
        make = _saml if issuer.type == "saml" else _oidc
        try:
            made.append(make(name, issuer, grants))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return made


def _saml(name: str, issuer: TokenIssuer, grants: Grants) -> TokenVerifier:
    chosen = f"tokens.{name}.type"
    saml = part("sessiongate.identity.tokens.saml", "saml", chosen)
    signature = part("sessiongate.identity.tokens.saml_signature", "saml", chosen)
    setting = f"tokens.{name}.certificates"
    certificates = [one for file in issuer.certificates for one in _certificates(setting, file)]
    problems = [
        f"{setting}: holds a certificate with {problem}"
        for one in certificates
        if (problem := signature.certificate_problem(one))
    ]
    if problems:
        raise ConfigError(problems)
    expected = saml.ExpectedAssertion(
        issuer.issuer, issuer.audience, issuer.name_attribute or "", issuer.groups_attribute
    )
    verifier: TokenVerifier = saml.SamlVerifier(name, expected, certificates, grants)
    return verifier


def _certificates(setting: str, file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(read_named(file))
    except OSError as wrong:
        raise ConfigError([f"{setting}: {file} cannot be read: {wrong.strerror}"]) from None
    except ValueError:
        raise ConfigError([f"{setting}: {file} must hold certificates in PEM form"]) from None


def _oidc(name: str, issuer: TokenIssuer, grants: Grants) -> TokenVerifier:
    expected = oidc.ExpectedToken(
        issuer.issuer,
        issuer.audience,
        issuer.name_claim,
        issuer.groups_claim,
        issuer.algorithms,
    )
    keys = IssuerKeys(name, _source(name, issuer))
    return oidc.OidcVerifier(name, expected, keys, grants)


def _source(name: str, issuer: TokenIssuer) -> KeySource:
    at, trust = f"tokens.{name}", (issuer.ca, issuer.fingerprint)
    if issuer.jwks_file is not None or issuer.jwks_url is not None:
        return key_source(at, issuer.jwks_file, issuer.jwks_url or "", *trust)
    return DiscoveredSource(_upstream(at, issuer.issuer, *trust), issuer.issuer)


def key_source(
    setting: str, file: Path | None, url: str, ca: Path | None, fingerprint: tuple[str, ...] = ()
) -> KeySource:
    """Where a key set is that a table of this name says the place of. Raises ConfigError."""
    if file is not None:
        return FileSource(f"{setting}.jwks_file", file)
    return UrlSource(_upstream(setting, url, ca, fingerprint), path_of(url))


def _upstream(
    setting: str, address: str, ca: Path | None, fingerprint: tuple[str, ...]
) -> HttpUpstream:
    if ca is not None and (wrong := ca_problem(ca)):
        raise ConfigError([f"{setting}.ca: {wrong}"])
    return HttpUpstream(origin_of(address), Trust(ca, fingerprint))
