"""TLS of one connection: what is between its socket and `connection`, from accept to goodbye.

The event loop's own TLS tells nobody of a socket before its handshake is done: no limit counts it.
And it decrypts in one turn whatever has come, as long as a peer sends records that carry next to
nothing (a key update, one byte). So records are read and fed to OpenSSL here in small portions,
while there is time in the turn of the loop; then the connection waits for its own, and nothing is
read.

What is written is encrypted at once and held by the socket's transport alone, so its limits are the
only ones: `connection` writes no more than a piece before the peer has read.
"""

import asyncio
import contextlib
import ssl
from typing import Any, cast

from sessiongate.http.bounds.admission import AcceptedSocket
from sessiongate.http.bounds.loop_turns import Waiter
from sessiongate.http.connection import send_queue
from sessiongate.http.connection.causes import HANDSHAKE_FAILED, USELESS_RECORDS
from sessiongate.http.connection.connection import Connection
from sessiongate.http.connection.peer import address_at
from sessiongate.http.connection.transport_connection import DROPPED
from sessiongate.http.refusal_log import note
from sessiongate.http.tls.client_hello import RETRY, ClientHello
from sessiongate.http.tls.tls_acceptor import TlsAcceptor
from sessiongate.http.tls.tls_records import decrypt, encrypt

# Read from a socket at once, and fed to OpenSSL before the clock is looked at. The dearest that
# fits is 150 key updates of 27 bytes, which take 35 microseconds each. It is also what is held of
# a connection that waits, and is in no budget: as much as is taken of a request from everybody.
PORTION = 4096

# Bytes of records, one after the other, that may carry nothing: more than the largest record,
# whatever pads it. Go and BoringSSL allow 16 and 32 records without data. A handshake may take no
# more either: a ClientHello has some 2 KB, a chain of client certificates seldom 8.
USELESS = 32768

# Everybody's, since it is emptied before anybody else is read: connections that idle hold none.
_BUFFER = memoryview(bytearray(PORTION))


