"""Events of logins and logouts, and the collectors of them."""

from typing import Any

import pytest

from sessiongate.errors import InvalidArgument, UnknownObject
from sessiongate.session import Session
from sessiongate.wire.vim.methods import OBJECTS
from sessiongate.wire.vim.session_events import LOGIN, LOGOUT
from sessiongate.wire.vim.types import Data, MoRef
from tests.gate import Gate

EVENTS, TASKS = OBJECTS["EventManager"], OBJECTS["TaskManager"]
ALL = Data("EventFilterSpec", {})


async def told(gate: Gate, caller: Session, asked: Data = ALL) -> list[tuple[str, Any]]:
    found = (await gate.call(caller, "QueryEvents", filter=asked)).value
    assert isinstance(found, list)
    return [facts(one) for one in found]


def facts(event: Any) -> tuple[str, Any]:
    assert isinstance(event, Data)
    return event.type, event.members["sessionId"]


async def test_logins_and_logouts_are_events(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    bob = (await gate.login("bob")).session
    await gate.call(bob, "Logout")
    assert await told(gate, ada) == [(LOGIN, ada.key), (LOGIN, bob.key), (LOGOUT, bob.key)]
    latest = await gate.read(ada, "latestEvent", EVENTS)
    assert facts(latest) == (LOGOUT, bob.key)


async def test_others_sessions_are_for_those_who_may_list_them(gate: Gate) -> None:
    bob = (await gate.login("bob")).session
    eve = (await gate.login("eve")).session
    assert await told(gate, bob) == [(LOGIN, bob.key)]
    assert await told(gate, eve) == [(LOGIN, bob.key), (LOGIN, eve.key)]


async def test_as_many_as_were_asked_for_the_newest_of_them(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    keys = [(await gate.login("bob")).session.key for _ in range(3)]
    most = Data("EventFilterSpec", {"maxCount": 2})
    assert await told(gate, ada, most) == [(LOGIN, key) for key in keys[1:]]


async def collector(gate: Gate, caller: Session) -> MoRef:
    made = (await gate.call(caller, "CreateCollectorForEvents", filter=ALL)).value
    assert isinstance(made, MoRef)
    return made


async def keys_of(gate: Gate, caller: Session, name: str, on: MoRef, count: int) -> list[str]:
    found = (await gate.call(caller, name, on=on, max_count=count)).value
    assert isinstance(found, list)
    return [facts(one)[1] for one in found]


async def test_a_collector_is_read_in_both_directions(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    old = [(await gate.login("bob")).session.key for _ in range(2)]
    made = await collector(gate, ada)
    # It begins at the oldest: scripts read on at once, and page after page.
    assert await keys_of(gate, ada, "ReadPreviousEvents", made, 10) == []
    assert await keys_of(gate, ada, "ReadNextEvents", made, 2) == [ada.key, old[0]]
    assert await keys_of(gate, ada, "ReadNextEvents", made, 2) == old[1:]
    assert await keys_of(gate, ada, "ReadNextEvents", made, 10) == []
    assert await keys_of(gate, ada, "ReadPreviousEvents", made, 2) == old[::-1]
    assert await keys_of(gate, ada, "ReadPreviousEvents", made, 2) == [ada.key]
    await gate.call(ada, "RewindCollector", on=made)
    assert await keys_of(gate, ada, "ReadNextEvents", made, 2) == [ada.key, old[0]]
    await gate.call(ada, "ResetCollector", on=made)
    # Before the latest page, which the client has: reading back does not repeat it.
    assert await keys_of(gate, ada, "ReadPreviousEvents", made, 10) == []
    assert await keys_of(gate, ada, "ReadNextEvents", made, 2) == [ada.key, old[0]]
    await gate.call(ada, "SetCollectorPageSize", on=made, max_count=1)
    await gate.call(ada, "ResetCollector", on=made)
    assert await keys_of(gate, ada, "ReadPreviousEvents", made, 10) == [old[0], ada.key]


async def test_the_latest_page_begins_with_the_newest(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    made = await collector(gate, ada)
    keys = [(await gate.login("bob")).session.key for _ in range(12)]
    page = await gate.read(ada, "latestPage", made)
    assert isinstance(page, list)
    assert [facts(one)[1] for one in page] == keys[:1:-1]
    await gate.call(ada, "SetCollectorPageSize", on=made, max_count=1)
    page = await gate.read(ada, "latestPage", made)
    assert isinstance(page, list)
    assert [facts(one)[1] for one in page] == keys[-1:]
    assert await gate.read(ada, "filter", made) == ALL


@pytest.mark.parametrize("count", [0, -1, 1001])
async def test_a_page_has_a_size(gate: Gate, count: int) -> None:
    ada = (await gate.login("ada")).session
    made = await collector(gate, ada)
    for name in ("SetCollectorPageSize", "ReadNextEvents", "ReadPreviousEvents"):
        with pytest.raises(InvalidArgument):
            await gate.call(ada, name, on=made, max_count=count)


async def test_sec_91_a_collector_is_its_sessions(gate: Gate) -> None:
    ada, bob = (await gate.login("ada")).session, (await gate.login("bob")).session
    made = await collector(gate, ada)
    with pytest.raises(UnknownObject):
        await gate.call(bob, "ReadNextEvents", on=made, max_count=1)
    await gate.call(ada, "DestroyCollector", on=made)
    with pytest.raises(UnknownObject):
        await gate.read(ada, "latestPage", made)


async def test_there_are_no_tasks(gate: Gate) -> None:
    bob = (await gate.login("bob")).session
    asked = Data("TaskFilterSpec", {})
    made = (await gate.call(bob, "CreateCollectorForTasks", filter=asked)).value
    assert isinstance(made, MoRef)
    for name in ("ReadNextTasks", "ReadPreviousTasks"):
        assert (await gate.call(bob, name, on=made, max_count=10)).value == []
    assert await gate.read(bob, "latestPage", made) == []
    assert await gate.read(bob, "recentTask", TASKS) == []
    states = await gate.read(bob, "description", TASKS)
    assert isinstance(states, Data)
    assert states.members["methodInfo"] == []


async def test_sec_73_a_filter_that_says_too_much_makes_no_collector(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    many = Data("EventFilterSpec", {"type": ["x"] * 9000})
    for method in ("CreateCollectorForEvents", "QueryEvents"):
        with pytest.raises(InvalidArgument, match="more than 100 entries of type"):
            await gate.call(ada, method, filter=many)
