"""What clients make: whose it is, how much of it there may be, and when it goes."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from sessiongate.dialects.vim import session_objects
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.session_objects import Collector, SessionObjects, View, Woken
from sessiongate.errors import Malformed, NoSession, Overloaded, UnknownObject
from sessiongate.session import Ended
from sessiongate.wire.vim.methods import PROPERTY_COLLECTOR
from tests.gate import CLIENT, Gate
from tests.until import PATIENCE, until


async def of(gate: Gate, name: str = "bob", size: int = 100) -> Context:
    return Context(CLIENT, (await gate.login(name)).session, size=size)


def on_own(context: Context) -> Context:
    """The same on the collector that every session has."""
    return msgspec.structs.replace(context, target=PROPERTY_COLLECTOR)


async def waiting(objects: SessionObjects, context: Context) -> asyncio.Task[Woken]:
    """A wait that has begun."""
    before = objects.waits
    task = asyncio.create_task(objects.wait(context, objects.collector(on_own(context)), 600))
    await until(lambda: objects.waits == before + 1)
    return task


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
    monkeypatch.setattr(session_objects, "MOST_WAITS_OF_ALL", 1)
    monkeypatch.setattr(session_objects, "USERS", 1)
    objects = SessionObjects(gate.sessions)
    for name in ("ada", "bob", "eve"):
        objects.add(await of(gate, name), "ListView", View([]))
    task = await waiting(objects, await of(gate, "ada"))
    late = await of(gate)
    with pytest.raises(Overloaded):
        objects.add(late, "ListView", View([]))
    with pytest.raises(Overloaded):
        await objects.wait(late, objects.collector(on_own(late)), 0)
    objects.close()
    await asyncio.wait_for(task, PATIENCE)


async def test_sec_73_a_user_takes_no_more_than_a_share_of_all(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_objects, "MOST_OF_ALL", 4 * 2)
    monkeypatch.setattr(session_objects, "MOST_BYTES_OF_ALL", 4 * 1000)
    monkeypatch.setattr(session_objects, "MOST_WAITS_OF_ALL", 4 * 1)
    objects = SessionObjects(gate.sessions)
    first, second, third = [await of(gate) for _ in range(3)]
    made = objects.add(first, "ListView", View([]))
    with pytest.raises(Malformed, match="of a user"):
        objects.add(msgspec.structs.replace(second, size=901), "ListView", View([]))
    other = View([])
    objects.add(second, "ListView", other)
    objects.recharge(second, other, 900)  # what it has become counts, too
    with pytest.raises(Malformed, match="of a user"):
        objects.recharge(second, other, 901)
    with pytest.raises(Malformed, match="of a user"):
        objects.add(third, "ListView", View([]))
    objects.add(await of(gate, "ada"), "ListView", View([]))
    task = await waiting(objects, first)
    with pytest.raises(Malformed, match="of a user"):
        await objects.wait(second, objects.collector(on_own(second)), 600)
    objects.remove(first, made)
    objects.add(third, "ListView", View([]))
    assert second.caller is not None
    await gate.call(second.caller, "Logout")
    objects.add(msgspec.structs.replace(first, size=900), "ListView", View([]))
    objects.close()
    assert await asyncio.wait_for(task, PATIENCE) is Woken.LEFT


async def test_a_session_waits_so_often_at_once(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_objects, "MOST_WAITS", 2)
    objects, mine = SessionObjects(gate.sessions), await of(gate)
    collector = objects.collector(on_own(mine))
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
    task = await waiting(objects, mine)
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
    own = objects.collector(on_own(mine))
    tasks = [asyncio.create_task(objects.wait(mine, one, 600)) for one in (made, own)]
    await until(lambda: objects.waits == 2)
    await gate.call(mine.caller, "Logout")
    assert await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE) == [Woken.ENDED] * 2
    assert len(objects) == 1
    objects.find(other, kept)


async def test_sec_91_a_wait_that_was_woken_ends_with_its_session_all_the_same(gate: Gate) -> None:
    objects, mine = SessionObjects(gate.sessions), await of(gate)
    assert mine.caller is not None
    own = objects.collector(on_own(mine))
    task = await waiting(objects, mine)
    own.wake(Woken.CHANGED)
    gate.sessions.ended(mine.caller, Ended.LOGOUT)  # in the same turn of the loop
    assert await asyncio.wait_for(task, PATIENCE) is Woken.ENDED
    assert await asyncio.wait_for(objects.wait(mine, own, 600), PATIENCE) is Woken.ENDED
    # Neither on what a request makes that was under way when the session ended.
    objects.add(mine, "ListView", View([]))
    assert await asyncio.wait_for(objects.wait(mine, own, 600), PATIENCE) is Woken.ENDED


async def test_sec_91_nobody_waits_on_what_was_destroyed_or_forgotten(gate: Gate) -> None:
    objects, mine = SessionObjects(gate.sessions), await of(gate)
    made, own = Collector(), objects.collector(on_own(mine))
    target = objects.add(mine, "PropertyCollector", made)
    task = asyncio.create_task(objects.wait(mine, made, 600))
    await until(lambda: objects.waits == 1)
    made.wake(Woken.CHANGED)
    objects.remove(mine, target)
    assert await asyncio.wait_for(task, PATIENCE) is Woken.CANCELLED
    assert await asyncio.wait_for(objects.wait(mine, made, 600), PATIENCE) is Woken.CANCELLED
    assert await asyncio.wait_for(objects.wait(mine, own, 600), PATIENCE) is Woken.LATE
    assert objects.collector(on_own(mine)) is not own


async def test_sec_91_a_stop_ends_all_waits(gate: Gate) -> None:
    objects, mine, other = SessionObjects(gate.sessions), await of(gate), await of(gate)
    tasks = [await waiting(objects, one) for one in (mine, other)]
    objects.collector(on_own(mine)).wake(Woken.CHANGED)
    objects.close()
    assert await asyncio.wait_for(tasks[1], PATIENCE) is Woken.LEFT
    await asyncio.wait_for(tasks[0], PATIENCE)
    own = objects.collector(on_own(mine))
    assert await asyncio.wait_for(objects.wait(mine, own, 600), PATIENCE) is Woken.LEFT


async def test_sec_73_a_large_request_does_not_wait(gate: Gate) -> None:
    objects = SessionObjects(gate.sessions)
    large = await of(gate, size=session_objects.LARGEST_WAIT + 1)
    with pytest.raises(Malformed, match="has at most"):
        await asyncio.wait_for(objects.wait(large, objects.collector(on_own(large)), 600), PATIENCE)


async def test_sec_73_nothing_is_left_of_sessions_that_have_ended(gate: Gate) -> None:
    """A storm of logins, each of which opens a view and looks for updates, and logs out."""
    objects = SessionObjects(gate.sessions)
    for number in range(300):
        mine = await of(gate)
        assert mine.caller is not None
        if number % 2:
            objects.add(mine, "ListView", View([]))
        objects.collector(on_own(mine))
        await gate.sessions.end(mine.caller.key, Ended.LOGOUT)
    assert (objects.sessions, len(objects)) == (0, 0)


async def test_sec_73_what_came_after_the_end_of_its_session_goes_soon(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What requests make that were under way then: so many were looked at, whatever there was."""
    monkeypatch.setattr(session_objects, "_ASKED_AT_ONCE", 5)
    objects = SessionObjects(gate.sessions)
    living = await of(gate)
    kept = objects.add(living, "ListView", View([]))
    ended = [await of(gate, name) for name in ("ada", "bob", "eve") for _ in range(70)]
    for number, mine in enumerate(ended):
        assert mine.caller is not None
        await gate.sessions.end(mine.caller.key, Ended.LOGOUT)
        if number % 2:
            objects.add(mine, "ListView", View([]))
        else:
            objects.collector(on_own(mine))
    assert (objects.sessions, len(objects)) == (211, 106)
    for _ in range(40):  # 5 each would leave eleven
        await objects.sweep()
    assert (objects.sessions, len(objects)) == (1, 1)
    objects.find(living, kept)


async def test_sec_73_what_holds_nothing_is_not_kept_for_a_session(gate: Gate) -> None:
    objects = SessionObjects(gate.sessions)
    contexts = [await of(gate) for _ in range(10)]
    for mine in contexts:
        objects.collector(on_own(mine))
    task = await waiting(objects, contexts[0])
    own = objects.collector(on_own(contexts[0]))
    await objects.sweep()
    assert objects.sessions == 1
    own.wake(Woken.CHANGED)
    assert await asyncio.wait_for(task, PATIENCE) is Woken.CHANGED
    await objects.sweep()
    assert objects.sessions == 0


async def test_what_another_server_ended_is_noticed(gate: Gate) -> None:
    objects, mine, other = SessionObjects(gate.sessions), await of(gate), await of(gate)
    assert mine.caller is not None
    for context in (mine, other):
        objects.add(context, "ListView", View([]))
    await gate.store.end(mine.caller.key)  # nobody here is told
    await objects.sweep()
    assert len(objects) == 1
    assert objects.of_kind(mine, "ListView") == []
