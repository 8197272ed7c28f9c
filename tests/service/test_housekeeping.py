"""Each round takes every step in order, and a sweep ends what is over."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from sessiongate.audit.event import read
from sessiongate.errors import StoreUnavailable
from sessiongate.service.housekeeping import Janitor
from tests.gate import CLIENT, Gate


async def test_every_step_runs_in_order_and_a_failing_one_is_logged() -> None:
    done: list[str] = []

    async def first() -> None:
        done.append("first")
        raise RuntimeError("a secret of a client's")

    async def second() -> None:
        done.append("second")

    with capture_logs() as logs:
        await Janitor([first, second]).step()
    assert done == ["first", "second"]
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("janitor step failed", "error")
    ]
    assert "secret" not in str(logs)


async def test_it_pauses_before_each_round_and_stops_when_cancelled() -> None:
    told: list[str] = []

    async def step() -> None:
        told.append("step")

    async def pause() -> None:
        told.append("pause")
        if len(told) == 5:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Janitor([step]).run(pause)
    assert told == ["pause", "step", "pause", "step", "pause"]


async def test_a_cancelled_step_is_not_swallowed() -> None:
    async def step() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Janitor([step]).step()


async def test_an_outage_is_one_line_a_round() -> None:
    async def step() -> None:
        raise StoreUnavailable("no answer")

    with capture_logs() as logs:
        await Janitor([step]).step()
    assert [(line["event"], line["log_level"], line["why"]) for line in logs] == [
        ("janitor step put off", "warning", "no answer")
    ]
    assert "exc_info" not in logs[0]


async def test_all_whose_time_is_up_end_in_one_sweep_and_are_written_down(gate: Gate) -> None:
    keys = {(await gate.login("bob")).session.key for _ in range(130)}
    gate.clock.tick(timedelta(minutes=20))
    alive = await gate.login("ada", CLIENT)
    gate.clock.tick(timedelta(minutes=10, seconds=2))
    assert await gate.sweep() == 130
    ended = [
        event for event in map(read, gate.store.audit.payloads) if event.event == "session ended"
    ]
    assert {event.key for event in ended} == keys
    assert {event.reason for event in ended} == {"idle"}
    assert await gate.sessions.find(alive.session.key) is not None


async def test_a_second_sweep_finds_nothing(gate: Gate) -> None:
    await gate.login("bob")
    gate.clock.tick(timedelta(minutes=31))
    assert await gate.sweep() == 1
    assert await gate.sweep() == 0
