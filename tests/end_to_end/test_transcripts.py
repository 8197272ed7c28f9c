"""The stories of `tests/transcripts`, told to a running server line by line.

How a story is written stands in the README beside the stories. Bodies are compared as JSON or as
XML, whole.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.end_to_end.conftest import OVER_ALL
from tests.end_to_end.serving import Client, Reply, Server

STORIES = Path(__file__).parents[1] / "transcripts"
HOLE = re.compile(r"\{([a-z_]+)\}")


@dataclass
class Turn:
    """What the client sends, and what must come back."""

    line: int
    sent: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def turns(story: str) -> list[Turn]:
    """Split a story. A line that is neither remark, request nor reply is a mistake."""
    found: list[Turn] = []
    for number, line in enumerate(story.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        mark, text = line[:1], line[2:]
        assert mark in "<>", f"line {number}: {line}"
        assert line[1:2] in ("", " "), f"line {number}: {line}"
        if mark == ">":
            if not found or found[-1].told:
                found.append(Turn(number))
            found[-1].sent.append(text)
        else:
            assert found, f"line {number}: a reply to nothing"
            found[-1].told.append(text)
    return found


def fill(text: str, known: dict[str, str]) -> str:
    """A request's text with what is remembered; braces of JSON stay."""
    return HOLE.sub(lambda hole: known[hole[1]], text)


def matches(wanted: str, got: str, known: dict[str, str]) -> bool:
    """Whether a text is as wanted; what its holes took is remembered."""
    pattern, place, names = "", 0, []
    for hole in HOLE.finditer(wanted):
        pattern += re.escape(wanted[place : hole.start()])
        place = hole.end()
        name = hole[1]
        if name in known:
            pattern += re.escape(known[name])
        else:
            names.append(name)
            pattern += "(.+)"
    found = re.fullmatch(pattern + re.escape(wanted[place:]), got, re.DOTALL)
    if found is None:
        return False
    known.update(
        {name: text for name, text in zip(names, found.groups(), strict=True) if name != "_"}
    )
    return True


def same(wanted: Any, got: Any, known: dict[str, str]) -> bool:
    """Whether plain JSON is as wanted: every member and nothing more."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return wanted.keys() == got.keys() and all(
            same(value, got[name], known) for name, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(
            same(one, other, known) for one, other in zip(wanted, got, strict=True)
        )
    if isinstance(wanted, str) and isinstance(got, str):
        return matches(wanted, got, known)
    return type(wanted) is type(got) and bool(wanted == got)


def plain(element: ET.Element) -> list[Any]:
    """An XML element as plain JSON, for `same`."""
    text = (element.text or "").strip()
    return [element.tag, dict(element.attrib), text, [plain(child) for child in element]]


def same_body(wanted: str, reply: Reply, known: dict[str, str]) -> bool:
    if not wanted:
        return reply.body == b""
    if wanted.startswith("<"):
        return same(plain(ET.fromstring(wanted)), plain(ET.fromstring(reply.body)), known)
    return same(json.loads(wanted), reply.json(), known)


def parts(lines: list[str]) -> tuple[str, list[str], str | None]:
    """The first line, the headers, and the body, None where there is no empty line."""
    if "" not in lines:
        return lines[0], lines[1:], None
    end = lines.index("")
    return lines[0], lines[1:end], "\n".join(lines[end + 1 :])


def tell(turn: Turn, client: Client, known: dict[str, str]) -> None:
    """Send what the story sends, and fail where the reply is another."""
    line, headers, body = parts(turn.sent)
    verb, path = line.split(" ")
    pairs = [(name, fill(value, known)) for name, value in (one.split(": ", 1) for one in headers)]
    reply = client.request(verb, fill(path, known), pairs, fill(body, known) if body else None)
    judge(turn, reply, known)


def judge(turn: Turn, reply: Reply, known: dict[str, str]) -> None:
    status, headers, body = parts(turn.told)
    where = f"the turn of line {turn.line} got {reply}"
    assert reply.status == int(status), where
    for header in headers:
        if header.startswith("!"):
            assert reply.header(header[1:].lower()) is None, where
            continue
        name, wanted = header.split(": ", 1)
        got = reply.header(name.lower())
        assert got is not None, where
        # A vCenter's cookie ends in a blank, which a line of text cannot show.
        assert matches(wanted, got.strip(), known), where
    if body is not None:
        assert same_body(body, reply, known), where


@OVER_ALL
@pytest.mark.parametrize("path", sorted(STORIES.glob("*.txt")), ids=lambda path: path.stem)
def test_the_server_keeps_to_the_story(path: Path, shared: Server) -> None:
    told = turns(path.read_text(encoding="utf-8"))
    assert told
    known: dict[str, str] = {}
    with shared.connected() as client:
        for turn in told:
            tell(turn, client, known)


# The teller itself: it must notice every way in which a reply can differ

STORY = """
# a remark
> POST /x
> A: b
>
> {"a": 1}
< 200
< Token: {token}
< !Set-Cookie
<
< {"key": "{token}", "n": 1, "list": ["a{_}"]}
"""
GOOD = Reply(200, (("token", "t1"),), b'{"n":1,"list":["abc"],"key":"t1"}')


def test_a_reply_that_fits_is_let_through() -> None:
    (turn,) = turns(STORY)
    assert parts(turn.sent) == ("POST /x", ["A: b"], '{"a": 1}')
    known: dict[str, str] = {}
    judge(turn, GOOD, known)
    assert known == {"token": "t1"}
    assert fill("{token}/{", known) == "t1/{"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(201, GOOD.headers, GOOD.body),
        Reply(200, (), GOOD.body),
        Reply(200, (*GOOD.headers, ("set-cookie", "a=b")), GOOD.body),
        Reply(200, GOOD.headers, b'{"n":1,"list":["abc"],"key":"t2"}'),
        Reply(200, GOOD.headers, b'{"n":1,"list":["abc"],"key":"t1","more":1}'),
        Reply(200, GOOD.headers, b'{"n":1,"list":["abc"]}'),
        Reply(200, GOOD.headers, b'{"n":true,"list":["abc"],"key":"t1"}'),
        Reply(200, GOOD.headers, b'{"n":1,"list":["bc"],"key":"t1"}'),
        Reply(200, GOOD.headers, b'{"n":1,"list":["abc","d"],"key":"t1"}'),
    ],
)
def test_a_reply_that_differs_is_noticed(reply: Reply) -> None:
    (turn,) = turns(STORY)
    with pytest.raises(AssertionError):
        judge(turn, reply, {})


@pytest.mark.parametrize("story", ["< 200", "x", ">POST /x", "> GET /\n<200"])
def test_a_story_that_cannot_be_read_is_noticed(story: str) -> None:
    with pytest.raises(AssertionError):
        turns(story)
