"""Bearer tokens of an OpenID provider (JWT, RFC 7519): who one vouches for, if it is believed.

A key of the issuer has to have signed it (`signed`). Issuer, audience and times must then be what
is expected here. Such a token may be used again until it expires: that is what it is for.
"""

from collections.abc import Collection
from datetime import datetime

import msgspec

from sessiongate.errors import BadCredentials
from sessiongate.identity.tokens.keys import IssuerKeys
from sessiongate.identity.tokens.port import Grants, VerifiedToken
from sessiongate.identity.tokens.signed import (
    Claims,
    audiences_of,
    part_of,
    require_in_time,
    signed_claims,
)
from sessiongate.session import BEARER, PresentedToken


class ExpectedToken(msgspec.Struct, frozen=True):
    """What a token must say, and where its name and groups stand."""

    issuer: str
    audience: str
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    algorithms: Collection[str] = ("RS256", "ES256", "PS256")


class OidcVerifier:
    """Verifies the tokens of one issuer."""

    def __init__(
        self, name: str, expected: ExpectedToken, keys: IssuerKeys, grants: Grants
    ) -> None:
        self.name = name
        self._expected = expected
        self._keys = keys
        self._grants = grants

    async def start(self) -> None:
        """Get ready to read the keys; they are read when the first token comes."""
        await self._keys.start()

    async def close(self) -> None:
        """Close connections."""
        await self._keys.close()

    def takes(self, presented: PresentedToken) -> bool:
        """Whether the token says of itself that it is of this issuer."""
        if presented.kind != BEARER:
            return False
        try:
            said = part_of(presented.text.reveal(), 1).get("iss")
        except BadCredentials:
            return False
        return said == self._expected.issuer

    async def verify(
        self, presented: PresentedToken, now: datetime, address: str = ""
    ) -> VerifiedToken:
        """What the token says. Raises BadCredentials or IdentityUnavailable.

        Whoever waits for the issuer's keys waits for one reading of them, all together, and keeps
        nobody else out: there are no turns, and the address is not asked for.
        """
        token = presented.text.reveal()
        claims = await signed_claims(token, self._keys, self._expected.algorithms, now)
        self._judge(claims, now)
        typed = self._name(claims)
        full_name = claims.get("name")
        groups = _groups(claims, self._expected.groups_claim)
        return VerifiedToken(
            self._grants.principal(typed, full_name if isinstance(full_name, str) else "", groups),
            typed,
        )

    def welcome(self, address: str) -> None:
        """Nobody is kept waiting by others."""

    def _judge(self, claims: Claims, now: datetime) -> None:
        expected = self._expected
        if claims.get("iss") != expected.issuer:
            raise BadCredentials("the token is of another issuer")
        if expected.audience not in audiences_of(claims):
            raise BadCredentials("the token is for another audience")
        require_in_time(claims, now)

    def _name(self, claims: Claims) -> str:
        claim = self._expected.name_claim
        name = claims.get(claim)
        if not isinstance(name, str):
            raise BadCredentials(f"the token has no {claim}")
        if claim == "email" and claims.get("email_verified") is not True:
            # Anybody may claim an address before it is verified.
            raise BadCredentials("the token's e-mail address is not verified")
        return name


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
