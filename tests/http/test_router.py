"""Which endpoint answers which path, and what happens when one breaks."""

from collections import Counter

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import SessionGateError
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.router import NOWHERE, Route, Routes, nowhere, refuse
from sessiongate.telemetry.request_id import current
from sessiongate.wire.vim.sdk_path import passed_over
from tests.each import each
from tests.http.requests import request


def answering(text: bytes) -> Handler:
    async def answer(_: Request) -> Reply:
        return Reply(200, body=text)

    return answer


def broken(_: Request, _error: SessionGateError | None) -> Reply:
    return Reply(500, body=b"in the dialect's form")


ROUTES = Routes(
    [
        Route("/sdk/vim25/", answering(b"json"), refuse),
        Route("/sdk", answering(b"soap"), refuse),
        Route("/sdk/", answering(b"more soap"), refuse),
        Route("/v1/", answering(b"zerto"), refuse, any_case=True),
        Route("/docs", answering(b"docs"), refuse, any_case=True),
    ],
    Route("", nowhere, refuse),
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
    routes = Routes([Route("/x", breaking, broken)], Route("", breaking, refuse))
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


@pytest.mark.parametrize(
    ("header", "status", "cause"),
    [
        ({"origin": "https://evil.example"}, 403, "foreign_origin"),
        ({"content_encoding": "gzip"}, 415, "encoded_body"),
    ],
)
async def test_what_no_endpoint_is_asked_is_counted_and_written_down(
    header: dict[str, str], status: int, cause: str
) -> None:
    refusals: Counter[str] = Counter()
    requests: Counter[tuple[str, int]] = Counter()
    routes = Routes(
        [Route("/x", breaking, refuse, dialect="soap")],
        Route("", breaking, refuse),
        requests,
        refusals,
    )
    assert refusals == {"foreign_origin": 0, "encoded_body": 0}
    with capture_logs() as logs:
        reply = await routes(request("POST", "/x", b"hunter2", host="gate", **header))
    assert reply.status == status
    assert +refusals == {cause: 1}
    assert requests == {("soap", status): 1}
    assert [(line["log_level"], line["cause"], line["dialect"]) for line in logs] == [
        ("debug", cause, "soap")
    ]
    assert "hunter2" not in repr(logs)
    assert "evil" not in repr(logs)


async def test_a_path_is_respelled_for_the_match_and_for_the_endpoint() -> None:
    async def told(asked: Request) -> Reply:
        return Reply(200, body=asked.path.encode())

    routes = Routes([Route("/sdk/", told, refuse)], Route("", nowhere, refuse), respell=passed_over)
    assert (await routes(request("POST", "//sdk//x"))).body == b"/sdk/x"
    assert (await routes(request("POST", "///sdk/x"))).status == 404


def test_a_route_says_whose_bodies_it_takes_as_they_come() -> None:
    up = Route("/up/", nowhere, refuse, streams=frozenset({"PUT"}))
    routes = Routes([up, Route("/", nowhere, refuse)], NOWHERE)
    assert routes.streams is not None
    said = [routes.streams(*one) for one in (("PUT", "/up/a"), ("POST", "/up/a"), ("PUT", "/a"))]
    assert said == [True, False, False]
    assert Routes([Route("/", nowhere, refuse)], NOWHERE).streams is None


class Quick:
    """Answers what has no query at once."""

    async def __call__(self, _: Request) -> Reply:
        return Reply(200, body=b"later")

    def answer_nowait(self, asked: Request) -> Reply | None:
        if asked.body:
            raise RuntimeError("a fault of ours")
        return None if asked.query else Reply(200, body=b"now")


async def test_what_needs_no_waiting_is_answered_at_once_and_counted() -> None:
    counts: Counter[tuple[str, int]] = Counter()
    table = [
        Route("/here", Quick(), refuse, dialect="here"),
        Route("/there", Quick(), broken, dialect="there"),
        Route("/tickets/", Quick(), refuse),
        Route("/slow", answering(b"slow"), refuse),
    ]
    routes = Routes(table, NOWHERE, counts)
    for path in ("/here", "/there"):
        reply = routes.answer_nowait(request("GET", path))
        assert reply is not None
        assert reply.body == b"now"
    for path in ("/here?a", "/slow", "/nowhere", "/tickets/52d3"):
        assert routes.answer_nowait(request("GET", path)) is None
    assert counts == {("here", 200): 1, ("there", 200): 1}


def test_what_waits_is_not_answered_by_another_route_and_no_path_is_respelled() -> None:
    first_waits = [Route("/sdk", answering(b"slow"), refuse), Route("/sdk", Quick(), refuse)]
    assert Routes(first_waits, NOWHERE).answer_nowait(request("GET", "/sdk")) is None
    routes = Routes([Route("/sdk", Quick(), refuse)], NOWHERE, respell=passed_over)
    assert routes.answer_nowait(request("GET", "/sdk")) is not None
    assert routes.answer_nowait(request("GET", "//sdk")) is None


@each("header", ["origin", "sec_fetch_site", "content_encoding", "x_request_id", "vapi_ctx_opid"])
async def test_what_is_looked_at_first_is_not_answered_at_once(header: str) -> None:
    routes = Routes([Route("/here", Quick(), refuse)], NOWHERE)
    assert routes.answer_nowait(request("GET", "/here", b"", "192.0.2.7", **{header: "x"})) is None


async def test_what_nobody_foresaw_is_told_at_once_too_and_leaves_no_id_behind() -> None:
    routes = Routes([Route("/there", Quick(), broken)], NOWHERE)
    with capture_logs() as lines:
        reply = routes.answer_nowait(request("POST", "/there", b"body"))
    assert reply is not None
    assert (reply.status, reply.body) == (500, b"in the dialect's form")
    assert [line["event"] for line in lines] == ["unforeseen error"]
    assert current.get() is None
