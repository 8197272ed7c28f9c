"""A Redis or Valkey of its own for a measure, kept as docs/redis.md asks for."""

import asyncio
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from sessiongate.rules.store_url import parse_redis
from sessiongate.session import Caps, Limits
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.store import RedisStore
from tools import populate
from tools.children import Child, running
from tools.table import NotMeasured

REDIS, VALKEY = "redis-server", "valkey-server"

_AT_ONCE = 200
"""Additions on their way together."""


class Redis:
    """A running server. Its address is a setting of `[store]`."""

    def __init__(self, child: Child, port: int, path: Path) -> None:
        self.child = child
        self.port = port
        self.path = path
        """Of its Unix socket."""

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a sessiongate that uses it."""
        return {"STORE__URL": f"redis://127.0.0.1:{self.port}/0"}

    @property
    def settings_on_this_host(self) -> dict[str, str]:
        """The same by its Unix socket."""
        return {"STORE__URL": f"redis+unix://{self.path}?db=0"}

    def ask(self, *command: str) -> bytes:
        """The answer to a command, whole: a text, or what stands after a number's sign."""
        sent = f"*{len(command)}\r\n" + "".join(f"${len(one)}\r\n{one}\r\n" for one in command)
        with socket.create_connection(("127.0.0.1", self.port), 30) as line:
            line.sendall(sent.encode("ascii"))
            lines = line.makefile("rb")
            head = lines.readline().strip()
            return lines.read(int(head[1:])) if head.startswith(b"$") else head[1:]

    def info(self, section: str) -> Mapping[str, str]:
        """The fields of a section of INFO."""
        lines = self.ask("INFO", section).decode("ascii").splitlines()
        pairs = (line.partition(":") for line in lines if ":" in line)
        return {name: value for name, _, value in pairs}


@contextmanager
def redis(folder: Path, programs: Sequence[str] = (REDIS, VALKEY)) -> Iterator[Redis]:
    """Serve on a free port of loopback, and write down what is acknowledged within a second.

    By the first of these programs that is there.
    """
    program = next(filter(None, map(shutil.which, programs)), None)
    if program is None:
        raise NotMeasured("no redis-server and no valkey-server on this machine")
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = folder / "redis.sock"
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    command += ["--unixsocket", str(path)]
    command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    with running(command, r"(Ready to accept) connections", folder / "redis.log") as child:
        found = Redis(child, port, path)
        _until_it_answers(found)
        yield found


async def add_sessions(shared: Redis, count: int) -> None:
    """Put so many sessions there, as servers keep them."""
    limits = Limits(idle=timedelta(hours=1), total=None)
    servers = parse_redis(shared.settings["STORE__URL"])
    store = RedisStore(RedisSettings(servers), limits)
    await store.start()
    waiting = populate.sessions(count, datetime.now(UTC))
    while some := list(islice(waiting, _AT_ONCE)):
        await asyncio.gather(*(store.add(one, Caps()) for one in some))
    await store.close()


def _until_it_answers(found: Redis) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(OSError):
            if found.ask("PING") == b"PONG":
                return
    raise NotMeasured("Redis does not answer")
