"""Servers of others as processes of ours: waited for until they listen, and ended."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.until import PATIENCE


def until_it_listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Return when this process listens. Fails when it ends instead, with what its log says."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except ConnectionRefusedError:
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"{process.args!r} ended: {log.read_text()}") from None
        return
    raise AssertionError(f"{process.args!r} does not listen")


def end(process: "subprocess.Popen[bytes]") -> None:
    """Have it end by itself, or kill it where it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)
