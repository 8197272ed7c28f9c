"""What the console's list costs the server that shows it, which runs in this process.

`pages COUNT SECONDS`: milliseconds of processor time of the event loop's thread for the first page
after the start, for one later (median), and for a poll that finds nothing new; and the longest that
the loop worked between two turns, by its own processor time, while nothing was asked and while
pages were. `tabs COUNT SECONDS`: the 99th percentile of a check, in milliseconds of that thread's
processor time with the client's part, without tabs and with three of them; and how many polls there
were. Tabs ask every two seconds of that time. So a machine with other work shows the same.
"""

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import uvloop
from tools import populate
from tools.pipelined import get
from tools.tabs import Tab
from tools.turns import longest_gaps

from sessiongate.app.in_process import running
from sessiongate.config import load

PAGES = 9
TABS = 3
EVERY = 2.0
"""Seconds between two polls of a tab."""
ROUNDS = 20
PATIENCE = 10
"""How many times the time that was asked for a measure may take by the wall clock."""


async def cost_of(work: Callable[[], object]) -> float:
    """Milliseconds that this thread has worked while another one asked."""
    began = time.thread_time()
    await asyncio.to_thread(work)
    return (time.thread_time() - began) * 1e3


async def pages(host: str, seconds: float) -> list[float]:
    """Measure pages."""
    tab = await asyncio.to_thread(Tab, host)
    first = await cost_of(tab.look)
    later = statistics.median([await cost_of(tab.look) for _ in range(PAGES)])
    await asyncio.to_thread(tab.poll)
    same = statistics.median([await cost_of(tab.poll) for _ in range(PAGES)])
    quiet, _ = await longest_gaps(lambda: asyncio.to_thread(int), seconds)
    asked, _ = await longest_gaps(lambda: asyncio.to_thread(tab.look), seconds)
    return [first, later, same, quiet, asked]


async def tabs(host: str, url: str, token: str, seconds: float) -> list[float]:
    """Measure checks, in turns without tabs and with them: both meet the same noise."""
    request = get(url, "/api/session", {"vmware-api-session-id": token})
    ask = await _client(url, request)
    open_tabs = OpenTabs([await asyncio.to_thread(Tab, host) for _ in range(TABS)])
    await open_tabs.load()
    each = seconds / ROUNDS
    await _times(ask, 0.2)
    without: list[float] = []
    beside: list[float] = []
    for _ in range(ROUNDS):
        without += await _times(ask, each)
        open_tabs.begin()
        beside += await _times(ask, each, open_tabs.step)
        await open_tabs.end()
    return [_p99(without), _p99(beside), open_tabs.polls]


class OpenTabs:
    """Tabs that ask every two seconds of this thread's processor time, while they are let."""

    def __init__(self, tabs: Sequence[Tab]) -> None:
        self._tabs = tabs
        self._due = [EVERY * number / len(tabs) for number in range(len(tabs))]
        self._before = self._began = 0.0
        self._asking: set[asyncio.Task[bool]] = set()
        self.polls = 0

    async def load(self) -> None:
        """Load the page in each."""
        for tab in self._tabs:
            await asyncio.to_thread(tab.look)

    def begin(self) -> None:
        """Time goes on."""
        self._began = time.thread_time()

    def step(self) -> None:
        """Ask in those whose time has come."""
        now = self._before + time.thread_time() - self._began
        for number, at in enumerate(self._due):
            if now >= at:
                self._due[number] += EVERY
                self.polls += 1
                task = asyncio.create_task(asyncio.to_thread(self._tabs[number].poll))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def end(self) -> None:
        """Time stands still."""
        self._before += time.thread_time() - self._began
        await asyncio.gather(*self._asking)


async def _client(url: str, request: bytes) -> Callable[[], Awaitable[None]]:
    host, _, port = url.partition("://")[2].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    async def ask() -> None:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(head)
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(None, 1)[0]))

    return ask


async def _times(
    ask: Callable[[], Awaitable[None]], seconds: float, after: Callable[[], None] = lambda: None
) -> list[float]:
    """Milliseconds of each of many checks, one after the other."""
    found = []
    until, latest = time.thread_time() + seconds, time.perf_counter() + PATIENCE * seconds
    while time.thread_time() < until and time.perf_counter() < latest:
        began = time.thread_time()
        await ask()
        found.append((time.thread_time() - began) * 1e3)
        after()
    return found


def _p99(found: Sequence[float]) -> float:
    return sorted(found)[-max(1, len(found) // 100)]


async def main(what: str, count: int, seconds: float) -> None:
    """Measure and say."""
    with tempfile.TemporaryDirectory(prefix="sessiongate-bench-") as folder:
        data_dir = Path(folder) / "data"
        written = populate.write_sessions(data_dir, count, within=timedelta(hours=1))
        tokens = written.read_text("ascii").split()
        populate.write_users(data_dir, 1)
        settings = {
            "server.data_dir": str(data_dir),
            "server.listen": ["127.0.0.1:0"],
            "server.plain_http": True,
            "admin.listen": "off",
            "console.listen": "127.0.0.1:0",
        }
        async with running(load(None, {}, settings)) as it:
            gc.collect()
            gc.freeze()
            host = it.started.console.partition("://")[2].partition("/")[0]
            url = f"http://{it.started.addresses[0]}"
            if what == "pages":
                told = await pages(host, seconds)
            else:
                told = await tabs(host, url, tokens[0], seconds)
    print(*told)  # last: a server in a program of ours logs to where that prints


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
