"""What an identity plugin is: a function from its own settings table to a provider.

The table is as the operator wrote it, without `type`; the plugin owns its keys, and reads them by
`sessiongate.config.provider_tables`. Problems are raised together, as one ConfigError that names
settings and rules and never a value.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.port import IdentityProvider
from sessiongate.upstream.port import LoginUpstream


class PluginContext(msgspec.Struct, frozen=True):
    """What the server lends to providers."""

    data_dir: Path
    hasher: PasswordHasher
    upstreams: Mapping[str, LoginUpstream] = {}
    """The servers of the settings that callers' logins open sessions at, by name."""


class BuiltProvider(msgspec.Struct, frozen=True):
    """A provider, and what the server has to know of it."""

    provider: IdentityProvider
    domains: tuple[str, ...] = ()
    """The domains that it claims."""
    in_process: bool = False
    """Whether it answers from this process, so that it cannot be out of reach."""
    roles: tuple[str, ...] = ()
    """The roles that its settings name: they must exist, or nobody with one could log in."""
    upstream: str = ""
    """The upstream whose own users these are; "" for none."""
    each_login: bool = False
    """Whether each login has to reach it, also one that was let in a short while ago: it opens
    something there that no other login does."""


Plugin = Callable[[str, Mapping[str, object], PluginContext], BuiltProvider]
