r"""The settings of a provider of type `vcenter`, and the provider that they make.

[identity.vc]
type = "vcenter"
url = "https://vcenter.example"
fingerprint = "AA:BB:..."           # or ca = "vcenter-ca.pem", or both; else the system's CAs
domains = ["vsphere.local"]
[identity.vc.roles]
"VSPHERE.LOCAL\\Administrator" = "administrator"
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from sessiongate.config import values
from sessiongate.config.provider_tables import ProviderTable
from sessiongate.errors import BadCredentials
from sessiongate.identity.plugin import BuiltProvider, PluginContext
from sessiongate.identity.vcenter.provider import AccountNames, Keep, VCenterIdentity
from sessiongate.rules.accounts import Account, canonical_domain, parse_account
from sessiongate.upstream.http import TIMEOUT, HttpUpstream
from sessiongate.upstream.port import LoginUpstream
from sessiongate.upstream.vcenter import VCenter
from sessiongate.wire.vim.client import WireForm

_FORMS = {"auto": None, "json": WireForm.JSON, "soap": WireForm.SOAP}

_log = structlog.get_logger(__name__)


def vcenter(name: str, table: Mapping[str, object], context: PluginContext) -> BuiltProvider:
    """The provider of type `vcenter`. Raises ConfigError with every problem of its settings."""
    settings = ProviderTable(name, table)
    named, upstream = _upstream(settings, context)
    locale = ""
    if upstream is None:
        example = 'an address such as "https://vcenter.example"'
        url = settings.need("url", values.server_url, "", example)
        trust = settings.trust(context.data_dir)
        if url.startswith("http:") and not trust.is_blind:
            rule = "has no certificate to verify; use https, or say so with verify = false"
            settings.problem("url", rule)
        form = settings.take("form", values.choice(*_FORMS), "auto")
    else:
        url, trust, form = upstream.url, upstream.trust, "soap"
        locale = upstream.locale
    timeout = settings.take("timeout", values.positive_duration, TIMEOUT)
    through = None if upstream is None else upstream.proxy
    proxy = settings.take("proxy", values.server_url, through)
    people = people_of(settings)
    settings.finish()
    if trust.is_blind:
        # Loud, at every start: whoever answers at that address sees every password.
        _log.error("certificate of the vCenter is not verified", provider=name, url=url)
    whose = f"upstream.{named}" if named else f"identity.{name}"
    http = HttpUpstream(url, trust, timeout=timeout, proxy=proxy, table=whose)
    if upstream is not None:
        http = upstream.calls(http)
    caller = VCenter(name, http, timeout=timeout, form=_FORMS[form], locale=locale)
    return BuiltProvider(
        VCenterIdentity(name, caller, people.names, keep=keeper(upstream)),
        people.claimed,
        roles=people.roles,
        upstream=named,
    )


def _upstream(settings: ProviderTable, context: PluginContext) -> tuple[str, LoginUpstream | None]:
    """The upstream whose logins these are, where the settings name one."""
    named = settings.take("upstream", values.word, None)
    if named is None:
        return "", None
    return named, upstream_of(settings, context, named, "vcenter")


class AccountSettings(NamedTuple):
    """Who may log in at a server, by its settings."""

    names: AccountNames
    claimed: tuple[str, ...]
    """Domains."""
    roles: tuple[str, ...]
    """All that the settings name."""


def people_of(settings: ProviderTable) -> AccountSettings:
    """Take the settings that say who is who, and who has which role."""
    domains = settings.take("domains", values.many(values.domain), ())
    default_domain = settings.take("default_domain", values.domain, "")
    aliases = settings.texts("aliases", _domain, values.domain)
    role = settings.take("role", values.word, "user")
    spelled = AccountNames(role, default_domain=default_domain, aliases=aliases)
    roles = settings.texts("roles", lambda text: spelled.canonical(_account(text)))
    names = AccountNames(role, roles, default_domain=default_domain, aliases=aliases)
    return AccountSettings(names, _claimed(domains, aliases), (role, *roles.values()))


def upstream_of(
    settings: ProviderTable, context: PluginContext, named: str, kind: str
) -> LoginUpstream | None:
    """The upstream of this name, which has to be of this type."""
    found = context.upstreams.get(named)
    if found is not None and found.kind == kind:
        return found
    rule = f'must name a table [upstream.{named}] of type "{kind}" with account = "caller"'
    settings.problem("upstream", rule)
    return None


def keeper(upstream: LoginUpstream | None) -> Keep | None:
    """What hands a login's session on to the upstream; None where there is none."""
    if upstream is None:
        return None
    return lambda principal, opened: upstream.adopt(principal.person, opened)


def _claimed(domains: Sequence[str], aliases: Mapping[str, str]) -> tuple[str, ...]:
    """The domains, and their other names: a person has one provider however the name is typed."""
    own = {canonical_domain(domain) for domain in domains}
    others = [other for other, domain in aliases.items() if canonical_domain(domain) in own]
    return tuple(dict.fromkeys((*domains, *(other for other in others if other not in own))))


def _domain(text: str) -> str:
    return canonical_domain(values.domain(text))


def _account(text: str) -> Account:
    try:
        return parse_account(text)
    except BadCredentials as refused:
        raise ValueError(str(refused)) from None
