"""A bearer token is believed when its issuer's key has signed it, for us, now. No other is."""

import hmac
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import BadCredentials, IdentityUnavailable
from sessiongate.identity.tokens.keys import PAUSE, IssuerKeys
from sessiongate.identity.tokens.oidc import ExpectedToken, OidcVerifier
from sessiongate.identity.tokens.port import SKEW, Grants, VerifiedToken
from sessiongate.identity.tokens.signed import LONGEST
from sessiongate.secret import Secret
from sessiongate.session import PresentedToken
from sessiongate.testing import T0
from tests.identity.tokens.issuers import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    entry,
    key,
    part,
    sign,
    token,
)
from tests.identity.tokens.test_keys import FakeSource

SECOND = timedelta(seconds=1)
KEYS = (entry(), entry("second"), entry("ec"))


def presented(text: str) -> PresentedToken:
    return PresentedToken("bearer", Secret(text))


def verifier(source: FakeSource | None = None, **expected: Any) -> OidcVerifier:
    facts = {"issuer": ISSUER, "audience": AUDIENCE, **expected}
    return OidcVerifier(
        "idp",
        ExpectedToken(**facts),
        IssuerKeys("idp", source or FakeSource(*KEYS)),
        Grants("idp", role="user", roles={"admins": "administrator"}),
    )


async def check(text: str, now: Any = T0, **expected: Any) -> VerifiedToken:
    return await verifier(**expected).verify(presented(text), now)


async def why_not(text: str, now: Any = T0, **expected: Any) -> str:
    with pytest.raises(BadCredentials) as refused:
        await check(text, now, **expected)
    assert "Ada" not in str(refused.value)
    return str(refused.value)


async def test_sec_55_a_good_token_says_who_it_is() -> None:
    vouched = await check(token())
    principal = vouched.principal
    assert (principal.name, principal.full_name) == ("ada@corp.example", "Ada Lovelace")
    assert (principal.roles, principal.provider) == (("administrator",), "tokens.idp")
    assert vouched.once is None
    assert vouched.typed == "Ada@corp.example"


@pytest.mark.parametrize(("by", "alg"), [("first", "PS256"), ("second", "RS256"), ("ec", "ES256")])
async def test_sec_55_each_of_the_three_algorithms_is_taken(by: str, alg: str) -> None:
    assert await check(token(by, alg))
    assert "not taken" in await why_not(token(by, alg), algorithms=["RS384"])


async def test_the_verifier_takes_its_issuers_bearer_tokens() -> None:
    of = verifier()
    await of.start()
    assert of.takes(presented(token()))
    assert not of.takes(presented(token(iss="https://other.example")))
    assert not of.takes(presented("a.b.c"))
    assert not of.takes(PresentedToken("saml", Secret(token())))
    await of.close()


# Forgeries


async def test_sec_55_no_algorithm_is_none() -> None:
    for alg in ("none", "None", "NONE", "", "RS1", "HS256", "RS512", "dir", None, 5, ["RS256"]):
        forged = f"{part({'alg': alg, 'typ': 'JWT', 'kid': 'first'})}.{part(CLAIMS)}."
        assert "not taken" in await why_not(forged)
        assert "not taken" in await why_not(forged + token().rpartition(".")[2])


async def test_sec_55_a_public_key_is_no_shared_secret() -> None:
    for secret in (key().as_pem(private=False), key().as_der(private=False)):
        start = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(CLAIMS)}"
        mac = hmac.digest(secret, start.encode(), "sha256")
        assert "not taken" in await why_not(f"{start}.{part(mac)}")


async def test_sec_55_a_strangers_key_signs_nothing() -> None:
    assert "not good" in await why_not(token("stranger", header={"kid": "first"}))
    assert "does not list" in await why_not(token("stranger"))
    # Nor does one that the token brings along.
    for brought in (
        {"jwk": key("stranger").as_dict(private=False)},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AAAA"]},
    ):
        await why_not(token("stranger", header={"kid": "first", **brought}))
    await why_not(token("stranger", header={"kid": None}))
    await why_not(token("stranger", header={"kid": "../../etc/passwd"}))
    assert "no name" in await why_not(token(header={"kid": 5}))


async def test_sec_55_a_key_signs_only_as_its_kind_does() -> None:
    for forged in (token("first", header={"kid": "ec"}), token("ec", "ES256", {"kid": "first"})):
        await why_not(forged)


