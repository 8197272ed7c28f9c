"""`sessiongate upstream`: who is at an upstream of the running gateway."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer

from sessiongate.cli.control_client import ask, in_address
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, WideOption, settings
from sessiongate.cli.output import Exit, Output, fail, note, show_json, show_rows
from sessiongate.cli.pools import NameArgument
from sessiongate.cli.table import Column, span
from sessiongate.config.values import duration_text, positive_duration
from sessiongate.rules.upstream_clients import SeenThere, UpstreamClient, upstream_clients

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


CLIENTS = (
    Column("user", least=8),
    Column("agent", least=8),
    Column("address", rank=2),
    Column("sessions"),
    Column("ours"),
    Column("unused"),
    Column("last_used", rank=1),
    Column("oldest", rank=3),
    Column("to_end", only_wide=True),
)


@app.command()
def sessions(
    name: NameArgument,
    clients: Annotated[
        bool,
        typer.Option("--clients", help="Add them up by user, program and address."),
    ] = False,
    unused: Annotated[
        str,
        typer.Option("--unused", help="With --clients: what was not used for so long is counted."),
    ] = "30m",
    wide: WideOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List all sessions at an upstream by the first letters of their keys, ours marked.

    It is the upstream's own list, read by an observer's session, or by one that the gateway has
    there already. With --clients, those of others that nobody has used for long are counted; they
    are ended at the upstream, never from here.
    """
    unused_for = _span(unused)
    where = settings(config, data_dir).server.data_dir
    told = ask(where, "GET", f"/upstreams/{in_address(name)}/sessions", dict[str, Any])
    if output is Output.TABLE:
        note(f"as seen by {told['seen_by']}")
        if problem := told.get("problem"):
            note(problem)
    if clients:
        _show_clients(told, unused_for, output, wide=wide)
        return
    rows = sorted(told["sessions"], key=lambda row: (row["user"], row["login_at"]))
    show_rows(rows, COLUMNS, output, "No session is open there.", wide=wide, more="--wide shows")


def _show_clients(
    told: dict[str, Any], unused_for: timedelta, output: Output, *, wide: bool
) -> None:
    now = datetime.now(UTC)
    try:
        listed = msgspec.convert(told["sessions"], list[SeenThere])
    except msgspec.ValidationError:
        fail(Exit.UNREACHABLE, "the server tells of a session what none has")
    found = upstream_clients(listed, now, unused_for)
    if output is Output.JSON:
        show_json(found)
        return
    rows = [_for_people(one, now) for one in found]
    show_rows(rows, CLIENTS, output, "No session is open there.", wide=wide, more="--wide shows")
    count = sum(len(one.to_end) for one in found)
    if count:
        note(
            f"not used for {duration_text(unused_for)} and not ours: {count}. Where their owners"
            " need them no more, end them at the upstream: in the vSphere Client under Monitor,"
            " Sessions, or by `govc session.rm`"
        )


def _for_people(one: UpstreamClient, now: datetime) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(one),
        "unused": len(one.to_end),
        "last_used": _ago(one.last_used, now),
        "oldest": _ago(one.oldest, now),
    }


def _ago(at: datetime | None, now: datetime) -> str | None:
    return None if at is None else f"{span(int((now - at).total_seconds()))} ago"


def _span(text: str) -> timedelta:
    try:
        return positive_duration(text)
    except ValueError as problem:
        fail(Exit.SETTINGS, f"--unused: {problem}")
