"""The chain in the session file: appended, verified from outside, bounded, and durable."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import StoreUnavailable
from sessiongate.rules.audit_chain import Chain
from sessiongate.store.embedded.audit import AuditFile, MemoryAudit, SqliteAudit
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.store.embedded.writer import Writer
from sessiongate.store.encoding import EPOCH
from sessiongate.store.redis.audit import RedisAudit
from sessiongate.store.redis.keys import RedisKeys
from sessiongate.testing import LIMITS, T0

OF_THE_FIRST_RELEASE = Path(__file__).with_name("audit_of_the_first_release.sql")


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


async def test_it_is_read_backwards_in_portions(store: SqliteStore, file: Path) -> None:
    await write(store, b"one", b"two", b"three")
    audit = AuditFile(file)
    last = audit.before(None, 2)
    assert [one.payload for one in last] == [b"two", b"three"]
    assert [one.payload for one in audit.before(last[0].number, 2)] == [b"one"]
    assert audit.before(1, 2) == []
    assert audit.before(None, 2, Chain.ANONYMOUS) == []


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
    store.audit.prune(4, T0)
    await store.set_message("written")
    audit = AuditFile(file)
    assert [one.payload for one in audit.all()] == [b"6", b"7", b"8", b"9"]
    verdict = audit.verify()
    assert (verdict.first, verdict.last, verdict.broken_at) == (7, 10, None)
    store.audit.prune(100, T0 + timedelta(seconds=8))
    await store.set_message("again")
    assert [one.payload for one in audit.all()] == [b"8", b"9"]
    assert audit.verify().broken_at is None


async def test_events_that_are_all_gone_leave_a_chain_that_goes_on(
    store: SqliteStore, file: Path
) -> None:
    await write(store, b"one", b"two")
    store.audit.prune(100, T0 + timedelta(days=1))
    await store.close()
    assert list(AuditFile(file).all()) == []
    assert AuditFile(file).verify().broken_at is None
    again = SqliteStore(file, LIMITS)
    await again.start()
    await again.audit.write(b"three", T0)
    await again.close()
    assert AuditFile(file).verify().broken_at is None
    assert [one.number for one in AuditFile(file).all()] == [3]


async def test_nothing_to_delete_changes_nothing(store: SqliteStore, file: Path) -> None:
    await write(store, b"one")
    store.audit.prune(1, T0)
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
    audit.prune(3, T0)
    assert list(audit.payloads) == [b"19998", b"19999", b"last"]


def test_what_does_not_fit_the_queue_is_counted_and_said_once(file: Path) -> None:
    """Neither gets rid of what it has: no disk, no Redis."""
    embedded, shared = SqliteAudit(most_owed=0), RedisAudit(RedisKeys("sg"), most_owed=2)
    embedded.open(Writer(file))
    with capture_logs() as logs:
        for number in range(4):
            embedded.note(b"%d" % number, T0)
            shared.note(b"%d" % number, T0)
    assert (embedded.lost, shared.lost) == (4, 2)
    assert [line["log_level"] for line in logs] == ["error", "error"]


# Two chains


async def test_sec_70_what_strangers_fill_evicts_no_decision(
    store: SqliteStore, file: Path
) -> None:
    for number in range(20):
        await store.audit.write(b"%d" % number, T0, Chain.ANONYMOUS)
    await write(store, b"one", b"two")
    store.audit.prune(5, T0, T0 + timedelta(hours=1), Chain.ANONYMOUS)
    store.audit.prune(5, T0, T0 + timedelta(hours=1))
    await store.set_message("written")
    audit = AuditFile(file)
    assert [one.payload for one in audit.all()] == [b"one", b"two"]
    assert [one.payload for one in audit.tail(2, Chain.ANONYMOUS)] == [b"18", b"19"]
    verdict = audit.verify(None, Chain.ANONYMOUS, int)
    assert (verdict.broken_at, verdict.first, verdict.last, verdict.pruned) == (None, 16, 20, 15)
    assert verdict.merged == 15 + 16 + 17 + 18 + 19
    assert audit.since(Chain.ANONYMOUS) == T0 + timedelta(hours=1)
    assert audit.since() is None
    assert audit.verify(None).pruned == 0


async def test_since_when_events_are_deleted_is_kept_once(store: SqliteStore, file: Path) -> None:
    await write(store, b"one", b"two", b"three")
    for hours in (1, 2):
        store.audit.prune(3 - hours, T0, T0 + timedelta(hours=hours))
        await store.set_message("written")
    assert AuditFile(file).since() == T0 + timedelta(hours=1)
    assert AuditFile(file).verify().pruned == 2


async def test_both_chains_go_on_after_a_restart(store: SqliteStore, file: Path) -> None:
    for chain in Chain:
        await store.audit.write(b"before", T0, chain)
    await store.close()
    again = SqliteStore(file, LIMITS)
    await again.start()
    for chain in Chain:
        await again.audit.write(b"after", T0, chain)
    await again.close()
    for chain in Chain:
        assert [one.payload for one in AuditFile(file).all(chain)] == [b"before", b"after"]
        assert AuditFile(file).verify(None, chain).broken_at is None


@pytest.mark.parametrize("damage", ["UPDATE {} SET payload = x'21'", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["audit", "audit_anonymous"])
async def test_sec_70_a_change_is_found_in_either_chain(
    store: SqliteStore, file: Path, table: str, damage: str
) -> None:
    for chain in Chain:
        for payload in (b"one", b"two", b"three"):
            await store.audit.write(payload, T0, chain)
    await store.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"{damage} WHERE number = 2".format(table))
        connection.commit()
    found = [AuditFile(file).verify(None, chain).broken_at for chain in Chain]
    assert found == ([2, None] if table == "audit" else [None, 2])


def of_the_first_release(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(OF_THE_FIRST_RELEASE.read_text())


async def test_sec_70_an_audit_of_the_first_release_verifies_and_goes_on(file: Path) -> None:
    of_the_first_release(file)
    audit = AuditFile(file)
    before = audit.verify()
    assert (before.broken_at, before.first, before.last, before.pruned) == (None, 4, 8, 3)
    strangers = audit.verify(None, Chain.ANONYMOUS)
    assert (strangers.broken_at, strangers.events, strangers.pruned) == (None, 0, 0)
    assert audit.tail(5, Chain.ANONYMOUS) == list(audit.all(Chain.ANONYMOUS)) == []
    store = SqliteStore(file, LIMITS)
    await store.start()
    for chain in Chain:
        await store.audit.write(b"later", T0, chain)
    store.audit.prune(5, T0 - timedelta(days=1), T0)
    await store.close()
    after = audit.verify(before.head)
    assert (after.broken_at, after.first, after.last, after.known_head_seen) == (None, 5, 9, True)
    assert audit.verify(None, Chain.ANONYMOUS).events == 1
    # Nobody has noted when it began, and now is not when.
    assert audit.since() is None


async def test_by_age_it_deletes_the_front_only(store: SqliteStore, file: Path) -> None:
    """Events that are older by their time but stand further back stay: a clock was set back."""
    for minute in (0, 1, 5, 2, 6):
        await store.audit.write(b"%d" % minute, T0 + timedelta(minutes=minute))
    store.audit.prune(100, T0 + timedelta(minutes=3))
    await store.set_message("written")
    assert [one.payload for one in AuditFile(file).all()] == [b"5", b"2", b"6"]
    assert AuditFile(file).verify().broken_at is None


async def test_what_is_deleted_for_its_age_is_in_the_log_once_an_hour(store: SqliteStore) -> None:
    hour = timedelta(hours=1)

    async def prune(most: int, before: datetime, now: datetime) -> list[tuple[str, int]]:
        with capture_logs() as logs:
            for _ in range(2):  # the second says what became of the first
                store.audit.prune(most, before, now)
                await store.set_message("written")
        return [(line["setting"], line["events"]) for line in logs]

    await write(store, *(b"%d" % number for number in range(10)))
    assert await prune(9, T0, T0) == []  # that one was beyond a number
    assert await prune(9, T0 + timedelta(seconds=3), T0) == [("audit.max_age", 2)]
    assert await prune(9, T0 + timedelta(seconds=5), T0 + hour / 2) == []
    assert await prune(9, T0 + timedelta(seconds=6), T0 + hour) == [("audit.max_age", 2)]
    assert await prune(9, T0 + timedelta(seconds=6), T0 + 2 * hour) == [("audit.max_age", 1)]


async def test_the_memory_store_has_room_for_strangers_of_their_own() -> None:
    audit = MemoryAudit()
    await audit.write(b"first", T0)
    for number in range(20_000):
        audit.note(b"%d" % number, T0, Chain.ANONYMOUS)
    assert audit.payloads_of(Chain.DECISIONS) == [b"first"]
    assert len(audit.payloads_of(Chain.ANONYMOUS)) == 10_000
    audit.prune(1, T0, T0, Chain.ANONYMOUS)
    audit.note(b"last", T0)
    assert audit.payloads == [b"first", b"19999", b"last"]


async def test_sec_78_where_the_disk_refuses_strangers_leave_room_for_decisions(
    file: Path,
) -> None:
    """What must wait for the disk has a bound; strangers may not take all of it."""
    store = SqliteStore(file, LIMITS)
    store.audit = SqliteAudit(most_owed=10)
    await store.start()
    with closing(sqlite3.connect(file)) as other:
        for table in ("audit", "audit_anonymous"):
            other.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    for _ in range(20):
        with suppress(StoreUnavailable):
            await store.audit.write(b"stranger", T0, Chain.ANONYMOUS)
    assert store.audit.lost == 15
    for _ in range(5):
        with suppress(StoreUnavailable):
            await store.audit.write(b"decision", T0)
    assert store.audit.lost == 15
    with closing(sqlite3.connect(file)) as other:
        for table in ("audit", "audit_anonymous"):
            other.execute(f"ALTER TABLE {table}_away RENAME TO {table}")
    await store.close()
    assert [one.payload for one in AuditFile(file).all()] == [b"decision"] * 5


# What somebody has written into the tables by hand

GARBAGE = ["'text'", "cast(x'ff' AS TEXT)", "17", "-1", "9223372036854775807", "1.5", "x''", "NULL"]


def by_hand(file: Path, *changes: str) -> None:
    """Change the file as anybody can who may write it, whatever the tables ask for."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
        connection.commit()
    with closing(sqlite3.connect(file)) as connection:
        for change in changes:
            connection.execute(change)
        connection.commit()


