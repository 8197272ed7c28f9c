"""Access tokens: short-lived signed views of a session in our table.

The session is what lives and ends; a token only points to it, by the digest that the store knows
it by. So a token dies with its session at once, wherever that is ended, and the store needs no
second table. Which of a session's tokens are still good is the matter of `bearers`. Signing and
verifying is a library's work.
"""

import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from sessiongate.clock import Clock
from sessiongate.session import Session

_ALGORITHM = "RS256"
# Ours, so that a user has the same subject in every token and on every node.
_SUBJECTS = uuid.UUID("6f7b1f4e-93f3-4a86-9c0c-7f1a5d0e2b11")
DIGEST = "sgd"
"""Claim with the session's digest. It is no credential: a token is what hashes to it."""


ACCESS = "Bearer"
REFRESH = "Refresh"
"""What the `typ` of a token says it is good for."""

_GENERATION = "sgg"
"""Claim with the number of refreshes that came before this token; none in what has no refresh."""

OURS = frozenset({DIGEST, _GENERATION})
"""Claims that are nobody else's business."""


class Claims(msgspec.Struct, frozen=True):
    """What a token of ours says."""

    kind: str
    """ACCESS, REFRESH or "ID"."""
    digest: bytes
    key: str
    client: str
    generation: int
    expired: bool
    """Its own time is up. Its session may live."""
    all: Mapping[str, Any]

    @property
    def scope(self) -> str:
        """What was granted; "" in a refresh token that an earlier release has signed."""
        return str(self.all.get("scope", ""))


def _same(life: timedelta) -> timedelta:
    return life


class AccessTokens:
    """Signs and reads tokens. Knows nothing of which sessions live."""

    def __init__(self, key: RSAKey, clock: Clock, life: timedelta) -> None:
        self._key = key
        self._id = self._key.thumbprint()
        self._clock = clock
        self._life = life
        self.shown_life: Callable[[timedelta], timedelta] = _same
        """Says another one, in tests of clients."""

    @property
    def life(self) -> timedelta:
        """How long an access token that is signed now is good."""
        return self.shown_life(self._life)

    def access(
        self, session: Session, issuer: str, client: str, scope: str, generation: int = 0
    ) -> str:
        """An access token, good for `life`."""
        return self._sign(
            ACCESS,
            session,
            issuer,
            client,
            self.life,
            {
                "aud": "account",
                "acr": "1",
                "realm_access": {"roles": sorted(session.roles)},
                "scope": scope,
                _GENERATION: generation,
                **_user_claims(session),
            },
        )

    def refresh(
        self,
        session: Session,
        issuer: str,
        client: str,
        scope: str,
        life: timedelta,
        generation: int = 0,
    ) -> str:
        """A refresh token, good for one refresh, and as long as the session stays in use."""
        facts = {"aud": issuer, "scope": scope, _GENERATION: generation}
        return self._sign(REFRESH, session, issuer, client, life, facts)

    def identity(self, session: Session, issuer: str, client: str) -> str:
        """An ID token."""
        return self._sign(
            "ID", session, issuer, client, self.life, {"aud": client, **_user_claims(session)}
        )

    def _sign(
        self,
        kind: str,
        session: Session,
        issuer: str,
        client: str,
        life: timedelta,
        claims: Mapping[str, Any],
    ) -> str:
        now = self._clock.now()
        header = {"alg": _ALGORITHM, "typ": "JWT", "kid": self._id}
        return jwt.encode(
            header,
            {
                "exp": _seconds(now + life),
                "iat": _seconds(now),
                "jti": str(uuid.uuid4()),
                "iss": issuer,
                "sub": subject_of(session),
                "typ": kind,
                "azp": client,
                "session_state": session.key,
                "sid": session.key,
                DIGEST: session.digest.hex(),
                **claims,
            },
            self._key,
        )

    def read(self, token: str) -> Claims | None:
        """What a token of ours says, expired or not; None for any other text."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError, TypeError):
            return None
        kind, digest, key = claims.get("typ"), claims.get(DIGEST), claims.get("sid")
        if not (isinstance(kind, str) and isinstance(digest, str) and isinstance(key, str)):
            return None
        return Claims(
            kind,
            bytes.fromhex(digest),
            key,
            str(claims.get("azp", "")),
            int(claims.get(_GENERATION, 0)),  # none in what an earlier release has signed
            _seconds(self._clock.now()) >= int(claims["exp"]),
            claims,
        )

    def public(self) -> dict[str, Any]:
        """The verifying key as a JWKS."""
        known = {"kid": self._id, "alg": _ALGORITHM, "use": "sig"}
        return {"keys": [{**known, **self._key.as_dict(private=False)}]}

    def public_der(self) -> str:
        """The verifying key in DER, base64."""
        return b64encode(self._key.as_der(private=False)).decode("ascii")


def subject_of(session: Session) -> str:
    """What a token calls its user: one text for one user, and no name."""
    return str(uuid.uuid5(_SUBJECTS, f"{session.provider}/{session.principal}"))


def _user_claims(session: Session) -> dict[str, Any]:
    return {
        "preferred_username": session.login_name,
        "name": session.full_name,
        "email_verified": False,
    }


def _seconds(when: datetime) -> int:
    return int(when.astimezone(UTC).timestamp())
