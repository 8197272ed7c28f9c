"""The port of those who verify tokens, and what all of them share: whose name it is, which roles.

A token is good for what its issuer says and our settings allow. Each issuer has one verifier, which
is chosen by the issuer's name in the token before anything is believed; there is no trying of one
after another.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from sessiongate.errors import BadCredentials
from sessiongate.rules.accounts import canonical_domain, directory_form, parse_account
from sessiongate.session import PresentedToken, Principal

SKEW = timedelta(seconds=60)
"""How far an issuer's clock may be off. Machines with NTP differ by less than a second; a minute
is what most SAML and OpenID parts allow, and lengthens a token of five minutes by a fifth."""


class SingleUse(msgspec.Struct, frozen=True):
    """By what a token is claimed for one login: its digest, and when it expires anyway."""

    digest: bytes
    expires_at: datetime


class VerifiedToken(msgspec.Struct, frozen=True):
    """What a verified token says. The login is not done yet: `once` is for the caller to keep."""

    principal: Principal
    typed: str
    """The name as it stands in the token."""
    once: SingleUse | None = None


class TokenVerifier(Protocol):
    """Verifies the tokens of one issuer. Holds settings and keys, nothing of one request."""

    name: str
    """As in the settings: `[tokens.NAME]`."""

    def takes(self, presented: PresentedToken) -> bool:
        """Whether this token says of itself that it is of this issuer. Believes nothing; cheap."""
        ...

    async def verify(
        self, presented: PresentedToken, now: datetime, address: str = ""
    ) -> VerifiedToken:
        """What the token says. `address` is from where it came: where tokens wait, by that.

        Raises BadCredentials for any that is not to be believed, IdentityUnavailable when that
        could not be found out, and Overloaded.
        """
        ...

    def welcome(self, address: str) -> None:
        """Remember that somebody has come in from here: whoever asks from here is no stranger."""
        ...

    async def start(self) -> None:
        """Get ready. An issuer that cannot be reached yet is no reason not to start."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


class Grants:
    """From the words of one issuer to a principal here.

    `domain` is where its people belong: names without a domain get it, names of another are not
    its own to give. `roles` are by group, exactly as the issuer spells it; whoever is in none of
    those groups has `role`, and without that no role at all.
    """

    def __init__(
        self,
        name: str,
        *,
        domain: str = "",
        role: str = "",
        roles: Mapping[str, str] | None = None,
    ) -> None:
        self._provider = provider_of(name)
        self._domain = canonical_domain(domain)
        self._role = role
        self._roles = dict(roles or {})

    def principal(self, spelled: str, full_name: str, groups: Iterable[str]) -> Principal:
        """Who this is here. Raises BadCredentials for a name that the issuer may not give."""
        account = parse_account(spelled)
        if self._domain and not account.domain:
            spelled = f"{spelled.strip()}@{self._domain}"
            account = parse_account(spelled)
        if self._domain and account.domain != self._domain:
            raise BadCredentials("the token names somebody of a domain that is not its issuer's")
        user_name = directory_form(spelled)
        return Principal(
            account.canonical,
            user_name,
            full_name.strip() or user_name,
            self._roles_of(groups),
            self._provider,
        )

    def _roles_of(self, groups: Iterable[str]) -> tuple[str, ...]:
        held = dict.fromkeys(self._roles[group] for group in groups if group in self._roles)
        return tuple(held) or ((self._role,) if self._role else ())


def provider_of(name: str) -> str:
    """What sessions opened by tokens of `[tokens.NAME]` show as their provider."""
    return f"tokens.{name}"
