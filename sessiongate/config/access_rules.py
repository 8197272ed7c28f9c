"""How a table of `[[forward_auth.rules]]` is written. Pure.

As in `values`: the reader returns the value, or raises ValueError with the rule and the way out,
and never repeats what it was given.
"""

# ruff: noqa: TRY004 -- pydantic collects ValueError and lets TypeError through

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from sessiongate.config import addresses, values
from sessiongate.rules.forward_auth import AccessRule, plain_path

_KEYS: dict[str, tuple[str, str]] = {
    "host": ("string", "Host that the application is asked by, without port. Unset: every host."),
    "path": ("string", "Path with all below it: /app is /app and /app/... Unset: the whole host."),
    "methods": ("array", "Methods, in capital letters. Unset: all of them."),
    "roles": ("array", "Roles of which a session needs one. Unset: every live session."),
}
SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {"description": about, "type": kind}
            | ({"items": {"type": "string"}} if kind == "array" else {})
            for name, (kind, about) in _KEYS.items()
        },
    },
}

_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}")
_PATH = re.compile(r"/[!-~]*")


def read(value: object) -> tuple[AccessRule, ...]:
    """Read the tables, in order. Those that were read already stay as they are."""
    if not isinstance(value, list | tuple):
        raise ValueError("must be tables [[forward_auth.rules]]; write them into the settings file")
    rules: list[AccessRule] = []
    problems: list[str] = []
    for number, table in enumerate(value, 1):
        if isinstance(table, AccessRule):
            rules.append(table)
            continue
        found: dict[str, Any] = {}
        problems += [f"entry {number} {said}" for said in _read_one(table, found)]
        rules.append(AccessRule(**found))
    if problems:
        raise values.Several(problems)
    return tuple(rules)


def as_json(rule: AccessRule) -> dict[str, object]:
    """A rule with what it was given, as JSON can hold it."""
    given = {"host": rule.host, "path": rule.path, "methods": sorted(rule.methods)}
    if rule.roles is not None:
        given["roles"] = sorted(rule.roles)
    return {name: value for name, value in given.items() if value}


def _read_one(table: object, found: dict[str, Any]) -> list[str]:
    """Put what a table says into `found`; return what is wrong with it."""
    if not isinstance(table, dict):
        return ["must be a table [[forward_auth.rules]]"]
    wrong = [_unknown(name) for name in table if name not in _KEYS]
    for name, reader in _READERS.items():
        if name in table:
            try:
                found[name] = reader(table[name])
            except values.Several as problem:
                wrong.append(f"has {name}: {problem}")
            except ValueError as problem:
                wrong.append(f"has {name}, which {problem}")
    return wrong


def _unknown(name: object) -> str:
    near = get_close_matches(str(name), _KEYS, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KEYS)}"
    return f"has a key that is no setting; {hint}"


def _host(value: object) -> str:
    if isinstance(value, str):
        value = value.strip().removesuffix(".")
    try:
        host = addresses.host_header(value)
    except ValueError:
        raise ValueError(
            'must be a name or an address ("wiki.example", "[2001:db8::1]"), without scheme, port'
            " and path"
        ) from None
    if addresses.without_port(host) != host.strip("[]"):
        raise ValueError("must have no port: a host is one, whatever its port")
    return host


def _path(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if _PATH.fullmatch(text) is None or set(text) & {"?", "#"}:
        raise ValueError(
            'must be a path such as "/app", without query; other letters than those of ASCII are'
            " escaped, as browsers send them"
        )
    plain = plain_path(text)
    if plain is None:
        raise ValueError(
            "must be one that no reader takes for another: without //, . and .. as segments, ;, a"
            " backslash, or escapes of them"
        )
    return plain.rstrip("/")


def _method(value: object) -> str:
    if isinstance(value, str) and _METHOD.fullmatch(value):
        return value
    raise ValueError('must be a method in capital letters, such as "GET"')


_READERS: dict[str, Callable[[object], object]] = {
    "host": _host,
    "path": _path,
    "methods": lambda value: frozenset(values.some(_method)(value)),
    "roles": lambda value: frozenset(values.some(values.word)(value)),
}
