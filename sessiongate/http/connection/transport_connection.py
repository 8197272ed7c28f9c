"""The socket side of an HTTP connection: how it is let in, what is held for it, how it is closed.

It knows of no request: `request_reader` reads them, and `connection` has them answered.
"""

import asyncio
import math
from collections.abc import Callable
from typing import cast

from sessiongate.http.bounds.admission import AcceptedSocket
from sessiongate.http.connection.body_stream import BodyStream
from sessiongate.http.connection.causes import CAUSES, REFUSAL_REPLIES
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.held_request import HeldRequest
from sessiongate.http.connection.peer import Peer, address_at
from sessiongate.http.connection.reply_writer import ReplyWriter
from sessiongate.http.connection.send_queue import discard, end_of_writing
from sessiongate.http.connection.states import At
from sessiongate.http.framing import write_reply
from sessiongate.http.refusal_log import note
from sessiongate.http.request_buffer import RequestBuffer

# How long after a refusal we go on reading, and drop what we read. Closing on unread bytes makes
# the kernel send a reset, and the peer would lose the reply that tells it why.
_LINGER = 2.0

# How long a peer has for its goodbye over TLS: five seconds, of which the next sweep may take one.
GOODBYE = 4.0

# How many bytes of that are read and dropped; then nothing more is read, and the peer's sending
# comes to rest. What was on its way when we refused is less: Linux holds up to 6 MiB for a receiver
# (net.ipv4.tcp_rmem). Who sends more has had our reply before, and a gigabyte costs us a second.
DROPPED = 8 * 1024 * 1024

# Connections above the cap that still get a 503. Beyond, words would cost more than they help.
REFUSED_WITH_A_REPLY = 32

# Python 3.11 finds an enum's member through a descriptor; a dozen look-ups a connection add up.
_HEAD, _IDLE, _BODY, _STREAM, _DONE = At.HEAD, At.IDLE, At.BODY, At.STREAM, At.DONE


