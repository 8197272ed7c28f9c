"""How commands answer: tables for people, JSON for scripts, regret on stderr."""

import json

import pytest

from sessiongate.cli.output import (
    Exit,
    Failed,
    Output,
    fail,
    json_line,
    note,
    print_problems,
    print_sentence,
    show_facts,
    show_json,
    show_rows,
)

ROWS = [
    {"name": "ada", "roles": ["a", "b"], "enabled": True, "note": None, "more": 1},
    {"name": "bob", "roles": (), "enabled": False, "note": "[red]x[/red]"},
]
COLUMNS = ("name", "roles", "enabled", "note")


def test_a_table_has_the_columns_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, COLUMNS, Output.TABLE, "Nobody.")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "ROLES", "ENABLED", "NOTE"]
    assert lines[1].split() == ["ada", "a,", "b", "yes", "-"]
    assert lines[2].split() == ["bob", "no", "[red]x[/red]"]


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, COLUMNS, Output.JSON, "Nobody.")
    assert json.loads(capsys.readouterr().out) == [
        {**row, "roles": list(row["roles"])}  # type: ignore[call-overload]
        for row in ROWS
    ]


def test_no_rows_are_a_sentence_or_an_empty_array(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([], COLUMNS, Output.TABLE, "Nobody.")
    assert capsys.readouterr().out == "Nobody.\n"
    show_rows([], COLUMNS, Output.JSON, "Nobody.")
    assert json.loads(capsys.readouterr().out) == []


def test_facts_come_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    show_facts({"full_name": "Ada", "calls": 3}, Output.TABLE)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["full", "name", "Ada"],
        ["calls", "3"],
    ]
    show_facts({"full_name": "Ada"}, Output.JSON)
    assert json.loads(capsys.readouterr().out) == {"full_name": "Ada"}


def test_rows_in_a_pipe_stay_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"name": "x" * 200, "note": "y" * 100}], ("name", "note"), Output.TABLE, "")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_clients_words_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"name": "\x1b[2Jevil\r\n\u202e"}], ("name",), Output.TABLE, "")
    assert capsys.readouterr().out.splitlines()[1].rstrip() == "\ufffd[2Jevil\ufffd\ufffd\ufffd"


def test_sec_42_nothing_that_is_printed_steers_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steering = "\x1b]0;x\x07\x9b2J\u202e\x7f"
    for output in Output:
        print_problems([steering], output)
        show_facts({steering: steering}, output)
        show_rows([{"name": steering}], ("name",), output, "")
        show_rows([], ("name",), output, steering)
    note(steering)
    print_sentence(steering)
    told = capsys.readouterr()
    for line in (told.out + told.err + json_line({steering: steering})).split("\n"):
        assert line.isprintable()
    show_json({steering: [steering]})
    assert json.loads(capsys.readouterr().out) == {steering: [steering]}


def test_regret_goes_to_stderr_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Failed) as leaving:
        fail(Exit.UNREACHABLE, "No server is running.", "Start one.")
    assert leaving.value.code is Exit.UNREACHABLE
    print_problems(leaving.value.sentences, Output.TABLE)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "sessiongate: No server is running.\nsessiongate: Start one.\n"


def test_exit_codes_are_what_the_documents_say() -> None:
    assert [(code.name, int(code)) for code in Exit] == [
        ("OK", 0),
        ("REFUSED", 1),
        ("SETTINGS", 2),
        ("UNREACHABLE", 3),
        ("UPSTREAM", 4),
    ]
