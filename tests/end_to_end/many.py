"""Servers that share a Redis: worker processes of one, and which of them a connection is at.

A client cannot tell workers apart, and nothing on the wire shall help it. Each worker's own
operations listener counts the requests that it answered: the one whose count moved was asked.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.end_to_end.serving import Client, Reply, Server
from tests.telemetry.families import read
from tests.until import PATIENCE


def shared_settings(url: str, *, workers: int = 2, more: str = "", store: str = "") -> str:
    """A settings file: these workers over this Redis, each with an operations listener."""
    return (
        f'[server]\nlisten = ["127.0.0.1:0"]\nworkers = {workers}\n{more}\n'
        f'[store]\nurl = "{url}"\n{store}\n'
        '[admin]\nlisten = "127.0.0.1:0"\n'
    )


def operations_of(server: Server) -> list[str]:
    """The addresses of the workers' operations listeners, in the workers' order."""
    (said,) = [line for line in server.out.lines if line.startswith("Operations on ")]
    return said.removeprefix("Operations on ").split(", ")


def operations(address: str, path: str) -> Reply:
    """What one worker's operations listener says."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)
    with closing(connection):
        return Client(connection).request("GET", path)


def answered(address: str) -> float:
    """How many requests this worker has answered."""
    family = read(operations(address, "/metrics").body)["sessiongate_requests_total"]
    return sum(one.value for one in family.samples)


@contextmanager
def one_at_each(server: Server) -> Iterator[list[Client]]:
    """A connection to each worker, in their order."""
    workers = operations_of(server)
    found: dict[int, Client] = {}
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as opened:
        while len(found) < len(workers):
            assert time.monotonic() < deadline, "one worker gets all connections"
            client = opened.enter_context(server.connected())
            before = [answered(one) for one in workers]
            assert client.request("GET", "/nothing-is-here").status == 404
            after = [answered(one) for one in workers]
            (number,) = [at for at in range(len(workers)) if after[at] > before[at]]
            found.setdefault(number, client)
        yield [found[number] for number in range(len(workers))]


def said(server: Server, event: str) -> list[Any]:
    """The log lines of this event, so far."""
    return [line for line in map(json.loads, list(server.log.lines)) if line["event"] == event]


def wait_for(server: Server, event: str, count: int = 1) -> list[Any]:
    """The log lines of this event, as soon as there are so many."""
    assert server.log.wait_for(lambda _: len(said(server, event)) >= count), server.log.text
    return said(server, event)


@contextmanager
def running(works: list[Callable[[], None]]) -> Iterator[None]:
    """Each of these in a thread of its own; in the end all must have ended without an error."""
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    if failed:
        raise failed[0]
