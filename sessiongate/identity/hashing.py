"""Slow hashing of passwords, on a few threads behind a short queue.

Argon2id costs tens of milliseconds of one core by design. So it runs on threads of its own, one
fewer than the machine has cores, and never on the event loop: a flood of logins must not stall
the sessions that live. When the queue is full the answer is Overloaded at once, for any name.

Passwords are compared as their exact UTF-8 bytes: never cut, folded or normalised. Which names
exist is not known here; `verify_nothing` costs what a real verification costs.
"""

import asyncio
import os
import re
import secrets
import sys
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock, get_native_id
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from sessiongate.errors import IdentityUnavailable, InvalidArgument, Overloaded
from sessiongate.secret import Secret

# OWASP's password storage cheat sheet: argon2id with m = 19 MiB, t = 2, p = 1 (27 ms measured).
MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1

# Logins that may wait for a thread. With one thread the last of 64 waits under two seconds;
# clients time out not long after, and an answer to nobody is work for nothing.
WAITING = 64

# NIST SP 800-63B asks for 64 letters at least; nobody types more than this, and a megabyte of
# password would be hashed for an attacker.
LONGEST_PASSWORD = 4096

# Niceness of the hashing threads, a third of the usual share where cores are short: checks keep
# their pace beside a flood of logins, and logins still move.
_PRIORITY = 5

_SALT_BYTES = 16
_HASH_BYTES = 32
# The most memory a stored hash may ask of us (1 GiB): a typing error must not exhaust the machine.
_MOST_MEMORY_KIB = 1024 * 1024
_STORED = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=\d{1,3},p=\d{1,3}\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)

T = TypeVar("T")


def is_stored_hash(text: str) -> bool:
    """Whether this reads as an argon2id hash that we would verify."""
    match = _STORED.fullmatch(text)
    return match is not None and int(match[1]) <= _MOST_MEMORY_KIB


class PasswordHasher:
    """A few threads that hash. `done` counts hashes, `pending` those waiting or running.

    Verifying takes its cost from the stored hash: one made at another cost stays good, and the
    next change of the password makes it anew at the cost in force.
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
        self._argon2 = argon2.PasswordHasher(
            passes, memory_kib, lanes, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES
        )
        # Random bytes in the form of a hash: nobody knows a password for it, and making it is free.
        salt, digest = (_base64(secrets.token_bytes(size)) for size in (_SALT_BYTES, _HASH_BYTES))
        self._nobody = f"$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${digest}"
        self._threads = ThreadPoolExecutor(
            count, thread_name_prefix="sessiongate-hash", initializer=_step_back
        )
        self._room = count + waiting
        self._lock = Lock()
        self.pending = 0
        self.done = 0

    async def hash(self, password: Secret) -> str:
        """A hash to store. Raises InvalidArgument for a password beyond the longest."""
        return await self._run(lambda: self.hash_now(password))

    def hash_now(self, password: Secret) -> str:
        """The same on the caller's thread, for commands that have no event loop."""
        if not _fits(password):
            raise InvalidArgument("password", f"longer than {LONGEST_PASSWORD} characters")
        return self._argon2.hash(_bytes_of(password))

    async def verify(self, stored: str, password: Secret) -> bool:
        """Whether this password made this hash. One beyond the longest never did.

        Raises IdentityUnavailable for a stored hash that cannot be worked with.
        """
        if not _fits(password):
            return await self.verify_nothing(password)
        return await self._run(lambda: self._matches(stored, _bytes_of(password)))

    async def verify_nothing(self, password: Secret) -> bool:
        """False, at the cost of a verification: for names that do not exist."""
        text = _bytes_of(password) if _fits(password) else b""
        await self._run(lambda: self._matches(self._nobody, text))
        return False

    def close(self) -> None:
        """Take no more work. What runs ends by itself; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: bytes) -> bool:
        try:
            return self._argon2.verify(stored, password)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError) as broken:
            raise IdentityUnavailable("a stored password hash cannot be verified") from broken

    async def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self.pending >= self._room:
                raise Overloaded("too many logins wait to be checked")
            self.pending += 1
        try:
            job = self._threads.submit(work)
        except RuntimeError as closed:
            with self._lock:
                self.pending -= 1
            raise Overloaded("the server is closing") from closed
        job.add_done_callback(self._finished)
        return await asyncio.wrap_future(job)

    def _finished(self, job: Future[T]) -> None:
        # Called on a hashing thread, or on the event loop's for a job cancelled while it waited.
        with self._lock:
            self.pending -= 1
            self.done += not job.cancelled()


def _fits(password: Secret) -> bool:
    return len(password.reveal()) <= LONGEST_PASSWORD


def _bytes_of(password: Secret) -> bytes:
    # JSON can carry half a surrogate pair; it is a password like any other.
    return password.reveal().encode("utf-8", "surrogatepass")


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii").rstrip("=")


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
