"""One HTTP/1.1 connection: its requests are handled and answered, one after the other.

`transport_connection` is its socket's side, and `request_reader` reads the requests. The next one
is not begun before the reply is written and the peer reads. It stands in HEAD at first and moves as
`states.MOVES` says; besides, each state leads to DONE:

    HEAD   -> BODY, STREAM, BUSY
    IDLE   -> HEAD, BODY, STREAM, BUSY
    BODY   -> BUSY, ASKING
    ASKING -> BODY
    STREAM -> BUSY
    BUSY   -> IDLE
"""

import asyncio
import math
import sys
from collections.abc import Coroutine
from contextlib import closing
from typing import Any

import structlog

from sessiongate.errors import SessionGateError
from sessiongate.http.bounds.admission import AcceptedSocket
from sessiongate.http.connection.body_stream import BodyStream
from sessiongate.http.connection.causes import REFUSAL_REPLIES
from sessiongate.http.connection.cut import cut_reply
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.reply_writer import PIECE
from sessiongate.http.connection.request_reader import RequestReader
from sessiongate.http.connection.send_queue import LARGE_SEND_BUFFER, SEND_BUFFER, reset, resize
from sessiongate.http.connection.states import At
from sessiongate.http.framing import Framing, Head, framing_of, write_head, write_reply
from sessiongate.http.message import CutOff, Download, NoWait, Reply, Request
from sessiongate.telemetry.tracebacks import traced

# Python 3.11 finds an enum's member through a descriptor; a dozen look-ups a request add up.
_IDLE, _STREAM, _BUSY, _DONE = At.IDLE, At.STREAM, At.BUSY, At.DONE


