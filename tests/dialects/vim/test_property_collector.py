"""Filters that stay: what is told of them, how long a wait lasts, and what ends it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.property_collector import PropertyCollector
from sessiongate.errors import InvalidArgument, UnknownObject, UnknownProperty
from sessiongate.session import Session
from sessiongate.wire.vim.methods import (
    PROPERTY_COLLECTOR,
    ROOT_FOLDER,
    Property,
)
from sessiongate.wire.vim.types import Boxed, Data, MoRef, Value
from tests.dialects.vim.test_selection import (
    list_view,
    session_of,
    spec,
)
from tests.gate import CLIENT, LIMITS, Gate
from tests.until import PATIENCE, until


async def filter_of(gate: Gate, caller: Session, *, on: MoRef = PROPERTY_COLLECTOR) -> MoRef:
    asked: dict[str, Any] = {"spec": spec(ROOT_FOLDER, "name"), "partial_updates": False}
    made = (await gate.call(caller, "CreateFilter", on=on, **asked)).value
    assert isinstance(made, MoRef)
    return made


async def updates(
    gate: Gate,
    caller: Session,
    version: str = "",
    seconds: int | None = 0,
    on: MoRef = PROPERTY_COLLECTOR,
) -> Any:
    options = Data("WaitOptions", {} if seconds is None else {"maxWaitSeconds": seconds})
    given: dict[str, Any] = {"version": version, "options": options}
    return (await gate.call(caller, "WaitForUpdatesEx", on=on, **given)).value


async def test_a_filter_is_told_of_once(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    assert await updates(gate, caller) is None
    made = await filter_of(gate, caller)
    assert await gate.read(caller, "filter", PROPERTY_COLLECTOR) == [made]
    first = await updates(gate, caller)
    [update] = first.members["filterSet"]
    assert update.members["filter"] == made
    [entered] = update.members["objectSet"]
    assert (entered.members["kind"], entered.members["obj"]) == ("enter", ROOT_FOLDER)
    [change] = entered.members["changeSet"]
    assert change.members == {"name": "name", "op": "assign", "val": Boxed("string", "Datacenters")}
    version = first.members["version"]
    assert await updates(gate, caller, version) is None
    assert (await gate.call(caller, "CheckForUpdates", version=version)).value is None
    # Whoever begins anew is told all of it again; a new filter is told of alone.
    other = await filter_of(gate, caller)
    news = await updates(gate, caller, version)
    assert [one.members["filter"] for one in news.members["filterSet"]] == [other]
    assert len((await updates(gate, caller)).members["filterSet"]) == 2


async def test_the_last_version_may_be_repeated_where_its_reply_was_lost(gate: Gate) -> None:
    """As a vCenter has it: the same is told again, or something newer; older ones are refused."""
    caller = await session_of(gate, "bob")
    first = await filter_of(gate, caller)

    def told(update: Any) -> list[MoRef]:
        return [one.members["filter"] for one in update.members["filterSet"]]

    begun = (await updates(gate, caller)).members["version"]
    second = await filter_of(gate, caller)
    versions = []
    for _ in range(3):  # each reply is lost
        lost = await updates(gate, caller, begun)
        assert told(lost) == [second]
        versions.append(lost.members["version"])
    assert len({begun, *versions}) == 4
    third = await filter_of(gate, caller)
    assert told(await updates(gate, caller, begun)) == [second, third]
    last = await updates(gate, caller, begun)
    for older in versions:
        with pytest.raises(errors.UnknownVersion):
            await updates(gate, caller, older)
    # Whoever names a version has its reply: what came before is known, and told no more.
    assert await updates(gate, caller, last.members["version"]) is None
    with pytest.raises(errors.UnknownVersion):
        await updates(gate, caller, begun)
    assert told(await updates(gate, caller)) == [first, second, third]


async def test_a_collector_that_was_destroyed_meanwhile_gets_no_filter(gate: Gate) -> None:
    """A filter of a collector that is gone was kept for the session, and nobody could find it."""
    caller = await session_of(gate, "bob")
    own = (await gate.call(caller, "CreatePropertyCollector")).value
    assert isinstance(own, MoRef)
    reached, go_on = asyncio.Event(), asyncio.Event()
    read = gate.center.read

    async def slow(context: Context, prop: Property) -> Value | None:
        reached.set()
        await go_on.wait()
        return await read(context, prop)

    collector = PropertyCollector(slow, gate.center.objects)
    context = Context(CLIENT, caller, target=own)
    task = asyncio.create_task(
        collector.create_filter(context, spec(ROOT_FOLDER, "name"), partial_updates=False)
    )
    await asyncio.wait_for(reached.wait(), PATIENCE)
    await gate.call(caller, "DestroyPropertyCollector", on=own)
    go_on.set()
    with pytest.raises(UnknownObject):
        await asyncio.wait_for(task, PATIENCE)
    assert len(gate.center.objects) == 0


@pytest.mark.parametrize("version", ["9", "x", "1" * 5000])
async def test_a_version_that_was_never_given_out_is_refused(gate: Gate, version: str) -> None:
    caller = await session_of(gate, "bob")
    with pytest.raises(errors.UnknownVersion):
        await updates(gate, caller, version)


async def test_a_filter_must_be_one_that_can_be_read(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    for wrong, error in (
        (spec(ROOT_FOLDER, "nonsense"), UnknownProperty),
        (spec(MoRef("Folder", "group-d9"), "name"), UnknownObject),
        (spec(ROOT_FOLDER, "name", type="Nonsense"), errors.UnknownType),
    ):
        with pytest.raises(error):
            await gate.call(caller, "CreateFilter", spec=wrong, partial_updates=False)
    assert len(gate.center.objects) == 0


async def test_a_filter_of_what_is_gone_says_nothing_of_it(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    view = await list_view(gate, caller)
    asked: dict[str, Any] = {"spec": spec(view, "view"), "partial_updates": True}
    made = (await gate.call(caller, "CreateFilter", **asked)).value
    assert isinstance(made, MoRef)
    assert await gate.read(caller, "partialUpdates", made) is True
    assert await gate.read(caller, "spec", made) == asked["spec"]
    await gate.call(caller, "DestroyView", on=view)
    [update] = (await updates(gate, caller)).members["filterSet"]
    assert "objectSet" not in update.members


async def test_filters_go_with_their_collector(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    own = (await gate.call(caller, "CreatePropertyCollector")).value
    assert isinstance(own, MoRef)
    first, second = await filter_of(gate, caller, on=own), await filter_of(gate, caller, on=own)
    await gate.call(caller, "DestroyPropertyFilter", on=first)
    assert await gate.read(caller, "filter", own) == [second]
    await gate.call(caller, "DestroyPropertyCollector", on=own)
    for gone, name in ((own, "CheckForUpdates"), (second, "DestroyPropertyFilter")):
        with pytest.raises(UnknownObject):
            await gate.call(caller, name, on=gone)
    with pytest.raises(errors.NotSupported):
        await gate.call(caller, "DestroyPropertyCollector", on=PROPERTY_COLLECTOR)
    assert len(gate.center.objects) == 0


async def waiting(gate: Gate, caller: Session, seconds: int | None = None) -> asyncio.Task[Any]:
    task = asyncio.create_task(updates(gate, caller, seconds=seconds))
    await until(lambda: gate.center.objects.waits == 1)
    return task


async def test_a_wait_ends_when_there_is_something_to_tell(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    task = await waiting(gate, caller)
    made = await filter_of(gate, caller)
    [update] = (await asyncio.wait_for(task, PATIENCE)).members["filterSet"]
    assert update.members["filter"] == made
    assert gate.center.objects.waits == 0


async def test_a_wait_is_cancelled(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    task = await waiting(gate, caller)
    await gate.call(caller, "CancelWaitForUpdates")
    with pytest.raises(errors.WaitCancelled):
        await asyncio.wait_for(task, PATIENCE)


@pytest.mark.parametrize("how", ["logout", "terminated", "idle"])
async def test_a_wait_ends_with_its_session(gate: Gate, how: str) -> None:
    caller = await session_of(gate, "bob")
    await filter_of(gate, caller)
    await updates(gate, caller)
    task = asyncio.create_task(updates(gate, caller, "1", seconds=None))
    await until(lambda: gate.center.objects.waits == 1)
    if how == "logout":
        await gate.call(caller, "Logout")
    elif how == "terminated":
        ada = await session_of(gate, "ada")
        await gate.call(ada, "TerminateSession", session_id=[caller.key])
    else:
        gate.clock.tick(LIMITS.idle + timedelta(minutes=1))
        assert await gate.sweep() == 1
    with pytest.raises(errors.NoSession):
        await asyncio.wait_for(task, PATIENCE)
    assert (len(gate.center.objects), gate.center.objects.waits) == (0, 0)


async def test_sec_91_a_session_that_ends_as_there_is_news_leaves_no_wait(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    task = await waiting(gate, caller)
    made = gate.call(caller, "CreateFilter", spec=spec(ROOT_FOLDER, "name"), partial_updates=False)
    await asyncio.gather(made, gate.call(caller, "Logout"))
    with pytest.raises(errors.NoSession):
        await asyncio.wait_for(task, PATIENCE)
    assert gate.center.objects.waits == 0


async def test_a_wait_lasts_as_long_as_was_asked_and_a_stop_ends_it(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    assert await updates(gate, caller, seconds=0) is None
    with pytest.raises(InvalidArgument):
        await updates(gate, caller, seconds=-1)
    task = await waiting(gate, caller)
    gate.center.objects.close()
    assert await asyncio.wait_for(task, PATIENCE) is None
    assert await updates(gate, caller, seconds=None) is None  # nor does anybody wait afterwards
    older = (await gate.call(caller, "WaitForUpdates")).value
    assert older == Data("UpdateSet", {"version": "0"})


async def test_no_result_has_a_further_page(gate: Gate) -> None:
    caller = await session_of(gate, "bob")
    for name in ("ContinueRetrievePropertiesEx", "CancelRetrievePropertiesEx"):
        with pytest.raises(InvalidArgument):
            await gate.call(caller, name)
