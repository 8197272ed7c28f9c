"""SAML 2.0 bearer assertions: who one vouches for, if it is to be believed.

Which element is signed, and by whom, `saml_signature` finds out. Issuer, times, audience,
confirmation and name are read from that element alone, never from what was sent. That an assertion
is good for one login only is left to whoever has a store; here its mark is made.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import MAXYEAR, UTC, datetime, timedelta
from hashlib import sha256

import msgspec
from cryptography import x509
from lxml import etree

from sessiongate.errors import BadCredentials
from sessiongate.identity.guard.fair_turns import FairTurns
from sessiongate.identity.tokens.port import SKEW, Grants, SingleUse, VerifiedToken
from sessiongate.identity.tokens.saml_signature import SAML, assertion_in, signed_by
from sessiongate.session import SAML as KIND
from sessiongate.session import PresentedToken

# Logins by assertion that may wait for the one thread. Checking one takes a few milliseconds.
MOST_WAITING = 64

PATIENCE = timedelta(seconds=10)
"""How long an assertion may wait for its turn. Clients of vSphere give up after 30 seconds."""

BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
GROUPS = "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity"
"""The attribute in which vCenter's own token service lists groups."""
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z")


class ExpectedAssertion(msgspec.Struct, frozen=True):
    """What an assertion must say, and where its name and groups stand. "" for the NameID."""

    issuer: str
    audience: str
    name_attribute: str = ""
    groups_attribute: str = GROUPS


