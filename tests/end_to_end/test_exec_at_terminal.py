"""`sessiongate exec` at a terminal: the keys are the command's, and a closed window logs out."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.at_terminal import at_terminal
from tests.end_to_end.serving import ADMIN, Server, environment
from tests.until import PATIENCE, wait_until


@pytest.fixture
def arguments(server: Server, tmp_path: Path) -> tuple[str, ...]:
    """All but the command."""
    (tmp_path / "password").write_text(ADMIN[1])
    where = ("--to", server.url, "--user", ADMIN[0], "--ca", str(server.ca))
    return ("exec", *where, "--password-file", str(tmp_path / "password"), "--")


def is_empty(server: Server) -> bool:
    return bool(server.run("sessions", "list", "--output", "json").json() == [])


def test_ctrl_c_is_the_commands(server: Server, arguments: tuple[str, ...]) -> None:
    command = ("sh", "-c", "trap 'kill $!; echo caught; exit 4' INT; sleep 600 & echo ready; wait")
    code, shown = at_terminal(*arguments, *command, types=[("ready", "\x03")])
    assert code == 4
    assert "caught" in shown
    assert is_empty(server)


def test_the_command_reads_from_the_terminal(server: Server, arguments: tuple[str, ...]) -> None:
    command = ("sh", "-c", 'echo ready; read line; echo "read $line"')
    code, shown = at_terminal(*arguments, *command, types=[("ready", "hello\n")])
    assert code == 0
    assert "read hello" in shown
    assert is_empty(server)


def test_a_lost_terminal_logs_out(server: Server, arguments: tuple[str, ...]) -> None:
    ours, theirs = os.openpty()

    def log_in_at() -> None:
        os.login_tty(theirs)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, "-m", "sessiongate.cli.main", *arguments, "sleep", "600"],
        preexec_fn=log_in_at,
        env=environment(),
    )
    os.close(theirs)
    wait_until(lambda: '"session opened"' in server.log.text)
    os.close(ours)
    process.wait(PATIENCE)
    wait_until(lambda: is_empty(server))
