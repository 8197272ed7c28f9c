"""Values of queries and forms, patterns of addresses, and what an address says was done."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.operations.console.page import Values, outcome_sentence, parts_of
from tests.each import each


def test_values_are_read_by_name() -> None:
    values = Values.read("user=+ann+&key=a&key=b&empty=&password=+x+")
    assert values.first("user") == "ann"
    assert values.all("key") == ["a", "b"]
    assert (values.first("empty"), values.first("missing"), values.exact("missing")) == ("", "", "")
    assert values.exact("password") == " x "


def test_a_query_can_be_had_again_with_others_in_it() -> None:
    values = Values.read("user=a%26b&after=x&order=last")
    assert values.but("after", order="calls", role="") == "user=a%26b&order=calls"


@each("text", ["a=%ff", "&".join(["a=1"] * 2001)])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Values.read(text)


@each(
    ("pattern", "path", "found"),
    [
        ("sessions", "sessions", {}),
        ("sessions", "sessions/", None),
        ("sessions/{key}", "sessions/a-b", {"key": "a-b"}),
        ("sessions/{key}", "sessions/", None),
        ("sessions/{key}", "users/a", None),
        ("pools/{name}/leases/{lease}", "pools/a/leases/b", {"name": "a", "lease": "b"}),
    ],
)
def test_a_pattern_takes_what_stands_for_its_names(
    pattern: str, path: str, found: dict[str, str] | None
) -> None:
    assert parts_of(pattern, path) == found


@each(
    ("query", "says"),
    [
        ("did=ended&count=3", "Ended: 3."),
        ("did=ended&count=<b>", "Ended: some."),
        ("did=anything", ""),
        ("", ""),
    ],
)
def test_only_our_own_words_get_onto_a_page_by_its_address(query: str, says: str) -> None:
    assert outcome_sentence(Values.read(query)) == says
