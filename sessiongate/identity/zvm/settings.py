r"""The settings of a provider of type `zvm`, and the provider that they make.

[identity.zvm]
type = "zvm"
upstream = "zvm1"                   # a table [upstream.zvm1] of type "zvm" with account = "caller"
[identity.zvm.roles]
"admin" = "administrator"
"""

from collections.abc import Mapping

from sessiongate.config import values
from sessiongate.config.provider_tables import ProviderTable
from sessiongate.errors import ConfigError
from sessiongate.identity.plugin import BuiltProvider, PluginContext
from sessiongate.identity.vcenter.provider import VCenterIdentity
from sessiongate.identity.vcenter.settings import keeper, people_of, upstream_of


def zvm(name: str, table: Mapping[str, object], context: PluginContext) -> BuiltProvider:
    """The provider of type `zvm`. Raises ConfigError with every problem of its settings."""
    settings = ProviderTable(name, table)
    example = 'the name of a table [upstream.NAME] of type "zvm"'
    named = settings.need("upstream", values.word, "", example)
    upstream = upstream_of(settings, context, named, "zvm") if named else None
    people = people_of(settings)
    settings.finish()
    if upstream is None or upstream.sessions is None:
        raise ConfigError([f"identity.{name}.upstream: is required: {example}"])
    return BuiltProvider(
        VCenterIdentity(
            name, upstream.sessions, people.names, keep=keeper(upstream), called="the ZVM"
        ),
        people.claimed,
        roles=people.roles,
        upstream=named,
        each_login=upstream.each_login,
    )
