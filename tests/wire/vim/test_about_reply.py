"""What a server says that it is."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.about_reply import AboutUpstream, read_about, write_about
from sessiongate.wire.vim.relayed import read_relayed
from tests.each import each
from tests.wire.vim.test_relayed_reply import fault, ok

ABOUT = (
    '<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval><rootFolder>group-d1</rootFolder>'
    "<about>{}</about></returnval></RetrieveServiceContentResponse>"
)


def test_it_is_asked_without_a_session() -> None:
    ask = write_about()
    assert read_relayed(ask.body).method == "RetrieveServiceContent"
    assert not any(name == "cookie" for name, _ in ask.headers)


def test_what_it_says_is_read_and_cut() -> None:
    said = "<fullName>VMware vCenter Server 8.0.3</fullName><apiType>VirtualCenter</apiType>"
    found = read_about(ok(ABOUT.format(f"{said}<apiVersion>8.0.3.0</apiVersion>")))
    assert found == AboutUpstream("VirtualCenter", "VMware vCenter Server 8.0.3", "8.0.3.0")
    assert read_about(ok(ABOUT.format(""))) == AboutUpstream("", "", "")
    assert len(read_about(ok(ABOUT.format(f"<apiType>{'x' * 999}</apiType>"))).api_type) == 100


@each("answer", [fault("SystemError"), Answer(404, (), b""), ok("<a/>"), ok("")], str)
def test_what_is_no_such_answer(answer: Answer) -> None:
    with pytest.raises(Malformed):
        read_about(answer)
