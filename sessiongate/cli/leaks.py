"""`sessiongate leaks`: which clients never log out, and how many sessions they have left open."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer

from sessiongate.audit.session_counts import add_up
from sessiongate.cli.audit import opened, short_time
from sessiongate.cli.control_client import ask, server_answers
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, WideOption, settings
from sessiongate.cli.output import Exit, Output, fail, note, show_json, show_rows
from sessiongate.cli.table import Column, span
from sessiongate.config import Config
from sessiongate.config.values import duration_text, positive_duration
from sessiongate.operations.control import LONGEST_SPAN
from sessiongate.rules.leaks import ClientRow, LeakTally
from sessiongate.service.leaks import LeakReport, report_in

COLUMNS = (
    Column("user", least=8),
    Column("agent", least=8),
    Column("address"),
    Column("not_logged_out"),
    Column("share", rank=1),
    Column("opened", rank=3),
    Column("logged_out", rank=4),
    Column("live"),
    Column("oldest", rank=2),
    Column("idled_out", rank=6),
    Column("terminated", rank=5),
    Column("aged_out", rank=7),
    Column("saved", rank=7),
    Column("ended_otherwise", only_wide=True),
    Column("provider", only_wide=True),
)

_LONGEST = timedelta(seconds=LONGEST_SPAN)


def leaks(
    since: Annotated[
        str, typer.Option("--since", help="How far back to look, such as 1h, 24h or 7d.")
    ] = "24h",
    wide: WideOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Rank clients by how many of their sessions ended without a logout.

    A client is a user, a program and an address. What has happened is read from the audit, what is
    open now from the running server; without one, only the audit is read.
    """
    looks = _span(since)
    loaded = settings(config, data_dir)
    report = _report(loaded, looks)
    if output is Output.JSON:
        show_json(report)
        return
    if report.missing:
        note(f"counted since {short_time(report.since.isoformat())}: {report.missing}")
    none = f"Nobody has opened or left a session in {duration_text(looks)}."
    rows = [_for_people(one, report.until) for one in report.clients]
    show_rows(rows, COLUMNS, output, none, wide=wide, more="--wide also shows")


def _span(text: str) -> timedelta:
    try:
        found = positive_duration(text)
    except ValueError as problem:
        fail(Exit.SETTINGS, f"--since: {problem}")
    if not timedelta(seconds=1) <= found <= _LONGEST:
        fail(Exit.SETTINGS, f"--since: must be from 1s to {duration_text(_LONGEST)}")
    return found


def _report(loaded: Config, looks: timedelta) -> LeakReport:
    where = loaded.server.data_dir
    if not server_answers(where):
        return _from_audit(loaded, looks)
    address = f"/leaks?seconds={int(looks.total_seconds())}"
    answer = ask(where, "GET", address, dict[str, object])
    try:
        return msgspec.convert(answer, LeakReport)
    except (msgspec.ValidationError, OverflowError):
        fail(Exit.UNREACHABLE, "the server tells of clients what none of its release does")


def _from_audit(loaded: Config, looks: timedelta) -> LeakReport:
    """Without a server: what the audit says, and nothing of what is open."""
    note("no server is running, so it is not known what is open: `live` and `oldest` are empty")
    now = datetime.now(UTC)
    tally = LeakTally()
    tally.live_known = False
    with opened(loaded) as audit:
        covered = add_up(audit, now - looks, tally)
    return report_in(covered, now - looks, now, tally)


def _for_people(row: ClientRow, now: datetime) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(row),
        "share": None if row.share is None else f"{row.share:.0%}",
        "oldest": None if row.oldest is None else span(int((now - row.oldest).total_seconds())),
    }
