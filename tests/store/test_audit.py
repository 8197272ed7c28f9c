"""The chain in the session file: appended, verified from outside, bounded, and durable."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.store.audit import AuditFile, MemoryAudit, SqliteAudit
from sessiongate.store.redis_audit import RedisAudit
from sessiongate.store.redis_keys import Keys
from sessiongate.store.sqlite import SqliteStore
from sessiongate.store.writer import Writer
from sessiongate.testing import LIMITS, T0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
async def store(file: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(file, LIMITS)
    await made.start()
    yield made
    await made.close()


async def write(store: SqliteStore, *payloads: bytes) -> None:
    for number, payload in enumerate(payloads):
        await store.audit.write(payload, T0 + timedelta(seconds=number))


async def test_what_is_written_reads_back_in_order_from_outside(
    store: SqliteStore, file: Path
) -> None:
    await write(store, b"one", b"two", b"three")
    audit = AuditFile(file)
    assert [one.payload for one in audit.all()] == [b"one", b"two", b"three"]
    assert [one.payload for one in audit.tail(2)] == [b"two", b"three"]
    verdict = audit.verify()
    assert (verdict.events, verdict.first, verdict.last, verdict.broken_at) == (3, 1, 3, None)


async def test_what_is_noted_is_on_the_disk_before_what_is_acknowledged_after(
    store: SqliteStore, file: Path
) -> None:
    store.audit.note(b"noted", T0)
    await store.set_message("acknowledged")
    assert [one.payload for one in AuditFile(file).all()] == [b"noted"]


async def test_the_chain_goes_on_after_a_restart(store: SqliteStore, file: Path) -> None:
    await write(store, b"before")
    await store.close()
    again = SqliteStore(file, LIMITS)
    await again.start()
    await again.audit.write(b"after", T0)
    await again.close()
    assert AuditFile(file).verify().broken_at is None
    assert [one.payload for one in AuditFile(file).all()] == [b"before", b"after"]


@pytest.mark.parametrize(
    ("damage", "at"),
    [
        ("UPDATE audit SET payload = x'74776f21' WHERE number = 2", 2),
        ("UPDATE audit SET hash = zeroblob(32) WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 1", 1),
    ],
)
async def test_sec_70_verify_finds_what_was_changed_or_removed(
    store: SqliteStore, file: Path, damage: str, at: int
) -> None:
    await write(store, b"one", b"two", b"three")
    await store.close()
    connection = sqlite3.connect(file)
    connection.execute(damage)
    connection.commit()
    connection.close()
    assert AuditFile(file).verify().broken_at == at


async def test_sec_70_old_events_go_first_and_the_rest_still_verifies(
    store: SqliteStore, file: Path
) -> None:
    await write(store, *(b"%d" % number for number in range(10)))
    store.audit.let_go(4, T0)
    await store.set_message("written")
    audit = AuditFile(file)
    assert [one.payload for one in audit.all()] == [b"6", b"7", b"8", b"9"]
    verdict = audit.verify()
    assert (verdict.first, verdict.last, verdict.broken_at) == (7, 10, None)
    store.audit.let_go(100, T0 + timedelta(seconds=8))
    await store.set_message("again")
    assert [one.payload for one in audit.all()] == [b"8", b"9"]
    assert audit.verify().broken_at is None


async def test_events_that_are_all_gone_leave_a_chain_that_goes_on(
    store: SqliteStore, file: Path
) -> None:
    await write(store, b"one", b"two")
    store.audit.let_go(100, T0 + timedelta(days=1))
    await store.close()
    assert list(AuditFile(file).all()) == []
    assert AuditFile(file).verify().broken_at is None
    again = SqliteStore(file, LIMITS)
    await again.start()
    await again.audit.write(b"three", T0)
    await again.close()
    assert AuditFile(file).verify().broken_at is None
    assert [one.number for one in AuditFile(file).all()] == [3]


async def test_nothing_to_let_go_changes_nothing(store: SqliteStore, file: Path) -> None:
    await write(store, b"one")
    store.audit.let_go(1, T0)
    await store.set_message("written")
    assert AuditFile(file).verify().first == 1


async def test_a_head_noted_earlier_must_still_be_there(store: SqliteStore, file: Path) -> None:
    await write(store, b"one")
    head = AuditFile(file).verify().head
    await write(store, b"two")
    assert AuditFile(file).verify(head).known_head_seen
    assert AuditFile(file).verify(bytes(32 * [7])).broken_at == 1


async def test_the_memory_store_keeps_the_last_events() -> None:
    audit = MemoryAudit()
    for number in range(20_000):
        audit.note(b"%d" % number, T0)
    await audit.write(b"last", T0)
    assert (len(audit.payloads), audit.payloads[-1]) == (10_000, b"last")
    audit.let_go(3, T0)
    assert list(audit.payloads) == [b"19998", b"19999", b"last"]


def test_what_does_not_fit_the_queue_is_counted_and_said_once(file: Path) -> None:
    """Neither gets rid of what it has: no disk, no Redis."""
    embedded, shared = SqliteAudit(most_owed=0), RedisAudit(Keys("sg"), most_owed=2)
    embedded.open(Writer(file))
    with capture_logs() as logs:
        for number in range(4):
            embedded.note(b"%d" % number, T0)
            shared.note(b"%d" % number, T0)
    assert (embedded.lost, shared.lost) == (4, 2)
    assert [line["log_level"] for line in logs] == ["error", "error"]
