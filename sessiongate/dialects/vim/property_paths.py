"""Dotted paths to properties (`content.about.version`): what stands at one, and what may stand."""

from collections.abc import Sequence

from sessiongate import errors
from sessiongate.wire.vim.methods import PROPERTIES, Property
from sessiongate.wire.vim.types import MOREF, TYPES, Boxed, Data, Field, MoRef, Value


def property_of(target: MoRef, path: str) -> tuple[Property, list[str]]:
    """The property in which a path begins, and the names after it. Raises UnknownProperty."""
    name, *rest = path.split(".")
    prop = PROPERTIES.get((target.kind, name))
    if prop is None:
        raise errors.UnknownProperty(path)
    return prop, rest


def check_leads_to_objects(target: MoRef, path: str) -> None:
    """Raise UnknownProperty where anything but references stands at a path.

    The tables say so: nothing is read for it.
    """
    prop, rest = property_of(target, path)
    field = prop.field
    for name in rest:
        field = _member(field, field.type, name, path)
    if field.type != MOREF:
        raise errors.UnknownProperty(path)


def inside(value: Value | None, field: Field, rest: Sequence[str], path: str) -> Boxed | None:
    """Follow the names after a property into its value. Raises UnknownProperty."""
    for name in rest:
        kind = value.type if isinstance(value, Data) else field.type
        field = _member(field, kind, name, path)
        value = value.members.get(name) if isinstance(value, Data) else None
    if value is None:
        return None
    kind = value.type if isinstance(value, Data) else field.type
    return Boxed(kind, value, field.array)


def _member(field: Field, kind: str, name: str, path: str) -> Field:
    """The member of this name in what a field holds, which is of this type."""
    if field.array or field.type not in TYPES:
        raise errors.UnknownProperty(path)
    found = next((one for one in TYPES[kind] if one.name == name), None)
    if found is None:
        raise errors.UnknownProperty(path)
    return found
