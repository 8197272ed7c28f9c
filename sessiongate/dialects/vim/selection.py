"""Which objects a filter names, and what is read of them: the one inside of every retrieve.

Objects are named one by one, and found from those along the paths of traversals. Each comes once
for each filter. What the caller may not read is said to be missing, and is never followed.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.errors import NoPermission, NoSession, SessionGateError
from sessiongate.wire.vim.faults import fault_of
from sessiongate.wire.vim.methods import KINDS, OBJECTS, PROPERTIES, Property, is_a, resolve
from sessiongate.wire.vim.types import TYPES, Boxed, Data, Field, MoRef, Value

Read = Callable[[Context, Property], Awaitable[Value | None]]

# One request may read so much. Each object that is named once more repeats all of its lists:
# 280 kB of such names were answered by 58 MB, to anybody. Whoever has a session may have views.
_MOST_OBJECTS = 8
_MOST_OF_CALLERS = 200
_MOST_SPECS = 8
_MOST_PATHS = 100

# Traversals that one filter may have, named ones and those that stand in others; and what one
# request may walk: traversals may name each other, and lead to everything that a view holds.
_MOST_TRAVERSALS = 200
_MOST_STEPS = 2000


class Found(msgspec.Struct):
    """An object that a filter names, with what was read of it."""

    obj: MoRef
    values: list[tuple[str, Boxed]]
    missing: list[Value]


class Selection:
    """Finds objects and reads them, by what `read` gives for one property."""

    def __init__(self, read: Read, check: Callable[[Context, MoRef], None]) -> None:
        """`check` raises UnknownObject, or NoSession, for an object that is not there."""
        self._read = read
        self._check = check

    async def of_all(self, context: Context, specs: Sequence[Data]) -> list[Found]:
        """What several filters name, one after the other. Raises as `of` does."""
        if len(specs) > _MOST_SPECS:
            raise errors.InvalidArgument("specSet", f"more than {_MOST_SPECS} filters at once")
        found: list[Found] = []
        steps = _Steps()
        for spec in specs:
            found += await self.of(context, spec, len(found), steps)
        return found

    async def of(
        self, context: Context, spec: Data, before: int = 0, steps: "_Steps | None" = None
    ) -> list[Found]:
        """What a filter names, `before` objects having been read and `steps` taken already.

        Raises UnknownObject, UnknownType, UnknownProperty or InvalidArgument.
        """
        wanted = _Wanted(spec)
        most = _MOST_OBJECTS if context.caller is None else _MOST_OF_CALLERS
        found: list[Found] = []
        for target in await self._objects(context, spec, steps or _Steps()):
            if not wanted.has(target.kind):
                continue
            if before + len(found) == most:
                raise errors.InvalidArgument("specSet", f"more than {most} objects in one request")
            found.append(await self._content(context, target, wanted.paths(target.kind)))
        return found

    async def _objects(self, context: Context, spec: Data, steps: "_Steps") -> list[MoRef]:
        """The objects to be read, each once, in the order in which they are found."""
        lenient = bool(spec.members.get("reportMissingObjectsInResults"))
        holders: Any = spec.members.get("objectSet", ())
        found: dict[MoRef, None] = {}
        for holder in holders:
            try:
                if "selectSet" in holder.members:
                    walk = _Walk(self, context, holder, steps)
                    found.update(dict.fromkeys(await walk.objects()))
                else:
                    there = self.there(context, holder.members["obj"])
                    if not holder.members.get("skip"):
                        found[there] = None
            except errors.UnknownObject:
                if not lenient:
                    raise
        return list(found)

    def there(self, context: Context, target: MoRef) -> MoRef:
        """The object that a reference means. Raises UnknownObject or NoSession."""
        if OBJECTS.get(target.kind) == target:
            return target
        found = resolve(target)
        if found is None:
            raise errors.UnknownObject(target.kind, target.name)
        self._check(context, found)
        return found

    async def value_at(self, context: Context, path: str) -> Boxed | None:
        """What stands at a path of the context's target, None where it is unset.

        Raises UnknownProperty, or as `read`.
        """
        prop, rest = _property(context.target, path)
        value = await self._read(context, prop)
        return _inside(value, prop.field, rest, path)

    async def _content(self, context: Context, target: MoRef, paths: Sequence[str]) -> Found:
        found = Found(target, [], [])
        inner = _of(target, context)
        for path in paths:
            try:
                value = await self.value_at(inner, path)
            except (NoSession, NoPermission) as error:
                found.missing.append(_missing(path, error, target, context))
                continue
            if value is not None:
                found.values.append((path, value))
        return found


class _Steps:
    """Counts what one request walks: traversals from each object, and what each leads to."""

    def __init__(self) -> None:
        self._left = _MOST_STEPS

    def take(self) -> None:
        """One more. Raises InvalidArgument where there were too many."""
        self._left -= 1
        if self._left < 0:
            raise errors.InvalidArgument("selectSet", f"more than {_MOST_STEPS} steps to walk")


class _Walk:
    """From one object along its traversals."""

    def __init__(self, selection: Selection, context: Context, holder: Data, count: _Steps) -> None:
        self._count = count
        self._selection = selection
        self._context = context
        self._holder = holder
        first: Any = holder.members.get("selectSet", ())
        self._named: Mapping[str, Data] = {
            str(one.members["name"]): one for one in _every(first) if one.members.get("name")
        }
        self._first: Sequence[Data] = first

    async def objects(self) -> list[MoRef]:
        """What is to be read. Raises UnknownObject, UnknownProperty or InvalidArgument."""
        named: Any = self._holder.members["obj"]
        start = self._selection.there(self._context, named)
        found: dict[MoRef, None] = {}
        if not self._holder.members.get("skip"):
            found[start] = None
        seen: set[tuple[MoRef, int]] = set()
        waiting = deque((start, one) for one in self._steps(self._first))
        while waiting:
            obj, step = waiting.popleft()
            self._count.take()
            if (obj, id(step)) in seen or not is_a(obj.kind, str(step.members["type"])):
                continue
            seen.add((obj, id(step)))
            for one in await self._along(obj, step):
                self._count.take()
                if not step.members.get("skip"):
                    found[one] = None
                further: Any = step.members.get("selectSet", ())
                waiting.extend((one, other) for other in self._steps(further))
        return list(found)

    def _steps(self, chosen: Sequence[Data]) -> Iterator[Data]:
        """The traversals meant: a selection that is none names one."""
        for one in chosen:
            name = one.members.get("name")
            if one.type == "TraversalSpec":
                yield one
            elif isinstance(name, str) and name in self._named:
                yield self._named[name]
            else:
                raise errors.InvalidArgument("selectSet", "names a traversal that is not there")

    async def _along(self, obj: MoRef, step: Data) -> list[MoRef]:
        """The objects at the end of a step; none where the caller may not look."""
        try:
            path = str(step.members["path"])
            box = await self._selection.value_at(_of(obj, self._context), path)
        except (NoSession, NoPermission):
            return []
        value = box.value if box is not None else ()
        if isinstance(value, MoRef):
            return [value]
        ends: Any = value if isinstance(value, list | tuple) else ()
        return [one for one in ends if isinstance(one, MoRef)]


def _of(target: MoRef, context: Context) -> Context:
    """The same caller, asking something of this object."""
    return msgspec.structs.replace(context, target=target)


def _every(chosen: Sequence[Data]) -> list[Data]:
    """Every traversal in these, at any depth. Raises UnknownType or InvalidArgument."""
    found: list[Data] = []
    waiting = list(chosen)
    while waiting:
        one = waiting.pop()
        if len(found) == _MOST_TRAVERSALS:
            raise errors.InvalidArgument("selectSet", f"more than {_MOST_TRAVERSALS} traversals")
        if one.type == "TraversalSpec":
            if one.members["type"] not in KINDS:
                raise errors.UnknownType("type")
            found.append(one)
            inner: Any = one.members.get("selectSet", ())
            waiting += inner
    return found


class _Wanted:
    """Which properties a filter wants of which types. Its lists are walked once, not per object."""

    def __init__(self, spec: Data) -> None:
        """Raises UnknownType."""
        wanted: Any = spec.members.get("propSet", ())
        self._paths: dict[str, dict[str, None]] = {}
        self._whole: set[str] = set()
        for one in wanted:
            kind = str(one.members["type"])
            if kind not in KINDS:
                raise errors.UnknownType("type")
            paths = self._paths.setdefault(kind, {})
            if one.members.get("all"):
                self._whole.add(kind)
            else:
                paths.update(dict.fromkeys(one.members.get("pathSet", ())))

    def has(self, kind: str) -> bool:
        """Whether objects of this type are to be read at all."""
        return any(is_a(kind, asked) for asked in self._paths)

    def paths(self, kind: str) -> list[str]:
        """What is to be read of an object of this type. Raises InvalidArgument."""
        found: dict[str, None] = {}
        for asked, paths in self._paths.items():
            if is_a(kind, asked):
                if asked in self._whole:
                    found.update({name: None for of, name in PROPERTIES if of == kind})
                found.update(paths)
        if len(found) > _MOST_PATHS:
            raise errors.InvalidArgument("pathSet", f"more than {_MOST_PATHS} paths of one object")
        return list(found)


def _property(target: MoRef, path: str) -> tuple[Property, list[str]]:
    name, *rest = path.split(".")
    prop = PROPERTIES.get((target.kind, name))
    if prop is None:
        raise errors.UnknownProperty(path)
    return prop, rest


def _inside(value: Value | None, field: Field, rest: Sequence[str], path: str) -> Boxed | None:
    """Follow a dotted path (`content.about.version`) into data objects."""
    for name in rest:
        if field.array or field.type not in TYPES:
            raise errors.UnknownProperty(path)
        kind = value.type if isinstance(value, Data) else field.type
        inner = next((one for one in TYPES[kind] if one.name == name), None)
        if inner is None:
            raise errors.UnknownProperty(path)
        value = value.members.get(name) if isinstance(value, Data) else None
        field = inner
    if value is None:
        return None
    kind = value.type if isinstance(value, Data) else field.type
    return Boxed(kind, value, field.array)


def _missing(path: str, error: SessionGateError, target: MoRef, context: Context) -> Data:
    locale = context.caller.message_locale if context.caller is not None else "en"
    prop, _ = _property(target, path)
    fault = fault_of(error, target, prop.privilege, locale)
    localized = Data("LocalizedMethodFault", {"fault": fault.data, "localizedMessage": ""})
    return Data("MissingProperty", {"path": path, "fault": localized})
