"""The janitor's rounds: every step, in order, whatever one of them raises."""

import asyncio

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import StoreUnavailable
from sessiongate.service.housekeeping import Janitor


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
