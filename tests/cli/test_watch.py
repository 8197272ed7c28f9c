"""What `sessions watch` shows: as much as a screen has room for, and what has come and gone."""

import os
import pty
import select
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count

import pytest

from sessiongate.cli.watch import Seen, changes, on_screen, screen_lines
from tests.each import each
from tests.end_to_end.serving import run_here
from tests.until import PATIENCE

AT = datetime(2026, 1, 1, 3, 4, 5, tzinfo=UTC)


def session(number: int, **facts: object) -> dict[str, object]:
    return {
        "key": f"0000000{number}-0000-0000-0000-000000000000",
        "user": f"user{number}",
        "ip_address": "192.0.2.1",
        "user_agent": "tool/1",
        "dialect": "zerto",
        "provider": "local",
        "calls": 1,
        "active_at": "2026-01-01T03:00:00Z",
        "login_at": f"2026-01-01T02:0{number}:00Z",
        "idle_seconds": 245,
        "seconds_left": 60,
        **facts,
    }


def test_a_screen_has_a_head_the_table_and_how_it_ends() -> None:
    seen = Seen(2, [session(1), session(2)])
    head, names, first, second, foot = screen_lines(seen, AT, "", 120, 24)
    assert head == "2 sessions  03:04:05"
    assert names.split()[:2] == ["KEY", "USER"]
    assert "user1" in first
    assert "user2" in second
    assert "4m" in first
    assert foot == "q ends"


@each("size", [(80, 24), (40, 6), (200, 3), (20, 1)])
def test_it_is_never_longer_than_the_screen_and_says_how_many_are_left_out(
    size: tuple[int, int],
) -> None:
    seen = Seen(300, [session(number) for number in range(1, 9)])
    columns, lines = size
    shown = screen_lines(seen, AT, "", columns, lines)
    assert len(shown) <= max(lines, 4)
    assert len(shown[0]) <= columns
    rows = len(shown) - 3
    assert shown[-1] == f"{300 - rows} more; q ends"[:columns]


def test_an_outage_stands_above_what_was_seen_last() -> None:
    shown = screen_lines(Seen(1, [session(1)]), AT, "no server is running", 120, 24)
    assert shown[0] == "1 session  not updated since 03:04:05: no server is running"
    assert any("user1" in line for line in shown)


def test_where_nothing_is_open_it_says_so() -> None:
    assert screen_lines(Seen(0, []), AT, "", 80, 24)[1] == "No session is open."


def test_what_a_client_says_of_itself_steers_no_terminal() -> None:
    wild = session(1, user_agent="\x1b[2J\x1b]0;x\x07")
    assert all(line.isprintable() for line in screen_lines(Seen(1, [wild]), AT, "", 200, 24))


@contextmanager
def terminal(patch: pytest.MonkeyPatch) -> Iterator[int]:
    """Our side of one that is standard input and output meanwhile. Whoever has it closes it."""
    ours, theirs = pty.openpty()
    with (
        os.fdopen(os.dup(theirs)) as keys,
        os.fdopen(theirs, "w") as screen,
        patch.context() as put,
    ):
        put.setattr(sys, "stdin", keys)
        put.setattr(sys, "stdout", screen)
        yield ours


def test_a_terminal_that_goes_while_it_is_looked_at_is_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For a command that ignores the hang-up, such as under nohup."""
    with terminal(monkeypatch) as ours, ThreadPoolExecutor() as pool:

        def go() -> None:
            shown = b""
            while b"q ends" not in shown and select.select([ours], [], [], PATIENCE)[0]:
                shown += os.read(ours, 4096)
            os.close(ours)

        gone = pool.submit(go)
        on_screen(lambda: Seen(1, [session(1)]), PATIENCE, 2)
        gone.result()


def test_a_terminal_that_goes_while_the_server_is_asked_is_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = count(1)
    with terminal(monkeypatch) as ours:

        def look() -> Seen:
            if next(looks) == 2:
                os.close(ours)
            return Seen(1, [session(1)])

        on_screen(look, 0.001, 5)
    assert next(looks) == 3


def test_changes_are_what_has_come_and_gone_oldest_first() -> None:
    one, two, three = ({str(row["key"]): row} for row in (session(1), session(2), session(3)))

    def named(found: object) -> list[tuple[str, object]]:
        return [(what, row["user"]) for what, row in found]  # type: ignore[attr-defined]

    assert named(changes(None, two | one)) == [("open", "user1"), ("open", "user2")]
    assert named(changes(one | two, two | three)) == [("ended", "user1"), ("opened", "user3")]
    assert named(changes(one, one)) == []


@pytest.mark.parametrize("interval", ["", "0", "soon"])
def test_an_interval_that_is_none_is_refused_with_the_rule(interval: str) -> None:
    done = run_here("sessions", "watch", f"--interval={interval}")
    assert done.code == 2
    assert "--interval: must be" in done.err
