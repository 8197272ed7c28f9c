"""Views over the empty inventory."""

from contextlib import suppress
from typing import Any

import pytest

from sessiongate.errors import InvalidArgument, Malformed, UnknownObject, UnknownType
from sessiongate.session import Session
from sessiongate.wire.vim.methods import OBJECTS, ROOT_FOLDER, SESSION_MANAGER
from sessiongate.wire.vim.types import MoRef, Value
from tests.gate import Gate

GONE = MoRef("VirtualMachine", "vm-1")


@pytest.fixture
async def bob(gate: Gate) -> Session:
    return (await gate.login("bob")).session


async def made(gate: Gate, caller: Session, name: str, **arguments: Any) -> MoRef:
    view = (await gate.call(caller, name, **arguments)).value
    assert isinstance(view, MoRef)
    return view


async def inside(gate: Gate, caller: Session, view: MoRef) -> Value | None:
    return await gate.read(caller, "view", view)


async def test_a_container_view_is_empty_and_says_what_it_is_of(gate: Gate, bob: Session) -> None:
    asked: dict[str, Any] = {
        "container": ROOT_FOLDER,
        "type": ["VirtualMachine"],
        "recursive": True,
    }
    view = await made(gate, bob, "CreateContainerView", **asked)
    assert view.kind == "ContainerView"
    assert await inside(gate, bob, view) == []
    for name, value in asked.items():
        assert await gate.read(bob, name, view) == value
    whole = await made(gate, bob, "CreateContainerView", container=ROOT_FOLDER, recursive=False)
    assert await gate.read(bob, "type", whole) == []
    assert await gate.read(bob, "viewList", OBJECTS["ViewManager"]) == [view, whole]
    await gate.call(bob, "DestroyView", on=view)
    with pytest.raises(UnknownObject):
        await inside(gate, bob, view)


async def test_what_is_no_container_and_no_type_is_refused(gate: Gate, bob: Session) -> None:
    for container, kinds, error in (
        (MoRef("Folder", "group-d9"), None, UnknownObject),
        (SESSION_MANAGER, None, InvalidArgument),
        (ROOT_FOLDER, ["Nonsense"], UnknownType),
    ):
        asked: dict[str, Any] = {"container": container, "type": kinds, "recursive": True}
        with pytest.raises(error):
            await gate.call(bob, "CreateContainerView", **asked)
    assert len(gate.center.objects) == 0


async def test_a_list_view_has_what_was_put_into_it(gate: Gate, bob: Session) -> None:
    view = await made(gate, bob, "CreateListView", obj=[ROOT_FOLDER, GONE, ROOT_FOLDER])
    assert await inside(gate, bob, view) == [ROOT_FOLDER]
    added = await gate.call(bob, "ModifyListView", on=view, add=[SESSION_MANAGER, GONE])
    assert added.value == [GONE]
    assert await inside(gate, bob, view) == [ROOT_FOLDER, SESSION_MANAGER]
    await gate.call(bob, "ModifyListView", on=view, remove=[ROOT_FOLDER])
    other = await made(gate, bob, "CreateListViewFromView", view=view)
    assert await inside(gate, bob, other) == [SESSION_MANAGER]
    assert (await gate.call(bob, "ResetListView", on=view, obj=[GONE, view])).value == [GONE]
    assert await inside(gate, bob, view) == [view]
    await gate.call(bob, "ResetListViewFromView", on=view, view=other)
    assert await inside(gate, bob, view) == [SESSION_MANAGER]


async def test_sec_91_another_sessions_view_cannot_be_put_into_one(
    gate: Gate, bob: Session
) -> None:
    ada = (await gate.login("ada")).session
    theirs = await made(gate, ada, "CreateListView")
    view = await made(gate, bob, "CreateListView", obj=[theirs])
    assert await inside(gate, bob, view) == []
    with pytest.raises(UnknownObject):
        await gate.call(bob, "CreateListViewFromView", view=theirs)
    with pytest.raises(UnknownObject):
        await gate.call(bob, "CreateListViewFromView", view=ROOT_FOLDER)


async def test_a_view_holds_no_more_than_a_retrieve_reads(gate: Gate, bob: Session) -> None:
    view = await made(gate, bob, "CreateListView")
    many = [mo for mo in OBJECTS.values() if mo != ROOT_FOLDER]
    views = [await made(gate, bob, "CreateListView") for _ in range(99)]
    await gate.call(bob, "ResetListView", on=view, obj=[*many, *views])
    assert isinstance(held := await inside(gate, bob, view), list)
    assert len(held) == len(many) + 99


async def test_the_inventory_view_shows_nothing_below_the_folder(gate: Gate, bob: Session) -> None:
    view = await made(gate, bob, "CreateInventoryView")
    for name in ("OpenInventoryViewFolder", "CloseInventoryViewFolder"):
        unresolved = (await gate.call(bob, name, on=view, entity=[ROOT_FOLDER, GONE])).value
        assert unresolved == [GONE]
        assert await inside(gate, bob, view) == [ROOT_FOLDER]


async def test_sec_73_a_view_counts_for_what_it_has_become(gate: Gate, bob: Session) -> None:
    """Views were made empty, and filled afterwards."""
    many = list(OBJECTS.values())
    views = [await made(gate, bob, "CreateListView") for _ in range(90)]
    first, *others = views
    await gate.call(bob, "ResetListView", on=first, obj=[*many, *views])
    for view in others[:10]:
        await gate.call(bob, "ResetListViewFromView", on=view, view=first)
    filled = 10
    with suppress(Malformed):
        for view in others[10:]:
            await gate.call(bob, "ResetListViewFromView", on=view, view=first)
            filled += 1
    assert filled < 30
    assert await inside(gate, bob, others[filled]) == []
    refused: tuple[tuple[str, dict[str, Any]], ...] = (
        ("ResetListView", {"on": others[filled], "obj": [*many, *views]}),
        ("ModifyListView", {"on": others[filled], "add": [*many, *views]}),
        ("CreateListViewFromView", {"view": first}),
    )
    for name, arguments in refused:
        with pytest.raises(Malformed, match="bytes"):
            await gate.call(bob, name, **arguments)
    assert len(gate.center.objects) == len(views)
    # What is taken out of a view counts no more.
    await gate.call(bob, "ModifyListView", on=first, remove=[*many, *views])
    await gate.call(bob, "ResetListViewFromView", on=others[filled], view=others[0])
    for view in views:
        await gate.call(bob, "DestroyView", on=view)
    assert len(gate.center.objects) == 0
