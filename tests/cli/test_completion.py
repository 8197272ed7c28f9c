"""Scripts by which shells complete our commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.serving import PATIENCE, environment, run_here


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["sessiongate", "se"], ["serve", "sessions"]),
        (["sessiongate", "users", "pa"], ["passwd"]),
        (["sessiongate", "sessions", "list", "--wi"], ["--wide"]),
        (["sessiongate", "check", "--output", ""], ["json", "table"]),
    ],
    ids=" ".join,
)
def test_bash_completes(typed: list[str], offered: list[str], tmp_path: Path) -> None:
    """By the script itself, as bash calls it at the tab key."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash on this machine")
    command = tmp_path / "sessiongate"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sessiongate.cli.main "$@"\n')
    command.chmod(0o755)
    words = " ".join(f"'{word}'" for word in typed)
    lines = f"""
        eval "$(sessiongate completion bash)"
        COMP_WORDS=({words})
        COMP_CWORD={len(typed) - 1}
        _sessiongate_completion sessiongate
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [bash, "-euc", lines],
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=True,
        env=environment({"PATH": f"{tmp_path}:{os.environ['PATH']}"}),
    )
    assert sorted(done.stdout.split()) == offered
