"""What XML can hold."""

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.xml_text import can_hold
from sessiongate.wire.xml import escape, parse


@given(st.text())
def test_what_it_can_hold_comes_back_and_nothing_else_does(text: str) -> None:
    written = f"<a>{escape(text)}</a>".encode()
    assert (parse(written).text == text) == can_hold(text)
