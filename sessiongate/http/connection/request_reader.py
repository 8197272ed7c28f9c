"""What comes over a connection becomes requests: whole, in order, within limits and budgets.

Decides when to read on, wait, ask whose a request is, or refuse it. What a message is, `framing`
decides, and how large a caller's may be, `callers`.
"""

import asyncio
import math
from collections.abc import Callable
from typing import cast

from sessiongate.errors import Malformed
from sessiongate.http.bounds.admission import AcceptedSocket, Headers
from sessiongate.http.bounds.loop_turns import Waiter
from sessiongate.http.connection.callers import (
    Callers,
    Verdict,
    judge_begun,
    judge_declared,
    why_refused,
)
from sessiongate.http.connection.causes import ANONYMOUS_BODY, NO_BUDGET
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.held_request import SMALL, SMALL_HEAD
from sessiongate.http.connection.states import At
from sessiongate.http.connection.upload_reader import UploadReader
from sessiongate.http.framing import Head
from sessiongate.http.request_buffer import BufferState

# Bytes of further requests that we hold while one is handled, before we stop reading: one socket
# buffer's worth. More would only move the peer's queue into our memory.
_HOLD = 65536

# Steps (an empty line, a head, a body or some chunks of it: at most so many replies) that one
# connection gets before the others have their turn, even where there is time. Without a bound, one
# peer that pipelines would be served for as long as it sends, and nobody else.
STEPS_A_TURN = 16

# More than so many bytes are worked on only while there is time in the turn of the loop: it took
# 15 milliseconds to put together a body of 9,000 chunks. Most requests are smaller.
_CHEAP = 1024

# Questions about callers that may be open at once while the budget is used up: until each is
# answered, in a later turn, its request is held.
_ASKING_AT_ONCE = 32

# Python 3.11 finds an enum's member through a descriptor; a dozen look-ups a request add up.
_HEAD, _IDLE, _BODY, _ASKING, _STREAM, _BUSY, _DONE = At

# Where what has come may be let go again: nobody works on it yet.
_UNFINISHED = (_HEAD, _IDLE, _BODY)


