"""Which provider vouches for a login: exactly one, chosen before any password is looked at.

The dialect's explicit word wins (Zerto's AuthenticationMethod); else a provider that claims the
domain of the name; else the dialect's default. When the chosen one says no, that is the answer:
trying the next would hand every password to every directory.

`vsphere.local` is the domain of nearly every vCenter. So at the Host of an upstream with users of
its own it is theirs, and no password goes to another upstream than the one that was called, also
where the dialect names that one's provider.
"""

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from sessiongate.errors import ConfigError, IdentityUnavailable
from sessiongate.rules.accounts import Account, canonical_domain

P = TypeVar("P")


class UpstreamUsers(msgspec.Struct, frozen=True):
    """Who vouches for names at the Host of an upstream with users of its own."""

    provider: str
    """Theirs, which has the names that would be another upstream's elsewhere."""
    claims: Mapping[str, str]
    """Domain -> provider."""
    elsewhere: frozenset[str]
    """The providers of other upstreams, which nobody asks there."""


class ProviderRouter(Generic[P]):
    """The providers by name, and the domains that some of them claim (domain -> provider)."""

    def __init__(
        self,
        providers: Mapping[str, P],
        claims: Mapping[str, str],
        upstreams: Mapping[str, UpstreamUsers] | None = None,
    ) -> None:
        """`upstreams` are those with users of their own, at whose Hosts other claims hold."""
        self._providers = dict(providers)
        self._upstreams = upstreams or {}
        self._claims = {canonical_domain(domain): name for domain, name in claims.items()}
        problems = [
            f"identity.{name}: claims {domain!r} and is not a provider"
            for domain, name in self._claims.items()
            if name not in self._providers
        ]
        if len(self._claims) < len(claims):
            problems.append("identity: a domain is claimed twice, in two spellings")
        if problems:
            raise ConfigError(sorted(problems))

    def route(self, account: Account, default: str, explicit: str = "", *, upstream: str = "") -> P:
        """The provider to ask about this account, at the Host of this upstream.

        `explicit` is the one a dialect names; where that is another upstream's, the users of this
        one are meant. Raises IdentityUnavailable for a provider that is not there: nobody else may
        answer.
        """
        name = explicit or self._claimed(account, upstream) or default
        users = self._upstreams.get(upstream)
        if users is not None and name in users.elsewhere:
            name = users.provider
        try:
            return self._providers[name]
        except KeyError:
            raise IdentityUnavailable(f"no identity provider is called {name!r}") from None

    def owner(self, account: Account, provider: str, *, upstream: str = "") -> P | None:
        """The provider whose account this is: that which claims its domain, else `provider`.

        None where there is no such provider, as for accounts that came by a token or a client
        certificate: those belong to an issuer or an extension, which `provider` names then.
        """
        return self._providers.get(self._claimed(account, upstream) or provider)

    def _claimed(self, account: Account, upstream: str) -> str:
        """The provider that claims the domain of this name; "" for none."""
        users = self._upstreams.get(upstream)
        claims = users.claims if users is not None else self._claims
        return claims.get(account.domain, "")
