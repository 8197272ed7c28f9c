"""`login`, `logout`, `whoami`, `print-header`: a session of a person between commands."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.forking import Forked
from tests.end_to_end.serving import ADMIN, Finished, Server, environment, with_people
from tests.until import PATIENCE

Run = Callable[..., Finished]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with with_people(tmp_path_factory.mktemp("people") / "data") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "password").write_text(ADMIN[1])
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    """Runs one of the commands, each in a process of its own, with this home."""
    variables = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_RUNTIME_DIR": str(home / "run")}

    def ran(*arguments: str) -> Finished:
        process = Forked(arguments, environment(variables))
        code = process.wait(PATIENCE)
        with process.stdout, process.stderr:
            return Finished(code, process.stdout.read(), process.stderr.read())

    return ran


@pytest.fixture
def log_in(run: Run, server: Server, home: Path) -> Run:
    def logged_in(*more: str, to: str = "") -> Finished:
        secret = ("--password-file", str(home / "password"))
        where = ("--user", ADMIN[0], "--ca", str(server.ca)) if not to else ()
        return run("login", "--to", to or server.url, *where, *secret, *more)

    return logged_in


def keys(server: Server) -> list[str]:
    return [one["key"] for one in server.run("sessions", "list", "--output", "json").json()]


def test_from_login_to_logout(server: Server, run: Run, log_in: Run, home: Path) -> None:
    said = log_in("--as", "vi-json", "--save", "lab")
    assert said.code == 0, said
    (key,) = keys(server)
    (file,) = (home / "run").rglob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    targets = (home / "config" / "sessiongate" / "targets.toml").read_text()
    assert "[lab]" in targets
    facts = run("whoami", "--output", "json").json()
    assert (facts["user"], facts["key"], facts["alive"]) == (ADMIN[0], key, True)
    name, token = run("print-header").out.strip().split(": ")
    assert server.is_alive(token)
    assert name == "vmware-api-session-id"
    for shown in (said.out, said.err, targets, str(facts)):
        assert token not in shown
        assert ADMIN[1] not in shown
    # Once more, by the name: the session of before is ended.
    assert log_in(to="lab").code == 0
    assert len(keys(server)) == 1
    assert not server.is_alive(token)
    assert run("logout").code == 0
    assert keys(server) == []
    assert list((home / "run").rglob("*.json")) == []
    assert run("whoami").code == 1
    assert run("logout", "--all").code == 0


def test_without_a_runtime_directory_it_is_below_the_home(
    server: Server, home: Path, run: Run
) -> None:
    """And in no temporary directory, where another account may have been quicker."""
    variables = {"HOME": str(home), "XDG_RUNTIME_DIR": "", "XDG_STATE_HOME": str(home / "state")}
    where = ("--to", server.url, "--user", ADMIN[0], "--ca", str(server.ca))
    secret = ("--password-file", str(home / "password"))
    for arguments in (("login", *where, *secret), ("logout", "--all")):
        process = Forked(arguments, environment(variables))
        code = process.wait(PATIENCE)
        with process.stdout, process.stderr:
            said = Finished(code, process.stdout.read(), process.stderr.read())
        assert (said.code, said.err) == (0, "")
        if arguments[0] == "login":
            assert str(home / "state") in said.out
    assert keys(server) == []


def test_which_one_has_to_be_said_where_there_are_several(
    server: Server, run: Run, log_in: Run
) -> None:
    for name, dialect in (("one", "zerto"), ("two", "rest")):
        assert log_in("--as", dialect, "--save", name).code == 0
    asked = run("print-header")
    assert asked.code == 2
    assert "one, two" in asked.err
    assert run("print-header", "--to", "one").out.startswith("x-zerto-session: ")
    assert run("logout", "--to", "three").code == 1
    assert run("logout", "--all").code == 0
    assert keys(server) == []


def test_a_session_that_has_ended_is_told_so(server: Server, run: Run, log_in: Run) -> None:
    assert log_in("--as", "rest").code == 0
    assert server.run("sessions", "terminate", *keys(server)).code == 0
    facts = run("whoami", "--output", "json")
    assert facts.code == 1
    assert facts.json()["alive"] is False
    assert run("logout").code == 0


def test_a_logout_that_nobody_hears_can_be_tried_again(
    server: Server, run: Run, log_in: Run, home: Path
) -> None:
    assert log_in("--as", "soap").code == 0
    (file,) = (home / "run").rglob("*.json")
    kept = file.read_text()
    file.write_text(kept.replace(server.url, "https://127.0.0.1:1"))
    gone = run("logout")
    assert gone.code == 3
    assert f"its key is {keys(server)[0]}" in gone.err
    file.write_text(kept)
    assert run("logout").code == 0
    assert keys(server) == []


def test_a_slip_of_the_pen_is_told_what_was_meant(log_in: Run) -> None:
    assert log_in("--save", "lab").code == 0
    asked = log_in(to="lap")
    assert asked.code == 2
    assert "did you mean lab?" in asked.err


def test_a_refused_login_keeps_nothing(run: Run, log_in: Run, home: Path) -> None:
    (home / "password").write_text("wrong password 1")
    refused = log_in()
    assert refused.code == 1
    assert "refuses this name and password" in refused.err
    assert list((home / "run").rglob("*.json")) == []


def test_sec_65_a_login_that_cannot_be_kept_leaves_no_session(
    server: Server, run: Run, log_in: Run, home: Path
) -> None:
    before = keys(server)
    misnamed = log_in("--save", "my lab!")
    assert misnamed.code == 2
    assert "--save" in misnamed.err
    assert keys(server) == before
    (home / "run" / "sessiongate").write_text("in the way")
    assert log_in().code != 0
    assert keys(server) == before
