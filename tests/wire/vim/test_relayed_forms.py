"""Both wire forms of calls that are sent on: one call in each, and what carries its session."""

from sessiongate.secret import Secret
from sessiongate.wire.vim.client import WireForm
from sessiongate.wire.vim.relayed import Relayed, read_relayed
from sessiongate.wire.vim.relayed_forms import BY_FORM
from tests.each import each
from tests.wire.vim.test_relayed import OURS, THEIRS, call
from tests.wire.vim.test_relayed_json import VIEW, read, ref

IN_SOAP = call("Rename_Task", f'<view type="View">{VIEW}</view>')
REQUESTS = [
    read_relayed(IN_SOAP),
    read("Folder/group-d1/Rename_Task", {"view": ref("View", VIEW)}),
]


def test_both_forms_are_there() -> None:
    assert BY_FORM.keys() == {WireForm.JSON, WireForm.SOAP} == {one.form for one in REQUESTS}


@each("request", REQUESTS, lambda request: request.form.value)
def test_a_call_is_written_in_its_own_form(request: Relayed) -> None:
    (place,) = request.references
    ask = BY_FORM[request.form].write_ask(request, {place: place.text.replace(OURS, THEIRS)}, ())
    assert ask.method == "POST"
    assert THEIRS.encode() in ask.body
    assert OURS.encode() not in ask.body


def test_a_session_has_one_token_in_both_forms() -> None:
    token = Secret('"52a6"')  # as a cookie's value comes
    assert BY_FORM[WireForm.SOAP].carrier(token) == ("cookie", 'vmware_soap_session="52a6"')
    assert BY_FORM[WireForm.JSON].carrier(token) == ("vmware-api-session-id", "52a6")


@each("request", REQUESTS, lambda request: request.form.value)
def test_a_request_says_the_same_in_both_forms(request: Relayed) -> None:
    assert (request.method, request.target.name) == ("Rename_Task", "group-d1")
    assert request.named == {"group-d1", VIEW}
    assert [one.text for one in request.references] == [VIEW]
