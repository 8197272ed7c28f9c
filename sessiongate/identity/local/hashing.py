"""Slow hashing of passwords, on a few threads behind a short queue that is fair by address.

Argon2id costs tens of milliseconds of one core by design. So it runs on threads of its own, one
fewer than the machine has cores, and never on the event loop: a flood of logins must not stall
the sessions that live. When the queue is full the answer is Overloaded at once, for any name; who
has a place in it is decided in `identity.guard.fair_queue`.

Passwords are compared in the forms of `rules.password_forms`: never cut, and never folded in case.
Which names exist is not known here. To refuse takes the time of the dearest hash that the caller
names, whatever the stored one costs: `verify_nothing` by the work, `pretend` by waiting alone.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from threading import RLock, get_native_id
from typing import Any, TypeVar

import msgspec

from sessiongate.errors import InvalidArgument, Overloaded
from sessiongate.identity.guard.fair_queue import FULL, FairQueue, QueuePosition
from sessiongate.identity.guard.known_names import KnownAddresses
from sessiongate.identity.guard.pace import Lateness, Pace
from sessiongate.identity.local.stored_hash import Cost, cost_of, make_hash, matches, unmatched_hash
from sessiongate.rules.password_forms import forms_of
from sessiongate.secret import Secret

# OWASP's password storage cheat sheet: argon2id with m = 19 MiB, t = 2, p = 1 (27 ms measured).
MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1

USUAL = Cost(MEMORY_KIB, PASSES, LANES)
"""What every hash made today costs."""

# Logins that may wait for a thread. With one thread the last of 64 waits under two seconds;
# clients time out not long after, and an answer to nobody is work for nothing.
WAITING = 64

# NIST SP 800-63B asks for 64 letters at least; nobody types more than this, and a megabyte of
# password would be hashed for an attacker.
LONGEST_PASSWORD = 4096

# Niceness of the hashing threads, a third of the usual share where cores are short: checks keep
# their pace beside a flood of logins, and logins still move.
_PRIORITY = 5

# Costs whose pace is remembered: more than the files of users have at a time.
_MOST_PACES = 64

T = TypeVar("T")


class PasswordCheck(msgspec.Struct, frozen=True):
    """What came of a check. `stale`: right, and to be stored anew at the cost and form of today.

    `forms` are those that were looked at (`rules.password_forms`).
    """

    right: bool
    stale: bool = False
    forms: int = 1


class _Job:
    """Somebody in the queue: work for a thread, or one who only waits his turn."""

    def __init__(self, work: Callable[[], Any] | None, turn: Callable[[], object]) -> None:
        self.work = work
        self.turn = turn
        self.pretends = work is None
        self.future: Future[Any] = Future()


class PasswordHasher:
    """A few threads that hash. `done` counts hashes, `pending` those waiting or running.

    Verifying takes its cost from the stored hash: one made at another cost stays good.
    """

    def __init__(
        self,
        threads: int | None = None,
        waiting: int = WAITING,
        *,
        memory_kib: int = MEMORY_KIB,
        passes: int = PASSES,
        lanes: int = LANES,
    ) -> None:
        count = threads or max(1, _cores() - 1)
        self.cost = Cost(memory_kib, passes, lanes)
        """Of the hashes made here."""
        self._threads = ThreadPoolExecutor(
            count, thread_name_prefix="sessiongate-hash", initializer=_step_back
        )
        self._count = count
        self._free = count
        self._queue: FairQueue[_Job] = FairQueue(waiting, count)
        self._known = KnownAddresses()
        # One that may be taken twice: work can be done before anybody has asked to be told.
        self._lock = RLock()
        self._closed = False
        # What a thread took for a refusal of one form, by cost; and what the one who asked for it
        # waited from his turn on, by cost and number of forms.
        self._work_paces: dict[tuple[Cost, int], Pace] = {}
        self._wait_paces: dict[tuple[Cost, int], Pace] = {}
        self._timers = Lateness()
        self._sleeps = Lateness()
        self.done = 0

    @property
    def pending(self) -> int:
        """Hashes waiting or running."""
        return self._queue.waiting + self._count - self._free

    def welcome(self, address: str) -> None:
        """Remember that somebody has come in from here. Whoever asks from here is no stranger."""
        self._known.welcome(address)

    async def hash(self, password: Secret, address: str = "", *, after: str = "") -> str:
        """A hash to store. Raises InvalidArgument for a password beyond the longest.

        `after` is the stored hash of the same password that it replaces (`stored.replaces`).
        """
        return (await self._run(lambda: self.hash_now(password, after=after), address))[0]

    def hash_now(self, password: Secret, *, after: str = "") -> str:
        """The same on the caller's thread, for commands that have no event loop."""
        if not _fits(password):
            raise InvalidArgument("password", f"longer than {LONGEST_PASSWORD} characters")
        return make_hash(_bytes_of(forms_of(password.reveal())[0]), self.cost, after)

    async def check(
        self,
        stored: str,
        password: Secret,
        address: str = "",
        *,
        dearest: Cost | None = None,
        admit: bool = True,
    ) -> PasswordCheck:
        """Whether this password made this hash. One beyond the longest never did.

        Where it did not, or nobody is to be admitted, it takes as long as `verify_nothing` at the
        dearest cost, this hash's own where none is named. Raises IdentityUnavailable for a stored
        hash that cannot be worked with.
        """
        aim = dearest or cost_of(stored)
        if not _fits(password):
            return PasswordCheck(await self.verify_nothing(password, address, dearest=aim))
        checked = await self._refusing(
            lambda: self._check(stored, password, aim, admit), address, aim
        )
        if checked.right:
            self.welcome(address)
        return checked

    async def verify(self, stored: str, password: Secret) -> bool:
        """Whether this password made this hash, as `check` says."""
        return (await self.check(stored, password)).right

    async def verify_nothing(
        self, password: Secret, address: str = "", *, dearest: Cost | None = None
    ) -> bool:
        """False, at the cost of a verification: for names that do not exist."""
        aim = dearest or self.cost
        text = password if _fits(password) else Secret("")
        stored = unmatched_hash(aim)
        checked = await self._refusing(lambda: self._check(stored, text, aim, False), address, aim)
        return checked.right

    async def pretend(
        self, password: Secret, address: str = "", *, dearest: Cost | None = None
    ) -> None:
        """Take as long as `verify_nothing` would, with no work and no place in the queue."""
        aim = dearest or self.cost
        pace = self._wait_paces.get((aim, _number_of_forms(password)))
        if pace is None:  # nobody was refused yet
            await self.verify_nothing(password, address, dearest=aim)
        else:
            await self._wait_only(self._known.position_of(address), pace)

    def close(self) -> None:
        """Take no more work. What runs ends by itself; what waits is dropped."""
        with self._lock:
            self._closed = True
            waiting = self._queue.everybody()
        for job in waiting:
            if job.pretends:
                job.turn()
            else:
                job.future.cancel()
        # Those whose turn it was are few, and somebody waits for each.
        self._threads.shutdown(wait=False)

    def _check(self, stored: str, password: Secret, dearest: Cost, admit: bool) -> PasswordCheck:
        """On a hashing thread: each form of the password, each in the same time."""
        forms = forms_of(password.reveal())
        cost = cost_of(stored)
        for form in forms:
            began = time.perf_counter()
            if matches(stored, _bytes_of(form)) and admit:
                return PasswordCheck(True, stale=form != forms[0] or cost != self.cost)
            self._even(cost, dearest, began)
        return PasswordCheck(False, forms=len(forms))

    def _even(self, cost: Cost, dearest: Cost, began: float) -> None:
        """Stay until a refusal at the dearest cost would be over."""
        spent = time.perf_counter() - began
        pace = _pace(self._work_paces, (dearest, 1))
        if cost == dearest:
            pace.note(spent)
        elif (span := pace.like_one()) is not None:
            time.sleep(max(0.0, span - spent - self._sleeps.seconds))
            self._sleeps.note(time.perf_counter() - began - span)
        else:
            began = time.perf_counter()
            matches(unmatched_hash(dearest), b"")
            pace.note(time.perf_counter() - began)

    async def _refusing(
        self, work: Callable[[], PasswordCheck], address: str, aim: Cost
    ) -> PasswordCheck:
        checked, span = await self._run(work, address)
        if not checked.right:
            _pace(self._wait_paces, (aim, checked.forms)).note(span)
        return checked

    async def _wait_only(self, position: QueuePosition, pace: Pace) -> None:
        loop = asyncio.get_running_loop()
        turn = asyncio.Event()
        began = 0.0

        def begin() -> None:
            nonlocal began
            began = time.perf_counter()
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                loop.call_soon_threadsafe(turn.set)

        job = _Job(None, begin)
        self._enter(position, job)
        try:
            await turn.wait()
            aim = began + (pace.like_one() or 0.0)
            await asyncio.sleep(max(0.0, aim - self._timers.seconds - time.perf_counter()))
            self._timers.note(time.perf_counter() - aim)
        finally:
            self._leave(position, job)

    async def _run(self, work: Callable[[], T], address: str = "") -> tuple[T, float]:
        """What the work comes to, and how long it took from its turn until it is heard of."""
        position = self._known.position_of(address)
        began = 0.0

        def begin() -> None:
            nonlocal began
            began = time.perf_counter()

        job = _Job(work, begin)
        job.future.add_done_callback(lambda done: self._job_done(done, position, job))
        self._enter(position, job)
        answer: T = await asyncio.wrap_future(job.future)
        return answer, time.perf_counter() - began

    def _enter(self, position: QueuePosition, job: _Job) -> None:
        with self._lock:
            if self._closed:
                raise Overloaded("the server is closing")
            lost = self._queue.put(position, job, self._free)
            self._serve()
        if lost is not None:
            full = Overloaded("too many logins wait to be checked", says=FULL)
            if lost is job:
                raise full
            with suppress(InvalidStateError):  # given up in the same moment
                lost.future.set_exception(full)

    def _leave(self, position: QueuePosition, job: _Job) -> None:
        with self._lock:
            if not self._queue.remove(position, job):
                self._queue.done(position)
            self._serve()

    def _job_done(self, future: Future[Any], position: QueuePosition, job: _Job) -> None:
        if future.cancelled():  # the one who waited has gone
            with self._lock:
                self._queue.remove(position, job)

    def _serve(self) -> None:
        """Give free threads to whose turn it is. Under the lock, on whatever thread."""
        while self._free and not self._closed:
            taken = self._queue.take()
            if taken is None:
                return
            position, job = taken
            if job.work is None:
                job.turn()
            elif job.future.set_running_or_notify_cancel():
                self._free -= 1
                job.turn()
                self._start(position, job, job.work)
            else:
                self._queue.done(position)

    def _start(self, position: QueuePosition, job: _Job, work: Callable[[], Any]) -> None:
        running = self._threads.submit(work)
        running.add_done_callback(lambda done: self._worked(done, position, job))

    def _worked(self, done: Future[Any], position: QueuePosition, job: _Job) -> None:
        """Give the thread on, and tell what came of the work. Called on the hashing thread."""
        with self._lock:
            self._free += 1
            self.done += 1
            self._queue.done(position)
            self._serve()
        error = done.exception()
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(done.result())


def _pace(paces: dict[tuple[Cost, int], Pace], what: tuple[Cost, int]) -> Pace:
    if what not in paces and len(paces) >= _MOST_PACES:
        paces.clear()
    return paces.setdefault(what, Pace())


def _number_of_forms(password: Secret) -> int:
    # On the event loop, where 4096 of the worst letters take 2 ms: on a thread it would be no
    # better, since Unicode's tables are walked with the interpreter's lock held.
    return len(forms_of(password.reveal())) if _fits(password) else 1


def _fits(password: Secret) -> bool:
    return len(password.reveal()) <= LONGEST_PASSWORD


def _bytes_of(text: str) -> bytes:
    # JSON can carry half a surrogate pair; it is a password like any other.
    return text.encode("utf-8", "surrogatepass")


def _step_back() -> None:
    """Let this thread give way to the event loop's where there are not cores enough for both."""
    if sys.platform == "linux":  # elsewhere a priority is the whole process's
        # Where a container's filter of system calls forbids it, hashing goes on all the same.
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _PRIORITY)


def _cores() -> int:
    # Those that this process may use, where the system says so: containers are given fewer.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
