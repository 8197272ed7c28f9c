"""One HTTP/1.1 connection: reads requests in order, hands each to the handler, writes the reply.

Decides when to read, wait, give up; what a message is, `framing` decides. One request is handled at
a time, and the next not begun before the reply is written and the peer reads. It stands in HEAD at
first and moves as `states.MOVES` says; besides, each state leads to DONE:

    HEAD   -> BODY, BUSY
    IDLE   -> HEAD, BODY, BUSY
    BODY   -> BUSY, ASKING
    ASKING -> BODY
    BUSY   -> IDLE
"""

import asyncio
import math
import sys
from collections.abc import Coroutine
from typing import Any, cast

import structlog

from sessiongate.errors import Malformed, Unavailable
from sessiongate.http.admission import AcceptedSocket
from sessiongate.http.causes import ANONYMOUS_BODY, CAUSES, NO_BUDGET, SAY, UNDECIDED
from sessiongate.http.edge import Callers, Edge
from sessiongate.http.framing import Head, write_reply
from sessiongate.http.intake import Got, Intake
from sessiongate.http.local import user_at
from sessiongate.http.message import Request
from sessiongate.http.refusal_log import note
from sessiongate.http.send_queue import discard
from sessiongate.http.states import At
from sessiongate.networks import wider_network_of
from sessiongate.telemetry.tracebacks import traced

# Bytes of further requests that we hold while one is handled, before we stop reading: one socket
# buffer's worth. More would only move the peer's queue into our memory.
_HOLD = 65536

# Written of one reply before the peer reads it: no more than this, and what is still in the
# transport, is held for a peer that does not. The rest of a file is held once for everybody.
PIECE = 65536

# What a transport may hold before it says so. Up to this, nobody counts it: replies that people
# log in by are smaller.
_UNCOUNTED = 16384

# How long after a refusal we go on reading, and drop what we read. Closing on unread bytes makes
# the kernel send a reset, and the peer would lose the reply that tells it why.
_LINGER = 2.0

# Steps (an empty line, a head, a body: at most so many replies) that one connection gets before the
# others have their turn, and the seconds after which it gets no further one. Without a bound, one
# peer that pipelines would be served for as long as it sends, and nobody else.
STEPS_A_TURN = 16
_SLICE = 0.01

# Connections above the cap that still get a 503. Beyond, words would cost more than they help.
REFUSED_WITH_A_REPLY = 32

# Bytes of a request that are taken from everybody, even where the budget for callers that are not
# known is used up: an ordinary login is smaller.
_SMALL = 4096

# Questions about callers that may be open at once while the budget is used up: until each is
# answered, in a later turn, its request is held.
_ASKING_AT_ONCE = 32

# Python 3.11 finds an enum's member through a descriptor; a dozen look-ups a request add up.
_HEAD, _IDLE, _BODY, _ASKING, _BUSY, _DONE = At


