"""Replies of `/sdk` that are too large to be whole in memory: judged and rewritten as they come.

A part ends with an end tag, so that no tag and no text is cut: what is searched for stands in one.
What a part shows that the client may not see ends the reply there, since its head has gone out.
Bounds of memory: a part is as large as what has come at once, or as the longest text.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import structlog

from sessiongate.errors import OutcomeUnknown, SessionGateError
from sessiongate.upstream.connection import IncomingReply
from sessiongate.upstream.exchange import LargeAnswer
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.relayed_reply import whole_elements

ENOUGH = 1024 * 1024
"""Bytes up to which a reply is whole in memory."""

LONGEST_TEXT = 4 * 1024 * 1024
"""Bytes of a part of a reply in which no element ends."""

Judge = Callable[[bytes], bytes]
"""A part of a body as the client may have it. Raises where it may not see it."""

_log = structlog.get_logger(__name__)


class StreamedAnswer(Answer, frozen=True):
    """An answer whose body is on its way."""

    reply: "LargeReply"


class LargeReply:
    """The body of one. `gap` is how many seconds may pass in which nothing of it comes."""

    def __init__(
        self, ready: bytes, held: bytes, left: IncomingReply, judge: Judge, gap: float
    ) -> None:
        """`ready` was judged, `held` comes before what is `left`."""
        self._ready = ready
        self._held = held
        self._left = left
        self._judge = judge
        self._gap = gap
        self._done: Callable[[str, int], None] = lambda _, __: None
        self._look: Callable[[bytes], None] = lambda _: None
        self._closed = False
        self.taken = False
        """Whether somebody closes it who reads it."""
        self._result = "gone"
        self._passed = 0

    @property
    def length(self) -> int | None:
        """How many bytes it has, where the upstream has said so: nothing changes it."""
        return self._left.length

    def when_done(self, done: Callable[[str, int], None]) -> None:
        """Have `done` called in the end with what became of it, and how many bytes went out."""
        self._done = done

    def when_passed(self, look: Callable[[bytes], None]) -> None:
        """Have `look` called with each part before it goes out."""
        self._look = look

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body. Raises OutcomeUnknown where it breaks, or shows what no client may see."""
        try:
            async with aclosing(self._parts()) as parts:
                async for part in parts:
                    self._look(part)
                    self._passed += len(part)
                    yield part
        except SessionGateError as error:
            self._result = "unknown"
            _log.warning("a large reply breaks off", why=str(error))
            raise OutcomeUnknown(str(error)) from None
        self._result = "ok"

    def close(self) -> None:
        """Take no more of it. Idempotent."""
        if not self._closed:
            self._closed = True
            self._left.close()
            self._done(self._result, self._passed)

    async def _parts(self) -> AsyncGenerator[bytes]:
        if self._closed:
            raise OutcomeUnknown("it was given up")
        ready, held = self._ready, self._held
        self._ready = self._held = b""
        yield ready
        del ready
        async with aclosing(self._left.pieces(self._gap)) as pieces:
            async for piece in pieces:
                held = _longer(held, piece)
                if end := whole_elements(held):
                    part, held = held[:end], held[end:]
                    yield self._judge(part)
        if held:
            yield self._judge(held)


async def begin_large_reply(
    answer: LargeAnswer, judge_first: Judge, judge: Judge, gap: float
) -> LargeReply:
    """The body of an answer, of which the first part is judged at once.

    Raises what that shows, and OutcomeUnknown where the body breaks before an element has ended.
    """
    held = answer.body
    end = whole_elements(held)
    if not end:
        async with aclosing(answer.left.pieces(gap)) as pieces:
            async for piece in pieces:
                held = _longer(held, piece)
                if end := whole_elements(held):
                    break
    end = end or len(held)
    return LargeReply(judge_first(held[:end]), held[end:], answer.left, judge, gap)


def _longer(held: bytes, piece: bytes) -> bytes:
    if len(held) > LONGEST_TEXT:
        raise OutcomeUnknown(f"a text of more than {LONGEST_TEXT} bytes")
    return held + piece
