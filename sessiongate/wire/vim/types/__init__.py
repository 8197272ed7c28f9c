"""Data types of the vim25 schema that are served here: names, members, and their order.

The order is the WSDL's: .NET and Java stubs may skip elements that come out of turn. Sources: the
vendor's API pages. Modules: `values` (what a value and a member are), and the types by subject:
`service_content` (what is announced),
`sessions`, `collector`, `events`, `managers`, `faults`. This is the one table of all of them.
"""

from collections.abc import Mapping

from sessiongate.wire.vim.types import collector, events, faults, managers, sessions
from sessiongate.wire.vim.types.values import (
    ANY,
    ENUMS,
    LARGEST_LONG,
    MOREF,
    PRIMITIVES,
    ApiVersion,
    Boxed,
    Data,
    Field,
    MoRef,
    Value,
    fields,
    version_of,
)

__all__ = [
    "ANY",
    "BASES",
    "ENUMS",
    "LARGEST_LONG",
    "MOREF",
    "PRIMITIVES",
    "TYPES",
    "ApiVersion",
    "Boxed",
    "Data",
    "Field",
    "MoRef",
    "Value",
    "fields",
    "version_of",
]

TYPES: Mapping[str, tuple[Field, ...]] = {
    **sessions.TYPES,
    **collector.TYPES,
    **managers.TYPES,
    **events.TYPES,
    **faults.TYPES,
}
"""The members of each type, by its name."""

BASES: Mapping[str, str] = {**sessions.BASES, **collector.BASES, **managers.BASES, **events.BASES}
"""Which types may stand where a more general one is declared."""
