"""What one request reads is bounded: properties once, and so many values, over all its filters."""

import asyncio
from typing import Any

import pytest

from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.read_budget import count
from sessiongate.dialects.vim.selection import Selection
from sessiongate.errors import InvalidArgument, UnknownProperty
from sessiongate.session import Session
from sessiongate.wire.vim.methods import (
    OBJECTS,
    ROOT_FOLDER,
    SERVICE_INSTANCE,
    SESSION_MANAGER,
    Property,
)
from sessiongate.wire.vim.types import Boxed, Data, MoRef, Value
from sessiongate.wire.vim.user_session import user_session
from tests.dialects.vim.test_property_collector import updates
from tests.dialects.vim.test_selection import along, retrieve, session_of, shown, spec
from tests.gate import CLIENT, Gate

EVENTS = OBJECTS["EventManager"]


class Reads:
    """Selections over the real properties, which notes what was read."""

    def __init__(self, gate: Gate, caller: Session | None, sessions: int = 0) -> None:
        """The list of sessions has so many in it, if any."""
        self._gate = gate
        self._context = Context(CLIENT, caller)
        self._sessions = sessions
        self.read: list[str] = []

    async def all_of(self, *specs: Data) -> int:
        """How many values the objects named have."""
        selection = Selection(self._read_one, self._gate.center.objects.check)
        return sum(len(one.values) for one in await selection.of_all(self._context, specs))

    async def _read_one(self, context: Context, prop: Property) -> Value | None:
        self.read.append(prop.name)
        if prop.name == "sessionList" and self._sessions:
            return [user_session(context.known_caller)] * self._sessions
        return await self._gate.center.read(context, prop)


def walk(obj: MoRef, *steps: Data) -> Data:
    holder = Data("ObjectSpec", {"obj": obj, "selectSet": list(steps)})
    wanted: Any = [Data("PropertySpec", {"type": "Folder"})]
    return Data("PropertyFilterSpec", {"propSet": wanted, "objectSet": [holder] * 5})


async def new_filter(gate: Gate, caller: Session, of: Data) -> MoRef:
    made = (await gate.call(caller, "CreateFilter", spec=of, partial_updates=False)).value
    assert isinstance(made, MoRef)
    return made


@pytest.mark.parametrize(
    ("obj", "path"),
    [
        (EVENTS, "latestEvent"),
        (SESSION_MANAGER, "sessionList"),
        (SERVICE_INSTANCE, "content.about"),
        (SERVICE_INSTANCE, "content.about.version"),
    ],
)
async def test_sec_73_a_traversal_reads_nothing_but_references(
    gate: Gate, obj: MoRef, path: str
) -> None:
    reads = Reads(gate, await session_of(gate, "ada"))
    with pytest.raises(UnknownProperty):
        await reads.all_of(walk(obj, along(obj.kind, path)))
    assert reads.read == []


async def test_sec_73_a_property_is_read_once_in_a_request(gate: Gate) -> None:
    reads = Reads(gate, await session_of(gate, "ada"))
    inner = along("ServiceInstance", "content.rootFolder")
    await reads.all_of(*[walk(SERVICE_INSTANCE, *[inner] * 190)] * 2)
    one = spec(SERVICE_INSTANCE, "content", "content.about", "content.about.version")
    assert await reads.all_of(*[one] * 8) == 24
    assert reads.read == ["content"] * 2
    # What may not be read is asked for once as well.
    denied = Reads(gate, await session_of(gate, "bob"))
    paths = [f"sessionList.a{number}" for number in range(100)]
    await denied.all_of(*[spec(SESSION_MANAGER, *paths)] * 8)
    assert denied.read == ["sessionList"]


async def test_sec_73_a_request_reads_a_bounded_number_of_values(gate: Gate) -> None:
    """A list of 2,000 sessions is read, and not again and again."""
    reads = Reads(gate, await session_of(gate, "ada"), sessions=2000)
    one = spec(SESSION_MANAGER, "sessionList")
    assert await reads.all_of(one) == 1
    with pytest.raises(InvalidArgument, match="values in one request"):
        await reads.all_of(*[one] * 5, spec(EVENTS, "latestEvent"))
    assert "latestEvent" not in reads.read


async def test_sec_73_others_have_their_turn_while_much_is_read(gate: Gate) -> None:
    """Four pages of a thousand events took 60 ms of everybody's time."""
    reads = Reads(gate, await session_of(gate, "ada"), sessions=500)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    assert await reads.all_of(*[spec(SESSION_MANAGER, "sessionList")] * 4) == 4
    waiting.cancel()
    assert turns >= 4


