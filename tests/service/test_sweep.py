"""The sweep ends all whose time is up, and nobody else, each with its line."""

from datetime import timedelta

from sessiongate.audit.event import read
from sessiongate.service.sweep import sweep
from tests.gate import CLIENT, Gate


async def test_all_whose_time_is_up_end_in_one_sweep_and_are_written_down(gate: Gate) -> None:
    keys = {(await gate.login("bob")).session.key for _ in range(130)}
    gate.clock.tick(timedelta(minutes=20))
    alive = await gate.login("ada", CLIENT)
    gate.clock.tick(timedelta(minutes=10, seconds=2))
    assert await sweep(gate.store, gate.clock, gate.sessions.journal) == 130
    ended = [
        event for event in map(read, gate.store.audit.payloads) if event.event == "session ended"
    ]
    assert {event.key for event in ended} == keys
    assert {event.reason for event in ended} == {"idle"}
    assert await gate.sessions.find(alive.session.key) is not None


async def test_a_second_sweep_finds_nothing(gate: Gate) -> None:
    await gate.login("bob")
    gate.clock.tick(timedelta(minutes=31))
    assert await gate.sessions.sweep() == 1
    assert await gate.sessions.sweep() == 0