async def test_sec_55_a_changed_token_is_refused() -> None:
    head, body, signature = token().split(".")
    other = part({**CLAIMS, "preferred_username": "root"})
    for forged in (
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{signature}.{signature}",
        f"{head}.{body}.{signature[:-4]}",
        f"{body}.{head}.{signature}",
        f"{part({'alg': 'PS256', 'kid': 'first'})}.{body}.{signature}",
        "",
        "..",
        "é.é.é",
    ):
        await why_not(forged)


async def test_sec_55_two_keys_of_one_name_are_both_looked_at() -> None:
    source = FakeSource(entry("second", kid="first"), entry())
    assert await verifier(source).verify(presented(token()), T0)


NAMELESS = (
    {**entry(), "kid": None},
    {**entry("second"), "kid": None},
    {**entry("ec"), "kid": None},
)


@pytest.mark.parametrize("listed", [KEYS, NAMELESS])
@pytest.mark.parametrize(("by", "alg"), [("first", "PS256"), ("second", "RS256"), ("ec", "ES256")])
async def test_sec_55_tokens_and_keys_may_be_without_names(
    listed: tuple[dict[str, Any], ...], by: str, alg: str
) -> None:
    of = verifier(FakeSource(*listed))
    unnamed = sign({"alg": alg}, CLAIMS, by)
    assert (await of.verify(presented(unnamed), T0)).principal.name == "ada@corp.example"
    if listed is NAMELESS:
        assert await of.verify(presented(token(by, alg)), T0)
    head, body, signature = unnamed.split(".")
    for forged in (
        sign({"alg": "RS256"}, CLAIMS, "stranger"),
        f"{part({'alg': 'none'})}.{part(CLAIMS)}.",
        f"{part({'alg': 'HS256'})}.{part(CLAIMS)}.{part(b'x' * 32)}",
        f"{head}.{part({**CLAIMS, 'preferred_username': 'root'})}.{signature}",
        f"{part({'alg': 'RS256', 'kid': 'x'})}.{body}.{signature}",
        f"{head}.{body}.",
    ):
        with pytest.raises(BadCredentials):
            await of.verify(presented(forged), T0)


async def test_sec_55_a_new_key_without_a_name_is_read_when_a_token_needs_it() -> None:
    source = FakeSource(NAMELESS[0])
    of = verifier(source)
    assert await of.verify(presented(sign({"alg": "RS256"}, CLAIMS, "first")), T0)
    source.entries = (NAMELESS[1],)
    second = presented(sign({"alg": "RS256"}, CLAIMS, "second"))
    with pytest.raises(BadCredentials):
        await of.verify(second, T0)  # just read
    assert await of.verify(second, T0 + PAUSE)
    assert source.reads == 2


async def test_sec_55_what_is_not_for_logins_is_refused() -> None:
    others: list[Any] = ["logout+jwt", "dpop+jwt", "secevent+jwt", 5]
    for other in others:
        assert "not for logins" in await why_not(token(header={"typ": other}))
    for kind in ("JWT", "jwt", "at+jwt", "application/at+jwt", None):
        assert await check(token(header={"typ": kind}))
    assert "not known" in await why_not(token(header={"crit": ["exp"]}))
    assert "not known" in await why_not(token(header={"crit": ["b64"], "b64": False}))
    assert "bears it" in await why_not(token(cnf={"jkt": "x"}))


# Claims


async def test_sec_55_the_issuer_is_exactly_the_one() -> None:
    for issuer in (ISSUER + "/", ISSUER.upper(), "https://other.example", None, [ISSUER]):
        assert "another issuer" in await why_not(token(iss=issuer))


async def test_sec_55_the_audience_is_ours() -> None:
    for audience in ("other", AUDIENCE + " ", None, [], ["other"], {"gate": 1}, [[AUDIENCE]]):
        assert "another audience" in await why_not(token(aud=audience))
    assert await check(token(aud=["other", AUDIENCE]))


async def test_sec_55_a_token_ends_and_begins_at_its_limits() -> None:
    ends = T0 + timedelta(seconds=300) + SKEW
    assert await check(token(), ends - SECOND)
    assert "expired" in await why_not(token(), ends)
    soon = NOW + int(SKEW.total_seconds())
    assert await check(token(nbf=soon, iat=soon))
    assert "not good yet" in await why_not(token(nbf=soon), T0 - SECOND)
    assert "not good yet" in await why_not(token(iat=soon), T0 - SECOND)


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
async def test_sec_55_a_time_that_is_no_time_is_refused(claim: str) -> None:
    wrong: list[Any] = ["soon", True, [], float("nan"), float("inf"), 10**400, -(10**400), {}]
    for value in wrong if claim == "nbf" else [*wrong, None]:
        assert f"no {claim}" in await why_not(token(**{claim: value}))


