"""What a table shows where there is little room: keys whole, the important first."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sessiongate.cli import accounts, audit, session_rows
from sessiongate.cli.output import Output, show_rows
from sessiongate.cli.table import Column, fit, render, span
from tests.cli.terminal import terminal

KEYS = ("12029bdf-519a-4851-f461-a3177747b9ee", "92029bdf-519a-4851-f461-a3177747b9e0")
ROWS = [
    {
        "key": key,
        "user": user,
        "left": "29m",
        "idle": "43s",
        "ip_address": "192.168.100.200",
        "login": "12m ago",
        "dialect": "automation",
        "calls": 12345,
        "user_agent": "VMware-client/6.5.0 (a client with a long name, on some system or other)",
        "provider": "local",
        "login_at": "2026-11-22T05:28:13.713089Z",
    }
    for key, user in zip(KEYS, ("admin", "a.very.long.name@corp.example.com"), strict=True)
]


def headings(line: str) -> list[str]:
    return re.split(r" {2,}", re.sub(r"\x1b\[\d+m", "", line).strip())


def plain(lines: list[str]) -> list[str]:
    return [re.sub(r"\x1b\[\d+m", "", line) for line in lines]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (60, ["KEY", "USER", "LEFT", "IDLE"]),
        (80, ["KEY", "USER", "LEFT", "IDLE", "IP ADDRESS"]),
        (
            120,
            [
                "KEY",
                "USER",
                "LEFT",
                "IDLE",
                "IP ADDRESS",
                "LOGIN",
                "DIALECT",
                "CALLS",
                "USER AGENT",
            ],
        ),
        (
            200,
            [
                "KEY",
                "USER",
                "LEFT",
                "IDLE",
                "IP ADDRESS",
                "LOGIN",
                "DIALECT",
                "CALLS",
                "USER AGENT",
            ],
        ),
    ],
)
def test_sessions_fit_the_terminal_and_keys_stay_whole(
    width: int, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal(monkeypatch, width) as screen:
        show_rows(ROWS, session_rows.COLUMNS, Output.TABLE, "", more="--wide also shows")
    lines = plain(screen.lines)
    assert headings(lines[0]) == shown
    assert [line.split()[0] for line in lines[1:3]] == list(KEYS)
    assert all(cell_len(line) <= width for line in lines[:3])
    # What there is no room for is named.
    assert lines[3].startswith("--wide also shows: ")
    left_out = {"ip address", "login", "dialect", "calls", "user agent", "provider", "login at"}
    named = set(lines[3].removeprefix("--wide also shows: ").split(", "))
    assert named == left_out - {one.lower() for one in shown}


def test_sessions_at_their_widest_have_everything_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, 60) as screen:
        show_rows(ROWS, session_rows.COLUMNS, Output.TABLE, "", wide=True, more="--wide also shows")
    lines = plain(screen.lines)
    assert len(lines) == 3
    for value in ROWS[1].values():
        assert str(value) in lines[2]


def test_what_is_no_terminal_gets_everything_on_one_line_without_colour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    show_rows(ROWS, session_rows.COLUMNS, Output.TABLE, "", more="--wide also shows")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)
    for value in ROWS[1].values():
        assert str(value) in lines[2]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("columns", [session_rows.COLUMNS, accounts.USER_COLUMNS, audit.COLUMNS])
def test_what_may_not_be_cut_is_whole_in_every_table(
    columns: tuple[Column, ...], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {column.name: f"{column.name}-value" for column in columns}
    with terminal(monkeypatch, width) as screen:
        show_rows([row], columns, Output.TABLE, "")
    shown = screen.getvalue()
    for column in columns:
        if not column.rank and not column.only_wide and not column.least:
            assert f"{column.name}-value" in shown
    assert len(screen.lines) == 2


def test_prose_is_folded_between_words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = ":".join(["AB"] * 32)
    columns = (Column("check"), Column("detail", least=24, prose=True))
    row = {"check": "certificate", "detail": f"valid until 2027-12-31, SHA-256 {fingerprint} it is"}
    with terminal(monkeypatch, 60) as screen:
        show_rows([row], columns, Output.TABLE, "")
    assert len(screen.lines) > 2
    assert fingerprint in screen.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_command_in_prose_is_not_folded(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    command = "`sessiongate users passwd ada --data-dir /var/lib/sessiongate`"
    columns = (Column("check"), Column("detail", least=24, prose=True))
    row = {"check": "users of local", "detail": f"no user may log in; {command} lets one in again"}
    with terminal(monkeypatch, width) as screen:
        show_rows([row], columns, Output.TABLE, "")
    assert len(screen.lines) > 2
    assert [line for line in screen.lines if command in line]


@pytest.mark.parametrize(
    ("result", "code"),
    [("ok", 32), ("note", 33), ("problem", 31), ("refused", 31), ("unavailable", 33)],
)
def test_results_have_colours_on_a_terminal_that_takes_them(
    result: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = (Column("name"), Column("result", style="result"))
    row = {"name": "x", "result": result}
    coloured = f"\x1b[{code}m{result}\x1b[0m"
    with terminal(monkeypatch, 80) as screen:
        show_rows([row], columns, Output.TABLE, "")
    assert coloured in screen.getvalue()
    for minded in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        with terminal(monkeypatch, 80, **minded) as screen:
            show_rows([row], columns, Output.TABLE, "")
        assert screen.lines == ["NAME  RESULT", f"x     {result}"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (172799, "47h"),
        (172800, "2d"),
        (10**7, "115d"),
    ],
)
def test_spans_are_short(seconds: int, text: str) -> None:
    assert span(seconds) == text


@given(
    st.lists(
        st.builds(
            Column,
            st.sampled_from(["key", "user", "detail"]),
            rank=st.integers(0, 3),
            least=st.sampled_from([0, 8, 12]),
            only_wide=st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
    st.lists(st.text(st.characters(categories=["L", "N"]), max_size=60), min_size=8, max_size=8),
    st.integers(1, 200),
)
def test_a_line_is_never_longer_than_the_terminal_for_what_could_be_left_out(
    columns: list[Column], cells: list[str], width: int
) -> None:
    """Only columns that must stay and may not be cut ever make a line longer than the terminal."""
    columns = [Column("key"), *columns]
    row = [*cells, ""][: len(columns)] if len(columns) <= 8 else [*cells, *cells][: len(columns)]
    lines, dropped = render(columns, [row], width)
    stays = [
        column.least_of(max(cell_len(column.heading), cell_len(cell)))
        for column, cell in zip(columns, row, strict=True)
        if not column.rank and not column.only_wide
    ]
    least = sum(stays) + 2 * (len(stays) - 1)
    assert all(cell_len(line) <= max(width, least) for line in lines)
    assert len(dropped) < len(columns)


def test_room_for_everything_is_everything() -> None:
    columns = (Column("key"), Column("more", rank=5), Column("wide", only_wide=True))
    assert fit(columns, (4, 400, 5), None).widths == (4, 400, 5)
