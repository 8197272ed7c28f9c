"""Access control lists: whom they let write, read from the bytes that the system keeps."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.access_lists import NAME, Writers, list_of, writers

OWNER, USER, GROUP_OF_FILE, GROUP, MASK, OTHER = 1, 2, 4, 8, 0x10, 0x20
NOTHING = Writers(frozenset(), frozenset(), group=False)

Entry = tuple[int, int, int]


def packed(*named: Entry, group: int = 5, mask: int | None = 7) -> bytes:
    """The attribute, as setfacl would set it: owner 7, others 5, and these (tag, rights, id)."""
    nobody = 0xFFFFFFFF
    entries: Iterable[Entry] = sorted(
        [
            (OWNER, 7, nobody),
            (GROUP_OF_FILE, group, nobody),
            *([(MASK, mask, nobody)] if mask is not None else []),
            (OTHER, 5, nobody),
            *named,
        ]
    )
    return (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little") + rights.to_bytes(2, "little") + who.to_bytes(4, "little")
        for tag, rights, who in entries
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (packed(mask=None), NOTHING),
        (packed(group=7, mask=None), Writers(frozenset(), frozenset(), group=True)),
        (packed((USER, 7, 65534)), Writers(frozenset({65534}), frozenset(), group=False)),
        (packed((USER, 2, 7), (USER, 5, 8)), Writers(frozenset({7}), frozenset(), group=False)),
        (packed((GROUP, 6, 100)), Writers(frozenset(), frozenset({100}), group=False)),
        (packed((USER, 7, 7), (GROUP, 7, 100), group=7, mask=5), NOTHING),
    ],
)
def test_sec_80_whom_a_list_lets_write(value: bytes, expected: Writers) -> None:
    assert writers(value) == expected


@pytest.mark.parametrize("value", [b"", b"\2\0", b"\1\0\0\0", packed()[:-1], b"\2\0\0\0\1"])
def test_a_form_that_is_not_known_is_none(value: bytes) -> None:
    assert writers(value) is None


@given(st.binary())
def test_any_bytes_are_read_or_not_known(value: bytes) -> None:
    assert writers(b"\2\0\0\0" + value) is None or len(value) % 8 == 0


def test_sec_80_what_the_system_keeps_is_what_is_read(tmp_path: Path) -> None:
    assert list_of(tmp_path) is None
    try:
        os.setxattr(tmp_path, NAME, packed((USER, 7, 65534)))
    except (OSError, AttributeError):
        pytest.skip("no access control lists here")
    found = list_of(tmp_path)
    assert found is not None
    assert found.users == {65534}
    assert tmp_path.stat().st_mode & 0o020, "the mode shows the mask"
    assert list_of(tmp_path / "absent") is None
