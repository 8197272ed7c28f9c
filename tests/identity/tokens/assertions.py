"""An issuer of SAML assertions: well-formed ones, and whatever a test makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner

from sessiongate.identity.tokens.port import Grants
from sessiongate.identity.tokens.saml import BEARER, GROUPS, ExpectedAssertion, SamlVerifier
from sessiongate.identity.tokens.saml_signature import DSIG, ENVELOPE, SAML, SECURITY
from sessiongate.testing import T0

ISSUER = "https://idp.example/saml?a=1&b=2"
AUDIENCE = "https://gate.example"
NAME = "Ada@corp.example"
HOK = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
LIFE = timedelta(minutes=5)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey


@dataclass(frozen=True)
class Signer:
    """A key and its certificate."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def signer_with(key: PrivateKey, *, begins: datetime = T0 - timedelta(days=1)) -> Signer:
    """A certificate for this key, good for ten years."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return Signer(key, made)


@cache
def signer(which: str = "ours") -> Signer:
    """One of a few signers, each made once: keys are slow to make."""
    if which == "ec":
        return signer_with(ec.generate_private_key(ec.SECP256R1()))
    return signer_with(rsa.generate_private_key(65537, 1024 if which == "weak" else 2048))


@dataclass
class Assertion:
    """What an assertion says. None leaves out what can be left out."""

    id: str = "_one"
    version: str = "2.0"
    issuer: str = ISSUER
    name: str = NAME
    name_format: str = "http://schemas.xmlsoap.org/claims/UPN"
    at: datetime = T0
    method: str = BEARER
    audiences: Sequence[str] | None = (AUDIENCE,)
    conditions: str = ""
    """Further XML inside Conditions."""
    not_before: datetime | None = T0
    until: datetime | None = T0 + LIFE
    confirmed_from: datetime | None = None
    confirmed_until: datetime | None = T0 + LIFE
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def xml(self) -> str:
        """Unsigned, as vCenter's token service lays one out."""
        times = _times(self.not_before, self.until)
        confirmed = _times(self.confirmed_from, self.confirmed_until)
        return (
            f'<saml2:Assertion xmlns:saml2="{SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' ID="{self.id}" IssueInstant="{_said(self.at)}" Version="{self.version}">'
            f"<saml2:Issuer>{_escaped(self.issuer)}</saml2:Issuer>"
            f'<ds:Signature xmlns:ds="{DSIG}" Id="placeholder"></ds:Signature>'
            f'<saml2:Subject><saml2:NameID Format="{self.name_format}">{_escaped(self.name)}'
            f'</saml2:NameID><saml2:SubjectConfirmation Method="{self.method}">'
            f"<saml2:SubjectConfirmationData{confirmed}/></saml2:SubjectConfirmation>"
            f"</saml2:Subject><saml2:Conditions{times}>{self._restriction()}{self.conditions}"
            f"</saml2:Conditions>{self._statement()}</saml2:Assertion>"
        )

    def _restriction(self) -> str:
        if self.audiences is None:
            return ""
        names = "".join(f"<saml2:Audience>{one}</saml2:Audience>" for one in self.audiences)
        return f"<saml2:AudienceRestriction>{names}</saml2:AudienceRestriction>"

    def _statement(self) -> str:
        attributes = "".join(
            f'<saml2:Attribute Name="{name}">'
            + "".join(
                f'<saml2:AttributeValue xsi:type="xs:string">{_escaped(value)}'
                "</saml2:AttributeValue>"
                for value in values
            )
            + "</saml2:Attribute>"
            for name, values in self.attributes.items()
        )
        return f"<saml2:AttributeStatement>{attributes}</saml2:AttributeStatement>"


def _times(begins: datetime | None, ends: datetime | None) -> str:
    said = f' NotBefore="{_said(begins)}"' if begins is not None else ""
    return said + (f' NotOnOrAfter="{_said(ends)}"' if ends is not None else "")


def _said(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03}Z"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


class _AnySigner(XMLSigner):
    """Signs with what signxml itself warns of, too."""

    def check_deprecated_methods(self) -> None:
        pass


def signed(
    assertion: Assertion | str | None = None,
    by: Signer | None = None,
    **how: Any,
) -> str:
    """An assertion with its signature. `how` is for signxml's signer."""
    text = assertion if isinstance(assertion, str) else (assertion or Assertion()).xml()
    by = by or signer()
    root = etree.fromstring(text)
    method = SignatureMethod.RSA_SHA256
    if isinstance(by.key, ec.EllipticCurvePrivateKey):
        method = SignatureMethod.ECDSA_SHA256
    options: dict[str, Any] = {
        "method": SignatureConstructionMethod.enveloped,
        "signature_algorithm": method,
        "digest_algorithm": DigestAlgorithm.SHA256,
        "c14n_algorithm": CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        **how,
    }
    made = _AnySigner(**options).sign(
        root, key=by.key, cert=[by.certificate], reference_uri=f"#{root.get('ID')}"
    )
    return etree.tostring(made, encoding="unicode")


def in_soap(*tokens: str, header: str = "", body: str = "<LoginByToken/>") -> bytes:
    """A SOAP request with these in its Security header, as pyVmomi sends it."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<soapenv:Envelope xmlns:soapenv="{ENVELOPE}"><soapenv:Header>'
        f'<wsse:Security xmlns:wsse="{SECURITY}">{"".join(tokens)}</wsse:Security>{header}'
        f"</soapenv:Header><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def verifier(
    *certificates: x509.Certificate, grants: Grants | None = None, **expected: Any
) -> SamlVerifier:
    """Of the issuer `ISSUER`, which signs with these."""
    facts = {"issuer": ISSUER, "audience": AUDIENCE, **expected}
    return SamlVerifier(
        "idp",
        ExpectedAssertion(**facts),
        certificates or (signer().certificate,),
        grants or Grants("idp", role="user", roles={"CORP\\Admins": "administrator"}),
    )


__all__ = ["GROUPS", "HOK", "Assertion", "in_soap", "signed", "signer", "signer_with", "verifier"]
