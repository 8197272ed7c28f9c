"""The audit at a console: searched, verified in the background, and said where there is none."""

import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.audit.event import Event, write
from sessiongate.errors import NotFound, StoreUnavailable
from sessiongate.rules.audit_chain import Chain
from sessiongate.service.audit_desk import AuditDesk
from sessiongate.service.audit_search import WantedEvents
from sessiongate.service.user_history import UserHistory
from sessiongate.session import Person
from sessiongate.store.embedded.audit import AuditFile
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.store.port import AuditReader
from sessiongate.testing import LIMITS, T0, FakeClock
from tests.until import PATIENCE, until


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[Path]:
    """An audit of three decisions and one refusal of a stranger."""
    path = tmp_path / "sessions.db"
    store = SqliteStore(path, LIMITS)
    await store.start()
    for number in range(3):
        event = Event(at=T0, event="session opened", result="ok", user=f"u{number}")
        await store.audit.write(write(event), T0)
    stranger = Event(at=T0, event="login refused", result="refused")
    await store.audit.write(write(stranger), T0, Chain.ANONYMOUS)
    yield path
    await store.close()


def desk_of(path: Path) -> AuditDesk:
    return AuditDesk(lambda: nullcontext(AuditFile(path)), FakeClock())


async def test_either_chain_is_searched(file: Path) -> None:
    desk = desk_of(file)
    found = await desk.search(WantedEvents(), None, 2, Chain.DECISIONS)
    assert [row.user for row in found.rows] == ["u2", "u1"]
    found = await desk.search(WantedEvents(), None, 2, Chain.ANONYMOUS)
    assert [row.event for row in found.rows] == ["login refused"]


async def test_a_verification_says_how_far_it_is_and_what_it_found(file: Path) -> None:
    desk = desk_of(file)
    assert desk.verification().state == "none"
    assert desk.verify()
    await until(lambda: desk.verification().state != "running")
    found = desk.verification()
    assert (found.state, found.checked, found.total, found.began) == ("whole", 4, 4, T0)
    last = AuditFile(file).before(None, 1)[0]
    assert found.heads["decisions"] == last.hash.hex()


async def test_one_verification_is_under_way_at_a_time(file: Path) -> None:
    goes_on, opened = threading.Event(), []

    def slow() -> nullcontext[AuditFile]:
        opened.append(file)
        assert goes_on.wait(PATIENCE)
        return nullcontext(AuditFile(file))

    desk = AuditDesk(slow, FakeClock())
    try:
        assert desk.verify()
        assert not desk.verify()
    finally:
        goes_on.set()
    await until(lambda: desk.verification().state == "whole")
    assert len(opened) == 1
    assert desk.verify()
    await until(lambda: desk.verification().state == "whole")


async def test_sec_70_what_was_changed_is_found(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM audit WHERE number = 2")
    desk = desk_of(file)
    desk.verify()
    await until(lambda: desk.verification().state != "running")
    found = desk.verification()
    assert found.state == "broken"
    assert found.problems == ["decisions: broken at event 2: it is missing"]


async def test_an_audit_that_cannot_be_read_is_not_called_broken(tmp_path: Path) -> None:
    desk = desk_of(tmp_path / "none.db")
    desk.verify()
    await until(lambda: desk.verification().state != "running")
    assert desk.verification().state == "unknown"
    with pytest.raises(StoreUnavailable):
        await desk.search(WantedEvents(), None, 1, Chain.DECISIONS)


async def test_where_none_is_kept_it_says_so() -> None:
    desk = AuditDesk(None, FakeClock())
    assert not desk.is_kept
    for ask in (desk.search(WantedEvents(), None, 1, Chain.DECISIONS), desk.ended(WantedEvents())):
        with pytest.raises(NotFound, match=r"store\.url"):
            await ask
    with pytest.raises(NotFound):
        desk.verify()


async def test_who_logged_in_last_is_read_again_when_that_is_old(file: Path) -> None:
    clock = FakeClock()
    reads = []

    def opened() -> AbstractContextManager[AuditReader]:
        reads.append(True)
        return nullcontext(AuditFile(file))

    desk, fresh = AuditDesk(opened, clock), timedelta(seconds=5)
    for _ in range(2):
        assert (await desk.users(fresh)).logins[Person("", "u1")] == T0
    clock.tick(fresh)
    await desk.users(fresh)
    assert len(reads) == 2
    assert await AuditDesk(None, clock).users(fresh) == UserHistory()
