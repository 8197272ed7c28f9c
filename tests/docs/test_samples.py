"""Tables that the pages show have the columns of the code, in its order."""

import re
from collections.abc import Sequence

from sessiongate.cli import audit, leaks, pools
from sessiongate.cli.table import Column, render
from tests.docs import pages
from tests.each import each

REST = "--wide also shows: "

SAMPLES = (
    ("gateway", "sessiongate pools list --wide", pools.COLUMNS),
    ("leaks", "sessiongate leaks --since 24h", leaks.COLUMNS),
    ("audit", "sessiongate audit tail --data-dir var", audit.COLUMNS),
)


def sample(page: str, command: str) -> list[str]:
    """What the page shows below a command."""
    text = (pages.DOCS / f"{page}.md").read_text(encoding="utf-8")
    shown = text.partition(f"$ {command}\n")[2].partition("```")[0].partition("\n$ ")[0]
    return shown.splitlines()


@each(("page", "command", "columns"), SAMPLES)
def test_a_sample_has_the_columns_of_the_code(
    page: str, command: str, columns: Sequence[Column]
) -> None:
    shown = sample(page, command)
    rest = shown.pop().removeprefix(REST).split(", ") if shown[-1].startswith(REST) else []
    kept = [one for one in columns if one.name.replace("_", " ") not in rest]
    assert len(kept) + len(rest) == len(columns)
    starts = [found.start() for found in re.finditer(r"\S+(?: \S+)*", shown[0])]
    cuts = list(zip(starts, [*starts[1:], None], strict=True))
    rows = [[line[begin:end].strip() for begin, end in cuts] for line in shown[1:]]
    assert render(kept, rows, None)[0] == shown


def test_each_column_of_the_pools_is_explained() -> None:
    text = (pages.DOCS / "gateway.md").read_text(encoding="utf-8")
    part = text.partition("### What `pools list` says")[2].partition("\n### ")[0]
    told = [name for line in part.splitlines() for name in line[1:].partition("|")[0].split(",")]
    for column in pools.COLUMNS[1:]:
        assert column.heading in [name.strip() for name in told], column.heading
