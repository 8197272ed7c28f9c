"""Only what a configured certificate has signed is believed, whatever stands around it."""

import logging
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod

from sessiongate.errors import BadCredentials
from sessiongate.identity.tokens.saml_signature import (
    DSIG,
    LARGEST,
    MOST_ELEMENTS,
    MOST_NAMESPACES,
    SAML,
    assertion_in,
    certificate_problem,
    signed_by,
)
from sessiongate.testing import T0
from tests.each import each
from tests.identity.tokens.assertions import (
    Assertion,
    in_soap,
    signed,
    signer,
    signer_with,
    verifier,
)

GOOD = signed()
EVIL = "administrator@corp.example"
# The real one without its signature, the signature alone, and one that nobody has signed.
SIGNATURE = GOOD[GOOD.index("<ds:Signature ") : GOOD.index("</ds:Signature>") + 15]
ORIGINAL = GOOD.replace(SIGNATURE, "")
UNSIGNED = Assertion(id="_evil", name=EVIL).xml()
UNSIGNED = UNSIGNED.replace(f'<ds:Signature xmlns:ds="{DSIG}" Id="placeholder"></ds:Signature>', "")


def believed(document: bytes | str) -> str:
    """Whom a document vouches for."""
    raw = document.encode() if isinstance(document, str) else document
    return verifier().check(raw, T0).principal.name


def why_not(document: bytes | str) -> str:
    with pytest.raises(BadCredentials) as refused:
        believed(document)
    return str(refused.value)


def test_sec_53_a_signed_assertion_is_believed_alone_and_in_soap() -> None:
    assert believed(GOOD) == "ada@corp.example"
    assert believed(in_soap(GOOD)) == "ada@corp.example"


def test_sec_53_one_of_two_certificates_is_enough() -> None:
    both = verifier(signer("ours").certificate, signer("next").certificate)
    for which in ("ours", "next"):
        assert both.check(signed(by=signer(which)).encode(), T0).typed == "Ada@corp.example"


def test_sec_53_elliptic_curves_are_taken() -> None:
    other = verifier(signer("ec").certificate)
    assert other.check(signed(by=signer("ec")).encode(), T0).typed == "Ada@corp.example"
    with pytest.raises(BadCredentials):
        other.check(GOOD.encode(), T0)


def test_sec_53_a_wrong_certificate_is_not_believed() -> None:
    # It comes along in the signature, and counts for nothing.
    assert "X509Certificate" in GOOD
    assert "not good" in why_not(signed(by=signer("stranger")))


def test_sec_53_an_expired_certificate_is_not_believed() -> None:
    old = signer_with(signer().key, begins=T0 - timedelta(days=3700))
    with pytest.raises(BadCredentials, match="InvalidCertificate"):
        verifier(old.certificate).check(GOOD.encode(), T0)


def test_sec_53_an_unsigned_assertion_is_not_believed() -> None:
    for document in (UNSIGNED, in_soap(UNSIGNED), in_soap(ORIGINAL)):
        assert "signature" in why_not(document)


def test_sec_53_a_changed_assertion_is_not_believed() -> None:
    for old, new in (
        ("Ada@corp", "Eve@corp"),
        ("2026-01-01T00:05", "2027-01-01T00:05"),
        ('ID="_one"', 'ID="_two"'),
        ("https://gate.example", "https://gate.other"),
    ):
        assert old in GOOD
        why_not(GOOD.replace(old, new))
        why_not(GOOD.replace(old, new).replace("#_one", "#_two"))


# Signature wrapping, numbered as in the study that named the forms: on the document's outermost
# element (1, 2), beside the assertion (3-5), inside (6, 8), and in an extension (7).

RESPONSE = "urn:oasis:names:tc:SAML:2.0:protocol"


def response(inside: str, identity: str = "_response") -> str:
    return f'<p:Response xmlns:p="{RESPONSE}" ID="{identity}">{inside}</p:Response>'


def into_evil(inside: str) -> str:
    """The forged assertion, with this after its issuer."""
    return UNSIGNED.replace("</saml2:Issuer>", f"</saml2:Issuer>{inside}", 1)


WRAPPED: dict[str, Callable[[], str]] = {
    "1": lambda: response(
        UNSIGNED + SIGNATURE.replace("</ds:Signature>", response(ORIGINAL) + "</ds:Signature>"),
        "_other",
    ),
    "2": lambda: response(response(ORIGINAL) + SIGNATURE + UNSIGNED, "_other"),
    "3": lambda: UNSIGNED + GOOD,
    "3, after": lambda: GOOD + UNSIGNED,
    "4": lambda: into_evil(GOOD),
    "5": lambda: into_evil(SIGNATURE) + ORIGINAL,
    "6": lambda: into_evil(SIGNATURE.replace("</ds:Signature>", ORIGINAL + "</ds:Signature>")),
    "7": lambda: f"<x:Extensions xmlns:x='{RESPONSE}'>{UNSIGNED}</x:Extensions>" + GOOD,
    "8": lambda: into_evil(
        SIGNATURE.replace("</ds:Signature>", f"<ds:Object>{ORIGINAL}</ds:Object></ds:Signature>")
    ),
    "the same ID": lambda: into_evil(SIGNATURE).replace("_evil", "_one") + ORIGINAL,
    "the same ID, inside": lambda: into_evil(GOOD).replace("_evil", "_one"),
}


