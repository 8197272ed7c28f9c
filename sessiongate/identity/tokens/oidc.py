"""Bearer tokens of an OpenID provider (JWT, RFC 7519): who one vouches for, if it is believed.

The token says which key and which algorithm; the settings say which algorithms there are, and the
issuer which keys. joserfc checks the signature. Issuer, audience and times must then be what is
expected here. Such a token may be used again until it expires: that is what it is for.
"""

from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from sessiongate.errors import BadCredentials
from sessiongate.identity.tokens.keys import KINDS, IssuerKeys, Key
from sessiongate.identity.tokens.port import SKEW, Grants, Vouched
from sessiongate.session import BEARER, PresentedToken

LONGEST = 32 * 1024
"""Letters of a token. One with two hundred groups has about twelve thousand."""

# RFC 9068 for access tokens; the others are what issuers write who know of no types. What says to
# be anything else (a logout token, a proof of possession) is no token of a login.
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})

# Seconds since 1970: some 35,000 years, far from what a sum could overflow. No number is no time.
_LATEST = 2**40

Claims = Mapping[str, object]


class Expected(msgspec.Struct, frozen=True):
    """What a token must say, and where its name and groups stand."""

    issuer: str
    audience: str
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    algorithms: Collection[str] = tuple(KINDS)


class OidcVerifier:
    """Verifies the tokens of one issuer."""

    def __init__(self, name: str, expected: Expected, keys: IssuerKeys, grants: Grants) -> None:
        self.name = name
        self._expected = expected
        self._keys = keys
        self._grants = grants

    async def start(self) -> None:
        """Get ready to read the keys; they are read when the first token comes."""
        await self._keys.start()

    async def close(self) -> None:
        """Let go of connections."""
        await self._keys.close()

    def takes(self, presented: PresentedToken) -> bool:
        """Whether the token says of itself that it is of this issuer."""
        if presented.kind != BEARER:
            return False
        try:
            said = _part(presented.text.reveal(), 1).get("iss")
        except BadCredentials:
            return False
        return said == self._expected.issuer

    async def verify(self, presented: PresentedToken, now: datetime, address: str = "") -> Vouched:
        """What the token says. Raises BadCredentials or IdentityUnavailable.

        Whoever waits for the issuer's keys waits for one reading of them, all together, and keeps
        nobody else out: there are no turns, and the address is not asked for.
        """
        token = presented.text.reveal()
        header = _part(token, 0)
        algorithm, identity = self._algorithm(header), header.get("kid")
        if identity is not None and not isinstance(identity, str):
            raise BadCredentials("the token's key has no name")
        claims = await self._claims(token, identity, algorithm, now)
        self._judge(claims, now)
        typed = self._name(claims)
        full_name = claims.get("name")
        groups = _groups(claims, self._expected.groups_claim)
        return Vouched(
            self._grants.principal(typed, full_name if isinstance(full_name, str) else "", groups),
            typed,
        )

    def welcome(self, address: str) -> None:
        """Nobody is kept waiting by others."""

    async def _claims(
        self, token: str, identity: str | None, algorithm: str, now: datetime
    ) -> Claims:
        keys = await self._keys.of(identity, algorithm, now)
        try:
            return _signed(token, keys, algorithm)
        except BadCredentials:
            keys = await self._keys.newer(identity, algorithm, now, keys)
            if not keys:
                raise
        return _signed(token, keys, algorithm)

    def _algorithm(self, header: Claims) -> str:
        algorithm, kind = header.get("alg"), header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in self._expected.algorithms:
            raise BadCredentials("the token is signed in a way that is not taken here")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise BadCredentials("the token is not for logins")
        if "crit" in header:
            raise BadCredentials("the token asks for something that is not known here")
        return algorithm

    def _judge(self, claims: Claims, now: datetime) -> None:
        expected, moment, skew = self._expected, now.timestamp(), SKEW.total_seconds()
        if claims.get("iss") != expected.issuer:
            raise BadCredentials("the token is of another issuer")
        audience = claims.get("aud")
        if expected.audience not in (audience if isinstance(audience, list) else [audience]):
            raise BadCredentials("the token is for another audience")
        if moment >= _seconds(claims, "exp") + skew:
            raise BadCredentials("the token has expired")
        if moment + skew < _seconds(claims, "iat"):
            raise BadCredentials("the token is not good yet")
        if "nbf" in claims and moment + skew < _seconds(claims, "nbf"):
            raise BadCredentials("the token is not good yet")
        if "cnf" in claims:
            # Bound to a key that we do not ask for: borne by anybody else it is a stolen one.
            raise BadCredentials("the token is not for whoever bears it")

    def _name(self, claims: Claims) -> str:
        claim = self._expected.name_claim
        name = claims.get(claim)
        if not isinstance(name, str):
            raise BadCredentials(f"the token has no {claim}")
        if claim == "email" and claims.get("email_verified") is not True:
            # Anybody may claim an address before it is verified.
            raise BadCredentials("the token's e-mail address is not verified")
        return name


def _signed(token: str, keys: Collection[Key], algorithm: str) -> Claims:
    """What is signed with one of these keys, of which a set may list several under one name."""
    why = ""
    for key in keys:
        try:
            return _decoded(token, key, algorithm)
        except BadCredentials as wrong:
            why = str(wrong)
    raise BadCredentials(why)


def _decoded(token: str, key: Key, algorithm: str) -> Claims:
    try:
        claims: object = jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, RecursionError) as wrong:
        # What the library raises at what a stranger sent. Anything else is a fault of ours, and no
        # answer to whether the token is good.
        why = type(wrong).__name__
        raise BadCredentials(f"the token's signature is not good: {why}") from wrong
    if not isinstance(claims, dict):  # joserfc before 1.8 returns any JSON that is signed
        raise BadCredentials("the token holds no claims")
    return claims


def _part(token: str, number: int) -> Claims:
    """The header (0) or the claims (1) of a token, not believed. Raises BadCredentials."""
    if len(token) > LONGEST:
        raise BadCredentials(f"the token is longer than {LONGEST} letters")
    parts = token.split(".")
    if len(parts) != 3:
        raise BadCredentials("the token is none with a signature")
    try:
        text = parts[number].encode("ascii")
        found = msgspec.json.decode(urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
    except (ValueError, RecursionError):  # msgspec's and base64's own are ValueErrors
        raise BadCredentials("the token cannot be read") from None
    if not isinstance(found, dict):
        raise BadCredentials("the token cannot be read")
    return found


def _seconds(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_LATEST < value < _LATEST
    ):
        return value
    raise BadCredentials(f"the token has no {name}")


def _groups(claims: Claims, claim: str) -> list[str]:
    """The texts of a claim, by its name or by a path of names with dots (`realm_access.roles`)."""
    found: object = claims.get(claim)
    if found is None and "." in claim:
        found = claims
        for name in claim.split("."):
            found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        return [found]
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
