"""Which version a client speaks, and what it gets to see."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.wire.vim.api_version import NEWEST_MEMBER, OLDEST, of_action, trimmed
from sessiongate.wire.vim.types import ApiVersion, Boxed, Data, Value

SESSION = Data(
    "UserSession",
    {"key": "k", "extensionSession": False, "ipAddress": "192.0.2.1", "callCount": 1},
)


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ('"urn:vim25/6.0"', (6, 0)),
        ("urn:vim25/8.0.3.0", (8, 0, 3, 0)),
        (' "urn:vim25/6.7.1"', (6, 7, 1)),
        ("urn:internalvim25/5.5", (5, 5)),
        ("urn:vim2/2.0", (2, 0)),
        ("urn:vim25/2.5u2", (2, 5)),
        *((header, OLDEST) for header in (None, "", '""', "urn:vim25", "urn:pbm/2.0", "RetrieveX")),
    ],
)
def test_the_version_stands_in_soapaction(header: str | None, version: ApiVersion) -> None:
    assert of_action(header) == version


@given(st.text(max_size=40))
def test_any_header_is_a_version(header: str) -> None:
    """Whatever a client sends, it is one of the versions that there may be."""
    assert all(0 <= part < 1000 for part in of_action(header))


@pytest.mark.parametrize(
    ("version", "members"),
    [
        ((4, 0), {"key"}),
        ((5, 0), {"key", "extensionSession"}),
        (NEWEST_MEMBER, set(SESSION.members)),
    ],
)
def test_newer_members_are_left_out_wherever_they_stand(
    version: ApiVersion, members: set[str]
) -> None:
    def kept(value: Value) -> set[str]:
        assert isinstance(value, Data)
        return set(value.members)

    assert kept(trimmed(SESSION, version)) == members
    boxed = trimmed(Boxed("UserSession", [SESSION], array=True), version)
    assert isinstance(boxed, Boxed)
    assert boxed.array
    assert isinstance(boxed.value, list)
    assert kept(boxed.value[0]) == members
    outer = trimmed(Data("DynamicProperty", {"name": "n", "val": SESSION}), version)
    assert isinstance(outer, Data)
    assert kept(outer.members["val"]) == members


def test_plain_values_stay() -> None:
    for value in ("text", True, 5, b"x", datetime(2026, 1, 2, tzinfo=UTC)):
        assert trimmed(value, OLDEST) == value
