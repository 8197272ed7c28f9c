"""A real Redis or Valkey: child processes on free loopback ports, with directories of their own.

One server, a Cluster of three, or a primary with a replica and Sentinels. Every write is on the
disk before its answer (append-only file), so that a killed server comes back with all it had.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, Self

from tests.peers.ports import free_port
from tests.until import PATIENCE, wait_until

REDIS, VALKEY = "redis-server", "valkey-server"

# With SESSIONGATE_TEST_REDIS=valkey-server all tests of Redis are told to that one.
DEFAULT = os.environ.get("SESSIONGATE_TEST_REDIS") or (
    VALKEY if shutil.which(VALKEY) and not shutil.which(REDIS) else REDIS
)

SLOTS = 16384


def missing(program: str = DEFAULT) -> str:
    """Why there is none here, "" where there is one."""
    return "" if shutil.which(program) else f"no {program} on this machine"


def _answer(lines: BinaryIO) -> bytes:
    said = lines.readline().removesuffix(b"\r\n")
    kind, rest = said[:1], said[1:]
    if kind == b"":
        raise ConnectionResetError
    if kind == b"$":
        return lines.read(int(rest) + 2)[:-2] if int(rest) >= 0 else b""
    if kind == b"*":
        return b"".join(_answer(lines) for _ in range(int(rest)))
    return rest


@dataclass
class Redis:
    """One server in `folder`. Use it as a context manager, or `start` and `stop` it."""

    folder: Path
    options: Sequence[str] = ()
    sentinel: bool = False
    program: str = DEFAULT
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Return when it answers."""
        command = [self.program, "--port", str(self.port)]
        if self.sentinel:
            config = self.folder / "sentinel.conf"
            if not config.exists():
                config.write_text("\n".join(self.options) + "\n", encoding="ascii")
            command = [command[0], str(config), "--sentinel", *command[1:]]
        command += ["--bind", "127.0.0.1", "--dir", str(self.folder)]
        if not self.sentinel:
            durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
            command += [*durable, *self.options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.until(self._answers)
        return self

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it where it is, connections and all: it answers nothing until `thaw`."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def ask(self, *command: str | int | bytes) -> bytes:
        """The answer to a command, on a line of its own; the parts of a list follow each other."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as line:
            parts = [one if isinstance(one, bytes) else str(one).encode() for one in command]
            sent = b"*%d\r\n" % len(parts)
            for part in parts:
                sent += b"$%d\r\n%s\r\n" % (len(part), part)
            line.sendall(sent)
            with line.makefile("rb") as answers:
                return _answer(answers)

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until this is so, while it runs."""

        def so() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                raise AssertionError(f"{self.program} ended: {(self.folder / 'log').read_text()}")
            return done()

        wait_until(so)

    def _answers(self) -> bool:
        try:
            return self.ask("PING") == b"PONG"
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()


class Cluster:
    """Three servers that share the slots."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        own = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", *options)
        self.servers = [Redis(folder / str(number), own) for number in range(3)]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in self.servers)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        for one in self.servers:
            one.start()
        first, *others = self.servers
        step = SLOTS // len(self.servers) + 1
        for number, one in enumerate(self.servers):
            last = min((number + 1) * step, SLOTS) - 1
            one.ask("CLUSTER", "ADDSLOTSRANGE", number * step, last)
            one.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for one in others:
            first.ask("CLUSTER", "MEET", "127.0.0.1", one.port)
        for one in self.servers:
            one.until(partial(self._whole, one))

    def _whole(self, one: Redis) -> bool:
        info = one.ask("CLUSTER", "INFO")
        return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info

    def slot_of(self, key: str) -> int:
        return int(self.servers[0].ask("CLUSTER", "KEYSLOT", key))

    def begin_to_move(self, slot: int) -> tuple[Redis, Redis]:
        """The server that has a slot, and another that is to have it."""
        step = SLOTS // len(self.servers) + 1
        source, target = self.servers[slot // step], self.servers[(slot // step + 1) % 3]
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.ask("CLUSTER", "MYID"))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.ask("CLUSTER", "MYID"))
        return source, target

    def move_keys(self, slot: int, source: Redis, target: Redis) -> int:
        """Move what is in a slot; how many keys that were."""
        count = int(source.ask("CLUSTER", "COUNTKEYSINSLOT", slot))
        for _ in range(count):
            key = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1)
            said = source.ask("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
            assert said == b"OK", said
        return count

    def end_to_move(self, slot: int, target: Redis) -> None:
        for one in (target, *(one for one in self.servers if one is not target)):
            one.ask("CLUSTER", "SETSLOT", slot, "NODE", target.ask("CLUSTER", "MYID"))

    def __exit__(self, *_: object) -> None:
        for one in self.servers:
            one.stop()


class Watched:
    """A primary and its replica, and three Sentinels that put the one in the other's place."""

    SERVICE = "gate"

    def __init__(self, folder: Path) -> None:
        self.primary = Redis(folder / "primary")
        replica = ("--replicaof", f"127.0.0.1 {self.primary.port}")
        self.replica = Redis(folder / "replica", (*replica, "--repl-diskless-sync-delay", "0"))
        watch = (
            f"sentinel monitor {self.SERVICE} 127.0.0.1 {self.primary.port} 2",
            f"sentinel down-after-milliseconds {self.SERVICE} 500",
            f"sentinel failover-timeout {self.SERVICE} 5000",
        )
        self.sentinels = [
            Redis(folder / f"sentinel-{number}", watch, sentinel=True) for number in range(3)
        ]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{self.SERVICE}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        self.primary.start()
        self.replica.start()
        self.replica.until(lambda: b"master_link_status:up" in self.replica.ask("INFO"))
        for one in self.sentinels:
            one.start()
        for one in self.sentinels:
            one.until(partial(self._watches, one))

    def _watches(self, sentinel: Redis) -> bool:
        said = sentinel.ask("INFO", "sentinel")
        return b"slaves=1,sentinels=3" in said

    def in_step(self) -> None:
        """Wait until the replica has everything."""
        self.primary.ask("WAIT", 1, 5000)

    def __exit__(self, *_: object) -> None:
        for one in (*self.sentinels, self.replica, self.primary):
            one.stop()