@pytest.mark.parametrize("value", GARBAGE)
@pytest.mark.parametrize("column", ["payload", "hash"])
@pytest.mark.parametrize("chain", list(Chain))
async def test_sec_70_a_value_of_any_kind_breaks_its_own_event_and_hides_no_other(
    store: SqliteStore, file: Path, chain: Chain, column: str, value: str
) -> None:
    for payload in (b"one", b"two", b"three"):
        await store.audit.write(payload, T0, chain)
    await store.close()
    table = "audit" if chain is Chain.DECISIONS else "audit_anonymous"
    by_hand(file, f"UPDATE {table} SET {column} = {value} WHERE number = 2")
    audit = AuditFile(file)
    verdict = audit.verify(None, chain)
    assert (verdict.broken_at, verdict.why) == (2, "its bytes have changed")
    for kept in (list(audit.all(chain)), audit.tail(3, chain)):
        assert [one.number for one in kept] == [1, 2, 3]
        assert (kept[0].payload, kept[2].payload) == (b"one", b"three")


async def test_sec_70_one_letter_changed_by_hand_is_found(store: SqliteStore, file: Path) -> None:
    """SQL's own functions make text of bytes."""
    await write(store, b'{"user":"admin"}')
    await store.close()
    by_hand(file, "UPDATE audit SET payload = replace(payload, 'admin', 'adm1n')")
    audit = AuditFile(file)
    assert (audit.verify().broken_at, audit.verify().why) == (1, "its bytes have changed")
    assert [one.payload for one in audit.all()] == [b'{"user":"adm1n"}']