class Connection(asyncio.Protocol):
    """One peer. Small while idle: no parser, no buffer, no task."""

    __slots__ = (
        "_advancing",
        "_at",
        "_body",
        "_certificate",
        "_cut",
        "_edge",
        "_eof",
        "_gone",
        "_held",
        "_intake",
        "_known",
        "_last",
        "_owed",
        "_peer",
        "_secure",
        "_shared",
        "_stalled",
        "_transport",
        "_unsent",
        "_user",
        "_vouched",
        "_waiting",
        "_waits",
        "accepted",
        "due",
        "refusing",
        "task",
    )
    _transport: asyncio.Transport
    accepted: AcceptedSocket
    """Its place in the admission."""

    def __init__(self, edge: Edge, accepted: AcceptedSocket | None = None) -> None:
        """With `accepted`, somebody else has let this peer in: by a TLS handshake that goes on."""
        self._edge = edge
        if accepted is not None:
            self.accepted = accepted
        self._at = _HEAD
        self._intake = Intake()
        self._peer = ""
        self._secure = False
        self._certificate: bytes | None = None
        self._user: int | None = None
        self._held = False
        self._stalled = False
        self._owed = 0
        self._eof = False
        self._gone = False
        self._advancing = False
        self._waits = False
        """Whether others have their turn before it goes on with what has come."""
        self._waiting = True
        """Whether others may have its place: nothing is under way, and nobody knows it."""
        self._vouched = False
        """Whether a caller with a live session has asked by it."""
        self._known = False
        """Whether the caller of the body on its way is known."""
        self._body = 0
        """Bytes of the body that the handler has."""
        self._unsent: memoryview | None = None
        """What of a reply is for when the peer has read more: then `_stalled` is so, too."""
        self._shared = False
        """Whether it is held for others anyway."""
        self._last = False
        """Whether the connection closes after the reply that was written last."""
        self._cut = False
        """Whether requests that had come were dropped, so that the next reply is the last."""
        self.refusing = False
        """Whether it is one of those above the cap that are told so."""
        self.task: asyncio.Task[None] | None = None
        self.due = math.inf

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come (and, over TLS, has handshake_done hands)."""
        edge = self._edge
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(_UNCOUNTED)
        tls = transport.get_extra_info("ssl_object")
        self._secure = tls is not None
        if tls is not None:
            self._certificate = tls.getpeercert(binary_form=True)
        self.due = edge.now() + edge.header_timeout
        edge.connections.add(self)
        if edge.unix_path is not None:
            self._user = user_at(transport)
        if tls is not None and hasattr(self, "accepted"):
            self._peer = self.accepted.address or edge.unix_path or ""
            self.accepted.end = self._abort
            edge.admission.handshake_done(self.accepted, edge.now())
            refusal = None
        else:
            address = ""
            if edge.unix_path is not None:
                self._peer = edge.unix_path
            else:
                peer = transport.get_extra_info("peername")
                self._peer = address = plain_address(peer[0]) if peer else ""
            self.accepted = AcceptedSocket(address, edge.now(), self._abort)
            refusal = edge.admission.admit(self.accepted)
        self.accepted.shed = self._unburden
        self.accepted.count_unread = self._to_read
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

    def _abort(self) -> None:
        self._at = _DONE
        discard(self._transport)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._at is _DONE:
            return
        intake = self._intake
        intake.add(data)
        at = self._at
        if at is _BUSY or at is _ASKING or self._stalled or self._waits:
            if len(intake.rest) > _HOLD:
                self._hold()
        else:
            self._advance()
        if intake.rest or self._body or self.accepted.held or intake.chunks is not None:
            self._weigh()

    def eof_received(self) -> bool:
        """The peer says no more. What it has asked is still answered, except over TLS."""
        self._eof = True
        at = self._at
        busy = at is _BUSY or ((self._stalled or self._waits) and at is not _DONE)
        return (busy and not self._secure) or (self._unsent is not None and at is not _DONE)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone. A handler at work goes on: a login is not half cancelled."""
        self._gone = True
        self._at = _DONE
        self.due = math.inf
        self._unsent = None
        self._edge.admission.reads(self.accepted)
        self._let_go()
        if self.task is None:
            self._edge.forget(self)

    def pause_writing(self) -> None:
        """The peer does not read fast enough: it gets no further reply for now."""
        self._stalled = True
        self._owed = held = self._to_read()
        if self._unsent is not None and self._shared:
            held -= len(self._unsent)
        if not self._vouched:
            self._edge.admission.leaves_unread(self.accepted, held, self._edge.now())

    def _to_read(self) -> int:
        """Bytes of replies that the peer has not read."""
        unsent = 0 if self._unsent is None else len(self._unsent)
        return self._transport.get_write_buffer_size() + unsent

    def resume_writing(self) -> None:
        """The peer has read what we held for it."""
        self._stalled = False
        self._edge.admission.reads(self.accepted)
        if self._at is _IDLE:
            self.due = self._edge.now() + self._edge.keep_alive
        if self._unsent is not None:
            self._send_on()
            return
        self._advance()
        self._weigh()

    # What the listener calls.

    def expire(self) -> None:
        """Late: say so if a request had begun, and end the connection."""
        if self._stalled:
            unread_before = self._to_read()
            if unread_before < self._owed:  # It reads, if slowly.
                self._owed = unread_before
                self.due = self._edge.now() + self._edge.keep_alive
            else:
                self._abort()
        elif self._at is _DONE:
            self._abort()
        elif self._at is _BODY or self._intake.rest:
            self._refuse("slow", "in the body" if self._at is _BODY else "in the head")
        else:
            self._close()

    def retire(self) -> None:
        """The listener stops: close if no request has begun, else after its reply."""
        if self._waits:
            return  # its next reply is the last
        if self._unsent is not None:
            self._last = True
            return
        if self._at is _IDLE or (self._at is _HEAD and not self._intake.rest):
            self._close()

    def kill(self) -> None:
        """The listener's grace is over."""
        if not self._gone:
            self._transport.abort()
        if self.task is not None:
            # A task that has not had its first step is cancelled without running any of _answer.
            self.task.add_done_callback(self._cancelled)
            self.task.cancel()

    # Our own steps.

    def _advance(self) -> None:
        """Go on with what has come, as far as it reaches, and as far as others can wait."""
        if self._advancing or self._waits:
            return
        self._advancing = True
        intake = self._intake
        now = self._edge.now
        until = now() + _SLICE
        steps = 0
        try:
            while intake.rest and not self._stalled:
                if steps and (steps >= STEPS_A_TURN or now() >= until):
                    self._wait()
                    return
                steps += 1
                at = self._at
                if at is _BODY:
                    moved = self._read_body()
                elif at is _HEAD or at is _IDLE:
                    moved = self._read_head()
                else:
                    break
                if not moved:
                    break
        except Malformed as error:
            self._refuse(f"malformed_{error}")
        finally:
            self._advancing = False
        at = self._at
        if at is _BUSY or at is _ASKING or at is _DONE or self._stalled:
            return
        if self._held:
            self._held = False
            self._transport.resume_reading()
        if self._eof:
            self._close()

    def _wait(self) -> None:
        """Go on in the next turn of the loop, when others have had theirs; read no more till then.

        Without the pause, what a fast peer sends would come in faster than it is answered.
        """
        self._waits = True
        self._hold()
        self._edge.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._waits = False
        if self._at is not _DONE:
            self._advance()
            self._weigh()

    def _hold(self) -> None:
        """Read no more for now."""
        if not self._held:
            self._held = True
            self._transport.pause_reading()

    def _read_head(self) -> bool:
        """True when something was eaten, False when more must come first."""
        limits = self._edge.limits
        head = self._intake.take_head(limits.header_bytes)
        if isinstance(head, Got):
            if head is Got.TOO_LARGE:
                self._refuse("head_too_large")
            elif head is Got.MORE and self._at is _IDLE:
                self._at = _HEAD
                self.due = self._edge.now() + self._edge.header_timeout
            return head is Got.LINE
        if len(head.headers) > limits.header_count:
            self._refuse("head_too_large", "too many headers")
        elif head.length == 0:
            self._handle(head, b"")
        else:
            self._expect_body(head)
        return True

    def _expect_body(self, head: Head) -> None:
        edge = self._edge
        limits = edge.limits
        callers = edge.callers
        allowed = limits.body if callers is None else min(limits.body, limits.anonymous_body)
        if (head.length or 0) > limits.body:
            self._refuse("body_too_large", "as declared")
            return
        self._intake.expect(head, allowed, limits.header_bytes)
        self._known = False
        self._at = _BODY
        if (
            callers is not None
            and (head.length or 0) > allowed
            and not callers.may_be_excused(head.path)
        ):
            self._ask(ANONYMOUS_BODY, head)
        else:
            self._expect()

    def _expect(self) -> None:
        """Have the peer send the body."""
        self._at = _BODY
        self.due = self._edge.now() + self._edge.body_timeout
        head = self._intake.head
        if head is not None and head.expects_continue and not self._intake.rest:
            head.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> bool:
        intake = self._intake
        head = cast("Head", intake.head)
        body = intake.take_body()
        if not isinstance(body, Got):
            self._handle(head, body)
            return True
        if body is Got.MORE:
            return False
        if intake.allowed < self._edge.limits.body:
            return self._may_be_large()
        self._refuse("body_too_large", "in chunks")
        return False

    def _may_be_large(self) -> bool:
        """Whether the body may be larger than a stranger's. It is being found out where not."""
        callers = self._edge.callers
        if callers is None:
            return self._allow()
        head = cast("Head", self._intake.head)
        if callers.may_be_excused(head.path):
            begun = self._intake.begun
            if callers.excused(begun):
                return self._allow()
            if len(begun) < self._intake.allowed:
                return False  # its beginning is still to come
        self._ask(ANONYMOUS_BODY, head)
        return False

    def _allow(self) -> bool:
        """Take a body as large as anybody may send. False where it is larger even than that."""
        if self._intake.allow(self._edge.limits.body):
            return True
        self._refuse("body_too_large", "in chunks")
        return False

    def _ask(self, cause: str, head: Head, body: bytes | None = None) -> None:
        """Find out whether the caller is known, and read nothing meanwhile; refuse if not.

        `body`: the whole of it, where it has come.
        """
        self._speak()
        self._at = _ASKING
        self.due = math.inf
        self._hold()
        self._edge.admission.asking += 1
        work = self._recognise(head, cause, body)
        self.task = asyncio.Task(work, loop=self._edge.loop, name="caller")
        self.task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._edge.admission.asking -= 1
        if task.cancelled():  # perhaps without having run at all
            self._cancelled(task)

    async def _recognise(self, head: Head, cause: str, body: bytes | None) -> None:
        known = False
        try:
            known = await cast("Callers", self._edge.callers).known(self._request(head, b""))
        except Unavailable:
            cause = UNDECIDED
        except Exception as error:  # noqa: BLE001  the server's last net
            structlog.get_logger().error("caller_not_recognised", **traced(error))
            cause = UNDECIDED
        self.task = None
        self._body = 0
        if self._gone:
            self._weigh()
            self._edge.forget(self)
        elif not known:
            self._refuse(cause)
        else:
            self._known = True
            if body is not None:
                self._at = _BODY
                self._handle(head, body)
                self._weigh()
            elif self._allow():
                self._expect()
                self._advance()
                self._weigh()

    def _weigh(self) -> None:
        """Count what is held of requests whose caller is not known, and refuse what is too much."""
        before = self.accepted.held
        held = self._count()
        grown = self.accepted.held > before
        if (
            grown
            and held > _SMALL
            and not self._edge.admission.has_room(self.accepted, self._edge.now())
        ):
            self._unburden()

    def _count(self) -> int:
        """Count what is held while the caller is not known. Returns its bytes."""
        held = 0
        if not self._known:
            intake = self._intake
            held = len(intake.rest) + self._body
            if intake.chunks is not None:
                held += len(intake.chunks.body)
        at = self._at
        edge = self._edge
        # What came in one piece stays in the buffers of TLS, too: 132 KB were measured for a body
        # of 65 KB. Without TLS it were 65.
        edge.admission.holds(
            self.accepted,
            2 * held if self._secure else held,
            edge.now(),
            unfinished=at is _HEAD or at is _IDLE or at is _BODY,
        )
        return held

    def _unburden(self) -> None:
        """Let go of what is held, as far as it is not being worked on."""
        at = self._at
        many = self._edge.admission.asking >= _ASKING_AT_ONCE
        head = self._intake.head
        if at is _BODY and head is not None and self._edge.callers is not None and not many:
            self._ask(NO_BUDGET, head)
        elif at is _ASKING and many and self.task is not None:
            self._note(NO_BUDGET, "closed without a word")
            self.task.cancel()
            self._body = 0
            self._let_go()
        elif (at is _BUSY or self._unsent is not None) and self._intake.rest:
            # Whoever sends further requests before the reply may have to send them again.
            self._intake.rest = b""
            self._cut = True
            self._weigh()
        elif at is _HEAD or at is _IDLE or at is _BODY:
            self._refuse(NO_BUDGET)

    def _let_go(self) -> None:
        """Hold nothing any more."""
        self._intake.clear()
        self._weigh()

    def _handle(self, head: Head, body: bytes) -> None:
        self._body = len(body)
        if len(body) > _SMALL and not self._known and not self._fits():
            if self._edge.callers is None or self._edge.admission.asking >= _ASKING_AT_ONCE:
                self._body = 0
                self._refuse(NO_BUDGET)
            else:
                self._ask(NO_BUDGET, head, body)
            return
        if self._waiting:
            self._speak()
        self._at = _BUSY
        self.due = math.inf
        _start(self, self._answer(self._request(head, body), head.keep_alive))

    def _fits(self) -> bool:
        """Whether the budget has room for the body that has come whole."""
        self._count()
        return self._edge.admission.has_room(self.accepted, self._edge.now())

    def _speak(self) -> None:
        """Something is under way: nobody else gets its place."""
        self._waiting = False
        self._edge.admission.spoken(self.accepted)

    def _request(self, head: Head, body: bytes) -> Request:
        return Request(
            head.method,
            head.path,
            head.query,
            head.headers,
            body,
            self._peer,
            self._secure,
            self._certificate,
            self._user,
        )

    async def _answer(self, request: Request, keep_alive: bool) -> None:
        edge = self._edge
        without_body = request.method == "HEAD"
        try:
            if not edge.admission.turns.are_free(edge.now):
                await self._have_turn()
                if self._at is _DONE:  # nobody would read the reply, and nothing has begun
                    self.task = None
                    self._drop()
                    return
            reply = await edge.handler(request)
            if request.vouched or reply.undelivered is not None:
                self._vouched = True
            if self._at is _DONE and reply.undelivered is not None:
                reply.undelivered()
            close = reply.close or not keep_alive or edge.stopping or self._cut
            large = len(reply.body) > PIECE and not without_body and reply.status not in (204, 304)
            data = write_reply(reply, edge.date, close=close, without_body=without_body or large)
            if large:
                self._unsent = memoryview(reply.body)
                self._shared = reply.shared
        except asyncio.CancelledError:
            self.task = None
            self._drop()
            raise
        except Exception as error:  # noqa: BLE001  the server's last net
            structlog.get_logger().error("handler_failed", **traced(error))
            close = True
            data = write_reply(SAY[500], edge.date, close=True, without_body=without_body)
        self.task = None
        self._finish(data, close)

    async def _have_turn(self) -> None:
        """Wait while the time of this turn of the loop is spent on others."""
        place = self.accepted.place
        known = self._vouched
        network = place if known or not place else wider_network_of(place.partition("/")[0])
        await self._edge.admission.turns.wait(self._edge.now, network, place, known=known)

    def _finish(self, data: bytes, close: bool) -> None:
        self._body = 0
        self._known = False
        if self._at is _DONE:  # its peer is gone, or is about to be told so
            self._weigh()
            if self._gone:
                self._edge.forget(self)
            return
        self._at = _IDLE
        self._last = close
        now = self._edge.now()
        self.due = now + self._edge.keep_alive
        if not self._vouched:
            self._waiting = True
            self._edge.admission.waits(self.accepted, now)
        self._transport.write(data)
        if self._unsent is None:
            self._finished()
        else:
            self._send_on()

    def _send_on(self) -> None:
        """Write pieces of the reply until the peer has to read first."""
        while self._unsent is not None and not self._stalled and self._at is not _DONE:
            rest = self._unsent
            self._unsent = rest[PIECE:] if len(rest) > PIECE else None
            self._transport.write(rest[:PIECE])
        if self._unsent is None:
            self._finished()

    def _finished(self) -> None:
        """The reply is written."""
        if self._at is _DONE:
            return  # it was closed for what others leave unread
        if self._last or self._cut:
            if self._intake.rest:
                self._linger()
            else:
                self._close()
            return
        if self._intake.rest or self._held or self._eof:
            self._advance()
        if self._intake.rest or self.accepted.held:
            self._weigh()

    def _cancelled(self, task: asyncio.Task[None]) -> None:
        self.task = None
        self._drop()

    def _drop(self) -> None:
        self._body = 0
        self._weigh()
        if self._gone:
            self._edge.forget(self)
        else:
            self._transport.abort()

    def _refuse(self, cause: str, why: str = "") -> None:
        """Answer what could not become a request, and look at no further byte."""
        self._note(cause, why)
        self._transport.write(
            write_reply(SAY[CAUSES[cause]], self._edge.date, close=True, without_body=False)
        )
        if self._at is not _DONE:  # unless it was closed for what it left unread
            self._linger()

    def _note(self, cause: str, why: str) -> None:
        """Count a refusal, and have the log say whose it was: never what was sent."""
        note(self._edge.refusals, cause, self._peer, **({"why": why} if why else {}))

    def _linger(self) -> None:
        if self._secure or self._eof or not self._transport.can_write_eof():
            self._close()
            return
        self._at = _DONE
        self._let_go()
        self.due = self._edge.now() + _LINGER
        self._transport.write_eof()
        if self._held:
            self._held = False
            self._transport.resume_reading()

    def _close(self) -> None:
        """Close once everything written has been sent, or at the latest when due."""
        self._at = _DONE
        self._let_go()
        self.due = self._edge.now() + self._edge.keep_alive
        self._transport.close()


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


def plain_address(host: str) -> str:
    """The address without its zone, and IPv4 as IPv4 even on a socket that serves both."""
    if ":" not in host:
        return host
    address = host.partition("%")[0]
    # The kernel writes mapped addresses in this form only.
    if address.startswith("::ffff:") and "." in address:
        return address[7:]
    return address
