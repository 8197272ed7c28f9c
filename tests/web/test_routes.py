"""Which endpoint answers which path, and what happens when one breaks."""

import pytest
from structlog.testing import capture_logs

from sessiongate.web.http import Handler, Reply, Request
from sessiongate.web.routes import Route, Routes, nowhere, unforeseen
from tests.web.requests import request


def answering(text: bytes) -> Handler:
    async def answer(_: Request) -> Reply:
        return Reply(200, body=text)

    return answer


def broken(_: Request) -> Reply:
    return Reply(500, body=b"in the dialect's form")


ROUTES = Routes(
    [
        Route("/sdk/vim25/", answering(b"json"), unforeseen),
        Route("/sdk", answering(b"soap"), unforeseen),
        Route("/sdk/", answering(b"more soap"), unforeseen),
        Route("/v1/", answering(b"zerto"), unforeseen, any_case=True),
        Route("/docs", answering(b"docs"), unforeseen, any_case=True),
    ],
    Route("", nowhere, unforeseen),
)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/sdk/vim25/8.0.3.0/x", b"json"),
        ("/sdk", b"soap"),
        ("/sdk/", b"more soap"),
        ("/sdk/vim25", b"more soap"),
        ("/sdk/VIM25/8.0.3.0/x", b"more soap"),
        ("/v1/session", b"zerto"),
        ("/V1/Session", b"zerto"),
        ("/docs", b"docs"),
        ("/DOCS", b"docs"),
    ],
)
async def test_paths_find_their_endpoint(path: str, answer: bytes) -> None:
    assert (await ROUTES(request("GET", path))).body == answer


@pytest.mark.parametrize(
    "path", ["/", "/SDK", "/sdkx", "/v1", "/%76%31/session", "//sdk", "/docs/", "/./sdk", "/v1%2f"]
)
async def test_other_paths_are_nowhere(path: str) -> None:
    reply = await ROUTES(request("GET", path))
    assert reply.status == 404
    assert path.encode() not in reply.body or path == "/"


async def breaking(_: Request) -> Reply:
    raise KeyError("hunter2")


async def test_what_nobody_foresaw_is_logged_and_told_in_general_words() -> None:
    routes = Routes([Route("/x", breaking, broken)], Route("", breaking, unforeseen))
    with capture_logs() as logs:
        reply = await routes(request("POST", "/x", b"hunter3"))
        other = await routes(request("POST", "/y"))
    assert (reply.status, reply.body) == (500, b"in the dialect's form")
    assert other.status == 500
    assert b"hunter" not in other.body
    assert [line["event"] for line in logs] == ["unforeseen error", "unforeseen error"]
    assert [line["error"] for line in logs] == ["KeyError", "KeyError"]
    assert "breaking" in logs[0]["at"][-1]
    assert "hunter" not in repr(logs)
