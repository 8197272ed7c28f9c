"""Tokens of Kubernetes' service accounts: of which cluster one is, and of which account.

Many clusters call themselves the same (`https://kubernetes.default.svc.cluster.local`), so that a
token's cluster is the one whose key has signed it, and nothing that the token says. It must then
be for an audience of that cluster's settings, of a subject that is listed there, and not too old.
A service account's token goes to the API server as well: it is never kept, logged or passed on.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from sessiongate.errors import BadCredentials, IdentityUnavailable, SessionGateError
from sessiongate.identity.tokens.keys import IssuerKeys
from sessiongate.identity.tokens.port import SKEW
from sessiongate.identity.tokens.signed import (
    Claims,
    audiences_of,
    part_of,
    require_in_time,
    seconds_of,
    signed_claims,
)
from sessiongate.secret import Secret

ALGORITHMS = ("RS256", "ES256", "ES384", "ES512")
"""What API servers sign with."""

_WITHIN = 3.0
"""Seconds for all keys together: whoever asks gives up at five."""


class Cluster(msgspec.Struct, frozen=True):
    """Whom one cluster's tokens have to be of, and for."""

    name: str
    keys: IssuerKeys
    audiences: frozenset[str]
    subjects: frozenset[str]
    max_age: float
    """Seconds since a token was issued."""


class ServiceAccount(msgspec.Struct, frozen=True):
    """Whose token it is."""

    cluster: str
    subject: str
    """As Kubernetes names it: system:serviceaccount:SPACE:NAME."""
    expires_at: float
    """Seconds since 1970, after which the token is good no more, by its end or its age."""


class ServiceAccounts:
    """Verifies tokens of some clusters. `start` before use, `close` in the end."""

    def __init__(self, clusters: Sequence[Cluster]) -> None:
        self._clusters = clusters

    async def start(self) -> None:
        """Get ready to read keys. Raises ConfigError for a file that holds none."""
        for cluster in self._clusters:
            await cluster.keys.start()

    async def close(self) -> None:
        """Close connections."""
        for cluster in self._clusters:
            await cluster.keys.close()

    def may_be(self, token: Secret) -> bool:
        """Whether it says of itself that it is of a listed account: nothing of that is verified."""
        try:
            claimed = part_of(token.reveal(), 1)
        except BadCredentials:
            return False
        return any(_could_be(one, claimed) for one in self._clusters)

    async def verify(self, token: Secret, now: datetime) -> ServiceAccount:
        """Whose it is. Raises BadCredentials, and IdentityUnavailable where that is not known.

        Only clusters that the token could be of are asked for their keys.
        """
        text = token.reveal()
        claimed = part_of(text, 1)
        possible = [one for one in self._clusters if _could_be(one, claimed)]
        if not possible:
            raise BadCredentials("the token is of no account that is listed, or for another")
        found = await asyncio.gather(*(self._of(one, text, now) for one in possible))
        refused: SessionGateError = BadCredentials()
        for one in found:
            if isinstance(one, ServiceAccount):
                return one
            if not isinstance(refused, IdentityUnavailable):  # which says that nobody knows
                refused = one
        raise refused

    async def _of(
        self, cluster: Cluster, token: str, now: datetime
    ) -> ServiceAccount | BadCredentials | IdentityUnavailable:
        try:
            async with asyncio.timeout(_WITHIN):
                claims = await signed_claims(token, cluster.keys, ALGORITHMS, now)
            return _judged(cluster, claims, now)
        except (BadCredentials, IdentityUnavailable) as error:
            return error
        except TimeoutError:
            return IdentityUnavailable(f"the keys of {cluster.name} could not be read in time")


def _could_be(cluster: Cluster, claims: Claims) -> bool:
    """Whether a token that says so could be let in, if it were of this cluster."""
    audiences = {one for one in audiences_of(claims) if isinstance(one, str)}
    subject = claims.get("sub")
    listed = isinstance(subject, str) and subject in cluster.subjects
    return listed and bool(audiences & cluster.audiences)


def _judged(cluster: Cluster, claims: Claims, now: datetime) -> ServiceAccount:
    if not _could_be(cluster, claims):
        raise BadCredentials("the token is of no account that is listed, or for another")
    require_in_time(claims, now)
    ends = seconds_of(claims, "iat") + cluster.max_age
    if now.timestamp() >= ends + SKEW.total_seconds():
        raise BadCredentials("the token was issued too long ago")
    return ServiceAccount(cluster.name, str(claims["sub"]), min(ends, seconds_of(claims, "exp")))
