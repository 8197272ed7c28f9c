"""A server on an event loop of its own, in a thread of its own: begun, begun anew, and ended."""

import asyncio
import concurrent.futures
import secrets
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from threading import Event, Thread
from typing import Any, TypeVar

from sessiongate.app.in_process import RunningServer, running
from sessiongate.app.listeners import CONSOLE, OPERATIONS, InheritedSockets
from sessiongate.app.supplied import Supplied
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.faults.points import Faults
from sessiongate.http.listening.sockets import bind_socket
from sessiongate.secret import Secret
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.testing.clock import TravelClock
from sessiongate.testing.observed import Lines, Requests, capturing
from sessiongate.testing.users import cheap_hasher

T = TypeVar("T")

START_LIMIT = 10.0
"""Seconds until a server listens, or is taken for one that never will."""

_CALL_LIMIT = 30.0


class GateThread:
    """One server after the other at the same addresses, each without memory of the one before."""

    def __init__(self, config: Config, seed: int) -> None:
        self._config = config
        self.seed = seed
        """What the draws of faults follow from."""
        self.token = Secret(secrets.token_urlsafe(24))
        """Asked of those who steer the server by HTTP."""
        self.clock = TravelClock()
        self.lines = Lines()
        self.requests = Requests(self.clock.now)
        self.running: RunningServer
        self.faults: Faults
        self.store: MemoryStore
        self._listening = _bound(config)
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._ready = Event()
        self._thread = Thread(target=self._run, name="sessiongate", daemon=True)

    def start(self) -> None:
        """Have it listen. Raises what keeps it from that, or TimeoutError."""
        self._thread.start()
        self._ready.wait(START_LIMIT)
        try:
            self.call(self._begin(), START_LIMIT)
        except BaseException:
            self._end_thread()
            raise

    def begin_anew(self) -> None:
        """Another server takes its place: no session, ticket, lockout or event is left."""
        self.call(self._begin_anew())

    def stop(self) -> None:
        """End it, and give back all that it took. Idempotent."""
        if self._thread.is_alive():
            self.call(self._end())
            self._end_thread()

    async def advance(self, by: timedelta) -> int:
        """Go ahead in time, on the server's loop. How many sessions that has ended."""
        return await self.faults.state.advance(by)

    def call(self, work: Coroutine[Any, Any, T], limit: float = _CALL_LIMIT) -> T:
        """Have this done on the server's loop. Raises what it raises, or TimeoutError."""
        # In the context of whoever asks, who keeps no lines.
        future = asyncio.run_coroutine_threadsafe(self._within(work), self._loop)
        try:
            return future.result(limit)
        except concurrent.futures.TimeoutError:
            future.cancel()
            told = "\n".join(self.lines.last) or "(nothing)"
            raise TimeoutError(f"no answer in {limit:g} s; its log:\n{told}") from None

    def ask(self, question: Callable[[], T]) -> T:
        """The same for what needs no await."""

        async def answered() -> T:
            return question()

        return self.call(answered())

    async def _within(self, work: Coroutine[Any, Any, T]) -> T:
        with capturing(self.lines):
            return await work

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._ready.set)
        with capturing(self.lines):
            self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_LIMIT)
        for one in self._listening.values():
            one.close()

    async def _begin(self) -> None:
        self.store = MemoryStore(self._config.sessions.limits)
        gateway = bool(self._config.upstream)
        self.faults = Faults(self.clock, self.seed, self.token, gateway=gateway)
        taken = {name: one.dup() for name, one in self._listening.items()}
        supplied = Supplied(
            clock=self.clock,
            store=self.store,
            sockets=InheritedSockets(taken=taken),
            hasher=cheap_hasher(),
            around=self.requests.around,
            faults=self.faults,
        )
        entered = running(self._config, supplied=supplied)
        self.running = await self._stack.enter_async_context(entered)
        self.running.server.on_open(self.requests.opened)

    async def _end(self) -> None:
        await self.faults.break_off()
        await self._stack.aclose()

    async def _begin_anew(self) -> None:
        await self._end()
        self.clock.reset()
        self.lines.last.clear()
        self.requests.forget()
        await self._begin()


def _bound(config: Config) -> dict[str, socket.socket]:
    """All sockets of these settings by the names of their listeners. Raises ConfigError."""
    more = {OPERATIONS: config.admin.listen, CONSOLE: config.console.listen}
    named = {**{str(one): one for one in config.server.listen}, **more}
    bound: dict[str, socket.socket] = {}
    try:
        for name, address in named.items():
            if address is not None:
                bound[name] = bind_socket(str(address))
    except ConfigError:
        for one in bound.values():
            one.close()
        raise
    return bound
