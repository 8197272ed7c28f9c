"""A session as a row at a terminal: which columns, and short times in place of long ones."""

from datetime import datetime, timedelta

import msgspec

from sessiongate.cli.table import Column, span

COLUMNS = (
    Column("key"),
    Column("user", least=8),
    Column("left", rank=1),
    Column("idle", rank=2),
    Column("ip_address", rank=3),
    Column("login", rank=4),
    Column("dialect", rank=5),
    Column("calls", rank=6),
    Column("user_agent", rank=7, least=12),
    Column("provider", only_wide=True),
    Column("login_at", only_wide=True),
)


class RowFacts(msgspec.Struct):
    """What is read of a session besides being shown."""

    key: str
    active_at: datetime
    login_at: datetime
    idle_seconds: int
    seconds_left: int | None = None


def for_people(facts: RowFacts, row: dict[str, object]) -> dict[str, object]:
    """The session with short times in place of long ones."""
    left, idle = facts.seconds_left, facts.idle_seconds
    now = facts.active_at + timedelta(seconds=idle)
    return {
        **row,
        "login": f"{span(int((now - facts.login_at).total_seconds()))} ago",
        "idle": span(idle),
        "left": span(left) if left is not None else None,
    }
