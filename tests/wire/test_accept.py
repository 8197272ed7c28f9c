"""Which of two formats an Accept header asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.wire.accept import JSON, MOST_RANGES, XML, preferred, wants_html
from tests.each import each


@each(
    ("accept", "wanted"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("text/json", JSON),
        ("application/xml", XML),
        ("text/xml; charset=utf-8", XML),
        ("TEXT/XML", XML),
        # the more exact range wins among equals, then the first named
        ("*/*, application/xml", XML),
        ("application/*, text/xml", XML),
        ("application/json, application/xml", JSON),
        ("application/xml, application/json", XML),
        # weights
        ("application/json;q=0.5, application/xml", XML),
        ("application/json; Q=0.9, application/xml;q=0.8", JSON),
        ("application/xml;q=0, text/plain", JSON),
        ("application/xml;q=0", JSON),
        # weights that are none count as 0
        ("application/xml;q=nan", JSON),
        ("application/xml;q=2", JSON),
        ("application/xml;q=-1", JSON),
        ("application/xml;q=high", JSON),
        ("application/xml;version=1;q=0.1", XML),
        # nothing that we know: JSON rather than a refusal
        ("text/html, image/webp", JSON),
        (",,;q=1,", JSON),
    ],
)
def test_the_format_asked_for(accept: str | None, wanted: str) -> None:
    assert preferred(accept) == wanted


@given(st.text())
def test_any_header_chooses_one_of_the_two(accept: str) -> None:
    """Whatever Accept says, the answer is JSON or XML and no error."""
    assert preferred(accept) in (JSON, XML)


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "Text/HTML",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json, text/html;q=0.1",
        "text/html; charset=utf-8",
    ],
)
def test_a_browser_asks_for_html_by_name(accept: str) -> None:
    assert wants_html(accept)


@each(
    "accept",
    [
        *(None, "", "*/*", "text/*", "application/json", "text/xml, */*", "text/html;q=0"),
        *("text/html;q=x", "text/htmlx", "xtext/html", "text /html", "application/xhtml+xml"),
    ],
)
def test_other_clients_do_not(accept: str | None) -> None:
    assert not wants_html(accept)


def test_sec_73_only_so_many_ranges_are_looked_at() -> None:
    """32,000 took 17 ms, and anybody may send them."""
    assert preferred("a," * (MOST_RANGES - 1) + "text/xml") == XML
    assert preferred("a," * MOST_RANGES + "text/xml") == JSON
    assert not wants_html("a," * MOST_RANGES + "text/html")
    assert preferred("text/xml;" + "a;" * 32_000 + "q=0") == XML
    assert wants_html("text/html;q=1," + "a," * 32_000)
