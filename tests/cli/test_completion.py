"""Scripts by which shells complete our commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.serving import USER, Server, add_people, environment, run_here
from tests.until import PATIENCE


@pytest.mark.parametrize(
    ("shell", "has"),
    [
        ("bash", "complete -o default -F _sessiongate_completion sessiongate"),
        ("zsh", "#compdef sessiongate"),
        ("fish", "complete --command sessiongate"),
        ("pwsh", "Register-ArgumentCompleter -Native -CommandName sessiongate"),
    ],
)
def test_each_shell_has_a_script(shell: str, has: str) -> None:
    done = run_here("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert has in done.out
    assert "_SESSIONGATE_COMPLETE" in done.out


def test_another_shell_is_refused() -> None:
    done = run_here("completion", "tcsh")
    assert (done.code, done.out) == (2, "")
    assert "bash" in done.err


def in_bash(typed: list[str], tmp_path: Path) -> list[str]:
    """What bash offers at the tab key, by the script itself; on standard error stands nothing."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash on this machine")
    command = tmp_path / "sessiongate"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sessiongate.cli.main "$@"\n')
    command.chmod(0o755)
    words = " ".join(f"'{word}'" for word in ["sessiongate", *typed])
    lines = f"""
        eval "$(sessiongate completion bash)"
        COMP_WORDS=({words})
        COMP_CWORD={len(typed)}
        _sessiongate_completion sessiongate
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [bash, "-euc", lines],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        env=environment({"PATH": f"{tmp_path}:{os.environ['PATH']}"}),
    )
    assert done.stderr == ""
    return sorted(done.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["se"], ["serve", "sessions"]),
        (["users", "pa"], ["passwd"]),
        (["sessions", "list", "--wi"], ["--wide"]),
        (["check", "--output", ""], ["json", "table"]),
    ],
    ids=" ".join,
)
def test_bash_completes(typed: list[str], offered: list[str], tmp_path: Path) -> None:
    assert in_bash(typed, tmp_path) == offered


def offered(*typed: str) -> list[str]:
    """What is offered for these words, the last of which is being typed; nothing else is said."""
    words = ["sessiongate", *typed]
    environ = {
        "_SESSIONGATE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = run_here(environ=environ)
    assert (done.code, done.err) == (0, "")
    return sorted(done.out.split())


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with users, beside it a file with a role of its own."""
    path = tmp_path_factory.mktemp("made") / "data"
    people = {("alice", "x" * 12): "user", ("al\\ice", "x" * 12): "user", ("bob", "x" * 12): "user"}
    add_people(path / "users.toml", people)
    settings = '[roles.auditor]\nprivileges = ["System.View"]\n'
    for name in ("a1", "b1"):
        settings += f'[upstream.{name}]\ntype = "vcenter"\nurl = "https://{name}.example"\n'
        settings += f'hosts = ["{name}.gate"]\n'
    path.with_name("gate.toml").write_text(settings)
    return path


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        (["users", "show"], ["alice", "bob"]),
        (["users", "passwd"], ["alice", "bob"]),
        (["users", "role"], ["alice", "bob"]),
        (["users", "disable"], ["alice", "bob"]),
        (["users", "enable"], ["alice", "bob"]),
        (["users", "remove"], ["alice", "bob"]),
        (["users", "unlock"], ["alice", "bob"]),
        (["sessions", "list", "--user"], ["alice", "bob"]),
        (["sessions", "terminate", "--user"], ["alice", "bob"]),
        # A new name is nobody's.
        (["users", "add"], []),
        (["users", "role", "bob"], ["administrator", "auditor", "no-access", "operator", "user"]),
        (["users", "add", "--role"], ["administrator", "auditor", "no-access", "operator", "user"]),
        (["sessions", "show"], []),
        (["pools", "pause"], ["a1", "b1"]),
        (["upstream", "sessions"], ["a1", "b1"]),
    ],
    ids=str,
)
def test_names_and_roles_are_offered(typed: list[str], names: list[str], data_dir: Path) -> None:
    where = ["--data-dir", str(data_dir), "--config", str(data_dir.with_name("gate.toml"))]
    asked = [*typed[:2], *where, *typed[2:]]
    assert offered(*asked, "") == names
    assert offered(*asked, "a") == [name for name in names if name.startswith("a")]


def test_what_cannot_be_read_offers_nothing_and_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("[no toml")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "users.toml").write_text("[no toml")
    for where in (["--config", "gate.toml"], ["--data-dir", "data"], ["--data-dir", "nowhere"]):
        path = [where[0], str(tmp_path / where[1])]
        assert offered("users", "show", *path, "") == []
        assert offered("sessions", "show", *path, "") == []
        # Those that are built in are known without.
        assert offered("users", "add", *path, "--role", "op") == ["operator"]


@pytest.mark.slow
def test_keys_of_live_sessions_are_offered(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    add_people(data_dir / "users.toml", {USER: "user"})
    with Server(data_dir) as server:
        keys = sorted(server.vim_login(*USER).json()["key"] for _ in range(2))
        where = ["--data-dir", str(data_dir)]
        assert in_bash(["sessions", "show", *where, ""], tmp_path) == keys
        assert offered("sessions", "terminate", *where, keys[0][:6]) == [keys[0]]
        server.stop()