class Tls(asyncio.BufferedProtocol, asyncio.Transport):
    """The protocol of a socket and the transport of its connection."""

    __slots__ = (
        "_accepted",
        "_acceptor",
        "_connection",
        "_eof",
        "_hello",
        "_incoming",
        "_noted",
        "_object",
        "_outgoing",
        "_paused",
        "_queued",
        "_reading",
        "_rest",
        "_shut",
        "_socket",
        "_stalled",
        "_useless",
    )
    _socket: asyncio.Transport
    _accepted: AcceptedSocket
    _object: ssl.SSLObject
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO

    def __init__(self, acceptor: TlsAcceptor) -> None:
        self._acceptor = acceptor
        self._connection: Connection | None = None
        """None before the end of the handshake."""
        self._hello: ClientHello | None = None
        """One that is to come or on its way."""
        self._rest = b""
        """What has come and is for a later turn."""
        self._useless = 0
        """Bytes of records since the last that carried something; after our goodbye, all bytes."""
        self._reading = True
        self._paused = False
        """Whether the connection wants no more for now."""
        self._stalled = False
        """Whether the peer leaves unread what is sent: it is not worked for meanwhile."""
        self._queued = False
        """Whether others have their turn before it goes on with the rest."""
        self._shut = False
        """Whether nothing is read or written any more, but for the goodbye."""
        self._eof = False
        self._noted = False
        """Whether it is known, or nobody's business, that the handshake fails."""

    # What the event loop calls, of the socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted: count it, or close it at once."""
        self._socket = cast("asyncio.Transport", transport)
        acceptor = self._acceptor
        edge = acceptor.edge
        self._accepted = AcceptedSocket(
            address_at(transport), edge.now(), self.give_up, in_handshake=True
        )
        cause = edge.admission.admit(self._accepted)
        if cause is None:
            acceptor.handshaking[self._accepted] = self._too_slow
            self._hello = ClientHello()
        else:
            note(edge.refusals, cause, self._accepted.address, why="closed without a word")
            self.give_up()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the event loop puts what has come."""
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes have come."""
        if self._shut:
            self._useless += nbytes  # it is read on for the peer's goodbye alone
            if self._useless > DROPPED and self._reading:
                self._reading = False
                self._socket.pause_reading()
            return
        if self._rest or self._paused or self._stalled or self._queued:
            self._rest += _BUFFER[:nbytes]
            self._hold()
            return
        edge = self._acceptor.edge
        if edge.admission.turns.are_free(edge.now):
            self._take(_BUFFER[:nbytes])
        else:
            self._rest = bytes(_BUFFER[:nbytes])
            self._wait()

    def eof_received(self) -> bool:
        """The peer says no more. The socket closes when it has sent what it holds.

        True keeps it open while the connection has a reply to send on.
        """
        self._eof = True
        if self._connection is None:
            self._fail("ConnectionResetError")
        elif not self._shut:
            if self._connection.eof_received():
                return True
            self.close()
        return False

    def pause_writing(self) -> None:
        """The socket holds enough."""
        self._stalled = True
        if self._connection is not None:
            self._connection.pause_writing()

    def resume_writing(self) -> None:
        """The peer has read."""
        self._stalled = False
        if self._connection is not None:
            self._connection.resume_writing()
        self._resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._shut = True
        self._rest = b""
        self._hello = None
        if self._connection is not None:
            self._connection.connection_lost(exc)
            return
        self._fail(type(exc or ConnectionResetError()).__name__)
        self._acceptor.handshaking.pop(self._accepted, None)
        self._acceptor.edge.admission.leave(self._accepted)

    # What the connection calls, of its transport.

    def get_extra_info(self, name: str, default: object = None) -> Any:  # noqa: ANN401  as its base
        """The SSL object, or what the socket's transport says."""
        return self._object if name == "ssl_object" else self._socket.get_extra_info(name, default)

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Encrypt and send."""
        if self._shut:
            return
        if len(data) > PORTION and self._outgoing.pending:
            self._flush()  # tickets, or the BIO would grow for both and never shrink
        try:
            records = encrypt(self._object, self._outgoing, data)
        except ssl.SSLError:
            self.abort()
            return
        self._socket.write(records)

    def get_write_buffer_size(self) -> int:
        """Bytes that the peer has not read, as they go over the wire."""
        return self._socket.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """How much the socket holds before `pause_writing`."""
        self._socket.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        """Not in TLS."""
        return False

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._shut

    def pause_reading(self) -> None:
        """Give the connection no more for now."""
        self._paused = True
        self._hold()

    def resume_reading(self) -> None:
        """Give it more, from the next turn on."""
        self._paused = False
        self._resume()

    def abort(self) -> None:
        """Close at once."""
        self._shut = True
        send_queue.discard(self._socket)
        self._socket.abort()

    def close(self) -> None:
        """Say goodbye after what was written, and wait for the peer's.

        What is on its way comes meanwhile: closing on unread bytes is a reset, and loses the reply.
        """
        if self._shut:
            return
        self._shut = True
        self._rest = b""
        with contextlib.suppress(ssl.SSLError):  # most often, as the peer's is still to come
            self._object.unwrap()
        self._flush()
        if self._eof:
            self._socket.close()
            return
        send_queue.end_of_writing(self._socket)
        if not self._reading:
            self._reading = True
            self._socket.resume_reading()

    # Our own steps.

    def give_up(self) -> None:
        """End the handshake, which is nobody's fault."""
        self._noted = True
        self.abort()

    def _fail(self, why: str) -> None:
        if not self._noted:
            self._noted = True
            note(self._acceptor.edge.refusals, HANDSHAKE_FAILED, self._accepted.address, why=why)

    def _too_slow(self) -> None:
        self._fail("TimeoutError")
        self.abort()

    def _take(self, portion: memoryview) -> None:
        if self._connection is not None:
            self._incoming.write(portion)
            self._useless += len(portion)
            self._read()
            return
        self._useless += len(portion)
        self._greet(portion)
        if self._connection is None and self._useless > USELESS and not self._shut:
            self._fail("EXCESSIVE_MESSAGE_SIZE")
            self.abort()

    def _greet(self, portion: memoryview) -> None:
        """Go on with the handshake, once what has come of a ClientHello is whole."""
        if self._hello is None:
            self._incoming.write(portion)
            self._shake()
            return
        if (whole := self._hello.take(portion)) is None:
            return
        self._hello = None
        if send_queue.has_left_by(self._socket):
            # A handshake takes a millisecond, and its end is not seen while nothing is read.
            self._fail("ConnectionResetError")
            self.abort()
            return
        if not hasattr(self, "_object"):
            begun = self._acceptor.begin(self._accepted.address)
            self._object, self._incoming, self._outgoing = begun
        self._incoming.write(whole[0])
        self._shake()
        if whole[1] and not self._shut:
            self._take(memoryview(whole[1]))

    def _shake(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            if RETRY in self._flush():
                self._hello = ClientHello()
            return
        except ssl.SSLError as error:
            self._fail(error.reason or type(error).__name__)  # the reason is OpenSSL's own word
            self._shut = True
            self._flush()
            self._socket.close()
            return
        if self._object.version() != "TLSv1.3":
            self._flush()  # else only tickets are left, which go with the reply: one packet less
        self._useless = 0
        acceptor = self._acceptor
        acceptor.handshaking.pop(self._accepted, None)
        self._connection = connection = Connection(acceptor.edge, self._accepted)
        connection.connection_made(self)
        if self._stalled:
            connection.pause_writing()
        if self._incoming.pending and not self._shut:
            self._read()

    def _read(self) -> None:
        """Give the connection what has come, as far as its records are whole."""
        tickets = self._outgoing.pending
        try:
            data, over = decrypt(self._object, self._incoming)
        except ssl.SSLError:
            self.abort()
            return
        if self._outgoing.pending > tickets:  # an answer to a key update
            self._flush()
        connection = cast("Connection", self._connection)
        if data:
            self._useless = 0
            connection.data_received(data)
        elif self._useless > USELESS:
            note(self._acceptor.edge.refusals, USELESS_RECORDS, self._accepted.address)
            self.abort()
            return
        if over and not self._shut:
            self._hold()
            self._eof = True
            if not connection.eof_received():
                self.close()

    def _flush(self) -> bytes:
        if said := self._outgoing.read():
            self._socket.write(said)
        return said

    def _hold(self) -> None:
        if self._reading and not self._shut:
            self._reading = False
            self._socket.pause_reading()

    def _wait(self) -> None:
        """Go on when others have had their turn."""
        if not (self._queued or self._shut):
            self._queued = True
            self._hold()
            edge, connection = self._acceptor.edge, self._connection
            if connection is None:
                waiter = edge.admission.queue(self._accepted, edge.now, known=False)
            else:
                waiter = connection.queue()
            waiter.add_done_callback(self._go_on)

    def _go_on(self, waiter: Waiter) -> None:
        self._queued = False
        if self._rest and not (self._shut or self._paused or self._stalled):
            rest, self._rest = self._rest, b""
            if self._connection is not None:
                self._connection.take_turn()
            self._take(memoryview(rest))
        self._resume()

    def _resume(self) -> None:
        """Read on, or work on the rest first."""
        if self._shut or self._paused or self._stalled or self._queued:
            return
        if self._rest:
            self._wait()
        elif not (self._reading or self._eof):
            self._reading = True
            self._socket.resume_reading()