class SamlVerifier:
    """Verifies the assertions of one issuer."""

    def __init__(
        self,
        name: str,
        expected: ExpectedAssertion,
        certificates: Sequence[x509.Certificate],
        grants: Grants,
    ) -> None:
        self.name = name
        self._expected = expected
        self._certificates = tuple(certificates)
        self._grants = grants
        # Off the event loop, and one at a time: strangers decide how many there are.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sessiongate-saml")
        # Strangers decide who asks, too: nobody waits for more than his share of them.
        self._turns = FairTurns(
            1, MOST_WAITING, PATIENCE.total_seconds(), f"the check of assertions of {name!r}"
        )

    async def start(self) -> None:
        """Nothing to get ready."""

    async def close(self) -> None:
        """End the thread; who still waits is not answered."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def takes(self, presented: PresentedToken) -> bool:
        """Whether the document could hold an assertion of this issuer: its name stands in it."""
        if presented.kind != KIND:
            return False
        # Escaped as XML writers do. A look at the bytes: the document is parsed once, later.
        # No pattern that could look at one place twice: strangers choose the document.
        name = self._expected.issuer.replace("&", "&amp;").encode()
        return bool(re.search(rb">\s*" + re.escape(name) + rb"\s*<", presented.document()))

    async def verify(
        self, presented: PresentedToken, now: datetime, address: str = ""
    ) -> VerifiedToken:
        """What the assertion says. Raises BadCredentials or Overloaded."""
        async with self._turns.turn(address):
            return await asyncio.wrap_future(
                self._thread.submit(self.check, presented.document(), now)
            )

    def welcome(self, address: str) -> None:
        """Let assertions from here not wait behind those of strangers."""
        self._turns.welcome(address)

    def check(self, document: bytes, now: datetime) -> VerifiedToken:
        """The same, at once and on this thread."""
        assertion = assertion_in(document)
        signed = signed_by(assertion, self._certificates, now)
        return self._read(signed, now)

    def _read(self, signed: etree._Element, now: datetime) -> VerifiedToken:
        expected = self._expected
        if signed.get("Version") != "2.0":
            raise BadCredentials("the assertion is not of SAML 2.0")
        if _text(_only_child(signed, "Issuer")) != expected.issuer:
            raise BadCredentials("the assertion is of another issuer")
        _must_have_begun(signed, "IssueInstant", now)
        subject = _only_child(signed, "Subject")
        expires_at = min(
            _conditions(_only_child(signed, "Conditions"), expected.audience, now),
            _confirmation(_only_child(subject, "SubjectConfirmation"), now),
        )
        typed = self._name(signed, subject)
        groups = _values(signed, expected.groups_attribute)
        mark = "\0".join(("saml", expected.issuer, signed.get("ID", "")))
        return VerifiedToken(
            self._grants.principal(typed, "", groups),
            typed,
            SingleUse(sha256(mark.encode()).digest(), expires_at + SKEW),
        )

    def _name(self, signed: etree._Element, subject: etree._Element) -> str:
        if not self._expected.name_attribute:
            name = _only_child(subject, "NameID")
            if name.get("Format") == TRANSIENT:
                raise BadCredentials("the assertion names nobody: its name is a transient one")
            return _text(name)
        names = list(_values(signed, self._expected.name_attribute))
        if len(names) != 1:
            raise BadCredentials("the assertion does not hold the name's attribute exactly once")
        return names[0]


# The words


def _conditions(conditions: etree._Element, audience: str, now: datetime) -> datetime:
    """Until when they hold. Raises BadCredentials when they do not."""
    restrictions = 0
    for one in conditions:
        if one.tag == f"{{{SAML}}}AudienceRestriction":
            restrictions += 1
            if audience not in [_text(name) for name in one.findall(f"{{{SAML}}}Audience")]:
                raise BadCredentials("the assertion is for another audience")
        elif one.tag == f"{{{SAML}}}Condition":
            # vCenter's token service says so how often it would renew the token, and nothing else.
            if one.get(_XSI_TYPE, "").rpartition(":")[2] != "RenewRestrictionType":
                raise BadCredentials("the assertion has a condition that is not known here")
        elif one.tag not in _HARMLESS:
            raise BadCredentials("the assertion has a condition that is not known here")
    if not restrictions:
        raise BadCredentials("the assertion is for no audience")
    return _lasting(conditions, now)


# Single use is what we hold everybody to; we pass no assertion on.
_HARMLESS = frozenset({f"{{{SAML}}}OneTimeUse", f"{{{SAML}}}ProxyRestriction"})


def _confirmation(confirmation: etree._Element, now: datetime) -> datetime:
    if confirmation.get("Method") != BEARER:
        raise BadCredentials("the assertion is not for whoever bears it")
    return _lasting(_only_child(confirmation, "SubjectConfirmationData"), now)


def _lasting(element: etree._Element, now: datetime) -> datetime:
    """NotOnOrAfter, which must be there; NotBefore may be."""
    if element.get("NotBefore") is not None:
        _must_have_begun(element, "NotBefore", now)
    until = _moment(element, "NotOnOrAfter")
    if now >= until + SKEW:
        raise BadCredentials("the assertion has expired")
    return until


def _must_have_begun(element: etree._Element, attribute: str, now: datetime) -> None:
    if now + SKEW < _moment(element, attribute):
        raise BadCredentials("the assertion is not good yet")


def _moment(element: etree._Element, attribute: str) -> datetime:
    found = _MOMENT.fullmatch(element.get(attribute, ""))
    try:
        if found is not None:
            # Fractions are cut: no clock is that good.
            moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
            if moment.year < MAXYEAR:  # a little is added to it
                return moment
    except ValueError:
        pass
    raise BadCredentials(f"the assertion has no {attribute} in UTC")


def _only_child(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(f"{{{SAML}}}{name}")
    if len(found) != 1:
        raise BadCredentials(f"the assertion does not hold exactly one {name}")
    return found[0]


def _values(signed: etree._Element, attribute: str) -> Iterator[str]:
    for one in signed.findall(f"{{{SAML}}}AttributeStatement/{{{SAML}}}Attribute"):
        if one.get("Name") == attribute:
            yield from map(_text, one.findall(f"{{{SAML}}}AttributeValue"))


def _text(element: etree._Element) -> str:
    if len(element):
        raise BadCredentials("the assertion holds elements where a text belongs")
    return (element.text or "").strip()
