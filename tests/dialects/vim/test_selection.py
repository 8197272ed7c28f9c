"""Which objects filters name, what is read of them, and what is said of the rest."""

import time
import tracemalloc
from collections.abc import Coroutine
from typing import Any

import pytest

from sessiongate import errors
from sessiongate.errors import InvalidArgument, UnknownObject, UnknownProperty
from sessiongate.session import Session
from sessiongate.wire.vim.methods import (
    OBJECTS,
    PROPERTIES,
    ROOT_FOLDER,
    SERVICE_INSTANCE,
    SESSION_MANAGER,
)
from sessiongate.wire.vim.types import Boxed, Data, MoRef
from sessiongate.wire.vim.user_session import user_session
from tests.gate import INSTANCE, Gate


async def session_of(gate: Gate, name: str) -> Session:
    return (await gate.login(name)).session


def spec(target: MoRef, *paths: str, **more: Any) -> Data:
    """A PropertyFilterSpec for one object."""
    wanted: dict[str, Any] = {"type": more.pop("type", target.kind)}
    if paths:
        wanted["pathSet"] = list(paths)
    if "all" in more:
        wanted["all"] = more.pop("all")
    return Data(
        "PropertyFilterSpec",
        {
            "propSet": [Data("PropertySpec", wanted)],
            "objectSet": [Data("ObjectSpec", {"obj": target, **more})],
        },
    )


async def retrieve(gate: Gate, caller: Session | None, *specs: Data) -> list[Data]:
    found = (await gate.call(caller, "RetrieveProperties", spec_set=specs)).value
    result = (await gate.call(caller, "RetrievePropertiesEx", spec_set=specs)).value
    assert isinstance(found, list)
    if result is None:
        assert found == []
    else:
        assert isinstance(result, Data)
        assert result.members == {"objects": found}
    return found


def shown(content: Data) -> dict[str, Boxed]:
    found: Any = content.members.get("propSet", [])
    return {one.members["name"]: one.members["val"] for one in found}


def missing(content: Data) -> dict[str, str]:
    found: Any = content.members.get("missingSet", [])
    return {one.members["path"]: one.members["fault"].members["fault"].type for one in found}


async def test_properties_come_boxed_with_their_type(gate: Gate) -> None:
    caller = await session_of(gate, "ada")
    [content] = await retrieve(
        gate,
        caller,
        spec(SESSION_MANAGER, "defaultLocale", "currentSession", "sessionList", "message"),
    )
    assert content.members["obj"] == SESSION_MANAGER
    found = shown(content)
    assert found["defaultLocale"] == Boxed("string", "en")
    assert found["currentSession"] == Boxed("UserSession", user_session(caller))
    assert found["sessionList"] == Boxed("UserSession", [user_session(caller)], array=True)
    assert "message" not in found  # unset is neither shown nor missing
    assert missing(content) == {}


async def test_what_may_not_be_read_is_missing_and_said_why(gate: Gate) -> None:
    paths = ("defaultLocale", "sessionList", "message")
    [content] = await retrieve(gate, await session_of(gate, "bob"), spec(SESSION_MANAGER, *paths))
    assert list(shown(content)) == ["defaultLocale"]
    assert missing(content) == {"sessionList": "NoPermission"}
    [content] = await retrieve(gate, None, spec(SESSION_MANAGER, *paths))
    assert missing(content) == {"sessionList": "NotAuthenticated", "message": "NotAuthenticated"}


async def test_a_request_reads_a_bounded_number_of_objects_and_paths(gate: Gate) -> None:
    """Each object named once more repeats all of its lists, also to a stranger."""
    one = spec(SESSION_MANAGER, all=True)
    holders: Any = one.members["objectSet"]
    others: Any = [Data("ObjectSpec", {"obj": mo}) for mo in OBJECTS.values()]
    every = [Data("PropertySpec", {"type": "ManagedObject"})]
    many = Data("PropertyFilterSpec", {"propSet": every, "objectSet": others})
    paths = [f"sessionList.a{number}" for number in range(101)]
    for specs in ([many], [one] * 9, [spec(SESSION_MANAGER, *paths)]):
        with pytest.raises(InvalidArgument, match="more than"):
            await retrieve(gate, None, *specs)
    assert len(await retrieve(gate, None, *[one] * 8)) == 8
    twice = Data("PropertyFilterSpec", {**one.members, "objectSet": holders * 9})
    assert len(await retrieve(gate, None, twice)) == 1
    assert len(missing((await retrieve(gate, None, spec(SESSION_MANAGER, *paths[:100])))[0])) == 100


def thread_time_of(work: Coroutine[Any, Any, object]) -> Coroutine[Any, Any, float]:
    """The processor time of work that nobody else is let into."""

    async def measured() -> float:
        began = time.thread_time()
        await work
        return time.thread_time() - began

    return measured()


