"""`sessiongate config`: what is in force, and what there is."""

import typer

from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, settings
from sessiongate.cli.output import Output, show_json, show_rows
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
    """Show every setting in force and where it came from. Secrets show as ***."""
    facts = shown(settings(config, data_dir))
    rows = [{"setting": name, **about} for name, about in facts.items()]
    show_rows(rows, _COLUMNS, output, "There is no setting.")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings file."""
    show_json(schema_of())
