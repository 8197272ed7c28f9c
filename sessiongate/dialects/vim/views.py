"""ViewManager and its views, over an inventory in which there is nothing but the root folder."""

from collections.abc import Sequence

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.managed_object import ManagedObject
from sessiongate.dialects.vim.session_objects import SessionObjects, View
from sessiongate.wire.vim.methods import KINDS, ROOT_FOLDER, is_a, resolve
from sessiongate.wire.vim.methods.views import VIEWS
from sessiongate.wire.vim.types import Data, MoRef, Value

# Bytes of a request beside what it names, and beside the type and id of each object.
_OF_A_REQUEST = 300
_OF_A_NAME = 40


class Views(ManagedObject):
    """Their methods and properties, by the names of their handlers."""

    def __init__(self, objects: SessionObjects) -> None:
        self._objects = objects

    # ViewManager

    async def create_container_view(
        self,
        context: Context,
        *,
        container: MoRef,
        type: Sequence[str] | None = None,  # noqa: A002 - as the API has it
        recursive: bool,
    ) -> MoRef:
        there = resolve(container)
        if there is None:
            raise errors.UnknownObject(container.kind, container.name)
        if not is_a(there.kind, "ManagedEntity"):
            raise errors.InvalidArgument("container", "not a container")
        if any(one not in KINDS for one in type or ()):
            raise errors.UnknownType("type")
        members: dict[str, Value] = {"container": there, "recursive": recursive}
        if type:
            members["type"] = list(type)
        asked = Data("ContainerView", members)
        return self._objects.add(context, "ContainerView", View([], asked))

    async def create_list_view(self, context: Context, obj: Sequence[MoRef] | None = None) -> MoRef:
        found, _ = self._sorted(context, obj or ())
        return self._objects.add(context, "ListView", View(found))

    async def create_list_view_from_view(self, context: Context, view: MoRef) -> MoRef:
        made = View([])
        other = self._view(context, view)
        target = self._objects.add(context, "ListView", made)
        try:
            self._put(context, made, list(other.objects))
        except errors.SessionGateError:
            self._objects.remove(context, target)
            raise
        return target

    async def create_inventory_view(self, context: Context) -> MoRef:
        # As the vendor's page of InventoryView has it: the root folder, and nothing opened yet.
        return self._objects.add(context, "InventoryView", View([ROOT_FOLDER]))

    async def view_list(self, context: Context) -> list[MoRef]:
        return self._objects.of_kind(context, *VIEWS)

    # All views

    async def destroy_view(self, context: Context) -> None:
        self._objects.remove(context, context.target)

    async def view(self, context: Context) -> list[MoRef]:
        return list(self._view(context, context.target).objects)

    # One kind of view each

    async def container(self, context: Context) -> Value | None:
        return self._argument(context, "container")

    async def type(self, context: Context) -> Value | None:
        return self._argument(context, "type") or []

    async def recursive(self, context: Context) -> Value | None:
        return self._argument(context, "recursive")

    async def modify_list_view(
        self,
        context: Context,
        add: Sequence[MoRef] | None = None,
        remove: Sequence[MoRef] | None = None,
    ) -> list[MoRef]:
        view = self._view(context, context.target)
        gone = {resolve(one) for one in remove or ()}
        found, unresolved = self._sorted(context, add or ())
        both = [one for one in view.objects if one not in gone] + found
        self._put(context, view, _few(list(dict.fromkeys(both))))
        return unresolved

    async def reset_list_view(
        self, context: Context, obj: Sequence[MoRef] | None = None
    ) -> list[MoRef]:
        view = self._view(context, context.target)
        found, unresolved = self._sorted(context, obj or ())
        self._put(context, view, found)
        return unresolved

    async def reset_list_view_from_view(self, context: Context, view: MoRef) -> None:
        other = self._view(context, view)
        self._put(context, self._view(context, context.target), list(other.objects))

    async def turn_inventory_view_folder(
        self, context: Context, entity: Sequence[MoRef]
    ) -> list[MoRef]:
        self._view(context, context.target)
        return self._sorted(context, entity)[1]

    def _put(self, context: Context, view: View, objects: list[MoRef]) -> None:
        """Change what is in a view. Raises Malformed or Overloaded where that is too much."""
        self._objects.recharge(context, view, _size(objects))
        view.objects = objects

    def _view(self, context: Context, target: MoRef) -> View:
        made = self._objects.find(context, resolve(target) or target)
        if not isinstance(made, View):
            raise errors.UnknownObject(target.kind, target.name)
        return made

    def _argument(self, context: Context, name: str) -> Value | None:
        asked = self._view(context, context.target).asked
        return asked.members.get(name) if asked is not None else None

    def _sorted(
        self, context: Context, targets: Sequence[MoRef]
    ) -> tuple[list[MoRef], list[MoRef]]:
        """The objects that are there, and the references that name none."""
        found: dict[MoRef, None] = {}
        unresolved: dict[MoRef, None] = {}
        for target in targets:
            there = resolve(target)
            try:
                self._objects.check(context, there or target)
            except errors.UnknownObject:
                unresolved[target] = None
            else:
                found[there or target] = None
        return _few(list(found)), list(unresolved)


def _size(objects: list[MoRef]) -> int:
    """Bytes of a request that would make a view of these."""
    return _OF_A_REQUEST + sum(_OF_A_NAME + len(one.kind) + len(one.name) for one in objects)


def _few(objects: list[MoRef]) -> list[MoRef]:
    # A retrieve reads no more.
    if len(objects) > 200:
        raise errors.InvalidArgument("obj", "more than 200 objects in one view")
    return objects
