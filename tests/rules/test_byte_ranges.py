"""A range of a file is asked for with its surroundings, and the client has what it wants."""

import random

import pytest

from sessiongate.errors import Malformed
from sessiongate.rules.byte_ranges import (
    FilePart,
    RangeCut,
    WantedRange,
    ask_widened,
    read,
    read_content_range,
)
from tests.each import each


@each(
    ("text", "wanted", "wider"),
    [
        ("bytes=0-9", WantedRange(0, 9), "bytes=0-19"),
        ("bytes=25-30", WantedRange(25, 30), "bytes=15-40"),
        ("Bytes=25-", WantedRange(25, None), "bytes=15-"),
        (" bytes=-7 ", WantedRange(None, 7), "bytes=-17"),
    ],
)
def test_one_range_is_widened(text: str, wanted: WantedRange, wider: str) -> None:
    assert read(text) == wanted
    assert wanted.widened(10) == wider


@each(
    "text",
    ["", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "lines=0-1", "bytes=-1-2", "bytes=a-b"],
)
def test_anything_else_is_the_whole_file(text: str) -> None:
    assert read(text) is None
    headers = (("range", text), ("if-range", '"x"'), ("accept", "a/b"))
    assert ask_widened(headers, 10, cuts=True) == ((("accept", "a/b"),), None)


def test_what_has_no_use_for_a_range_asks_for_none() -> None:
    headers = (("range", "bytes=0-1"), ("if-match", '"x"'))
    assert ask_widened(headers, 10, cuts=False) == ((("if-match", '"x"'),), None)
    assert ask_widened((*headers, headers[0]), 10, cuts=True) == ((("if-match", '"x"'),), None)
    wider = (("if-match", '"x"'), ("range", "bytes=0-11"))
    assert ask_widened(headers, 10, cuts=True) == (wider, WantedRange(0, 1))


def served(file: bytes, text: str) -> tuple[FilePart, bytes] | None:
    """As a server has it; None for 416."""
    wanted = read(text)
    assert wanted is not None
    end = len(file) - 1
    if wanted.first is None:
        first, last = max(0, len(file) - (wanted.last or 0)), end
    else:
        first, last = wanted.first, end if wanted.last is None else min(end, wanted.last)
    return (FilePart(first, last, len(file)), file[first : last + 1]) if first <= last else None


@each("seed", list(range(40)))
def test_a_client_has_what_it_would_have_had_by_itself(seed: int) -> None:
    chance = random.Random(seed)
    file = chance.randbytes(chance.randrange(1, 60))
    first, length = chance.randrange(70), chance.randrange(1, 30)
    text = chance.choice((f"bytes={first}-{first + length}", f"bytes={first}-", f"bytes=-{length}"))
    wanted = read(text)
    assert wanted is not None
    directly, wider = served(file, text), served(file, wanted.widened(7))
    if wider is None:
        assert directly is None
        return
    part, data = wider
    found = wanted.of(part)
    cut = RangeCut(part, found)
    size = chance.randrange(1, 9)
    got = b"".join(cut.of(data[at : at + size]) for at in range(0, len(data), size))
    assert cut.done
    if directly is None:
        assert (found.length, got, found.content_range) == (0, b"", f"bytes */{len(file)}")
    else:
        assert (found, got) == directly


@each("value", ["bytes 0-9/*", "bytes 5-4/9", "bytes 0-9/9", "bytes */9", "0-1/2", ""])
def test_a_part_that_does_not_say_which_it_is_is_not_handed_on(value: str) -> None:
    with pytest.raises(Malformed):
        read_content_range([("content-range", value)])
    with pytest.raises(Malformed):
        read_content_range([])
    with pytest.raises(Malformed):
        read_content_range([("content-range", "bytes 0-1/9"), ("content-range", "bytes 0-1/9")])


def test_a_part_that_was_not_asked_for_is_not_handed_on() -> None:
    for part in (FilePart(5, 9, 100), FilePart(0, 3, 100)):
        with pytest.raises(Malformed):
            WantedRange(2, 6).of(part)
    assert WantedRange(2, 6).of(FilePart(0, 6, 7)) == FilePart(2, 6, 7)
