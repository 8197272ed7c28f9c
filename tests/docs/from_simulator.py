"""The table of what govmomi's simulator answers differently from us, as the tests assert it."""

from typing import Any

from tests.docs.tables import code, table
from tests.end_to_end import test_automation_clients as automation
from tests.end_to_end import test_soap_clients as soap


def simulator_table() -> str:
    """A row for each answer that differs, of SOAP and then of REST."""
    rows = [
        (wire, asked, _said(theirs), _said(ours[asked]))
        for wire, intended, ours in (
            ("SOAP", soap.INTENDED, soap.EXPECTED),
            ("`/rest`", automation.INTENDED, automation.REST),
        )
        for asked, theirs in intended.items()
    ]
    return table(("Wire", "Asked", "vcsim", "We"), rows)


def _said(answer: Any) -> str:
    if answer is None:
        return "nothing"
    if isinstance(answer, list):
        return ", ".join(map(code, answer))
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return code(str(answer).strip())
