"""Whatever fits the API page's document, and much that does not, is answered as it promises.

schemathesis makes requests out of the document itself, in form and out of form. The server is
real. Every reply must be one that the document declares: status, content type, headers, body.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from sessiongate.dialects.api_page.document import document
from tests.basic import basic
from tests.drawn_requests import MODES, check_replies, one_in, operations_of
from tests.each import each
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server

DECLARED = sorted(
    f"{verb.upper()} {path}"
    for path, verbs in document()["paths"].items()
    for verb in verbs
    if verb in ("get", "post", "delete")
)


@cache
def operations() -> Mapping[str, Any]:
    return {one.label: one for one in operations_of(document())}


# A few of each by default: what is drawn for one operation is drawn alike for the others, and
# `make fuzz` draws hundreds.
EXAMPLES = one_in(20, 3)


def credential(path: str, server: Server) -> dict[str, str]:
    if path == "/v1/session/add":
        return {"Authorization": basic(*ADMIN)}
    if path.startswith("/v1/"):
        return {"x-zerto-session": server.zerto_token(ADMIN)}
    return {"vmware-api-session-id": server.vim_token(ADMIN)}


@pytest.mark.slow
@pytest.mark.hypothesis
@each("mode", MODES)
@each("label", DECLARED)
@EMBEDDED
def test_every_reply_is_one_that_the_document_declares(
    shared: Server, label: str, mode: str
) -> None:
    """A request made from the document gets a reply that the document declares."""

    def send(case: Any) -> Any:
        # Logged in for each: some of these requests end the session that they carry.
        headers = credential(case.path, shared) if "Login" not in label else {}
        return case.call(base_url=shared.url, headers=headers, verify=str(shared.ca))

    check_replies(operations()[label], mode, EXAMPLES, send)


@pytest.mark.slow
def test_every_operation_of_the_document_is_asked() -> None:
    assert sorted(operations()) == DECLARED
