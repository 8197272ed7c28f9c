"""Faults of an upstream that decide what comes next, told by their type."""

from collections.abc import Callable

from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import WireForm
from sessiongate.wire.vim.relayed_fault import CANCELLED, SESSION_OVER, is_one_of
from tests.each import each
from tests.wire.vim import test_relayed_json_reply as in_json
from tests.wire.vim import test_relayed_reply as in_soap

FORMS = [(WireForm.SOAP, in_soap.fault), (WireForm.JSON, in_json.fault)]


@each("form, fault", FORMS)
def test_a_fault_is_told_by_its_type(form: WireForm, fault: Callable[..., Answer]) -> None:
    for name in (*SESSION_OVER, *CANCELLED):
        assert is_one_of(form, fault(name), SESSION_OVER) == (name in SESSION_OVER)
        assert is_one_of(form, fault(name), CANCELLED) == (name in CANCELLED)
        assert not is_one_of(form, fault("InvalidState", name), frozenset({name}))
        broken = Answer(500, (), f"{name}, says a proxy".encode())
        assert not is_one_of(form, broken, frozenset({name}))
        for status in (200, 401, 503):
            assert not is_one_of(form, Answer(status, (), fault(name).body), frozenset({name}))
        large = Answer(500, (), fault(name).body + b" " * 70_000)
        assert not is_one_of(form, large, frozenset({name}))