@pytest.mark.parametrize(("name", "most"), [("ada", 200), (None, 8)])
async def test_sec_73_objects_that_are_missing_count_as_well(
    gate: Gate, name: str | None, most: int
) -> None:
    """A stranger took 19 ms with 1,800 of them, which are found out to be missing one by one."""
    caller = await session_of(gate, name) if name is not None else None
    reads = Reads(gate, caller)

    def missing(count: int) -> Data:
        nobody = [Data("ObjectSpec", {"obj": MoRef("Folder", "nobody")})] * count
        wanted: Any = [Data("PropertySpec", {"type": "Folder"})]
        members = {"propSet": wanted, "objectSet": nobody, "reportMissingObjectsInResults": True}
        return Data("PropertyFilterSpec", members)

    assert await reads.all_of(missing(most)) == 0
    with pytest.raises(InvalidArgument, match="objects in one request"):
        await reads.all_of(missing(most + 1))


async def test_sec_73_every_holder_of_a_filter_is_a_step(gate: Gate) -> None:
    reads = Reads(gate, await session_of(gate, "ada"))
    again: Any = [Data("ObjectSpec", {"obj": SERVICE_INSTANCE})] * 2001
    wanted: Any = [Data("PropertySpec", {"type": "Folder"})]
    with pytest.raises(InvalidArgument, match="steps to walk"):
        await reads.all_of(Data("PropertyFilterSpec", {"propSet": wanted, "objectSet": again}))


async def test_sec_73_what_a_client_made_is_not_multiplied(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    wanted: Any = [Data("PropertySpec", {"type": "Task"})] * 4900
    long = await new_filter(gate, caller, Data("PropertyFilterSpec", {"propSet": wanted}))
    [content] = await retrieve(gate, caller, spec(long, "spec"))
    assert shown(content)["spec"].type == "PropertyFilterSpec"
    with pytest.raises(InvalidArgument, match="values in one request"):
        await retrieve(gate, caller, *[spec(long, "spec")] * 8)


async def test_sec_73_an_update_has_one_budget_and_the_rest_comes_with_the_next(
    gate: Gate,
) -> None:
    caller = await session_of(gate, "bob")
    wanted: Any = [Data("PropertySpec", {"type": "Task"})] * 4900
    long = await new_filter(gate, caller, Data("PropertyFilterSpec", {"propSet": wanted}))
    made = [long, *[await new_filter(gate, caller, spec(long, "spec")) for _ in range(14)]]
    told, version, sizes = [], "", []
    while (update := await updates(gate, caller, version)) is not None:
        version = update.members["version"]
        told += [one.members["filter"] for one in update.members["filterSet"]]
        sizes.append(count(update, 10**6))
        if "truncated" not in update.members:
            break
    assert told == made
    assert len(sizes) > 2
    assert max(sizes) < 52_000
    assert await updates(gate, caller, version) is None


async def test_sec_73_steps_and_objects_are_those_of_all_filters_of_an_update(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    inner = [along("ServiceInstance", "content.rootFolder")] * 190
    far = [await new_filter(gate, caller, walk(SERVICE_INSTANCE, *inner)) for _ in range(4)]
    first = await updates(gate, caller)
    assert first.members["truncated"] is True
    assert len(first.members["filterSet"]) < len(far)
    # A filter that is too much alone is refused, and so are no others told of in vain.
    every = [Data("PropertySpec", {"type": "ManagedObject"})]
    holders = [Data("ObjectSpec", {"obj": one}) for one in OBJECTS.values()]
    whole = Data("PropertyFilterSpec", {"propSet": every, "objectSet": holders})
    for _ in range(9):
        await new_filter(gate, caller, whole)
    again = await updates(gate, caller)
    told, version = len(again.members["filterSet"]), again.members["version"]
    while "truncated" in again.members:
        again = await updates(gate, caller, version)
        version = again.members["version"]
        objects = [len(one.members.get("objectSet", ())) for one in again.members["filterSet"]]
        assert sum(objects) <= 200
        told += len(objects)
    assert told == 13


async def test_an_update_that_begins_with_too_much_is_refused_and_told_of_later(
    gate: Gate,
) -> None:
    caller = await session_of(gate, "bob")
    view = (await gate.call(caller, "CreateListView")).value
    assert isinstance(view, MoRef)
    wide = [Data("ObjectSpec", {"obj": view, "selectSet": [along("View", "view")]})] * 60
    wanted = [Data("PropertySpec", {"type": "Folder"})]
    await new_filter(
        gate, caller, Data("PropertyFilterSpec", {"propSet": wanted, "objectSet": wide})
    )
    await gate.call(caller, "ResetListView", on=view, obj=list(OBJECTS.values()))
    with pytest.raises(InvalidArgument, match="steps to walk"):
        await updates(gate, caller)
    await gate.call(caller, "ResetListView", on=view, obj=[ROOT_FOLDER])
    [update] = (await updates(gate, caller)).members["filterSet"]
    [entered] = update.members["objectSet"]
    assert entered.members["obj"] == ROOT_FOLDER


def test_values_are_counted_with_all_that_is_in_them() -> None:
    assert count(None, 9) == 0
    assert count("x", 9) == 1
    assert count("x" * 1000, 99) == 11
    some = Data("A", {"b": [1, 2], "c": Boxed("D", Data("D", {"e": True}))})
    assert count(some, 99) == 7
    assert count([1] * 10**6, 10) == 11
