"""What a method and a property are, as rows of the tables of this package."""

import re
from functools import cache

import msgspec

from sessiongate.rules.access import SYSTEM_VIEW
from sessiongate.wire.vim.types import Field, MoRef, fields


class Method(msgspec.Struct, frozen=True):
    """A method of a managed object."""

    on: str
    name: str
    params: tuple[Field, ...]
    result: Field | None
    """None for a void method. Its `optional` says that nothing at all may come back."""
    privilege: str
    faults: tuple[str, ...]
    handler: str
    about: str
    opens: bool = False
    """Whether a successful call opens a session, so that its reply carries a token."""


class Property(msgspec.Struct, frozen=True):
    """A property of a managed object."""

    on: str
    name: str
    field: Field
    privilege: str
    handler: str
    about: str
    also: str = ""
    """A privilege of our own that is enough as well."""


class Call(msgspec.Struct, frozen=True, gc=False):
    """A method or property of an object that exists here, as some codec's request names it."""

    target: MoRef
    member: Method | Property


@cache
def keyword(name: str) -> str:
    """The handler's keyword for a parameter: `sessionID` -> `session_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def method(
    on: str,
    name: str,
    takes: str,
    gives: str,
    about: str,
    *,
    handler: str = "",
    privilege: str = SYSTEM_VIEW,
    faults: tuple[str, ...] = (),
) -> Method:
    """A row from the shorthand of `types.values.fields`; `gives` is a type, "" for a void method.

    The handler is called as the method is, unless another is named.
    """
    result = fields(f"returnval:{gives}")[0] if gives else None
    return Method(
        on, name, fields(takes), result, privilege, faults, handler or keyword(name), about
    )


def prop(
    on: str, written: str, about: str, *, handler: str = "", privilege: str = SYSTEM_VIEW
) -> Property:
    """A row from the shorthand of `types.values.fields`."""
    (field,) = fields(written)
    return Property(on, field.name, field, privilege, handler or keyword(field.name), about)


def when_nothing(written: str) -> str:
    """The handler for a member that is empty here: a list without items, or one that is unset."""
    return "empty" if written.endswith("*") else "unset"
