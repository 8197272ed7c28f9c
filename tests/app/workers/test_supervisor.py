"""The parent of several workers, where the system gives it no more processes."""

import asyncio
import resource
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.app.workers.supervisor import Supervisor
from sessiongate.config import Config, load
from sessiongate.errors import ConfigError
from tests.until import until


async def test_sec_90_a_fault_that_nobody_foresaw_is_not_the_end_of_the_workers(
    tmp_path: Path,
) -> None:
    config = load(None, {}, {"server.data_dir": str(tmp_path)})
    faults: list[Exception] = [ValueError("hunter2"), OSError(5, "Input/output error")]

    def reread() -> Config:
        if faults:
            raise faults.pop(0)
        return config

    supervisor = Supervisor(config, ["/nowhere/at/all"], reread)
    asked = asyncio.Event()
    with capture_logs() as lines:
        replacing = asyncio.create_task(supervisor._replace_when(asked))
        for count in (1, 2, 3):
            asked.set()
            await until(lambda: len(lines) == count or replacing.done())  # noqa: B023
        assert not replacing.done()
        replacing.cancel()
    assert [line["event"] for line in lines] == [
        "workers not replaced",
        "workers not replaced",
        "all workers replaced",
    ]
    assert [line.get("error") for line in lines] == ["ValueError", "OSError", None]
    assert "hunter2" not in str(lines)
    supervisor.close()


async def test_no_file_for_a_worker_is_not_the_end_of_the_others(tmp_path: Path) -> None:
    supervisor = Supervisor(load(None, {}, {"server.data_dir": str(tmp_path)}), ["/nowhere/at/all"])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(ConfigError) as caught:
            await supervisor._start(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.problems == ["worker 0 cannot be started: Too many open files"]
    supervisor.close()


async def test_no_room_for_a_worker_is_not_the_end_of_the_others(tmp_path: Path) -> None:
    supervisor = Supervisor(load(None, {}, {"server.data_dir": str(tmp_path)}), ["/nowhere/at/all"])
    with pytest.raises(ConfigError, match="worker 0 cannot be started: No such file"):
        await supervisor._start(0)
    supervisor.close()
