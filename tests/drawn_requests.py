"""Requests that schemathesis draws from an OpenAPI document, by plain Hypothesis.

The library's own pytest plugin does not know this pytest's functions.
"""

from collections.abc import Callable, Iterator
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

PROMISES = (
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
)
"""What of a reply the document declares. "No 500" is not among it: a vSphere fault is a 500."""


def operations_of(document: dict[str, Any]) -> Iterator[Any]:
    """The operations of a document."""
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        if isinstance(found, Ok):
            yield found.ok()


def one_in(share: int, least: int) -> int:
    """How many requests to draw: this share of the examples of Hypothesis' profile."""
    return max(least, settings().max_examples // share)


def check_replies(
    operation: Any, mode: schemathesis.GenerationMode, most: int, send: Callable[[Any], Any]
) -> None:
    """Send what is drawn for an operation, and hold each reply against `PROMISES`."""
    drawn: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=mode)

    @given(drawn)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        case.validate_response(send(case), checks=list(PROMISES))

    check()
