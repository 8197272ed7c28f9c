"""The life of a server inside one process: whatever fails, all that was opened is closed."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from sessiongate import plugins
from sessiongate.app.listeners import InheritedSockets
from sessiongate.app.run_all import Step, each_of
from sessiongate.app.server import Server
from sessiongate.app.supplied import Supplied
from sessiongate.app.workers.supervisor import Supervisor
from sessiongate.app.workers.worker_sockets import WorkerSockets
from sessiongate.config import Config, load
from sessiongate.errors import ConfigError, StoreUnavailable
from tests.app import file_identity
from tests.until import PATIENCE, until

Hooks = dict[str, Callable[[], Awaitable[None]]]


def settings(folder: Path, **more: object) -> Config:
    """A server over a file, on free ports."""
    given: dict[str, object] = {
        "server.data_dir": str(folder),
        "server.listen": ["127.0.0.1:0"],
        "server.plain_http": True,
        "admin.listen": "127.0.0.1:0",
        "console.listen": "off",
    }
    return load(None, {}, given | {name.replace("__", "."): value for name, value in more.items()})


def port_of(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.removeprefix("http://"), int(port)


def refuses(address: str) -> bool:
    """Whether nobody listens there any more."""
    with socket.socket() as asking:
        return asking.connect_ex(port_of(address)) != 0


async def test_every_step_is_taken_and_the_first_error_is_the_one() -> None:
    taken: list[str] = []

    def step(name: str, error: BaseException | None = None) -> Step:
        async def take() -> None:
            taken.append(name)
            if error is not None:
                raise error

        return take

    first = ValueError("hunter2")
    steps = [step("one"), step("two", first), step("three", KeyError()), step("four")]
    with capture_logs() as logs:
        assert await each_of(steps) is first
    assert taken == ["one", "two", "three", "four"]
    assert [line["error"] for line in logs] == ["ValueError", "KeyError"]
    assert "hunter2" not in repr(logs)
    assert await each_of([]) is None


async def test_a_step_that_was_cancelled_is_no_reason_to_stop_either() -> None:
    async def cancelled() -> NoReturn:
        raise asyncio.CancelledError

    taken: list[str] = []

    async def last() -> None:
        taken.append("last")

    with capture_logs():
        assert isinstance(await each_of([cancelled, last]), asyncio.CancelledError)
    assert taken == ["last"]


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
    """What the provider of the type `file_identity.TYPE` awaits before an operation."""
    monkeypatch.setitem(plugins.IDENTITY, file_identity.TYPE, file_identity.WHERE)
    yield file_identity.before
    file_identity.before.clear()


def begun_since(earlier: set[threading.Thread]) -> set[threading.Thread]:
    return set(threading.enumerate()) - earlier


HOOKED: dict[str, object] = {"identity.local.type": file_identity.TYPE}


async def test_a_provider_that_cannot_be_closed_keeps_nothing_else_open(
    tmp_path: Path, before: Hooks
) -> None:
    # Others may still be on their way to their ends.
    earlier = set(threading.enumerate())
    server = Server(
        settings(tmp_path / "data", audit__file=str(tmp_path / "audit.jsonl"), **HOOKED)
    )
    started = await server.start()

    async def fails() -> NoReturn:
        raise RuntimeError("out of order")

    before["close"] = fails
    with capture_logs() as logs, pytest.raises(RuntimeError, match="out of order"):
        await server.stop()
    before.clear()
    failed = [line for line in logs if line["log_level"] == "error"]
    assert [line["error"] for line in failed] == ["RuntimeError"]
    assert all(refuses(one) for one in (*started.addresses, started.operations))
    assert '"server stopped"' in (tmp_path / "audit.jsonl").read_text()
    # A thread that was told to end does so by itself.
    await until(
        lambda: not any(one.name.startswith("sessiongate-") for one in begun_since(earlier))
    )
    # The file of sessions is free again, and closed well enough to be opened.
    successor = Server(server.config)
    await successor.start()
    await successor.stop()


async def test_stopping_twice_says_so_once(tmp_path: Path) -> None:
    server = Server(settings(tmp_path / "data"))
    await server.start()
    with capture_logs() as logs:
        await server.stop()
        await server.stop()
    assert [line["event"] for line in logs].count("server stopped") == 1


async def test_a_store_that_cannot_be_had_leaves_nothing_open(
    tmp_path: Path, before: Hooks
) -> None:
    closed: list[str] = []

    async def seen() -> None:
        closed.append("the file of users")

    config = settings(tmp_path / "data", **HOOKED)
    owner = Server(config)
    await owner.start()
    before["close"] = seen
    with pytest.raises(StoreUnavailable, match="one process owns a session file"):
        await Server(config).start()
    assert len(closed) == 1
    await owner.stop()


async def alone(config: Config) -> None:
    await Server(config).start()


async def with_workers(config: Config) -> None:
    await Supervisor(config, ["/nowhere"]).run(lambda _: None)


@pytest.mark.parametrize("start", [alone, with_workers])
async def test_every_address_that_cannot_be_had_is_named_and_none_stays_open(
    start: Callable[[Config], Awaitable[None]], tmp_path: Path
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        taken = [f"127.0.0.1:{door.getsockname()[1]}" for door in (one, two)]
        path = tmp_path / "door"
        listen = [taken[0], f"unix:{path}", taken[1]]
        config = settings(tmp_path / "data", server__listen=listen)
        with pytest.raises(ConfigError) as caught:
            await start(config)
        assert [problem.partition(" cannot")[0] for problem in caught.value.problems] == [
            f"server.listen: {address}" for address in taken
        ]
        assert not path.exists()
        assert not (tmp_path / "data" / "control.sock").exists()
    free = Server(settings(tmp_path / "data", server__listen=listen))
    await free.start()
    await free.stop()


async def test_no_parent_leaves_a_socket_behind_that_it_could_not_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        operations = f"127.0.0.1:{taken.getsockname()[1]}"
        path = tmp_path / "door"
        config = settings(
            tmp_path / "data", server__listen=[f"unix:{path}"], admin__listen=operations
        )
        with pytest.raises(ConfigError, match=f"^admin.listen: {operations} cannot be had"):
            await with_workers(config)
    assert not path.exists()
    assert not (tmp_path / "data" / "control.sock").exists()


async def test_without_an_operations_listener_there_is_none(tmp_path: Path) -> None:
    server = Server(settings(tmp_path / "data", admin__listen="off"))
    with capture_logs() as logs:
        started = await server.start()
    assert started.operations == ""
    assert not [line for line in logs if line["log_level"] in ("warning", "error")]
    await server.stop()


async def test_no_worker_has_one_either(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    sockets = WorkerSockets(settings(tmp_path / "data", admin__listen="off"))
    sockets.open()
    try:
        assert list(sockets.operations()) == []
        assert "operations" not in sockets.of(0)
    finally:
        sockets.close()
    config = settings(tmp_path / "data", admin__listen="off")
    server = Server(config, Supplied(sockets=InheritedSockets(1, {})))
    assert (await server.start()).operations == ""
    await server.stop()


async def test_a_redis_that_says_nothing_holds_up_no_sweep_and_no_stop(
    tmp_path: Path, before: Hooks
) -> None:
    """What looks for doubts asks the Redis of the settings that are in force."""
    called, rounds = asyncio.Event(), asyncio.Queue[None]()

    async def keeps_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await reader.read()  # until whoever asked has gone
        writer.close()

    async def counted() -> None:
        rounds.put_nowait(None)

    before["refresh"] = counted
    silent = await asyncio.start_server(keeps_silent, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    server = Server(settings(tmp_path, store__url="memory:", **HOOKED))
    await server.start()
    server.config = settings(tmp_path, store__url=url, store__timeout="50s", **HOOKED)
    try:
        async with asyncio.timeout(PATIENCE):
            await called.wait()
            for _ in range(rounds.qsize() + 2):
                await rounds.get()
    finally:
        async with asyncio.timeout(PATIENCE):
            await server.stop()
        silent.close()
