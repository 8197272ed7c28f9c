"""`sessiongate leaks` where no server runs: from the audit alone, and what it cannot know."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sessiongate.audit.event import Event, write
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import LIMITS
from tests.each import each
from tests.end_to_end.serving import run_here

NOW = datetime.now(UTC)


def told(what: str, user: str, age: timedelta, reason: str = "") -> Event:
    agent = f"{user}.py/1"
    return Event(
        at=NOW - age,
        event=what,
        result="ok",
        user=user,
        ip="192.0.2.1",
        agent=agent,
        provider="local",
        reason=reason,
    )


async def _written(path: Path) -> None:
    store = SqliteStore(path, LIMITS)
    await store.start()
    hour = timedelta(hours=1)
    for event in (
        *(told("session opened", "nightly", 26 * hour) for _ in range(5)),
        *(told("session opened", "nightly", 2 * hour) for _ in range(4)),
        *(told("session ended", "nightly", hour, "idle") for _ in range(3)),
        told("session opened", "report", hour),
        told("session ended", "report", hour, "logout"),
    ):
        await store.audit.write(write(event), event.at)
    await store.close()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that no server runs on."""
    path = tmp_path_factory.mktemp("leaks") / "data"
    path.mkdir(mode=0o700)
    asyncio.run(_written(path / "sessiongate.db"))
    return path


def clients(data_dir: Path, *args: str) -> list[dict[str, Any]]:
    done = run_here("leaks", "--data-dir", str(data_dir), "--output", "json", *args)
    assert done.code == 0, done
    found: list[dict[str, Any]] = done.json()["clients"]
    return found


def test_the_audit_alone_names_who_leaks_and_says_what_it_cannot_know(data_dir: Path) -> None:
    done = run_here("leaks", "--data-dir", str(data_dir))
    assert done.code == 0
    head, first, second = done.out.splitlines()
    assert head.split()[:2] == ["USER", "AGENT"]
    assert first.split()[:5] == ["nightly", "nightly.py", "192.0.2.1", "3", "100%"]
    assert second.split()[:5] == ["report", "report.py", "192.0.2.1", "0", "0%"]
    assert "no server is running" in done.err


def test_it_looks_back_as_far_as_it_is_told_to(data_dir: Path) -> None:
    def opened(*since: str) -> list[int]:
        return [one["opened"] for one in clients(data_dir, *since)]

    assert opened() == [4, 1]
    assert opened("--since", "7d") == [9, 1]
    assert opened("--since", "30m") == []
    assert {one["live"] for one in clients(data_dir)} == {None}


def test_where_nothing_was_opened_it_says_so(data_dir: Path) -> None:
    done = run_here("leaks", "--data-dir", str(data_dir), "--since", "30m")
    assert done.out == "Nobody has opened or left a session in 30m.\n"


@each("since", ["", "soon", "0", "10ms", "400d", "-1h"])
def test_a_span_that_is_none_is_refused_with_the_rule(since: str, data_dir: Path) -> None:
    done = run_here("leaks", "--data-dir", str(data_dir), f"--since={since}")
    assert (done.code, done.out) == (2, "")
    assert "--since: must be" in done.err


def test_the_memory_store_has_nothing_to_read_without_its_server(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[store]\nurl = "memory:"\n')
    done = run_here("leaks", "--data-dir", str(tmp_path / "data"), "--config", str(settings))
    assert done.code == 2
    assert "memory store" in done.err
