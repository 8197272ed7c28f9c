"""Which settings there are, by name: the tree of tables, made from the models.

Tells a setting from a table and from nothing, and which settings are secrets or file names. In
provider tables, which have no model here, every name is a setting.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import isclass
from pathlib import Path
from typing import get_args, get_origin

from pydantic import BaseModel

from sessiongate.config.models import Settings
from sessiongate.secret import Secret

Name = tuple[str, ...]

# Secrets of provider tables, which have no model here, are known by the end of their name.
_SECRET_KEY = re.compile(r"(?:.*[_-])?(?:password|passphrase|secret|token)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single setting; `path` says that its value names a file."""

    secret: bool = False
    path: bool = False


@dataclass(frozen=True, slots=True)
class Free:
    """Names that the operator chooses, for tables or for single settings.

    Without `inner`, what the tables hold is theirs too.
    """

    inner: "_Section | Leaf | None"


@dataclass(frozen=True, slots=True)
class _Section:
    fields: "dict[str, Leaf | Free | _Section]"


@dataclass(frozen=True, slots=True)
class SettingRef:
    """The setting that a name stands for; `by_file` when the name gives the secret's file."""

    setting: Name
    leaf: Leaf
    by_file: bool = False


def secret_key(name: str) -> bool:
    """Say whether a key of a provider table holds a secret."""
    return _SECRET_KEY.fullmatch(name) is not None


def _shape(model: type[BaseModel]) -> _Section:
    fields: dict[str, Leaf | Free | _Section] = {}
    for name, info in model.model_fields.items():
        annotation = info.annotation
        if isclass(annotation) and issubclass(annotation, BaseModel):
            fields[name] = _shape(annotation)
        elif get_origin(annotation) is dict:
            inner = get_args(annotation)[1]
            if isclass(inner) and issubclass(inner, BaseModel):
                fields[name] = Free(_shape(inner))
            else:
                fields[name] = Free(Leaf() if inner is str else None)
        else:
            fields[name] = Leaf(secret=_is(annotation, Secret), path=_is(annotation, Path))
    return _Section(fields)


def _is(annotation: object, kind: type) -> bool:
    return annotation is kind or any(_is(part, kind) for part in get_args(annotation))


_ROOT = _shape(Settings)


def find(path: Name) -> SettingRef | _Section | Free | None:
    """What stands at this name: a setting, a table, or nothing."""
    node: Leaf | Free | _Section = _ROOT
    for depth, name in enumerate(path):
        if isinstance(node, Free):
            if node.inner is None:
                return _free_ref(path, depth)
            node = node.inner
        elif isinstance(node, _Section) and name in node.fields:
            node = node.fields[name]
        elif isinstance(node, _Section):
            stem = name.removesuffix("_file")
            leaf = node.fields.get(stem)
            last = depth == len(path) - 1
            if last and stem != name and isinstance(leaf, Leaf) and leaf.secret:
                return SettingRef((*path[:-1], stem), leaf, by_file=True)
            return None
        else:
            return None
    return SettingRef(path, node) if isinstance(node, Leaf) else node


def _free_ref(path: Name, depth: int) -> SettingRef | Free:
    if depth == len(path) - 1:
        return Free(None)
    stem = path[-1].removesuffix("_file")
    if stem != path[-1] and secret_key(stem):
        return SettingRef((*path[:-1], stem), Leaf(secret=True), by_file=True)
    return SettingRef(path, Leaf(secret=secret_key(path[-1])))


def all_settings(asked: Name) -> Iterator[Name]:
    """Every setting there is, with the free names that were asked for."""

    def inside(node: Leaf | Free | _Section, path: Name) -> Iterator[Name]:
        if isinstance(node, Leaf):
            yield path
            if node.secret:
                yield (*path[:-1], f"{path[-1]}_file")
        elif isinstance(node, _Section):
            for name, child in node.fields.items():
                yield from inside(child, (*path, name))
        else:
            name = asked[len(path)] if len(asked) > len(path) else "NAME"
            yield from inside(node.inner or _Section({"type": Leaf()}), (*path, name))

    return inside(_ROOT, ())
