"""What survives kill -9, a full disk, and a second process: told by real processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sessiongate.errors import StoreUnavailable
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import LIMITS, T0, a_token, digest_of, everyone

PREAMBLE = """
import asyncio, msgspec, resource, structlog, sys
from sessiongate.errors import StoreUnavailable
from sessiongate.session import Caps, Ended
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import LIMITS, NO_CAPS, T0, a_lease, a_session, a_ticket, a_token
from sessiongate.testing import digest_of
from sessiongate.testing.stores.leases import sealed

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

def say(*words):
    print(*words, flush=True)

"""

# Logs in, logs out every second one, uses tickets; says what was acknowledged, until it is killed.
BUSY = """
async def client(store, name):
    for number in range(10**6):
        session = a_session(f"{name}-{number}")
        session.key = f"{name}-{number}"
        await store.add(session, NO_CAPS)
        say("added", session.key)
        await store.put(digest_of(f"ticket {session.key}"), a_ticket())
        if number % 2:
            await store.end(session.key)
            say("ended", session.key)
            await store.take(digest_of(f"ticket {session.key}"), "clone", T0)
            say("taken", session.key)

async def main():
    store = SqliteStore(sys.argv[1], LIMITS)
    await store.start()
    await asyncio.gather(*(client(store, f"client{number}") for number in range(8)))
"""

# Does the same with leases, which are used once what is sealed is acknowledged.
LEASING = """
async def account(leases, name):
    for number in range(10**6):
        lease = msgspec.structs.replace(a_lease(name), id=f"{name}-{number}")
        await leases.reserve(lease, 10**6)
        ready = sealed(lease, lease.id.encode())
        assert await leases.replace(lease, ready)
        say("used", lease.id)
        if number % 2:
            await leases.remove(lease.id)
            say("removed", lease.id)

async def main():
    store = SqliteStore(sys.argv[1], LIMITS)
    await store.start()
    await asyncio.gather(*(account(store.leases, f"account{number}") for number in range(8)))
"""

# Does the same with tokens of the session manager.
ISSUING = """
async def client(tokens, name):
    for number in range(10**6):
        token = a_token(f"{name}-{number}", name)
        await tokens.add(token)
        await tokens.used(token.digest, T0)
        say("added", f"{name}-{number}")
        if number % 2:
            await tokens.remove(token.digest)
            say("removed", f"{name}-{number}")

async def main():
    store = SqliteStore(sys.argv[1], LIMITS)
    await store.start()
    tokens = store.manager_tokens
    await asyncio.gather(*(client(tokens, f"client{number}") for number in range(8)))
"""

HOLD = """
async def main():
    store = SqliteStore(sys.argv[1], LIMITS)
    await store.start()
    say("open")
    await asyncio.Event().wait()
"""

# The kernel refuses to let files grow: SQLite meets what a full disk gives it.
FULL = """
async def main():
    store = SqliteStore(sys.argv[1], LIMITS)
    await store.start()
    first, second = a_session("first"), a_session("second")
    await store.add(first, NO_CAPS)
    await store.add(second, NO_CAPS)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    for number in range(3):
        try:
            await store.add(a_session("too much"), NO_CAPS)
        except StoreUnavailable:
            say("refused")
    say("checked" if await store.use(first.digest, T0) else "lost")
    try:
        await store.end(second.key)
    except StoreUnavailable:
        say("ended" if await store.use(second.digest, T0) is None else "alive")
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await store.add(a_session("third"), NO_CAPS)
    await store.flush()
    say("recovered")
    await asyncio.Event().wait()
"""


@contextmanager
def child(program: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs this, killed the hard way in the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{PREAMBLE}{program}\nasyncio.run(main())", str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def lines(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.split()


def told_until_killed(program: str, path: Path, count: int) -> list[list[str]]:
    """What it says until it is killed in the middle, after so many lines at the least."""
    told = []
    with child(program, path) as process:
        for line in lines(process):
            told.append(line)
            if len(told) == count:
                process.send_signal(signal.SIGKILL)  # and what is still in the pipe counts too
    return told


async def test_sec_10_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    told = told_until_killed(BUSY, path, 2000)
    ended = {key for deed, key in told if deed == "ended"}
    added = {key for deed, key in told if deed == "added"}
    taken = {key for deed, key in told if deed == "taken"}
    assert len(ended) > 100
    store = SqliteStore(path, LIMITS)
    await store.start()
    try:
        alive = set(await everyone(store, T0))
        assert not ended & alive
        # An odd one may have been ended just before the kill and not have said so any more.
        assert {key for key in added - ended if int(key.rpartition("-")[2]) % 2 == 0} <= alive
        for key in ended:
            assert await store.use(digest_of(key), T0) is None
        for key in taken:
            assert await store.take(digest_of(f"ticket {key}"), "clone", T0) is None
    finally:
        await store.close()


async def test_sec_65_leases_that_were_used_are_known_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    told = told_until_killed(LEASING, path, 1000)
    used = {lease for deed, lease in told if deed == "used"}
    removed = {lease for deed, lease in told if deed == "removed"}
    assert len(removed) > 100
    store = SqliteStore(path, LIMITS)
    await store.start()
    try:
        kept = {lease.id: lease.sealed for lease in await store.leases.all()}
        assert not removed & kept.keys()
        # An odd one may have been removed just before the kill and not have said so any more.
        stay = {one for one in used - removed if int(one.rpartition("-")[2]) % 2 == 0}
        assert {one: kept.get(one) for one in stay} == {one: one.encode() for one in stay}
    finally:
        await store.close()


async def test_sec_10_tokens_that_were_shown_are_good_after_kill_9_and_revoked_ones_are_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sessions.db"
    told = told_until_killed(ISSUING, path, 400)
    added = {text for deed, text in told if deed == "added"}
    removed = {text for deed, text in told if deed == "removed"}
    assert len(removed) > 50
    store = SqliteStore(path, LIMITS)
    await store.start()
    try:
        kept = {one.digest for one in await store.manager_tokens.all()}
        assert not {a_token(one).digest for one in removed} & kept
        stay = {one for one in added if int(one.rpartition("-")[2]) % 2 == 0}
        assert {a_token(one).digest for one in stay} <= kept
    finally:
        await store.close()


async def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    store = SqliteStore(path, LIMITS)
    with child(HOLD, path) as process:
        assert next(lines(process)) == ["open"]
        with pytest.raises(StoreUnavailable) as refused:
            await store.start()
        assert str(path) in str(refused.value)
        assert f"process {process.pid}" in str(refused.value)
        assert process.pid != os.getpid()
    await store.start()
    await store.close()


async def test_a_full_disk_refuses_logins_serves_checks_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with child(FULL, path) as process:
        said = await asyncio.to_thread(_read_until, process, "recovered")
    assert said == ["refused", "refused", "refused", "checked", "ended", "recovered"]
    store = SqliteStore(path, LIMITS)
    await store.start()
    try:
        first = await store.use(digest_of("first"), T0)
        assert first is not None
        assert first.call_count == 2
        assert await store.use(digest_of("second"), T0) is None
        assert await store.use(digest_of("third"), T0) is not None
        assert await store.use(digest_of("too much"), T0) is None
    finally:
        await store.close()


def _read_until(process: subprocess.Popen[str], last: str) -> list[str]:
    words: list[str] = []
    for line in lines(process):
        words += line
        if last in words:
            break
    return words