class Connection(RequestReader):
    """One peer, whose requests are handled and answered one after the other."""

    __slots__ = ("_streaming",)

    def __init__(self, edge: Edge, accepted: AcceptedSocket | None = None) -> None:
        super().__init__(edge, accepted)
        self._streaming = False
        """Whether a reply is being written that comes in pieces."""

    # What the event loop calls.

    def pause_writing(self) -> None:
        """The peer does not read fast enough: it gets no further reply for now."""
        held = self._writer.pause()
        edge = self._edge
        edge.admission.add_unread(self.accepted, held, edge.now(), known=self._vouched)
        if self._streaming:  # else nobody would miss a peer that stops in the middle
            self.due = edge.now() + edge.keep_alive

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone. What comes for it in pieces is asked for no longer."""
        super().connection_lost(exc)
        if self._streaming and self.task is not None:
            self.task.cancel()

    def resume_writing(self) -> None:
        """The peer has read what we held for it."""
        writer = self._writer
        writer.resume()
        if self._at is _DONE:
            return  # what the kernel has still counts
        self._edge.admission.clear_unread(self.accepted)
        if self._streaming:
            self.due = math.inf
            return
        if self._at is _IDLE:
            self.due = self._edge.now() + self._edge.keep_alive
        if writer.unfinished:
            if writer.send_on():
                self._on_written()
            return
        self._advance()
        self._check_budget()

    def kill(self) -> None:
        """The listener's grace is over. A body that has no other end must not look whole."""
        if self._streaming:
            reset(self._transport)
        super().kill()

    # The handler.

    def _handle(self, head: Head, body: bytes, upload: BodyStream | None = None) -> None:
        request = self._peer.request(head, body)
        nowait = self._edge.nowait
        if nowait is not None and upload is None and self._answered_nowait(nowait, request, head):
            return
        if self._replaceable:
            self._mark_busy()
        self._at = _BUSY if upload is None else _STREAM
        self.due = math.inf
        request.when_gone = self._when_gone
        request.upload = upload
        _start(self, self._answer(request, head))

    def _answered_nowait(self, nowait: NoWait, request: Request, head: Head) -> bool:
        """Answer in this step, where there is time in the turn and nothing has to be waited for.

        It saves the task, the coroutines and a second step of the loop: a third of a check.
        """
        edge = self._edge
        if not (self._has_turn or edge.admission.turns.are_free(edge.now)):
            return False
        self._at = _BUSY
        try:
            reply = nowait(request)
            if reply is None:
                return False
            close = reply.close or not head.keep_alive or edge.stopping or self._cut
            prepare = write_reply if len(reply.body) <= PIECE else self._writer.prepare
            without_body = request.method == "HEAD"
            data = prepare(reply, edge.date, close=close, without_body=without_body)
        except Exception as error:  # noqa: BLE001  the server's last net
            close, data = True, self._failed(request, error)
        self._has_turn = False
        if request.vouched and not self._vouched:
            self._vouched = self._buffer.keeps = True
            if self._replaceable:
                self._mark_busy()
        self._finish(data, close)
        return True

    def _failed(self, request: Request, error: Exception) -> bytes:
        structlog.get_logger().error("handler failed", **traced(error))
        without_body = request.method == "HEAD"
        return write_reply(
            REFUSAL_REPLIES[500], self._edge.date, close=True, without_body=without_body
        )

    async def _answer(self, request: Request, head: Head) -> None:
        edge = self._edge
        without_body = request.method == "HEAD"
        try:
            if self._has_turn:
                self._has_turn = False
            elif not edge.admission.turns.are_free(edge.now):
                await self.queue(request.headers)
                if self._at is _DONE:  # nobody would read the reply, and nothing has begun
                    self.task = None
                    self._drop()
                    return
            reply = await edge.handler(request)
            if reply.cut is not None:
                self._break_off(reply, reply.cut, without_body=without_body)
                return
            undelivered = reply.undelivered
            if not self._vouched and (request.vouched or undelivered is not None):
                self._vouched = self._buffer.keeps = True
            if undelivered is not None and self._at is _DONE:
                undelivered()
            early = self._upload is not None and self._abandon_upload()
            close = reply.close or not head.keep_alive or edge.stopping or self._cut or early
            if reply.download is not None:
                await self._stream(reply, reply.download, head, close=close)
                return
            prepare = write_reply if len(reply.body) <= PIECE else self._writer.prepare
            data = prepare(reply, edge.date, close=close, without_body=without_body)
        except asyncio.CancelledError:
            self.task = None
            self._drop()
            raise
        except Exception as error:  # noqa: BLE001  the server's last net
            self._abandon_upload()
            close, data = True, self._failed(request, error)
        self.task = None
        self._on_gone = None
        self._finish(data, close)

    def _break_off(self, reply: Reply, cut: CutOff, *, without_body: bool) -> None:
        """Write a part of the reply, and end the connection."""
        if self._upload is not None:
            self._abandon_upload()
        data = cut_reply(reply, cut, self._edge.date, without_body=without_body)
        self.task = None
        self._on_gone = None
        if cut.reset and self._at is not _DONE:
            self._transport.write(data)
            reset(self._transport)
            self._abort()
        self._finish(data, close=True)

    async def _stream(self, reply: Reply, download: Download, head: Head, *, close: bool) -> None:
        """Write a reply whose body comes in pieces. What breaks it ends the connection."""
        with closing(download):
            framing = framing_of(head, reply.status, download.length)
            close = close or framing is Framing.CLOSE
            data = write_head(reply, self._edge.date, download.length, framing, close=close)
            if self._at is not _DONE:
                self._transport.write(data)
                if framing is not Framing.NONE:
                    await self._stream_body(download, framing)
        self.task = None
        self._on_gone = None
        self._finish(b"", close or self._edge.stopping)

    async def _stream_body(self, download: Download, framing: Framing) -> None:
        self._streaming, self._on_gone = True, None
        resize(self._transport, LARGE_SEND_BUFFER)
        try:
            await self._writer.stream(download, framing)
        except asyncio.CancelledError:
            reset(self._transport)
            raise
        except Exception as error:  # noqa: BLE001  the last net: the peer has had a part of it
            known = isinstance(error, SessionGateError)
            details = {"why": str(error)} if known else traced(error)
            structlog.get_logger().warning("a reply broke off in the middle", **details)
            if self._at is not _DONE:
                reset(self._transport)
                self._abort()
        finally:
            self._streaming = False
            self.due = math.inf
            resize(self._transport, SEND_BUFFER)

    # Its reply.

    def _finish(self, data: bytes, close: bool) -> None:
        held = self._held_request
        if held.small or held.head or held.body or held.recognised:
            held.end()
        if self._at is _DONE:  # its peer is gone, or is about to be told so
            self._check_budget()
            if self._gone:
                self._edge.forget(self)
            return
        self._at = _IDLE
        if self.accepted.held:  # what was held of the request is let go, whenever the reply is read
            self._check_budget()
        self._last = close
        edge = self._edge
        now = edge.now()
        self.due = now + edge.keep_alive
        if not self._vouched:
            self._replaceable = True
            edge.admission.mark_idle(self.accepted, now)
        if data:
            self._transport.write(data)
        if self._writer.unsent is not None and not self._writer.send_on():
            return
        if close or self._cut or self._buffer.rest or self._paused or self._eof:
            self._on_written()

    def _on_written(self) -> None:
        """The reply is written."""
        if self._at is _DONE:
            return  # it was closed for what others leave unread
        if self._last or self._cut:
            if self._buffer.rest or self._buffer.head is not None:
                self._linger()
            else:
                self._close()
            return
        self._advance()
        self._check_budget()


def _start(connection: Connection, work: Coroutine[Any, Any, None]) -> None:
    """Run the handler: from Python 3.12 on at once, else from the next turn of the loop.

    Driving the coroutine's first step by hand would do so on 3.11 too, and was measured to save
    at most 0.5 of 12 microseconds a request. But it would run without a current task, and break
    each handler that opens asyncio.timeout() or a TaskGroup before it first waits.
    """
    loop = connection._edge.loop
    if sys.version_info >= (3, 12):
        task = asyncio.Task(work, loop=loop, name="request", eager_start=True)
        if task.done():
            return
    else:
        task = asyncio.Task(work, loop=loop, name="request")
    connection.task = task