@pytest.mark.parametrize("value", GARBAGE)
@pytest.mark.parametrize(
    "place", ["audit_newest.number", "audit_anchor.number", "audit_anchor.hash", "meta.value"]
)
async def test_sec_70_where_the_chain_begins_and_ends_may_hold_anything(
    store: SqliteStore, file: Path, place: str, value: str
) -> None:
    await write(store, b"one", b"two", b"three")
    store.audit.prune(2, EPOCH, T0)
    await store.close()
    table, column = place.split(".")
    by_hand(file, f"UPDATE {table} SET {column} = {value}")
    audit = AuditFile(file)
    assert audit.verify().broken_at is not None or table == "meta"
    assert [one.payload for one in audit.all()] == [b"two", b"three"]
    assert (audit.since() is None) == (table == "meta" and value != "17")


@pytest.mark.parametrize("value", GARBAGE)
async def test_a_server_goes_on_after_a_last_event_that_somebody_has_changed(
    store: SqliteStore, file: Path, value: str
) -> None:
    await write(store, b"one", b"two")
    await store.close()
    by_hand(file, f"UPDATE audit SET hash = {value} WHERE number = 2")
    again = SqliteStore(file, LIMITS)
    await again.start()
    await again.audit.write(b"three", T0)
    await again.close()
    assert [one.payload for one in AuditFile(file).all()] == [b"one", b"two", b"three"]
    assert AuditFile(file).verify().broken_at == 2
