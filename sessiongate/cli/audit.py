"""`sessiongate audit`: what was decided, whether that record is whole, and taking it elsewhere.

The record is read where it is kept, the session file or Redis; no server need be running.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sessiongate.app.parts import redis_settings_of
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, settings
from sessiongate.cli.output import Exit, Output, fail, show_facts, show_rows
from sessiongate.config import Config
from sessiongate.errors import StoreUnavailable
from sessiongate.files import is_there
from sessiongate.rules.chain import Link
from sessiongate.rules.store_url import is_redis
from sessiongate.store.audit import AuditFile
from sessiongate.store.redis_audit_reader import RedisAuditReader

app = typer.Typer(no_args_is_help=True, help="The audit of the SQLite or Redis store.")

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
def _audit(config: Path | None, data_dir: Path | None) -> Iterator[AuditFile | RedisAuditReader]:
    read = settings(config, data_dir)
    try:
        if is_redis(read.store.url):
            with RedisAuditReader(redis_settings_of(read)) as shared:
                yield shared
        else:
            yield AuditFile(_file(read))
    except StoreUnavailable as error:
        fail(Exit.REFUSED, str(error))
    except sqlite3.Error as error:
        what = getattr(error, "sqlite_errorname", error)
        fail(Exit.REFUSED, f"{read.store_path} cannot be read: {what}")


def _file(read: Config) -> Path:
    path = read.store_path
    if path is None:
        fail(Exit.REFUSED, "the memory store keeps its audit in the process; ship it by [audit]")
    if not is_there(path):
        fail(Exit.REFUSED, f"there is no session file at {path} yet")
    return path


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
