"""The headers beside a refusal are the same in every dialect."""

from collections.abc import Callable

import pytest

from sessiongate import errors
from sessiongate.dialects.automation.rest_endpoint import api_refusal, rest_refusal
from sessiongate.dialects.zerto.endpoint import refusal as zerto_refusal
from sessiongate.http.message import Reply
from sessiongate.http.refusal_headers import CAP_RETRY, extra_headers
from tests.http.requests import header, request

Refuse = Callable[[errors.SessionGateError | None], Reply]


def zerto(error: errors.SessionGateError | None) -> Reply:
    return zerto_refusal(request("GET", "/v1/session"), error)


@pytest.mark.parametrize("refuse", [zerto, api_refusal, rest_refusal])
def test_a_refusal_says_which_verbs_there_are_and_when_to_come_back(refuse: Refuse) -> None:
    wrong = refuse(errors.WrongVerb("GET", "POST"))
    assert (wrong.status, header(wrong, "allow")) == (405, "GET, POST")
    for error, seconds in (
        (errors.StoreUnavailable("down"), errors.Unavailable.retry_after),
        (errors.Overloaded("full"), errors.Overloaded.retry_after),
        (errors.CapReached("total", 3, "ada"), CAP_RETRY),
        (errors.CapReached("principal", 3, "ada"), CAP_RETRY),
    ):
        reply = refuse(error)
        assert (reply.status, header(reply, "retry-after")) == (503, str(seconds))


@pytest.mark.parametrize(
    "error",
    # What has perhaps been done is not to be asked for again.
    [None, errors.NoSession("x"), errors.Malformed("x"), errors.OutcomeUnknown("x")],
)
def test_nothing_else_is_said(error: errors.SessionGateError | None) -> None:
    assert extra_headers(error) == []
