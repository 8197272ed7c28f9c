"""What a check costs more at a server that could have faults and has none, in one process.

Two servers of this process answer the same checks in turns, a fixed number each, so that both have
the same machine, memory and heat. The turns are short, and what else the machine does is in both.
The HTTP edge, which is the same to both, is left out.
"""

import gc
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import uvloop
from tools import populate

from sessiongate.app.in_process import running
from sessiongate.app.supplied import Supplied
from sessiongate.config import load
from sessiongate.faults.points import Faults
from sessiongate.http.message import Handler, Request, nowait_of
from sessiongate.http.router import Routes
from sessiongate.secret import Secret
from sessiongate.session import Caps
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.testing.clock import TravelClock

SESSIONS = 10_000
_TURN = 100
"""Checks in a row: less than a millisecond."""


async def handler_of(until_closed: AsyncExitStack, *, faults: bool) -> Handler:
    """What the listeners of a server call for each request."""
    found: list[Handler] = []

    def around(handler: Handler, _: Routes) -> Handler:
        found.append(handler)
        return handler

    folder = Path(until_closed.enter_context(tempfile.TemporaryDirectory()))
    own = {"server.data_dir": folder, "server.listen": ["127.0.0.1:0"], "server.plain_http": True}
    off = {"admin.listen": "off", "console.listen": "off", "store.url": "memory:"}
    config = load(None, {}, {**own, **off})
    store, clock = MemoryStore(config.sessions.limits), TravelClock()
    for session in populate.sessions(SESSIONS, datetime.now(UTC)):
        await store.add(session, Caps())
    supplied = Supplied(
        clock=clock,
        store=store,
        around=around,
        faults=Faults(clock, 0, Secret("nobody steers it")) if faults else None,
    )
    await until_closed.enter_async_context(running(config, supplied=supplied))
    return found[0]


async def turn(handler: Handler, count: int) -> float:
    """Microseconds of processor time for so many checks."""
    asked = [
        Request(
            "GET",
            "/api/session",
            "",
            [("vmware-api-session-id", populate.token(number % SESSIONS))],
            b"",
            "127.0.0.1",
            secure=False,
        )
        for number in range(count)
    ]
    answer_nowait = nowait_of(handler)
    assert answer_nowait is not None
    began = time.thread_time()
    for request in asked:
        reply = answer_nowait(request)
    spent = time.thread_time() - began
    assert reply is not None, "it waits"
    assert reply.status == 200, reply
    return spent * 1e6


async def pair(both: list[Handler], count: int) -> list[float]:
    """Microseconds for a check, of so many: without, and with.

    Those of the middle turn, since some are held up by what else the machine does.
    """
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(count // _TURN):
        for one in (0, 1) if number % 2 else (1, 0):
            spent[one].append(await turn(both[one], _TURN))
    return [median(one) / _TURN for one in spent]


async def main(pairs: int, count: int) -> None:
    """Print what a check costs in each turn: without, with, without, with and so on."""
    gc.disable()  # where it falls is chance
    async with AsyncExitStack() as until_closed:
        both = [await handler_of(until_closed, faults=one) for one in (False, True)]
        await pair(both, count)
        found = [one for _ in range(pairs) for one in await pair(both, count)]
    print(*found)


uvloop.run(main(*map(int, sys.argv[1:])))
