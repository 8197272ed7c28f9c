"""Requests that schemathesis draws from an OpenAPI document, by plain Hypothesis.

The library's own pytest plugin does not know this pytest's functions. It takes a second of the
processor to import, which is done by what draws and not by every process that collects tests.
"""

from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODES = ("positive", "negative")
"""Requests in form, and out of form: the library's ways to draw, by their names."""


def operations_of(document: dict[str, Any]) -> Iterator[Any]:
    """The operations of a document."""
    import schemathesis
    from schemathesis.core.result import Ok

    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        if isinstance(found, Ok):
            yield found.ok()


def one_in(share: int, least: int) -> int:
    """How many requests to draw: this share of the examples of Hypothesis' profile."""
    return max(least, settings().max_examples // share)


def check_replies(operation: Any, mode: str, most: int, send: Callable[[Any], Any]) -> None:
    """Send what is drawn for an operation in one of `MODES`, and hold each reply against it.

    "No 500" is not among what is asked: a vSphere fault is a 500.
    """
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi import checks

    assert {one.value for one in GenerationMode} == set(MODES)
    promises = [
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]
    drawn: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=GenerationMode(mode))

    @given(drawn)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        case.validate_response(send(case), checks=promises)

    check()
