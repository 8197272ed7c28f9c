"""The commands by name, and what becomes of all that one raises or cannot write."""

import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import IO, Annotated

import typer

from sessiongate import __version__
from sessiongate.cli.completion import get_ready
from sessiongate.cli.interrupts import INTERRUPTED
from sessiongate.cli.lazy import lazy_group
from sessiongate.cli.output import Exit, Failed, Output, print_problems
from sessiongate.cli.text import refuse_what_is_none, settle_streams
from sessiongate.errors import ConfigError, SessionGateError
from sessiongate.files import null_device

NAME = "sessiongate"

COMMANDS = {
    "serve": "sessiongate.cli.serve:serve",
    "dev": "sessiongate.cli.dev.command:dev",
    "faults": "sessiongate.cli.faults:app",
    "clock": "sessiongate.cli.server_clock:app",
    "scenario": "sessiongate.cli.scenario:scenario",
    "init": "sessiongate.cli.serve:init",
    "check": "sessiongate.cli.serve:check",
    "exec": "sessiongate.cli.login.exec:exec_command",
    "login": "sessiongate.cli.login.people_sessions:login",
    "logout": "sessiongate.cli.login.people_sessions:logout",
    "whoami": "sessiongate.cli.login.people_sessions:whoami",
    "print-header": "sessiongate.cli.login.people_sessions:print_header",
    "users": "sessiongate.cli.users:app",
    "sessions": "sessiongate.cli.sessions:app",
    "pools": "sessiongate.cli.pools:app",
    "upstream": "sessiongate.cli.upstream:app",
    "tokens": "sessiongate.cli.tokens:app",
    "audit": "sessiongate.cli.audit:app",
    "leaks": "sessiongate.cli.leaks:leaks",
    "config": "sessiongate.cli.config:app",
    "cert": "sessiongate.cli.certificates:app",
    "completion": "sessiongate.cli.completion:completion",
}
"""Each command, or group of commands, in the order of the help, and where it is."""

_NOBODY_READS = 141
"""The exit code where whoever read our output has left, as in `| head`: what SIGPIPE gives."""

app = typer.Typer(
    cls=lazy_group(
        COMMANDS, around="sessiongate.telemetry.logs:without_logs", those_with="structlog"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A session server for the vSphere and Zerto APIs.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"sessiongate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line and exit. What was printed is written then, or the exit code says so."""
    settle_streams()
    shown, code = sys.stdout, None
    try:
        _run_reporting_errors()
    except SystemExit as leaving:
        code = leaving.code
    except OSError:
        if unwritten := _unwritten(shown, "\n"):
            sys.exit(unwritten)
        raise
    failed = sys.stdout is not shown  # Typer puts another one in its place where nobody reads
    sys.stdout = shown
    sys.exit(_unwritten(shown, "\n" if failed else "") or code)


def _run_reporting_errors() -> None:
    """Run it; what was raised on purpose becomes a sentence and an exit code."""
    output, began_as_root = output_form(sys.argv[1:]), os.geteuid() == 0
    try:
        refuse_what_is_none(sys.argv[1:], os.environ)
        get_ready(os.environ)
        _run(output)
    except Failed as failed:
        _leave(failed.code, failed.sentences, output)
    except ConfigError as error:
        _leave(Exit.SETTINGS, error.problems, output)
    except SessionGateError as error:
        _leave(Exit.REFUSED, [str(error)], output)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ImportError as error:
        if not began_as_root or os.geteuid() == 0:
            raise
        sentence = (
            f"Python's {error.name} cannot be read by the account that owns the data directory,"
            " whose rights this command took: install Python and sessiongate where it can"
        )
        _leave(Exit.SETTINGS, [sentence], output)
    except OSError as error:
        if error.filename is None:  # nobody's fault who calls a command: our own, so the stack
            raise
        _leave(Exit.REFUSED, [f"{os.fsdecode(error.filename)}: {error.strerror}"], output)
    except UnicodeEncodeError as error:
        encoding = sys.getfilesystemencoding()
        if error.encoding.replace("-", "") == "utf8":
            raise
        sentence = f"a name cannot be written in this locale's encoding ({encoding})"
        _leave(Exit.SETTINGS, [f"{sentence}; use UTF-8, such as by LC_ALL=C.UTF-8"], output)


def output_form(arguments: Sequence[str]) -> Output:
    """The form that these arguments ask for, also where they cannot be read as a command."""
    words = [*arguments[: arguments.index("--") if "--" in arguments else None]]
    asked = "--output=json" in words or ("--output", "json") in pairwise(words)
    return Output.JSON if asked else Output.TABLE


def _run(output: Output) -> None:
    if output is not Output.JSON:
        app(prog_name=NAME)
        return
    try:
        code = app(prog_name=NAME, standalone_mode=False)
    except typer.TyperException as wrong:  # how the command line was written
        _leave(Exit.SETTINGS, [wrong.format_message()], output)
    except typer.Abort:
        _leave(Exit.REFUSED, ["nothing was done"], output)
    sys.exit(code or 0)


def _leave(code: Exit, sentences: Sequence[str], output: Output) -> None:
    print_problems(sentences, output)
    sys.exit(int(code))


def _unwritten(shown: IO[str], more: str = "") -> int:
    """Write what was printed. The exit code where that cannot be, 0 where it is written.

    `more` finds out whether it was this stream that failed, where nothing is left to be written.
    """
    try:
        shown.write(more)
        shown.flush()
    except BrokenPipeError:
        code = _NOBODY_READS
    except OSError as error:
        print_problems([f"standard output: {error.strerror}"], Output.TABLE)
        code = int(Exit.REFUSED)
    else:
        return 0
    # What is left goes nowhere: Python writes it when it ends, and would complain again.
    nowhere = null_device()
    os.dup2(nowhere, shown.fileno())
    os.close(nowhere)
    return code
