"""`sessiongate tokens`: tokens for clone tickets of the running server, and for its console."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from sessiongate.cli.control_client import ask, in_address
from sessiongate.cli.lazy_candidates import role_names, upstream_names
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, WideOption, settings
from sessiongate.cli.output import Exit, Output, fail, note, print_sentence, show_json, show_rows
from sessiongate.cli.table import Column

app = typer.Typer(
    no_args_is_help=True,
    help="Tokens: by which Kubernetes' vSphere drivers get clone tickets, and by which scripts ask"
    " the console.",
)

COLUMNS = (
    Column("name"),
    Column("id"),
    Column("upstreams", rank=1),
    Column("role", rank=2),
    Column("used", rank=3),
    Column("created", rank=4),
    Column("source", rank=5),
)

NameArgument = Annotated[str, typer.Argument(help="What the client or script is called.")]


@app.command()
def create(
    name: NameArgument,
    upstream: Annotated[
        list[str] | None,
        typer.Option(
            "--upstream",
            help="Upstream that it gets clone tickets of. May be given several times.",
            autocompletion=upstream_names,
        ),
    ] = None,
    console: Annotated[
        bool,
        typer.Option(
            "--console", help="For a script that asks the console below /console/api/v1/."
        ),
    ] = False,
    role: Annotated[
        str | None,
        typer.Option(
            "--role", help="With --console: what the script may do.", autocompletion=role_names
        ),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a token for a client or a script, and print it: it is shown this once.

    Those that it has already stay good, so that it can change over.
    """
    if console != (role is not None):
        fail(Exit.SETTINGS, "a token for the console has a role: --console --role ROLE")
    if not upstream and not console:
        fail(
            Exit.SETTINGS,
            "say which upstream the token is for: --upstream NAME; or that it is for the console:"
            " --console --role ROLE",
        )
    query = urlencode(
        [
            *(("upstream", one) for one in upstream or ()),
            *([("role", role)] if role is not None else []),
        ]
    )
    address = f"/tokens/{in_address(name)}?{query}"
    told = ask(settings(config, data_dir).server.data_dir, "POST", address, dict[str, Any])
    if output is Output.JSON:
        show_json(told)
        return
    print_sentence(told["token"])
    whither = f"the console, as {told['role']}" if told["role"] else ", ".join(told["upstreams"])
    note(f"this is the token {told['id']} of {name}, and is not shown again; it is for {whither}")


@app.command("list")
def list_(
    wide: WideOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List all tokens by the first digits of their digests, and when each was used last."""
    where = settings(config, data_dir).server.data_dir
    rows = ask(where, "GET", "/tokens", list[dict[str, Any]])
    if output is Output.TABLE:
        rows = [_for_people(row) for row in rows]
    none = "There is no token: make one with `sessiongate tokens create`."
    show_rows(rows, COLUMNS, output, none, wide=wide, more="--wide also shows")


@app.command()
def revoke(
    name: NameArgument,
    which: Annotated[
        str | None,
        typer.Option("--id", help="Only the token whose id begins so, as `tokens list` has it."),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """End all tokens of a client or script, or one of them.

    Sessions that its clone tickets have opened at the upstream go on.
    """
    if which is not None and not which.strip():
        # As a variable of a script may be, that is not set: it would end all of them.
        raise typer.BadParameter("is empty; leave it out to end all", param_hint="--id")
    query = f"?{urlencode({'id': which})}" if which is not None else ""
    address = f"/tokens/{in_address(name)}{query}"
    told = ask(settings(config, data_dir).server.data_dir, "DELETE", address, dict[str, Any])
    if output is Output.JSON:
        show_json(told)
        return
    count = told["revoked"]
    print_sentence(
        f"{count} token{'' if count == 1 else 's'} of {name} revoked: {', '.join(told['ids'])}."
    )


def _for_people(row: dict[str, Any]) -> dict[str, object]:
    return {
        **row,
        "upstreams": ", ".join(row["upstreams"]) or "-",
        "role": row["role"] or "-",
        "created": _minute(row["created_at"]) or "-",
        "used": _minute(row["used_at"]) or "never",
    }


def _minute(at: str | None) -> str:
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M}" if at else ""