async def test_sec_73_two_long_lists_cost_their_sum_and_not_their_product(gate: Gate) -> None:
    """Each of 2,000 wanted types was held against each of 900 objects, before any was refused."""

    def filtered(kinds: int, objects: int, **more: Any) -> Data:
        wanted = Data("PropertySpec", {"type": "HostSystem", **more})
        holder = Data("ObjectSpec", {"obj": ROOT_FOLDER})
        lists: dict[str, Any] = {"propSet": [wanted] * kinds, "objectSet": [holder] * objects}
        return Data("PropertyFilterSpec", lists)

    async def cost(*specs: Data) -> float:
        return min([await thread_time_of(retrieve(gate, None, *specs)) for _ in range(5)])

    apart = await cost(filtered(2000, 1), filtered(1, 900))
    assert await cost(filtered(2000, 900)) < 3 * apart
    every = [Data("ObjectSpec", {"obj": OBJECTS[kind]}) for kind in list(OBJECTS)[:8]]
    whole = [Data("PropertySpec", {"type": "ManagedObject", "all": True})]
    once, often = (
        Data("PropertyFilterSpec", {"propSet": whole * times, "objectSet": every})
        for times in (1, 1000)
    )
    assert await cost(often) < 3 * await cost(once) + apart


async def test_sec_73_what_one_request_walks_is_bounded(gate: Gate) -> None:
    """Traversals that name each other, from many objects, and many walks of few steps."""
    caller = await session_of(gate, "bob")
    view = await list_view(gate, caller, *OBJECTS.values())
    names = [Data("SelectionSpec", {"name": f"s{number}"}) for number in range(100)]
    web = [along("ListView", "view", name=f"s{number}", selectSet=names) for number in range(100)]
    with pytest.raises(InvalidArgument, match="steps to walk"):
        await objects(gate, caller, {"obj": view, "selectSet": web})
    few = Data("ObjectSpec", {"obj": view, "selectSet": [along("View", "view")]})
    many = Data(
        "PropertyFilterSpec",
        {"propSet": [Data("PropertySpec", {"type": "HostSystem"})], "objectSet": [few] * 1000},
    )
    with pytest.raises(InvalidArgument, match="steps to walk"):
        await retrieve(gate, caller, many)


async def test_sec_73_a_walk_that_fans_out_queues_no_more_than_it_may_walk(gate: Gate) -> None:
    """Steps were counted as they came out of the queue: 30 MB had gone into it before."""
    caller = await session_of(gate, "bob")
    view = await list_view(gate, caller, *OBJECTS.values())
    again = [Data("SelectionSpec", {"name": "on"})] * 10_000
    fan = along("ListView", "view", selectSet=[along("ViewManager", "viewList", name="on"), *again])
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArgument, match="steps to walk"):
            await objects(gate, caller, {"obj": view, "selectSet": [fan]})
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()


async def test_all_means_all_and_each_once(gate: Gate) -> None:
    caller = await session_of(gate, "ada")
    await gate.call(caller, "UpdateServiceMessage", message="x")
    [content] = await retrieve(gate, caller, spec(SESSION_MANAGER, "message", "message", all=True))
    assert set(shown(content)) == {name for on, name in PROPERTIES if on == "SessionManager"}


async def test_dotted_paths_reach_into_data(gate: Gate) -> None:
    [content] = await retrieve(
        gate,
        None,
        spec(
            SERVICE_INSTANCE,
            "content.about.instanceUuid",
            "content.about",
            "content.about.patchLevel",
            "content.sessionManager",
        ),
    )
    found = shown(content)
    assert found["content.about.instanceUuid"] == Boxed("string", INSTANCE)
    assert found["content.about"].type == "AboutInfo"
    assert "content.about.patchLevel" not in found


async def test_a_path_into_nothing_gives_nothing(gate: Gate) -> None:
    [content] = await retrieve(gate, None, spec(SESSION_MANAGER, "currentSession.key"))
    assert shown(content) == {}
    assert missing(content) == {}
    caller = await session_of(gate, "bob")
    [content] = await retrieve(
        gate, caller, spec(SESSION_MANAGER, "currentSession.callCount", "currentSession.key")
    )
    assert shown(content) == {
        "currentSession.callCount": Boxed("long", 0),
        "currentSession.key": Boxed("string", caller.key),
    }


@pytest.mark.parametrize("path", ["colour", "", "defaultLocale.length", "content"])
async def test_a_path_that_does_not_exist_is_refused_whole(gate: Gate, path: str) -> None:
    with pytest.raises(UnknownProperty) as refusal:
        await retrieve(gate, None, spec(SESSION_MANAGER, path))
    assert refusal.value.name == path


@pytest.mark.parametrize("target", [MoRef("Folder", "group-d2"), MoRef("VirtualMachine", "vm-1")])
async def test_an_object_that_does_not_exist_is_refused_whole(gate: Gate, target: MoRef) -> None:
    with pytest.raises(UnknownObject):
        await retrieve(gate, None, spec(target, "name"))


async def test_what_nobody_asked_of_is_left_out(gate: Gate) -> None:
    assert await retrieve(gate, None, spec(SESSION_MANAGER, "message", type="Folder")) == []
    assert await retrieve(gate, None, spec(SESSION_MANAGER, "defaultLocale", skip=True)) == []
    assert await retrieve(gate, None, Data("PropertyFilterSpec", {})) == []
    assert await retrieve(gate, None) == []
    [content] = await retrieve(gate, None, spec(SESSION_MANAGER))
    assert content.members == {"obj": SESSION_MANAGER}


