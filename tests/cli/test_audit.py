"""`sessiongate audit` over a session file: what a terminal shows of it, and what scripts get."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sessiongate.audit import event as audit
from sessiongate.audit.event import Event
from sessiongate.cli import audit as commands
from sessiongate.cli.root import app
from sessiongate.rules.audit_chain import Chain
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import LIMITS
from tests.cli.terminal import terminal
from tests.end_to_end.serving import run_here

NOW = datetime.now(UTC)
TOLD = [
    (Chain.DECISIONS, Event(at=NOW - timedelta(days=400), event="server started", result="ok")),
    (
        Chain.DECISIONS,
        Event(
            at=NOW,
            event="session ended",
            result="ok",
            user="os:operator",
            subject="ursula@corp.example",
            ip="192.168.100.200",
            dialect="automation",
            reason="terminated",
        ),
    ),
    (Chain.ANONYMOUS, Event(at=NOW, event="login refused", result="refused", merged=2899)),
]


async def _written(path: Path) -> None:
    store = SqliteStore(path, LIMITS)
    await store.start()
    for chain, event in TOLD:
        await store.audit.write(audit.write(event), event.at, chain)
    await store.close()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory with an audit of three events, the first of a year that is over."""
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    asyncio.run(_written(path / "sessiongate.db"))
    return path


def tail(data_dir: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of `audit tail` at a terminal of this width, without colours."""
    with terminal(monkeypatch, width, NO_COLOR="1") as screen:
        app(["audit", "tail", "--data-dir", str(data_dir)], standalone_mode=False)
    return screen.lines


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_on_whom_it_was_done_stays_longer_than_numbers_and_addresses(
    width: int, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, *rows, rest = tail(data_dir, width, monkeypatch)
    assert "SUBJECT" in head
    assert any("ursula" in row for row in rows)
    assert all(len(line) <= width for line in (head, *rows))
    assert "subject" not in rest


def test_columns_go_one_by_one_and_the_least_important_first(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("CHAIN", "MERGED", "DIALECT", "IP", "NUMBER", "REASON", "SUBJECT")
    heads = [tail(data_dir, width, monkeypatch)[0].split() for width in range(60, 200)]
    first = [min(at for at, head in enumerate(heads) if name in head) for name in names]
    assert first == sorted(first, reverse=True)


def test_each_time_has_its_date(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, *rows, _ = tail(data_dir, 200, monkeypatch)
    before, *today = (one.at.astimezone() for _, one in TOLD)
    assert f"{before:%Y-%m-%d %H:%M}" in rows[0]
    for at, row in zip(today, rows[1:], strict=True):
        assert f"{at:%m-%d %H:%M:%S}" in row


def test_a_time_of_another_year_says_which() -> None:
    assert commands.short_time("2001-02-03T04:05:06.789Z").startswith("2001-02-0")
    assert commands.short_time("no time") == "no time"


def test_an_export_is_lines_or_one_array(data_dir: Path) -> None:
    where = ("--data-dir", str(data_dir))
    lines = run_here("audit", "export", *where)
    array = run_here("audit", "export", *where, "--output", "json")
    assert (lines.code, array.code) == (0, 0)
    events = [json.loads(line) for line in lines.out.splitlines()]
    assert [one["event"] for one in events] == [one.event for _, one in TOLD]
    assert array.json() == events


def test_an_export_of_nothing_is_an_empty_array(tmp_path: Path) -> None:
    async def empty() -> None:
        store = SqliteStore(tmp_path / "sessiongate.db", LIMITS)
        await store.start()
        await store.close()

    asyncio.run(empty())
    done = run_here("audit", "export", "--data-dir", str(tmp_path), "--output", "json")
    assert (done.code, done.json()) == (0, [])
