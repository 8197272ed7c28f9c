"""The parent of several workers, where the system gives it no more processes."""

from pathlib import Path

import pytest

from sessiongate.app.workers import Supervisor
from sessiongate.config import load
from sessiongate.errors import ConfigError


async def test_no_room_for_a_worker_is_not_the_end_of_the_others(tmp_path: Path) -> None:
    supervisor = Supervisor(load(None, {}, {"server.data_dir": str(tmp_path)}), ["/nowhere/at/all"])
    supervisor._own = [{}]
    with pytest.raises(ConfigError, match="worker 0 cannot be started: No such file"):
        await supervisor._start(0)
    supervisor._close_doors()