async def test_every_object_can_be_asked_for_everything(gate: Gate) -> None:
    caller = await session_of(gate, "ada")
    every = [Data("PropertySpec", {"type": "ManagedObject", "all": True})]
    holders = [Data("ObjectSpec", {"obj": mo}) for mo in OBJECTS.values()]
    whole = Data("PropertyFilterSpec", {"propSet": every, "objectSet": holders})
    contents = await retrieve(gate, caller, whole)
    assert [content.members["obj"] for content in contents] == list(OBJECTS.values())
    assert all(missing(content) == {} for content in contents)


# Traversals


def along(kind: str, path: str, **more: Any) -> Data:
    return Data("TraversalSpec", {"type": kind, "path": path, **more})


async def objects(gate: Gate, caller: Session | None, holder: dict[str, Any]) -> list[Any]:
    every = [Data("PropertySpec", {"type": "ManagedObject"})]
    wanted: dict[str, Any] = {"propSet": every, "objectSet": [Data("ObjectSpec", holder)]}
    found = await retrieve(gate, caller, Data("PropertyFilterSpec", wanted))
    return [content.members["obj"] for content in found]


async def list_view(gate: Gate, caller: Session, *targets: MoRef) -> MoRef:
    view = (await gate.call(caller, "CreateListView", obj=list(targets))).value
    assert isinstance(view, MoRef)
    return view


async def test_a_traversal_leads_to_what_stands_at_its_path(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    view = await list_view(gate, caller, ROOT_FOLDER, SESSION_MANAGER)
    step = along("View", "view")
    start = {"obj": view, "skip": True, "selectSet": [step]}
    assert await objects(gate, caller, start) == [ROOT_FOLDER, SESSION_MANAGER]
    # A selection without a type names a traversal, and one that leads back ends.
    back = along("ViewManager", "viewList", name="views", selectSet=[
        along("ListView", "view", selectSet=[Data("SelectionSpec", {"name": "views"})])
    ])  # fmt: skip
    whole = {"obj": OBJECTS["ViewManager"], "selectSet": [back]}
    found = await objects(gate, caller, whole)
    assert found == [OBJECTS["ViewManager"], view, ROOT_FOLDER, SESSION_MANAGER]
    inner = along("ServiceInstance", "content.rootFolder", skip=True)
    assert await objects(gate, None, {"obj": SERVICE_INSTANCE, "selectSet": [inner]}) == [
        SERVICE_INSTANCE
    ]


async def test_the_empty_folder_leads_nowhere_and_nobody_is_led_astray(gate: Gate) -> None:
    down = along("Folder", "childEntity", name="down", selectSet=[
        Data("SelectionSpec", {"name": "down"})
    ])  # fmt: skip
    start = {"obj": ROOT_FOLDER, "selectSet": [down]}
    caller = await session_of(gate, "bob")
    assert await objects(gate, caller, start) == [ROOT_FOLDER]
    assert await objects(gate, None, start) == [ROOT_FOLDER]  # what is below is not for strangers


@pytest.mark.parametrize(
    ("chosen", "error"),
    [
        ([Data("SelectionSpec", {"name": "nowhere"})], InvalidArgument),
        ([along("Nonsense", "view")], errors.UnknownType),
        ([along("Folder", "nonsense")], UnknownProperty),
        ([along("Folder", "name")] * 201, InvalidArgument),
    ],
)
async def test_a_traversal_that_cannot_be_walked(
    gate: Gate, chosen: list[Data], error: type[Exception]
) -> None:
    caller = await session_of(gate, "bob")
    with pytest.raises(error):
        await objects(gate, caller, {"obj": ROOT_FOLDER, "selectSet": chosen})


async def test_unknown_types_are_told_from_those_that_are_only_absent(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    for kind in ("VirtualMachine", "HostSystem", "Datacenter"):
        assert await retrieve(gate, caller, spec(ROOT_FOLDER, "anything", type=kind)) == []
    with pytest.raises(errors.UnknownType):
        await retrieve(gate, caller, spec(ROOT_FOLDER, "name", type="Nonsense"))
    [content] = await retrieve(gate, caller, spec(ROOT_FOLDER, "name", type="ManagedEntity"))
    assert shown(content) == {"name": Boxed("string", "Datacenters")}


async def test_what_is_missing_may_be_left_out(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    gone = MoRef("VirtualMachine", "vm-1")
    lenient = spec(gone, "name")
    lenient.members["reportMissingObjectsInResults"] = True
    assert await retrieve(gate, caller, lenient) == []


# Filters and updates


async def test_sec_73_selections_are_counted_though_they_only_name(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    again = [Data("SelectionSpec", {"name": "on"})] * 10_000
    web = along("ListView", "view", name="on", selectSet=again)
    with pytest.raises(InvalidArgument, match="steps to walk"):
        await objects(gate, caller, {"obj": SERVICE_INSTANCE, "selectSet": [web]})
