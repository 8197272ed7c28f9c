"""`sessiongate config`: what is in force, and what there is."""

from collections.abc import Sequence

import typer

from sessiongate.app.reload import is_taken
from sessiongate.cli.control_client import running_server
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, settings
from sessiongate.cli.output import Output, note, show_json, show_rows
from sessiongate.cli.table import Column
from sessiongate.config import schema as schema_of
from sessiongate.config import show as shown

_COLUMNS = (Column("setting"), Column("origin"), Column("value"))

app = typer.Typer(no_args_is_help=True, help="The settings.")


@app.command()
def show(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show every setting and where it came from; and of a running server, what it goes by.

    A server that runs has read its settings before: where it has another value, that is the one in
    force. Secrets show as ***, and are not compared.
    """
    loaded = settings(config, data_dir)
    running = running_server(loaded.server.data_dir)
    rows = _rows(shown(loaded), running.settings if running is not None else {})
    other = [row for row in rows if row["in_force"] not in (None, row["value"])]
    if output is Output.TABLE and other:
        told = [{**row, "in_force": row["in_force"] if row in other else None} for row in rows]
        show_rows(told, (*_COLUMNS, Column("in_force")), output, "")
        names = [str(row["setting"]) for row in other]
        flags = [name for name in names if running is not None and running.by_flag(name)]
        note(_taken_over(names, flags, loaded.server.workers))
    else:
        show_rows(rows, _COLUMNS, output, "There is no setting.")


def _rows(
    read: dict[str, dict[str, object]], in_force: dict[str, dict[str, object]]
) -> list[dict[str, object]]:
    """A row for each setting; `in_force` is None where no server runs or it has no such one."""
    nowhere: dict[str, object] = {"value": None, "origin": None}
    return [
        {
            "setting": name,
            **read.get(name, nowhere),
            "in_force": in_force.get(name, nowhere)["value"],
        }
        for name in dict.fromkeys((*read, *in_force))
    ]


def _taken_over(names: Sequence[str], flags: Sequence[str], workers: int) -> str:
    """How a running server comes by other values of these settings, `flags` of its command line."""
    at_hangup = [name for name in names if name not in flags and is_taken(name, workers)]
    at_restart = [name for name in names if name not in (*flags, *at_hangup)]
    ways = (
        ("SIGHUP takes over", at_hangup),
        ("a restart takes over", at_restart),
        ("it was started with another value (flag) of", flags),
    )
    told = [f"{way} {', '.join(those)}" for way, those in ways if those]
    return f"the running server goes by other values: {'; '.join(told)}"


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings file."""
    show_json(schema_of())