class TransportConnection(asyncio.Protocol):
    """One peer. Small while idle: no parser, no task, no buffer but a known caller's last head."""

    __slots__ = (
        "_at",
        "_buffer",
        "_dropped",
        "_edge",
        "_eof",
        "_gone",
        "_held_request",
        "_last",
        "_on_gone",
        "_paused",
        "_peer",
        "_queued",
        "_read_at",
        "_replaceable",
        "_transport",
        "_upload",
        "_vouched",
        "_was_let_in",
        "_writer",
        "accepted",
        "due",
        "refusing",
        "task",
    )
    _transport: asyncio.Transport
    _peer: Peer
    _writer: ReplyWriter
    _held_request: HeldRequest
    _read_at: float
    """When the peer was last seen to read, once this side is closed."""
    accepted: AcceptedSocket
    """As which the `Admission` counts it."""

    def __init__(self, edge: Edge, accepted: AcceptedSocket | None = None) -> None:
        """With `accepted`, somebody else has let this peer in: by a TLS handshake that goes on."""
        self._edge = edge
        self._was_let_in = accepted is not None
        if accepted is not None:
            self.accepted = accepted
        self._at = _HEAD
        self._buffer = RequestBuffer()
        self._dropped = 0
        """Bytes that have come after the last that was looked at."""
        self._paused = False
        """Whether nothing is read for now."""
        self._eof = False
        self._gone = False
        self._queued = False
        """Whether others have their turn before it goes on with what has come."""
        self._last = False
        """Whether it closes after the reply that was written last."""
        self._replaceable = True
        """Whether others may have its place: nothing is under way, and nobody knows it."""
        self._vouched = False
        """Whether a caller with a live session has asked by it."""
        self._on_gone: Callable[[], None] | None = None
        """Called if the peer leaves before the reply to the request under way."""
        self._upload: BodyStream | None = None
        """The body on its way, where it is handed on."""
        self.refusing = False
        """Whether it is one of those above the cap that are told so."""
        self.task: asyncio.Task[None] | None = None
        """What is under way for its request."""
        self.due = math.inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come (and, over TLS, has shaken hands)."""
        edge = self._edge
        self._transport = cast("asyncio.Transport", transport)
        now = edge.now()
        self.due = now + edge.header_timeout
        edge.connections.add(self)
        refusal = None
        if self._was_let_in:
            self.accepted.end = self._abort
            edge.admission.handshake_done(self.accepted, now)
        else:
            self.accepted = AcceptedSocket(address_at(transport), now, self._abort)
            refusal = edge.admission.admit(self.accepted)
        self._peer = Peer(transport, self.accepted.address, edge.unix_path)
        self._writer = ReplyWriter(self._transport)
        self.accepted.count_unread = self._writer.to_read
        self._held_request = HeldRequest(
            edge, self.accepted, self._buffer, secure=self._peer.secure
        )
        if edge.shut:
            self._abort()
        elif refusal is not None:
            self._turn_away(refusal)

    def _turn_away(self, cause: str) -> None:
        """There is no room: say so to some, and close."""
        edge = self._edge
        if edge.refusing >= REFUSED_WITH_A_REPLY:
            self._note(cause, "closed without a word")
            self._abort()
            return
        edge.refusing += 1
        self.refusing = True
        self._refuse(cause)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone. A handler at work goes on: a login is not half cancelled."""
        self._gone = True
        if self._on_gone is not None:
            self._tell_gone()
        self._at = _DONE
        if self._upload is not None:
            self._cut_upload("its client has left")
        self.due = math.inf
        self._writer.drop()
        self._edge.admission.clear_unread(self.accepted)
        self._held_request.release(handled=self.task is not None)
        if self.task is None:
            self._edge.forget(self)

    def _when_gone(self, tell: Callable[[], None]) -> None:
        """Call this once the peer leaves before the reply to the request under way."""
        if self._gone or self._eof:
            tell()
        else:
            self._on_gone = tell

    def _tell_gone(self) -> None:
        if self._on_gone is not None:
            self._on_gone()
            self._on_gone = None

    # What the listener calls.

    def expire(self) -> None:
        """Late: say so if a request had begun, and end the connection."""
        if self._at is _DONE:
            self._end_unless_it_reads()
        elif self._queued:
            return  # we are late, not the peer
        elif self._writer.stalled and self._writer.has_read():
            self.due = self._edge.now() + self._edge.keep_alive
        elif self._writer.stalled:
            self._abort()
        elif self._at in (_BODY, _STREAM) or self._buffer.rest:
            self._refuse("slow", "in the body" if self._at in (_BODY, _STREAM) else "in the head")
        else:
            self._close()

    def retire(self) -> None:
        """The listener stops: close if no request has begun, else after its reply."""
        if self._queued:
            return  # its next reply is the last
        if self._writer.unfinished:
            self._last = True
        elif self._at is _IDLE or (self._at is _HEAD and not self._buffer.rest):
            self._close()

    def kill(self) -> None:
        """The listener's grace is over."""
        if not self._gone:
            self._transport.abort()
        if self.task is not None:
            # A task that has not had its first step is cancelled without running any of it.
            self.task.add_done_callback(self._on_cancelled)
            self.task.cancel()

    # What its own steps need.

    def _pause(self) -> None:
        """Read no more for now."""
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _drop_bytes(self, count: int) -> None:
        """So many have come that nobody looks at."""
        self._dropped += count
        if self._dropped > DROPPED:
            self._pause()

    def _mark_busy(self) -> None:
        """Something is under way: nobody else gets its place."""
        self._replaceable = False
        self._edge.admission.mark_busy(self.accepted)

    def _refuse(self, cause: str, why: str = "") -> None:
        """Answer what could not become a request, and look at no further byte."""
        self._note(cause, why)
        self._transport.write(
            write_reply(
                REFUSAL_REPLIES[CAUSES[cause]], self._edge.date, close=True, without_body=False
            )
        )
        if self._at is not _DONE:  # unless it was closed for what it left unread
            self._linger()

    def _note(self, cause: str, why: str) -> None:
        """Count a refusal, and have the log say whose it was: never what was sent."""
        note(self._edge.refusals, cause, self._peer.address, **({"why": why} if why else {}))

    def _linger(self) -> None:
        """Close, but go on reading for a while."""
        if self._peer.secure or self._eof or not self._transport.can_write_eof():
            self._close()
        else:
            self._close_half(self._writer.measure_unread())

    def _close(self) -> None:
        """Close once the peer has what was written, or does not read it for as long as allowed."""
        unread = self._writer.measure_unread()
        # Over TLS its goodbye is the same.
        if unread and not self._peer.secure and self._transport.can_write_eof():
            self._close_half(unread)
        else:
            self._stop_reading(GOODBYE if self._peer.secure else self._edge.keep_alive, unread)
            self._transport.close()

    def _close_half(self, unread: int) -> None:
        """Say that nothing follows. What a closed socket leaves in the kernel, nobody counts."""
        self._stop_reading(_LINGER, unread)
        end_of_writing(self._transport)
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _stop_reading(self, seconds: float, unread: int) -> None:
        """Look at no further byte. Others may have its place, and what it leaves unread counts."""
        self._at = _DONE
        if self._upload is not None:
            self._cut_upload("it did not come to its end")
        self._held_request.release(handled=self.task is not None)
        edge = self._edge
        now = self._read_at = edge.now()
        self.due = now + seconds
        if not (self._vouched or self._replaceable):
            self._replaceable = True
            edge.admission.mark_idle(self.accepted, now)
        if unread:
            self.accepted.count_unread = self._writer.undelivered
            edge.admission.add_unread(self.accepted, unread, now, known=self._vouched)

    def _end_unless_it_reads(self) -> None:
        """Closed, and late: end it where the peer has all, or has not read for long."""
        now = self._edge.now()
        if self._writer.has_read():
            self._read_at = now
        if self._writer.undelivered() and now < self._read_at + self._edge.keep_alive:
            self._pause()  # what still comes has had its time
            self.due = now + _LINGER
        else:
            self._abort()

    def _cut_upload(self, why: str) -> None:
        """Nothing more of a body that is handed on is read."""
        if self._upload is not None:
            self._upload.fail(why)
            self._upload = None

    def _abort(self) -> None:
        """Close at once, whatever is unsent."""
        self._at = _DONE
        discard(self._transport)
        self._transport.abort()

    def _on_cancelled(self, task: asyncio.Task[None]) -> None:
        self.task = None
        self._drop()

    def _drop(self) -> None:
        """What was under way has ended without a reply."""
        self._held_request.end()
        self._held_request.count(unfinished=False)
        if self._gone:
            self._edge.forget(self)
        else:
            self._transport.abort()
