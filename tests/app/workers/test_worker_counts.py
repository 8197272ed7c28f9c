"""One worker says by its control socket what it has counted, and the first one asks."""

from pathlib import Path

import pytest

from sessiongate.app.workers.worker_counts import counts_of_others
from sessiongate.config import Config, load
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import listen
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.operations.control import Control
from sessiongate.operations.control_socket import control_address
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.samples import ProcessCounts, counted
from tests.each import each
from tests.gate import Gate

THREE = {"server.workers": 3, "store.url": "redis://127.0.0.1:1"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Of a server with three workers, of which the tests open some sockets."""
    return load(None, {}, {**THREE, "server.data_dir": str(tmp_path)})


async def asked(config: Config, worker: int, handler: Handler) -> dict[int, ProcessCounts]:
    """What is found where one of the others answers so."""
    address = control_address(config.server.data_dir, worker)
    listener = await listen(address, handler, HttpLimits(), None)
    try:
        return await counts_of_others(config)
    finally:
        await listener.stop(config.server.limits.shutdown_grace)


async def test_those_that_answer_are_told_of(config: Config, gate: Gate) -> None:
    meters = Meters()
    meters.logins["zerto", "ok"] += 3
    meters.timing(meters.login_times, "zerto").add(0.04)

    async def nothing() -> None:
        return None

    async def unlock(name: str, by: str) -> bool:
        return False

    control = Control(gate.sessions, gate.clock, nothing, unlock, counts=lambda: counted(meters))
    found = await asked(config, 2, control)
    assert found == {2: counted(meters)}
    assert found[2].logins == (3, 0, 0)


@each(
    "reply",
    [Reply(404, (), b'{"error":"no"}'), Reply(200, (), b"no JSON"), Reply(200, (), b'{"ends":1}')],
)
async def test_one_that_answers_otherwise_is_left_out(reply: Reply, config: Config) -> None:
    async def other(_: Request) -> Reply:
        return reply

    assert await asked(config, 1, other) == {}


async def test_where_nobody_listens_nobody_is_counted(config: Config) -> None:
    assert await counts_of_others(config) == {}
