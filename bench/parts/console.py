"""The console: how long its first page takes, and what open tabs cost everybody else."""

import http.client
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from tools import populate
from tools.children import Child, scratch, sessiongate
from tools.pipelined import get, latencies
from tools.table import Bench, Measured, NotMeasured, Part, Target

from parts.checks import log_in

_TABS = 3
_EVERY = 2.0
"""Seconds between the polls of a tab."""
_PAGES = 9


class _Tab:
    """Somebody who has signed in."""

    def __init__(self, host: str) -> None:
        self._host = host
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
        }
        form = urlencode({"name": "bench0", "password": populate.PASSWORD})
        cookie = self._ask("POST", "/console/login", form, headers).getheader("set-cookie")
        if cookie is None:
            raise NotMeasured("nobody was let into the console")
        self._cookie = cookie.partition(";")[0]

    def look(self) -> float:
        """Milliseconds until the list is there."""
        began = time.perf_counter()
        self._ask("GET", "/console/sessions", None, {"Cookie": self._cookie, "HX-Request": "true"})
        return (time.perf_counter() - began) * 1000

    def _ask(
        self, verb: str, path: str, body: str | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        connection.request(verb, path, body, headers)
        reply = connection.getresponse()
        reply.read()
        connection.close()
        if reply.status >= 400:
            raise NotMeasured(f"the console answered {reply.status}")
        return reply


@contextmanager
def _served(folder: Path, sessions: int) -> Iterator[tuple[Child, str]]:
    populate.write_sessions(folder, sessions)
    populate.write_users(folder, 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    with sessiongate(folder, {"CONSOLE__LISTEN": host}) as server:
        yield server, host


def _pages(bench: Bench) -> Iterator[Measured]:
    for key, count in (("some", 100_000), ("many", bench.many)):
        with scratch() as folder, _served(folder / key, count) as (_, host):
            tab = _Tab(host)
            first, *found = [tab.look() for _ in range(_PAGES)]
            note = f"of {count:,} sessions; the first after the start {first:.0f} ms"
            yield Measured(key, statistics.median(found), note)


def _tabs(bench: Bench) -> Iterator[Measured]:
    seconds = 4 if bench.quick else 20
    with scratch() as folder, _served(folder / "tabs", 100_000) as (server, host):
        [token] = log_in(server, 1)
        request = get(server.url, "/api/session", {"vmware-api-session-id": token})
        tabs = [_Tab(host) for _ in range(_TABS)]
        tabs[0].look()
        alone = _p99(latencies(server.url, request, seconds))
        over = threading.Event()
        threads = [threading.Thread(target=_poll, args=(tab, over)) for tab in tabs]
        for thread in threads:
            thread.start()
        beside = _p99(latencies(server.url, request, seconds))
        over.set()
        for thread in threads:
            thread.join()
    yield Measured("tabs", beside / alone, f"p99 {alone:.2g} ms without, {beside:.2g} ms with")


def _poll(tab: _Tab, over: threading.Event) -> None:
    while not over.wait(_EVERY):
        tab.look()


def _p99(found: list[float]) -> float:
    return sorted(found)[-len(found) // 100]


PARTS = (
    Part(
        "console",
        (
            Target("some", "first page of the console, 100,000 sessions", "-", "<=", 150, "ms"),
            Target("many", "first page of the console, a million sessions", "-", "<=", 300, "ms"),
        ),
        _pages,
    ),
    Part(
        "tabs",
        (Target("tabs", "p99 of a check with three polling tabs", "without", "<=", 1.1),),
        _tabs,
    ),
)
"""What is promised of the console."""
