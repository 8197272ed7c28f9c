"""Calls to Redis, those of one turn of the event loop in one round trip, each bounded in time.

A few lines are kept. What is asked while all are busy waits and then goes out together, so that a
slow Redis makes larger batches and not more of them. A line that broke is tried once more, since
a Redis that was restarted leaves broken lines behind; every script bears that (`scripts`).
After that, and after the time limit, the answer is StoreUnavailable.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import structlog
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,  # noqa: A004 - Redis' own
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
)

from sessiongate.errors import Overloaded, StoreUnavailable, UnreadableRow
from sessiongate.store.redis.client import Client
from sessiongate.store.redis.scripts import Script
from sessiongate.store.redis.unreadable import is_of_a_row

Argument = str | bytes | int

# Batches on their way at once. While one is being answered the next is written; more than a few
# only take turns on the same event loop.
LINES = 4

# Calls in one batch: some milliseconds of Redis' time.
BATCH = 250

# Calls that may wait. At 10,000 a second the last of them waits a second; more would be answered
# too late to be of use.
MOST_WAITING = 10_000

# Entries of a hash asked for at once.
SCANNED = 250

# Milliseconds that an end waits for a replica: some hundred times what one in step takes.
REPLICA_WITHIN = 200

# What may be over as soon as it is asked again on another line.
_PASSING = (ConnectionError, ClusterDownError, ReadOnlyError)

# Whatever else says that Redis cannot be asked. A Cluster has its own, which is no RedisError.
_BROKEN = (RedisError, RedisClusterException, OSError)

_log = structlog.get_logger("sessiongate.store")


class _Call:
    """One call and who waits for it."""

    __slots__ = ("command", "done", "script")

    def __init__(
        self, script: Script | None, command: tuple[Argument, ...], done: "asyncio.Future[Any]"
    ) -> None:
        self.script = script
        self.command = command
        self.done = done


class Pipeline:
    """Sends scripts and plain commands. `close` in the end.

    `quiet`: outages are raised, as always, but not logged, for callers that tell a person.
    """

    def __init__(self, client: Client, name: str, timeout: float, *, quiet: bool = False) -> None:
        self._client = client
        self._name = name
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Call] = deque()
        self._lines: set[asyncio.Task[None]] = set()
        self._called = False
        self._quiet = quiet
        self._failing = False
        self._has_met_unreadable = False
        self._alone = False
        self._closed = False

    def run(self, script: Script, keys: tuple[str, ...], *arguments: Argument) -> Any:  # noqa: ANN401
        """A future of what the script answers."""
        return self._ask(
            _Call(
                script,
                ("EVALSHA", script.sha, len(keys), *keys, *arguments),
                self._loop.create_future(),
            )
        )

    def send(self, *command: Argument) -> Any:  # noqa: ANN401
        """A future of what a plain command answers."""
        return self._ask(_Call(None, command, self._loop.create_future()))

    async def scan(self, name: str) -> AsyncIterator[dict[bytes, bytes]]:
        """What a hash holds, some at a time: what is there all the while at least once."""
        cursor: bytes | int = 0
        while True:
            cursor, found = await self.send("HSCAN", name, cursor, "COUNT", SCANNED)
            # A Cluster's client makes a dict of it.
            by_two = not isinstance(found, dict)
            yield dict(zip(found[::2], found[1::2], strict=True)) if by_two else found
            if int(cursor) == 0:
                return

    async def on_a_replica(self, key: str) -> None:
        """Wait until what was written so far is on a replica too, for a moment at most.

        Where there is none in step, the store goes on without, and says so once.
        """
        try:
            async with asyncio.timeout(self._timeout):
                # WAIT is about what its own line has written last, so it gets something to write.
                _, replicas = await self._pipeline(
                    [("SET", key, "1", "PX", 1000), ("WAIT", 1, REPLICA_WITHIN)]
                )
        except (*_BROKEN, TimeoutError):
            replicas = 0
        alone = not isinstance(replicas, int) or replicas < 1
        if alone and not self._alone:
            _log.warning("no replica is in step: a fail-over now would undo ends", store=self._name)
        self._alone = alone

    async def close(self) -> None:
        """Refuse what waits, and let what is on its way finish."""
        self._closed = True
        self._refuse(list(self._waiting), "closed")
        self._waiting.clear()
        await asyncio.gather(*self._lines)

    def _ask(self, call: _Call) -> "asyncio.Future[Any]":
        if self._closed:
            raise self._unavailable("closed")
        if len(self._waiting) >= MOST_WAITING:
            raise Overloaded(f"{MOST_WAITING} calls are waiting for the store", says="")
        self._waiting.append(call)
        if not self._called:
            self._called = True
            self._loop.call_soon(self._start_batches)
        return call.done

    def _start_batches(self) -> None:
        self._called = False
        while self._waiting and len(self._lines) < LINES:
            count = min(len(self._waiting), BATCH)
            batch = [self._waiting.popleft() for _ in range(count)]
            line = self._loop.create_task(self._run_batch(batch))
            self._lines.add(line)
            line.add_done_callback(self._batch_done)

    def _batch_done(self, line: asyncio.Task[None]) -> None:
        self._lines.discard(line)
        self._start_batches()

    async def _run_batch(self, batch: list[_Call]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._try(batch)
        except TimeoutError:
            # What waited behind this has waited as long.
            batch = batch + list(self._waiting)
            self._waiting.clear()
            self._fail(batch, "TimeoutError")
        except _BROKEN as broken:
            self._fail(batch, type(broken).__name__)
        finally:
            self._refuse(batch, "broken off")  # nobody waits for ever, whatever happened

    async def _try(self, batch: list[_Call]) -> None:
        try:
            left = await self._send(batch)
        except _PASSING:
            left = batch
        if left:
            await self._rediscover()
            left = await self._send(left)
        if left:
            self._fail(left, "ConnectionError")
        elif self._failing:
            self._failing = False
            _log.info("store answers again", store=self._name)

    async def _send(self, batch: list[_Call]) -> list[_Call]:
        """Ask, and hand out the answers. Those whose line broke are left."""
        results = await self._pipeline([call.command for call in batch])
        unknown: list[tuple[_Call, Script]] = []
        left: list[_Call] = []
        for call, result in zip(batch, results, strict=True):
            if isinstance(result, NoScriptError) and call.script is not None:
                unknown.append((call, call.script))
            elif isinstance(result, _PASSING):
                left.append(call)
            else:
                self._answer(call, result)
        if unknown:
            # Each server learns a script when it first sees its text.
            again = [("EVAL", script.text, *call.command[2:]) for call, script in unknown]
            for (call, _), result in zip(unknown, await self._pipeline(again), strict=True):
                if isinstance(result, _PASSING):
                    left.append(call)
                else:
                    self._answer(call, result)
        return left

    async def _pipeline(self, commands: list[tuple[Argument, ...]]) -> list[Any]:
        if not isinstance(self._client, RedisCluster):
            return await self._on_a_line(self._client, commands)
        pipeline: Any = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        results: list[Any] = await pipeline.execute(raise_on_error=False)
        return results

    async def _on_a_line(self, client: Redis, commands: list[tuple[Argument, ...]]) -> list[Any]:
        """What redis-py's pipeline does, for half of the processor's time per call."""
        pool: Any = client.connection_pool
        line: Any = await pool.get_connection()
        results: list[Any] = []
        try:
            await line.send_packed_command(b"".join(map(_packed, commands)), check_health=False)
            for _ in commands:
                try:
                    results.append(await line.read_response())
                except ResponseError as refused:
                    results.append(refused)
        except BaseException:
            # What is still to come is not for whoever has the line next.
            await line.disconnect(nowait=True)
            raise
        finally:
            await pool.release(line)
        return results

    async def _rediscover(self) -> None:
        if isinstance(self._client, RedisCluster):
            # It finds out anew who serves what; lines to those that still do stay as they are.
            await self._client.nodes_manager.initialize()

    def _answer(self, call: _Call, result: object) -> None:
        if isinstance(result, ResponseError) and is_of_a_row(str(result)):
            if not call.done.done():
                call.done.set_exception(self.unreadable(str(result)))
                call.done.exception()  # seen, also where nobody waits any more
        elif isinstance(result, Exception):
            self._fail([call], type(result).__name__, str(result))
        elif not call.done.done():
            call.done.set_result(result)

    def unreadable(self, why: str) -> UnreadableRow:
        """The error for what was found and cannot be read. The log has the first one."""
        if not self._has_met_unreadable and not self._quiet:
            self._has_met_unreadable = True
            _log.error("a row in the store cannot be read", store=self._name, detail=why)
        return UnreadableRow(f"a row in the store at {self._name} cannot be read")

    def _fail(self, calls: list[_Call], why: str, detail: str = "") -> None:
        if not self._failing and not self._quiet:
            self._failing = True
            _log.error("store does not answer", store=self._name, error=why, detail=detail or None)
        self._refuse(calls, why)

    def _refuse(self, calls: list[_Call], why: str) -> None:
        for call in calls:
            if not call.done.done():
                call.done.set_exception(self._unavailable(why))
                call.done.exception()  # seen, also where nobody waits any more

    def _unavailable(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(f"the store at {self._name} does not answer ({why})")


def _packed(command: tuple[Argument, ...]) -> bytes:
    """A command as Redis reads it."""
    parts = [b"*%d\r\n" % len(command)]
    for argument in command:
        told = argument if type(argument) is bytes else str(argument).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(told), told))
    return b"".join(parts)
