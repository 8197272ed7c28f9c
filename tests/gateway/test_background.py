"""Work beside the calls: nobody waits for it, and what goes wrong there is not lost."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import StoreUnavailable
from sessiongate.gateway.background import BackgroundTasks


def failing() -> None:
    raise ValueError("a password perhaps")


def away() -> None:
    raise StoreUnavailable("the disk is gone")


@pytest.mark.parametrize(
    ("deed", "level", "facts"),
    [
        (failing, "error", {"error": "ValueError"}),
        (away, "warning", {"why": "the disk is gone"}),
    ],
)
async def test_what_goes_wrong_is_in_the_log(
    deed: Callable[[], None], level: str, facts: dict[str, str]
) -> None:
    async def work() -> None:
        deed()

    background = BackgroundTasks()
    with capture_logs() as log:
        background.begin(work(), "try something")
        await background.all_done()
    (line,) = log
    assert line["log_level"] == level
    assert line["work"] == "try something"
    assert facts.items() <= line.items()
    assert "password" not in str(log), "what an error says may be a secret"


async def test_what_is_broken_off_is_no_failure() -> None:
    background = BackgroundTasks()
    with capture_logs() as log:
        task = background.begin(asyncio.Event().wait(), "wait")  # type: ignore[arg-type]
        await asyncio.sleep(0)
        background.stop()
        await background.all_done()
    assert task.cancelled()
    assert log == []
