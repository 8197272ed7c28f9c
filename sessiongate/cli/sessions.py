"""`sessiongate sessions`: what is open on a running server, and ending it."""

import sys
from typing import Annotated

import msgspec
import typer

from sessiongate.cli.control_client import ask, in_address
from sessiongate.cli.lazy_candidates import session_keys, user_names
from sessiongate.cli.options import (
    ConfigOption,
    DataDirOption,
    OutputOption,
    WideOption,
    settings,
)
from sessiongate.cli.output import (
    Exit,
    Output,
    fail,
    print_sentence,
    show_facts,
    show_json,
    show_rows,
)
from sessiongate.cli.people import Known, known_as
from sessiongate.cli.prompts import confirmed
from sessiongate.cli.session_rows import COLUMNS, RowFacts, for_people
from sessiongate.cli.watch import watch
from sessiongate.config import Config

app = typer.Typer(no_args_is_help=True, help="Sessions of the running server.")
app.command()(watch)

_KEY = "Key of the session, or its first 8 or more characters."


@app.command("list")
def list_(
    user: Annotated[
        str | None, typer.Option("--user", help="Only this user's.", autocompletion=user_names)
    ] = None,
    wide: WideOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List live sessions by their public keys, the one used last first."""
    loaded = settings(config, data_dir)
    address = f"/sessions{_query(user)}"
    answer = ask(loaded.server.data_dir, "GET", address, list[dict[str, object]])
    try:
        found = [(msgspec.convert(row, RowFacts), row) for row in answer]
        found.sort(key=lambda one: (one[0].active_at, one[0].key), reverse=True)
        rows = [for_people(*one) if output is Output.TABLE else one[1] for one in found]
    except (msgspec.ValidationError, OverflowError):
        fail(Exit.UNREACHABLE, "the server tells of a session what none has")
    none = "No session is open." if user is None or rows else _without_sessions(loaded, user)
    show_rows(rows, COLUMNS, output, none, wide=wide, more="--wide also shows")


@app.command()
def show(
    key: Annotated[str, typer.Argument(help=_KEY, autocompletion=session_keys)],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one session."""
    where = settings(config, data_dir).server.data_dir
    show_facts(ask(where, "GET", f"/sessions/{in_address(key)}", dict[str, object]), output)


@app.command()
def terminate(
    key: Annotated[str | None, typer.Argument(help=_KEY, autocompletion=session_keys)] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", help="All sessions of this user.", autocompletion=user_names),
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All sessions of everyone.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many it would end.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """End one session, all of a user, or all.

    For all of a user and for all, a terminal is shown how many these are, and asked.
    """
    if sum((key is not None, user is not None, everyone)) != 1:
        fail(Exit.SETTINGS, "say which: a KEY, or --user NAME, or --all")
    loaded = settings(config, data_dir)
    where = loaded.server.data_dir
    if key is not None:
        address = f"/sessions/{in_address(key)}"
        if dry_run:
            ask(where, "GET", address, dict[str, object])
            _print_result({"would_end": 1}, "1 session would end.", output)
            return
    else:
        address = f"/sessions{_query(user)}"
        asks = sys.stdin.isatty() and not yes
        if dry_run or asks:
            count = ask(where, "GET", f"/count{_query(user)}", _Count).count
            if dry_run:
                said = f"{_sessions(count)} would end." if count else _nothing(loaded, user)
                _print_result({"would_end": count}, said, output)
                return
            if count:
                _confirm(count, user)
    ended = ask(where, "DELETE", address, _Ended).ended
    said = f"{_sessions(ended)} ended." if ended else _nothing(loaded, user)
    _print_result({"ended": ended}, said, output)


def _confirm(count: int, user: str | None) -> None:
    whose = f"of {user}" if user is not None else "of everyone"
    if not confirmed(f"End {_sessions(count)} {whose}?"):
        fail(Exit.REFUSED, "nothing was ended")


def _nothing(config: Config, user: str | None) -> str:
    """What is said where no session was found; or exit, for a name that nobody has."""
    return "No session is open." if user is None else _without_sessions(config, user)


def _without_sessions(config: Config, user: str) -> str:
    match known_as(config, user):
        case Known.YES:
            return f"{user} has no session."
        case Known.NO:
            fail(Exit.REFUSED, f"there is no user {user!r}, and no session of that name")
    return f"Nobody of the name {user} has a session; no local user has that name."


def _print_result(facts: dict[str, int], said: str, output: Output) -> None:
    if output is Output.JSON:
        show_json(facts)
    else:
        print_sentence(said)


def _sessions(count: int) -> str:
    return f"{count} session" if count == 1 else f"{count} sessions"


def _query(user: str | None) -> str:
    return f"?user={in_address(user)}" if user is not None else ""


class _Count(msgspec.Struct):
    count: int


class _Ended(msgspec.Struct):
    ended: int
