"""What a command says of a server that cannot tell: not that the answer is no."""

import asyncio
from pathlib import Path

import pytest

from sessiongate.cli.control_client import ask
from sessiongate.cli.output import Exit, Failed
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listener import listen
from sessiongate.http.message import Reply, Request
from sessiongate.operations.control import socket_path


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (404, b'{"error":"no live session has this key"}', Exit.REFUSED, "no live session"),
        (503, b'{"error":"the store does not answer"}', Exit.UNREACHABLE, "does not answer"),
        (500, b'{"Message":"An internal error occurred."}', Exit.UNREACHABLE, "An internal error"),
        (500, b"[]", Exit.UNREACHABLE, "no reason"),
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
            await asyncio.to_thread(ask, tmp_path, "GET", "/sessions/x")
    finally:
        await listener.stop(HttpLimits().body_timeout)
    assert left.value.code is code
    assert any(said in sentence for sentence in left.value.sentences)
