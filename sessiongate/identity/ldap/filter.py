"""Search filters of LDAP (RFC 4515): read once from the settings, filled in for each login.

What a client typed is put into the values of a filter that has been read already, never into its
text: no name can become an operator, a wildcard or another condition. How a filter is written on
the wire is not decided here.
"""

import re
from collections.abc import Mapping

import msgspec


class All(msgspec.Struct, frozen=True):
    """`(&...)`."""

    parts: "tuple[Filter, ...]"


class Any(msgspec.Struct, frozen=True):
    """`(|...)`."""

    parts: "tuple[Filter, ...]"


class Not(msgspec.Struct, frozen=True):
    """`(!...)`."""

    part: "Filter"


class Has(msgspec.Struct, frozen=True):
    """`(attribute=*)`."""

    attribute: str


class Compare(msgspec.Struct, frozen=True):
    """`(attribute=value)`, and with `>=`, `<=` and `~=`."""

    attribute: str
    value: bytes
    how: str = "="


class Like(msgspec.Struct, frozen=True):
    """`(attribute=a*b*c)`: the pieces between the stars, "" where one begins or ends."""

    attribute: str
    pieces: tuple[bytes, ...]


class Rule(msgspec.Struct, frozen=True):
    """`(attribute:rule:=value)`: compared as a named rule says."""

    attribute: str
    rule: str
    value: bytes


Filter = All | Any | Not | Has | Compare | Like | Rule

# Filters are written by operators; this is only to keep a slip from becoming a RecursionError.
_DEEPEST = 20

_ATTRIBUTE = r"[A-Za-z][A-Za-z0-9-]*(?:;[A-Za-z0-9-]+)*|[0-9]+(?:\.[0-9]+)+"
_ITEM = re.compile(
    rf"(?P<attribute>{_ATTRIBUTE})(?::(?P<rule>[A-Za-z0-9.-]+):)?(?P<how>=|>=|<=|~=)"
    r"(?P<value>(?:[^()\\\0]|\\[0-9A-Fa-f]{2})*)"
)
_PLACEHOLDER = re.compile(rb"\{([a-z]+)\}")


def parse(text: str) -> Filter:
    """Read a filter. Raises ValueError, with where it goes wrong."""
    found, rest = _filter(text.strip(), 0)
    if rest:
        raise ValueError(f"goes on after its last bracket, {len(rest)} letters before the end")
    return found


def placeholders(found: Filter) -> frozenset[str]:
    """The names in `{}` that stand in the values."""
    return frozenset(
        name.decode() for value in _values(found) for name in _PLACEHOLDER.findall(value)
    )


def fill(found: Filter, facts: Mapping[str, str]) -> Filter:
    """The filter with each `{name}` in its values replaced. Takes any text for a fact."""

    def put(value: bytes) -> bytes:
        # One pass over the template's value: a fact that looks like a placeholder stays as it is.
        return _PLACEHOLDER.sub(lambda name: facts[name[1].decode()].encode(), value)

    match found:
        case All(parts):
            return All(tuple(fill(part, facts) for part in parts))
        case Any(parts):
            return Any(tuple(fill(part, facts) for part in parts))
        case Not(part):
            return Not(fill(part, facts))
        case Has():
            return found
        case Like(attribute, pieces):
            return Like(attribute, tuple(map(put, pieces)))
    return msgspec.structs.replace(found, value=put(found.value))


def _values(found: Filter) -> tuple[bytes, ...]:
    match found:
        case All(parts) | Any(parts):
            return tuple(value for part in parts for value in _values(part))
        case Not(part):
            return _values(part)
        case Has():
            return ()
        case Like(_, pieces):
            return pieces
    return (found.value,)


def _filter(text: str, depth: int) -> tuple[Filter, str]:
    if depth > _DEEPEST:
        raise ValueError(f"is nested more than {_DEEPEST} deep")
    if not text.startswith("("):
        raise ValueError(f"lacks an opening bracket, {len(text)} letters before the end")
    found: Filter
    if text[1:2] in ("&", "|"):
        parts: list[Filter] = []
        rest = text[2:].lstrip()
        while rest.startswith("("):
            part, rest = _filter(rest, depth + 1)
            parts.append(part)
        found = All(tuple(parts)) if text[1] == "&" else Any(tuple(parts))
    elif text[1:2] == "!":
        part, rest = _filter(text[2:].lstrip(), depth + 1)
        found = Not(part)
    else:
        found, rest = _item(text[1:])
    if not rest.startswith(")"):
        raise ValueError(f"lacks a closing bracket, {len(rest)} letters before the end")
    return found, rest[1:].lstrip()


def _item(text: str) -> tuple[Filter, str]:
    item = _ITEM.match(text)
    if item is None:
        raise ValueError(f"has no attribute=value, {len(text)} letters before the end")
    attribute, rule, how, value = item.group("attribute", "rule", "how", "value")
    rest = text[item.end() :]
    if rule is not None:
        if how != "=" or rule.lower() == "dn":
            raise ValueError(f"has a rule other than :OID:=, {len(text)} letters before the end")
        return Rule(attribute, rule, _plain(value)), rest
    if how != "=" or "*" not in value:
        return Compare(attribute, _plain(value), how), rest
    if value == "*":
        return Has(attribute), rest
    return Like(attribute, tuple(map(_plain, value.split("*")))), rest


def _plain(value: str) -> bytes:
    r"""Without escapes: `\2a` is a star."""
    return re.sub(rb"\\([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), value.encode())
