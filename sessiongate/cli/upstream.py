"""`sessiongate upstream`: who is at an upstream of the running gateway."""

from typing import Any

import typer

from sessiongate.cli.control_client import ask, in_address
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, WideOption, settings
from sessiongate.cli.output import Output, note, show_rows
from sessiongate.cli.pools import NameArgument
from sessiongate.cli.table import Column

app = typer.Typer(no_args_is_help=True, help="What stands behind the running gateway.")


@app.callback()
def _group() -> None:
    pass


COLUMNS = (
    Column("key"),
    Column("user", least=8),
    Column("ours"),
    Column("user_agent", rank=3, least=12),
    Column("ip_address", rank=2),
    Column("login_at", rank=1),
    Column("active_at", rank=4),
    Column("lease", only_wide=True),
)


@app.command()
def sessions(
    name: NameArgument,
    wide: WideOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List all sessions at an upstream by the first letters of their keys, ours marked.

    It is the upstream's own list, read by an observer's session, or by one that the gateway has
    there already.
    """
    where = settings(config, data_dir).server.data_dir
    told = ask(where, "GET", f"/upstreams/{in_address(name)}/sessions", dict[str, Any])
    if output is Output.TABLE:
        note(f"as seen by {told['seen_by']}")
        if problem := told.get("problem"):
            note(problem)
    rows = sorted(told["sessions"], key=lambda row: (row["user"], row["login_at"]))
    show_rows(rows, COLUMNS, output, "No session is open there.", wide=wide, more="--wide shows")
