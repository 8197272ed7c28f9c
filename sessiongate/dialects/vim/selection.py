"""Which objects a filter names, and what is read of them: the one inside of every retrieve.

Objects are named one by one, and found from those along the paths of traversals. Each comes once
for each filter. What the caller may not read is said to be missing, and is never followed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.property_paths import (
    check_leads_to_objects,
    inside,
    property_of,
)
from sessiongate.dialects.vim.read_budget import ReadBudget
from sessiongate.errors import NoPermission, NoSession, SessionGateError
from sessiongate.wire.vim.faults import fault_of
from sessiongate.wire.vim.methods import KINDS, OBJECTS, PROPERTIES, Property, is_a, resolve
from sessiongate.wire.vim.types import Boxed, Data, MoRef, Value

Read = Callable[[Context, Property], Awaitable[Value | None]]

# Filters of one request, and paths that they may have for one object.
_MOST_SPECS = 8
_MOST_PATHS = 100

# Traversals that one filter may have, named ones and those that stand in others.
_MOST_TRAVERSALS = 200


# What stands for a property that this request has not read yet.
_UNREAD: Any = object()


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
        budget = ReadBudget(known=context.caller is not None)
        for spec in specs:
            found += await self.of(context, spec, budget)
        return found

    async def of(self, context: Context, spec: Data, budget: ReadBudget) -> list[Found]:
        """What a filter names, as far as the budget goes.

        Raises UnknownObject, UnknownType, UnknownProperty or InvalidArgument.
        """
        wanted = _Wanted(spec)
        found: list[Found] = []
        for target in await self._objects(context, spec, budget):
            paths = wanted.paths(target.kind)
            if paths is not None:
                budget.take_object()
                found.append(await self._content(context, target, paths, budget))
                if budget.is_due():
                    await asyncio.sleep(0)
        return found

    async def _objects(self, context: Context, spec: Data, budget: ReadBudget) -> list[MoRef]:
        """The objects to be read, each once, in the order in which they are found."""
        lenient = bool(spec.members.get("reportMissingObjectsInResults"))
        holders: Any = spec.members.get("objectSet", ())
        found: dict[MoRef, None] = {}
        for holder in holders:
            budget.take_step()
            try:
                if "selectSet" in holder.members:
                    walk = _Walk(self, context, holder, budget)
                    found.update(dict.fromkeys(await walk.objects()))
                else:
                    there = self.there(context, holder.members["obj"])
                    if not holder.members.get("skip"):
                        found[there] = None
            except errors.UnknownObject:
                if not lenient:
                    raise
                budget.take_object()  # to say that it is missing takes as long as a small one
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

    async def value_at(self, context: Context, path: str, budget: ReadBudget) -> Boxed | None:
        """What stands at a path of the context's target, None where it is unset.

        Raises UnknownProperty, or as `read`.
        """
        prop, rest = property_of(context.target, path)
        key = context.target, prop.name
        value = budget.read.get(key, _UNREAD)
        if value is _UNREAD:  # this request has not read it before
            try:
                value = await self._read(context, prop)
            except (NoSession, NoPermission) as error:
                value = error
            budget.read[key] = value
        if isinstance(value, SessionGateError):
            raise value.with_traceback(None)
        return inside(value, prop.field, rest, path)

    async def _content(
        self, context: Context, target: MoRef, paths: Sequence[str], budget: ReadBudget
    ) -> Found:
        found = Found(target, [], [])
        inner = _of(target, context)
        for path in paths:
            try:
                value = await self.value_at(inner, path, budget)
            except (NoSession, NoPermission) as error:
                found.missing.append(_missing(path, error, target, context))
                budget.take_value(found.missing[-1])
                continue
            budget.take_value(value)
            if value is not None:
                found.values.append((path, value))
        return found


class _Walk:
    """From one object along its traversals."""

    def __init__(
        self, selection: Selection, context: Context, holder: Data, budget: ReadBudget
    ) -> None:
        self._budget = budget
        self._selection = selection
        self._context = context
        self._holder = holder
        first: Any = holder.members.get("selectSet", ())
        self._named: Mapping[str, Data] = {
            str(one.members["name"]): one
            for one in _every(first, budget)
            if one.members.get("name")
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
            if (obj, id(step)) in seen or not is_a(obj.kind, str(step.members["type"])):
                continue
            seen.add((obj, id(step)))
            for one in await self._along(obj, step):
                self._budget.take_step()
                if not step.members.get("skip"):
                    found[one] = None
                further: Any = step.members.get("selectSet", ())
                waiting.extend((one, other) for other in self._steps(further))
        return list(found)

    def _steps(self, chosen: Sequence[Data]) -> Iterator[Data]:
        """The traversals meant: a selection that is none names one. Each is a step to be walked."""
        for one in chosen:
            self._budget.take_step()
            name = one.members.get("name")
            if one.type == "TraversalSpec":
                yield one
            elif isinstance(name, str) and name in self._named:
                yield self._named[name]
            else:
                raise errors.InvalidArgument("selectSet", "names a traversal that is not there")

    async def _along(self, obj: MoRef, step: Data) -> list[MoRef]:
        """The objects at the end of a step; none where the caller may not look."""
        path = str(step.members["path"])
        check_leads_to_objects(obj, path)
        try:
            box = await self._selection.value_at(_of(obj, self._context), path, self._budget)
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


def _every(chosen: Sequence[Data], budget: ReadBudget) -> list[Data]:
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
        else:  # one that only names another
            budget.take_step()
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

    def paths(self, kind: str) -> list[str] | None:
        """What is to be read of an object of this type, None where no such object is wanted.

        Raises InvalidArgument.
        """
        wanted = False
        found: dict[str, None] = {}
        for asked, paths in self._paths.items():
            if is_a(kind, asked):
                wanted = True
                if asked in self._whole:
                    found.update({name: None for of, name in PROPERTIES if of == kind})
                found.update(paths)
        if not wanted:
            return None
        if len(found) > _MOST_PATHS:
            raise errors.InvalidArgument("pathSet", f"more than {_MOST_PATHS} paths of one object")
        return list(found)


def _missing(path: str, error: SessionGateError, target: MoRef, context: Context) -> Data:
    locale = context.caller.message_locale if context.caller is not None else "en"
    prop, _ = property_of(target, path)
    fault = fault_of(error, target, prop.privilege, locale)
    localized = Data("LocalizedMethodFault", {"fault": fault.data, "localizedMessage": ""})
    return Data("MissingProperty", {"path": path, "fault": localized})
