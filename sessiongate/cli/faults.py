"""`sessiongate faults`: what requests meet on purpose at a server that `dev` runs."""

from typing import Annotated, Any

import typer

from sessiongate.cli.control_client import ask, in_address
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, WideOption, settings
from sessiongate.cli.output import Exit, Output, fail, show_facts, show_json, show_rows
from sessiongate.cli.table import Column
from sessiongate.errors import ConfigError
from sessiongate.faults.catalogue import FAULTS
from sessiongate.faults.reader import read_words
from sessiongate.faults.rows import row_of

app = typer.Typer(
    no_args_is_help=True, help="Faults on purpose, at a server that `sessiongate dev` runs."
)

COLUMNS = (
    Column("id"),
    Column("fault"),
    Column("hits"),
    Column("over", rank=2),
    Column("rule", rank=1),
)

WordsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="FAULT [NAME=VALUE]...",
        help="The fault, its arguments and what else the rule says; or the rule as JSON. Faults are"
        f" {', '.join(FAULTS)}.",
    ),
]
WhenOption = Annotated[list[str] | None, typer.Option(help="Only requests of these.")]
NumberOption = Annotated[int | None, typer.Option(min=0)]
IdArgument = Annotated[str, typer.Argument(help="The rule, as `list` names it.")]


@app.command()
def add(
    words: WordsArgument,
    dialect: WhenOption = None,
    user: WhenOption = None,
    operation: WhenOption = None,
    agent: WhenOption = None,
    session: WhenOption = None,
    address: WhenOption = None,
    test: WhenOption = None,
    skip: Annotated[
        int | None, typer.Option(help="Of the requests that match, leave out so many.")
    ] = None,
    times: Annotated[int | None, typer.Option(help="Then so many are it.")] = None,
    every: Annotated[int | None, typer.Option(help="Of these, each second, third, ...")] = None,
    probability: Annotated[float | None, typer.Option(help="Of these, by chance.")] = None,
    lasts: Annotated[
        str | None, typer.Option("--for", help="So long, by the server's time, such as 30s.")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Have requests meet a fault, after the rules that are there. docs/faults.md tells of each."""
    try:
        told = read_words(words)
    except ConfigError as error:
        fail(Exit.SETTINGS, *error.problems)
    counts = {"skip": skip, "times": times, "every": every, "probability": probability}
    told |= {name: value for name, value in {**counts, "for": lasts}.items() if value is not None}
    about = {
        "dialect": dialect,
        "user": user,
        "operation": operation,
        "agent": agent,
        "session": session,
        "address": address,
        "test": test,
    }
    told |= {name: value for name, value in about.items() if value}
    loaded = settings(config, data_dir)
    added = ask(loaded.server.data_dir, "POST", "/dev/faults", dict[str, Any], told)
    show_facts(added, output)


@app.command("list")
def list_(
    wide: WideOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the rules, in the order in which they decide, with their hits."""
    loaded = settings(config, data_dir)
    rules = ask(loaded.server.data_dir, "GET", "/dev/faults", list[dict[str, Any]])
    if output is Output.JSON:
        show_json(rules)
        return
    show_rows([row_of(one) for one in rules], COLUMNS, output, "There are no faults.", wide=wide)


@app.command()
def show(
    rule: IdArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one rule, with its hits."""
    loaded = settings(config, data_dir)
    found = ask(loaded.server.data_dir, "GET", f"/dev/faults/{in_address(rule)}", dict[str, Any])
    show_facts(found, output)


@app.command()
def remove(
    rule: IdArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take one rule away."""
    loaded = settings(config, data_dir)
    path = f"/dev/faults/{in_address(rule)}"
    show_facts(ask(loaded.server.data_dir, "DELETE", path, dict[str, int]), output)


@app.command()
def clear(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take all rules away."""
    loaded = settings(config, data_dir)
    show_facts(ask(loaded.server.data_dir, "DELETE", "/dev/faults", dict[str, int]), output)
