"""XML signatures of SAML assertions: from a document to the element that is signed, and no other.

A document is read within bounds and must hold exactly one assertion, at a place where one belongs,
with its own signature over the whole of it: no other form is needed by anybody, and the attacks
that wrap a signed element in an unsigned one need another form. signxml then checks the signature
against the configured certificates, and what it hands back as signed is all that may be believed.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from sessiongate.errors import BadCredentials

LARGEST = 256 * 1024
"""Bytes of a document with an assertion. One with a thousand groups has about 150 KiB."""

# What a document of LARGEST bytes could otherwise do to canonical XML, whose cost grows with the
# product of these. An assertion with a thousand groups has 1,100 elements, and one declaration of a
# namespace for each in the worst of real forms. At these bounds a refusal takes below 50 ms.
MOST_ELEMENTS = 4_000
MOST_NAMESPACES = 2_000

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
# Real ones name "xs xsi". Each is looked for at each element, among all namespaces in force there.
_LONGEST_PREFIXES = 256
_VALUES = ("SignatureValue", "DigestValue")
_TRANSFORMS = frozenset({f"{DSIG}enveloped-signature", _C14N})

# What SAML issuers use and nobody has weakened: no SHA-1, no HMAC (its key would be a public one),
# no DSA.
_SIGNATURES = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1,
        SignatureMethod.SHA384_RSA_MGF1,
        SignatureMethod.SHA512_RSA_MGF1,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
    }
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})

# Bits below which a key can be broken (NIST SP 800-131A).
_LEAST_RSA, _LEAST_EC = 2048, 256

# At the level DEBUG signxml writes down what it has read.
logging.getLogger("signxml").setLevel(logging.WARNING)


# The document


def assertion_in(document: bytes) -> etree._Element:
    """The one assertion of a document, not yet believed. Raises BadCredentials."""
    root = _parsed(document)
    found = [one for one in root.iter(etree.Element) if _local(one) in _ASSERTIONS]
    if len(found) != 1:
        raise BadCredentials("the document does not hold exactly one assertion")
    assertion = found[0]
    if assertion.tag != f"{{{SAML}}}Assertion":
        raise BadCredentials("the assertion is encrypted, or not of SAML 2.0")
    if _place(assertion) not in _PLACES:
        raise BadCredentials("the assertion is not where one belongs")
    for _ in assertion.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity):
        # They are no part of what is signed, and could split a name for a careless reader.
        raise BadCredentials("the assertion holds comments or processing instructions")
    _require_ids_differ(root)
    signatures = list(root.iter(f"{{{DSIG}}}Signature"))
    if len(signatures) != 1 or signatures[0].getparent() is not assertion:
        # Nothing else is signed in a bearer login; with a key of its holder, the message is too.
        raise BadCredentials("the assertion does not hold the only signature of the document")
    return assertion


_ASSERTIONS = frozenset({"Assertion", "EncryptedAssertion"})
_PLACES = frozenset(
    {(), (f"{{{SECURITY}}}Security", f"{{{ENVELOPE}}}Header", f"{{{ENVELOPE}}}Envelope")}
)


def _parsed(document: bytes) -> etree._Element:
    if len(document) > LARGEST:
        raise BadCredentials(f"the document with the assertion is larger than {LARGEST} bytes")
    # Counted in bytes, which is why no other encoding is taken.
    if document.count(b"<") > 2 * MOST_ELEMENTS or document.count(b"xmlns") > MOST_NAMESPACES:
        raise BadCredentials("the document with the assertion holds too many elements")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.LxmlError, ValueError):
        raise BadCredentials("the document with the assertion is no XML") from None
    info = root.getroottree().docinfo
    if info.internalDTD is not None or info.externalDTD is not None:
        raise BadCredentials("the document with the assertion has a document type")
    if (info.encoding or "UTF-8").upper() not in ("UTF-8", "US-ASCII", "ASCII"):
        raise BadCredentials("the document with the assertion is not in UTF-8")
    return root


def _place(element: etree._Element) -> tuple[str, ...]:
    return tuple(str(one.tag) for one in element.iterancestors())


def _require_ids_differ(root: etree._Element) -> None:
    seen: set[str] = set()
    for element in root.iter(etree.Element):
        for name, value in element.attrib.items():
            if etree.QName(name).localname.lower() in ("id", "assertionid"):
                if value in seen:
                    raise BadCredentials("the document holds one ID twice")
                seen.add(str(value))


# The signature


def signed_by(
    assertion: etree._Element, certificates: Sequence[x509.Certificate], now: datetime
) -> etree._Element:
    """What exactly is signed, as signxml hands it back. Raises BadCredentials."""
    _require_plain_signature(assertion)
    alone = etree.tostring(assertion, with_tail=False)
    signed = _first_verified(alone, certificates, now)
    if signed is None or signed.tag != assertion.tag or signed.get("ID") != assertion.get("ID"):
        raise BadCredentials("what is signed is not the assertion")
    return signed


def _first_verified(
    alone: bytes, certificates: Sequence[x509.Certificate], now: datetime
) -> etree._Element | None:
    """What a certificate vouches for: an issuer that changes its key has two for a while."""
    for certificate in certificates[:-1]:
        try:
            return _verified(alone, certificate, now)
        except BadCredentials:
            continue
    return _verified(alone, certificates[-1], now)


def _verified(alone: bytes, certificate: x509.Certificate, now: datetime) -> etree._Element | None:
    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=_SIGNATURES,
        digest_algorithms=_DIGESTS,
        # The key is one of ours, whatever the signature says of it.
        ignore_ambiguous_key_info=True,
        verification_time=now,
    )
    try:
        found = XMLVerifier().verify(alone, x509_cert=certificate, expect_config=config)
    except (SignXMLException, etree.LxmlError, ValueError) as wrong:
        # What the library raises at what a stranger sent. Anything else is a fault of ours, and no
        # answer to whether the signature is good.
        why = type(wrong).__name__
        raise BadCredentials(f"the assertion's signature is not good: {why}") from wrong
    return None if isinstance(found, list) else found.signed_xml


def _require_plain_signature(assertion: etree._Element) -> None:
    """The form that SAML asks for: one reference, to the whole assertion, in exclusive c14n."""
    info = assertion.findall(f"{{{DSIG}}}Signature/{{{DSIG}}}SignedInfo")
    references = [one for signed in info for one in signed.iter(f"{{{DSIG}}}Reference")]
    wanted = assertion.get("ID")
    if len(info) != 1 or len(references) != 1 or not wanted:
        raise BadCredentials("the assertion's signature has not exactly one reference")
    if references[0].get("URI") != f"#{wanted}":
        raise BadCredentials("the assertion's signature is over something else")
    if not all(one.text for name in _VALUES for one in assertion.iter(f"{{{DSIG}}}{name}")):
        # signxml decodes their text without a look at whether there is any.
        raise BadCredentials("the assertion's signature has an empty value")
    methods = [one.get("Algorithm") for one in references[0].iter(f"{{{DSIG}}}Transform")]
    canonical = [one.get("Algorithm") for one in info[0].iter(f"{{{DSIG}}}CanonicalizationMethod")]
    prefixes = [
        one.get("PrefixList", "") for one in info[0].iter(f"{{{_C14N}}}InclusiveNamespaces")
    ]
    if any(len(one) > _LONGEST_PREFIXES for one in prefixes):
        raise BadCredentials("the assertion's signature names too many prefixes")
    if set(methods) != _TRANSFORMS or len(methods) != len(_TRANSFORMS) or canonical != [_C14N]:
        raise BadCredentials("the assertion's signature transforms what it signs")


def certificate_problem(certificate: x509.Certificate) -> str:
    """Why this certificate's key is not taken, "" where it is."""
    key = certificate.public_key()
    if isinstance(key, RSAPublicKey):
        return "" if key.key_size >= _LEAST_RSA else f"an RSA key of less than {_LEAST_RSA} bits"
    if isinstance(key, EllipticCurvePublicKey):
        return "" if key.key_size >= _LEAST_EC else f"an EC key of less than {_LEAST_EC} bits"
    return "a key that is neither RSA nor EC"


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname
