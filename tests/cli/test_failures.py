"""Every command that speaks JSON speaks it when it fails too, with the documented exit codes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sessiongate.cli.output import Exit, Output
from sessiongate.cli.root import output_form
from tests.docs.from_commands import commands
from tests.each import each
from tests.end_to_end.serving import Finished, run_command, run_here

ARGUMENTS = {
    "sessions show": ("12029bdf",),
    "sessions terminate": ("--all",),
    "pools show": ("vc1",),
    "pools pause": ("vc1",),
    "pools resume": ("vc1",),
    "pools drain": ("vc1",),
    "pools rotate": ("vc1",),
    "upstream sessions": ("vc1",),
    "users add": ("ada", "--role", "user", "--generate"),
    "users show": ("ada",),
    "users passwd": ("ada", "--generate"),
    "users role": ("ada", "user"),
    "users disable": ("ada",),
    "users enable": ("ada",),
    "users remove": ("ada",),
    "users unlock": ("ada",),
    "tokens create": ("csi", "--upstream", "vc1"),
    "tokens revoke": ("csi",),
    "faults add": ("login.slow",),
    "faults show": ("r1",),
    "faults remove": ("r1",),
    "clock advance": ("31m",),
    "scenario": ("restart",),
}
SPEAK_JSON = [
    (name, (*name.split(), *ARGUMENTS.get(name, ())))
    for name, command in commands()
    if {"--output", "--data-dir"} <= {one for option in command.params for one in option.opts}
]
by_command = each("args", [args for _, args in SPEAK_JSON], ids=[name for name, _ in SPEAK_JSON])


def problems_of(finished: Finished, code: Exit) -> list[str]:
    """The problems that a command names in JSON, and nothing beside it."""
    assert finished.code == code, finished
    assert finished.err == ""
    answer = finished.json()
    assert answer["ok"] is False
    problems = answer["problems"]
    assert problems
    assert all(isinstance(one, str) for one in problems)
    return list(problems)


def test_the_sweep_knows_the_commands() -> None:
    names = {name for name, _ in SPEAK_JSON}
    assert {"check", "sessions list", "users add", "audit verify", "cert renew"} <= names
    assert len(names) >= 17


@by_command
def test_settings_that_cannot_be_used(args: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text('[sessions]\nidle_timeuot = "5m"\nmax_total = -1\n')
    both = problems_of(run_here(*args, "--config", str(path), "--output", "json"), Exit.SETTINGS)
    assert any("idle_timeout" in one for one in both)
    assert any("max_total" in one for one in both)
    none = run_here(*args, "--config", str(tmp_path / "none.toml"), "--output=json")
    assert "none.toml" in problems_of(none, Exit.SETTINGS)[0]


@by_command
def test_a_command_line_that_cannot_be_read(args: tuple[str, ...]) -> None:
    wrong = run_here(*args, "--no-such-option", "--output", "json")
    assert "--no-such-option" in problems_of(wrong, Exit.SETTINGS)[0]
    config = run_here(*args, "--output", "json", "--config")
    assert "--config" in problems_of(config, Exit.SETTINGS)[0]


@by_command
def test_a_data_directory_that_is_none(args: tuple[str, ...], tmp_path: Path) -> None:
    """A file stands where the directory should be: whatever a command makes of it, it says so."""
    path = tmp_path / "data"
    path.write_text("not a directory")
    done = run_here(*args, "--data-dir", str(path), "--output", "json")
    assert "Traceback" not in done.err
    (problem,) = problems_of(done, Exit.SETTINGS)
    assert f"{path} is a file, and must be a directory" in problem


@pytest.mark.parametrize(
    "args", [args for name, args in SPEAK_JSON if name.startswith("sessions")], ids=str
)
def test_no_server(args: tuple[str, ...], tmp_path: Path) -> None:
    done = run_here(*args, "--data-dir", str(tmp_path / "data"), "--output", "json")
    assert "no server is running" in problems_of(done, Exit.UNREACHABLE)[0]
    assert not (tmp_path / "data").exists()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("made") / "data"
    assert run_here("init", "--data-dir", str(data_dir)).code == 0
    return data_dir


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("users", "show", "nobody-here"), "no user"),
        (("users", "passwd", "nobody-here", "--generate"), "no user"),
        (("users", "role", "nobody-here", "user"), "no user"),
        (("users", "role", "admin", "boss"), "role"),
        (("users", "disable", "nobody-here"), "no user"),
        (("users", "remove", "nobody-here"), "no user"),
        (("users", "add", "admin", "--role", "user", "--generate"), "exists"),
        (("users", "add", "a\\b\\c", "--role", "user", "--generate"), "domain"),
    ],
    ids=str,
)
def test_a_refusal(args: tuple[str, ...], said: str, made: Path) -> None:
    done = run_here(*args, "--data-dir", str(made), "--output", "json")
    assert said in " ".join(problems_of(done, Exit.REFUSED))


def no_file(data_dir: Path) -> str:
    return f"{data_dir / 'sessiongate.db'}"


def no_database(data_dir: Path) -> str:
    (data_dir / "sessiongate.db").write_bytes(b"x" * 5_000)
    return no_file(data_dir)


def a_link(data_dir: Path) -> str:
    (data_dir / "sessiongate.db").symlink_to("/dev/null")
    return no_file(data_dir)


def no_redis(data_dir: Path) -> str:
    (data_dir.parent / "gate.toml").write_text('[store]\nurl = "redis://127.0.0.1:1"\n')
    return "127.0.0.1:1"


@pytest.mark.parametrize("outage", [no_file, no_database, a_link, no_redis])
@pytest.mark.parametrize("command", ["tail", "verify", "export"])
def test_an_audit_that_nobody_can_read_is_not_a_broken_one(
    command: str, outage: Callable[[Path], str], tmp_path: Path
) -> None:
    data_dir, settings = tmp_path / "data", tmp_path / "gate.toml"
    data_dir.mkdir(mode=0o700)
    settings.touch()
    said = outage(data_dir)
    given = ("--config", str(settings), "--data-dir", str(data_dir))
    done = run_here("audit", command, *given)
    assert done.code == Exit.UNREACHABLE
    assert said in done.err


@pytest.mark.parametrize("command", ["tail", "verify", "export"])
def test_settings_that_keep_no_audit_are_no_broken_one(command: str, tmp_path: Path) -> None:
    settings = tmp_path / "gate.toml"
    settings.write_text('[store]\nurl = "memory:"\n')
    given = ("--config", str(settings), "--data-dir", str(tmp_path / "data"))
    done = run_here("audit", command, *given)
    assert (done.code, "memory store" in done.err) == (Exit.SETTINGS, True)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("sessions", "terminate"), "say which"),
        (("sessions", "terminate", "x", "--all"), "say which"),
        (("audit", "verify", "--head", "xyz"), "--head"),
        (("audit", "verify", "--head", ""), "--head must be the 64 hex digits"),
        (("audit", "verify", "--head", "deadbeef"), "--head must be the 64 hex digits"),
        (("audit", "verify", "--head", "00" * 32 + "01"), "--head must be the 64 hex digits"),
        (("audit", "verify", "--head", "00 " * 32), "--head must be the 64 hex digits"),
        (("audit", "verify", "--anonymous-head", ""), "--anonymous-head must be the 64 hex digits"),
        (("users", "list", "--provider", "none"), "--provider"),
        (("users", "add", "eve", "--role", "user"), "--password-stdin"),
        (("users", "add", "eve", "--role", "user", "--generate", "--password-stdin"), "--generate"),
        (("users", "frobnicate"), "frobnicate"),
        (("users", "add", "eve"), "--role"),
        (("sessions", "list", "extra"), "extra"),
    ],
    ids=str,
)
def test_a_command_line_that_makes_no_sense(args: tuple[str, ...], said: str, made: Path) -> None:
    (made / "sessiongate.db").touch()
    done = run_here(*args, "--data-dir", str(made), "--output", "json")
    (made / "sessiongate.db").unlink()
    assert said in " ".join(problems_of(done, Exit.SETTINGS))


def test_as_a_process_of_its_own_nothing_else_is_on_standard_output(tmp_path: Path) -> None:
    done = run_command("check", "--config", str(tmp_path / "none.toml"), "--output", "json")
    assert "none.toml" in problems_of(done, Exit.SETTINGS)[0]


def test_without_json_people_read_it_on_stderr(tmp_path: Path) -> None:
    done = run_here("sessions", "list", "--data-dir", str(tmp_path / "data"))
    assert (done.code, done.out) == (Exit.UNREACHABLE, "")
    assert done.err.startswith("sessiongate: no server is running")


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["check", "--output", "json"], Output.JSON),
        (["check", "--output=json"], Output.JSON),
        (["check", "--output", "table"], Output.TABLE),
        (["check", "--output"], Output.TABLE),
        (["users", "show", "--", "--output", "json"], Output.TABLE),
        ([], Output.TABLE),
    ],
)
def test_the_form_is_known_before_the_command_is(words: list[str], output: Output) -> None:
    assert output_form(words) is output


@pytest.mark.parametrize("args", [("sessions", "list"), ("sessions", "terminate", "--all")])
def test_a_data_directory_that_nobody_has_made_is_told_from_one_without_a_server(
    args: tuple[str, ...], tmp_path: Path, made: Path
) -> None:
    typo = tmp_path / "a typo"
    done = run_here(*args, "--data-dir", str(typo))
    assert done.code == Exit.UNREACHABLE
    assert "does not exist" in done.err
    assert f"sessiongate init --data-dir '{typo}'" in done.err
    stopped = run_here(*args, "--data-dir", str(made))
    assert stopped.code == Exit.UNREACHABLE
    assert "init" not in stopped.err.replace(str(made), "")
    assert "start it with `sessiongate serve`" in stopped.err


def test_check_names_the_command_that_makes_a_missing_data_directory(tmp_path: Path) -> None:
    environ = {"SESSIONGATE_SERVER__LISTEN": "127.0.0.1:0"}
    done = run_here("check", "--data-dir", str(tmp_path / "x"), "--output", "json", environ=environ)
    [row] = [one for one in done.json()["checks"] if one["check"] == "data directory"]
    assert row["result"] == "note"
    assert "does not exist" in row["detail"]
    assert "sessiongate init" in row["detail"]


def test_an_id_that_is_empty_revokes_nothing(tmp_path: Path) -> None:
    """As a variable of a script may be: without `--id` all tokens of the client would end."""
    where = ("--data-dir", str(tmp_path), "--output", "json")
    done = run_here("tokens", "revoke", "csi", "--id", "", *where)
    (problem,) = problems_of(done, Exit.SETTINGS)
    assert "--id" in problem
    assert "is empty" in problem
