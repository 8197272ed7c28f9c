"""Reading a request's JSON body, bounded before it is read.

The edge bounds how many bytes there are; here it is how many values, since a megabyte of empty
arrays is a hundred thousand objects to build and to throw away. The parser's own limit on depth is
the interpreter's, and newer ones have none to speak of, so there is one here. No object may have a
member twice: the parser takes the last, others the first, and whoever looked at the body before us
must have seen the same user name.

A byte order mark in front is passed over (RFC 8259, 8.1): .NET and PowerShell write one.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Iterable

import msgspec

from sessiongate.errors import Malformed

LARGEST = 256 * 1024
"""Bytes, as of an XML document (`wire.xml`): a megabyte took 15 ms of everybody's time."""

# Somewhat more than XML may hold elements: far more than any request has.
MOST_VALUES = 6_000
_BEFORE_VALUES = (b",", b"[", b"{")

DEEPEST = 64
"""Arrays and objects around a value, as XML may have elements. Real requests have four."""


class JsonLimits(msgspec.Struct, frozen=True):
    """What a body may hold."""

    size: int
    values: int


OF_STRANGERS = JsonLimits(LARGEST, MOST_VALUES)
OF_KNOWN = JsonLimits(8 * 1024 * 1024, 20_000)
"""For callers with a live session, whose calls are sent on: what clients ask of a vCenter may name
three thousand objects, each of them with six values. All that read one share a turn of the loop,
so that it has to be a step: a megabyte of empty arrays took a third of a second."""


def is_blank(body: bytes) -> bool:
    """Whether there is nothing in a body that a reader would see."""
    return not body or not body.removeprefix(BOM_UTF8).strip()


def is_long(body: bytes) -> bool:
    """Whether it is more than strangers may send: reading it is a long step."""
    limits = OF_STRANGERS
    return len(body) > limits.size or sum(map(body.count, _BEFORE_VALUES)) > limits.values


def read_json(body: bytes, limits: JsonLimits = OF_STRANGERS) -> object:
    """The value of a body. Raises Malformed; the text never repeats what was sent.

    A comma or bracket inside a string counts as one before a value.
    """
    if len(body) > limits.size:
        raise Malformed(f"the body is larger than {limits.size} bytes")
    body = body.removeprefix(BOM_UTF8)
    commas, *opened = map(body.count, _BEFORE_VALUES)
    if commas + sum(opened) > limits.values:
        raise Malformed(f"the body holds more than {limits.values} values")
    try:
        found: object = msgspec.json.decode(body)
        if body.count(b":") > 1:  # else there are no two members
            # The fast parser has no word for it: 1.1 µs more for a login, 4.6 for one of JSON-RPC.
            _members.decode(body.decode())
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise Malformed("the body is not JSON") from None
    if sum(opened) > DEEPEST and _is_deep(found):
        raise Malformed(f"the body is nested deeper than {DEEPEST} values")
    return found


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return any(isinstance(one, list | dict) for one in level)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _once(members: list[tuple[str, None]]) -> None:
    """Of one object, whose values are not kept."""
    if len({name for name, _ in members}) != len(members):
        raise Malformed("the body has an object with the same member twice")


_members = json.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len)
