"""Values of the vim25 schema, and how a member of a type is described."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec


class MoRef(msgspec.Struct, frozen=True):
    """A managed object reference: type and id."""

    kind: str
    name: str


class Data(msgspec.Struct):
    """A data object: its WSDL type name, and its set members in WSDL order."""

    type: str
    members: dict[str, "Value"]


class Boxed(msgspec.Struct):
    """A value in a slot that may hold any type, so that its type must travel with it."""

    type: str
    value: "Value"
    array: bool = False


Value: TypeAlias = str | bool | int | bytes | datetime | MoRef | Data | Boxed | Sequence["Value"]


ApiVersion: TypeAlias = tuple[int, ...]
"""A version of the API, such as (6, 7, 1). The longer of two that begin alike is the newer."""


class Field(msgspec.Struct, frozen=True):
    """A member of a data object, a parameter, or a result."""

    name: str
    type: str
    optional: bool = False
    array: bool = False
    secret: bool = False
    """Text that must become a Secret the moment it is read."""
    about: str = ""
    since: ApiVersion = ()
    """The version of the API that brought it; empty where every version served has it."""


PRIMITIVES: frozenset[str] = frozenset(
    {"string", "boolean", "int", "long", "dateTime", "base64Binary"}
)
"""Names as in XML Schema; JSON calls base64Binary "binary"."""

ENUMS = frozenset({"ManagedEntityStatus"})
"""Names of types whose values are a few words, where the name has to be said."""

MOREF = "ManagedObjectReference"
ANY = "anyType"
# JSON numbers above this lose their last digits in many clients; vim25 calls the type long.
LARGEST_LONG = 2**63 - 1


def version_of(text: str) -> ApiVersion:
    """A version from its digits and dots: `6.7.1` is (6, 7, 1)."""
    return tuple(map(int, text.split(".")))


def fields(text: str, about: Mapping[str, str] | None = None) -> tuple[Field, ...]:
    """Read `name:type`, separated by blanks.

    After the type comes `?` for optional, `*` for any number, `+` for any number but none, and
    `@5.1` for the version that brought it.
    """
    found = []
    for item in text.split():
        name, _, rest = item.partition(":")
        kind, _, since = rest.partition("@")
        found.append(
            Field(
                name,
                kind.rstrip("?*+"),
                optional=kind.endswith(("?", "*")),
                array=kind.endswith(("*", "+")),
                about=(about or {}).get(name, ""),
                since=version_of(since) if since else (),
            )
        )
    return tuple(found)
