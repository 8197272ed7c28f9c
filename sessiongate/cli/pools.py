"""`sessiongate pools`: the sessions that a running gateway has at its upstreams."""

import sys
from typing import Annotated, Any

import typer

from sessiongate.cli.control_client import ask, in_address
from sessiongate.cli.lazy_candidates import upstream_names
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, WideOption, settings
from sessiongate.cli.output import Exit, Output, fail, show_facts, show_json, show_rows
from sessiongate.cli.table import Column, span

app = typer.Typer(
    no_args_is_help=True, help="Sessions that the running gateway has at its upstreams."
)

COLUMNS = (
    Column("name"),
    Column("standing"),
    Column("size"),
    Column("idle"),
    Column("active"),
    Column("pinned", rank=4),
    Column("login", rank=2),
    Column("broken", rank=2),
    Column("parent", rank=5),
    Column("waiting", rank=1),
    Column("oldest_wait_seconds", only_wide=True),
    Column("clients", rank=3),
    Column("waits", rank=4),
    Column("objects", rank=4),
    Column("accounts", rank=5),
    Column("account", rank=6),
    Column("mode", rank=6),
    Column("breaker_open", only_wide=True),
    Column("problem", only_wide=True),
)
_BY_ACCOUNT = (
    Column("account", least=12),
    Column("size"),
    Column("idle"),
    Column("active"),
    Column("pinned", rank=1),
    Column("login", rank=2),
    Column("broken", rank=2),
    Column("waiting", rank=1),
    Column("oldest_wait_seconds", rank=3),
)
_LEASES = (
    Column("lease"),
    Column("account", rank=3, least=12),
    Column("state"),
    Column("clients", rank=1),
    Column("objects", rank=1),
    Column("calls", rank=1),
    Column("age", rank=2),
    Column("unused", rank=2),
)

NameArgument = Annotated[
    str, typer.Argument(help="Name of the upstream.", autocompletion=upstream_names)
]


@app.command("list")
def list_(
    wide: WideOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the pools, one for each upstream, with their sessions by state."""
    rows = ask(settings(config, data_dir).server.data_dir, "GET", "/pools", list[dict[str, Any]])
    none = "There is no upstream: this server is no gateway."
    show_rows(rows, COLUMNS, output, none, wide=wide, more="--wide also shows")


@app.command()
def show(
    name: NameArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one pool and each session in it, by our own names for them."""
    facts = ask(
        settings(config, data_dir).server.data_dir,
        "GET",
        f"/pools/{in_address(name)}",
        dict[str, Any],
    )
    if output is Output.JSON:
        show_json(facts)
        return
    leases = [_for_people(one) for one in facts.pop("leases")]
    by_account = facts.pop("by_account", [])
    show_facts(facts, output)
    print()
    if by_account:
        show_rows(by_account, _BY_ACCOUNT, output, "")
        print()
    show_rows(leases, _LEASES, output, "No session is open there.")


@app.command()
def pause(
    name: NameArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send nothing new to an upstream: calls wait, and then get 503. Waits go on."""
    told = _do(config, data_dir, name, "pause")
    _print_result(told, f"{name} is paused.", output)


@app.command()
def resume(
    name: NameArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let calls go on, and try a service password again that was refused."""
    told = _do(config, data_dir, name, "resume")
    _print_result(told, f"{name} is open.", output)


@app.command()
def drain(
    name: NameArgument,
    force: Annotated[
        bool, typer.Option("--force", help="End the sessions of clients that hold it up.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Log out each session at an upstream once no client has anything in it; open none.

    With --force, a terminal is asked first.
    """
    if force and not yes and sys.stdin.isatty():
        question = f"End the sessions of all clients that have something at {name}?"
        if not typer.confirm(question, err=True):
            fail(Exit.REFUSED, "nothing was done")
    told = _do(config, data_dir, name, f"drain{'?force=yes' if force else ''}")
    said = f"{name} drains: {_count(told['clients'], 'client')} still there."
    if force:
        said = f"{name} drains; {_count(told['ended'], 'client session')} ended."
    _print_result(told, said, output)


@app.command()
def rotate(
    name: NameArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Replace each session at an upstream by a new one: the new one first, where there is room.

    Of a paused pool they are replaced once it is resumed; one that drains has none to replace.
    """
    told = _do(config, data_dir, name, "rotate")
    _print_result(told, rotated(name, told["replaces"], told.get("standing", "open")), output)


def rotated(name: str, number: int, standing: str) -> str:
    """What becomes of a rotation of so many sessions while the pool stands like that."""
    resume = f"`sessiongate pools resume {name}`"
    if standing == "draining":
        return (
            f"{name} drains, so there is nothing to replace: each session is logged out once no"
            f" client has anything in it, and none is opened before {resume}."
        )
    said = f"{name}: {_count(number, 'session')} to replace"
    if standing == "paused":
        return f"{said}, once {resume} lets calls go on: while it is paused none is opened."
    return f"{said}."


def _do(config: Any, data_dir: Any, name: str, verb: str) -> Any:  # noqa: ANN401 - JSON
    where = settings(config, data_dir).server.data_dir
    return ask(where, "POST", f"/pools/{in_address(name)}/{verb}", dict[str, Any])


def _print_result(told: object, sentence: str, output: Output) -> None:
    if output is Output.JSON:
        show_json(told)
    else:
        print(sentence)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _for_people(lease: dict[str, Any]) -> dict[str, object]:
    age, unused = span(lease["age_seconds"]), span(lease["unused_seconds"])
    return {**lease, "age": age, "unused": unused}
