"""What a command says of a server that cannot tell: not that the answer is no."""

import asyncio
import json
from pathlib import Path

import pytest

from sessiongate.cli.control_client import ask
from sessiongate.cli.output import Exit, Failed
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import listen
from sessiongate.http.message import Reply, Request
from sessiongate.operations.control_socket import socket_path
from tests.end_to_end.serving import run_here


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (404, b'{"error":"no live session has this key"}', Exit.REFUSED, "no live session"),
        (503, b'{"error":"the store does not answer"}', Exit.UNREACHABLE, "does not answer"),
        (500, b'{"Message":"An internal error occurred."}', Exit.UNREACHABLE, "An internal error"),
        (500, b"[]", Exit.UNREACHABLE, "no reason"),
        (502, b'{"error":"no connection"}', Exit.UPSTREAM, "cannot be reached: no connection"),
    ],
)
async def test_an_outage_is_no_refusal(
    status: int,
    body: bytes,
    code: Exit,
    said: str,
    tmp_path: Path,
) -> None:
    async def answer(_: Request) -> Reply:
        return Reply(status, (), body)

    listener = await listen(f"unix:{socket_path(tmp_path)}", answer, HttpLimits(), None)
    try:
        with pytest.raises(Failed) as left:
            await asyncio.to_thread(ask, tmp_path, "GET", "/sessions/x", object)
    finally:
        await listener.stop(HttpLimits().body_timeout)
    assert left.value.code is code
    assert any(said in sentence for sentence in left.value.sentences)


STEERING = "\x1b]0;x\x07\x9b2J\u202e"
SESSION = {
    "key": STEERING,
    "user": STEERING,
    "calls": STEERING,
    "user_agent": STEERING,
    "active_at": "2026-01-01T00:00:00Z",
    "login_at": "2026-01-01T00:00:00Z",
    "idle_seconds": 1,
    "seconds_left": 1,
}


@pytest.mark.parametrize(
    "answer",
    [
        {"error": STEERING, "Message": STEERING},
        {"count": STEERING, "ended": STEERING, "unlocked": STEERING},
        {STEERING: STEERING},
        [STEERING],
        [SESSION],
        [{**SESSION, "idle_seconds": STEERING}],
        [{**SESSION, "idle_seconds": 10**15}],
        [{**SESSION, "active_at": STEERING}],
        {"locked": {"local": STEERING}, "sessions": [STEERING]},
    ],
)
@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("form", ["table", "json"])
async def test_sec_80_no_answer_steers_the_terminal(
    answer: object, status: int, form: str, tmp_path: Path
) -> None:
    """Where root looks after somebody's directory, whoever owns it may answer at its socket."""

    async def answered(_: Request) -> Reply:
        return Reply(status, (), json.dumps(answer).encode())

    finished = []
    listener = await listen(f"unix:{socket_path(tmp_path)}", answered, HttpLimits(), None)
    try:
        for command in (
            "sessions list",
            "sessions list --wide",
            "sessions show k",
            "sessions terminate k",
            "sessions terminate --all --dry-run",
            "users unlock ada",
            "users list",
        ):
            words = [*command.split(), "--data-dir", str(tmp_path), "--output", form]
            finished.append(await asyncio.to_thread(run_here, *words))
    finally:
        await listener.stop(HttpLimits().body_timeout)
    for one in finished:
        assert one.code in set(Exit)
        for line in (one.out + one.err).split("\n"):
            assert line.isprintable()
