"""`sessiongate sessions`: what is open on a running server, and ending it."""

from typing import Annotated
from urllib.parse import quote

import typer

from sessiongate.cli.control import ask
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, settings
from sessiongate.cli.output import Exit, Output, fail, show_facts, show_json, show_rows

app = typer.Typer(no_args_is_help=True, help="Sessions of the running server.")

_COLUMNS = ("key", "user", "dialect", "ip_address", "login_at", "idle_seconds", "calls")


@app.command("list")
def list_(
    user: Annotated[str | None, typer.Option("--user", help="Only this user's.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List live sessions by their public keys."""
    query = f"?user={quote(user, safe='')}" if user is not None else ""
    rows = ask(settings(config, data_dir).server.data_dir, "GET", f"/sessions{query}")
    show_rows(rows, _COLUMNS, output, "No session is open.")


@app.command()
def show(
    key: str,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one session."""
    facts = ask(
        settings(config, data_dir).server.data_dir, "GET", f"/sessions/{quote(key, safe='')}"
    )
    show_facts(facts, output)


@app.command()
def terminate(
    key: Annotated[str | None, typer.Argument(help="Key of the session.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="All sessions of this user.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All sessions of everyone.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """End one session, all of a user, or all."""
    if sum((key is not None, user is not None, everyone)) != 1:
        fail(Exit.SETTINGS, "say which: a KEY, or --user NAME, or --all")
    address = "/sessions"
    if key is not None:
        address += f"/{quote(key, safe='')}"
    elif user is not None:
        address += f"?user={quote(user, safe='')}"
    answer = ask(settings(config, data_dir).server.data_dir, "DELETE", address)
    if output is Output.JSON:
        show_json(answer)
    else:
        print(f"{answer['ended']} session(s) ended.")
