"""Commands are imported when they are called, and bring in no more than they use."""

import subprocess
import sys

import pytest

from sessiongate.cli.root import COMMANDS
from tests.each import each
from tests.end_to_end.serving import run_here

CALL = """
import sys
sys.argv = ["sessiongate", *sys.argv[1:]]
from sessiongate.cli.main import main
try:
    main()
except SystemExit as end:
    print(end.code, *sorted({name.partition(".")[0] for name in sys.modules}))
"""

HEAVY = {"aiohttp", "babel", "pydantic", "redis", "structlog", "argon2", "cryptography", "sqlite3"}


def loaded(*arguments: str) -> set[str]:
    """The exit code, and the packages that this call has imported in the end."""
    run = subprocess.run(
        [sys.executable, "-c", CALL, *arguments], capture_output=True, text=True, check=True
    )
    return set(run.stdout.splitlines()[-1].split())


def test_the_version_is_said_without_the_server() -> None:
    found = loaded("--version")
    assert "0" in found
    assert "typer" in found
    assert found & HEAVY == set()


def test_sessions_are_listed_without_a_store_an_event_loop_or_a_log() -> None:
    found = loaded("sessions", "list", "--data-dir", "/nonexistent")
    assert "pydantic" in found
    assert found & {"aiohttp", "asyncio", "redis", "structlog"} == set()


@each("name", COMMANDS)
def test_each_command_is_found_and_says_what_it_is(name: str) -> None:
    said = run_here(name, "--help")
    assert said.code == 0
    assert f"Usage: sessiongate {name}" in said.out


def test_a_slip_of_the_pen_is_told_what_was_meant() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "sessiongate", "sesions"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "Did you mean 'sessions'?" in run.stderr


HANGUPS = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore it
from sessiongate.cli.main import main

class Watched:
    '''Asked by `import` for what a server is made of.'''
    def find_spec(self, name, *_):
        if name in ("sessiongate.cli.serve", "sessiongate.cli.dev.command"):
            print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)

sys.meta_path.insert(0, Watched())
sys.argv = ["sessiongate", *sys.argv[1:]]
main()
"""


@pytest.mark.slow
def test_sec_90_a_hangup_does_not_end_a_server_that_is_still_being_read() -> None:
    """Reading it takes most of its start; a hangup in that time ended the process."""
    for command, outlasts in (("serve", "True"), ("dev", "True"), ("check", "False")):
        done = subprocess.run(
            [sys.executable, "-c", HANGUPS, command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[0] == outlasts, command
