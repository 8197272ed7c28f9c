"""The reference of settings, from the schema that `sessiongate config schema` prints."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sessiongate.config import schema
from tests.docs.tables import code, table

Node = Mapping[str, Any]

# Where the default depends on the machine, words stand for it.
_SAID = {"server.data_dir": "the platform's data directory"}


def settings_reference() -> str:
    """A heading for each table of the file, and a row for each setting in it."""
    whole = schema()
    parts = []
    for name, title, about, rows in _sections(whole, whole, ()):
        parts.append(f"### `[{name}]`\n\n{about or title}")
        if rows:
            parts.append(table(("Setting", "Default", "What it is"), rows))
    return "\n\n".join(parts)


def defaults() -> Mapping[str, object]:
    """Every setting with its default, None for one that is unset, required, or the machine's."""
    return dict(_defaults(schema(), schema(), ()))


def _defaults(root: Node, node: Node, path: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    for name, held in node.get("properties", {}).items():
        inner = _followed(root, held)
        if inner.get("type") != "object":
            yield ".".join((*path, name)), held.get("default")
            continue
        free = inner.get("additionalProperties")
        if isinstance(free, dict):
            yield from _defaults(root, _followed(root, free), (*path, name, "NAME"))
        else:
            yield from _defaults(root, inner, (*path, name))


def _sections(
    root: Node, node: Node, path: tuple[str, ...]
) -> Iterator[tuple[str, str, str, list[tuple[str, str, str]]]]:
    rows = []
    below: list[tuple[tuple[str, ...], str, str, Node]] = []
    for name, held in node.get("properties", {}).items():
        inner = _followed(root, held)
        if inner.get("type") != "object":
            rows.append(_row(path, name, held, name in node.get("required", ())))
            continue
        free = inner.get("additionalProperties")
        if isinstance(free, dict) and free.get("type") == "string":
            rows.append(_row(path, name, held, name in node.get("required", ())))
        elif isinstance(free, dict):
            below.append((("NAME",), name, _about(held), _followed(root, free)))
        else:
            below.append(((), name, _about(held) or _about(inner), inner))
    if rows or (path and path[-1] == "NAME"):
        yield ".".join(path), str(node.get("title", "")), str(node.get("about", "")), rows
    for free_name, name, about, inner in below:
        yield from _sections(root, {**inner, "about": about}, (*path, name, *free_name))


def _followed(root: Node, node: Node) -> Node:
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Node = root["$defs"][reference.rpartition("/")[2]]
    return found


def _about(node: Node) -> str:
    return str(node.get("description", ""))


def _row(path: tuple[str, ...], name: str, node: Node, required: bool) -> tuple[str, str, str]:
    dotted = ".".join((*path, name))
    default = node.get("default")
    if dotted in _SAID:
        said = _SAID[dotted]
    elif required:
        said = "(required)"
    else:
        said = "(unset)" if default is None else code(json.dumps(default))
    return code(name), said, _about(node) + _choices(node)


def _choices(node: Node) -> str:
    return f" One of {', '.join(map(code, node['enum']))}." if "enum" in node else ""
