"""Signed tokens (JWT, RFC 7519): what is in one, once a key has signed it and its time is now.

The token says which key and which algorithm; whoever asks says which algorithms there are, and an
issuer's set which keys. joserfc checks the signature. A key that a token brings along, or names by
an address, is never looked at.
"""

from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from sessiongate.errors import BadCredentials
from sessiongate.identity.tokens.keys import IssuerKeys, Key
from sessiongate.identity.tokens.port import SKEW

LONGEST = 32 * 1024
"""Letters of a token. One with two hundred groups has about twelve thousand."""

# RFC 9068 for access tokens; the others are what issuers write who know of no types. What says to
# be anything else (a logout token, a proof of possession) is no token of a login.
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})

# Seconds since 1970: some 35,000 years, far from what a sum could overflow. No number is no time.
_LATEST = 2**40

Claims = Mapping[str, object]


async def signed_claims(
    token: str, keys: IssuerKeys, algorithms: Collection[str], now: datetime
) -> Claims:
    """What is signed by one of these keys. Raises BadCredentials or IdentityUnavailable."""
    header = part_of(token, 0)
    algorithm, identity = _algorithm(header, algorithms), header.get("kid")
    if identity is not None and not isinstance(identity, str):
        raise BadCredentials("the token's key has no name")
    candidates = await keys.of(identity, algorithm, now)
    try:
        return _signed(token, candidates, algorithm)
    except BadCredentials:
        candidates = await keys.newer(identity, algorithm, now, candidates)
        if not candidates:
            raise
    return _signed(token, candidates, algorithm)


def require_in_time(claims: Claims, now: datetime) -> None:
    """Raise BadCredentials for a token that is no longer good, not yet, or bound to a key."""
    moment, skew = now.timestamp(), SKEW.total_seconds()
    if moment >= seconds_of(claims, "exp") + skew:
        raise BadCredentials("the token has expired")
    if moment + skew < seconds_of(claims, "iat"):
        raise BadCredentials("the token is not good yet")
    if "nbf" in claims and moment + skew < seconds_of(claims, "nbf"):
        raise BadCredentials("the token is not good yet")
    if "cnf" in claims:
        # Bound to a key that we do not ask for: borne by anybody else it is a stolen one.
        raise BadCredentials("the token is not for whoever bears it")


def audiences_of(claims: Claims) -> list[object]:
    """For whom the token is."""
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def _algorithm(header: Claims, algorithms: Collection[str]) -> str:
    algorithm, kind = header.get("alg"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise BadCredentials("the token is signed in a way that is not taken here")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise BadCredentials("the token is not for logins")
    if "crit" in header:
        raise BadCredentials("the token asks for something that is not known here")
    return algorithm


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


def part_of(token: str, number: int) -> Claims:
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


def seconds_of(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_LATEST < value < _LATEST
    ):
        return value
    raise BadCredentials(f"the token has no {name}")