async def test_names_and_groups_stand_where_the_settings_say() -> None:
    assert (await check(token(upn="eve"), name_claim="upn")).principal.name == "eve"
    others: list[Any] = [None, 5, ["ada"]]
    for other in others:
        assert "no preferred_username" in await why_not(token(preferred_username=other))
    for name in ("", " ", "a\nb"):
        await why_not(token(preferred_username=name))
    assert (await check(token(name=5))).principal.full_name == r"CORP.EXAMPLE\Ada"


async def test_an_address_counts_once_it_is_verified() -> None:
    mail: Any = {"email": "ada@corp.example"}
    for verified in (None, False, "true", 1):
        said = await why_not(token(**mail, email_verified=verified), name_claim="email")
        assert "not verified" in said
    assert await check(token(**mail, email_verified=True), name_claim="email")


@pytest.mark.parametrize(
    ("claims", "where", "roles"),
    [
        ({"groups": ["admins"]}, "groups", ("administrator",)),
        ({"groups": "admins"}, "groups", ("administrator",)),
        ({"groups": [5, "admins"]}, "groups", ("administrator",)),
        ({"groups": {"admins": 1}}, "groups", ("user",)),
        ({"groups": None}, "groups", ("user",)),
        ({"realm_access": {"roles": ["admins"]}}, "realm_access.roles", ("administrator",)),
        ({"https://x.example/g": ["admins"]}, "https://x.example/g", ("administrator",)),
        ({"realm_access": ["roles"]}, "realm_access.roles", ("user",)),
        ({}, "realm_access.roles", ("user",)),
    ],
)
async def test_groups_become_roles(claims: Any, where: str, roles: tuple[str, ...]) -> None:
    assert (await check(token(**claims), groups_claim=where)).principal.roles == roles


async def test_sec_55_an_outage_of_the_issuer_is_no_refusal() -> None:
    source = FakeSource(*KEYS)
    source.outage = True
    of = verifier(source)
    with pytest.raises(IdentityUnavailable):
        await of.verify(presented(token()), T0)
    # What needs no key to be refused is refused.
    with pytest.raises(BadCredentials):
        await of.verify(presented(token(header={"typ": "logout+jwt"})), T0)


# The sentence: whatever the text, it is refused, or a token of the issuer is believed.


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
async def test_sec_55_any_text_is_refused(text: str) -> None:
    for one in (text, f"{part({'alg': 'RS256', 'kid': 'first'})}.{text}.{text}"):
        with pytest.raises(BadCredentials):
            await check(one)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_NAMES = st.sampled_from([*CLAIMS, "nbf", "cnf", "email", "email_verified"])


@given(st.dictionaries(_NAMES, _JSON, min_size=1))
async def test_sec_55_any_signed_claims_are_judged(claims: dict[str, Any]) -> None:
    try:
        vouched = await check(sign({"alg": "RS256", "kid": "first"}, {**CLAIMS, **claims}))
    except BadCredentials:
        return
    assert {**CLAIMS, **claims}["aud"] in (AUDIENCE, [AUDIENCE])
    assert vouched.principal.name


_HEADERS = st.sampled_from(
    [
        *("typ", "kid", "cty", "crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "x5t"),
        *("x5t#S256", "enc", "epk", "url", "nonce", "p2c", "alg"),
    ]
)


@given(st.dictionaries(_HEADERS, _JSON, min_size=1), st.text("Ab-_=*é", max_size=400))
async def test_sec_55_any_header_and_signature_are_judged(
    header: dict[str, Any], signature: str
) -> None:
    said = {"alg": "RS256", "kid": "first", **header}
    with pytest.raises(BadCredentials):
        await check(f"{part(said)}.{part(CLAIMS)}.{signature}")


async def test_sec_55_a_fault_of_our_own_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a bug would tell people that they are not who they are, and nobody would look for it."""

    def broken(*_: object, **__: object) -> None:
        raise AttributeError("a bug")

    monkeypatch.setattr("sessiongate.identity.tokens.signed.jwt.decode", broken)
    with pytest.raises(AttributeError, match="a bug"):
        await check(token())


async def test_sec_55_nesting_and_length_are_no_way_to_break_it() -> None:
    for payload in (b"[" * 20_000, b'{"a":' * 4_000, b"[]", b"5", b'"x"'):
        await why_not(sign({"alg": "RS256", "kid": "first"}, payload))
    assert "longer" in await why_not("a" * (LONGEST + 1))
