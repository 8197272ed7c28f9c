"""The table of metrics, from what an exposition holds once everything has happened."""

from tests.docs.tables import code, table
from tests.telemetry.families import everything, labels_of


def metrics_table() -> str:
    """A row for each metric."""
    rows = [
        (
            code(name),
            family.type,
            ", ".join(code(label) for label in labels_of(family)) or "none",
            family.documentation,
        )
        for name, family in sorted(everything().items())
    ]
    return table(("Metric", "Type", "Labels", "What it is"), rows)
