"""The Automation API's bodies, of both its faces, without a server."""

import json

import pytest

from sessiongate import errors
from sessiongate.errors import CapReached, Malformed, NoSession, SessionGateError
from sessiongate.session import Session
from sessiongate.testing import a_session
from sessiongate.wire.automation.rest import (
    FORMS,
    TOO_MANY,
    is_get_action,
    no_operations,
    refusal_of,
    session_info,
    write_api_error,
    write_rest_error,
)
from tests.each import each


@pytest.mark.parametrize("query", ["~action=get", "%7Eaction=get", "x=1&~action=get"])
def test_the_action_is_get(query: str) -> None:
    assert is_get_action(query)


@pytest.mark.parametrize("query", ["", "action=get", "~action=", "~action=GET", "~action=get2"])
def test_any_other_action_is_not(query: str) -> None:
    assert not is_get_action(query)


def test_an_error_has_a_face_of_its_own_in_each_api() -> None:
    refusal = refusal_of(NoSession("for us alone"))
    message = {
        "args": [],
        "default_message": "Authentication required.",
        "id": "com.vmware.vapi.endpoint.method.authentication.required",
    }
    assert refusal.status == 401
    assert json.loads(write_api_error(refusal)) == {
        "error_type": "UNAUTHENTICATED",
        "messages": [message],
    }
    assert json.loads(write_rest_error(refusal)) == {
        "type": "com.vmware.vapi.std.errors.unauthenticated",
        "value": {"error_type": "UNAUTHENTICATED", "messages": [message]},
    }


def test_only_a_client_that_can_use_it_hears_our_sentence() -> None:
    assert refusal_of(Malformed("the body is not JSON")).text == "the body is not JSON."
    for error in (errors.StoreUnavailable, errors.BadCredentials, errors.NotFound):
        assert "hunter2" not in refusal_of(error("hunter2")).text


def test_the_cap_of_one_user_is_told_as_vcenter_tells_it() -> None:
    refusal = refusal_of(CapReached("principal", 550, "ada"))
    assert (refusal.status, refusal.id) == (503, TOO_MANY)
    assert "limited to 550" in refusal.text
    assert "user ada" in refusal.text
    total = refusal_of(CapReached("total", 5, "ada"))
    assert (total.status, total.id == TOO_MANY) == (503, False)
    assert "ada" not in total.text


def test_an_unforeseen_error_says_nothing() -> None:
    assert refusal_of(None).status == 500
    assert refusal_of(None).text == "An internal error occurred."


@each("kind", FORMS, ids=lambda kind: kind.__name__)
def test_forms_have_an_id_of_the_vendors_kind(kind: type[SessionGateError]) -> None:
    assert FORMS[kind].id.startswith("com.vmware.vapi.")
    assert FORMS[kind].kind.isupper()


def test_a_path_that_nothing_answers_is_repeated_in_part() -> None:
    refusal = no_operations("/rest/" + "x" * 1000)
    assert refusal.status == 404
    assert refusal.text.startswith("Unable to find operations for URL: /rest/x")
    assert len(refusal.text) < 300
    [told] = json.loads(write_rest_error(refusal))["value"]["messages"]
    assert told["args"] == ["/rest/" + "x" * 194]


def test_a_session_tells_name_and_times_and_no_secret() -> None:
    session: Session = a_session("token", principal="ada")
    assert session_info(session) == {
        "user": "LAB\\ada",
        "created_time": "2026-01-01T00:00:00.000Z",
        "last_accessed_time": "2026-01-01T00:00:00.000Z",
    }
