"""The SQLite store keeps the promises of every store, and keeps them across restarts."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sessiongate.errors import CapReached, EndNotWritten, StoreUnavailable
from sessiongate.secret import Secret
from sessiongate.session import Caps, Limits, Session
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.store.port import Store
from sessiongate.testing import (
    LIMITS,
    NO_CAPS,
    T0,
    ClientBookContract,
    GenerationContract,
    LeaseContract,
    LeaseUserContract,
    ManagerTokenContract,
    NoteContract,
    NoticeContract,
    StoreContract,
    TicketContract,
    a_session,
    a_ticket,
    digest_of,
    everyone,
)
from tests.until import until


class InFile:
    @pytest.fixture(autouse=True)
    def directory(self, tmp_path: Path) -> None:
        self.home = tmp_path
        self.made: dict[int, Path] = {}

    async def make(self, limits: Limits) -> Store:
        path = self.home / f"{len(self.made)}.db"
        store = SqliteStore(path, limits)
        self.made[id(store)] = path
        return store

    async def again(self, store: Store) -> Store | None:
        return SqliteStore(self.made[id(store)], LIMITS)


class TestSessions(InFile, StoreContract):
    pass


class TestTickets(InFile, TicketContract):
    pass


class TestGenerations(InFile, GenerationContract):
    pass


class TestNotice(InFile, NoticeContract):
    pass


class TestLeases(InFile, LeaseContract):
    pass


class TestLeaseUsers(InFile, LeaseUserContract):
    pass


class TestManagerTokens(InFile, ManagerTokenContract):
    pass


class TestClientBooks(InFile, ClientBookContract):
    pass


class TestNotes(InFile, NoteContract):
    pass


@asynccontextmanager
async def opened(path: Path, limits: Limits = LIMITS) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, limits)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


def ask(path: Path, question: str) -> list[tuple[object, ...]]:
    """What stands in the file, read beside the running store."""
    with closing(sqlite3.connect(path)) as connection:
        answer: list[tuple[object, ...]] = connection.execute(question).fetchall()
        connection.commit()
    return answer


def content(path: Path) -> bytes:
    return path.read_bytes()


def replace(path: Path, content: bytes) -> None:
    path.write_bytes(content)


async def test_use_never_suspends(path: Path) -> None:
    async with opened(path) as store:
        session = a_session()
        await store.add(session, NO_CAPS)
        with pytest.raises(StopIteration) as used:
            store.use(session.digest, T0).send(None)
        assert used.value.value.call_count == 1


async def test_sec_02_the_files_never_hold_the_token(path: Path) -> None:
    token, ticket = Secret("5ca1ab1e" * 5), Secret("deadbeef" * 5)
    async with opened(path) as store:
        await store.add(a_session(token.reveal()), NO_CAPS)
        await store.put(ticket.digest(), a_ticket())
        await store.use(token.digest(), T0)
        await store.flush()
        files = [one for one in path.parent.iterdir() if one.is_file()]
        assert path.with_name(path.name + "-wal") in files
        for one in files:
            written = one.read_bytes()
            for secret in (token, ticket):
                assert secret.reveal().encode() not in written
                assert bytes.fromhex(secret.reveal()) not in written
    assert token.digest() in content(path)


async def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "data"
    async with opened(home / "sessions.db") as store:
        await store.add(a_session(), NO_CAPS)
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in home.iterdir()}
        assert set(modes.values()) == {0o600}
        assert len(modes) == 4  # the database, its -wal and -shm, and the lock
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


async def test_start_tells_the_latest_time_seen(path: Path) -> None:
    later = T0 + timedelta(minutes=7, microseconds=1)
    store = SqliteStore(path, LIMITS)
    assert await store.start() is None
    session = a_session()
    await store.add(session, NO_CAPS)
    await store.use(session.digest, T0 + timedelta(minutes=3))
    await store.expire(later, 10)
    await store.end(session.key)
    await store.close()
    assert await store.start() == later
    await store.close()


async def test_what_was_acknowledged_is_in_the_file(path: Path) -> None:
    async with opened(path) as store:
        one, two = a_session(), a_session()
        await store.add(one, NO_CAPS)
        await store.add(two, NO_CAPS)
        await store.end(two.key)
        await store.put(digest_of("ticket"), a_ticket())
        assert ask(path, "SELECT digest FROM session") == [(one.digest,)]
        assert ask(path, "SELECT digest FROM ticket") == [(digest_of("ticket"),)]
        await store.take(digest_of("ticket"), "clone", T0)
        assert ask(path, "SELECT digest FROM ticket") == []


async def test_expired_rows_leave_the_file(path: Path) -> None:
    async with opened(path) as store:
        await store.add(a_session(), NO_CAPS)
        await store.put(digest_of("ticket"), a_ticket())
        assert len(await store.expire(T0 + timedelta(hours=1), 10)) == 1
        await store.set_message("")  # comes after what was queued before
        assert ask(path, "SELECT (SELECT count(*) FROM session), count(*) FROM ticket") == [(0, 0)]


async def test_touches_are_written_by_flush_and_by_close(path: Path) -> None:
    touches = "SELECT call_count, active_at FROM session"
    sessions = [a_session() for _ in range(1200)]
    start = int(T0.timestamp()) * 1_000_000
    async with opened(path) as store:
        await asyncio.gather(*(store.add(one, NO_CAPS) for one in sessions))
        for session in sessions:
            await store.use(session.digest, T0 + timedelta(seconds=1))
        assert set(ask(path, touches)) == {(0, start)}
        await store.flush()
        assert set(ask(path, touches)) == {(1, start + 1_000_000)}
        for session in sessions:
            await store.use(session.digest, T0 + timedelta(seconds=2))
    assert set(ask(path, touches)) == {(2, start + 2_000_000)}


async def test_a_session_that_ended_leaves_no_touch_behind(path: Path) -> None:
    async with opened(path) as store:
        session = a_session()
        await store.add(session, NO_CAPS)
        await store.use(session.digest, T0)
        await store.end(session.key)
        await store.flush()
        assert ask(path, "SELECT * FROM session") == []


async def test_a_login_given_up_leaves_no_session(path: Path) -> None:
    async with opened(path) as store:
        session = a_session()
        login = asyncio.create_task(store.add(session, NO_CAPS))
        await asyncio.sleep(0)
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login
        assert await everyone(store, T0) == {}
        await store.set_message("")
        assert ask(path, "SELECT * FROM session") == []


async def test_checks_go_on_while_the_disk_keeps_a_login_waiting(path: Path) -> None:
    """The loop is never blocked: an outside program holds the file, and only the login waits."""
    async with opened(path) as store:
        known = a_session()
        await store.add(known, NO_CAPS)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            login = asyncio.create_task(store.add(a_session(), NO_CAPS))
            for _ in range(100):
                assert await store.use(known.digest, T0) is not None
                await asyncio.sleep(0)
            assert not login.done()
            other.execute("ROLLBACK")
        await login


async def test_a_broken_file_refuses_logins_and_serves_checks_until_it_is_mended(
    path: Path,
) -> None:
    async with opened(path) as store:
        known, ended = a_session(), a_session()
        await store.add(known, NO_CAPS)
        await store.add(ended, NO_CAPS)
        with capture_logs() as logs:
            ask(path, "ALTER TABLE session RENAME TO away")
            fresh = [a_session() for _ in range(20)]
            results = await asyncio.gather(
                *(store.add(one, Caps(total=22)) for one in fresh), return_exceptions=True
            )
            assert {type(one) for one in results} == {StoreUnavailable}
            with pytest.raises(StoreUnavailable):
                await store.end(ended.key)
            known.locale = "de_DE"
            with pytest.raises(StoreUnavailable):
                await store.change(known)
            assert await store.use(ended.digest, T0) is None
            used = await store.use(known.digest, T0 + timedelta(seconds=1))
            assert used is not None
            assert used.locale == "en_US"
            with pytest.raises(StoreUnavailable):
                await store.flush()
            assert set(await everyone(store, T0)) == {known.key}

            ask(path, "ALTER TABLE away RENAME TO session")
            await store.add(fresh[0], Caps(total=2))
            await store.flush()
        assert [(line["log_level"], line["event"]) for line in logs] == [
            ("error", "store cannot write; logins are refused until it can"),
            ("info", "store writes again"),
        ]
        assert sorted(ask(path, "SELECT key, call_count FROM session")) == sorted(
            [(known.key, 1), (fresh[0].key, 0)]
        )


@pytest.mark.slow
async def test_deletes_are_tried_again_without_being_asked(path: Path) -> None:
    async with opened(path) as store:
        session = a_session()
        await store.add(session, NO_CAPS)
        ask(path, "ALTER TABLE session RENAME TO away")
        with pytest.raises(EndNotWritten) as refused:
            await store.end(session.key)
        assert refused.value.session == session
        assert await store.end(session.key) is None
        ask(path, "ALTER TABLE away RENAME TO session")
        await until(lambda: ask(path, "SELECT * FROM session") == [])


async def test_each_of_those_who_end_sessions_in_vain_is_told_of_its_own(path: Path) -> None:
    async with opened(path) as store:
        sessions = [a_session() for _ in range(5)]
        for session in sessions:
            await store.add(session, NO_CAPS)
        ask(path, "ALTER TABLE session RENAME TO away")
        refusals = await asyncio.gather(
            *(store.end(one.key) for one in sessions), return_exceptions=True
        )
        told = [one.session for one in refusals if isinstance(one, EndNotWritten)]
        assert told == sessions
        ask(path, "ALTER TABLE away RENAME TO session")


async def test_what_cannot_be_written_at_all_harms_nobody_else(path: Path) -> None:
    async with opened(path) as store:
        odd = a_session()
        odd.call_count = 2**70
        fine = [a_session() for _ in range(10)]
        results = await asyncio.gather(
            *(store.add(one, NO_CAPS) for one in [*fine[:5], odd, *fine[5:]]),
            return_exceptions=True,
        )
        assert [type(one) for one in results if one is not None] == [StoreUnavailable]
        assert set(await everyone(store, T0)) == {one.key for one in fine}


async def test_what_is_not_open_says_so(path: Path) -> None:
    store = SqliteStore(path, LIMITS)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="not open"):
            await store.use(digest_of("a"), T0)
        with pytest.raises(StoreUnavailable, match="not open"):
            await store.add(a_session(), NO_CAPS)
        with pytest.raises(StoreUnavailable, match="not open"):
            await store.message()
        await store.start()
        with pytest.raises(StoreUnavailable, match="open already"):
            await store.start()
        await store.close()


async def refusal(path: Path) -> str:
    store = SqliteStore(path, LIMITS)
    with pytest.raises(StoreUnavailable) as refused:
        await store.start()
    await store.close()
    return str(refused.value)


async def test_a_newer_file_is_refused(path: Path) -> None:
    async with opened(path) as store:
        await store.add(a_session(), NO_CAPS)
    ask(path, "PRAGMA user_version=2")
    text = await refusal(path)
    assert "newer sessiongate (schema 2; this one knows 1)" in text
    assert "run that release or a later one" in text
    ask(path, "PRAGMA user_version=1")
    async with opened(path) as store:
        assert len(await everyone(store, T0)) == 1


async def test_a_file_of_something_else_is_refused(path: Path) -> None:
    ask(path, "CREATE TABLE recipes (name TEXT)")
    assert "a database of something else" in await refusal(path)


async def test_a_corrupt_file_is_refused_and_left_alone(path: Path) -> None:
    async with opened(path) as store:
        await asyncio.gather(*(store.add(a_session(), NO_CAPS) for _ in range(500)))
    good = content(path)
    for bad in (b"not a database, and long enough to be read as one" * 30, garbled(good)):
        replace(path, bad)
        text = await refusal(path)
        assert str(path) in text
        assert "move it away" in text
        assert content(path) == bad
    replace(path, good)
    async with opened(path) as store:
        assert len(await everyone(store, T0)) == 500


def garbled(good: bytes) -> bytes:
    """The first pages whole, everything behind them noise."""
    return good[:16384] + b"\xff" * (len(good) - 16384)


async def test_a_row_that_makes_no_sense_is_refused(path: Path) -> None:
    async with opened(path) as store:
        await store.add(a_session(), NO_CAPS)
    for change in ("client='[]'", "client='{'", "login_at='soon'", "digest=x''", "login_at=1<<62"):
        ask(path, "CREATE TABLE spare AS SELECT * FROM session")
        ask(path, f"UPDATE session SET {change}")
        assert "cannot be read" in await refusal(path)
        ask(path, "DELETE FROM session")
        ask(path, "INSERT INTO session SELECT * FROM spare")
        ask(path, "DROP TABLE spare")


async def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "name another file" in await refusal(tmp_path / "file" / "sessions.db")
    (tmp_path / "directory.db").mkdir()
    assert "name another file" in await refusal(tmp_path / "directory.db")


deeds = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "use", "use", "end", "change", "reopen", "wait", "expire"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


@pytest.mark.slow
@given(deeds)
@settings(max_examples=40, deadline=None)
def test_a_reopened_store_knows_what_a_plain_model_knows(story: list[tuple[str, int]]) -> None:
    """Whatever was done, in memory and after a restart the store says what two dicts say."""
    asyncio.run(_follow(story))


async def _follow(story: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as home:
        path = Path(home) / "sessions.db"
        caps = Caps(total=4)
        store, model, now = SqliteStore(path, LIMITS), dict[str, Session](), T0
        await store.start()
        for deed, number in story:
            token = f"token {number}"
            if deed == "add" and not any(one.digest == digest_of(token) for one in model.values()):
                session = a_session(token, at=now)
                try:
                    await store.add(session, caps)
                except CapReached:
                    # Sessions past their limits count until they are noticed, never afterwards.
                    assert len(model) <= 4
                else:
                    model[session.key] = session
            elif deed == "use":
                used = await store.use(digest_of(token), now)
                known = [one for one in model.values() if one.digest == digest_of(token)]
                if known:
                    known[0].active_at, known[0].call_count = now, known[0].call_count + 1
                assert used == (known[0] if known else None)
            elif deed == "end" and len(model) > number:
                key = list(model)[number]
                assert await store.end(key) == model.pop(key)
            elif deed == "change" and len(model) > number:
                changed = list(model.values())[number]
                changed.locale = "fr_FR"
                assert await store.change(changed)
            elif deed == "wait":
                now += timedelta(minutes=5 * number)
                _forget(model, now)
            elif deed == "expire":
                await store.expire(now + timedelta(seconds=1), 100)
                now += timedelta(seconds=1)
                _forget(model, now)
            elif deed == "reopen":
                await store.close()
                store = SqliteStore(path, LIMITS)
                await store.start()
            assert await everyone(store, now) == model
        await store.close()


def _forget(model: dict[str, Session], now: datetime) -> None:
    for key, session in list(model.items()):
        if now - session.active_at >= LIMITS.idle:
            del model[key]
