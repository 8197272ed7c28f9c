"""A handler asked in both ways, where it has two: with `answer_nowait`, and as one that waits."""

import msgspec
from structlog.testing import capture_logs

from sessiongate.http.framing import write_reply
from sessiongate.http.message import Handler, Reply, Request, nowait_of

DATE = "Tue, 01 Dec 2026 12:00:00 GMT"


class BothWays:
    """Answers as the handler does that waits. What the other way says must be the same bytes."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.nowait = 0
        """How many requests were answered without waiting, too."""

    async def __call__(self, request: Request) -> Reply:
        copy = msgspec.structs.replace(request, headers=list(request.headers))
        answer_nowait = nowait_of(self._handler)
        with capture_logs() as logged:
            quick = None if answer_nowait is None else answer_nowait(copy)
        with capture_logs() as logged_waiting:
            reply = await self._handler(request)
        if quick is not None:
            self.nowait += 1
            assert sent(quick, copy) == sent(reply, request)
            assert (quick.undelivered, quick.download, quick.cut) == (None, None, None)
            assert (quick.close, quick.date) == (reply.close, reply.date)
            assert (copy.vouched, copy.upstream) == (request.vouched, request.upstream)
            assert logged == logged_waiting == [], "there is no request id without waiting"
        else:
            assert not logged
            assert copy.vouched is False
        return reply


def sent(reply: Reply, request: Request) -> bytes:
    """The reply as its client has it."""
    without_body = request.method == "HEAD"
    return write_reply(reply, DATE, close=False, without_body=without_body)