@each("form", WRAPPED)
def test_sec_53_signature_wrapping_does_not_help(form: str) -> None:
    made = WRAPPED[form]()
    assert EVIL in made
    assert "Ada@corp" in made
    for document in (made, response(made), in_soap(made), in_soap(response(made))):
        why_not(document)
    # Nor where the forged one stands elsewhere in the message.
    why_not(in_soap(GOOD, header=UNSIGNED))
    why_not(in_soap(UNSIGNED, header=GOOD))


@each("form", WRAPPED)
def test_sec_53_the_signature_alone_would_not_let_wrapping_pass(form: str) -> None:
    """The second line: even a forged assertion that were picked is not what is signed."""
    try:
        root = etree.fromstring(response(WRAPPED[form]()))
    except etree.XMLSyntaxError:
        pytest.fail("the attack itself must be well-formed")
    picked = [
        one for one in root.iter(f"{{{SAML}}}Assertion") if EVIL in etree.tostring(one).decode()
    ]
    assert picked
    for one in picked:
        try:
            found = signed_by(one, [signer().certificate], T0)
        except BadCredentials:
            continue
        pytest.fail(f"{etree.tostring(found)!r} passed")


def test_sec_53_a_signed_response_says_nothing_of_its_assertion() -> None:
    # The whole response is signed, by the right key, and holds another's assertion.
    place = f'<ds:Signature xmlns:ds="{DSIG}" Id="placeholder"></ds:Signature>'
    whole = signed(response(place + UNSIGNED))
    why_not(whole)
    why_not(in_soap(whole))
    why_not(response(GOOD))


def test_sec_53_comments_cannot_split_a_name() -> None:
    cut = GOOD.replace("Ada@corp.example", "Ada@corp.example<!-- -->.evil.example")
    assert "comments" in why_not(cut)
    name = "administrator@corp.example.evil.example"
    split = signed(Assertion(name=name)).replace(
        name, "administrator@corp.example<!---->.evil.example"
    )
    # Canonical XML knows no comments: the signature alone would not notice.
    alone = etree.fromstring(split)
    found = signed_by(alone, [signer().certificate], T0)
    assert name in "".join(str(text) for text in found.itertext())
    for document in (split, in_soap(split)):
        assert "comments" in why_not(document)
    assert "comments" in why_not(split.replace("<!---->", "<?x y?>"))


def test_sec_53_two_elements_cannot_share_an_id() -> None:
    assert "ID twice" in why_not(in_soap(GOOD, header='<x ID="_one"/>'))
    assert "ID twice" in why_not(in_soap(GOOD, header='<x xml:id="_one"/>'))
    assert "ID twice" in why_not(in_soap(GOOD, body='<x Id="_one"/>'))
    assert believed(in_soap(GOOD, body='<x Id="_two"/>'))


@pytest.mark.parametrize(
    "start",
    [
        '<!DOCTYPE x [<!ENTITY who "Eve">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE x PUBLIC "-//x" "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;">]>',
        "<!DOCTYPE x>",
    ],
)
def test_sec_53_there_are_no_document_types_and_entities(start: str) -> None:
    assert why_not(start + GOOD) == "the document with the assertion has a document type"
    named = GOOD.replace("Ada@corp", "&who;@corp")
    why_not(start + named)
    why_not(named)


def test_sec_53_weak_algorithms_are_not_believed() -> None:
    for how in (
        {"signature_algorithm": SignatureMethod.RSA_SHA1},
        {"digest_algorithm": DigestAlgorithm.SHA1},
        {"signature_algorithm": SignatureMethod.RSA_SHA224},
        {"digest_algorithm": DigestAlgorithm.SHA224},
    ):
        weak = signed(**how)
        assert "InvalidInput" in why_not(weak)


def test_sec_53_no_secret_of_ours_is_a_key() -> None:
    # A MAC with the public key as its secret is what a careless verifier takes.
    hmac = GOOD.replace("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256")
    assert hmac != GOOD
    assert "not good" in why_not(hmac)


@each(
    ("old", "new"),
    [
        # The whole document instead of the assertion.
        ('URI="#_one"', 'URI=""'),
        ('URI="#_one"', 'URI="http://127.0.0.1:9/x"'),
        ('URI="#_one"', 'URI="#xpointer(/)"'),
        ('URI="#_one"', 'URI="##_one"'),
        # Transforms that leave something out.
        ("xmldsig#enveloped-signature", "xmldsig#base64"),
        (
            '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>',
            '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
            "<ds:XPath>false()</ds:XPath></ds:Transform>",
        ),
        (
            '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>',
            '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>',
        ),
        (
            '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>',
            '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>' * 2,
        ),
        # A second reference, to something harmless.
        ("</ds:SignedInfo>", '<ds:Reference URI="#_one"/></ds:SignedInfo>'),
        ("<ds:SignedInfo>", "<ds:SignedInfo/><ds:SignedInfo>"),
    ],
)
def test_sec_53_only_the_one_form_of_signature_is_looked_at(old: str, new: str) -> None:
    assert old in GOOD
    assert "not good" not in why_not(GOOD.replace(old, new, 1))