class RequestReader(UploadReader):
    """Reads one request at a time. What is done with it, `_handle` says."""

    __slots__ = ("_advancing", "_cut", "_has_turn")

    def __init__(self, edge: Edge, accepted: AcceptedSocket | None = None) -> None:
        super().__init__(edge, accepted)
        self._advancing = False
        self._has_turn = False
        """Whether it has waited for its turn, so that its next request need not."""
        self._cut = False
        """Whether requests that had come were dropped, so that the next reply is the last."""

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come."""
        super().connection_made(transport)
        self.accepted.shed = self._release_held

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        at = self._at
        if at is _DONE:
            self._drop_bytes(len(data))
            return
        buffer, held, writer = self._buffer, self._held_request, self._writer
        if (
            at is _IDLE
            and len(data) <= _CHEAP
            and not (buffer.rest or writer.stalled or self._queued)
        ):
            # One small request after the other, as nearly all come: of `_advance` its first step
            # is all there is to do.
            buffer.rest = data
            self._advancing = True
            try:
                self._read_head()
            except Malformed as error:
                self._refuse(f"malformed_{error}")
            finally:
                self._advancing = False
            at = self._at
            goes_on = at is _BUSY or (at is _IDLE and not (self._paused or self._eof))
            if goes_on and not (buffer.rest or held.head or held.body):
                return
        else:
            buffer.add(data)
        at = self._at
        if at is _BUSY or at is _ASKING or writer.stalled or self._queued:
            if len(buffer.rest) > _HOLD:
                self._pause()
                self._tell_gone()
        else:
            self._advance()
        if buffer.rest or held.head or held.body or self.accepted.held or buffer.chunks is not None:
            self._check_budget()

    def eof_received(self) -> bool:
        """The peer says no more. What it has asked is still answered, except over TLS.

        Whoever only waits for something to happen takes it for gone: a client that leaves looks
        like this until it is written to.
        """
        self._eof = True
        self._tell_gone()
        writer, secure = self._writer, self._peer.secure
        if self._at is _DONE:
            return not secure and writer.undelivered() > 0
        busy = self._at is _BUSY or writer.stalled or self._queued
        if (busy and not secure) or writer.unfinished:
            return True
        if self._at is _STREAM and not secure:
            self._pace()
            return True
        if secure or not writer.undelivered():
            return False
        self._close()
        return True

    # How far it reads.

    def _advance(self) -> None:
        """Go on with what has come, as far as it reaches, and as far as others can wait."""
        if self._advancing or self._queued:
            return
        buffer, writer = self._buffer, self._writer
        dear = len(buffer.rest) > _CHEAP or buffer.chunks is not None
        if dear and not (self._has_turn or self._is_free()):
            self._wait()
            return
        self._advancing = True
        steps = 0
        try:
            while buffer.rest and not writer.stalled:
                if steps and (steps >= STEPS_A_TURN or not self._is_free()):
                    self._wait()
                    return
                steps += 1
                at = self._at
                if at is _IDLE or at is _HEAD:
                    moved = self._read_head()
                elif at is _BODY:
                    moved = self._read_body()
                elif at is _STREAM:
                    moved = self._read_piece()
                else:
                    break
                if not moved:
                    break
        except Malformed as error:
            self._refuse(f"malformed_{error}")
        finally:
            self._advancing = False
        at = self._at
        if at is _BUSY:
            if self._on_gone is not None:
                self._read_on()
            return
        self._has_turn = False
        if at is _STREAM:
            self._pace()
            return
        if at is _ASKING or at is _DONE or writer.stalled:
            return
        self._read_on()
        if self._eof:
            self._close()

    def _is_free(self) -> bool:
        """Whether there is time in this turn of the loop."""
        edge = self._edge
        return edge.admission.turns.are_free(edge.now)

    def _when_gone(self, tell: Callable[[], None]) -> None:
        """Call this once the peer leaves, or sends more than is held, before the reply.

        Reading goes on till then: nobody would see a peer leave of whom nothing is read.
        """
        if self._at is _DONE or (self._at is _BUSY and len(self._buffer.rest) > _HOLD):
            tell()
            return
        super()._when_gone(tell)
        if self._on_gone is not None and self._at is _BUSY:
            self._read_on()

    def queue(self, headers: Headers = ()) -> Waiter:
        """Wait for its turn among all connections, with a request of these headers or with none."""
        edge = self._edge
        return edge.admission.queue(self.accepted, edge.now, known=self._vouched, headers=headers)

    def take_turn(self) -> None:
        """It has waited: what comes next is worked on."""
        self._has_turn = True

    def _wait(self) -> None:
        """Go on when it is its turn; read no more till then.

        Without the pause, what a fast peer sends would come in faster than it is answered.
        """
        self._queued = True
        self._pause()
        self.queue().add_done_callback(self._go_on)

    def _go_on(self, _: Waiter) -> None:
        self._queued = False
        self._has_turn = True
        if self._at is not _DONE:
            self._advance()
            self._check_budget()
            if self._edge.shut:
                self.retire()

    def _read_head(self) -> bool:
        """True when something was eaten, False when more must come first."""
        edge, buffer = self._edge, self._buffer
        limits = edge.limits
        head = buffer.take_head(limits.header_bytes, limits.header_count)
        # Of its exact type, as nearly always: a state is asked slowly.
        if not isinstance(head, Head):
            if head is BufferState.TOO_LARGE:
                self._refuse("head_too_large")
            elif head is BufferState.TOO_MANY:
                self._refuse("head_too_large", "too many headers")
            elif head is BufferState.MORE and self._at is _IDLE:
                self._at = _HEAD
                self.due = edge.now() + edge.header_timeout
            return head is BufferState.LINE
        if head.takes > SMALL_HEAD:
            self._held_request.begin(head)
        length = head.length
        if len(head.headers) > limits.header_count:
            self._refuse("head_too_large", "too many headers")
        elif length == 0 and not self._held_request.head:
            self._handle(head, b"")
        elif length == 0:
            self._complete(head, b"")
        elif edge.streams is not None and edge.streams(head.method, head.path):
            self._hand_on(head)
        elif length is None or length > SMALL or length > edge.unasked:
            self._expect_body(head)
        elif (body := buffer.take_small(length)) is not None:
            self._complete(head, body)
        else:
            self._expect_body(head)
        return True

    def _expect_body(self, head: Head) -> None:
        limits, callers = self._edge.limits, self._edge.callers
        verdict = judge_declared(head, limits, callers)
        if verdict is Verdict.TOO_LARGE:
            self._refuse("body_too_large", "as declared")
            return
        self._buffer.expect(head, self._edge.unasked, limits.header_bytes)
        self._at = _BODY
        if verdict is Verdict.ASK:
            self._ask(ANONYMOUS_BODY, head)
        else:
            self._expect()

    def _expect(self) -> None:
        """Have the peer send the body."""
        self._at = _BODY
        self.due = self._edge.now() + self._edge.body_timeout
        head = self._buffer.head
        if head is not None and head.expects_continue and not self._buffer.rest:
            head.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> bool:
        buffer, edge = self._buffer, self._edge
        head = cast("Head", buffer.head)
        body = buffer.take_body()
        if not isinstance(body, BufferState):
            self._complete(head, body)
            return True
        if body is BufferState.MORE or body is BufferState.SOME:
            return body is BufferState.SOME
        verdict = judge_begun(head, buffer, edge.limits, edge.callers)
        if verdict is Verdict.ASK:
            self._ask(ANONYMOUS_BODY, head)
        elif verdict is Verdict.FITS:
            return self._allow()
        elif verdict is Verdict.TOO_LARGE:
            self._refuse("body_too_large", "in chunks")
        return False

    def _allow(self) -> bool:
        """Take a body as large as anybody may send. False where it is larger even than that."""
        if self._buffer.allow(self._edge.limits.body):
            return True
        self._refuse("body_too_large", "in chunks")
        return False

    def _complete(self, head: Head, body: bytes) -> None:
        """A request has come whole. A large one is taken where the budget has room for it."""
        held = self._held_request
        if not held.head and len(body) <= SMALL:
            held.take_small(len(body))
            self._handle(head, body)
            return
        held.body = len(body)
        if held.head + held.body <= SMALL or held.recognised or held.fits(unfinished=True):
            self._handle(head, body)
        elif self._edge.callers is None or self._edge.admission.asking >= _ASKING_AT_ONCE:
            held.body = 0
            self._refuse(NO_BUDGET)
        else:
            self._ask(NO_BUDGET, head, body)

    # Whose it is, and what is held until that is known.

    def _ask(self, cause: str, head: Head, body: bytes | None = None) -> None:
        """Find out whether the caller is known, and read nothing meanwhile; refuse if not.

        `body`: the whole of it, where it has come.
        """
        self._mark_busy()
        self._at = _ASKING
        self.due = math.inf
        self._pause()
        self._edge.admission.asking += 1
        work = self._identify_caller(head, cause, body)
        self.task = asyncio.Task(work, loop=self._edge.loop, name="caller")
        self.task.add_done_callback(self._on_caller_known)

    def _on_caller_known(self, task: asyncio.Task[None]) -> None:
        self._edge.admission.asking -= 1
        if task.cancelled():  # perhaps without having run at all
            self._on_cancelled(task)

    async def _identify_caller(self, head: Head, cause: str, body: bytes | None) -> None:
        callers = cast("Callers", self._edge.callers)
        refusal = await why_refused(callers, self._peer.request(head, b""), cause)
        self.task = None
        self._held_request.end()
        if self._at is _DONE:  # it has left, or was closed meanwhile and is about to be told so
            self._check_budget()
            if self._gone:
                self._edge.forget(self)
        elif refusal is not None:
            self._refuse(refusal)
        else:
            self._held_request.recognised = True
            if body is not None:
                self._at = _BODY
                self._handle(head, body)
                self._check_budget()
            elif self._allow():
                self._expect()
                self._advance()
                self._check_budget()

    def _check_budget(self) -> None:
        """Count what is held of requests, and refuse what is too much."""
        if self._held_request.is_too_much(unfinished=self._at in _UNFINISHED):
            self._release_held()

    def _release_held(self) -> None:
        """Let go of what is held, as far as it is not being worked on."""
        at = self._at
        if at is _STREAM:
            self._refuse(NO_BUDGET)
            return
        many = self._edge.admission.asking >= _ASKING_AT_ONCE
        asks = self._edge.callers is not None and not (many or self._held_request.recognised)
        head = self._buffer.head
        if at is _BODY and head is not None and asks:
            self._ask(NO_BUDGET, head)
        elif at is _ASKING and many and self.task is not None:
            self._note(NO_BUDGET, "closed without a word")
            self.task.cancel()
            self._held_request.release(handled=False)
        elif (at is _BUSY or self._writer.unfinished) and self._buffer.rest:
            # Whoever sends further requests before the reply may have to send them again.
            self._buffer.rest = b""
            self._cut = True
            self._check_budget()
        elif at in _UNFINISHED:
            self._refuse(NO_BUDGET)
