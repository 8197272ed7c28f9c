"""`sessiongate clock`: the time of a server that `dev` runs."""

from typing import Annotated, Any

import typer

from sessiongate.cli.control_client import ask
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, settings
from sessiongate.cli.output import Output, show_facts

app = typer.Typer(no_args_is_help=True, help="Time of a server that `sessiongate dev` runs.")

_ADDRESS = "/dev/clock"


@app.command()
def advance(
    by: Annotated[str, typer.Argument(metavar="DURATION", help="How far, such as 31m.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Go ahead in time. What is over by then has ended when this returns."""
    loaded = settings(config, data_dir)
    told = {"advance": by}
    show_facts(ask(loaded.server.data_dir, "POST", _ADDRESS, dict[str, Any], told), output)


@app.command()
def now(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what time it is there."""
    loaded = settings(config, data_dir)
    show_facts(ask(loaded.server.data_dir, "GET", _ADDRESS, dict[str, Any]), output)