def test_sec_53_other_canonical_forms_are_not_taken() -> None:
    for form in (
        CanonicalizationMethod.CANONICAL_XML_1_0,
        CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0_WITH_COMMENTS,
    ):
        assert "transforms" in why_not(signed(c14n_algorithm=form))


def test_sec_53_another_signature_beside_is_no_bearer_login() -> None:
    beside = f'<ds:Signature xmlns:ds="{DSIG}"/>'
    assert "only signature" in why_not(in_soap(GOOD, beside))
    assert "only signature" in why_not(in_soap(ORIGINAL, SIGNATURE))


def test_encrypted_and_older_assertions_are_told() -> None:
    for name, namespace in (
        ("EncryptedAssertion", SAML),
        ("Assertion", "urn:oasis:names:tc:SAML:1.0:assertion"),
    ):
        assert "encrypted, or not of SAML 2.0" in why_not(f'<{name} xmlns="{namespace}"/>')


def test_what_is_too_large_or_no_xml_is_not_read() -> None:
    assert "larger than" in why_not(b" " * (LARGEST + 1))
    assert "too many" in why_not("<a>" * (2 * MOST_ELEMENTS + 1))
    assert "too many" in why_not(" xmlns" * (MOST_NAMESPACES + 1))
    assert "no XML" in why_not("")
    assert "no XML" in why_not("<a>")
    assert "UTF-8" in why_not('<?xml version="1.0" encoding="ISO-8859-1"?>' + GOOD)
    assert "UTF-8" in why_not(f'<?xml version="1.0" encoding="UTF-16"?>{GOOD}'.encode("utf-16"))
    prefixes = " ".join(f"p{number}" for number in range(100))
    many = (
        '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">'
        '<e:InclusiveNamespaces xmlns:e="http://www.w3.org/2001/10/xml-exc-c14n#"'
        f' PrefixList="{prefixes}"/></ds:Transform>'
    )
    plain = '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
    assert "prefixes" in why_not(GOOD.replace(plain, many))


def test_no_certificate_with_a_weak_key_is_taken() -> None:
    assert certificate_problem(signer().certificate) == ""
    assert certificate_problem(signer("ec").certificate) == ""
    assert "2048" in certificate_problem(signer("weak").certificate)
    short = signer_with(ec.generate_private_key(ec.SECP224R1()))
    assert "256" in certificate_problem(short.certificate)
    other = signer_with(dsa.generate_private_key(2048))
    assert "neither" in certificate_problem(other.certificate)


def test_signxml_writes_down_nothing_of_what_it_reads(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert believed(GOOD)
    assert "Ada" not in caplog.text


def test_sec_53_a_fault_of_our_own_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a bug would tell people that they are not who they are, and nobody would look for it."""

    def broken(*_: object, **__: object) -> None:
        raise AttributeError("a bug")

    monkeypatch.setattr("signxml.verifier.XMLVerifier.verify", broken)
    with pytest.raises(AttributeError, match="a bug"):
        believed(GOOD)


TEXTS = [(one.start(1), one.end(1)) for one in re.finditer(r">([^<>]+)<", SIGNATURE)]
VALUES = [(one.start(1), one.end(1)) for one in re.finditer(r'="([^"]*)"', SIGNATURE)]


@each(("start", "end"), TEXTS + VALUES)
@each("put", ["", " ", "=", "AAAA", "é", "<x/>", "<!-- -->", "http://a/b#rsa-sha1"])
def test_sec_53_a_part_of_a_signature_that_is_another_one_is_refused(
    start: int, end: int, put: str
) -> None:
    changed = SIGNATURE[:start] + put + SIGNATURE[end:]
    try:
        name = believed(GOOD.replace(SIGNATURE, changed))
    except BadCredentials:
        return
    # What the signature says of its key counts for nothing.
    assert name == "ada@corp.example"


# The sentence: whatever the bytes, they are refused, or what is signed is believed.


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_are_refused(start: bytes, end: bytes) -> None:
    for document in (start, start + b"<Assertion" + end):
        with pytest.raises(BadCredentials):
            assertion_in(document)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 40), st.text(max_size=6))
def test_sec_53_any_change_is_refused_or_changes_nothing(at: int, length: int, put: str) -> None:
    changed = GOOD[:at] + put + GOOD[at + length :]
    try:
        name = believed(changed.encode("utf-8", "surrogatepass"))
    except BadCredentials:
        return
    assert name == "ada@corp.example"
