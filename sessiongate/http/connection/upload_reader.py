"""The body of a request that is handed on as it comes: how far it is read, and when that ends.

It begins when the handler asks for it. From then on there is no limit of its size; its sender has
as long for each piece as others have for a whole body. While the handler is behind, nothing is
read, and no time runs.
"""

import math

from sessiongate.http.connection.body_stream import BodyStream
from sessiongate.http.connection.states import At
from sessiongate.http.connection.transport_connection import TransportConnection
from sessiongate.http.framing import Head

_BUSY, _STREAM = At.BUSY, At.STREAM


class UploadReader(TransportConnection):
    """Hands on bodies. What else is read, `request_reader` decides."""

    __slots__ = ()

    def _handle(self, head: Head, body: bytes, upload: BodyStream | None = None) -> None:
        """There is a request, with its body or with the one that is handed on."""
        raise NotImplementedError

    def _advance(self) -> None:
        """Go on with what has come."""
        raise NotImplementedError

    def _check_budget(self) -> None:
        """Count what is held of requests."""
        raise NotImplementedError

    def _hand_on(self, head: Head) -> None:
        """A head has come whose handler takes the body as it comes."""
        self._buffer.expect_pieces(head, self._edge.limits.header_bytes)
        self._upload = BodyStream(head.length, self._go_on_with_body)
        self._handle(head, b"", self._upload)

    def _read_piece(self) -> bool:
        """Hand on what has come. False where there is no room, or more must come first."""
        upload, buffer = self._upload, self._buffer
        if upload is None or not upload.has_room:
            return False
        before = len(buffer.rest)
        piece = buffer.take_piece()
        if piece:
            upload.put(piece)
        if buffer.head is None:
            self._upload = None
            self._at = _BUSY
            self.due = math.inf
            upload.end()
        return len(buffer.rest) < before

    def _go_on_with_body(self) -> None:
        """The handler has room for more."""
        if self._at is not _STREAM:
            return
        head = self._buffer.head
        # What comes from now on is a known caller's, or one's whom the handler lets in.
        self._held_request.recognised = True
        if head is not None and head.expects_continue:
            head.expects_continue = False
            if not self._buffer.rest:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._advance()
        self._check_budget()

    def _pace(self) -> None:
        """Read on where the handler has room; its sender has so long for the next piece."""
        if self._upload is None or not self._upload.has_room:
            self._pause()
            self.due = math.inf
            return
        self._read_on()
        self.due = self._edge.now() + self._edge.body_timeout
        if self._eof:
            self._close()

    def _abandon_upload(self) -> bool:
        """The reply has come: before the end of the body, where this returns True.

        What is left of the body is not read, and nothing can follow on this connection.
        """
        if self._at is not _STREAM:
            return False
        self._at = _BUSY
        self._cut_upload("it was answered before its end")
        self._pause()
        self.due = math.inf
        return True

    def _read_on(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
