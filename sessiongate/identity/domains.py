"""Which provider claims which domain: one everywhere, and one at the Hosts of each upstream."""

from collections.abc import Mapping

from sessiongate.errors import ConfigError
from sessiongate.identity.plugin import BuiltProvider
from sessiongate.identity.routing import UpstreamUsers
from sessiongate.rules.accounts import canonical_domain


def claims_of(made: Mapping[str, BuiltProvider]) -> dict[str, str]:
    """Domain -> provider, at all Hosts but those of upstreams with users of their own.

    A domain that several upstreams have is nobody's there. Raises ConfigError where two providers
    claim the same at one Host.
    """
    problems: list[str] = []
    for upstream in dict.fromkeys(("", *(one.upstream for one in made.values()))):
        claims: dict[str, str] = {}
        for name, domain in _pairs(_at(made, upstream)):
            first = claims.setdefault(domain, name)
            if first != name:
                problems.append(
                    f"identity.{name}.domains: {domain} is claimed by identity.{first} too;"
                    " a domain has one provider, or one for each upstream"
                )
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    found: dict[str, str] = {}
    several = set()
    for name, domain in _pairs(made):
        if found.setdefault(domain, name) != name:
            several.add(domain)
    return {domain: name for domain, name in found.items() if domain not in several}


def upstream_users(made: Mapping[str, BuiltProvider]) -> dict[str, UpstreamUsers]:
    """The upstreams with users of their own. The claims have been found to be right."""
    found: dict[str, UpstreamUsers] = {}
    for name, one in made.items():
        if one.upstream and one.upstream not in found:
            there = _at(made, one.upstream)
            claims = {domain: other for other, domain in _pairs(there)}
            found[one.upstream] = UpstreamUsers(name, claims, frozenset(made.keys() - there.keys()))
    return found


def _at(made: Mapping[str, BuiltProvider], upstream: str) -> dict[str, BuiltProvider]:
    """The providers that are asked at the Hosts of this upstream."""
    return {name: one for name, one in made.items() if one.upstream in ("", upstream)}


def _pairs(made: Mapping[str, BuiltProvider]) -> list[tuple[str, str]]:
    """Each provider with each of its domains."""
    return [
        (name, canonical_domain(domain)) for name, one in made.items() for domain in one.domains
    ]
