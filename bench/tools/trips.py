"""A line to Redis that counts how often a server waits for an answer."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PIECE = 1 << 16


class Line:
    """Passes bytes on, both ways.

    A trip is what is sent while nothing that was sent before is unanswered, on any connection: what
    goes together, or before the answer has come, is one.
    """

    def __init__(self, port: int) -> None:
        self._there = port
        self._over = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.trips = 0
        self._other: dict[socket.socket, socket.socket] = {}
        self._ours: set[socket.socket] = set()
        self._unanswered: set[socket.socket] = set()

    def run(self) -> None:
        """Until `stop`."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._listening, selectors.EVENT_READ)
            while not self._over:
                for key, _ in ready.select(0.1):
                    self._step(ready, key.fileobj)
            for one in (self._listening, *self._other):
                one.close()

    def stop(self) -> None:
        """Within a tenth of a second."""
        self._over = True

    def _step(self, ready: selectors.BaseSelector, one: object) -> None:
        assert isinstance(one, socket.socket)
        if one is self._listening:
            peer, _ = one.accept()
            there = socket.create_connection(("127.0.0.1", self._there))
            self._other |= {peer: there, there: peer}
            self._ours.add(peer)
            for each in (peer, there):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(each, selectors.EVENT_READ)
            return
        other = self._other[one]
        data = one.recv(_PIECE)
        if not data:
            for each in (one, other):
                ready.unregister(each)
                each.close()
                del self._other[each]
            self._unanswered -= {one, other}
            return
        if one in self._ours:
            self.trips += not self._unanswered
            self._unanswered.add(one)
        else:
            self._unanswered.discard(other)
        other.sendall(data)


@contextmanager
def counted(port: int) -> Iterator[Line]:
    """Such a line to this port of loopback."""
    line = Line(port)
    thread = threading.Thread(target=line.run)
    thread.start()
    try:
        yield line
    finally:
        line.stop()
        thread.join()
