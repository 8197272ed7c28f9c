"""The id of a request: whose it is, what is taken from a client, and which log lines have it."""

import asyncio

import pytest

from sessiongate.telemetry.request_id import RequestId, add_to_line, adopt, current
from tests.each import each

FIT = ["a", "52e7-1f", "k2:esxcli@4.b_c/d+e=", "x" * 128]
UNFIT = ["", "x" * 129, "a b", "a\r\nSet-Cookie: b", "a\n", "ä", "\x1b[31m", '"', "<a>", "%0a"]


def line_now() -> dict[str, object]:
    """A log line written at this moment."""
    return dict(add_to_line(None, "info", {"event": "x"}))


@pytest.mark.parametrize("text", FIT)
def test_a_harmless_id_is_taken(text: str) -> None:
    identity = RequestId(text)
    assert (identity.brought, str(identity)) == (text, text)


@each("text", UNFIT)
def test_any_other_is_replaced(text: str) -> None:
    identity = RequestId(text)
    assert identity.brought == ""
    made = str(identity)
    assert made
    assert made != text
    assert made.isalnum()
    assert str(identity) == made


def test_each_request_has_an_id_of_its_own() -> None:
    assert len({str(RequestId()) for _ in range(100)}) == 100


def test_an_id_in_the_body_is_taken_where_none_came_before() -> None:
    empty, full = RequestId(), RequestId("first")
    for identity in (empty, full):
        identity.adopt("second")
    assert (str(empty), str(full)) == ("second", "first")


@each("text", UNFIT)
def test_an_unfit_id_in_the_body_is_left(text: str) -> None:
    identity = RequestId()
    identity.adopt(text)
    assert identity.brought == ""


async def test_lines_have_the_id_of_the_request_being_answered() -> None:
    async def answer(name: str) -> list[object]:
        current.set(RequestId(name))
        before = line_now()["request_id"]
        await asyncio.sleep(0)
        return [before, line_now()["request_id"]]

    one, two = await asyncio.gather(answer("one"), answer("two"))
    assert (one, two) == (["one", "one"], ["two", "two"])
    assert line_now() == {"event": "x"}


async def test_who_answers_no_request_adopts_nothing() -> None:
    async def answer() -> object:
        current.set(RequestId())
        adopt("from-the-body")
        return line_now()["request_id"]

    assert adopt("lost") == ""
    assert "request_id" not in line_now()
    assert await asyncio.create_task(answer()) == "from-the-body"


@pytest.mark.parametrize("text", FIT)
async def test_a_harmless_id_in_the_body_is_given_back(text: str) -> None:
    async def answer(brought: str | None) -> str:
        current.set(RequestId(brought))
        return adopt(text)

    assert await asyncio.create_task(answer(None)) == text
    # The one of a header is given back anyway, and goes before.
    assert await asyncio.create_task(answer("first")) == ""


@each("text", UNFIT)
async def test_for_any_other_in_the_body_ours_is_given_back(text: str) -> None:
    async def answer() -> tuple[str, object]:
        current.set(RequestId())
        return adopt(text), line_now()["request_id"]

    given, logged = await asyncio.create_task(answer())
    assert given == logged
    assert given.isalnum()
    assert given != text
