"""`sessiongate audit`: what was decided, whether that record is whole, and taking it elsewhere."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, settings
from sessiongate.cli.output import Exit, Output, fail, show_facts, show_rows
from sessiongate.rules.chain import Link
from sessiongate.rules.store_url import is_redis
from sessiongate.store.audit import AuditFile

app = typer.Typer(no_args_is_help=True, help="The audit of the embedded store.")

_COLUMNS = ("number", "at", "event", "result", "user", "ip", "dialect", "reason")


@app.command()
def tail(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many events.")] = 20,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the last events, oldest first."""
    with _audit(config, data_dir) as audit:
        rows = [_row(one) for one in audit.tail(count)]
    show_rows(rows, _COLUMNS, output, "Nothing was decided yet.")


@app.command()
def verify(
    head: Annotated[
        str | None,
        typer.Option("--head", help="Head that an earlier verification showed: must be in it."),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check that no event was changed, removed or slipped in. Exit code 1: it was."""
    with _audit(config, data_dir) as audit:
        verdict = audit.verify(_head(head))
    facts: dict[str, object] = {
        "whole": verdict.broken_at is None,
        "events": verdict.events,
        "first": verdict.first,
        "last": verdict.last,
        "head": verdict.head.hex(),
    }
    if verdict.broken_at is not None:
        facts["broken_at"] = verdict.broken_at
        facts["why"] = verdict.why
    show_facts(facts, output)
    if verdict.broken_at is not None:
        raise typer.Exit(int(Exit.REFUSED))


@app.command()
def export(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Write every kept event to standard output, as JSON lines with number and hash."""
    with _audit(config, data_dir) as audit:
        for one in audit.all():
            print(msgspec.json.encode(_row(one)).decode())


@contextmanager
def _audit(config: Path | None, data_dir: Path | None) -> Iterator[AuditFile]:
    config_read = settings(config, data_dir)
    path = config_read.store_path
    if is_redis(config_read.store.url):
        fail(
            Exit.REFUSED,
            "the audit of a shared store is in Redis, and this command does not read it there yet;"
            " ship it by audit.file or audit.syslog",
        )
    if path is None:
        fail(Exit.REFUSED, "the memory store keeps its audit in the process; ship it by [audit]")
    if not path.exists():
        fail(Exit.REFUSED, f"there is no session file at {path} yet")
    try:
        yield AuditFile(path)
    except sqlite3.Error as error:
        fail(Exit.REFUSED, f"{path} cannot be read: {getattr(error, 'sqlite_errorname', error)}")


def _row(one: Link) -> dict[str, object]:
    try:
        event = msgspec.json.decode(bytes(one.payload))
    except msgspec.DecodeError:
        event = {"event": "(unreadable)"}
    return {"number": one.number, **event, "hash": bytes(one.hash).hex()}


def _head(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        fail(Exit.SETTINGS, "--head must be the hex digits that `audit verify` shows")
