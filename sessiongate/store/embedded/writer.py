"""The one thread that writes the file: group commit for what must be durable, paced touches.

Everything that waits when a commit begins goes into that commit, with the latest time seen; all
who waited are told in one call into the event loop. A commit that fails is rolled back and each
who waited gets StoreUnavailable. What has ended must stay ended, so deletes are kept and tried
again until they succeed; so are touches. Nothing here knows what a session may do.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec
import structlog

from sessiongate.errors import Overloaded, StoreUnavailable
from sessiongate.store.embedded import schema
from sessiongate.store.embedded.wheel import SessionRecord

# Statements in one commit. More would make the first who wait wait for the last.
GROUP = 500

# Who may wait for a commit at once. At 2,000 commits' worth of logins per second, the slowest
# disk measured, the last of them waits five seconds; more would be answered too late to be of use.
MOST_WAITING = 10_000

# How often a failed delete is tried again while nobody else writes.
RETRY_EVERY = 1.0

# Touches: at least 50 rows per step, a step each 10 ms (unpaced flushes cost other callers 15-31 ms
# at p99, paced ones 2.6 ms), and more per step where that would take longer than five seconds.
TOUCH_ROWS = 50
TOUCH_EVERY = 0.010
TOUCH_WITHIN = 5.0

log = structlog.get_logger()


class Job(msgspec.Struct, eq=False):
    """One statement. `waiter` learns how it went; with `retried`, tried until it succeeds."""

    statement: str
    row: tuple[schema.Value, ...]
    waiter: asyncio.Future[None] | None = None
    retried: bool = False


class Retried(Job, gc=False):
    """A job that nobody waits for.

    Where many sessions end at once, hundreds of thousands of these wait: the collector took 60 ms
    to walk through them. No cycle goes through one, so it need not look.
    """


def _ignore_count(_: int) -> None: ...


class CountedJob(Job, eq=False):
    """A job that nobody waits for; `told` learns how many rows it changed, on the thread."""

    told: Callable[[int], None] = _ignore_count


class Writer:
    """Owns the connection, on a thread of its own. Methods are for the event loop's thread."""

    def __init__(self, path: Path) -> None:
        self.watermark = 0
        """The latest time seen, in microseconds: written with every commit."""
        self._path = path
        self._batch: list[Job] = []
        self._batches: SimpleQueue[list[Job]] = SimpleQueue()
        self._waiting = 0
        self._retried: list[Job] = []
        self._touches: dict[bytes, SessionRecord] = {}
        self._touching = False
        self._touch_step = TOUCH_ROWS
        self._touch_at = 0.0
        self._retry_at = 0.0
        self._flushed: list[asyncio.Future[None]] = []
        self._closing = False
        self._stopped = False
        self._failing = ""
        self._marked = 0
        self._full_sync = True
        self._connection: sqlite3.Connection | None = None

    async def start(self, load: Callable[[sqlite3.Connection], None]) -> None:
        """Open the file, let `load` read it on the writing thread, and begin to write."""
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        # A daemon: a program that forgets to close its store must still be able to exit.
        self._thread = threading.Thread(
            target=self._run, args=(load, opened), name="sessiongate-store", daemon=True
        )
        self._thread.start()
        await opened

    async def write(self, statement: str, row: tuple[schema.Value, ...]) -> None:
        """Return when this is on the disk. Raises StoreUnavailable; then it is not and won't be."""
        if self._waiting >= MOST_WAITING:
            raise Overloaded(f"{self._waiting} writes are waiting for the disk", says="")
        waiter = self._loop.create_future()
        await self._put_and_wait(Job(statement, row, waiter), waiter)

    async def write_retried(self, statement: str, row: tuple[schema.Value, ...]) -> None:
        """Return when this is on the disk. Raises StoreUnavailable; it is then done later."""
        waiter = self._loop.create_future()
        await self._put_and_wait(Job(statement, row, waiter, retried=True), waiter)

    @property
    def unwritten(self) -> int:
        """How many statements are kept because the disk refused them."""
        return len(self._retried)

    def retry_until_written(self, statement: str, row: tuple[schema.Value, ...]) -> None:
        """Have this done, without waiting."""
        self._put(Retried(statement, row, retried=True))

    def count_when_written(
        self, statement: str, row: tuple[schema.Value, ...], told: Callable[[int], None]
    ) -> None:
        """The same, and say how many rows it changed once that is on the disk.

        `told` is called on the writing thread, and must not raise.
        """
        self._put(CountedJob(statement, row, retried=True, told=told))

    @property
    def touching(self) -> bool:
        """Whether touches handed over earlier are still being written."""
        return self._touching

    def touch(self, touches: dict[bytes, SessionRecord]) -> None:
        """Write the times and counts of these, bit by bit. Takes the dict; not while `touching`.

        Handing over the dict itself costs nothing. Copying 100,000 rows took 91 ms.
        """
        self._touch_step = max(TOUCH_ROWS, int(len(touches) * TOUCH_EVERY / TOUCH_WITHIN))
        self._touching = True  # first: the thread unsets it, perhaps before the next line is done
        self._touches = touches
        self._hand_over()

    async def flush(self) -> None:
        """Write all touches handed over, now. Raises StoreUnavailable; they are then kept."""
        flushed: asyncio.Future[None] = self._loop.create_future()
        self._flushed.append(flushed)
        self._hand_over()
        await flushed

    async def close(self) -> None:
        """Write what is pending and end the thread."""
        self._hand_over()
        self._closing = True
        self._hand_over()
        await asyncio.to_thread(self._thread.join)

    async def _put_and_wait(self, job: Job, waiter: asyncio.Future[None]) -> None:
        self._waiting += 1
        try:
            self._put(job)
            await waiter
        finally:
            self._waiting -= 1

    def _put(self, job: Job) -> None:
        """Keep it for the thread, which is woken once for all that comes in one turn of the loop.

        Woken for the first, it would commit that alone and let the others wait for the next.
        """
        if not self._batch:
            self._loop.call_soon(self._hand_over)
        self._batch.append(job)

    def _hand_over(self) -> None:
        """Wake the thread: it has jobs, or something else has changed."""
        batch, self._batch = self._batch, []
        self._batches.put(batch)
        if self._stopped:  # the thread will not look again
            why = self._refusal("stopped")
            _resolve([(job.waiter, why) for job in batch if job.waiter is not None])

    # From here on: the writing thread.

    def _run(
        self, load: Callable[[sqlite3.Connection], None], opened: asyncio.Future[None]
    ) -> None:
        try:
            try:
                self._connection = schema.open_file(self._path)
                load(self._connection)
            except StoreUnavailable as refused:
                self._resolve_waiters([(opened, refused)])
                return
            except (sqlite3.Error, ValueError, TypeError, LookupError, OverflowError) as broken:
                self._resolve_waiters([(opened, self._unreadable(broken))])
                return
            self._resolve_waiters([(opened, None)])
            while not self._closing:
                self._turn(self._gather(self._patience()))
            self._finish()
        finally:
            self._hang_up()
            self._stopped = True
            why = self._refusal("stopped")
            self._resolve_waiters([(waiter, why) for waiter in [opened, *self._flushed]])
            while jobs := self._gather(0.0):
                self._resolve_waiters([(job.waiter, why) for job in jobs])

    def _patience(self) -> float | None:
        """How long to wait for the next job before there is something else to do."""
        now = time.monotonic()
        due = [self._touch_at] if self._touches else []
        due += [self._retry_at] if self._retried else []
        return max(0.0, min(due) - now) if due else None

    def _gather(self, patience: float | None) -> list[Job]:
        jobs: list[Job] = []
        with suppress(Empty):
            batches = self._batches
            jobs += batches.get(timeout=patience) if patience != 0 else batches.get_nowait()
            while len(jobs) < GROUP:
                jobs += batches.get_nowait()
        return jobs

    def _turn(self, jobs: list[Job]) -> None:
        if jobs or (self._retried and time.monotonic() >= self._retry_at):
            self._commit(jobs)
        if self._flushed:
            self._flush()
        begun = time.monotonic()
        if self._touches and begun >= self._touch_at:
            broken = self._touch(self._touch_step)
            self._touch_at = begun + (RETRY_EVERY if broken else TOUCH_EVERY)

    def _commit(self, jobs: list[Job]) -> None:
        retried = self._retried[:GROUP]
        broken = self._transact([*retried, *jobs], durable=True)
        if broken is None:
            del self._retried[: len(retried)]
            self._resolve_waiters([(job.waiter, None) for job in jobs])
            return
        if len(jobs) > 1 and not _is_the_disks(broken):
            # One of them cannot be written at all: the others must not suffer for it.
            for job in jobs:
                self._commit([job])
            return
        self._retry_at = time.monotonic() + RETRY_EVERY
        self._retried += [job for job in jobs if job.retried]
        why = self._refusal(_name(broken))
        self._resolve_waiters([(job.waiter, why) for job in jobs])

    def _flush(self) -> None:
        waiting, self._flushed = self._flushed, []
        broken = None
        while self._touches and broken is None:
            broken = self._touch(GROUP)
        why = self._refusal(_name(broken)) if broken else None
        self._resolve_waiters([(flushed, why) for flushed in waiting])

    def _touch(self, rows: int) -> Exception | None:
        taken: list[SessionRecord] = []
        while self._touches and len(taken) < rows:
            _, record = self._touches.popitem()
            if record.second != 0:
                taken.append(record)
        jobs: list[Job] = [Retried(schema.TOUCH, schema.touch_row(record)) for record in taken]
        # Without waiting for the platter: a power cut that takes the last touches along only
        # makes some sessions end a few seconds early. A crash of the process loses nothing.
        broken = self._transact(jobs, durable=False) if jobs else None
        if broken is not None:
            self._touches.update((record.digest, record) for record in taken)
        self._touching = bool(self._touches)
        return broken

    def _transact(self, jobs: list[Job], *, durable: bool) -> Exception | None:
        """All of these or none. The reason if none."""
        watermark = self.watermark
        counts: list[tuple[Callable[[int], None], int]] = []
        try:
            connection = self._connection or schema.connect(self._path)
            self._connection = connection
            if durable is not self._full_sync:
                connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._full_sync = durable
            connection.execute("BEGIN IMMEDIATE")
            cursor = connection.cursor()  # one for all: to make each its own takes a microsecond
            for job in jobs:
                done = cursor.execute(job.statement, job.row)
                if type(job) is CountedJob:
                    counts.append((job.told, done.rowcount))
            if watermark > self._marked:
                connection.execute(schema.MARK, (watermark,))
            connection.execute("COMMIT")
        except (sqlite3.Error, ValueError, OverflowError) as broken:
            self._roll_back()
            self._note(broken)
            return broken
        self._marked = max(watermark, self._marked)
        for told, count in counts:
            told(count)
        if self._failing:
            log.info("store writes again", file=str(self._path), error=self._failing)
            self._failing = ""
        return None

    def _note(self, broken: Exception) -> None:
        if _is_the_disks(broken) and not self._failing:
            self._failing = _name(broken)
            log.error(
                "store cannot write; logins are refused until it can",
                file=str(self._path),
                error=self._failing,
            )

    def _roll_back(self) -> None:
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._hang_up()  # the next commit opens the file afresh

    def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
            self._full_sync = True

    def _finish(self) -> None:
        """Everything that is pending, once, without pauses."""
        while jobs := self._gather(0.0):
            self._commit(jobs)
        for _ in range(0, len(self._retried), GROUP):
            self._commit([])
        self._flush()
        if self.watermark > self._marked and not self._failing:
            self._transact([], durable=True)
        if self._retried or self._touches:
            log.error(
                "store closed with unwritten changes",
                file=str(self._path),
                ended=len(self._retried),
                touched=len(self._touches),
            )

    def _refusal(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(f"the session file {self._path} cannot be written ({why})")

    def _unreadable(self, broken: Exception) -> StoreUnavailable:
        if isinstance(broken, sqlite3.OperationalError) and _name(broken) != "SQLITE_ERROR":
            return StoreUnavailable(
                f"the session file {self._path} cannot be opened ({_name(broken)}): see that this "
                "user may write it and its directory, that the disk has room, and that no other "
                "program holds it"
            )
        return StoreUnavailable(
            f"the session file {self._path} cannot be read ({_name(broken)}); nothing in it was "
            "changed. Put a good copy in its place, or move it away with its -wal and -shm "
            "files and start again: everyone then logs in anew"
        )

    def _resolve_waiters(
        self, results: list[tuple[asyncio.Future[None] | None, StoreUnavailable | None]]
    ) -> None:
        told = [(waiter, why) for waiter, why in results if waiter is not None]
        if told:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_resolve, told)


def _resolve(results: list[tuple[asyncio.Future[None], StoreUnavailable | None]]) -> None:
    for waiter, why in results:
        if waiter.done():
            continue
        if why is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(why)


def _is_the_disks(broken: Exception) -> bool:
    """Whether the file could not be written, rather than one statement being impossible."""
    return isinstance(broken, sqlite3.DatabaseError) and not isinstance(
        broken, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError
    )


def _name(broken: Exception) -> str:
    return getattr(broken, "sqlite_errorname", type(broken).__name__)
