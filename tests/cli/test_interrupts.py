"""Ctrl-C, from the first import on: the command ends with 130 and without a word."""

import signal
import subprocess
import sys

import pytest

from sessiongate.cli.interrupts import ending_at_once
from tests.end_to_end.serving import environment
from tests.until import PATIENCE

INTERRUPTED_AT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
wanted = sys.argv.pop(1)

class Interrupts:
    '''Asked by `import` for each module: presses Ctrl-C at the wanted one.'''
    def find_spec(self, name, *_):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
from sessiongate.cli.main import main
main()
"""

COMPLETION = {
    "_SESSIONGATE_COMPLETE": "complete_bash",
    "COMP_WORDS": "sessiongate users show ",
    "COMP_CWORD": "3",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("typer", ["--version"]),
        ("sessiongate.cli.root", ["dev"]),
        ("sessiongate.cli.users", ["users", "list"]),
        ("pydantic", ["sessions", "list"]),
        ("structlog", ["audit", "tail"]),
        ("sessiongate.app.workers.process", ["serve"]),
        ("typer.completion", []),
        ("sessiongate.config", []),
    ],
)
def test_an_import_that_is_interrupted_ends_the_command(module: str, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT, module, *command],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment({} if command else COMPLETION),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_what_heeds_the_signal_by_itself_goes_on_to() -> None:
    ours = signal.default_int_handler
    before = signal.getsignal(signal.SIGINT)
    try:
        for handler, stays in ((signal.SIG_IGN, True), (ours, False)):
            signal.signal(signal.SIGINT, handler)
            with ending_at_once():
                assert (signal.getsignal(signal.SIGINT) is handler) is stays
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
