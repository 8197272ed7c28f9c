"""`sessiongate audit`: what was decided, whether that record is whole, and taking it elsewhere.

Its two chains (`rules.chain`) are shown as one record, by time. It is read where it is kept, the
session file or Redis; no server need be running.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from functools import partial
from heapq import merge
from typing import Annotated

import typer

from sessiongate.app.build import store_kind_of, store_settings_of
from sessiongate.audit.event import facts_of, merged_in
from sessiongate.cli.control_client import server_nearby
from sessiongate.cli.options import (
    ConfigOption,
    DataDirOption,
    OutputOption,
    WideOption,
    settings,
)
from sessiongate.cli.output import Exit, Output, fail, json_line, show_facts, show_rows
from sessiongate.cli.table import Column
from sessiongate.config import Config
from sessiongate.errors import StoreUnavailable
from sessiongate.rules.audit_chain import Chain, ChainVerdict, Link
from sessiongate.store.port import AuditReader

# A chain's hash is a SHA-256.
_HEAD = re.compile(r"[0-9a-fA-F]{64}")

app = typer.Typer(no_args_is_help=True, help="The audit of the SQLite or Redis store.")

COLUMNS = (
    Column("number", rank=3),
    Column("at"),
    Column("event"),
    Column("result", style="result"),
    Column("user", least=8),
    Column("subject", rank=1, least=8),
    Column("ip", rank=4),
    Column("dialect", rank=5),
    Column("reason", rank=2, least=8),
    Column("merged", rank=6),
    Column("chain", rank=7),
    Column("provider", only_wide=True),
    Column("how", only_wide=True),
    Column("detail", only_wide=True),
    Column("key", only_wide=True),
)


class ExportForm(StrEnum):
    """How events are written by `audit export`."""

    LINES = "lines"
    JSON = "json"


@app.command()
def tail(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many events.")] = 20,
    wide: WideOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the last events, oldest first."""
    with opened(settings(config, data_dir)) as audit:
        chains = {chain: iter(audit.tail(count, chain)) for chain in Chain}
        rows = list(_by_time(chains))[-count:]
    if output is Output.TABLE and sys.stdout.isatty() and not wide:
        rows = [{**row, "at": short_time(str(row.get("at", "")))} for row in rows]
    none = "Nothing was decided yet."
    show_rows(rows, COLUMNS, output, none, wide=wide, more="--wide also shows")


@app.command()
def verify(
    head: Annotated[
        str | None,
        typer.Option("--head", help="Head that an earlier verification showed: must be in it."),
    ] = None,
    anonymous_head: Annotated[
        str | None,
        typer.Option("--anonymous-head", help="The same for the chain of anonymous refusals."),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check that no event was changed, removed or slipped in. Exit code 1: it was.

    Exit code 3: the audit cannot be read, so nobody knows. Says as well how many events are there
    as a number only, and how many are no longer there.
    """
    heads = {
        Chain.DECISIONS: _head("--head", head),
        Chain.ANONYMOUS: _head("--anonymous-head", anonymous_head),
    }
    with opened(settings(config, data_dir)) as audit:
        found = {chain: audit.verify(heads[chain], chain, merged_in) for chain in Chain}
        since = [at for at in map(audit.since, Chain) if at is not None]
    broken = [one for one in found.values() if one.broken_at is not None]
    facts: dict[str, object] = {
        "whole": not broken,
        "events": sum(one.events for one in found.values()),
        "merged": sum(one.merged for one in found.values()),
        "let_go": sum(one.pruned for one in found.values()),
        "let_go_since": min(since, default=None),
        **_facts(found[Chain.DECISIONS]),
    }
    others = _facts(found[Chain.ANONYMOUS])
    facts |= {f"{Chain.ANONYMOUS.value}_{name}": value for name, value in others.items()}
    if broken and output is Output.JSON:
        problems = [f"broken at event {one.broken_at}: {one.why}" for one in broken]
        facts = {"ok": False, "problems": problems, **facts}
    show_facts(facts, output)
    if broken:
        raise typer.Exit(int(Exit.REFUSED))


def _facts(verdict: ChainVerdict) -> dict[str, object]:
    facts: dict[str, object] = {
        "first": verdict.first,
        "last": verdict.last,
        "head": verdict.head.hex(),
    }
    if verdict.broken_at is not None:
        facts |= {"broken_at": verdict.broken_at, "why": verdict.why}
    return facts


@app.command()
def export(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: Annotated[
        ExportForm,
        typer.Option("--output", help="A JSON object on each line, or one JSON array of them."),
    ] = ExportForm.LINES,
) -> None:
    """Write every kept event to standard output, as JSON with number and hash."""
    with opened(settings(config, data_dir)) as audit:
        rows = map(json_line, _by_time({chain: audit.all(chain) for chain in Chain}))
        if output is ExportForm.JSON:
            _print_array(rows)
            return
        for row in rows:
            print(row)


def _print_array(items: Iterator[str]) -> None:
    """Print a JSON array, item by item.

    The first is there before anything is printed, so that a failure to read is whole JSON too.
    """
    print(f"[{next(items, '')}", end="")
    for item in items:
        print(f",\n{item}", end="")
    print("]")


@contextmanager
def opened(read: Config) -> Iterator[AuditReader]:
    """The record that a server of these settings keeps.

    Fails where there is none to read, and never with the code of a broken one: nobody has looked.
    """
    audit = store_kind_of(read).audit
    if audit is None:
        fail(Exit.SETTINGS, "the memory store keeps its audit in the process; ship it by [audit]")
    try:
        with audit(store_settings_of(read)) as reader:
            yield reader
    except StoreUnavailable as error:
        fail(Exit.UNREACHABLE, str(error), *server_nearby(read.server.data_dir))


def _by_time(chains: Mapping[Chain, Iterator[Link]]) -> Iterator[dict[str, object]]:
    """The events of both chains as rows, each chain in its own order."""
    rows = [map(partial(_row, chain), links) for chain, links in chains.items()]
    # Without the Z, a whole second comes before its fractions.
    return merge(*rows, key=lambda row: str(row.get("at", "")).rstrip("Z"))


def short_time(at: str) -> str:
    """A time by this machine's clock, to the second; of another year, to the minute and with it."""
    try:
        local = datetime.fromisoformat(at).astimezone()
    except (ValueError, OverflowError):
        return at
    this_year = local.year == datetime.now(local.tzinfo).year
    return f"{local:%m-%d %H:%M:%S}" if this_year else f"{local:%Y-%m-%d %H:%M}"


def _row(chain: Chain, one: Link) -> dict[str, object]:
    event = facts_of(one.payload) or {"event": "(unreadable)"}
    number = {"number": one.number}
    named = {} if chain is Chain.DECISIONS else {"chain": chain.value}
    return {**number, **event, **number, **named, "hash": one.hash.hex()}


def _head(option: str, text: str | None) -> bytes | None:
    if text is None:
        return None
    if not _HEAD.fullmatch(text.strip()):
        fail(
            Exit.SETTINGS,
            f"{option} must be the 64 hex digits of a head, as `audit verify` shows them",
        )
    return bytes.fromhex(text.strip())
