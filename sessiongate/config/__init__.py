"""The settings: TOML and environment in, one frozen Config out, or every problem at once.

`values` and `addresses` read single settings, of the `kinds` that there are; `models` names them
all with their defaults (`audit`, `console`, `dialects`, `forward_auth` with its `access_rules`,
`limits`, `session_manager`, `token_issuers` and `upstreams` their own), `names` finds one by its
name, `home` is where data is without being told. `load` does the whole: `sources` merges default <
file < environment < flag, `checks` holds the rules between settings, and what is hardly meant
`upstream_doubts` and `forward_auth_doubts` say. `show` tells people what is in force.
Which classes the settings lead to is decided by `app`, not here.
What is in the table of a provider belongs to that provider, which reads it by `provider_tables`.
"""

from sessiongate.config.addresses import Address
from sessiongate.config.dialects import Dialects, VsphereDialect, ZertoDialect
from sessiongate.config.limits import ServerLimits
from sessiongate.config.load import RESERVED, SHORT, data_dir_of, file_of, load
from sessiongate.config.models import (
    AdminTable,
    Config,
    HashingTable,
    LockoutTable,
    Role,
    ServerTable,
    SessionsTable,
    Settings,
    StoreTable,
    TlsTable,
)
from sessiongate.config.show import leaves, schema, show

__all__ = [
    "RESERVED",
    "SHORT",
    "Address",
    "AdminTable",
    "Config",
    "Dialects",
    "HashingTable",
    "LockoutTable",
    "Role",
    "ServerLimits",
    "ServerTable",
    "SessionsTable",
    "Settings",
    "StoreTable",
    "TlsTable",
    "VsphereDialect",
    "ZertoDialect",
    "data_dir_of",
    "file_of",
    "leaves",
    "load",
    "schema",
    "show",
]
