"""Which provider vouches for a login: exactly one, chosen before any password is looked at.

The dialect's explicit word wins (Zerto's AuthenticationMethod); else a provider that claims the
domain of the name; else the dialect's default. When the chosen one says no, that is the answer:
trying the next would hand every password to every directory.
"""

from collections.abc import Mapping
from typing import Generic, TypeVar

from sessiongate.errors import ConfigError, IdentityUnavailable
from sessiongate.rules.accounts import Account, canonical_domain

P = TypeVar("P")


class ProviderRouter(Generic[P]):
    """The providers by name, and the domains that some of them claim (domain -> provider)."""

    def __init__(self, providers: Mapping[str, P], claims: Mapping[str, str]) -> None:
        self._providers = dict(providers)
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

    def route(self, account: Account, default: str, explicit: str = "") -> P:
        """The provider to ask about this account. `explicit` is the one a dialect names.

        Raises IdentityUnavailable for a provider that is not there: nobody else may answer.
        """
        name = explicit or self._claims.get(account.domain, default)
        try:
            return self._providers[name]
        except KeyError:
            raise IdentityUnavailable(f"no identity provider is called {name!r}") from None

    def owner(self, account: Account, provider: str) -> P | None:
        """The provider whose account this is: that which claims its domain, else `provider`.

        None where there is no such provider, as for accounts that came by a token or a client
        certificate: those belong to an issuer or an extension, which `provider` names then.
        """
        return self._providers.get(self._claims.get(account.domain, provider))
