"""A signed assertion counts for its audience, in its time, for whoever bears it, and once."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from sessiongate.errors import BadCredentials, Overloaded
from sessiongate.identity.tokens.port import SKEW, Grants, VerifiedToken
from sessiongate.identity.tokens.saml import GROUPS, MOST_WAITING, TRANSIENT, SamlVerifier
from sessiongate.identity.tokens.saml_signature import SAML
from sessiongate.secret import Secret
from sessiongate.session import PresentedToken
from sessiongate.testing import T0, TICK
from tests.identity.tokens.assertions import (
    AUDIENCE,
    HOK,
    LIFE,
    NAME,
    Assertion,
    in_soap,
    signed,
    verifier,
)

SECOND = timedelta(seconds=1)


def said(**facts: Any) -> Assertion:
    return Assertion(**facts)


def check(
    assertion: Assertion | str, now: datetime = T0, by: SamlVerifier | None = None
) -> VerifiedToken:
    text = assertion if isinstance(assertion, str) else signed(assertion)
    return (by or verifier()).check(text.encode(), now)


def why_not(assertion: Assertion | str, now: datetime = T0, by: SamlVerifier | None = None) -> str:
    with pytest.raises(BadCredentials) as refused:
        check(assertion, now, by)
    return str(refused.value)


def test_a_good_assertion_says_who_it_is() -> None:
    vouched = check(Assertion(attributes={GROUPS: ["CORP\\Admins", "CORP\\Others"]}))
    principal = vouched.principal
    assert (principal.name, principal.user_name) == ("ada@corp.example", r"CORP.EXAMPLE\Ada")
    assert (principal.roles, principal.provider) == (("administrator",), "tokens.idp")
    assert vouched.typed == NAME


def test_who_is_in_no_known_group_has_the_role_of_all() -> None:
    assert check(Assertion(attributes={GROUPS: ["CORP\\Others"]})).principal.roles == ("user",)
    assert check(Assertion()).principal.roles == ("user",)
    strict = verifier(grants=Grants("idp", roles={"CORP\\Admins": "administrator"}))
    assert check(Assertion(), by=strict).principal.roles == ()


# Times


@pytest.mark.parametrize(
    ("which", "why"),
    [
        ({"until": T0}, "expired"),
        ({"confirmed_until": T0}, "expired"),
        ({"not_before": T0 + 2 * SKEW + SECOND}, "not good yet"),
        ({"confirmed_from": T0 + 2 * SKEW + SECOND}, "not good yet"),
        ({"at": T0 + 2 * SKEW + SECOND}, "not good yet"),
    ],
)
def test_sec_54_each_time_counts_alone(which: dict[str, Any], why: str) -> None:
    # Everything else about it is good for the five minutes to come.
    assert why in why_not(Assertion(**which), T0 + SKEW)


@pytest.mark.parametrize("place", ["until", "confirmed_until"])
def test_sec_54_an_assertion_ends_at_its_limit_itself(place: str) -> None:
    other = "confirmed_until" if place == "until" else "until"
    assertion = said(**{place: T0 + LIFE, other: T0 + 10 * LIFE})
    limit = T0 + LIFE + SKEW
    assert check(assertion, limit - TICK).typed == NAME
    assert "expired" in why_not(assertion, limit)


@pytest.mark.parametrize("place", ["not_before", "confirmed_from", "at"])
def test_sec_54_an_assertion_begins_at_its_limit_itself(place: str) -> None:
    assertion = said(**{place: T0 + SKEW})
    assert check(assertion, T0).typed == NAME
    assert "not good yet" in why_not(assertion, T0 - TICK)


@pytest.mark.parametrize("place", ["until", "confirmed_until"])
def test_sec_54_an_assertion_without_an_end_is_refused(place: str) -> None:
    assert "no NotOnOrAfter" in why_not(said(**{place: None}))


@pytest.mark.parametrize(
    "said",
    [
        "2026-01-01T00:05:00",
        "2026-01-01T00:05:00+00:00",
        "2026-01-01",
        "2026-13-01T00:05:00Z",
        "9999-12-31T23:59:59Z",
        "",
        "never",
        "２０２６-01-01T00:05:00Z",
    ],
)
def test_sec_54_a_time_that_is_no_time_is_refused(said: str) -> None:
    text = (
        Assertion()
        .xml()
        .replace('NotOnOrAfter="2026-01-01T00:05:00.000Z"', f'NotOnOrAfter="{said}"')
    )
    assert "NotOnOrAfter in UTC" in why_not(signed(text))


# For whom


def test_sec_54_an_assertion_for_another_audience_is_refused() -> None:
    assert "another audience" in why_not(Assertion(audiences=("https://other.example",)))
    assert "another audience" in why_not(Assertion(audiences=(AUDIENCE + "/",)))
    assert "another audience" in why_not(Assertion(audiences=()))
    assert "no audience" in why_not(Assertion(audiences=None))
    assert check(Assertion(audiences=("https://other.example", AUDIENCE)))


def test_sec_54_all_restrictions_must_name_us() -> None:
    other = (
        "<saml2:AudienceRestriction><saml2:Audience>x</saml2:Audience></saml2:AudienceRestriction>"
    )
    assert "another audience" in why_not(Assertion(conditions=other))


def test_sec_53_an_assertion_of_another_issuer_is_refused() -> None:
    # Signed by the right key, which may sign for many.
    assert "another issuer" in why_not(Assertion(issuer="https://other.example"))


def test_sec_53_the_key_of_a_holder_is_not_asked_for_so_its_token_is_refused() -> None:
    assert "bears it" in why_not(Assertion(method=HOK))


def test_conditions_that_are_known_are_kept_and_others_refuse() -> None:
    known = (
        '<saml2:OneTimeUse/><saml2:ProxyRestriction Count="10"/>'
        '<saml2:Condition xmlns:rsa="http://www.rsa.com/names/2009/12/std-ext/SAML2.0" Count="9"'
        ' PostDatable="false" xsi:type="rsa:RenewRestrictionType"/>'
    )
    assert check(Assertion(conditions=known))
    for unknown in (
        '<saml2:Condition xsi:type="del:DelegationRestrictionType"/>',
        "<saml2:Condition/>",
        "<saml2:Else/>",
    ):
        assert "not known here" in why_not(Assertion(conditions=unknown))


def test_another_version_is_refused() -> None:
    assert "SAML 2.0" in why_not(Assertion(version="2.1"))


@pytest.mark.parametrize(
    "name", ["Issuer", "Subject", "NameID", "Conditions", "SubjectConfirmation"]
)
def test_what_counts_stands_there_once(name: str) -> None:
    text = Assertion().xml()
    begin, end = text.index(f"<saml2:{name}"), text.index(f"</saml2:{name}>") + len(name) + 9
    without = text[:begin] + text[end:]
    twice = text[:end] + text[begin:end] + text[end:]
    for wrong in (without, twice):
        assert f"exactly one {name}" in why_not(signed(wrong))


# Names


def test_a_name_is_a_name() -> None:
    assert "no user name" in why_not(Assertion(name=" "))
    assert "control" in why_not(Assertion(name="a\tb"))
    assert "transient" in why_not(Assertion(name_format=TRANSIENT))
    inside = Assertion().xml().replace(NAME, f"ada<saml2:x xmlns:saml2='{SAML}'/>")
    assert "where a text belongs" in why_not(signed(inside))


def test_the_name_may_stand_in_an_attribute() -> None:
    by = verifier(name_attribute="upn", groups_attribute="groups")
    facts = {"upn": ["Eve@corp.example"], "groups": ["CORP\\Admins"]}
    principal = check(Assertion(attributes=facts, name_format=TRANSIENT), by=by).principal
    assert (principal.name, principal.roles) == ("eve@corp.example", ("administrator",))
    wrongs: list[dict[str, list[str]]] = [{}, {"upn": []}, {"upn": ["a", "b"]}, {"UPN": ["a"]}]
    for wrong in wrongs:
        assert "exactly once" in why_not(Assertion(attributes=wrong), by=by)


# Once


def test_sec_54_the_same_assertion_has_the_same_mark_until_it_is_worthless() -> None:
    first, again = check(Assertion()), check(in_soap(signed(Assertion())).decode())
    assert first.once is not None
    assert first.once == again.once
    limit = first.once.expires_at
    assert check(Assertion(), limit - TICK)
    assert "expired" in why_not(Assertion(), limit)
    sooner = check(Assertion(confirmed_until=T0 + LIFE / 2)).once
    assert sooner is not None
    assert sooner.expires_at < limit
    other = check(Assertion(id="_two")).once
    assert other is not None
    assert other.digest != first.once.digest


# The verifier as the server has it


def presented(text: bytes) -> PresentedToken:
    return PresentedToken.of_document(text)


async def test_it_takes_what_says_to_be_of_its_issuer() -> None:
    of = verifier()
    assert of.takes(presented(in_soap(signed())))
    assert not of.takes(presented(signed(Assertion(issuer="https://other.example")).encode()))
    assert not of.takes(PresentedToken("bearer", Secret(signed())))
    await of.close()


async def test_checks_run_beside_the_loop_and_are_bounded() -> None:
    of = verifier()
    await of.start()
    document = presented(in_soap(signed()))
    answers = await asyncio.gather(
        *(of.verify(document, T0) for _ in range(1 + MOST_WAITING + 5)), return_exceptions=True
    )
    assert sum(isinstance(one, VerifiedToken) for one in answers) == 1 + MOST_WAITING
    assert sum(isinstance(one, Overloaded) for one in answers) == 5
    assert (await of.verify(document, T0)).typed == NAME
    with pytest.raises(BadCredentials):
        await of.verify(document, T0 + 2 * LIFE)
    await of.close()


# Whose turn it is

HOME = "198.51.100.7"


async def ask(of: SamlVerifier, *addresses: str) -> tuple[list[str], list[str]]:
    """A forged assertion from each, at the same moment. Who was answered, in order; the others."""
    forged = presented(in_soap(signed().replace(NAME, "eve")))
    answered: list[str] = []
    refused: list[str] = []

    async def one(address: str) -> None:
        try:
            await of.verify(forged, T0, address)
        except Overloaded:
            refused.append(address)
        except BadCredentials:
            answered.append(address)

    # Each takes its place in the first round of the loop, before any can have been answered.
    await asyncio.gather(*map(one, addresses))
    return answered, refused


@pytest.mark.parametrize("hostile", [2, 40, 2 * MOST_WAITING])
@pytest.mark.parametrize("network", ["203.0.113.{}", "2001:db8:0:{:x}::1"])
async def test_sec_76_one_network_that_floods_costs_a_newcomer_one_turn(
    hostile: int, network: str
) -> None:
    of = verifier()
    answered, _ = await ask(of, *map(network.format, range(hostile)), HOME)
    assert answered.index(HOME) == 1
    await of.close()


@pytest.mark.parametrize("hostile", [MOST_WAITING, 3 * MOST_WAITING])
async def test_sec_76_who_came_in_before_is_next_while_many_networks_flood(hostile: int) -> None:
    of = verifier()
    of.welcome(HOME)
    answered, refused = await ask(of, *(f"10.0.{n}.1" for n in range(hostile)), HOME)
    assert answered.index(HOME) == 1
    assert HOME not in refused
    await of.close()


async def test_sec_76_an_assertion_alone_makes_no_address_known() -> None:
    """It may be forged, or one that has been used before."""
    of = verifier()
    await ask(of, HOME)
    await of.verify(presented(in_soap(signed())), T0, HOME)
    strangers = [f"10.0.{n}.1" for n in range(8)]
    answered, _ = await ask(of, *strangers, HOME)
    assert answered == [*strangers, HOME]
    await of.close()
