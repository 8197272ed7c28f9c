"""A TCP relay on a loopback port, for tests that cut the line: it can go silent, or hang up."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

from tests.until import PATIENCE


class Relay:
    """Passes bytes on to `target` (a port). Use it as a context manager.

    `silent` takes everything and passes nothing on, as a firewall does that has forgotten the
    connection. `freeze` does that to the lines there are. `cut` hangs up all
    lines. `refuse` does so with new ones too, at once.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.silent = False
        self.refuse = False
        self.silent_after: int | None = None
        """Go silent when so many bytes have come from the client, over all lines."""
        self.cut_after: int | None = None
        """Hang up when so many bytes have come from the client, over all lines."""
        self.lose_answer_to: bytes | None = None
        """Once, pass on what holds these bytes, and hang up instead of passing on the answer."""
        self.accepted = 0
        self.sent = 0
        self._lines: list[socket.socket] = []
        self._frozen: set[socket.socket] = set()
        self._unanswered: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        # close() alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE)

    def heal(self) -> None:
        """Pass bytes on again; lines that were silent are hung up, as they have lost bytes."""
        self.silent = self.refuse = False
        self.silent_after = self.cut_after = None
        self.cut()

    def freeze(self) -> None:
        """Pass nothing on any more on the lines there are; new ones work."""
        with self._lock:
            self._frozen.update(self._lines)

    def cut(self) -> None:
        """Hang up every line."""
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            # shutdown() wakes the threads that wait for bytes; they close their sockets.
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _run(self, what: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=what, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.refuse:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            with self._lock:
                self._lines += [client, server]
            self._run(self._pump, client, server, True)
            self._run(self._pump, server, client, False)

    def _pump(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source in self._unanswered:
                    self._unanswered.discard(source)
                    break
                if from_client:
                    if self.lose_answer_to is not None and self.lose_answer_to in data:
                        self.lose_answer_to = None
                        self._unanswered.add(sink)
                    self.sent += len(data)
                    if self.silent_after is not None and self.sent > self.silent_after:
                        self.silent = True
                    if self.cut_after is not None and self.sent > self.cut_after:
                        break
                if not self.silent and source not in self._frozen:
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()
