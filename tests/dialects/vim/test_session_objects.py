"""What clients make: whose it is, how much of it there may be, and when it goes."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from sessiongate.dialects.vim import session_objects
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.session_objects import Collector, SessionObjects, View, Woken
from sessiongate.errors import Malformed, NoSession, Overloaded, UnknownObject
from sessiongate.wire.vim.methods import PROPERTY_COLLECTOR
from tests.gate import CLIENT, Gate
from tests.until import PATIENCE, until


async def of(gate: Gate, name: str = "bob", size: int = 100) -> Context:
    return Context(CLIENT, (await gate.login(name)).session, size=size)


async def test_sec_91_only_the_session_that_made_it_reaches_it(gate: Gate) -> None:
    objects = SessionObjects(gate.sessions)
    mine, other = await of(gate), await of(gate)  # two sessions of one user
    view = View([])
    target = objects.add(mine, "ListView", view)
    assert objects.find(mine, target) is view
    assert objects.of_kind(mine, "ListView") == [target]
    assert objects.of_kind(other, "ListView") == []
    for act in (objects.find, objects.remove, objects.check):
        with pytest.raises(UnknownObject):
            act(other, target)
        with pytest.raises(NoSession):
            act(Context(CLIENT, None), target)
    objects.remove(mine, target)
    with pytest.raises(UnknownObject):
        objects.find(mine, target)


async def test_sec_91_an_id_is_used_once_and_no_guess(gate: Gate) -> None:
    objects, mine = SessionObjects(gate.sessions), await of(gate)
    names = {objects.add(mine, "ListView", View([])).name for _ in range(50)}
    assert len(names) == 50
    assert all(len(name.rpartition("-")[2]) == 32 for name in names)


async def test_a_session_has_so_many_and_so_large_ones(gate: Gate) -> None:
    objects, mine = SessionObjects(gate.sessions), await of(gate)
    targets = [objects.add(mine, "ListView", View([])) for _ in range(session_objects.MOST)]
    with pytest.raises(Malformed, match="at most 100"):
        objects.add(mine, "ListView", View([]))
    objects.remove(mine, targets[0])
    objects.add(mine, "ListView", View([]))
    other = await of(gate, size=session_objects.MOST_BYTES + 1)
    with pytest.raises(Malformed):
        objects.add(other, "ListView", View([]))
    assert len(objects) == session_objects.MOST


async def test_all_together_have_so_many(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_objects, "MOST_OF_ALL", 3)
    monkeypatch.setattr(session_objects, "MOST_WAITS_OF_ALL", 0)
    objects = SessionObjects(gate.sessions)
    for _ in range(3):
        objects.add(await of(gate), "ListView", View([]))
    late = await of(gate)
    with pytest.raises(Overloaded):
        objects.add(late, "ListView", View([]))
    with pytest.raises(Overloaded):
        await objects.wait(late, Collector(), 0)


async def test_a_session_waits_so_often_at_once(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_objects, "MOST_WAITS", 2)
    objects, mine = SessionObjects(gate.sessions), await of(gate)
    collector = Collector()
    tasks = [asyncio.create_task(objects.wait(mine, collector, 600)) for _ in range(2)]
    await until(lambda: objects.waits == 2)
    with pytest.raises(Malformed, match="waits at most"):
        await objects.wait(mine, collector, 600)
    collector.wake(Woken.CHANGED)
    assert await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE) == [Woken.CHANGED] * 2
    assert await objects.wait(mine, collector, 0) is Woken.LATE
    assert objects.waits == 0


async def test_a_client_that_leaves_frees_its_wait(gate: Gate) -> None:
    objects, mine = SessionObjects(gate.sessions), await of(gate)
    leave: list[Callable[[], None]] = []
    mine = msgspec.structs.replace(mine, when_gone=leave.append)
    task = asyncio.create_task(objects.wait(mine, Collector(), 600))
    await until(lambda: len(leave) == 1)
    leave[0]()
    leave[0]()
    assert await asyncio.wait_for(task, PATIENCE) is Woken.LEFT
    assert objects.waits == 0


async def test_sec_91_all_goes_with_the_session(gate: Gate) -> None:
    objects, mine, other = SessionObjects(gate.sessions), await of(gate), await of(gate)
    assert mine.caller is not None
    made = Collector()
    objects.add(mine, "PropertyCollector", made)
    kept = objects.add(other, "ListView", View([]))
    own = objects.collector(msgspec.structs.replace(mine, target=PROPERTY_COLLECTOR))
    tasks = [asyncio.create_task(objects.wait(mine, one, 600)) for one in (made, own)]
    await until(lambda: objects.waits == 2)
    await gate.call(mine.caller, "Logout")
    assert await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE) == [Woken.ENDED] * 2
    assert len(objects) == 1
    objects.find(other, kept)


async def test_what_another_server_ended_is_noticed(gate: Gate) -> None:
    objects, mine, other = SessionObjects(gate.sessions), await of(gate), await of(gate)
    assert mine.caller is not None
    for context in (mine, other):
        objects.add(context, "ListView", View([]))
    await gate.store.end(mine.caller.key)  # nobody here is told
    await objects.sweep()
    assert len(objects) == 1
    assert objects.of_kind(mine, "ListView") == []
