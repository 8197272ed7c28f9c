"""Whatever fits the API page's document, and much that does not, is answered as it promises.

schemathesis makes requests out of the document itself, in form and out of form. The server is
real. Every reply must be one that the document declares: status, content type, headers, body.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from sessiongate.dialects.api_page.document import document
from tests.basic import basic
from tests.each import each
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server

# "No 500" is not among them: a vSphere fault is a 500.
PROMISES = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

# The library's own pytest plugin does not know this pytest's functions, so its requests are
# drawn here by plain Hypothesis.
OPERATIONS: dict[str, Any] = {
    one.ok().label: one.ok()
    for one in schemathesis.openapi.from_dict(document()).get_all_operations()
    if isinstance(one, Ok)
}


# A few of each by default: what is drawn for one operation is drawn alike for the others, and
# `make fuzz` draws hundreds.
EXAMPLES = max(3, settings().max_examples // 20)


def credential(path: str, server: Server) -> dict[str, str]:
    if path == "/v1/session/add":
        return {"Authorization": basic(*ADMIN)}
    if path.startswith("/v1/"):
        return {"x-zerto-session": server.zerto_token(ADMIN)}
    return {"vmware-api-session-id": server.vim_token(ADMIN)}


@pytest.mark.slow
@pytest.mark.hypothesis
@each("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@each("label", sorted(OPERATIONS))
@EMBEDDED
def test_every_reply_is_one_that_the_document_declares(
    shared: Server, label: str, mode: schemathesis.GenerationMode
) -> None:
    """A request made from the document gets a reply that the document declares."""
    operation = OPERATIONS[label]
    made: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=mode)

    @given(made)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        # Logged in for each: some of these requests end the session that they carry.
        headers = credential(case.path, shared) if "Login" not in label else {}
        reply = case.call(base_url=shared.url, headers=headers, verify=str(shared.ca))
        case.validate_response(reply, checks=PROMISES)

    ask()


def test_every_operation_of_the_document_is_asked() -> None:
    declared = {
        f"{verb.upper()} {path}"
        for path, verbs in document()["paths"].items()
        for verb in verbs
        if verb in ("get", "post", "delete")
    }
    assert set(OPERATIONS) == declared
