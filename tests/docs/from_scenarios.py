"""The table of scenarios, from the code."""

import json

from sessiongate.faults.scenarios import SCENARIOS
from tests.docs.tables import code, table


def scenarios_table() -> str:
    """A row for each scenario, with its rules."""
    rows = [
        (code(name), one.about, ", ".join(code(json.dumps(told)) for told in one.rules))
        for name, one in SCENARIOS.items()
    ]
    return table(("Scenario", "What happens", "Its rules"), rows)
