"""Requests at a fixed rate, whatever becomes of those before: an open loop.

A closed loop such as wrk's asks the next time when it has its answer, so that a server that stalls
is asked less. Here each request has a moment at which it is due, the next free connection sends it,
and its latency counts from that moment, with whatever it waited for a connection.

Arguments: host, port, path, a file of tokens, requests a second, seconds, connections. The last
line has the rate of answers, and median, 99 % and longest latency in milliseconds.
"""

import asyncio
import sys
from collections import deque
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop
from httptools import HttpResponseParser

_STEP = 0.001
"""Seconds between two looks at what is due."""

_WARMING = 0.5
"""Seconds whose requests do not count."""


class Asker(asyncio.Protocol):
    """A connection, which carries one request at a time."""

    def __init__(self, pace: "Pace") -> None:
        self._pace = pace
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes, due: float) -> None:
        """Send a request."""
        self._due = due
        self._parser = HttpResponseParser(self)
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read it."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._parser.get_status_code() != 200:
            raise SystemExit(f"answered {self._parser.get_status_code()}")
        self._pace.answered(self, self._due)


class Pace:
    """What is due, and what has been answered."""

    def __init__(self, requests: list[bytes], rate: float) -> None:
        self._requests = cycle(requests)
        self._rate = rate
        self._loop = asyncio.get_running_loop()
        self._free: deque[Asker] = deque()
        self._late: deque[float] = deque()
        self._next = 0.0
        self._counts_from = 0.0
        self.took: list[float] = []
        self._under_way = 0
        self._done = asyncio.Event()

    async def run(self, askers: list[Asker], seconds: float) -> None:
        """Ask for so long, and have all answers."""
        self._free.extend(askers)
        self._next = self._loop.time()
        self._counts_from = self._next + _WARMING
        until = self._counts_from + seconds
        while self._next < until:
            now = self._loop.time()
            while self._next <= min(now, until):
                self._late.append(self._next)
                self._next += 1 / self._rate
            self._serve()
            await asyncio.sleep(_STEP)
        self._done.clear()
        if self._under_way or self._late:
            await self._done.wait()

    def answered(self, asker: Asker, due: float) -> None:
        """An answer is whole."""
        if due >= self._counts_from:
            self.took.append(self._loop.time() - due)
        self._under_way -= 1
        self._free.append(asker)
        self._serve()
        if not self._under_way:
            self._done.set()

    def _serve(self) -> None:
        while self._late and self._free:
            self._under_way += 1
            self._free.popleft().ask(next(self._requests), self._late.popleft())


def _requests(head: str, tokens: Path) -> list[bytes]:
    found = tokens.read_text(encoding="ascii").split()
    return [f"{head}vmware-api-session-id: {token}\r\n\r\n".encode() for token in found]


async def main() -> None:
    """Print what was found."""
    host, port, path, tokens, *numbers = sys.argv[1:]
    rate, seconds, connections = map(float, numbers)
    loop = asyncio.get_running_loop()
    pace = Pace(_requests(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n", Path(tokens)), rate)
    opened = [
        await loop.create_connection(lambda: Asker(pace), host, int(port))
        for _ in range(int(connections))
    ]
    await pace.run([asker for _, asker in opened], seconds)
    took = sorted(pace.took)
    shown = (took[len(took) // 2], took[len(took) * 99 // 100], took[-1])
    print(len(took) / seconds, *(1000 * one for one in shown))


uvloop.run(main())
