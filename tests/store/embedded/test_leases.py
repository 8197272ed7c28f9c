"""Leases in the session file: made where it had none, there whatever the disk and callers do."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from sessiongate.errors import StoreUnavailable
from sessiongate.rules.audit_chain import Chain
from sessiongate.store.embedded.audit import AuditFile
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.store.embedded.writer import GROUP
from sessiongate.testing import LIMITS, T0, a_lease, digest_of, everyone
from sessiongate.testing.stores.leases import all_leases, held_by, sealed
from tests.until import until

WITHOUT_LEASES = Path(__file__).with_name("session_file_without_leases.sql")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessiongate.db"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, LIMITS)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


def ask(path: Path, *questions: str) -> list[tuple[object, ...]]:
    """What stands in the file, read beside the running store."""
    answer: list[tuple[object, ...]] = []
    with closing(sqlite3.connect(path)) as connection:
        for question in questions:
            answer = connection.execute(question).fetchall()
        connection.commit()
    return answer


def tables(path: Path) -> dict[object, object]:
    return dict(ask(path, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))  # type: ignore[arg-type]


async def test_a_file_without_leases_keeps_what_it_has_and_gets_them(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(WITHOUT_LEASES.read_text())
    before = tables(path)
    lease = a_lease(sealed=b"x")
    async with opened(path) as store:
        assert await store.leases.all() == []
        await store.leases.reserve(lease, 1)
        people = {one.principal for one in (await everyone(store, T0)).values()}
        assert people == {"ada", "bob"}
        used = await store.use(digest_of("one"), T0)
        assert used is not None
        assert used.call_count == 2
        assert await store.advance(digest_of("one"), 1, T0) == 3
        assert await store.take(digest_of("ticket"), "clone", T0) is None, "its minute is over"
        assert await store.message() == "Maintenance at noon"
        await store.audit.write(b"later", T0)
    for chain, last in ((Chain.DECISIONS, 5), (Chain.ANONYMOUS, 4)):
        verdict = AuditFile(path).verify(None, chain)
        assert (verdict.broken_at, verdict.last) == (None, last)
    async with opened(path) as store:
        assert await store.leases.all() == [lease]
    # An earlier release finds its own tables as they were, and the number by which it knows them.
    after = tables(path)
    assert after.keys() - before.keys() == {"lease", "manager_token", "manager_token_use", "note"}
    assert {name: after[name] for name in before} == before
    assert ask(path, "PRAGMA user_version") == [(1,)]


async def test_what_is_returned_is_in_the_file(path: Path) -> None:
    async with opened(path) as store:
        lease, gone = a_lease(), a_lease()
        for one in (lease, gone):
            await store.leases.reserve(one, 2)
        assert ask(path, "SELECT id, sealed FROM lease") == [(lease.id, b""), (gone.id, b"")]
        assert await store.leases.replace(lease, sealed(lease, b"x"))
        await store.leases.remove(gone.id)
        assert ask(path, "SELECT id, sealed FROM lease") == [(lease.id, b"x")]


async def test_a_reservation_that_cannot_be_written_takes_no_place(path: Path) -> None:
    async with opened(path) as store:
        ask(path, "ALTER TABLE lease RENAME TO away")
        leases = [a_lease() for _ in range(10)]
        results = await asyncio.gather(
            *(store.leases.reserve(one, 10) for one in leases), return_exceptions=True
        )
        assert {type(one) for one in results} == {StoreUnavailable}
        assert await store.leases.all() == []
        ask(path, "ALTER TABLE away RENAME TO lease")
        kept = a_lease()
        await store.leases.reserve(kept, 1)
        assert ask(path, "SELECT id FROM lease") == [(kept.id,)]


async def test_a_reservation_given_up_takes_no_place(path: Path) -> None:
    async with opened(path) as store:
        reserving = asyncio.create_task(store.leases.reserve(a_lease(), 1))
        await asyncio.sleep(0)
        reserving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reserving
        kept = a_lease()
        await store.leases.reserve(kept, 1)
        assert await store.leases.all() == [kept]
        assert ask(path, "SELECT id FROM lease") == [(kept.id,)]


async def test_a_caller_that_gives_up_leaves_memory_and_file_the_same(path: Path) -> None:
    async with opened(path) as store:
        lease = a_lease()
        ready = sealed(lease, b"x")
        await store.leases.reserve(lease, 1)
        replacing = asyncio.create_task(store.leases.replace(lease, ready))
        await asyncio.sleep(0)
        replacing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await replacing
        assert await store.leases.all() == [ready]
        await until(lambda: ask(path, "SELECT sealed FROM lease") == [(b"x",)])


@pytest.mark.slow
async def test_what_the_disk_refuses_follows(path: Path) -> None:
    async with opened(path) as store:
        lease, gone = a_lease(), a_lease()
        for one in (lease, gone):
            await store.leases.reserve(one, 2)
        ask(path, "ALTER TABLE lease RENAME TO away")
        ready = sealed(lease, b"x")
        with pytest.raises(StoreUnavailable):
            await store.leases.replace(lease, ready)
        with pytest.raises(StoreUnavailable):
            await store.leases.remove(gone.id)
        assert await store.leases.all() == [ready]
        ask(path, "ALTER TABLE away RENAME TO lease")
        await until(lambda: ask(path, "SELECT id, sealed FROM lease") == [(lease.id, b"x")])


async def test_what_was_refused_does_not_undo_what_came_later(path: Path) -> None:
    """It waits behind others that the disk refused, and the later one does not."""
    async with opened(path) as store:
        lease = a_lease()
        await store.leases.reserve(lease, 1)
        ask(path, "ALTER TABLE lease RENAME TO away", "ALTER TABLE audit RENAME TO far")
        for number in range(2 * GROUP):
            store.audit.note(b"%d" % number, T0)
        older, newer = sealed(lease, b"older"), held_by(sealed(lease, b"newer"), "node2")
        with pytest.raises(StoreUnavailable):
            await store.leases.replace(lease, older)
        ask(path, "ALTER TABLE away RENAME TO lease", "ALTER TABLE far RENAME TO audit")
        assert await store.leases.replace(older, newer)
        assert ask(path, "SELECT sealed FROM lease") == [(b"newer",)]
    async with opened(path) as store:
        assert await all_leases(store.leases) == {lease.id: newer}
        # And what is written after a restart counts as later than anything before it.
        assert await store.leases.replace(newer, older)
    assert ask(path, "SELECT sealed FROM lease") == [(b"older",)]


@pytest.mark.parametrize(
    "change", ["sealed=5", "opened_at='soon'", "opened_at=1<<62", "revision='x'", "holder=x'ff'"]
)
async def test_a_row_that_makes_no_sense_is_refused(path: Path, change: str) -> None:
    async with opened(path) as store:
        await store.leases.reserve(a_lease(), 1)
    ask(path, f"UPDATE lease SET {change}")
    store = SqliteStore(path, LIMITS)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        await store.start()
    await store.close()


async def test_what_is_not_open_says_so(path: Path) -> None:
    store = SqliteStore(path, LIMITS)
    lease = a_lease()
    for _ in range(2):
        for asked in (
            store.leases.reserve(lease, 1),
            store.leases.replace(lease, lease),
            store.leases.remove(lease.id),
            store.leases.find(lease.id),
            store.leases.all(),
        ):
            with pytest.raises(StoreUnavailable, match="not open"):
                await asked
        await store.start()
        await store.close()
